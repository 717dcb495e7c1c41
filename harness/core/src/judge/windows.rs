//! The run of each tier in windows of 500 ms: what was scheduled, what came back in time, and what that says.
//!
//! A window speaks only where it has at least 20 samples and the harness was awake; otherwise it is unknown, and each
//! bound reads it against itself. What rests on one or two operations is judged with the windows around it.

mod cell;

use crate::event::{Event, Phase, Role};
use crate::ledger::{Operation, OperationOutcome};
use crate::stamp::{MILLISECOND, Nanos};
use crate::terms::TierTerm;

use super::bounds::clamp;
use super::classify::Classified;
use super::facts::Facts;
use super::key::Fate;
use super::queue::Queue;
use super::series::{Latencies, LeftOut, Series, TierSeries, WindowPoint, WindowState};
use cell::{Cell, Miss, Steady};

/// Length of a window, drill nanoseconds.
pub(crate) const WINDOW: Nanos = 500 * MILLISECOND;
/// Fewer samples say nothing.
const SAMPLES_MIN: u32 = 20;
/// A service of fewer operations than this, all windows around taken together, says nothing by itself.
const FEWEST: u32 = 5;
/// So many operations of the windows around one are taken together.
const AROUND: u32 = 200;
/// And no window further away than this: 10 s.
const REACH: usize = 20;
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
    /// Acknowledged operations that belong to no window of any tier.
    left_out: LeftOut,
    /// The load lasted too long to be cut into windows.
    pub(crate) oversized: bool,
}

/// One tier's windows.
#[derive(Clone, Debug, Default)]
pub(crate) struct TierWindows {
    pub(crate) states: Vec<WindowState>,
    cells: Vec<Cell>,
    latencies: Latencies,
    /// What a durable queue answered from the strike on.
    pub(crate) queue: Queue,
    /// Known windows of the steady state, and how many of them missed the plan's own thresholds.
    pub(crate) steady: u64,
    pub(crate) steady_bad: u64,
    /// Windows in which service was certainly gone for more than a moment.
    pub(crate) lapsed: Vec<bool>,
    known: Vec<bool>,
    share: Steady,
}

/// Operations of one service in one window.
#[derive(Clone, Copy, Debug, Default)]
struct Few {
    scheduled: u32,
    /// Not acknowledged, or later than the threshold.
    bad: u32,
}

impl Few {
    fn take(&mut self, operation: &Operation, term: &TierTerm, fate: Fate) {
        let bad = cell::is_error(operation, fate) || latency(operation) > term.thresholds.response;
        self.scheduled = self.scheduled.saturating_add(1);
        self.bad = self.bad.saturating_add(u32::from(bad));
    }
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
        let mut queues = vec![Queue::default(); facts.terms.tiers.len()];
        // By tier, for each of its services where it has several: its operations in each window.
        let mut services: Vec<Vec<Vec<Few>>> = vec![Vec::new(); facts.terms.tiers.len()];
        let mut service_of: Vec<Option<usize>> = vec![None; tier_of.len()];
        for (tier, services) in services.iter_mut().enumerate() {
            let own: Vec<usize> = (0..tier_of.len())
                .filter(|class| tier_of[*class] == Some(tier))
                .collect();
            if own.len() < 2 {
                continue;
            }
            for class in own {
                service_of[class] = Some(services.len());
                services.push(vec![Few::default(); windows.count]);
            }
        }
        for (index, operation) in operations.iter().enumerate() {
            if let Some((tier, cell)) = place(operation) {
                let (term, fate) = (&facts.terms.tiers[tier], classified.fate(index));
                cells[cell].take(operation, term, fate);
                queues[tier].take(operation, fate, facts.struck);
                if let Some(service) = service_of[usize::from(operation.class)] {
                    services[tier][service][cell - tier * windows.count].take(operation, term, fate);
                }
            } else if operation.outcome == OperationOutcome::Acked {
                match facts.ground.slot(operation.class).map(|slot| slot.role) {
                    Some(Role::Canary) => windows.left_out.canary += 1,
                    Some(Role::Workload) => windows.left_out.outside += 1,
                    _ => {}
                }
            }
        }
        let mut histograms = vec![Latencies::default(); facts.terms.tiers.len()];
        rank(&mut cells, operations, place, &mut histograms);
        for (tier, latencies) in histograms.into_iter().enumerate() {
            let own = cells[tier * windows.count..(tier + 1) * windows.count].to_vec();
            windows.tiers[tier] = TierWindows {
                cells: own,
                latencies,
                queue: queues[tier],
                ..TierWindows::default()
            };
        }
        let blind = windows.blind(facts);
        let steady = windows.steady(facts);
        let length = usize::try_from(facts.terms.stability.max(0) / WINDOW).unwrap_or(usize::MAX);
        for ((tier, term), services) in windows.tiers.iter_mut().zip(&facts.terms.tiers).zip(&services) {
            tier.judge(term, &blind, steady);
            tier.look_at_services(services);
            tier.lapsed = tier.lapses(term, length.min(windows.count));
        }
        windows
    }

    /// Where any tier's service was certainly gone for more than a moment.
    pub(crate) fn lapsed(&self) -> Vec<bool> {
        (0..self.count)
            .map(|index| self.tiers.iter().any(|tier| tier.lapsed[index]))
            .collect()
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

    /// Whether a tier's last whole window before `at` was good, and lies behind `impact`.
    pub(crate) fn serves_at(&self, tier: &TierWindows, at: Nanos, impact: Nanos) -> bool {
        let Some(last) = self.index_at(at).checked_sub(1) else {
            return false;
        };
        self.start(last) > impact && tier.states.get(last) == Some(&WindowState::Good)
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
                        queued: cell.queued,
                        errors: cell.errors,
                        p50_ns: cell.p50,
                        p99_ns: cell.p99,
                        max_ns: cell.max,
                        state: *state,
                    })
                    .collect(),
                latencies: tier.latencies.clone(),
            });
        Series {
            tiers: tiers.collect(),
            left_out: self.left_out,
        }
    }
}

