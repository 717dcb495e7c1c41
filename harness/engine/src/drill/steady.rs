//! Steady: load and probes run at the calendar's pace until there has been enough of it, then the strike is planned.

use std::time::Duration;

use firedrill_backup::BaseBackupOptions;
use firedrill_core::event::Event;
use firedrill_core::scenario::{ConditionTime, Opening, Strike};
use firedrill_core::stamp::{MILLISECOND, Nanos, SECOND};
use firedrill_load::now;

use super::{Drill, DrillError, nanos, sleep_until};
use crate::cadence::{Cadence, Kind, Schedule};
use crate::strike;

/// So long before it is due the strike is settled.
const PLANNED_AHEAD: Nanos = 40 * MILLISECOND;
/// So long before it is due the conditions are injected that wait for it.
const CONDITIONS_AHEAD: Nanos = 800 * MILLISECOND;
/// A strike that was put off for this long, since restorable points kept coming, comes all the same.
const STRIKE_DELAY_MAX: Nanos = 60 * SECOND;
/// Longer than any steady state of a drill: beyond it something is wrong with the scenario's figures.
const STEADY_MAX: Nanos = 4 * 3600 * SECOND;

impl Drill {
    /// Runs the steady phase; returns the instant of the strike.
    pub(super) async fn steady(&mut self) -> Result<Nanos, DrillError> {
        self.steady_from = now();
        self.set_rate(self.scale());
        self.open_calendar();
        if let Some(watch) = &self.archive {
            watch.begin_steady();
        }
        self.begin_backups()?;

        let length = self.scaled(nanos(self.scenario().steady)?);
        if length > STEADY_MAX {
            return Err(DrillError::Other(format!(
                "steady is {} at scale {}: more than four hours of drill; raise calendar_scale",
                self.scenario().steady,
                self.scale()
            )));
        }
        let not_before = self.steady_from + length;
        let broken = match self.scenario().backup.wal.as_ref().and_then(|wal| wal.broken_after) {
            Some(after) => Some(self.steady_from + self.scaled(nanos(after)?)),
            None => None,
        };
        if let Some(broken) = broken.filter(|at| *at < not_before) {
            self.watch_until(broken).await?;
            self.break_archive().await?;
        }
        let planned = match self.script.recalled.as_ref().and_then(|recalled| recalled.strike_after) {
            Some(after) => self.wait_for_recalled(after).await?,
            None => self.wait_for_strike(not_before).await?,
        };
        self.recorder.record_now(Event::Note { text: planned.words() });
        self.judge_steady();
        Ok(planned.at)
    }

    /// Ranges of time of the scenario are reckoned from here by whoever spoils or restores by them.
    fn open_calendar(&self) {
        let opening = Opening {
            unix_ms: firedrill_backup::unix_ms(),
            scale: self.scale(),
        };
        let _ = self.opening.set(opening);
        if let Some(team) = &self.team {
            team.open_calendar(opening);
        }
    }

