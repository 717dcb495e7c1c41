//! The RPO findings: what each component lost, held to each figure that the plan gives for it.

use crate::event::Role;
use crate::ledger::Operation;
use crate::stamp::Nanos;
use crate::terms::{ComponentTerm, Domain, Limit};
use crate::verdict::{Achieved, Finding, Outcome};

use super::bounds::{Bounds, limit_words};
use super::classify::Classified;
use super::duration::{count, words};
use super::facts::{Facts, OBJECT_SERVICE};
use super::finding::{note_unwidened, numbered, plain, timed, undecided, unless};
use super::loss::{Eve, PartLoss};

/// One finding per component and figure.
pub(crate) fn findings(
    facts: &Facts<'_>,
    classified: &Classified,
    operations: &[Operation],
    losses: &[PartLoss],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (component, part) in facts.ground.parts.iter().enumerate() {
        let Some(term) = facts.terms.components.get(&part.name) else {
            continue;
        };
        let through_rows = term.domain == Domain::Key && !is_exercised(facts, component);
        for (index, limit) in term.rpo.iter().enumerate() {
            let id = numbered(&format!("rpo.{}", part.name), index);
            if through_rows {
                findings.push(objects(facts, losses, &part.name, id, limit));
                continue;
            }
            findings.push(finding(
                facts,
                classified,
                operations,
                &losses[component],
                (component, term),
                id,
                limit,
            ));
        }
    }
    findings
}

fn finding(
    facts: &Facts<'_>,
    classified: &Classified,
    operations: &[Operation],
    loss: &PartLoss,
    (component, term): (usize, &ComponentTerm),
    id: String,
    limit: &Limit,
) -> Finding {
    let name = &facts.ground.parts[component].name;
    let title = format!("RPO of {name}");
    let none = |why: &str| Finding {
        limit: Some(limit.clone()),
        source: Some(limit.source.clone()),
        ..plain(
            id.clone(),
            title.clone(),
            Outcome::Inconclusive,
            Achieved::Nothing,
            why.to_owned(),
        )
    };
    let Some(struck) = facts.struck else {
        return none("nothing struck");
    };
    if let Err(why) = &facts.reads[component] {
        return none(why);
    }
    if loss.loss.acked == 0 {
        return none("no write of it was ever acknowledged, so none could have been lost");
    }
    let Some(mut bounds) = loss.bounds else {
        return none("its loss could not be placed in time");
    };
    let artefact = term.domain == Domain::Artefact;
    let story = story(facts, loss);

    if limit.plan == 0 {
        let lost = loss.loss.lost;
        let outcome = match (lost, loss.loss.possibly_lost) {
            (1.., _) => Outcome::Fail,
            (0, 1..) => Outcome::Inconclusive,
            (0, 0) if loss.credited_until.is_some() => Outcome::Inconclusive,
            (0, 0) => Outcome::Pass,
        };
        let mut finding = none(&format!("{story}; {} is judged by count", limit_words(limit)));
        finding.outcome = outcome;
        finding.achieved = Achieved::Count {
            lower: lost,
            upper: Some(lost.saturating_add(loss.loss.possibly_lost)),
        };
        if !artefact {
            unless(&mut finding, too_short(facts, loss, term, limit));
        }
        return finding;
    }

    let rpo = i128::from(limit.plan);
    let mut sparse = None;
    if !artefact {
        // With nothing lost the loss is 0, unless nobody had written for long when it struck.
        if loss.first_lost.is_none() && bounds.upper == Some(0) {
            match loss.gap {
                Some(gap) if gap.saturating_mul(20) > rpo => bounds.upper = Some(gap),
                Some(_) => {}
                None => bounds.upper = None,
            }
        }
        let first = loss.first_write.unwrap_or(struck.early);
        let canary_from = facts.calendar.back_from(struck.early, rpo).max(first);
        let share_from = facts.calendar.back_from(struck.early, rpo / 10);
        let eve = Eve::of(facts, classified, operations, component, share_from, canary_from);
        let span = facts.calendar.at_most(canary_from, struck.early);
        if (i128::from(eve.canaries) + 1).saturating_mul(rpo) < span.saturating_mul(20) {
            sparse = Some(format!(
                "the canary was too sparse to tell: {} acknowledged in the {} before the strike, where an RPO wants 20",
                count(eve.canaries, "write", "writes"),
                words(span)
            ));
        } else if eve.gave_up.saturating_mul(100) > eve.sent {
            sparse = Some(format!(
                "clients had given up {} of {} operations sent shortly before the strike",
                eve.gave_up, eve.sent
            ));
        }
    }
    let mut finding = timed(id, title, limit, bounds.widened(facts.calendar.quantum), &story);
    note_unwidened(&mut finding, bounds, facts.calendar.quantum);
    unless(&mut finding, sparse);
    if !artefact {
        unless(&mut finding, too_short(facts, loss, term, limit));
    }
    if loss.credited_until.is_some() && finding.outcome != Outcome::Fail {
        finding.because.push_str(
            "; time was credited to people while the abandoned incarnation could still acknowledge, so the upper bound reaches to the takeover",
        );
    }
    if bounds == Bounds::UNKNOWN {
        undecided(&mut finding, "nothing acknowledged before the loss was kept");
    }
    finding
}

