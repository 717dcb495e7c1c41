//! When service broke and when it was back: impact and restored, each with both bounds.
//!
//! Unknown windows count as good for the lower bound of restored and as bad for its upper bound, so that missing
//! evidence can only push the two apart.

use crate::event::Role;
use crate::stamp::{Nanos, Stamp};

use super::bounds::{Bounds, clamp};
use super::classify::Classified;
use super::facts::Facts;
use super::loss::PartLoss;
use super::series::WindowState;
use super::windows::Windows;

/// Impact and restored of one tier, or of all at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Restoration {
    /// Start of the first window after the strike that is not known to be good.
    pub(crate) impact_early: Option<Nanos>,
    /// Start of the first that certainly misses.
    pub(crate) impact_late: Option<Nanos>,
    /// Not restored before this.
    pub(crate) restored_early: Nanos,
    /// Restored by then at the latest; `None`: never proved.
    pub(crate) restored_late: Option<Nanos>,
    /// Service was bad, or never read back, to the end: `restored_early` is when the harness gave up.
    pub(crate) never: bool,
    /// The windows show nothing but good service from the strike through the recovery.
    pub(crate) untouched: bool,
    /// Windows begin and reach beyond the strike.
    pub(crate) measured: bool,
    /// `restored_early` and `restored_late` before service was lost again; the same where it was not.
    pub(crate) first: (Nanos, Option<Nanos>),
    /// Service was lost again after a whole stability window of it.
    pub(crate) relapsed: bool,
}

impl Restoration {
    /// Impact as a stamp, where it certainly came.
    pub(crate) fn impact(&self) -> Option<Stamp> {
        let late = self.impact_late?;
        Some(Stamp::new(self.impact_early.unwrap_or(late).min(late), late))
    }

    /// Restored as a stamp, where it is proved.
    pub(crate) fn restored(&self) -> Option<Stamp> {
        let late = self.restored_late?;
        Some(Stamp::new(self.restored_early.min(late), late))
    }

    /// Plan time from `from` to restored, not widened.
    pub(crate) fn since(&self, facts: &Facts<'_>, from: Stamp) -> Bounds {
        Bounds {
            lower: facts.calendar.at_least(from.late, self.restored_early),
            upper: self.restored_late.map(|late| facts.calendar.at_most(from.early, late)),
        }
    }

    /// Plan time from its own impact to restored, not widened; 0 where there was none.
    pub(crate) fn downtime(&self, facts: &Facts<'_>) -> Bounds {
        if !self.measured {
            return Bounds::UNKNOWN;
        }
        if self.untouched {
            return Bounds::ZERO;
        }
        let upper = match (self.impact_early, self.restored_late) {
            (Some(early), Some(late)) => Some(facts.calendar.at_most(early, late)),
            _ => None,
        };
        let lower = self
            .impact_late
            .map_or(0, |late| facts.calendar.at_least(late, self.restored_early));
        Bounds { lower, upper }
    }
}

/// Proof that a component's present incarnation serves: what was written to it was read back.
pub(crate) struct ReadBack<'a> {
    facts: &'a Facts<'a>,
    classified: &'a Classified,
    /// Each group stands for a tier: one of its components suffices, every group must.
    groups: Vec<Vec<usize>>,
}

impl<'a> ReadBack<'a> {
    /// For the tiers at these places of the terms.
    pub(crate) fn of(
        facts: &'a Facts<'a>,
        classified: &'a Classified,
        losses: &[PartLoss],
        tiers: &[usize],
    ) -> ReadBack<'a> {
        let written = |component: &usize| losses[*component].first_write.is_some();
        let groups = tiers
            .iter()
            .map(|tier| {
                let level = facts.terms.tiers[*tier].level;
                let slots = facts.ground.slots.iter().flatten();
                let own = slots.filter(|slot| slot.role == Role::Workload && slot.tier == Some(level));
                let mut own: Vec<usize> = own.map(|slot| usize::from(slot.component)).filter(written).collect();
                if own.is_empty() {
                    own = (0..losses.len()).filter(written).collect();
                }
                own.sort_unstable();
                own.dedup();
                own
            })
            .collect();
        ReadBack {
            facts,
            classified,
            groups,
        }
    }

    /// Whether it was certainly (or possibly) proved by `at`.
    fn by(&self, at: Nanos, certainly: bool) -> bool {
        self.groups
            .iter()
            .all(|group| group.iter().any(|component| self.one_by(*component, at, certainly)))
    }

    fn one_by(&self, component: usize, at: Nanos, certainly: bool) -> bool {
        let lineage = &self.facts.ground.parts[component].lineage;
        let proofs = if certainly {
            &self.classified.read_back
        } else {
            &self.classified.read_back_possibly
        };
        let in_time = |incarnation: &u16| {
            proofs.get(incarnation).is_some_and(|read| {
                let read = self.facts.stalls.at(*read);
                if certainly { read.late <= at } else { read.early <= at }
            })
        };
        match lineage.in_force(Stamp::at(at)) {
            Some(incarnation) => in_time(&incarnation),
            None => !certainly && lineage.incarnations.iter().any(in_time),
        }
    }

    /// Whether anybody tried to read after `from`: where nobody did, a missing proof says nothing.
    fn tried(&self, from: Nanos) -> bool {
        self.groups.iter().all(|group| {
            group.iter().any(|component| {
                self.facts.account.parts[*component]
                    .last_read_sent
                    .is_some_and(|sent| sent >= from)
            })
        })
    }
}

