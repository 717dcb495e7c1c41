//! The run of each tier in windows of 500 ms: what was scheduled, what came back in time, and what that says.
//!
//! A window speaks only where it has at least 20 samples and the harness was awake; otherwise it is unknown, and each
//! bound reads it against itself.

use crate::event::{Event, Phase, Role};
use crate::ledger::{Operation, OperationKind, OperationOutcome, flag};
use crate::stamp::{MILLISECOND, Nanos};
use crate::terms::TierTerm;

use super::bounds::clamp;
use super::classify::Classified;
use super::facts::Facts;
use super::key::Fate;
use super::series::{Latencies, Series, TierSeries, WindowPoint, WindowState};

/// Length of a window, drill nanoseconds.
pub(crate) const WINDOW: Nanos = 500 * MILLISECOND;
/// Fewer samples say nothing.
const SAMPLES_MIN: u32 = 20;
/// Windows of all tiers together; beyond this (some 28 hours of four tiers) a run is not judged.
const WINDOWS_MAX: i128 = 800_000;

/// The windows of all tiers, on one grid.
#[derive(Clone, Debug, Default)]
pub(crate) struct Windows {
    /// Start of the first window.
    pub(crate) origin: Nanos,
    /// Complete windows.
    pub(crate) count: usize,
    /// In the order of the terms' tiers.
    pub(crate) tiers: Vec<TierWindows>,
    /// The load lasted too long to be cut into windows.
    pub(crate) oversized: bool,
}

/// One tier's windows.
#[derive(Clone, Debug, Default)]
pub(crate) struct TierWindows {
    pub(crate) states: Vec<WindowState>,
    cells: Vec<Cell>,
    latencies: Latencies,
    /// Known windows of the steady state, and how many of them missed the plan's own thresholds.
    pub(crate) steady: u64,
    pub(crate) steady_bad: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    scheduled: u32,
    good: u32,
    /// Good if a queued entry that nobody verified was kept.
    doubtful: u32,
    errors: u32,
    acked: u32,
    degraded: bool,
    p50: Nanos,
    p99: Nanos,
    max: Nanos,
}

impl Windows {
    pub(crate) fn of(facts: &Facts<'_>, classified: &Classified, operations: &[Operation]) -> Windows {
        let mut windows = Windows {
            tiers: vec![TierWindows::default(); facts.terms.tiers.len()],
            ..Windows::default()
        };
        let Some((origin, last)) = facts.account.workload else {
            return windows;
        };
        let end = facts.load_stopped().map_or(last, |stopped| stopped.early);
        let count = ((i128::from(end) - i128::from(origin)) / i128::from(WINDOW)).max(0);
        windows.origin = origin;
        if count * facts.terms.tiers.len().max(1) as i128 > WINDOWS_MAX {
            windows.oversized = true;
            return windows;
        }
        windows.count = count as usize;
        let tier_of: Vec<Option<usize>> = facts
            .ground
            .slots
            .iter()
            .map(|slot| {
                let slot = slot.as_ref().filter(|slot| slot.role == Role::Workload)?;
                facts.terms.tiers.iter().position(|tier| Some(tier.level) == slot.tier)
            })
            .collect();
        let mut cells = vec![Cell::default(); windows.count * facts.terms.tiers.len()];
        let place = |operation: &Operation| -> Option<(usize, usize)> {
            let tier = tier_of.get(usize::from(operation.class)).copied().flatten()?;
            let window = (i128::from(operation.scheduled) - i128::from(origin)) / i128::from(WINDOW);
            let window = usize::try_from(window).ok().filter(|window| *window < windows.count)?;
            Some((tier, tier * windows.count + window))
        };
        for (index, operation) in operations.iter().enumerate() {
            if let Some((tier, cell)) = place(operation) {
                cells[cell].take(operation, &facts.terms.tiers[tier], classified.fate(index));
            }
        }
        let mut histograms = vec![Latencies::default(); facts.terms.tiers.len()];
        rank(&mut cells, operations, place, &mut histograms);
        for (tier, latencies) in histograms.into_iter().enumerate() {
            let own = cells[tier * windows.count..(tier + 1) * windows.count].to_vec();
            windows.tiers[tier] = TierWindows {
                cells: own,
                latencies,
                ..TierWindows::default()
            };
        }
        let blind = windows.blind(facts);
        let steady = windows.steady(facts);
        for (tier, term) in windows.tiers.iter_mut().zip(&facts.terms.tiers) {
            tier.judge(term, &blind, steady);
        }
        windows
    }