/// Objects that clients reach only through rows: what is lost of them shows at the rows that point at them, by count, since
/// an object that is gone is gone for every instant after it was written.
fn objects(facts: &Facts<'_>, losses: &[PartLoss], name: &str, id: String, limit: &Limit) -> Finding {
    let rows = || facts.ground.parts.iter().zip(losses).zip(&facts.reads);
    let rows = || rows().filter(|((part, _), _)| part.domain == Domain::Store);
    let dangling: u64 = rows().map(|((_, loss), _)| loss.loss.dangling).sum();
    let pointing: u64 = facts.pointing.iter().flatten().sum();
    let unread = rows().find_map(|(_, read)| read.as_ref().err());
    let (outcome, achieved, because) = match unread {
        Some(why) => (Outcome::Inconclusive, Achieved::Nothing, why.clone()),
        None if facts
            .account
            .services
            .get(OBJECT_SERVICE)
            .is_none_or(|tally| tally.acked == 0) =>
        {
            (
                Outcome::Inconclusive,
                Achieved::Nothing,
                "clients reach it only through rows of a database, and none that points at an object was \
                 acknowledged after the preload: none could have been lost"
                    .to_owned(),
            )
        }
        None if dangling == 0 && pointing == 0 => (
            Outcome::Inconclusive,
            Achieved::Nothing,
            "no row was found that points at one of its objects: nothing was covered".to_owned(),
        ),
        None => (
            if dangling > 0 { Outcome::Fail } else { Outcome::Pass },
            Achieved::Count {
                lower: dangling,
                upper: Some(dangling),
            },
            format!(
                "judged by the {} at its objects: {}",
                count(pointing, "row that points", "rows that point"),
                count(
                    dangling,
                    "kept row whose object is lost, wrong or absent",
                    "kept rows whose object is lost, wrong or absent"
                )
            ),
        ),
    };
    Finding {
        limit: Some(limit.clone()),
        source: Some(limit.source.clone()),
        ..plain(id, format!("RPO of {name}"), outcome, achieved, because)
    }
}

/// Whether the run was long enough to be able to miss this figure.
fn too_short(facts: &Facts<'_>, loss: &PartLoss, term: &ComponentTerm, limit: &Limit) -> Option<String> {
    let struck = facts.struck?;
    let written = loss.first_write.map_or(0, |first| {
        facts.calendar.at_least(facts.stalls.at(first).late, struck.early)
    });
    let cycles = i128::from(term.backup_cycle.unwrap_or(0).max(0)) * 2;
    let half = i128::from(limit.plan) * 3;
    if written * 2 < half || written < cycles {
        return Some(format!(
            "could not have failed: {} of plan time with writes before the strike, where 1.5 x RPO and two backup cycles want {}",
            words(written),
            words(cycles.max((half + 1) / 2))
        ));
    }
    None
}

/// What was lost, in words.
fn story(facts: &Facts<'_>, loss: &PartLoss) -> String {
    let lost = &loss.loss;
    let mut story = match (loss.first_lost, facts.struck) {
        (Some(first), Some(struck)) => {
            let edge = |from: Nanos, until: Nanos| words(facts.calendar.at_least(from, until));
            let place = if first.late < struck.early {
                format!("{} of plan time before the strike", edge(first.late, struck.early))
            } else {
                format!("{} of plan time after the strike", edge(struck.late, first.early))
            };
            format!(
                "lost {} of {}, {} of them acknowledged before the strike; the first lost was acknowledged {place}",
                count(lost.lost, "acknowledged write", "acknowledged writes"),
                lost.acked,
                lost.lost_before_strike
            )
        }
        _ => format!(
            "none of {} was lost",
            count(lost.acked, "acknowledged write", "acknowledged writes")
        ),
    };
    if lost.possibly_lost > 0 {
        story.push_str(&format!(
            ", {} possibly lost and overwritten since",
            count(lost.possibly_lost, "older version", "older versions")
        ));
    }
    story.push_str("; loss");
    story
}

/// Whether a component has classes that write anything but preload.
pub(crate) fn is_exercised(facts: &Facts<'_>, component: usize) -> bool {
    let slots = facts.ground.slots.iter().flatten();
    slots
        .filter(|slot| slot.role != Role::Preload)
        .any(|slot| usize::from(slot.component) == component)
}
