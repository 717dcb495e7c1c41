//! The declared recovery point: nothing that its source acknowledged before it may be lost.

use crate::event::{Event, Point};
use crate::ledger::Operation;
use crate::stamp::{MILLISECOND, Nanos, Stamp};
use crate::verdict::{Achieved, Finding, Outcome};

use super::classify::Classified;
use super::duration::{count, words};
use super::facts::Facts;
use super::finding::plain;
use super::ground::Part;
use super::key::Fate;

/// A point that samples place within this much drill time counts as placed: what lies between is part of the loss
/// anyway, and a finer order between a write and a position of the WAL is not recorded. Every finding that lets something
/// pass by it says so.
const PLACED: Nanos = 1_000 * MILLISECOND;

/// A declared point, placed in time.
struct Placed {
    source: u16,
    /// What was acknowledged before this was certainly before the point.
    certain: Nanos,
    /// What was acknowledged (or, for a position, sent) at or after this was certainly not.
    possible: Option<Nanos>,
    lsn: bool,
}

/// One finding for each component whose data was taken over from a point, and words about what is not judged.
pub(crate) fn findings(
    facts: &Facts<'_>,
    classified: &Classified,
    operations: &[Operation],
    about: &mut Vec<String>,
) -> Vec<Finding> {
    (0..facts.ground.parts.len())
        .filter_map(|component| finding(facts, classified, operations, component, about))
        .collect()
}

fn finding(
    facts: &Facts<'_>,
    classified: &Classified,
    operations: &[Operation],
    component: usize,
    about: &mut Vec<String>,
) -> Option<Finding> {
    let part = &facts.ground.parts[component];
    facts.terms.components.get(&part.name)?;
    let struck = facts.struck?;
    let takeovers = part
        .lineage
        .takeovers
        .iter()
        .filter(|takeover| takeover.stamp.late >= struck.early)
        .count();
    let declared: Vec<(Stamp, u16, Point)> = facts
        .events
        .iter()
        .filter_map(|(stamp, event)| match event {
            Event::RecoveryPoint {
                component,
                source,
                point,
            } if *component == part.name => Some((*stamp, *source, *point)),
            _ => None,
        })
        .collect();
    if takeovers == 0 && declared.is_empty() {
        return None;
    }
    let id = format!("declared_point.{}", part.name);
    let title = format!("Nothing before the declared recovery point of {} is lost", part.name);
    let make = |outcome, achieved, because: String| Some(plain(id.clone(), title.clone(), outcome, achieved, because));
    let open = |because: String| make(Outcome::Inconclusive, Achieved::Nothing, because);
    let read = match &facts.reads[component] {
        Ok(read) => *read,
        Err(why) => return open(why.clone()),
    };
    let in_time = declared
        .iter()
        .filter(|(stamp, ..)| stamp.late <= read.begun.early)
        .count();
    if in_time < takeovers || in_time < declared.len() {
        return open(format!(
            "{} after the strike, but {} declared before the final read",
            count(takeovers as u64, "takeover", "takeovers"),
            count(in_time as u64, "recovery point was", "recovery points were")
        ));
    }
    let points: Vec<_> = declared
        .iter()
        .filter(|(_, _, point)| *point != Point::Undeclared)
        .collect();
    if points.is_empty() {
        about.push(format!(
            "{}: the tool declares no recovery point, so none is held against it",
            part.name
        ));
        return None;
    }
    let positions = points.iter().any(|(_, _, point)| matches!(point, Point::Lsn(_)));
    let (mut lost, mut open_writes, mut wide) = (0_u64, 0_u64, false);
    let mut story = Vec::new();
    for (_, source, point) in points {
        let mut placed = place(facts, *source, *point);
        if placed.possible.is_none() {
            // No sample lies beyond the point: it is no later than the end of what its source acknowledged.
            placed.possible = last_ack(classified, operations, part, placed.source)
                .map(|at| at.max(placed.certain).saturating_add(1));
        }
        let before = facts.stalls.certainly_before(placed.certain);
        let width = placed
            .possible
            .map(|possible| i128::from(possible) - i128::from(placed.certain));
        let own = |write: &super::classify::AckedWrite<'_>| {
            let slot = facts.ground.slot(write.operation.class);
            slot.is_some_and(|slot| usize::from(slot.component) == component)
                && write.fate == Fate::Lost
                && part
                    .lineage
                    .life(write.operation)
                    .is_some_and(|life| life.0 == placed.source)
        };
        let (mut certain, mut between) = (0_u64, 0_u64);
        for write in classified.writes(operations).filter(own) {
            let edge = if placed.lsn { write.operation.sent } else { write.acked };
            if write.acked < before {
                certain += 1;
            } else if placed.possible.is_none_or(|possible| edge < possible) {
                between += 1;
            }
        }
        lost += certain;
        open_writes += between;
        wide |= between > 0 && width.is_none_or(|width| width > i128::from(PLACED));
        let mut told = format!(
            "{} acknowledged before it",
            count(certain, "lost write was", "lost writes were")
        );
        if between > 0 {
            let within = match width {
                Some(width) if placed.certain > Nanos::MIN => format!("within {} of", words(width.max(0))),
                Some(_) => "after the last position known before".to_owned(),
                None => "before a later position known than".to_owned(),
            };
            let why = if placed.lsn {
                "an order between a write and a position of the WAL is not recorded"
            } else {
                "the point is known no better"
            };
            told.push_str(&format!("; {between} could not be ordered {within} the point: {why}"));
        }
        story.push(told);
    }
    let mut because = story.join("; ");
    // What counts: a place that is close enough leaves nothing open, and then no range is shown that would pass.
    let unordered = if wide { open_writes } else { 0 };
    let achieved = Achieved::Count {
        lower: lost,
        upper: Some(lost.saturating_add(unordered)),
    };
    if open_writes > 0 && lost == 0 && !wide {
        because.push_str(&format!(
            ", and up to {} is let pass (they count in the RPO)",
            words(PLACED.into())
        ));
    }
    let mut outcome = match (lost, wide) {
        (1.., _) => Outcome::Fail,
        (0, true) => Outcome::Inconclusive,
        (0, false) => Outcome::Pass,
    };
    if lost > 0 && positions && acknowledges_early(facts) {
        outcome = Outcome::Inconclusive;
        because.push_str(
            "; but with synchronous_commit off an acknowledgement does not wait for its WAL, so that what was acknowledged \
             before a position was reached may lie behind it",
        );
    }
    let mut finding = make(outcome, achieved, because)?;
    finding.unordered = open_writes - unordered;
    Some(finding)
}

