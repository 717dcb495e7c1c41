//! Prepare: the systems are brought up whole, as the plan would have them on an ordinary day: data loaded, backups
//! taken, monitor watching, clients at work.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use firedrill_core::event::{Class, DelayKind, Event};
use firedrill_core::scenario::{ConditionTime, Service};
use firedrill_core::stamp::SECOND;
use firedrill_environment::Lifecycle;
use firedrill_load::{PreloadRows, PreloadSpec, incarnation_of, preload, preload_through};

use super::capacity::Ramp;
use super::{Drill, DrillError, nanos};
use crate::archive_watch::ArchiveWatch;
use crate::stage::FILES_BUCKET;

/// How long one object may take to be loaded.
const PRELOAD_MAX: Duration = Duration::from_secs(30);

impl Drill {
    pub(super) async fn prepare(&mut self) -> Result<(), DrillError> {
        self.name_the_database()?;
        self.start_stores().await?;
        self.gather_own()?;
        self.start_databases().await?;
        self.start_application().await?;
        self.begin_archive_watch().await?;
        self.load_data().await?;
        self.take_first_backups().await?;
        self.build_faults().await?;
        self.ramp(Ramp::Before).await?;
        self.gather_team().await?;
        self.begin_load().await?;
        self.inject_conditions(ConditionTime::Prepare).await
    }

    /// The component that the drill is about, and the service that holds it when the drill begins.
    fn name_the_database(&mut self) -> Result<(), DrillError> {
        let scenario = self.scenario();
        let application = match scenario.services.get(&scenario.load.application) {
            Some(Service::Application(application)) => application,
            _ => {
                return Err(DrillError::Other(format!(
                    "load.application is `{}`, which is no application of the scenario",
                    scenario.load.application
                )));
            }
        };
        let database = application.database.clone();
        let component = match scenario.services.get(&database) {
            Some(Service::Postgres(service)) => service.component.clone(),
            _ => None,
        };
        self.component = component.unwrap_or_else(|| database.clone());
        self.database = database;
        Ok(())
    }

    async fn start_stores(&self) -> Result<(), DrillError> {
        for store in self.stage()?.stores.values() {
            store.start().await?;
            store.create_bucket(FILES_BUCKET)?;
            store.create_bucket(crate::stage::BACKUP_BUCKET)?;
        }
        Ok(())
    }

    async fn start_databases(&mut self) -> Result<(), DrillError> {
        let scenario = self.scenario().clone();
        let stage = self.stage()?;
        let archive_timeout = self.archive_timeout()?;
        for (name, service) in &scenario.services {
            let Service::Postgres(service) = service else { continue };
            let host = stage.database(name)?;
            let archive = |push: &str, timeout: i64| {
                host.write_settings(&[
                    ("archive_mode", "on"),
                    ("archive_command", push),
                    ("archive_timeout", timeout.to_string().as_str()),
                ])
            };
            if let (Some(push), Some(timeout)) = (self.own_archive_command(name).await?, archive_timeout) {
                archive(&push, timeout)?;
            } else if let Some(store) = scenario.backup.store.as_ref().filter(|_| !scenario.backup.is_own()) {
                let file = self.place_repository(store, name, Some(name))?;
                if let Some(timeout) = archive_timeout {
                    archive(&firedrill_backup::archive_command(&stage.binary(), &file), timeout)?;
                }
            }
            if service.empty {
                continue;
            }
            host.initdb().await?;
            host.start().await?;
        }
        let name = incarnation_of(&self.load_config(&self.database)?).await?;
        self.incarnation = self.recorder.incarnation(&self.component, &name);
        self.note_deviations(&self.database).await?;
        let client = self.session(&self.database).await?;
        client
            .batch_execute(firedrill_app::schema_sql())
            .await
            .map_err(DrillError::database("creating the schema"))?;
        self.set_own_tool_up().await
    }

    /// Tells the reference backup tool on a host where its repository is: over the link of `from`, or directly.
    pub(super) fn place_repository(&self, store: &str, host: &str, from: Option<&str>) -> Result<PathBuf, DrillError> {
        let stage = self.stage()?;
        // The restore side always reads the repository that the plan trusts.
        let prefix = if *host == *self.database {
            self.archive_prefix()
        } else {
            ""
        };
        let config = stage.repository(store, from, prefix)?;
        let file = serde_json::to_vec(&config).map_err(|error| DrillError::Other(error.to_string()))?;
        Ok(stage.database(host)?.place_file("repository.json", &file)?)
    }

