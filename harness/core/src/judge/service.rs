//! The findings about time without service: RTO, each tier's downtime, the order of tiers, and recovery itself.

use crate::event::Event;
use crate::stamp::Stamp;
use crate::terms::{DetectorTerm, RtoFrom, RtoUntil};
use crate::verdict::{Achieved, Finding, Outcome};

use super::bounds::{Bounds, clamp};
use super::detection;
use super::duration::words;
use super::facts::Facts;
use super::finding::{note_unwidened, numbered, plain, timed, undecided, unless};
use super::integrity::Confirmation;
use super::restoration::Restoration;
use super::windows::Windows;

const NEVER_DETECTED: &str =
    "never detected: no alert of a kind that this fault can cause came, and the harness ordered the recovery";

/// The RTO, once for each figure.
pub(crate) fn rto(facts: &Facts<'_>, overall: &Restoration, confirmation: &Confirmation) -> Vec<Finding> {
    let Some(term) = &facts.terms.rto else {
        return Vec::new();
    };
    let from = match facts.terms.detector {
        DetectorTerm::None => RtoFrom::Declared,
        DetectorTerm::Alerts { .. } => term.from,
    };
    let (bounds, missing) = interval(facts, overall, confirmation, from, term.until);
    let ends = match term.until {
        RtoUntil::Restored => "restored",
        RtoUntil::Confirmed => "confirmed",
    };
    let begins = match from {
        RtoFrom::Fault => "the strike",
        RtoFrom::Impact => "the first impact on clients",
        RtoFrom::Declared => "the declaration",
    };
    let title = match (from == term.from, from) {
        (false, RtoFrom::Declared) => "RTO (from the declaration)",
        _ => "RTO",
    };
    let story = if overall.never {
        format!("from {begins}, service was not {ends} when the run ended")
    } else if overall.relapsed {
        format!("from {begins} to {ends}, after service was lost again")
    } else {
        format!("from {begins} to {ends}")
    };
    // Where nobody was to notice, the time until somebody told of it is shown beside: it is no part of the figure.
    let not_counted = match (from == term.from, facts.struck, facts.declared()) {
        (false, Some(struck), Some(declared)) => format!(
            "; not counted: {} from the strike to the declaration",
            facts.calendar.between(struck, declared).words()
        ),
        _ => String::new(),
    };
    let mut findings = Vec::new();
    for (index, limit) in term.limits.iter().enumerate() {
        let widened = bounds.widened(facts.calendar.quantum);
        let mut finding = timed(numbered("rto", index), title.to_owned(), limit, widened, &story);
        note_unwidened(&mut finding, bounds, facts.calendar.quantum);
        if let Some(why) = &missing {
            undecided(&mut finding, why);
        }
        finding.because.push_str(&not_counted);
        unless(&mut finding, could_not_fail(facts, limit.plan));
        unless(&mut finding, detection::against_the_statement(facts));
        if let Some(failed) = &confirmation.failed {
            finding.outcome = Outcome::Fail;
            finding.because.push_str(&format!("; confirmation failed: {failed}"));
        } else {
            unless(
                &mut finding,
                confirmation
                    .missing
                    .as_ref()
                    .map(|what| format!("not confirmed: {what}")),
            );
        }
        if facts.ordered_by_harness().is_some() {
            undecided(&mut finding, NEVER_DETECTED);
        }
        findings.push(finding);
    }
    findings
}

