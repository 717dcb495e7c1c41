//! One check, run at the plan's interval until the monitor stops: in order, never two at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use firedrill_core::event::{DelayKind, FAILURES_MAX};
use firedrill_core::stamp::Nanos;
use firedrill_core::{Event, Stamp};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::Shared;
use super::pace::Pace;
use super::probe::{Probe, Seen};
use super::rule::{Change, Rule};
use crate::alert::Alert;
use crate::clock::{self, Stopwatch};

/// What one check is and needs.
pub(super) struct Watch {
    pub(super) name: String,
    /// Plan nanoseconds.
    pub(super) every: Nanos,
    /// Plan nanoseconds.
    pub(super) timeout: Nanos,
    pub(super) rules: Vec<Rule>,
    /// By rule: when the checks of its present row of failures were made, the newest last.
    pub(super) rows: Vec<VecDeque<Stamp>>,
    pub(super) probe: watch::Receiver<Probe>,
    pub(super) scale: watch::Receiver<u32>,
    pub(super) shared: Arc<Shared>,
}

/// The largest delays told since the scale last changed; only a larger one is worth another event.
#[derive(Default)]
struct Told {
    probe: Nanos,
    scheduling: Nanos,
    rounding: Nanos,
}

impl Watch {
    /// Runs until it is dropped: every await point is safe to end at.
    pub(super) async fn run(mut self) {
        let mut scale = *self.scale.borrow_and_update();
        let mut pace = self.pace(scale);
        let mut told = Told::default();
        self.tell_floors(scale, &pace, &mut told);
        let mut due = Instant::now();
        let mut last: Option<Instant> = None;
        loop {
            tokio::select! {
                biased;
                changed = self.scale.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    scale = *self.scale.borrow_and_update();
                    pace = self.pace(scale);
                    told = Told::default();
                    self.tell_floors(scale, &pace, &mut told);
                    // The check that was to come follows the last one by the new interval.
                    due = last.map_or_else(Instant::now, |last| (last + pace.interval()).max(Instant::now()));
                    continue;
                }
                () = sleep_until(due) => {}
            }
            let late = crate::figure::as_nanos(Instant::now().saturating_duration_since(due));
            last = Some(Instant::now());
            let watch = Stopwatch::start();
            let probe = self.probe.borrow_and_update().clone();
            let shared = Arc::clone(&self.shared);
            let seen = probe.look(pace.timeout(), &|unix_ms| shared.plan_since(unix_ms)).await;
            let stamp = watch.stamp();
            self.take_in(&seen, stamp, scale, &pace, &mut told);
            if scale > 1 {
                self.tell(DelayKind::Scheduling, late, stamp, &mut told.scheduling);
                self.tell(
                    DelayKind::Probe,
                    pace.unplanned(stamp.late - stamp.early, seen.timed_out),
                    stamp,
                    &mut told.probe,
                );
            }
            due = (due + pace.interval()).max(Instant::now());
        }
    }

    fn pace(&self, scale: u32) -> Pace {
        Pace::at(scale, self.every, self.timeout)
    }

    /// What floors under the interval add, told before the first check they delay.
    fn tell_floors(&self, scale: u32, pace: &Pace, told: &mut Told) {
        if scale > 1 {
            let added = self
                .rules
                .iter()
                .map(|rule| pace.added(rule.failures, 0))
                .max()
                .unwrap_or(0);
            self.tell(DelayKind::Rounding, added, clock::instant(), &mut told.rounding);
        }
    }

    fn take_in(&mut self, seen: &Seen, stamp: Stamp, scale: u32, pace: &Pace, told: &mut Told) {
        let healthy = seen.healthy && self.rules.iter().all(|rule| rule.is_healthy(seen));
        self.shared.observer.observed(
            stamp,
            Event::Probe {
                check: self.name.clone(),
                healthy,
                seen: seen.text.clone(),
            },
        );
        for index in 0..self.rules.len() {
            let before = self.rules[index].in_a_row();
            let change = self.rules[index].observe(seen);
            keep_row(&mut self.rows[index], before, self.rules[index].in_a_row(), stamp);
            let rule = &self.rules[index];
            let Some(change) = change else { continue };
            let raised = change == Change::Raised;
            if raised && scale > 1 {
                // Told before the alert: what the floors under the timeouts that were waited out have added to it.
                let added = pace.added(rule.failures, rule.timed_out_in_a_row());
                self.tell(DelayKind::Rounding, added, stamp, &mut told.rounding);
            }
            let (name, kind) = (rule.name.clone(), rule.kind.clone());
            // The rule fires when the check has ended, and has fired when the alert is told.
            let stamp = Stamp::new(stamp.late, clock::now());
            self.shared.observer.observed(
                stamp,
                Event::Alert {
                    rule: name.clone(),
                    kind: kind.clone(),
                    raised,
                    failures: match raised {
                        true => self.rows[index].iter().copied().collect(),
                        false => Vec::new(),
                    },
                },
            );
            self.shared.alerts.send_modify(|alerts| {
                if raised {
                    alerts.raise(Alert {
                        rule: name,
                        kind,
                        stamp,
                        unix_ms: clock::unix_ms(),
                    });
                } else {
                    alerts.clear(&name);
                }
            });
        }
    }

    fn tell(&self, kind: DelayKind, drill: Nanos, stamp: Stamp, largest: &mut Nanos) {
        if drill > *largest {
            *largest = drill;
            self.shared.observer.observed(stamp, Event::Delay { kind, drill });
        }
    }
}

/// How long a stop waits for checks to end before they are ended.
pub(super) const STOP_MAX: Duration = Duration::from_secs(1);

/// Keeps when the failures of a rule's present row were, as many as are told with an alert.
fn keep_row(row: &mut VecDeque<Stamp>, before: u32, after: u32, stamp: Stamp) {
    match after {
        0 => row.clear(),
        _ if after > before => {
            if row.len() == FAILURES_MAX {
                row.pop_front();
            }
            row.push_back(stamp);
        }
        // A check that said nothing.
        _ => {}
    }
}
