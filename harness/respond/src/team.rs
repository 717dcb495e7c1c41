//! What an operations team has at hand while it recovers: services, applications, backups, alerts. No faults.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use firedrill_backup::{BucketConfig, Database, RelationFile, Repository};
use firedrill_core::scenario::{Opening, Route};
use firedrill_environment::Lifecycle;
use tokio::sync::watch;

use crate::action::ActionError;
use crate::alert::Alerts;
use crate::application::Application;
use crate::database::{self, DatabaseHost, Life};
use crate::monitor::Monitor;
use crate::observer::{Incarnations, Observer};
use crate::own::OwnCommands;

/// A service that the team can start and stop.
#[derive(Clone)]
pub enum Operated {
    /// A Postgres server, or a bare host for one.
    Database(Arc<dyn DatabaseHost>),
    /// Anything else.
    Other(Arc<dyn Lifecycle>),
}

impl Operated {
    pub(crate) fn lifecycle(&self) -> Arc<dyn Lifecycle> {
        match self {
            Operated::Database(host) => host.clone(),
            Operated::Other(lifecycle) => lifecycle.clone(),
        }
    }
}

/// The backups of one component, and how a server fetches WAL from them.
#[derive(Clone, Debug)]
pub struct Backups {
    /// The plan's component whose data they hold.
    pub component: String,
    /// The repository.
    pub repository: Repository,
    /// Its configuration, readable by the database's user, for `restore_command`.
    pub config_file: PathBuf,
    /// The program that a database runs as `PROGRAM wal-fetch --config FILE %f %p`.
    pub program: PathBuf,
    /// `pg_restore`, for dumps that pg_dump made.
    pub pg_restore: Option<PathBuf>,
}

impl Backups {
    /// `restore_command`, quoted for the shell that Postgres runs it by.
    pub(crate) fn restore_command(&self) -> String {
        firedrill_backup::restore_command(&self.program, &self.config_file)
    }
}

/// What the team has at hand.
pub struct Team {
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) incarnations: Arc<dyn Incarnations>,
    pub(crate) applications: BTreeMap<String, Arc<Application>>,
    pub(crate) services: BTreeMap<String, Operated>,
    pub(crate) backups: Option<Backups>,
    pub(crate) alerts: Option<watch::Receiver<Alerts>>,
    pub(crate) monitor: Option<Arc<Monitor>>,
    pub(crate) own: Option<Arc<OwnCommands>>,
    routes: Vec<(String, String, Route, Database)>,
    inventory: BTreeMap<String, RelationFile>,
    buckets: BTreeMap<String, BucketConfig>,
    object_rows: Option<String>,
    opening: OnceLock<Opening>,
    lives: Mutex<Lives>,
}

/// Lives of the data, as far as the team has seen them.
#[derive(Default)]
struct Lives {
    /// In the order they came: service, component, life, whether the team's restore made it.
    seen: Vec<(String, String, Life, bool)>,
}

impl Team {
    /// A team with nothing at hand yet.
    #[must_use]
    pub fn new(observer: Arc<dyn Observer>, incarnations: Arc<dyn Incarnations>) -> Team {
        Team {
            observer,
            incarnations,
            applications: BTreeMap::new(),
            services: BTreeMap::new(),
            backups: None,
            alerts: None,
            monitor: None,
            own: None,
            routes: Vec::new(),
            inventory: BTreeMap::new(),
            buckets: BTreeMap::new(),
            object_rows: None,
            opening: OnceLock::new(),
            lives: Mutex::default(),
        }
    }

    /// Gives it an application.
    pub fn give_application(&mut self, name: &str, application: Application) {
        self.applications.insert(name.into(), Arc::new(application));
    }

    /// Gives it a service by the scenario's name.
    pub fn give_service(&mut self, name: &str, service: Operated) {
        self.services.insert(name.into(), service);
    }

    /// Gives it the backups.
    pub fn give_backups(&mut self, backups: Backups) {
        self.backups = Some(backups);
    }

