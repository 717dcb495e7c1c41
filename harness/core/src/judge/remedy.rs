//! Which recovery was right for a damage, and what the other would have cost.
//!
//! The one idea: WAL decides. A damage that statements did is in the WAL, so replaying it to the end does it again and
//! recovery must end before it, at the price of what was acknowledged since (collateral). A damage done to files is not,
//! so replaying to the end repairs it for nothing, and going back to before it throws good writes away.

use crate::event::{CheckOutcome, Event};
use crate::ledger::{NO_INCARNATION, Operation, flag};
use crate::stamp::Stamp;
use crate::terms::{Damage, Domain};
use crate::verdict::{Achieved, Finding, Outcome};

use super::classify::Classified;
use super::duration::{count, words};
use super::facts::Facts;
use super::finding::plain;
use super::ground::Part;
use super::key::Fate;
use super::loss::PartLoss;
use super::rpo::is_exercised;

/// The check that asks the recovered data for what is left of the fault; see `resolve::EFFECT_CHECK`.
const EFFECT_CHECK: &str = "fault_effect";

/// The checks that look at the files themselves.
const FILE_CHECKS: [&str; 2] = ["page_checksums", "amcheck"];

/// What was acknowledged, between the strike and the end of the struck life, by what the strike hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Since {
    /// Acknowledged certainly after the strike.
    acked: u64,
    /// Of those, not there any more.
    lost: u64,
    /// When the last of them was acknowledged.
    last: Option<Stamp>,
    last_lost: Option<Stamp>,
}

/// One finding for each component with one order over its keys; none where the fault spoils no data.
pub(crate) fn findings(
    facts: &Facts<'_>,
    classified: &Classified,
    operations: &[Operation],
    losses: &[PartLoss],
) -> Vec<Finding> {
    let (Some(damage), Some(struck)) = (facts.terms.damage, facts.struck) else {
        return Vec::new();
    };
    let parts = facts.ground.parts.iter().enumerate();
    parts
        .filter(|(component, part)| {
            facts.terms.components.contains_key(&part.name)
                && part.domain == Domain::Store
                && is_exercised(facts, *component)
        })
        .map(|(component, part)| {
            let since = since(facts, classified, operations, (component, part), struck);
            finding(facts, damage, (component, part), &losses[component], since, struck)
        })
        .collect()
}

fn since(
    facts: &Facts<'_>,
    classified: &Classified,
    operations: &[Operation],
    (component, part): (usize, &Part),
    struck: Stamp,
) -> Since {
    let mut since = Since::default();
    let of = part.lineage.in_force(struck);
    for write in classified.writes(operations) {
        let operation = write.operation;
        let mine = facts
            .ground
            .slot(operation.class)
            .is_some_and(|slot| usize::from(slot.component) == component);
        // What a queue acknowledged is in the queue, whatever becomes of the database.
        if !mine || operation.flags & flag::QUEUED != 0 || operation.incarnation == NO_INCARNATION {
            continue;
        }
        let acked = facts.stalls.at(write.acked);
        if Some(operation.incarnation) != of || acked.early <= struck.late {
            continue;
        }
        let later = |known: Option<Stamp>| known.filter(|known| known.late >= acked.late).or(Some(acked));
        since.acked += 1;
        since.last = later(since.last);
        if write.fate == Fate::Lost {
            since.lost += 1;
            since.last_lost = later(since.last_lost);
        }
    }
    since
}

