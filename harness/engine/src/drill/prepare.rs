//! Prepare: the systems are brought up whole, as the plan would have them on an ordinary day: data loaded, backups
//! taken, monitor watching, clients at work.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use firedrill_app::STATIC_TABLES;
use firedrill_backup::{BaseBackupOptions, Database, Repository};
use firedrill_core::event::{Class, DelayKind, Event, Role};
use firedrill_core::plan::ProbeKind;
use firedrill_core::resolve::SAMPLE_SERVICES;
use firedrill_core::scenario::{ConditionTime, Route, Service};
use firedrill_core::stamp::{MILLISECOND, Nanos, SECOND, Stamp};
use firedrill_environment::{Connection, Lifecycle};
use firedrill_load::{
    Canary, CanarySpec, ClassSpec, HttpClient, Mix, PreloadRows, PreloadSpec, SqlConfig, Workload, WorkloadSpec,
    first_key, incarnation_of, now, preload, preload_through,
};
use firedrill_respond::database::Life;
use firedrill_respond::{Application, Backups, Monitor, MonitorEndpoints, MonitorSpec, Operated, Team};
use tokio_postgres::{Client, NoTls};

use super::capacity::Ramp;
use super::own::of_prepare;
use super::{Drill, DrillError, nanos};
use crate::archive_watch::ArchiveWatch;
use crate::stage::{CLIENTS, FILES_BUCKET, MONITOR};

