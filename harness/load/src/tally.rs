//! Counts of what became of operations: for the terminal while load runs, and in total at the end.

use std::collections::{BTreeMap, VecDeque};

use firedrill_core::Operation;
use firedrill_core::ledger::OperationOutcome;
use firedrill_core::stamp::{Nanos, SECOND};
use hdrhistogram::Histogram;

use crate::dispatch::Span;
/// Operations of one tier so far, and its last whole second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TierLive {
    /// The tier; `None` for classes without one (canary, capacity).
    pub tier: Option<u8>,
    /// Operations that ended so far, by outcome.
    pub acked: u64,
    /// See `acked`.
    pub refused: u64,
    /// See `acked`.
    pub indeterminate: u64,
    /// See `acked`.
    pub not_sent: u64,
    /// Acked in the last whole second.
    pub acked_per_second: u64,
    /// Not acked in the last whole second.
    pub errors_per_second: u64,
    /// Latency of the acked from their scheduled start, last whole second, nanoseconds; 0 where none.
    pub p50: u64,
    /// See `p50`.
    pub p99: u64,
}

/// What load does now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Live {
    /// Operations scheduled so far.
    pub scheduled: u64,
    /// Those that ended, by tier.
    pub tiers: Vec<TierLive>,
}

/// What one tier's operations came to.
#[derive(Clone, Debug)]
pub struct TierTotals {
    /// The tier; `None` for classes without one.
    pub tier: Option<u8>,
    /// Operations by outcome.
    pub acked: u64,
    /// See `acked`.
    pub refused: u64,
    /// See `acked`.
    pub indeterminate: u64,
    /// See `acked`.
    pub not_sent: u64,
    /// Latency of acked operations from their scheduled start, nanoseconds, three digits, to 600 s.
    pub latency: Histogram<u64>,
    /// Time from scheduled start to sending, of all that were sent; as `latency`.
    pub lag: Histogram<u64>,
}

/// What a load came to; the four outcomes sum to the schedule.
#[derive(Clone, Debug)]
pub struct Totals {
    /// Operations scheduled.
    pub scheduled: u64,
    /// Outcomes over all tiers.
    pub acked: u64,
    /// See `acked`.
    pub refused: u64,
    /// See `acked`.
    pub indeterminate: u64,
    /// See `acked`.
    pub not_sent: u64,
    /// By tier.
    pub tiers: Vec<TierTotals>,
    /// When the schedule began and ended: no operation is scheduled outside.
    pub began: Nanos,
    /// See `began`.
    pub ended: Nanos,
}

#[derive(Debug, Default)]
struct Second {
    begun: Nanos,
    acked: u64,
    errors: u64,
    latencies: Vec<u64>,
}

#[derive(Debug)]
struct Tier {
    totals: TierTotals,
    /// The running second at the back, whole ones before it.
    seconds: VecDeque<Second>,
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    tiers: BTreeMap<Option<u8>, Tier>,
}

/// Latencies kept for the last second's percentiles; more are not needed for a terminal.
const LATENCIES_MAX: usize = 1 << 14;

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1000, 600 * SECOND as u64, 3).expect("bounds are valid")
}

impl Tally {
    pub(crate) fn new(tiers: impl IntoIterator<Item = Option<u8>>) -> Tally {
        let tier = |tier| Tier {
            totals: TierTotals {
                tier,
                acked: 0,
                refused: 0,
                indeterminate: 0,
                not_sent: 0,
                latency: histogram(),
                lag: histogram(),
            },
            seconds: VecDeque::from([Second::default()]),
        };
        Tally {
            tiers: tiers.into_iter().map(|of| (of, tier(of))).collect(),
        }
    }

    pub(crate) fn add(&mut self, of: Option<u8>, operation: &Operation) {
        let Some(tier) = self.tiers.get_mut(&of) else { return };
        let second = tier.seconds.back_mut().expect("one is always running");
        let totals = &mut tier.totals;
        match operation.outcome {
            OperationOutcome::Acked => {
                totals.acked += 1;
                let latency = (operation.done - operation.scheduled).max(0) as u64;
                totals.latency.saturating_record(latency);
                second.acked += 1;
                if second.latencies.len() < LATENCIES_MAX {
                    second.latencies.push(latency);
                }
            }
            OperationOutcome::Refused => totals.refused += 1,
            OperationOutcome::Indeterminate => totals.indeterminate += 1,
            OperationOutcome::NotSent => totals.not_sent += 1,
        }
        if operation.outcome != OperationOutcome::Acked {
            second.errors += 1;
        }
        if operation.outcome != OperationOutcome::NotSent {
            totals
                .lag
                .saturating_record((operation.sent - operation.scheduled).max(0) as u64);
        }
    }

    /// Ends the running second where it is over.
    pub(crate) fn tick(&mut self, now: Nanos) {
        for tier in self.tiers.values_mut() {
            let begun = tier.seconds.back().map_or(0, |second| second.begun);
            if now - begun >= SECOND {
                tier.seconds.push_back(Second {
                    begun: now,
                    ..Second::default()
                });
                while tier.seconds.len() > 2 {
                    tier.seconds.pop_front();
                }
            }
        }
    }

    pub(crate) fn live(&self, scheduled: u64) -> Live {
        let tiers = self.tiers.values().map(|tier| {
            let totals = &tier.totals;
            let mut live = TierLive {
                tier: totals.tier,
                acked: totals.acked,
                refused: totals.refused,
                indeterminate: totals.indeterminate,
                not_sent: totals.not_sent,
                ..TierLive::default()
            };
            if tier.seconds.len() == 2 {
                let second = &tier.seconds[0];
                let mut latencies = second.latencies.clone();
                latencies.sort_unstable();
                let at = |percent: usize| latencies.get(latencies.len() * percent / 100).copied().unwrap_or(0);
                live.acked_per_second = second.acked;
                live.errors_per_second = second.errors;
                live.p50 = at(50);
                live.p99 = at(99);
            }
            live
        });
        Live {
            scheduled,
            tiers: tiers.collect(),
        }
    }

    pub(crate) fn totals(self, scheduled: u64, span: Span) -> Totals {
        let tiers: Vec<TierTotals> = self.tiers.into_values().map(|tier| tier.totals).collect();
        let sum = |of: fn(&TierTotals) -> u64| tiers.iter().map(of).sum::<u64>();
        Totals {
            scheduled,
            acked: sum(|tier| tier.acked),
            refused: sum(|tier| tier.refused),
            indeterminate: sum(|tier| tier.indeterminate),
            not_sent: sum(|tier| tier.not_sent),
            tiers,
            began: span.began,
            ended: span.ended,
        }
    }
}