fn interval(
    facts: &Facts<'_>,
    overall: &Restoration,
    confirmation: &Confirmation,
    from: RtoFrom,
    until: RtoUntil,
) -> (Bounds, Option<String>) {
    let unknown = |why: &str| (Bounds::UNKNOWN, Some(why.to_owned()));
    let Some(struck) = facts.struck else {
        return unknown("nothing struck");
    };
    if !overall.measured {
        return unknown("no window of client traffic reaches beyond the strike");
    }
    let restored = match until {
        RtoUntil::Restored => *overall,
        RtoUntil::Confirmed => {
            let mut later = *overall;
            match (overall.restored_late, confirmation.confirmed) {
                (Some(late), Some(confirmed)) => {
                    later.restored_late = Some(late.max(confirmed.late));
                    later.restored_early = overall.restored_early.max(confirmed.early);
                }
                _ => later.restored_late = None,
            }
            later.untouched = false;
            later
        }
    };
    match from {
        RtoFrom::Fault => (restored.since(facts, struck), None),
        RtoFrom::Impact => (restored.downtime(facts), None),
        RtoFrom::Declared => match facts.declared() {
            Some(declared) => (restored.since(facts, declared), None),
            None => unknown("nobody declared the disaster or authorised the recovery"),
        },
    }
}

/// A run that gives up before the limit cannot miss it.
fn could_not_fail(facts: &Facts<'_>, limit: i64) -> Option<String> {
    (facts.terms.run_limit <= limit).then(|| {
        format!(
            "could not have failed: the run gives up {} after the strike",
            words(facts.terms.run_limit.into())
        )
    })
}

/// Each tier's downtime from its own impact.
pub(crate) fn tiers(facts: &Facts<'_>, tiers: &[Restoration], windows: &Windows) -> Vec<Finding> {
    let mut findings = Vec::new();
    for ((term, tier), windows) in facts.terms.tiers.iter().zip(tiers).zip(&windows.tiers) {
        let found = tier.downtime(facts);
        // Downtime that never was is not stretched by the quantum.
        let quantum = if found == Bounds::ZERO {
            0
        } else {
            facts.calendar.quantum
        };
        let bounds = found.widened(quantum);
        let services = term.services.join(", ");
        for (index, limit) in term.max_downtime.iter().enumerate() {
            let story = if tier.untouched {
                format!(
                    "tier {} ({services}) never missed its thresholds from the strike on; downtime",
                    term.level
                )
            } else if tier.never {
                format!(
                    "tier {} ({services}) was not restored when the run ended; downtime from its impact",
                    term.level
                )
            } else {
                format!(
                    "downtime of tier {} ({services}) from its impact to its return",
                    term.level
                )
            };
            let id = numbered(&format!("tier.{}", term.level), index);
            let mut finding = timed(id, format!("Downtime of tier {}", term.level), limit, bounds, &story);
            note_unwidened(&mut finding, found, quantum);
            if let Some(queue) = windows.queue.words() {
                finding.because.push_str(&format!("; {queue}"));
            }
            if !tier.measured {
                undecided(&mut finding, "no window of its traffic reaches beyond the strike");
            }
            unless(&mut finding, could_not_fail(facts, limit.plan));
            if facts.ordered_by_harness().is_some() {
                undecided(&mut finding, NEVER_DETECTED);
            }
            findings.push(finding);
        }
    }
    findings
}

/// When a tier was first let to traffic after the strike.
pub(crate) fn released(facts: &Facts<'_>, level: u8) -> Option<Stamp> {
    facts.first(|event| matches!(event, Event::Released { tier } if *tier == level))
}

