//! The team: monitor, catalogue of backups and the services that a procedure may work on, each reached the way that an
//! operations team reaches it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use firedrill_backup::{Database, Repository};
use firedrill_core::plan::ProbeKind;
use firedrill_core::resolve::SAMPLE_SERVICES;
use firedrill_core::scenario::{Route, Service};
use firedrill_environment::Lifecycle;
use firedrill_load::incarnation_of;
use firedrill_respond::database::Life;
use firedrill_respond::{Application, Backups, Monitor, MonitorEndpoints, MonitorSpec, Operated, Team};

use super::access::database;
use super::{Drill, DrillError};
use crate::stage::MONITOR;

impl Drill {
    pub(super) async fn gather_team(&mut self) -> Result<(), DrillError> {
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
                Application::new(name, address, stage.admin_token.clone(), tiers.clone())
                    .patient(self.response_allowed()),
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

    /// How long a client may have to wait by the plan: the longest of what its tiers are held to.
    pub(super) fn response_allowed(&self) -> Duration {
        let tiers = self.script.terms.tiers.iter();
        let longest = tiers.map(|tier| tier.thresholds.response).max().unwrap_or(0);
        Duration::from_nanos(longest.max(0).unsigned_abs())
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
