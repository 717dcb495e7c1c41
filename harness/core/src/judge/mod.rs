//! The judge: what a run achieved, derived from its history and ledger and held against its terms.
//!
//! The one idea: every figure is an interval, and evidence that is missing, late or blurred can only widen it. A
//! finding is met when its upper bound meets the target and missed when its lower bound misses it; whatever lies
//! between is inconclusive. `docs/definitions.md` explains each figure.

mod account;
mod alerts;
mod bounds;
mod calendar;
pub mod classify;
mod course;
mod criteria;
mod decisions;
mod declared;
mod detection;
pub mod duration;
mod facts;
mod final_read;
mod finding;
mod ground;
mod integrity;
mod key;
mod lives;
mod loss;
mod people;
mod queue;
mod remedy;
mod restoration;
mod revenant;
mod rpo;
pub mod series;
mod service;
mod soundness;
mod stale;
mod stalls;
mod tool;
mod windows;
mod witness;
mod worst;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::event::{Edge, Event, Phase, Record};
use crate::ledger::{FoundRow, Operation};
use crate::stamp::Stamp;
use crate::terms::Terms;
use crate::verdict::{Finding, Moments, Outcome, Span, TierMoments, Verdict};

use bounds::Bounds;
use classify::classify;
use facts::Facts;
use integrity::Confirmation;
use restoration::{ReadBack, Restoration};
pub use series::Series;
use windows::Windows;

/// Version of [`Verdict`]'s format.
pub const SCHEMA: u32 = 1;
/// Version of the definitions that this judge applies.
pub const DEFINITIONS: u32 = 1;

/// More reasons than this say nothing new.
const REASONS_MAX: usize = 40;
/// A year of 365 days, nanoseconds.
const YEAR: i128 = 365 * 86_400 * 1_000_000_000;

/// A judged run: the verdict, and what its charts are drawn from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What was achieved and what it means.
    pub verdict: Verdict,
    /// Windows and latencies per tier.
    pub series: Series,
}