    /// Positions of the WAL from before the first write on, so that a declared recovery point can be placed in time.
    async fn begin_archive_watch(&mut self) -> Result<(), DrillError> {
        let client = self.session(&self.database).await?;
        let (recorder, component) = (self.recorder.clone(), self.component.clone());
        self.archive = Some(ArchiveWatch::start(client, recorder, component, self.incarnation));
        Ok(())
    }

    /// Settings that touch durability and are not what a server comes with: printed with the verdict.
    pub(super) async fn note_deviations(&self, database: &str) -> Result<(), DrillError> {
        let client = self.session(database).await?;
        let rows = client
            .query(
                "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', \
                 'wal_level') AND setting <> boot_val",
                &[],
            )
            .await
            .map_err(DrillError::database("asking for settings that touch durability"))?;
        for row in rows {
            let (setting, value): (String, String) = (row.get(0), row.get(1));
            self.recorder.record_now(Event::Deviation {
                setting: format!("{database}: {setting}"),
                value,
            });
        }
        Ok(())
    }

    /// `archive_timeout` in whole seconds of drill time, where WAL is shipped.
    fn archive_timeout(&self) -> Result<Option<i64>, DrillError> {
        let Some(wal) = &self.scenario().backup.wal else {
            return Ok(None);
        };
        let plan = match wal.archive_timeout {
            Some(timeout) => nanos(timeout)?,
            None => self
                .script
                .terms
                .components
                .get(&self.component)
                .and_then(|component| component.backup_cycle)
                .ok_or_else(|| {
                    DrillError::Other(
                        "backup.wal states no archive_timeout and the plan no RPO to derive it from".into(),
                    )
                })?,
        };
        let exact = self.scaled(plan);
        let seconds = exact.div_euclid(SECOND) + i64::from(exact.rem_euclid(SECOND) > 0);
        let seconds = seconds.max(1);
        let added = seconds * SECOND - exact;
        if added > 0 {
            self.recorder.record_now(Event::Delay {
                kind: DelayKind::Rounding,
                drill: added,
            });
        }
        Ok(Some(seconds))
    }

    async fn start_application(&self) -> Result<(), DrillError> {
        let stage = self.stage()?;
        for (name, service) in &self.scenario().services {
            let Service::Application(service) = service else {
                continue;
            };
            let host = stage.application(name)?;
            host.configure(stage.application_config(name, &service.database, service.store.as_deref())?)?;
            host.start().await?;
        }
        Ok(())
    }

    async fn load_data(&mut self) -> Result<(), DrillError> {
        let classes = self.preload_classes();
        for class in &classes {
            self.recorder.class(class.clone());
        }
        let rows = self.scenario().load.preload;
        // Files need their objects, which only the application puts beside their rows.
        let (through, direct): (Vec<Class>, Vec<Class>) =
            classes.into_iter().partition(|class| class.service == "files");
        let preload_rows = |class: Class| PreloadRows { class, rows };
        let spec = PreloadSpec {
            rows: direct.into_iter().map(preload_rows).collect(),
            bulk_mib: self.scenario().load.bulk_mib,
            content_seed: self.script.seed,
        };
        preload(&self.load_config(&self.database)?, &spec, &self.recorder).await?;
        for rows in through.into_iter().map(preload_rows) {
            let sink: Arc<dyn firedrill_load::Sink> = Arc::new(self.recorder.clone());
            preload_through(self.clients_client()?, &rows, self.script.seed, PRELOAD_MAX, sink).await?;
        }
        self.note_before().await?;
        let client = self.session(&self.database).await?;
        let size = client
            .query_one("SELECT pg_database_size(current_database())", &[])
            .await
            .map_err(DrillError::database("asking for the database's size"))?;
        self.recorder.record_now(Event::DataSize {
            component: self.component.clone(),
            bytes: u64::try_from(size.get::<_, i64>(0)).unwrap_or(0),
        });
        Ok(())
    }
}
