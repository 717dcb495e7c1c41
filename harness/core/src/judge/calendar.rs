//! Plan time between two stamps, with both bounds, and the quantum.
//!
//! Changes of rate and credits are stamps like all else: where one may lie on either side of an edge, the lower
//! bound takes the slower reading and the upper bound the faster.

use super::bounds::Bounds;
use super::stalls::Stalls;
use crate::clock::{PlanClock, Rate};
use crate::event::{DelayKind, Event, Record};
use crate::stamp::{Nanos, Stamp};

/// More changes of rate than this are no calendar.
pub(crate) const RATES_MAX: usize = 2_000;

/// The plan clock as the judge reads it.
#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    slow: PlanClock,
    fast: PlanClock,
    pub(crate) credits: Vec<(Stamp, i128)>,
    /// What every interval is widened by, plan nanoseconds.
    pub(crate) quantum: i128,
    /// Changes of rate recorded.
    pub(crate) changes: usize,
    /// Delays recorded.
    pub(crate) delays: usize,
}

impl Calendar {
    pub(crate) fn of(records: &[Record], stalls: &Stalls, scale: u32) -> Calendar {
        let mut changes: Vec<(Stamp, u32)> = Vec::new();
        let mut credits = Vec::new();
        let (mut delay_max, mut rounding_max, mut delays) = (0, 0, 0);
        for record in records {
            match &record.event {
                Event::Rate { rate } => changes.push((stalls.widen(record.stamp), (*rate).max(1))),
                Event::Credit { plan, .. } => {
                    credits.push((stalls.widen(record.stamp), i128::from(*plan).max(0)));
                }
                Event::Delay { kind, drill } => {
                    delays += 1;
                    match kind {
                        DelayKind::Rounding => rounding_max = i128::from(*drill).max(rounding_max),
                        _ => delay_max = i128::from(*drill).max(delay_max),
                    }
                }
                _ => {}
            }
        }
        // Where nothing is scaled a delay is not stretched: it stands for itself.
        let quantum = if scale > 1 {
            i128::from(scale) * (delay_max + rounding_max)
        } else {
            0
        };
        let recorded = changes.len();
        changes.truncate(RATES_MAX);
        changes.sort_by_key(|(stamp, _)| (stamp.late, stamp.early));
        let (slow, fast) = clocks(&changes);
        Calendar {
            slow,
            fast,
            credits,
            quantum,
            changes: recorded,
            delays,
        }
    }

    /// Plan time from one stamp to another, not widened by the quantum.
    pub(crate) fn between(&self, from: Stamp, until: Stamp) -> Bounds {
        Bounds {
            lower: self.at_least(from.late, until.early),
            upper: Some(self.at_most(from.early, until.late)),
        }
    }

    /// Plan time that certainly passed from one instant to another; 0 where the second is not after the first.
    pub(crate) fn at_least(&self, from: Nanos, until: Nanos) -> i128 {
        if until <= from {
            return 0;
        }
        let credited: i128 = self
            .credits
            .iter()
            .filter(|(stamp, _)| stamp.early > from && stamp.late <= until)
            .map(|(_, plan)| plan)
            .sum();
        self.slow.scaled_at(until) - self.slow.scaled_at(from) + credited
    }

    /// Plan time that may have passed.
    pub(crate) fn at_most(&self, from: Nanos, until: Nanos) -> i128 {
        if until < from {
            return 0;
        }
        let credited: i128 = self
            .credits
            .iter()
            .filter(|(stamp, _)| stamp.late > from && stamp.early <= until)
            .map(|(_, plan)| plan)
            .sum();
        self.fast.scaled_at(until) - self.fast.scaled_at(from) + credited
    }

    /// The earliest instant from which at most `plan` of plan time may have passed until `until`.
    pub(crate) fn back_from(&self, until: Nanos, plan: i128) -> Nanos {
        let (mut low, mut high) = (Nanos::MIN, until);
        while low < high {
            let middle = low + ((i128::from(high) - i128::from(low)) / 2) as Nanos;
            if self.at_most(middle, until) <= plan {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        high
    }
}

/// The slowest and the fastest clock that the changes, in their order, allow.
fn clocks(changes: &[(Stamp, u32)]) -> (PlanClock, PlanClock) {
    let mut edges: Vec<Nanos> = changes
        .iter()
        .flat_map(|(stamp, _)| [stamp.early, stamp.late])
        .collect();
    edges.sort_unstable();
    edges.dedup();
    let (mut slow, mut fast) = (Vec::new(), Vec::new());
    for from in edges {
        // In force from here on may be: the last change that certainly came, and all that may have come after it.
        let certain = changes.iter().rposition(|(stamp, _)| stamp.late <= from);
        let base = certain.map_or(1, |index| changes[index].1);
        let later = changes[certain.map_or(0, |index| index + 1)..]
            .iter()
            .filter(|(stamp, _)| stamp.early <= from)
            .map(|(_, rate)| *rate);
        let (mut low, mut high) = (base, base);
        for rate in later {
            low = low.min(rate);
            high = high.max(rate);
        }
        slow.push(Rate { from, rate: low });
        fast.push(Rate { from, rate: high });
    }
    (PlanClock::new(slow, Vec::new()), PlanClock::new(fast, Vec::new()))
}