    /// Start of a window, which may be the one after the last.
    pub(crate) fn start(&self, index: usize) -> Nanos {
        clamp(i128::from(self.origin) + index as i128 * i128::from(WINDOW))
    }

    /// The window that an instant lies in; those before the first count as the first.
    pub(crate) fn index_at(&self, at: Nanos) -> usize {
        let index = (i128::from(at) - i128::from(self.origin)).max(0) / i128::from(WINDOW);
        usize::try_from(index).unwrap_or(usize::MAX)
    }

    /// The state of all tiers at once: bad where one is, good where all are.
    pub(crate) fn overall(&self) -> Vec<WindowState> {
        (0..self.count)
            .map(|index| {
                let mut states = self.tiers.iter().map(|tier| tier.states[index]);
                if self.tiers.is_empty() {
                    WindowState::Unknown
                } else if states.clone().any(|state| state == WindowState::Bad) {
                    WindowState::Bad
                } else if states.all(|state| state == WindowState::Good) {
                    WindowState::Good
                } else {
                    WindowState::Unknown
                }
            })
            .collect()
    }

    /// Windows in which the harness was not looking, or measured something else.
    fn blind(&self, facts: &Facts<'_>) -> Vec<bool> {
        let mut blind = vec![false; self.count];
        let ramps = facts
            .events
            .iter()
            .filter(|(_, event)| matches!(event, Event::Capacity { .. }));
        let spans = ramps.map(|(stamp, _)| *stamp).chain(facts.stalls.list.iter().copied());
        for span in spans {
            if span.late < self.origin {
                continue;
            }
            // A window ends where the next begins; a stall that begins there touches both.
            let first = self.index_at(span.early.saturating_sub(1));
            let last = self.index_at(span.late);
            for index in first..=last.min(self.count.saturating_sub(1)) {
                if let Some(blind) = blind.get_mut(index) {
                    *blind = true;
                }
            }
        }
        blind
    }

    /// First window of the steady state and the first after it.
    fn steady(&self, facts: &Facts<'_>) -> (usize, usize) {
        let begun = facts.events.iter().find_map(|(stamp, event)| match event {
            Event::Phase {
                phase: Phase::Steady,
                edge: crate::event::Edge::Begun,
            } => Some(*stamp),
            _ => None,
        });
        let (Some(begun), Some(struck)) = (begun, facts.struck) else {
            return (0, 0);
        };
        if struck.early < self.origin {
            return (0, 0);
        }
        let from = if begun.late <= self.origin {
            0
        } else {
            self.index_at(begun.late.saturating_sub(1)).saturating_add(1)
        };
        (from, self.index_at(struck.early).min(self.count))
    }

    /// For charts.
    pub(crate) fn series(&self, facts: &Facts<'_>) -> Series {
        let zero = facts
            .records
            .first()
            .map_or(self.origin, |record| record.stamp.early.min(record.stamp.late));
        let tiers = self
            .tiers
            .iter()
            .zip(&facts.terms.tiers)
            .map(|(tier, term)| TierSeries {
                tier: term.level,
                windows: tier
                    .cells
                    .iter()
                    .zip(&tier.states)
                    .enumerate()
                    .map(|(index, (cell, state))| WindowPoint {
                        from: self.start(index),
                        plan: clamp(facts.calendar.at_most(zero, self.start(index))),
                        scheduled: cell.scheduled,
                        good: cell.good,
                        errors: cell.errors,
                        p50_ns: cell.p50,
                        p99_ns: cell.p99,
                        max_ns: cell.max,
                        state: *state,
                    })
                    .collect(),
                latencies: tier.latencies.clone(),
            });
        Series { tiers: tiers.collect() }
    }
}

impl Cell {
    fn take(&mut self, operation: &Operation, term: &TierTerm, fate: Fate) {
        self.scheduled = self.scheduled.saturating_add(1);
        if operation.outcome != OperationOutcome::Acked {
            self.errors = self.errors.saturating_add(1);
            return;
        }
        let queued = operation.flags & flag::QUEUED != 0;
        if queued && operation.kind != OperationKind::Read && fate == Fate::Lost {
            // A queue that lost its entry served nobody.
            self.errors = self.errors.saturating_add(1);
            return;
        }
        self.acked = self.acked.saturating_add(1);
        if operation.flags & flag::DEGRADED != 0 && !queued {
            self.degraded = true;
            return;
        }
        if latency(operation) > term.thresholds.response {
            return;
        }
        if queued && operation.kind != OperationKind::Read && !matches!(fate, Fate::Kept | Fate::Presumed) {
            self.doubtful = self.doubtful.saturating_add(1);
        } else {
            self.good = self.good.saturating_add(1);
        }
    }

