//! Validate: the stability window passes under load; then load stops, every operation is resolved, and the recovered
//! data is read and questioned.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use firedrill_app::INTEGRITY_QUERIES;
use firedrill_backup::{BaseBackupOptions, Repository};
use firedrill_core::event::{Coverage, Edge, Event};
use firedrill_core::scenario::{Route, Service};
use firedrill_core::stamp::{Nanos, SECOND, Stamp};
use firedrill_environment::{Lifecycle, State};
use firedrill_load::{FinalRead, Objects, Space, StoreConfig, TierLive, end_sessions, final_read, incarnation_of, now};

use super::{Drill, DrillError};
use crate::application_status::{ApplicationStatus, status};
use crate::check::constraints::BusinessRule;
use crate::check::{Checked, amcheck, constraints, static_tables};
use crate::stage::{CLIENTS, FILES_BUCKET};

const FINAL_READ_MAX: Duration = Duration::from_secs(600);
const SESSIONS_END_MAX: Duration = Duration::from_secs(10);
/// How long the application's durable queue may take to drain once the load has stopped.
const DRAIN_MAX: Duration = Duration::from_secs(15);

impl Drill {
    /// `ended` is when the procedure ended.
    pub(super) async fn validate(&mut self, ended: Nanos) -> Result<(), DrillError> {
        self.wait_for_service(ended).await?;
        self.stop_load().await?;
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
                self.recorder.record_now(Event::GaveUp {
                    why: "service was not restored within the settle time after the procedure's end".into(),
                });
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn all_good(&self) -> bool {
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
            workload.stop().await?;
        }
        if let Some(canary) = canary {
            canary.stop().await?;
        }
        Ok(())
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
        let host = stage.store(store)?;
        let Some(address) = host.address() else { return Ok(None) };
        let config = StoreConfig {
            endpoint: format!("http://{address}"),
            bucket: FILES_BUCKET.into(),
            access_key: host.access_key().to_owned(),
            secret_key: host.secret_key().reveal().to_owned(),
            region: host.region().to_owned(),
        };
        Ok(Some(config.open()?))
    }

    async fn check(&self, serving: &str) -> Result<(), DrillError> {
        let client = match self.session(serving).await {
            Ok(client) => client,
            Err(error) => {
                for name in ["static_tables", "constraints", "amcheck", "page_checksums"] {
                    self.checked(
                        now(),
                        name,
                        Checked::not_run(format!("no session on {serving}: {error}")),
                    );
                }
                return Ok(());
            }
        };
        let early = now();
        self.checked(
            early,
            "static_tables",
            static_tables::check(&client, &self.digests).await,
        );
        // Sessions of their own: settings of one check must not leak into the next.
        let early = now();
        let rules = INTEGRITY_QUERIES.map(|(name, broken)| BusinessRule { name, broken });
        let session = self.session(serving).await?;
        self.checked(early, "constraints", constraints::check(&session, &rules).await);
        let early = now();
        let session = self.session(serving).await?;
        self.checked(early, "amcheck", amcheck::check(&session).await);
        let early = now();
        self.checked(early, "page_checksums", self.page_checksums(serving).await);
        let early = now();
        self.checked(early, "journey", self.journey().await);
        Ok(())
    }

    fn checked(&self, early: Nanos, name: &str, checked: Checked) {
        self.recorder
            .record(Stamp::new(early, now()), checked.event(name, &self.component));
    }

    /// Every page of the cluster read from disk by the server, which verifies checksums while it serves a base backup.
    async fn page_checksums(&self, serving: &str) -> Checked {
        let attempt = async {
            let store = self.backup_store()?;
            let client = self.session(serving).await?;
            let row = client
                .query_one("SELECT current_setting('data_checksums') = 'on', count(*) FROM pg_class WHERE relkind IN ('r', 'i', 't')", &[])
                .await
                .map_err(DrillError::database("asking for data_checksums"))?;
            if !row.get::<_, bool>(0) {
                return Err(DrillError::Other("the cluster has no data checksums".into()));
            }
            let relations: i64 = row.get(1);
            let repository = Repository::open(&self.stage()?.repository(&store, None, "checksum-scan/")?)?;
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
                        None,
                        Coverage {
                            relations: relations.unsigned_abs(),
                            rows: 0,
                            bytes,
                        },
                    ))
                }
                Err(error) => Ok((
                    Some(error.to_string()),
                    Coverage {
                        relations: relations.unsigned_abs(),
                        rows: 0,
                        bytes: 1,
                    },
                )),
            }
        };
        match attempt.await {
            Ok((problem, coverage)) => {
                let problems: Vec<String> = problem.into_iter().collect();
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