/// Whether a server answers COMMIT before its WAL is written.
fn acknowledges_early(facts: &Facts<'_>) -> bool {
    facts.events.iter().any(|(_, event)| {
        matches!(event, Event::Deviation { setting, value } if setting.rsplit(": ").next() == Some("synchronous_commit") && value == "off")
    })
}

/// When a life of the data acknowledged its last write.
fn last_ack(classified: &Classified, operations: &[Operation], part: &Part, source: u16) -> Option<Nanos> {
    classified
        .writes(operations)
        .filter(|write| part.lineage.life(write.operation).is_some_and(|life| life.0 == source))
        .map(|write| write.acked)
        .max()
}

fn place(facts: &Facts<'_>, source: u16, point: Point) -> Placed {
    match point {
        Point::Time(stamp) => {
            let stamp = facts.stalls.widen(stamp);
            Placed {
                source,
                certain: stamp.early,
                possible: Some(stamp.late),
                lsn: false,
            }
        }
        Point::Lsn(at) => {
            let mut placed = Placed {
                source,
                certain: Nanos::MIN,
                possible: None,
                lsn: true,
            };
            for (stamp, event) in &facts.events {
                let Event::Lsn { incarnation, lsn } = event else {
                    continue;
                };
                if *incarnation != source {
                    continue;
                }
                if *lsn <= at {
                    placed.certain = placed.certain.max(stamp.early);
                } else {
                    placed.possible = Some(placed.possible.map_or(stamp.late, |possible| possible.min(stamp.late)));
                }
            }
            placed
        }
        Point::Undeclared => Placed {
            source,
            certain: Nanos::MIN,
            possible: Some(Nanos::MIN),
            lsn: false,
        },
    }
}