fn finding(
    facts: &Facts<'_>,
    damage: Damage,
    (component, part): (usize, &Part),
    loss: &PartLoss,
    since: Since,
    struck: Stamp,
) -> Finding {
    let make = |outcome, achieved, because: String| {
        let title = format!("The right recovery for the damage to {}", part.name);
        plain(format!("remedy.{}", part.name), title, outcome, achieved, because)
    };
    if let Err(why) = &facts.reads[component] {
        return make(Outcome::Inconclusive, Achieved::Nothing, why.clone());
    }
    let span = |last: Option<Stamp>| {
        let plan = last.map_or(0, |last| facts.calendar.at_most(struck.early, last.late));
        format!("{} of plan time", words(plan))
    };
    let collateral = Achieved::Count {
        lower: since.lost,
        upper: Some(since.lost),
    };
    let target = target(facts);
    match damage {
        Damage::Logged => {
            let back = format!(
                "going back to before it throws away what was acknowledged since: {} in {}",
                count(since.acked, "write", "writes"),
                span(since.last)
            );
            match left(facts, loss) {
                Left::Yes(what) => make(
                    Outcome::Fail,
                    Achieved::Holds(false),
                    format!(
                        "the damage is in the WAL, and {} left it in the data: {what}. The other recovery: {back}",
                        target.map_or_else(
                            || "nothing that was restored".to_owned(),
                            |target| format!("recovery to {target}")
                        ),
                    ),
                ),
                Left::Unknown(why) => make(Outcome::Inconclusive, Achieved::Nothing, why),
                Left::No => make(
                    Outcome::Pass,
                    collateral,
                    format!(
                        "the damage is in the WAL, and recovery to {} left nothing of it. Collateral, counted in the RPO: \
                         {} acknowledged after the damage and thrown away with it, of {} ({}). Replaying to the end would \
                         have kept them, and the damage",
                        target.unwrap_or("a point that no event names"),
                        count(since.lost, "write", "writes"),
                        since.acked,
                        span(since.last_lost)
                    ),
                ),
            }
        }
        Damage::Unlogged => {
            let went_back = target.is_some_and(|_| rule(facts).is_some_and(|rule| rule.starts_with("before_")));
            let thrown = format!(
                "{} acknowledged after the damage, in {}",
                count(since.lost, "write", "writes"),
                span(since.last_lost)
            );
            if went_back && since.lost > 0 {
                return make(
                    Outcome::Fail,
                    Achieved::Holds(false),
                    format!(
                        "the damage is not in the WAL: replaying it to its end repairs the damage and loses nothing. Recovery to \
                         {} threw away {thrown}",
                        target.unwrap_or_default()
                    ),
                );
            }
            if let Some(what) = unsound(facts) {
                return make(
                    Outcome::Fail,
                    Achieved::Holds(false),
                    format!(
                        "the damage is not in the WAL, and there is damage in the data that serves: {what}. A backup from before \
                         the damage, and all the WAL since, bring everything back whole for nothing"
                    ),
                );
            }
            make(
                Outcome::Pass,
                collateral,
                format!(
                    "the damage is not in the WAL, and recovery did not stop before it; {thrown} were lost. Going back to before \
                     it would have thrown away {} in {}",
                    count(since.acked, "write", "writes"),
                    span(since.last)
                ),
            )
        }
    }
}

enum Left {
    Yes(String),
    No,
    Unknown(String),
}

/// What a look at the files of the data that serves found damaged.
fn unsound<'a>(facts: &Facts<'a>) -> Option<&'a str> {
    facts.events.iter().rev().find_map(|(_, event)| match event {
        Event::Check {
            name,
            outcome: CheckOutcome::Failed,
            detail,
            ..
        } if FILE_CHECKS.contains(&name.as_str()) => Some(detail.as_str()),
        _ => None,
    })
}

/// Whether an effect of the fault is left: by the harness's own look at the data that serves, and by the ledger.
fn left(facts: &Facts<'_>, loss: &PartLoss) -> Left {
    let looked = facts.events.iter().rev().find_map(|(_, event)| match event {
        Event::Check {
            name, outcome, detail, ..
        } if name == EFFECT_CHECK => Some((*outcome, detail)),
        _ => None,
    });
    let spoiled = loss.loss.mutated.saturating_add(loss.loss.dangling);
    match looked {
        Some((CheckOutcome::Failed, detail)) => Left::Yes(detail.clone()),
        _ if spoiled > 0 => Left::Yes(format!(
            "{} with content nobody attempted, or without its object",
            count(spoiled, "key", "keys")
        )),
        Some((CheckOutcome::Passed, _)) => Left::No,
        Some((CheckOutcome::NotRun, detail)) => Left::Unknown(format!("whether it is left is open: {detail}")),
        None => Left::Unknown("nobody looked whether an effect of the fault is left".to_owned()),
    }
}

fn rule<'a>(facts: &Facts<'a>) -> Option<&'a str> {
    facts.events.iter().rev().find_map(|(_, event)| match event {
        Event::RecoveryTarget { rule, .. } => Some(rule.as_str()),
        _ => None,
    })
}

/// What the newest recovery aimed at, in the procedure's words.
fn target<'a>(facts: &Facts<'a>) -> Option<&'a str> {
    facts.events.iter().rev().find_map(|(_, event)| match event {
        Event::RecoveryTarget { value, .. } => Some(value.as_str()),
        _ => None,
    })
}
