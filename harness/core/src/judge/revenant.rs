//! A life whose data the strike destroyed, and that serves again: somebody had kept its directory, and what was rehearsed is
//! not the disaster.

use crate::event::Event;
use crate::ledger::{NO_INCARNATION, Operation, OperationOutcome, flag};
use crate::verdict::{Achieved, Finding, Outcome};

use super::duration::count;
use super::facts::Facts;
use super::finding::plain;

/// One finding for each component that such a life serves; none where there is none.
pub(crate) fn findings(facts: &Facts<'_>, operations: &[Operation]) -> Vec<Finding> {
    let Some(struck) = facts.struck else { return Vec::new() };
    // The harness itself ends a life at the strike, and only one whose data is gone. What the team fences it may start
    // again.
    let ended: Vec<u16> = facts
        .events
        .iter()
        .filter_map(|(stamp, event)| match event {
            Event::Fenced { incarnation } if stamp.early <= struck.late => Some(*incarnation),
            _ => None,
        })
        .collect();
    let parts = facts.ground.parts.iter().enumerate();
    parts
        .filter_map(|(component, part)| {
            let acked = operations.iter().filter(|operation| {
                operation.outcome == OperationOutcome::Acked
                    && operation.incarnation != NO_INCARNATION
                    && ended.contains(&operation.incarnation)
                    && operation.flags & flag::QUEUED == 0
                    && operation.sent > struck.late
                    && !facts.stalls.at(operation.sent).touches(struck)
                    && facts
                        .ground
                        .slot(operation.class)
                        .is_some_and(|slot| usize::from(slot.component) == component)
            });
            let acked = acked.count() as u64;
            (acked > 0).then(|| {
                plain(
                    format!("revenant.{}", part.name),
                    format!("No life of {} comes back from the dead", part.name),
                    Outcome::Fail,
                    Achieved::Count {
                        lower: acked,
                        upper: Some(acked),
                    },
                    format!(
                        "the life whose data the strike destroyed acknowledged {} sent after it: what serves is a copy of the \
                         surviving directory, not what the plan restores",
                        count(acked, "operation", "operations")
                    ),
                )
            })
        })
        .collect()
}