/// Judges a run. `run` is its name; the rest is its evidence. The same evidence gives the same verdict everywhere, and
/// no evidence, however broken, makes it panic: what cannot be judged is inconclusive and says why.
#[must_use]
pub fn judge(run: &str, terms: &Terms, records: &[Record], operations: &[Operation], found: &[FoundRow]) -> Judged {
    let facts = Facts::of(terms, records, operations, found);
    let classified = classify(&facts.ground, operations, found);
    let losses = loss::of(&facts, &classified, operations);
    let windows = Windows::of(&facts, &classified, operations);
    let spoiled = soundness::spoiled(&facts, &classified, &windows);

    let read_back = |tiers: &[usize]| ReadBack::of(&facts, &classified, &losses, tiers);
    let all: Vec<usize> = (0..terms.tiers.len()).collect();
    let overall = restoration::find(
        &facts,
        &windows,
        &windows.overall(),
        &windows.lapsed(),
        &read_back(&all),
    );
    let tiers: Vec<Restoration> = all
        .iter()
        .map(|tier| {
            let own = &windows.tiers[*tier];
            restoration::find(&facts, &windows, &own.states, &own.lapsed, &read_back(&[*tier]))
        })
        .collect();

    let mut about_plan = Vec::new();
    let mut not_covered = terms.not_covered.clone();
    let mut integrity = integrity::ledger(&facts, &classified.components, &losses, &mut not_covered);
    integrity.extend(declared::findings(&facts, &classified, operations, &mut not_covered));
    let (checks, checked) = integrity::checks(&facts);
    integrity.extend(checks);
    let confirmation = integrity::confirmation(&facts, &integrity, checked, overall.restored());

    let mut findings = service::rto(&facts, &overall, &confirmation);
    let mut rpo = rpo::findings(&facts, &classified, operations, &losses);
    course::name_cadences(&facts, &mut rpo);
    findings.extend(rpo);
    findings.extend(service::tiers(&facts, &tiers, &windows));
    findings.extend(service::order(&facts, &tiers, &windows));
    findings.extend(detection::finding(&facts, &mut about_plan));
    findings.extend(criteria::dwell(&facts));
    findings.push(service::recovery(&facts, &overall));
    findings.extend(criteria::findings(&facts, &classified, operations));
    findings.extend(integrity);
    findings.extend(revenant::findings(&facts, operations));
    findings.extend(stale::findings(&facts, &overall, operations));
    findings.extend(remedy::findings(&facts, &classified, operations, &losses));
    findings.extend(unknown_components(&facts, &losses));
    about_plan.extend(unpromised(&facts, &losses));
    about_plan.extend(terms.about_plan.iter().cloned());
    let seen = witness::Seen {
        overall: &overall,
        tiers: &tiers,
        losses: &losses,
    };
    witness::hold_back(&mut findings, &facts, &seen);
    if !spoiled.is_empty() {
        findings.iter_mut().for_each(spoil);
    }
    not_covered.extend(worst::untried(&facts, &findings));

    let moments = moments(&facts, &overall, &tiers, &confirmation);
    let outage = overall.measured.then(|| overall.downtime(&facts));
    let outage = outage.map(|outage| {
        if outage == Bounds::ZERO {
            outage
        } else {
            outage.widened(facts.calendar.quantum)
        }
    });
    let outcome = outcome(&findings, &spoiled);
    let opened = records.iter().find_map(|record| match &record.event {
        Event::Opened { program, sealed, .. } => Some((program.clone(), *sealed)),
        _ => None,
    });
    let (program, sealed_by_another) = opened.unwrap_or_default();
    let loss: BTreeMap<String, _> = facts
        .ground
        .parts
        .iter()
        .zip(&losses)
        .map(|(part, loss)| (part.name.clone(), loss.loss.clone()))
        .collect();
    let verdict = Verdict {
        schema: SCHEMA,
        definitions: DEFINITIONS,
        run: run.to_owned(),
        plan: terms.plan.clone(),
        scenario: terms.scenario.clone(),
        disaster: terms.disaster.clone(),
        summary: terms.summary.clone(),
        twin: terms.twin.clone(),
        outcome,
        scope: scope(&facts, outcome),
        spoiled: reasons(spoiled, &findings),
        about_plan,
        phases: course::phases(&facts, &moments),
        moments,
        quantum: bounds::clamp(facts.calendar.quantum),
        delays: course::delays(&facts),
        calendar_scale: terms.calendar_scale,
        alerts: alerts::of(&facts),
        without_people: people::none_took_part(&facts),
        decisions: decisions::of(&facts),
        notes: decisions::notes(&facts),
        outage: outage.map(Bounds::span),
        budget_permille: budget(terms, outage.map(Bounds::span)),
        loss,
        tally: facts.account.tally,
        services: facts.account.services.clone(),
        capacity: records
            .iter()
            .filter_map(|record| match record.event {
                Event::Capacity { per_second } => Some(per_second),
                _ => None,
            })
            .collect(),
        faults: course::faults(&facts),
        steps: course::steps(&facts),
        tool: tool::run(&facts),
        stalls: facts.stalls.list.clone(),
        deviations: course::deviations(&facts),
        stand_ins: terms.stand_ins.clone(),
        assumptions: terms.assumptions.clone(),
        not_covered,
        altered: course::altered(&facts),
        sealed_by_another,
        program,
        findings,
    };
    Judged {
        verdict,
        series: windows.series(&facts),
    }
}

/// In a spoiled run nothing passes and nothing fails.
fn spoil(finding: &mut Finding) {
    if finding.outcome != Outcome::Inconclusive {
        let would = if finding.outcome == Outcome::Pass {
            "met"
        } else {
            "missed"
        };
        finding.because = format!(
            "the run is spoiled, so this does not count as {would}: {}",
            finding.because
        );
        finding.outcome = Outcome::Inconclusive;
    }
}

/// Data that the load wrote and of which the terms know nothing: whatever became of it was not judged.
fn unknown_components(facts: &Facts<'_>, losses: &[loss::PartLoss]) -> Vec<Finding> {
    let parts = facts.ground.parts.iter().zip(losses);
    parts
        .filter(|(part, loss)| loss.loss.acked > 0 && !facts.terms.components.contains_key(&part.name))
        .map(|(part, _)| {
            finding::plain(
                format!("component.{}", part.name),
                format!("Component {}", part.name),
                Outcome::Inconclusive,
                crate::verdict::Achieved::Nothing,
                format!(
                    "clients wrote to {}, of which the terms know nothing: what became of it was not judged",
                    part.name
                ),
            )
        })
        .collect()
}

/// What the plan promises nothing about, though the drill could have measured it.
fn unpromised(facts: &Facts<'_>, losses: &[loss::PartLoss]) -> Vec<String> {
    let mut list = Vec::new();
    if facts.terms.rto.is_none() {
        list.push("it states no RTO for this disaster: how long recovery took is shown, not judged".to_owned());
    }
    for (part, loss) in facts.ground.parts.iter().zip(losses) {
        let promised = facts
            .terms
            .components
            .get(&part.name)
            .is_some_and(|term| !term.rpo.is_empty());
        if !promised && loss.loss.acked > 0 {
            list.push(format!(
                "it states no RPO that counts for {} in this disaster: what was lost of it ({} of {} acknowledged versions) is shown, not judged",
                part.name, loss.loss.lost, loss.loss.acked
            ));
        }
    }
    list
}