/// No tier is released before every more urgent one is restored.
pub(crate) fn order(facts: &Facts<'_>, tiers: &[Restoration], windows: &Windows) -> Option<Finding> {
    if !facts.terms.order || facts.terms.tiers.len() < 2 {
        return None;
    }
    let mut worst = Outcome::Pass;
    let mut because = Vec::new();
    for term in &facts.terms.tiers {
        let urgent: Vec<_> = facts
            .terms
            .tiers
            .iter()
            .zip(tiers.iter().zip(&windows.tiers))
            .filter(|(other, _)| other.level < term.level)
            .collect();
        if urgent.is_empty() {
            continue;
        }
        let Some(released) = released(facts, term.level) else {
            worst = worst.max(Outcome::Inconclusive);
            because.push(format!("no release of tier {} is recorded", term.level));
            continue;
        };
        for (other, (restoration, traffic)) in urgent {
            let served = restoration
                .impact_late
                .is_some_and(|impact| windows.serves_at(traffic, released.early, impact));
            // What failed only after the release, for the first time or again, is not the release's doing.
            let spared = restoration.impact_early.is_some_and(|impact| impact > released.late);
            let outcome =
                if restoration.untouched || spared || restoration.first.1.is_some_and(|late| late <= released.early) {
                    Outcome::Pass
                } else if restoration.measured
                    && restoration.impact_late.is_some_and(|impact| impact <= released.late)
                    && restoration.first.0 > released.late
                    && (!served || restoration.never)
                {
                    Outcome::Fail
                } else {
                    Outcome::Inconclusive
                };
            worst = worst.max(outcome);
            match outcome {
                Outcome::Pass => {}
                Outcome::Fail => because.push(format!(
                    "tier {} was released {} of drill time before tier {} was restored",
                    term.level,
                    words(i128::from(restoration.first.0) - i128::from(released.late)),
                    other.level
                )),
                Outcome::Inconclusive if served => because.push(format!(
                    "tier {} served when tier {} was released, and failed again within its stability window: whether it \
                     was restored is open",
                    other.level, term.level
                )),
                Outcome::Inconclusive => because.push(format!(
                    "whether tier {} was restored when tier {} was released is open",
                    other.level, term.level
                )),
            }
        }
    }
    if because.is_empty() {
        because.push("each tier was released after every more urgent one was restored".to_owned());
    }
    let mut finding = plain(
        "order".to_owned(),
        "Order of tiers".to_owned(),
        worst,
        Achieved::Holds(worst == Outcome::Pass),
        because.join("; "),
    );
    if worst == Outcome::Inconclusive {
        finding.achieved = Achieved::Nothing;
    }
    if facts.ordered_by_harness().is_some() {
        undecided(&mut finding, NEVER_DETECTED);
    }
    Some(finding)
}

/// Whether service was back within `settle` of the procedure's end, or of its deadline.
pub(crate) fn recovery(facts: &Facts<'_>, overall: &Restoration) -> Finding {
    let id = "recovery".to_owned();
    let title = "Service after the procedure".to_owned();
    let make = |outcome, achieved, because: String| plain(id.clone(), title.clone(), outcome, achieved, because);
    let Some(begun) = facts.procedure_begun() else {
        return make(
            Outcome::Inconclusive,
            Achieved::Nothing,
            "no procedure was recorded".to_owned(),
        );
    };
    let later = |at: i64, by: i64| clamp(i128::from(at) + i128::from(by.max(0)));
    let deadline = facts.terms.procedure_deadline;
    let deadline = Stamp::new(later(begun.early, deadline), later(begun.late, deadline));
    let ended = facts.procedure_ended();
    let end = match ended {
        Some(ended) => Stamp::new(ended.early.min(deadline.early), ended.late.min(deadline.late)),
        None => deadline,
    };
    let settle = facts.terms.settle;
    let due = Stamp::new(later(end.early, settle), later(end.late, settle));
    let phrase = format!("within {} of drill time of the procedure's end", words(settle.into()));
    if !overall.measured {
        let why = "no window of client traffic reaches beyond the strike";
        return make(Outcome::Inconclusive, Achieved::Nothing, why.to_owned());
    }
    if overall.restored_late.is_some_and(|late| late <= due.early) {
        if facts.procedure_failed() {
            return make(
                Outcome::Inconclusive,
                Achieved::Nothing,
                format!("service was restored {phrase}, but a step of the procedure did not succeed"),
            );
        }
        return make(
            Outcome::Pass,
            Achieved::Holds(true),
            format!("service was restored {phrase}"),
        );
    }
    if overall.restored_early > due.late || (overall.never && overall.restored_early == due.late) {
        let why = if overall.relapsed {
            "service came back and was lost again: it was not restored for good"
        } else {
            "service was not restored"
        };
        return make(Outcome::Fail, Achieved::Holds(false), format!("{why} {phrase}"));
    }
    let because = format!("whether service was restored {phrase} is open");
    make(Outcome::Inconclusive, Achieved::Nothing, because)
}