    /// Has it note which file each table is, as a team does with its backups: a dropped table can no longer be asked for.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn take_inventory(&mut self, database: &Database) -> Result<(), String> {
        let session = database::connect(database).await?;
        self.inventory = session.relations().await?.into_iter().collect();
        Ok(())
    }

    /// Says where the application's files are in a store, for restores of them.
    pub fn give_bucket(&mut self, store: &str, bucket: BucketConfig) {
        self.buckets.insert(store.into(), bucket);
    }

    /// Says how the application's database is asked which objects its rows point at: a SELECT of name (text), length
    /// (bigint) and SHA-256 (text, hexadecimal).
    pub fn give_object_rows(&mut self, sql: &str) {
        self.object_rows = Some(sql.into());
    }

    /// Says when the calendar by which the procedure names its times began; only the first word counts.
    pub fn open_calendar(&self, opening: Opening) {
        let _ = self.opening.set(opening);
    }

    pub(crate) fn opening(&self) -> Result<Opening, ActionError> {
        self.opening.get().copied().ok_or_else(|| {
            ActionError::Figure("the calendar has not begun, so a range of time cannot be reckoned yet".into())
        })
    }

    /// The database that has those rows now, and how it is asked.
    pub(crate) fn object_rows(&self) -> Result<(String, &str), ActionError> {
        let sql = self.object_rows.as_deref().ok_or_else(|| {
            ActionError::Figure("nothing says which rows point at objects: use `backup: newest`".into())
        })?;
        let lives = self.lives();
        let newest = lives.seen.last().ok_or_else(|| {
            ActionError::Figure("no database is known whose rows point at objects: use `backup: newest`".into())
        })?;
        Ok((newest.0.clone(), sql))
    }

    pub(crate) fn relation(&self, table: &str) -> Result<RelationFile, ActionError> {
        self.inventory.get(table).copied().ok_or_else(|| ActionError::NoTable {
            table: table.into(),
            known: listed(self.inventory.keys()),
        })
    }

    pub(crate) fn bucket(&self, store: &str) -> Result<&BucketConfig, ActionError> {
        self.buckets.get(store).ok_or_else(|| ActionError::Unknown {
            what: "store with the application's files",
            name: store.into(),
            known: listed(self.buckets.keys()),
        })
    }

    /// Gives it the monitor and its alerts; after a restore the monitor then follows the database.
    pub fn give_monitor(&mut self, monitor: Arc<Monitor>) {
        self.alerts = Some(monitor.alerts());
        self.monitor = Some(monitor);
    }

    /// Gives it what it needs to run commands of its own.
    pub fn give_own(&mut self, own: Arc<OwnCommands>) {
        self.own = Some(own);
    }

    /// Says how an application reaches a database by a route: address and credentials that the application is told.
    pub fn give_route(&mut self, application: &str, database: &str, route: Route, address: Database) {
        self.routes.push((application.into(), database.into(), route, address));
    }

    /// Says which life of a component's data a service serves, as read from it while it was well. Needed to tell what a
    /// fence ends and what a restore follows.
    pub fn give_life(&self, service: &str, component: &str, life: Life) {
        self.note_life(service, component, life, false);
    }

    pub(crate) fn note_life(&self, service: &str, component: &str, life: Life, restored: bool) {
        self.lives()
            .seen
            .push((service.into(), component.into(), life, restored));
    }

    fn lives(&self) -> std::sync::MutexGuard<'_, Lives> {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life that a service served last: component, life, whether the team restored it.
    pub(crate) fn life_of(&self, service: &str) -> Option<(String, Life, bool)> {
        let lives = self.lives();
        let found = lives.seen.iter().rev().find(|(other, ..)| other == service)?;
        Some((found.1.clone(), found.2.clone(), found.3))
    }

    /// The newest life of a component on a system and timeline.
    pub(crate) fn source_life(&self, component: &str, system: &str, timeline: u32) -> Option<Life> {
        let lives = self.lives();
        let found = lives
            .seen
            .iter()
            .rev()
            .find(|(_, other, life, _)| other == component && life.system == system && life.timeline == timeline)?;
        Some(found.2.clone())
    }

    /// The newest life of a component, whatever it is.
    pub(crate) fn newest_life(&self, component: &str) -> Option<Life> {
        let lives = self.lives();
        Some(
            lives
                .seen
                .iter()
                .rev()
                .find(|(_, other, ..)| other == component)?
                .2
                .clone(),
        )
    }

    /// An epoch that no life of the component has had.
    pub(crate) fn next_epoch(&self, component: &str) -> String {
        let lives = self.lives();
        let of = lives.seen.iter().filter(|(_, other, ..)| other == component);
        let highest = of
            .filter_map(|(_, _, life, _)| life.epoch.parse::<u64>().ok())
            .max()
            .unwrap_or(0);
        highest.saturating_add(1).to_string()
    }

    pub(crate) fn application(&self, name: &str) -> Result<Arc<Application>, ActionError> {
        self.applications
            .get(name)
            .cloned()
            .ok_or_else(|| ActionError::Unknown {
                what: "application",
                name: name.into(),
                known: listed(self.applications.keys()),
            })
    }

    /// The one application, for steps that name none.
    pub(crate) fn the_application(&self) -> Result<Arc<Application>, ActionError> {
        let mut all = self.applications.values();
        match (all.next(), all.next()) {
            (Some(one), None) => Ok(one.clone()),
            _ => Err(ActionError::Applications {
                found: self.applications.len(),
            }),
        }
    }

    pub(crate) fn lifecycle(&self, name: &str) -> Result<Arc<dyn Lifecycle>, ActionError> {
        self.services
            .get(name)
            .map(Operated::lifecycle)
            .ok_or_else(|| ActionError::Unknown {
                what: "service",
                name: name.into(),
                known: listed(self.services.keys()),
            })
    }

    pub(crate) fn database(&self, name: &str) -> Result<Arc<dyn DatabaseHost>, ActionError> {
        match self.services.get(name) {
            Some(Operated::Database(host)) => Ok(host.clone()),
            _ => Err(ActionError::Unknown {
                what: "Postgres service",
                name: name.into(),
                known: listed(self.services.iter().filter_map(|(name, service)| match service {
                    Operated::Database(_) => Some(name),
                    Operated::Other(_) => None,
                })),
            }),
        }
    }

    pub(crate) fn backups(&self) -> Result<&Backups, ActionError> {
        self.backups.as_ref().ok_or(ActionError::NoRepository)
    }

    pub(crate) fn route(&self, application: &str, database: &str, route: Route) -> Result<&Database, ActionError> {
        let found = self
            .routes
            .iter()
            .find(|(a, d, r, _)| a == application && d == database && *r == route);
        found.map(|(.., address)| address).ok_or_else(|| ActionError::NoRoute {
            application: application.into(),
            database: database.into(),
            route: format!("{route:?}").to_lowercase(),
        })
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}