    /// Whether the plan's thresholds are met, with the doubtful counted as asked.
    fn within(&self, term: &TierTerm, doubtful_good: bool) -> bool {
        let doubtful = if doubtful_good { 0 } else { u64::from(self.doubtful) };
        let errors = u64::from(self.errors) + doubtful;
        errors * 1_000_000 <= u64::from(term.thresholds.errors_ppm) * u64::from(self.scheduled)
            && self.p99 <= term.thresholds.response
            && !self.degraded
    }
}

impl TierWindows {
    fn judge(&mut self, term: &TierTerm, blind: &[bool], steady: (usize, usize)) {
        let known = |index: usize, cell: &Cell| !blind[index] && cell.scheduled >= SAMPLES_MIN;
        let (mut good, mut scheduled) = (0_u128, 0_u128);
        for (index, cell) in self.cells.iter().enumerate().take(steady.1).skip(steady.0) {
            if known(index, cell) {
                self.steady += 1;
                self.steady_bad += u64::from(!cell.within(term, true));
                good += u128::from(cell.good);
                scheduled += u128::from(cell.scheduled);
            }
        }
        self.states = self
            .cells
            .iter()
            .enumerate()
            .map(|(index, cell)| {
                if !known(index, cell) {
                    return WindowState::Unknown;
                }
                // At least 95 % of the share that came back in time while the state was steady.
                let enough = |count: u64| u128::from(count) * scheduled * 100 >= 95 * good * u128::from(cell.scheduled);
                let most = u64::from(cell.good) + u64::from(cell.doubtful);
                if scheduled == 0 {
                    WindowState::Unknown
                } else if cell.within(term, false) && enough(u64::from(cell.good)) {
                    WindowState::Good
                } else if cell.within(term, true) && enough(most) {
                    WindowState::Unknown
                } else {
                    WindowState::Bad
                }
            })
            .collect();
    }
}

/// Latency from the scheduled start.
fn latency(operation: &Operation) -> Nanos {
    operation.done.saturating_sub(operation.scheduled).max(0)
}

/// Percentiles of each cell, and the histogram of each tier. Eight bytes for each acknowledged operation.
fn rank(
    cells: &mut [Cell],
    operations: &[Operation],
    place: impl Fn(&Operation) -> Option<(usize, usize)>,
    histograms: &mut [Latencies],
) {
    let mut next: Vec<usize> = Vec::with_capacity(cells.len());
    let mut total = 0_usize;
    for cell in cells.iter() {
        next.push(total);
        // Acknowledged, and queued entries that turned out lost.
        total += cell.acked as usize;
    }
    let mut latencies = vec![0; total];
    let mut counts: Vec<[u64; 64]> = vec![[0; 64]; histograms.len()];
    let ends: Vec<usize> = next
        .iter()
        .zip(cells.iter())
        .map(|(start, cell)| start + cell.acked as usize)
        .collect();
    for operation in operations
        .iter()
        .filter(|operation| operation.outcome == OperationOutcome::Acked)
    {
        let Some((tier, cell)) = place(operation) else { continue };
        let latency = latency(operation);
        let histogram = &mut histograms[tier];
        histogram.min_ns = if histogram.count == 0 {
            latency
        } else {
            histogram.min_ns.min(latency)
        };
        histogram.max_ns = histogram.max_ns.max(latency);
        histogram.count += 1;
        counts[tier][bucket(latency)] += 1;
        if next[cell] < ends[cell] {
            latencies[next[cell]] = latency;
            next[cell] += 1;
        }
    }
    for (histogram, counts) in histograms.iter_mut().zip(counts) {
        let buckets = counts.iter().enumerate().filter(|(_, count)| **count > 0);
        histogram.buckets = buckets.map(|(bit, count)| (clamp(1_i128 << bit), *count)).collect();
    }
    for (cell, end) in cells.iter_mut().zip(ends) {
        let own = &mut latencies[end - cell.acked as usize..end];
        own.sort_unstable();
        let rank = |percent: usize| {
            let rank = (own.len() * percent).div_ceil(100).max(1);
            own.get(rank - 1).copied().unwrap_or(0)
        };
        (cell.p50, cell.p99) = (rank(50), rank(99));
        cell.max = own.last().copied().unwrap_or(0);
    }
}

/// The power of two that holds a latency.
fn bucket(latency: Nanos) -> usize {
    if latency <= 1 {
        0
    } else {
        64 - (latency as u64 - 1).leading_zeros() as usize
    }
    .min(63)
}
