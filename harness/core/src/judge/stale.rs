//! Reads after recovery that return an older value than the life that serves had already acknowledged: something answers
//! from a copy that is behind, however whole the data itself may be.

use crate::ledger::{NO_INCARNATION, Operation, OperationKind, OperationOutcome, flag};
use crate::stamp::Nanos;
use crate::verdict::{Achieved, Finding, Outcome};

use super::duration::count;
use super::facts::Facts;
use super::finding::plain;
use super::restoration::Restoration;

/// One finding for each component with such reads; none where there is none.
///
/// Only reads sent after the service was certainly restored count, and only against what the last life of the component
/// acknowledged before they were sent: versions of earlier lives may be lost, which is judged elsewhere. Both instants are
/// read in the client, and an answer received before a request is made is ordered whatever the clocks do.
pub(crate) fn findings(facts: &Facts<'_>, overall: &Restoration, operations: &[Operation]) -> Vec<Finding> {
    let Some(restored) = overall.restored() else {
        return Vec::new();
    };
    let passes = (operations.len() / AT_A_TIME + 1) as u64;
    let parts = facts.ground.parts.iter().enumerate();
    parts
        .filter_map(|(component, part)| {
            let stale: u64 = (0..passes)
                .map(|pass| Register::of(facts, component, operations, (pass, passes)).stale(restored.late))
                .sum();
            (stale > 0).then(|| {
                plain(
                    format!("stale.{}", part.name),
                    format!("No read of {} is behind its writes", part.name),
                    Outcome::Fail,
                    Achieved::Count {
                        lower: stale,
                        upper: Some(stale),
                    },
                    format!(
                        "{} after the service was restored returned an older version than the life that serves had \
                         acknowledged before",
                        count(stale, "read", "reads")
                    ),
                )
            })
        })
        .collect()
}

/// What a key went through, in the order in which that is certain.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    /// A delete was sent: from here on the key may be absent.
    Deleting,
    /// A read was sent that was answered.
    Read,
    /// The life that serves acknowledged a version.
    Acked,
}

/// So many operations are taken at a time, by their keys, so that a long run needs no more memory than a short one.
const AT_A_TIME: usize = 4_000_000;

/// The marks of some keys of a component, by key and then by time.
struct Register(Vec<(u16, u64, Nanos, Mark, u32)>);

impl Register {
    fn of(facts: &Facts<'_>, component: usize, operations: &[Operation], (pass, passes): (u64, u64)) -> Register {
        let mut marks = Vec::new();
        let part = &facts.ground.parts[component];
        let Some(last) = part.lineage.last_life() else {
            return Register(marks);
        };
        for operation in operations {
            let slot = facts.ground.slot(operation.class);
            let Some(slot) =
                slot.filter(|slot| usize::from(slot.component) == component && operation.key % passes == pass)
            else {
                continue;
            };
            let mut mark = |at, mark| marks.push((slot.space, operation.key, at, mark, operation.version));
            let acked = operation.outcome == OperationOutcome::Acked && operation.flags & flag::QUEUED == 0;
            if operation.kind == OperationKind::Read {
                if acked {
                    mark(operation.sent, Mark::Read);
                }
                continue;
            }
            let sent = matches!(
                operation.outcome,
                OperationOutcome::Acked | OperationOutcome::Indeterminate
            );
            if operation.kind == OperationKind::Delete && sent {
                mark(operation.sent, Mark::Deleting);
            }
            if acked && operation.incarnation != NO_INCARNATION && part.lineage.life(operation) == Some(last) {
                mark(operation.done, Mark::Acked);
            }
        }
        marks.sort_unstable();
        Register(marks)
    }

    /// How many reads sent after `from` returned less than was acknowledged before they were sent.
    fn stale(&self, from: Nanos) -> u64 {
        let mut stale = 0;
        for key in self.0.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)) {
            let newest_delete = key
                .iter()
                .filter(|mark| mark.3 == Mark::Deleting)
                .map(|mark| mark.4)
                .max();
            let mut newest = 0;
            for (_, _, at, mark, version) in key {
                match mark {
                    Mark::Deleting => {}
                    Mark::Acked => newest = newest.max(*version),
                    // A key that somebody deleted, before or after, may be absent.
                    Mark::Read if *version == 0 && newest_delete >= Some(newest) => {}
                    Mark::Read => stale += u64::from(*at > from && *version < newest),
                }
            }
        }
        stale
    }
}
