//! The course of the run for its readers: phases between moments, steps, faults.

use std::collections::BTreeMap;

use crate::event::{Event, FaultEdge, StepEdge};
use crate::stamp::Stamp;
use crate::verdict::{DelayRun, FaultRun, Finding, Moments, PhaseSpan, StepRun};

use super::bounds::Bounds;
use super::facts::Facts;
use super::people;

/// detect, respond, decide, recover, confirm: those whose both ends came.
pub(crate) fn phases(facts: &Facts<'_>, moments: &Moments) -> Vec<PhaseSpan> {
    let ends = [
        ("detect", "struck", moments.struck, "alerted", moments.alerted),
        (
            "respond",
            "alerted",
            moments.alerted,
            "acknowledged",
            moments.acknowledged,
        ),
        (
            "decide",
            "acknowledged",
            moments.acknowledged,
            "authorised",
            moments.authorised,
        ),
        (
            "recover",
            "authorised",
            moments.authorised,
            "restored",
            moments.restored,
        ),
        ("confirm", "restored", moments.restored, "confirmed", moments.confirmed),
    ];
    ends.into_iter()
        .filter_map(|(name, begins, from, ends, until)| {
            let (from, until) = (from?, until?);
            if until.late < from.early {
                return Some(PhaseSpan {
                    name: name.to_owned(),
                    from: until,
                    until,
                    plan: Bounds::ZERO.span(),
                    out_of_order: Some(format!("{ends} before {begins}")),
                    stood_in: None,
                });
            }
            let plan = facts
                .calendar
                .between(from, until)
                .widened(facts.calendar.quantum)
                .span();
            Some(PhaseSpan {
                name: name.to_owned(),
                from,
                until,
                plan,
                out_of_order: None,
                stood_in: people::in_phase(facts, name, from, until),
            })
        })
        .collect()
}

/// An RPO that the drill measured at a cadence of its own says so where it is given.
pub(crate) fn name_cadences(facts: &Facts<'_>, rpo: &mut [Finding]) {
    for finding in rpo {
        let component = finding.id.strip_prefix("rpo.").unwrap_or_default();
        let component = component.split('#').next().unwrap_or_default().to_owned();
        for denser in facts.terms.denser.iter().filter(|denser| denser.component == component) {
            finding.because.push_str(&format!(
                "; measured at the drill's cadence, not at the plan's: {}",
                denser.says
            ));
        }
    }
}

/// Steps in the order in which they began.
pub(crate) fn steps(facts: &Facts<'_>) -> Vec<StepRun> {
    let mut steps: Vec<StepRun> = Vec::new();
    for (stamp, event) in &facts.events {
        let Event::Step {
            name,
            action,
            edge,
            detail,
        } = event
        else {
            continue;
        };
        if *edge == StepEdge::Begun {
            steps.push(StepRun {
                name: name.clone(),
                action: action.clone(),
                begun: Some(*stamp),
                ended: None,
                outcome: *edge,
                detail: detail.clone(),
            });
            continue;
        }
        let open = steps
            .iter()
            .rposition(|step| step.name == *name && step.ended.is_none());
        match open {
            Some(index) => {
                let step = &mut steps[index];
                (step.ended, step.outcome, step.detail) = (Some(*stamp), *edge, detail.clone());
            }
            None => steps.push(StepRun {
                name: name.clone(),
                action: action.clone(),
                begun: None,
                ended: Some(*stamp),
                outcome: *edge,
                detail: detail.clone(),
            }),
        }
    }
    steps
}

/// Faults in the order in which they came.
pub(crate) fn faults(facts: &Facts<'_>) -> Vec<FaultRun> {
    let mut order: Vec<&str> = Vec::new();
    let mut runs: BTreeMap<&str, FaultRun> = BTreeMap::new();
    for (stamp, event) in &facts.events {
        let Event::Fault {
            name,
            strikes,
            edge,
            detail,
        } = event
        else {
            continue;
        };
        let run = runs.entry(name).or_insert_with(|| {
            order.push(name);
            FaultRun {
                name: name.clone(),
                strikes: *strikes,
                invoked: None,
                proved: None,
                held_until_recovery: None,
                detail: BTreeMap::new(),
            }
        });
        run.strikes |= *strikes;
        run.detail.extend(detail.clone());
        let first = |known: Option<Stamp>| known.or(Some(*stamp));
        match edge {
            FaultEdge::Invoked => run.invoked = first(run.invoked),
            FaultEdge::Proved => run.proved = first(run.proved),
            FaultEdge::Holding => run.held_until_recovery = Some(run.held_until_recovery.unwrap_or(true)),
            FaultEdge::NotHolding => run.held_until_recovery = Some(false),
            FaultEdge::NotProved | FaultEdge::Healed => {}
        }
    }
    order.into_iter().filter_map(|name| runs.remove(name)).collect()
}

/// The longest delay of each kind, the longest first: what the quantum is made of.
pub(crate) fn delays(facts: &Facts<'_>) -> Vec<DelayRun> {
    let mut longest: BTreeMap<_, DelayRun> = BTreeMap::new();
    for record in facts.records {
        let Event::Delay { kind, drill } = &record.event else {
            continue;
        };
        if longest.get(kind).is_none_or(|known| known.drill < *drill) {
            let run = DelayRun {
                kind: *kind,
                drill: *drill,
                seq: record.seq,
                at: record.stamp,
            };
            longest.insert(*kind, run);
        }
    }
    let mut list: Vec<DelayRun> = longest.into_values().collect();
    list.sort_by_key(|delay| std::cmp::Reverse(delay.drill));
    list
}

/// Settings that deviate, by name.
pub(crate) fn deviations(facts: &Facts<'_>) -> BTreeMap<String, String> {
    let deviations = facts.events.iter().filter_map(|(_, event)| match event {
        Event::Deviation { setting, value } => Some((setting.clone(), value.clone())),
        _ => None,
    });
    deviations.collect()
}

/// How the run differs from the drill that its scenario describes, in words.
pub(crate) fn altered(facts: &Facts<'_>) -> Vec<String> {
    let mut list = facts.terms.altered.clone();
    for (_, event) in &facts.events {
        if let Event::Recalled { run, values } = event {
            let values: Vec<String> = values.iter().map(|(name, value)| format!("{name} {value}")).collect();
            list.push(format!(
                "replay of {run} with the values recorded there ({}), its interleaving not reproduced: the strike came when \
                 it came there, which need not be the worst instant of this run",
                values.join(", ")
            ));
        }
    }
    list
}