/// Where the archive of a primary goes whose backups are those of an empty cluster.
const MISDIRECTED: &str = "another-cluster/";
/// How long the load may take until every tier answers.
const WARM: Duration = Duration::from_secs(20);
/// How long one object may take to be loaded.
const PRELOAD_MAX: Duration = Duration::from_secs(10);
/// The service whose keys the canary writes.
pub(super) const CANARY_SERVICE: &str = "auth";

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
                // The restore side always reads the repository that the plan trusts.
                let prefix = if *name == self.database {
                    self.archive_prefix()
                } else {
                    ""
                };
                let config = stage.repository(store, Some(name), prefix)?;
                let file = serde_json::to_vec(&config).map_err(|error| DrillError::Other(error.to_string()))?;
                let file = host.place_file("repository.json", &file)?;
                if let Some(timeout) = archive_timeout {
                    let binary = stage.binary();
                    let quoted = |path: &std::path::Path| format!("\"{}\"", path.display());
                    let push = format!("{} wal-push --config {} %p", quoted(&binary), quoted(&file));
                    archive(&push, timeout)?;
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
        let client = self.session(&self.database).await?;
        self.digests = crate::check::static_tables::digests(&client, &STATIC_TABLES)
            .await
            .map_err(DrillError::database("taking digests of the tables that nobody writes"))?;
        let size = client
            .query_one("SELECT pg_database_size(current_database())", &[])
            .await
            .map_err(DrillError::database("asking for the database's size"))?;
        let mebibytes = size.get::<_, i64>(0) / (1 << 20);
        self.recorder.record_now(Event::Note {
            text: format!("drill size: {mebibytes} MiB of database"),
        });
        Ok(())
    }

    async fn take_first_backups(&self) -> Result<(), DrillError> {
        let backup = self.scenario().backup.clone();
        let of_database = backup.base.is_some() || backup.wal.is_some() || backup.dump.is_some();
        if !of_database && backup.files.is_none() {
            return Ok(());
        }
        if backup.is_own() {
            self.take_first_own_backups().await?;
            if backup.files.is_none() {
                return Ok(());
            }
        }
        let store = self.backup_store()?;
        let stage = self.stage()?;
        if backup.files.is_some() {
            let repository = Repository::open(&stage.repository(&store, None, "")?)?;
            let early = now();
            let record = repository.files(&self.files_bucket()?, &|_| {}).await?;
            let component = self.files_component();
            self.recorder.record(
                Stamp::new(early, now()),
                Event::Restorable {
                    component,
                    kind: "files".into(),
                    name: record.id,
                },
            );
        }
        if !of_database || backup.is_own() {
            return Ok(());
        }
        let empty = if backup.of_empty_cluster {
            Some(self.start_empty_cluster().await?)
        } else {
            None
        };
        let source = match &empty {
            Some(host) => {
                let connection = host
                    .connection()
                    .ok_or_else(|| DrillError::Other("the empty cluster does not run".into()))?;
                database(&connection)
            }
            None => self.own_database(&self.database)?,
        };
        let repository = Repository::open(&stage.repository(&store, None, "")?)?;
        if backup.base.is_some() || backup.wal.is_some() {
            let early = now();
            let options = BaseBackupOptions {
                unchecked: backup.base.as_ref().is_some_and(|base| base.unchecked),
                ..BaseBackupOptions::default()
            };
            let record = repository
                .base_backup_with(&source, "prepare", &options, &|_| {})
                .await?;
            self.restorable(Stamp::new(early, now()), "base", record.id);
        }
        if backup.dump.is_some() {
            let early = now();
            let record = repository
                .dump(&source, self.client_program("pg_dump").as_deref(), &|_| {})
                .await?;
            self.restorable(Stamp::new(early, now()), "dump", record.id);
        }
        if let Some(host) = empty {
            host.stop().await?;
        }
        Ok(())
    }

    async fn take_first_own_backups(&self) -> Result<(), DrillError> {
        let backup = &self.scenario().backup;
        for (kind, cadence) in [("base", &backup.base), ("dump", &backup.dump)] {
            let Some(cadence) = cadence else { continue };
            if let Some(own) = self.own_backup(kind, cadence)? {
                let early = now();
                let name = own.take().await.map_err(of_prepare)?;
                self.restorable(Stamp::new(early, now()), kind, name);
            }
        }
        Ok(())
    }

    fn restorable(&self, stamp: Stamp, kind: &str, name: String) {
        let component = self.component.clone();
        self.recorder.record(
            stamp,
            Event::Restorable {
                component,
                kind: kind.to_owned(),
                name,
            },
        );
    }

    /// A cluster with nothing in it, for the twin whose backups are worthless.
    async fn start_empty_cluster(&self) -> Result<firedrill_environment::Postgres, DrillError> {
        let stage = self.stage()?;
        let host = stage
            .local
            .postgres("empty-cluster", firedrill_environment::PostgresOptions::default())?;
        host.initdb().await?;
        host.start().await?;
        Ok(host)
    }

    async fn gather_team(&mut self) -> Result<(), DrillError> {
        let scenario = self.scenario().clone();
        let stage = self.stage()?;
        let observer: Arc<dyn firedrill_respond::Observer> = Arc::new(self.recorder.clone());

        let mut databases = BTreeMap::new();
        let own = stage.direct(&self.database)?;
        let seen = own.through(stage.address(MONITOR, &self.database, Route::Primary)?);
        databases.insert(self.component.clone(), database(&seen));
        let backups = match scenario.backup.store.as_ref().filter(|_| !scenario.backup.is_own()) {
            Some(store) => Some(Repository::open(&stage.repository(store, None, "")?)?),
            None => None,
        };
        let logs = BTreeMap::from([(self.component.clone(), stage.database(&self.database)?.log())]);
        let endpoints = MonitorEndpoints {
            application: stage.address(MONITOR, &scenario.load.application, Route::Primary)?,
            databases,
            logs,
            backups: backups.clone(),
            requests: MonitorEndpoints::requests_of(scenario.load.rates.keys().map(String::as_str)),
        };
        let spec = MonitorSpec::of(&self.script.plan.monitoring, 1).without(&scenario.monitor_without);
        if spec
            .checks
            .values()
            .any(|check| matches!(check.probe, ProbeKind::Amcheck(_)))
        {
            // As a team that runs amcheck would have installed it.
            let client = self.session(&self.database).await?;
            client
                .batch_execute("CREATE EXTENSION IF NOT EXISTS amcheck")
                .await
                .map_err(DrillError::database(
                    "installing the extension amcheck, which the plan's monitor uses",
                ))?;
        }
        let monitor = Arc::new(Monitor::start(&spec, &endpoints, Arc::clone(&observer))?);

        let recorder = self.recorder.clone();
        let incarnations = move |component: &str, name: &str| recorder.incarnation(component, name);
        let mut team = Team::new(observer, Arc::new(incarnations));
        let mut tiers: BTreeMap<u8, Vec<String>> = BTreeMap::new();
        for (service, tier) in SAMPLE_SERVICES
            .iter()
            .filter(|(name, _)| scenario.load.rates.contains_key(*name))
        {
            tiers.entry(*tier).or_default().push((*service).to_owned());
        }
        for name in stage.applications.keys() {
            let address = stage.address(MONITOR, name, Route::Primary)?;
            team.give_application(
                name,
                Application::new(name, address, stage.admin_token.clone(), tiers.clone()),
            );
            for database_name in stage.postgres.keys() {
                for route in [Route::Primary, Route::Alternate] {
                    let address = stage.address(name, database_name, route)?;
                    let reached = Database {
                        host: address.ip().to_string(),
                        port: address.port(),
                        ..database_on(stage.database(database_name)?.password().reveal())
                    };
                    team.give_route(name, database_name, route, reached);
                }
            }
        }
        for (name, host) in &stage.postgres {
            team.give_service(name, Operated::Database(Arc::clone(host) as _));
        }
        for (name, host) in &stage.stores {
            team.give_service(name, Operated::Other(Arc::clone(host) as Arc<dyn Lifecycle>));
        }
        for (name, host) in &stage.applications {
            team.give_service(name, Operated::Other(Arc::clone(host) as Arc<dyn Lifecycle>));
        }
        if let (Some(repository), Some(store)) = (backups, &scenario.backup.store) {
            let standby = self.restore_host();
            let config = stage.repository(store, Some(&standby), "")?;
            let config_file = stage.database(&standby)?.place_file(
                "restore.json",
                &serde_json::to_vec(&config).map_err(|error| DrillError::Other(error.to_string()))?,
            )?;
            team.give_backups(Backups {
                component: self.component.clone(),
                repository,
                config_file,
                program: stage.binary(),
                pg_restore: self.client_program("pg_restore"),
            });
        }
        team.take_inventory(&database(&own)).await.map_err(DrillError::Other)?;
        if let Some(own) = &self.own {
            own.hear(monitor.alerts());
            team.give_own(Arc::clone(own));
        }
        team.give_monitor(Arc::clone(&monitor));
        if let Some(store) = self.files_store() {
            team.give_bucket(&store, stage.files(&store)?);
            team.give_object_rows("SELECT object, bytes, sha256 FROM files");
        }
        team.give_life(&self.database, &self.component, self.life().await?);
        self.monitor = Some(monitor);
        self.team = Some(Arc::new(team));
        Ok(())
    }

    /// The store of the application's files.
    pub(super) fn files_store(&self) -> Option<String> {
        match self.scenario().services.get(&self.scenario().load.application) {
            Some(Service::Application(application)) => application.store.clone(),
            _ => None,
        }
    }

    /// The bucket of the application's files.
    pub(super) fn files_bucket(&self) -> Result<firedrill_backup::BucketConfig, DrillError> {
        let store = self
            .files_store()
            .ok_or_else(|| DrillError::Other("the scenario copies files, but its application has no `store`".into()))?;
        Ok(self.stage()?.files(&store)?)
    }

    /// The component that the application's files belong to.
    pub(super) fn files_component(&self) -> String {
        let store = self.files_store();
        let component = store
            .as_ref()
            .and_then(|store| match self.scenario().services.get(store) {
                Some(Service::S3(service)) => service.component.clone(),
                _ => None,
            });
        component.unwrap_or_else(|| "files".to_owned())
    }

    /// The host that the procedure restores into, else the database's own.
    fn restore_host(&self) -> String {
        self.scenario()
            .procedure
            .steps
            .iter()
            .find_map(|step| match &step.action {
                firedrill_core::scenario::Action::Restore { into, .. } => Some(into.clone()),
                _ => None,
            })
            .unwrap_or_else(|| self.database.clone())
    }

    async fn life(&self) -> Result<Life, DrillError> {
        let name = incarnation_of(&self.load_config(&self.database)?).await?;
        let mut parts = name.splitn(3, '/');
        let mut part = || parts.next().unwrap_or_default().to_owned();
        let system = part();
        let timeline = part()
            .parse()
            .map_err(|_| DrillError::Other(format!("`{name}` is no incarnation")))?;
        Ok(Life {
            system,
            timeline,
            epoch: part(),
        })
    }

    async fn begin_load(&mut self) -> Result<(), DrillError> {
        let scenario = self.scenario().clone();
        let deadline = match scenario.load.deadline {
            Some(deadline) => nanos(deadline)?,
            None => 3 * SECOND,
        };
        let deadline = Duration::from_nanos(deadline.unsigned_abs());
        let rows = u64::from(scenario.load.preload);
        let mut classes = Vec::new();
        for (service, rate) in &scenario.load.rates {
            let class = self.class_of(service, Role::Workload);
            self.recorder.class(class.clone());
            classes.push(ClassSpec {
                class,
                per_second: *rate,
                mix: Mix::of(service),
                first_key: first_key::WORKLOAD,
                preloaded: first_key::PRELOAD..first_key::PRELOAD + rows,
            });
        }
        let sink: Arc<dyn firedrill_load::Sink> = Arc::new(self.recorder.clone());
        let client = self.clients_client()?;
        let spec = WorkloadSpec::new(classes, self.script.seed, 32, deadline);
        let workload = Workload::start(spec, Arc::clone(&client), Arc::clone(&sink))?;
        let class = self.class_of(CANARY_SERVICE, Role::Canary);
        self.recorder.class(class.clone());
        let canary = CanarySpec::new(class, self.canary_rate(), self.script.seed, deadline);
        let canary = Canary::start(canary, client, sink)?;
        {
            let mut load = self.load.lock().unwrap_or_else(PoisonError::into_inner);
            load.workload = Some(workload);
            load.canary = Some(canary);
        }
        self.wait_until_warm().await
    }

    /// At least 20 writes per RPO of plan time while the calendar sets the pace.
    fn canary_rate(&self) -> u32 {
        let rpo = self.script.terms.components.get(&self.component).and_then(|component| {
            component
                .rpo
                .iter()
                .map(|limit| limit.plan)
                .filter(|plan| *plan > 0)
                .min()
        });
        let needed = rpo.map_or(0, |rpo| {
            let drill = self.scaled(rpo).max(1);
            u32::try_from((20 * SECOND).div_euclid(drill) + 1).unwrap_or(u32::MAX)
        });
        self.scenario().load.canary.max(needed).min(500)
    }

    async fn wait_until_warm(&self) -> Result<(), DrillError> {
        let until = now() + Nanos::try_from(WARM.as_nanos()).unwrap_or(Nanos::MAX / 2);
        loop {
            let warm = self.live_now().is_some_and(|live| {
                !live.tiers.is_empty()
                    && live
                        .tiers
                        .iter()
                        .all(|tier| tier.acked_per_second > 0 && tier.errors_per_second == 0)
            });
            if warm {
                return Ok(());
            }
            if now() >= until {
                let seen = self
                    .live_now()
                    .map_or_else(String::new, |live| format!("{:?}", live.tiers));
                return Err(DrillError::Other(format!(
                    "the application does not answer its clients {} s after the load began; see logs/ in {}: {seen}",
                    WARM.as_secs(),
                    self.script.directory.display()
                )));
            }
            tokio::time::sleep(Duration::from_nanos((100 * MILLISECOND).unsigned_abs())).await;
        }
    }

    /// The space of a service's keys: its place in the application's list of services.
    pub(super) fn space_of(service: &str) -> u16 {
        let at = SAMPLE_SERVICES
            .iter()
            .position(|(name, _)| *name == service)
            .unwrap_or(SAMPLE_SERVICES.len());
        u16::try_from(at).unwrap_or(u16::MAX)
    }

    pub(super) fn class_of(&self, service: &str, role: Role) -> Class {
        let tiers = &self.scenario().tiers;
        let level = tiers
            .iter()
            .find(|(_, services)| services.iter().any(|name| name == service))
            .map(|(level, _)| *level);
        let base = match role {
            Role::Workload => 0,
            Role::Canary => 100,
            Role::Preload => 200,
            Role::Capacity => 300,
        };
        Class {
            id: base + Self::space_of(service),
            service: service.to_owned(),
            component: self.component.clone(),
            tier: if role == Role::Workload { level } else { None },
            space: Self::space_of(service),
            role,
        }
    }

    fn preload_classes(&self) -> Vec<Class> {
        self.scenario()
            .load
            .rates
            .keys()
            .map(|service| self.class_of(service, Role::Preload))
            .collect()
    }

    pub(super) fn clients_client(&self) -> Result<Arc<dyn firedrill_load::Client>, DrillError> {
        let address = self
            .stage()?
            .address(CLIENTS, &self.scenario().load.application, Route::Primary)?;
        Ok(Arc::new(HttpClient::new(address)))
    }

    /// A session of the harness's own on a database, past all links.
    pub(super) async fn session(&self, database: &str) -> Result<Client, DrillError> {
        let connection = self.stage()?.direct(database)?;
        let (client, driver) = connection
            .config()
            .connect(NoTls)
            .await
            .map_err(DrillError::database(&format!("opening a session on {database}")))?;
        tokio::spawn(async move {
            let _ = driver.await;
        });
        Ok(client)
    }

    pub(super) fn own_database(&self, name: &str) -> Result<Database, DrillError> {
        Ok(database(&self.stage()?.direct(name)?))
    }

    pub(super) fn load_config(&self, name: &str) -> Result<SqlConfig, DrillError> {
        let connection = self.stage()?.direct(name)?;
        Ok(SqlConfig {
            host: connection.host.clone(),
            port: connection.port,
            user: connection.user.clone(),
            password: connection.password.reveal().to_owned(),
            dbname: connection.database,
        })
    }

    pub(super) fn backup_store(&self) -> Result<String, DrillError> {
        self.scenario().backup.store.clone().ok_or_else(|| {
            DrillError::Other("the scenario takes backups but `backup.store` names no S3 service".into())
        })
    }

    /// A store that the harness may put something into for a moment.
    pub(super) fn scratch_store(&self) -> Result<String, DrillError> {
        let backup = self.scenario().backup.store.as_ref();
        let any = self.stage()?.stores.keys().next();
        backup
            .or(any)
            .cloned()
            .ok_or_else(|| DrillError::Other("the scenario has no S3 service to read the whole cluster into".into()))
    }

    /// Where the struck database's own archive goes below the bucket.
    pub(super) fn archive_prefix(&self) -> &'static str {
        if self.scenario().backup.of_empty_cluster {
            MISDIRECTED
        } else {
            ""
        }
    }

    /// A client program of the Postgres in use, where the machine has it.
    pub(super) fn client_program(&self, name: &str) -> Option<PathBuf> {
        let path = self.stage.as_ref()?.local.build().directory.join(name);
        path.is_file().then_some(path)
    }
}

fn database_on(password: &str) -> Database {
    Database {
        host: String::new(),
        port: 0,
        user: "postgres".into(),
        password: password.to_owned(),
        dbname: "postgres".into(),
    }
}

fn database(connection: &Connection) -> Database {
    Database {
        host: connection.host.clone(),
        port: connection.port,
        user: connection.user.clone(),
        password: connection.password.reveal().to_owned(),
        dbname: connection.database.clone(),
    }
}
