//! Detect and decide: wait for the plan's own monitor to notice, then grant people the time that the plan allows them.
//! Nobody is told what was broken.

use std::time::Duration;

use firedrill_core::event::Event;
use firedrill_core::stamp::{Nanos, SECOND};
use firedrill_core::terms::DetectorTerm;
use firedrill_load::now;

use super::{Drill, DrillError, nanos, sleep_until};

/// A monitor that has been silent for this long of drill time stays silent.
const SILENCE_MAX: Nanos = 120 * SECOND;

impl Drill {
    /// People take the time that the plan allows them; where nobody noticed, who met the damage reports it, or the harness
    /// orders the recovery.
    pub(super) fn decide(&mut self, noticed: bool, reported: Option<&str>) {
        let recorder = self.recorder.clone();
        if noticed {
            let mut credit = |allowance: &firedrill_respond::Allowance| {
                recorder.record_now(Event::Credit {
                    plan: allowance.plan,
                    what: allowance.what.clone(),
                });
            };
            self.people.acknowledge(&self.recorder, &mut credit);
            self.people.authorise(&self.recorder, &mut credit);
        } else {
            // Where no plan could notice, nobody failed to.
            if self.script.terms.detector != DetectorTerm::None {
                self.recorder.record_now(Event::OrderedByHarness {});
            }
            if let Some(who) = reported {
                self.recorder.record_now(Event::Declared { who: who.into() });
                self.recorder.record_now(Event::Authorised { who: who.into() });
            } else {
                self.recorder.record_now(Event::Authorised { who: "harness".into() });
            }
        }
    }

    /// What no alert can tell a person reports, after the time that the scenario gives; who.
    pub(super) async fn wait_for_report(&self) -> Result<Option<&'static str>, DrillError> {
        let after = self
            .scenario()
            .faults
            .iter()
            .find(|fault| fault.strikes)
            .and_then(|fault| fault.reported_after);
        let (Some(after), Some(struck)) = (after, self.struck) else {
            return Ok(None);
        };
        let until = struck.early + self.scaled(nanos(after)?);
        while now() < until {
            self.still_recording()?;
            sleep_until(until.min(now() + SECOND / 2)).await;
        }
        Ok(Some("a person who met the damage"))
    }

    /// Whether the monitor raised an alert of a kind that the fault can cause.
    pub(super) async fn wait_for_alert(&self) -> Result<bool, DrillError> {
        let DetectorTerm::Alerts { kinds, deadline } = &self.script.terms.detector else {
            return Ok(false);
        };
        let (Some(monitor), Some(struck)) = (&self.monitor, self.struck) else {
            return Ok(false);
        };
        let patience = match deadline {
            // The deadline itself, and enough beyond it that silence to it is proved.
            Some(limit) => self.scaled(limit.plan) + SECOND,
            // No plan says how long; half of the time after which the drill gives up leaves the other half to recover.
            None => self.scaled(self.script.terms.run_limit) / 2,
        };
        let until = struck.late + self.paused + patience.clamp(SECOND, SILENCE_MAX);
        while now() < until {
            self.still_recording()?;
            let slice = (until - now()).clamp(1, SECOND / 2);
            let slice = Duration::from_nanos(slice.unsigned_abs());
            if monitor.wait_for_alert(kinds, struck.early, slice).await.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
