//! Answers of a durable queue: how many a tier's clients got from the strike on, and what became of the entries.
//!
//! An acknowledgement by a queue is service, yet not the service of the database: whoever reads "no downtime" has to be
//! told how much of it a queue gave.

use crate::ledger::{Operation, OperationKind, OperationOutcome, flag};
use crate::stamp::Stamp;

use super::duration::count;
use super::key::Fate;

/// Writes of one tier that a queue acknowledged after the strike, by what the final read tells of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Queue {
    answered: u64,
    found: u64,
    lost: u64,
}

impl Queue {
    /// Counts an operation if a queue acknowledged it after the strike's early edge.
    pub(crate) fn take(&mut self, operation: &Operation, fate: Fate, struck: Option<Stamp>) {
        let queued = operation.outcome == OperationOutcome::Acked
            && operation.kind != OperationKind::Read
            && operation.flags & flag::QUEUED != 0
            && struck.is_some_and(|struck| operation.done >= struck.early);
        if !queued {
            return;
        }
        self.answered += 1;
        match fate {
            Fate::Kept | Fate::Presumed => self.found += 1,
            Fate::Lost => self.lost += 1,
            Fate::Open | Fate::Possibly => {}
        }
    }

    /// `12 writes were answered by the durable queue, all found by the final read`; `None` where there were none.
    pub(crate) fn words(self) -> Option<String> {
        if self.answered == 0 {
            return None;
        }
        let answered = count(self.answered, "write was", "writes were");
        let became = if self.found == self.answered {
            "all found by the final read".to_owned()
        } else {
            format!(
                "{} of them found by the final read, {} lost, of {} nobody knows",
                self.found,
                self.lost,
                self.answered - self.found - self.lost
            )
        };
        Some(format!(
            "from the strike on {answered} answered by the durable queue, {became}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_of_a_queue_after_the_strike_count() {
        let struck = Some(Stamp::new(100, 120));
        let operation = |done, flags, kind| Operation {
            scheduled: done,
            sent: done,
            done,
            key: 1,
            version: 1,
            replaced: 0,
            incarnation: 0,
            class: 0,
            kind,
            outcome: OperationOutcome::Acked,
            flags,
            attempts: 1,
        };
        let mut queue = Queue::default();
        queue.take(&operation(99, flag::QUEUED, OperationKind::Insert), Fate::Kept, struck);
        queue.take(&operation(100, 0, OperationKind::Insert), Fate::Kept, struck);
        queue.take(&operation(100, flag::QUEUED, OperationKind::Read), Fate::Kept, struck);
        assert_eq!(queue.words(), None);
        queue.take(&operation(100, flag::QUEUED, OperationKind::Insert), Fate::Kept, struck);
        assert_eq!(
            queue.words().as_deref(),
            Some("from the strike on 1 write was answered by the durable queue, all found by the final read")
        );
        queue.take(&operation(130, flag::QUEUED, OperationKind::Insert), Fate::Lost, struck);
        queue.take(&operation(131, flag::QUEUED, OperationKind::Insert), Fate::Open, struck);
        assert_eq!(
            queue.words().as_deref(),
            Some(
                "from the strike on 3 writes were answered by the durable queue, 1 of them found by the final read, 1 lost, of 1 nobody knows"
            )
        );
    }
}
