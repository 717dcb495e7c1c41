//! What one window, or several taken together, says of a tier: counts held against the plan's thresholds.
//!
//! A window of some twenty operations cannot tell 1 % from 4 %: one slow answer among them is no proof either way. What
//! rests on a few operations is judged with the windows around it.

use crate::ledger::{Operation, OperationKind, OperationOutcome, flag};
use crate::stamp::Nanos;
use crate::terms::TierTerm;

use super::super::key::Fate;
use super::super::series::WindowState;
use super::latency;

/// So many operations that were not served in time prove nothing by themselves.
const FEW: u64 = 2;

/// The operations scheduled in a span of time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    pub(super) scheduled: u32,
    pub(super) good: u32,
    /// Of those, answered by a durable queue.
    pub(super) queued: u32,
    /// Good if a queued entry that nobody verified was kept.
    pub(super) doubtful: u32,
    pub(super) errors: u32,
    pub(super) acked: u32,
    /// Of the acknowledged, later than the threshold.
    pub(super) slow: u32,
    /// Answered in degraded mode.
    pub(super) degraded: u32,
    pub(super) p50: Nanos,
    pub(super) p99: Nanos,
    pub(super) max: Nanos,
}

/// Whether a threshold is missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Miss {
    No,
    /// Missed, by no more than chance may bring.
    Barely,
    /// By more than two standard deviations and one operation beyond what is allowed.
    Clearly,
}

/// In time and scheduled while the state was steady: the share that service is held against.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Steady {
    pub(super) good: u128,
    pub(super) scheduled: u128,
}

impl Cell {
    pub(super) fn take(&mut self, operation: &Operation, term: &TierTerm, fate: Fate) {
        self.scheduled = self.scheduled.saturating_add(1);
        let queued = operation.flags & flag::QUEUED != 0;
        if is_error(operation, fate) {
            self.errors = self.errors.saturating_add(1);
            return;
        }
        self.acked = self.acked.saturating_add(1);
        let slow = latency(operation) > term.thresholds.response;
        self.slow = self.slow.saturating_add(u32::from(slow));
        if operation.flags & flag::DEGRADED != 0 && !queued {
            self.degraded = self.degraded.saturating_add(1);
            return;
        }
        if slow {
            return;
        }
        if queued && operation.kind != OperationKind::Read && !matches!(fate, Fate::Kept | Fate::Presumed) {
            self.doubtful = self.doubtful.saturating_add(1);
        } else {
            self.good = self.good.saturating_add(1);
            self.queued = self.queued.saturating_add(u32::from(queued));
        }
    }

    /// Takes the counts of another span; the ranks of latency stay this one's.
    pub(super) fn join(&mut self, other: &Cell) {
        for (own, other) in [
            (&mut self.scheduled, other.scheduled),
            (&mut self.good, other.good),
            (&mut self.queued, other.queued),
            (&mut self.doubtful, other.doubtful),
            (&mut self.errors, other.errors),
            (&mut self.acked, other.acked),
            (&mut self.slow, other.slow),
            (&mut self.degraded, other.degraded),
        ] {
            *own = own.saturating_add(other);
        }
    }

    /// Whether only a few operations were not served.
    fn few(&self) -> bool {
        let unserved = u64::from(self.scheduled)
            .saturating_sub(u64::from(self.good))
            .saturating_sub(u64::from(self.doubtful));
        unserved <= FEW
    }

    /// Whether the plan's thresholds, and 95 % of the steady share where one is given, are missed; with the doubtful
    /// counted as asked. 99 % of clients must be answered in time.
    pub(super) fn misses(&self, term: &TierTerm, doubtful_good: bool, steady: Option<Steady>) -> Miss {
        let doubtful = u64::from(self.doubtful);
        let errors = u64::from(self.errors) + if doubtful_good { 0 } else { doubtful };
        let good = u64::from(self.good) + if doubtful_good { doubtful } else { 0 };
        let of = u128::from(self.scheduled);
        let by_errors = beyond(errors, u128::from(term.thresholds.errors_ppm) * of);
        let by_slow = beyond(self.slow.into(), u128::from(self.acked) * 10_000);
        let by_goodput = steady.filter(|steady| steady.scheduled > 0).map_or(Miss::No, |steady| {
            if u128::from(good) * steady.scheduled * 100 >= 95 * steady.good * of {
                return Miss::No;
            }
            let allowed = (of * 1_000_000).saturating_sub(950_000 * steady.good * of / steady.scheduled);
            let short = u64::from(self.scheduled).saturating_sub(good);
            beyond(short, allowed).max(Miss::Barely)
        });
        by_errors.max(by_slow).max(by_goodput)
    }

    /// What it says of the service; `around` gives the windows about it, this one included, taken together.
    pub(super) fn state(&self, term: &TierTerm, steady: Option<Steady>, around: impl FnOnce() -> Cell) -> WindowState {
        if self.degraded > 0 {
            return WindowState::Bad;
        }
        if self.misses(term, false, steady) == Miss::No {
            return WindowState::Good;
        }
        if self.misses(term, true, steady) == Miss::No {
            return WindowState::Unknown;
        }
        if !self.few() {
            return WindowState::Bad;
        }
        let around = around();
        match (around.misses(term, true, steady), around.misses(term, false, steady)) {
            (Miss::No, Miss::No) => WindowState::Good,
            (Miss::Clearly, _) => WindowState::Bad,
            _ => WindowState::Unknown,
        }
    }
}

/// Not acknowledged, or acknowledged by a queue that lost the entry: that served nobody.
pub(super) fn is_error(operation: &Operation, fate: Fate) -> bool {
    operation.outcome != OperationOutcome::Acked
        || (operation.flags & flag::QUEUED != 0 && operation.kind != OperationKind::Read && fate == Fate::Lost)
}

/// `found` operations where some millionths of one are allowed.
fn beyond(found: u64, allowed: u128) -> Miss {
    let found = u128::from(found) * 1_000_000;
    if found <= allowed {
        return Miss::No;
    }
    // Twice the standard deviation of a count about its mean (Poisson), and one more.
    match found.checked_sub(allowed + 1_000_000) {
        Some(over) if over * over > 4 * allowed * 1_000_000 => Miss::Clearly,
        _ => Miss::Barely,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_beyond_what_is_allowed_or_clearly_so() {
        assert_eq!(beyond(5, 5_000_000), Miss::No);
        assert_eq!(beyond(6, 5_000_000), Miss::Barely);
        assert_eq!(beyond(10, 5_000_000), Miss::Barely);
        assert_eq!(beyond(11, 5_000_000), Miss::Clearly);
        assert_eq!(beyond(0, 0), Miss::No);
        assert_eq!(beyond(1, 0), Miss::Barely);
        assert_eq!(beyond(2, 0), Miss::Clearly);
    }
}
