//! Validate: the stability window passes under load; then load stops, every operation is resolved, and the recovered
//! data is read and questioned.

use std::sync::PoisonError;
use std::time::Duration;

use firedrill_core::event::Event;
use firedrill_core::stamp::{Nanos, SECOND, Stamp};
use firedrill_core::terms::Demanded;
use firedrill_load::{TierLive, Totals, now};

use super::capacity::Ramp;
use super::{Drill, DrillError};
use crate::run_directory::HISTOGRAMS;

/// Longer is not waited for a service that does not come back.
const WAIT_OUT_MAX: Nanos = 180 * SECOND;
/// Checks that are less frequent than this by the plan's own clock are not waited for.
const QUIET_MAX: Nanos = 40 * SECOND;
/// A service that is not back so long after the procedure is said to be waited for.
const TOLD_AFTER: Nanos = 3 * SECOND;

impl Drill {
    /// `ended` is when the procedure ended.
    pub(super) async fn validate(&mut self, ended: Nanos) -> Result<(), DrillError> {
        self.wait_for_service(ended).await?;
        self.wait_for_quiet().await?;
        let serves = self.all_good();
        self.stop_load().await?;
        self.measure_stored()?;
        if serves {
            self.ramp(Ramp::After).await?;
        }
        if let Some(serving) = self.find_serving().await {
            self.read_and_check(&serving).await?;
        } else {
            self.note("no running database serves the application: there is nothing to read".into());
        }
        Ok(())
    }

    /// Waits until every tier has been good for the stability window, or until it is too late for that.
    async fn wait_for_service(&self, ended: Nanos) -> Result<(), DrillError> {
        let terms = &self.script.terms;
        // The load's own figures are those of its last whole second: what they call good has been so for a second.
        let wanted = terms.stability + SECOND / 2;
        let too_late = ended + terms.settle + wanted;
        let mut good_since = None;
        let mut told = false;
        loop {
            self.still_recording()?;
            let at = now();
            if self.all_good() {
                let since = *good_since.get_or_insert(at);
                if at - since >= wanted {
                    return Ok(());
                }
            } else {
                good_since = None;
                // The load's figures lag behind by a second, so a service that is back is not told to be missing.
                if !told && at >= ended + TOLD_AFTER {
                    told = true;
                    self.note(format!(
                        "the procedure has ended and service is not back: it has {} s of drill time for that (`settle`)",
                        terms.settle / SECOND
                    ));
                }
            }
            // A window that has begun may end; none may begin when it is too late.
            if at >= too_late && (good_since.is_none() || at >= too_late + wanted) {
                return self.wait_out_the_run().await;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Where the plan demands that monitoring is restored: the monitor is given one more round of its checks to see that all
    /// is well again.
    async fn wait_for_quiet(&self) -> Result<(), DrillError> {
        let criteria = &self.script.terms.criteria;
        let Some(monitor) = &self.monitor else { return Ok(()) };
        if !criteria.iter().any(|term| term.demand == Demanded::MonitoringRestored) {
            return Ok(());
        }
        let alerts = monitor.alerts();
        let until = now() + QUIET_MAX;
        while now() < until && !alerts.borrow().standing().is_empty() {
            self.still_recording()?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Nothing is at work any more: the calendar sets the pace again until the drill gives up, so that a target is
    /// proved to be missed rather than left open.
    async fn wait_out_the_run(&self) -> Result<(), DrillError> {
        let Some(struck) = self.struck else { return Ok(()) };
        // No less plan time than drill time has passed since the strike.
        let left = self.script.terms.run_limit - (now() - struck.late);
        let wait = self.scaled(left.max(0)).min(WAIT_OUT_MAX) + SECOND;
        let until = now() + wait;
        self.note(format!(
            "service did not come back, and nothing is at work any more: the plan's calendar runs on for {} s of drill time, \
             until the drill gives up, so that a target is proved to be missed",
            wait / SECOND
        ));
        self.set_rate(self.scale());
        while now() < until {
            self.still_recording()?;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        self.set_rate(1);
        let why = "service was not restored within the settle time after the procedure's end".into();
        self.recorder.record_now(Event::GaveUp { why });
        Ok(())
    }

    pub(super) fn all_good(&self) -> bool {
        self.live_now()
            .is_some_and(|live| !live.tiers.is_empty() && live.tiers.iter().all(|tier| self.is_good(tier)))
    }

    fn is_good(&self, live: &TierLive) -> bool {
        let Some(level) = live.tier else { return true };
        let Some(term) = self.script.terms.tiers.iter().find(|term| term.level == level) else {
            return true;
        };
        let sum = live.acked_per_second + live.errors_per_second;
        let errors_ppm = live
            .errors_per_second
            .saturating_mul(1_000_000)
            .checked_div(sum)
            .unwrap_or(u64::MAX);
        let slow = i64::try_from(live.p99).unwrap_or(i64::MAX) > term.thresholds.response;
        live.acked_per_second > 0 && errors_ppm <= u64::from(term.thresholds.errors_ppm) && !slow
    }

    async fn stop_load(&self) -> Result<(), DrillError> {
        let (workload, canary) = {
            let mut load = self.load.lock().unwrap_or_else(PoisonError::into_inner);
            (load.workload.take(), load.canary.take())
        };
        let early = now();
        if let Some(canary) = &canary {
            canary.halt();
        }
        if let Some(workload) = &workload {
            workload.halt();
        }
        self.recorder.record(Stamp::new(early, now()), Event::LoadStopped {});
        if let Some(workload) = workload {
            self.keep_histograms("clients", &workload.stop().await?)?;
        }
        if let Some(canary) = canary {
            self.keep_histograms("canary", &canary.stop().await?)?;
        }
        Ok(())
    }

    fn keep_histograms(&self, name: &str, totals: &Totals) -> Result<(), DrillError> {
        let folder = self.script.directory.join(HISTOGRAMS);
        std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::File::create_new(folder.join(format!("{name}.hlog"))))
            .and_then(|mut file| totals.write_histograms(&mut file))
            .map_err(|error| DrillError::Recorder(format!("the histograms cannot be written: {error}")))
    }
}