/// What spoils the run, in words; a run in which no target was judged says so too.
fn reasons(mut spoiled: Vec<String>, findings: &[Finding]) -> Vec<String> {
    if findings.iter().all(|finding| finding.limit.is_none()) {
        spoiled.push(
            "no target of the plan was judged: it states neither RTO, RPO nor maximum downtime that counts here"
                .to_owned(),
        );
    }
    spoiled
}

/// The worst finding; inconclusive where the run is spoiled or no target of the plan was judged.
fn outcome(findings: &[Finding], spoiled: &[String]) -> Outcome {
    if !spoiled.is_empty() {
        return Outcome::Inconclusive;
    }
    let worst = findings
        .iter()
        .map(|finding| finding.outcome)
        .max()
        .unwrap_or(Outcome::Inconclusive);
    if findings.iter().all(|finding| finding.limit.is_none()) {
        worst.max(Outcome::Inconclusive)
    } else {
        worst
    }
}

fn moments(facts: &Facts<'_>, overall: &Restoration, tiers: &[Restoration], confirmation: &Confirmation) -> Moments {
    let per_tier = facts.terms.tiers.iter().zip(tiers).map(|(term, tier)| {
        let moments = TierMoments {
            impact: tier.impact(),
            released: service::released(facts, term.level),
            // What was never out was not restored.
            restored: tier.restored().filter(|_| !tier.untouched),
            untouched: tier.untouched,
        };
        (term.level, moments)
    });
    let failback = facts.last(|event| {
        matches!(
            event,
            Event::Phase {
                phase: Phase::Failback,
                edge: Edge::Begun
            }
        )
    });
    Moments {
        struck: facts.struck,
        impact: overall.impact(),
        alerted: detection::alerted(facts),
        acknowledged: facts.first(|event| matches!(event, Event::Acknowledged { .. })),
        declared: facts.declaration(),
        authorised: facts.authorised(),
        procedure_done: facts.procedure_ended(),
        restored: overall.restored(),
        confirmed: confirmation.confirmed,
        failed_back: failback.and_then(|_| {
            let ended = facts.last(|event| {
                matches!(
                    event,
                    Event::Phase {
                        phase: Phase::Failback,
                        edge: Edge::Ended
                    }
                )
            });
            ended.filter(|ended: &Stamp| overall.restored_late.is_some_and(|late| late <= ended.late))
        }),
        tiers: per_tier.collect(),
    }
}

/// Size, tools and human time, in one line.
fn scope(facts: &Facts<'_>, outcome: Outcome) -> String {
    let word = outcome.word();
    let size = integrity::size(facts);
    let size = if facts.terms.at_drill_size {
        format!("AT DRILL SIZE ({size})")
    } else {
        format!("PROJECTED (from {size})")
    };
    let tool = tool::name(facts.terms).unwrap_or("the plan's own tool");
    let credited: i128 = facts.calendar.credits.iter().map(|(_, plan)| plan).sum();
    let people = if credited > 0 {
        format!("human time credited ({})", duration::words(credited))
    } else {
        "no human time credited".to_owned()
    };
    let without = match facts.terms.left_out.as_slice() {
        [] => String::new(),
        names => format!(", without {}", names.join(", ")),
    };
    let altered = if course::altered(facts).is_empty() {
        ""
    } else {
        ", altered for this run"
    };
    let denser: Vec<&str> = facts.terms.denser.iter().map(|denser| denser.says.as_str()).collect();
    let cadence = if denser.is_empty() {
        String::new()
    } else {
        format!(", NOT AT THE PLAN'S CADENCE ({})", denser.join("; "))
    };
    format!("{word} {size}{cadence}, {tool}, {people}{without}{altered}")
}

/// The outage as parts per thousand of what the yearly availability allows; its upper bound, rounded up.
fn budget(terms: &Terms, outage: Option<Span>) -> Option<u64> {
    let (ppm, _) = terms.availability_ppm.as_ref()?;
    let allowed = YEAR * i128::from(1_000_000_u32.checked_sub(*ppm)?) / 1_000_000;
    let used = i128::from(outage?.upper?);
    if allowed == 0 {
        return None;
    }
    u64::try_from((used * 1_000 + allowed - 1) / allowed).ok()
}
