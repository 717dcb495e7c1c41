//! Validate: the stability window passes under load; then load stops, every operation is resolved, and the recovered
//! data is read and questioned.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use firedrill_app::INTEGRITY_QUERIES;
use firedrill_backup::{BaseBackupOptions, Repository};
use firedrill_core::event::{Coverage, Edge, Event};
use firedrill_core::resolve::EFFECT_CHECK;
use firedrill_core::scenario::{Route, Service};
use firedrill_core::stamp::{Nanos, SECOND, Stamp};
use firedrill_core::terms::Demanded;
use firedrill_environment::{Lifecycle, State};
use firedrill_load::{FinalRead, Objects, Space, TierLive, Totals, end_sessions, final_read, incarnation_of, now};

use super::capacity::Ramp;
use super::{Drill, DrillError};
use crate::application_status::{ApplicationStatus, status};
use crate::check::constraints::BusinessRule;
use crate::check::{Checked, amcheck, constraints, static_tables};
use crate::run_directory::HISTOGRAMS;
use crate::stage::CLIENTS;

/// Longer is not waited for a service that does not come back.
const WAIT_OUT_MAX: Nanos = 180 * SECOND;
/// Checks that are less frequent than this by the plan's own clock are not waited for.
const QUIET_MAX: Nanos = 40 * SECOND;
const FINAL_READ_MAX: Duration = Duration::from_secs(600);
const SESSIONS_END_MAX: Duration = Duration::from_secs(10);
/// How long the application's durable queue may take to drain once the load has stopped.
const DRAIN_MAX: Duration = Duration::from_secs(15);

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
            self.recorder.record_now(Event::Note {
                text: "no running database serves the application: there is nothing to read".into(),
            });
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
        let until = now() + self.scaled(left.max(0)).min(WAIT_OUT_MAX) + SECOND;
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

    async fn application_status(&self) -> Result<ApplicationStatus, DrillError> {
        let stage = self.stage()?;
        let name = &self.scenario().load.application;
        let address = stage
            .application(name)?
            .address()
            .ok_or_else(|| DrillError::Other(format!("{name} was never started")))?;
        status(address, &stage.admin_token).await.map_err(DrillError::Other)
    }

    /// The Postgres service that the application uses now, if it runs; the queue is drained into it first.
    async fn find_serving(&self) -> Option<String> {
        let until = now() + Nanos::try_from(DRAIN_MAX.as_nanos()).unwrap_or(SECOND);
        let status = loop {
            match self.application_status().await {
                Ok(status) if status.queued == 0 || status.database_away || now() >= until => break status,
                Err(_) if now() >= until => return None,
                Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        };
        if status.queued > 0 {
            self.recorder.record_now(Event::Note {
                text: format!(
                    "{} entries were still in the application's queue when its data was read",
                    status.queued
                ),
            });
        }
        let stage = self.stage().ok()?;
        let application = &self.scenario().load.application;
        for name in stage.postgres.keys() {
            for route in [Route::Primary, Route::Alternate] {
                let here = stage
                    .address(application, name, route)
                    .is_ok_and(|address| address.port() == status.database_port);
                if here && self.is_running(name).await {
                    return Some(name.clone());
                }
            }
        }
        None
    }

    async fn is_running(&self, database: &str) -> bool {
        let Ok(host) = self.stage().and_then(|stage| Ok(stage.database(database)?)) else {
            return false;
        };
        matches!(host.state().await, Ok(State::Running))
    }

    async fn read_and_check(&self, serving: &str) -> Result<(), DrillError> {
        let config = self.load_config(serving)?;
        if let Err(error) = end_sessions(&config, SESSIONS_END_MAX).await {
            self.recorder.record_now(Event::Note {
                text: format!("old sessions could not be ended: {error}"),
            });
        }
        let others: Vec<String> = self
            .stage()?
            .postgres
            .keys()
            .filter(|name| *name != serving)
            .cloned()
            .collect();
        for other in others {
            if self.is_running(&other).await {
                self.read(&other, false).await;
            }
        }
        self.read(serving, true).await;
        if serving != self.database {
            self.note_deviations(serving).await?;
        }
        self.check(serving).await
    }

    /// Reads one database whole into the ledger. A read that fails leaves no end: it is no final read then.
    async fn read(&self, database: &str, serving: bool) {
        if let Err(error) = self.try_read(database, serving).await {
            self.recorder.record_now(Event::Note {
                text: format!("the final read of {database} is not whole: {error}"),
            });
        }
    }

    async fn try_read(&self, database: &str, serving: bool) -> Result<(), DrillError> {
        let config = self.load_config(database)?;
        let name = incarnation_of(&config).await?;
        let incarnation = self.recorder.incarnation(&self.component, &name);
        let event = |edge, counted, arrived| Event::FinalRead {
            component: self.component.clone(),
            incarnation,
            edge,
            serving,
            counted,
            arrived,
        };
        let spaces = self
            .scenario()
            .load
            .rates
            .keys()
            .map(|service| Space {
                id: Self::space_of(service),
                service: service.clone(),
                objects: service == "files",
            })
            .chain(self.canary_space())
            .collect();
        let read = FinalRead {
            config,
            spaces,
            incarnation,
            content_seed: self.script.seed,
            objects: self.objects()?,
            deadline: FINAL_READ_MAX,
        };
        let early = now();
        self.recorder.record(Stamp::at(early), event(Edge::Begun, None, None));
        let report = final_read(&read, &self.recorder).await?;
        if report.incarnation != name {
            return Err(DrillError::Other(format!(
                "{name} became {} while it was read",
                report.incarnation
            )));
        }
        let stamp = Stamp::new(early, now());
        self.recorder
            .record(stamp, event(Edge::Ended, Some(report.counted), Some(report.arrived)));
        Ok(())
    }

    /// The space of the canary, where the clients' traffic does not use it already.
    fn canary_space(&self) -> Option<Space> {
        let service = super::prepare::CANARY_SERVICE;
        let used = self.scenario().load.rates.contains_key(service);
        (!used).then(|| Space {
            id: Self::space_of(service),
            service: service.to_owned(),
            objects: false,
        })
    }

    /// The application's bucket, past all links.
    fn objects(&self) -> Result<Option<Arc<dyn Objects>>, DrillError> {
        let stage = self.stage()?;
        let Some(Service::Application(application)) = self.scenario().services.get(&self.scenario().load.application)
        else {
            return Ok(None);
        };
        let Some(store) = &application.store else {
            return Ok(None);
        };
        if stage.store(store)?.address().is_none() {
            return Ok(None);
        }
        Ok(Some(stage.files_store(store)?.open()?))
    }

    async fn check(&self, serving: &str) -> Result<(), DrillError> {
        let rules = INTEGRITY_QUERIES.map(|(name, broken)| BusinessRule { name, broken });
        // A session of its own for each: the settings of one must not leak into the next.
        self.ask("static_tables", serving, async |client| {
            static_tables::check(&client, &self.digests).await
        })
        .await;
        self.ask("constraints", serving, async |client| {
            constraints::check(&client, &rules).await
        })
        .await;
        self.ask("amcheck", serving, async |client| amcheck::check(&client).await)
            .await;
        self.ask("page_checksums", serving, async |client| {
            self.page_checksums(serving, &client).await
        })
        .await;
        self.fault_effect(serving).await?;
        self.ask("journey", serving, async |_| self.journey().await).await;
        self.own_checks(serving).await?;
        self.still_recording()
    }

    /// Whether anything is left of what the striking fault did to data.
    async fn fault_effect(&self, serving: &str) -> Result<(), DrillError> {
        let connection = self.stage()?.direct(serving)?;
        for index in &self.injected {
            if self.scenario().faults[*index].strikes {
                let early = now();
                if let Some(checked) = self.faults[*index].left(&connection).await {
                    self.checked(early, EFFECT_CHECK, checked);
                }
            }
        }
        Ok(())
    }

    /// Runs one check in a session of its own, within its deadline.
    async fn ask(&self, name: &str, serving: &str, check: impl AsyncFnOnce(tokio_postgres::Client) -> Checked) {
        let early = now();
        let asked = async {
            match self.session(serving).await {
                Ok(client) => check(client).await,
                Err(error) => Checked::not_run(format!("no session on {serving}: {error}")),
            }
        };
        self.checked(early, name, Checked::in_time(asked).await);
    }

    pub(super) fn checked(&self, early: Nanos, name: &str, checked: Checked) {
        self.recorder
            .record(Stamp::new(early, now()), checked.event(name, &self.component));
    }

    /// Every page of the cluster read from disk by the server, which verifies checksums while it serves a base backup.
    async fn page_checksums(&self, serving: &str, client: &tokio_postgres::Client) -> Checked {
        let attempt = async {
            let row = client
                .query_one(
                    "SELECT current_setting('data_checksums') = 'on', count(*) FROM pg_class WHERE relkind IN ('r', 'i', 't')",
                    &[],
                )
                .await
                .map_err(DrillError::database("asking for data_checksums"))?;
            if !row.get::<_, bool>(0) {
                return Err(DrillError::Other("the cluster has no data checksums".into()));
            }
            let relations = row.get::<_, i64>(1).unsigned_abs();
            let config = self
                .stage()?
                .repository(&self.scratch_store()?, None, "checksum-scan/")?;
            let repository = Repository::open(&config)?;
            let options = BaseBackupOptions {
                include_wal: Some(true),
                ..BaseBackupOptions::default()
            };
            let database = self.own_database(serving)?;
            match repository
                .base_backup_with(&database, "checksum scan", &options, &|_| {})
                .await
            {
                Ok(record) => {
                    let bytes = record.counts.get("bytes").copied().unwrap_or(0);
                    Ok((
                        Vec::new(),
                        Coverage {
                            relations,
                            rows: 0,
                            bytes,
                        },
                    ))
                }
                // XX001 is the server's own word for damaged pages. Whatever else went wrong says nothing about them.
                Err(error) if error.to_string().contains("XX001") => Ok((
                    vec![error.to_string()],
                    Coverage {
                        relations,
                        ..Coverage::default()
                    },
                )),
                Err(error) => Err(DrillError::Backup(error)),
            }
        };
        match attempt.await {
            Ok((problems, coverage)) => {
                let sound = format!(
                    "{} bytes of the cluster read, every page's checksum verified",
                    coverage.bytes
                );
                Checked::from_problems(&problems, coverage, sound)
            }
            Err(error) => Checked::not_run(error.to_string()),
        }
    }

    /// A write and a read through every service, the way clients go.
    async fn journey(&self) -> Checked {
        let attempt = async {
            let stage = self.stage()?;
            let name = &self.scenario().load.application;
            let address = stage.address(CLIENTS, name, Route::Primary)?;
            let client = firedrill_respond::Application::new(
                name,
                address,
                stage.admin_token.clone(),
                std::collections::BTreeMap::new(),
            );
            let mut problems = Vec::new();
            let mut coverage = Coverage::default();
            for service in self.scenario().load.rates.keys() {
                match client.journey(service).await {
                    Ok(_) => coverage.rows += 1,
                    Err(error) => {
                        coverage.rows += 1;
                        problems.push(error.to_string());
                    }
                }
            }
            Ok::<_, DrillError>((problems, coverage))
        };
        match attempt.await {
            Ok((problems, coverage)) => {
                let sound = format!("a row written and read back through each of {} services", coverage.rows);
                Checked::from_problems(&problems, coverage, sound)
            }
            Err(error) => Checked::not_run(error.to_string()),
        }
    }
}