    /// Waits until the strike is due. It is planned anew with every restorable point that completes on the way, so that
    /// a late one does not put the strike just behind it.
    async fn wait_for_strike(&mut self, not_before: Nanos) -> Result<strike::Planned, DrillError> {
        self.watch_until(not_before - SECOND).await?;
        let draw = self.script.seed.rotate_left(17) ^ 0x9E37_79B9_7F4A_7C15;
        let mut conditions_due = true;
        loop {
            self.still_recording()?;
            let backups = strike::Backups {
                restorable: self
                    .archive
                    .as_ref()
                    .map(|watch| watch.completions())
                    .unwrap_or_default(),
                push_max: self.archive.as_ref().map_or(0, |watch| watch.push_max()),
                next_start: self.next_backup(),
            };
            let planned = strike::plan(
                &self.scenario().strike,
                &backups,
                self.steady_from,
                not_before,
                self.scale(),
                draw,
            );
            // A backup that starts before the strike would put it off, and be newer than what conditions look for.
            let settled = backups.next_start.is_none_or(|start| start > planned.at);
            if conditions_due && settled && planned.at - now() <= CONDITIONS_AHEAD {
                conditions_due = false;
                self.look_at_conditions(|_| true).await;
                self.inject_conditions(ConditionTime::BeforeStrike).await?;
                continue;
            }
            if planned.at - now() <= PLANNED_AHEAD || now() > not_before + STRIKE_DELAY_MAX {
                if conditions_due {
                    self.look_at_conditions(|_| true).await;
                    self.inject_conditions(ConditionTime::BeforeStrike).await?;
                }
                return Ok(planned);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the instant at which an earlier run was struck is near.
    async fn wait_for_recalled(&mut self, after: Nanos) -> Result<strike::Planned, DrillError> {
        let at = self.steady_from + after;
        self.watch_until(at - CONDITIONS_AHEAD).await?;
        self.look_at_conditions(|_| true).await;
        self.inject_conditions(ConditionTime::BeforeStrike).await?;
        self.watch_until(at - PLANNED_AHEAD).await?;
        Ok(strike::Planned {
            at,
            inputs: [
                ("rule".to_owned(), "recalled".to_owned()),
                ("after_ns".to_owned(), after.to_string()),
                ("at_ns".to_owned(), at.to_string()),
            ]
            .into(),
        })
    }

    /// Waits until an instant, making sure twice a second that the evidence is still written.
    async fn watch_until(&self, at: Nanos) -> Result<(), DrillError> {
        while now() < at {
            self.still_recording()?;
            sleep_until(at.min(now() + SECOND / 2)).await;
        }
        Ok(())
    }

    /// The harness's own look: every tier was answered within the last second, and nearly nothing failed.
    fn judge_steady(&self) {
        let mut why = Vec::new();
        match self.live_now() {
            None => why.push("no load runs".to_owned()),
            Some(live) => {
                for tier in &live.tiers {
                    let level = tier
                        .tier
                        .map_or_else(|| "no tier".to_owned(), |level| format!("tier {level}"));
                    let limit = tier
                        .tier
                        .and_then(|level| self.errors_allowed(level, tier.acked_per_second));
                    if tier.acked_per_second == 0 {
                        why.push(format!("{level}: nothing was acknowledged in the last second"));
                    } else if limit.is_some_and(|limit| tier.errors_per_second > limit) {
                        why.push(format!(
                            "{level}: {} operations failed in the last second",
                            tier.errors_per_second
                        ));
                    }
                }
            }
        }
        self.recorder.record_now(Event::Steady {
            held: why.is_empty(),
            why: why.join("; "),
        });
    }

    fn errors_allowed(&self, level: u8, acked: u64) -> Option<u64> {
        let tier = self.script.terms.tiers.iter().find(|tier| tier.level == level)?;
        Some(acked.saturating_mul(u64::from(tier.thresholds.errors_ppm)) / 1_000_000)
    }

    /// Start of the next backup that the strike has to come before: a base backup for the longest replay; what moves the
    /// restorable point otherwise, where that is not the archive.
    fn next_backup(&self) -> Option<Nanos> {
        let start = |cadence: &Option<Cadence>| cadence.as_ref().and_then(Cadence::next_start);
        match self.scenario().strike {
            Strike::WorstForRto => start(&self.bases),
            _ if self.scenario().backup.wal.is_some() => None,
            _ => start(&self.dumps).or_else(|| start(&self.bases)),
        }
    }

    /// Backups at the cadence of the scenario, from here on.
    fn begin_backups(&mut self) -> Result<(), DrillError> {
        let backup = self.scenario().backup.clone();
        if let Some(cadence) = &backup.dump {
            let kind = match self.own_backup("dump", cadence)? {
                Some(own) => Kind::Own(own),
                None => Kind::Dump(self.client_program("pg_dump")),
            };
            self.dumps = Some(self.begin_cadence(cadence, kind)?);
        }
        if let Some(cadence) = &backup.base {
            let options = BaseBackupOptions {
                unchecked: cadence.unchecked,
                ..BaseBackupOptions::default()
            };
            let kind = self.own_backup("base", cadence)?.map_or(Kind::Base(options), Kind::Own);
            self.bases = Some(self.begin_cadence(cadence, kind)?);
        }
        if let Some(cadence) = &backup.files {
            let bucket = self.files_bucket()?;
            self.copies = Some(self.begin_cadence(cadence, Kind::Files(bucket))?);
        }
        Ok(())
    }

    fn begin_cadence(&self, cadence: &firedrill_core::scenario::Cadence, kind: Kind) -> Result<Cadence, DrillError> {
        let every = self.scaled(nanos(cadence.every)?).max(SECOND);
        let repository = match kind {
            Kind::Own(_) => None,
            Kind::Dump(_) | Kind::Base(_) | Kind::Files(_) => {
                let config = self
                    .stage()?
                    .repository(&self.backup_store()?, None, self.archive_prefix())?;
                Some(firedrill_backup::Repository::open(&config)?)
            }
        };
        let component = match &kind {
            Kind::Files(_) => self.files_component(),
            Kind::Base(_) | Kind::Dump(_) | Kind::Own(_) => self.component.clone(),
        };
        Ok(Cadence::start(Schedule {
            kind,
            repository,
            database: self.own_database(&self.database)?,
            every: Duration::from_nanos(every.unsigned_abs()),
            first: self.steady_from + every,
            component,
            recorder: self.recorder.clone(),
        }))
    }

    /// The sabotage of a twin: from here on the archive command says yes and keeps nothing.
    async fn break_archive(&self) -> Result<(), DrillError> {
        let host = self.stage()?.database(&self.database)?;
        host.write_settings(&[("archive_command", "/bin/true")])?;
        host.reload().await?;
        Ok(())
    }
}