impl TierWindows {
    fn judge(&mut self, term: &TierTerm, blind: &[bool], steady: (usize, usize)) {
        let known: Vec<bool> = self
            .cells
            .iter()
            .zip(blind)
            .map(|(cell, blind)| !blind && cell.scheduled >= SAMPLES_MIN)
            .collect();
        let mut share = Steady::default();
        for index in (steady.0..steady.1.min(self.cells.len())).filter(|index| known[*index]) {
            let cell = &self.cells[index];
            share.good += u128::from(cell.good);
            share.scheduled += u128::from(cell.scheduled);
            self.steady += 1;
            let state = cell.state(term, None, || around(&self.cells, &known, index));
            self.steady_bad += u64::from(state == WindowState::Bad);
        }
        self.states = (0..self.cells.len())
            .map(|index| {
                if !known[index] || share.scheduled == 0 {
                    return WindowState::Unknown;
                }
                self.cells[index].state(term, Some(share), || around(&self.cells, &known, index))
            })
            .collect();
        self.known = known;
        self.share = share;
    }

    /// What hides in the tier's sum: a service of few clients that answers none of them.
    fn look_at_services(&mut self, services: &[Vec<Few>]) {
        for windows in services {
            for index in 0..windows.len().min(self.states.len()) {
                if !self.known[index] || windows[index].bad == 0 {
                    continue;
                }
                let pool = pool(&self.known, index, |at, sum: &mut Few| {
                    sum.scheduled += windows[at].scheduled;
                    sum.bad += windows[at].bad;
                    sum.scheduled >= SAMPLES_MIN
                });
                if pool.scheduled < FEWEST {
                    continue;
                }
                if pool.bad * 2 >= pool.scheduled {
                    self.states[index] = WindowState::Bad;
                } else if pool.bad * 5 >= pool.scheduled && self.states[index] == WindowState::Good {
                    self.states[index] = WindowState::Unknown;
                }
            }
        }
    }

    /// Windows that certainly miss, within a stretch of `length` of them that taken together clearly misses: not the
    /// noise of one window, but service that is gone again.
    fn lapses(&self, term: &TierTerm, length: usize) -> Vec<bool> {
        let length = length.max(1);
        let mut lapsed = vec![false; self.states.len()];
        for start in 0..self.states.len().saturating_sub(length - 1) {
            let span = start..start + length;
            if !span
                .clone()
                .any(|index| self.states[index] == WindowState::Bad && !lapsed[index])
            {
                continue;
            }
            let mut sum = Cell::default();
            for index in span.clone().filter(|index| self.known[*index]) {
                sum.join(&self.cells[index]);
            }
            let bad = span
                .clone()
                .filter(|index| self.states[*index] == WindowState::Bad)
                .count();
            // Half of them bad stands for a service that hides in the tier's sum.
            if sum.misses(term, true, Some(self.share)) == Miss::Clearly || bad * 2 > length {
                for index in span.filter(|index| self.states[*index] == WindowState::Bad) {
                    lapsed[index] = true;
                }
            }
        }
        lapsed
    }
}

/// The windows about one, the nearest first, taken together until they hold enough to tell 1 % from 4 %.
fn around(cells: &[Cell], known: &[bool], index: usize) -> Cell {
    pool(known, index, |at, sum: &mut Cell| {
        sum.join(&cells[at]);
        sum.scheduled >= AROUND
    })
}

/// Takes in known windows, from one outwards to both sides, until `add` has enough or they are `REACH` away.
fn pool<T: Default>(known: &[bool], index: usize, add: impl Fn(usize, &mut T) -> bool) -> T {
    let mut sum = T::default();
    for distance in 0..REACH {
        let sides = [index.checked_sub(distance), (distance > 0).then_some(index + distance)];
        for at in sides.into_iter().flatten() {
            if known.get(at).copied().unwrap_or(false) && add(at, &mut sum) {
                return sum;
            }
        }
    }
    sum
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