/// Finds impact and restored in a run of windows.
pub(crate) fn find(
    facts: &Facts<'_>,
    windows: &Windows,
    states: &[WindowState],
    lapsed: &[bool],
    read_back: &ReadBack<'_>,
) -> Restoration {
    let mut found = Restoration::default();
    let Some(struck) = facts.struck else { return found };
    found.restored_early = struck.early;
    if states.is_empty() || windows.start(states.len()) <= struck.late {
        return found;
    }
    found.measured = struck.early >= windows.origin;
    let first = windows.index_at(struck.early);
    for (index, state) in states.iter().enumerate().skip(first) {
        let start = windows.start(index);
        if *state != WindowState::Good && found.impact_early.is_none() {
            found.impact_early = Some(start.max(struck.early));
        }
        if *state == WindowState::Bad {
            found.impact_late = Some(start.max(struck.late));
            break;
        }
    }
    let base = facts.recovered_from();
    let stability = facts.terms.stability.max(0);
    let end = windows.start(states.len());
    let low = base
        .map_or(struck.early, |base| base.early)
        .max(found.impact_early.unwrap_or(struck.early));
    let stretch = Stretch { windows, stability };

    let bad = next(states, |state| state == WindowState::Bad);
    let miss = next(states, |state| state != WindowState::Good);
    match stretch.first(states.len(), low, &bad, true, |at| read_back.by(at, false)) {
        Some(early) => found.restored_early = early,
        None if stretch.first(states.len(), low, &bad, true, |_| true).is_none() => {
            // Bad to the last window: the harness gave up while service was down.
            found.restored_early = end.max(low);
            found.never = true;
        }
        None => {
            let early = stretch.first(states.len(), low, &bad, true, |_| true).unwrap_or(low);
            found.never = read_back.tried(low);
            found.restored_early = if found.never {
                early.max(end.saturating_sub(stability))
            } else {
                early
            };
        }
    }
    if let Some(base) = base {
        let high = base.late.max(found.impact_late.unwrap_or(base.late));
        found.restored_late = stretch.first(states.len(), high, &miss, false, |at| read_back.by(at, true));
        found.untouched = found.impact_early.is_none() && found.restored_late.is_some();
    }
    found.first = (found.restored_early, found.restored_late);
    // A relapse starts over: what counts is the return after the last loss of service.
    let proved_by = clamp(i128::from(found.restored_early) + i128::from(stability));
    let last = (windows.index_at(proved_by)..states.len())
        .rev()
        .find(|index| lapsed[*index]);
    if let (Some(last), false) = (last, found.never) {
        found.relapsed = true;
        found.untouched = false;
        match stretch.first(states.len(), windows.start(last), &bad, true, |_| true) {
            Some(early) => found.restored_early = early.max(found.restored_early),
            None => {
                found.restored_early = end.max(found.restored_early);
                found.never = true;
            }
        }
        if found.restored_late.is_some() {
            let from = windows.start(last + 1);
            found.restored_late = stretch.first(states.len(), from, &miss, false, |at| read_back.by(at, true));
        }
    }
    found
}

/// For each window the first at or after it that `misses`; the last entry stands for the end.
fn next(states: &[WindowState], misses: impl Fn(WindowState) -> bool) -> Vec<usize> {
    let mut next = vec![usize::MAX; states.len() + 1];
    for index in (0..states.len()).rev() {
        next[index] = if misses(states[index]) { index } else { next[index + 1] };
    }
    next
}

struct Stretch<'a> {
    windows: &'a Windows,
    stability: Nanos,
}

impl Stretch<'_> {
    /// The earliest instant not before `from` through whose stability window nothing misses and `proved` holds at
    /// its end. `open`: what lies beyond the last window may be good, and the answer is a lower bound, the start of
    /// the last window that misses.
    fn first(
        &self,
        count: usize,
        from: Nanos,
        next: &[usize],
        open: bool,
        proved: impl Fn(Nanos) -> bool,
    ) -> Option<Nanos> {
        let begin = self.windows.index_at(from);
        let mut index = begin;
        while index < count {
            let start = from.max(self.windows.start(index));
            let end = clamp(i128::from(start) + i128::from(self.stability));
            let last = self.windows.index_at(end.saturating_sub(1).max(start));
            let miss = next[index];
            if miss <= last {
                index = miss + 1;
                continue;
            }
            if last >= count && !open {
                return None;
            }
            if proved(end) {
                let start_of_miss = if open && index > begin {
                    self.windows.start(index - 1)
                } else {
                    start
                };
                return Some(start_of_miss.max(from));
            }
            index += 1;
        }
        // Beyond the last window nothing is known: the lower bound may lie there, unless the last window missed.
        None
    }
}
