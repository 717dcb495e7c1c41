//! Commands of the scenario's own: what is around them, and the backups and checks that they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use firedrill_core::event::Event;
use firedrill_core::scenario::{Cadence, CommandLine, Route};
use firedrill_load::now;
use firedrill_respond::OwnCommands;
use firedrill_respond::own::{CommandSite, Kind, OwnError, StoreAccess, Surroundings, Task, log_file};

use super::{Drill, DrillError, nanos};
use crate::cadence::OwnBackup;
use crate::check::own::meaning;
use crate::stage::{BACKUP_BUCKET, MONITOR};

/// How long a backup, or making the tool ready, may take where the scenario does not say.
const BACKUP_MAX: Duration = Duration::from_secs(120);
/// How long a check may take where the scenario does not say.
const CHECK_MAX: Duration = Duration::from_secs(60);

impl Drill {
    /// Lays out the scenario's tools and makes ready to run its commands, where it has any.
    pub(super) fn gather_own(&mut self) -> Result<(), DrillError> {
        if self.scenario().commands().is_empty() {
            return Ok(());
        }
        let stage = self.stage()?;
        let files = self.script.tools.iter();
        let tools = stage
            .local
            .lay_out_tools(files.clone().map(|file| (file.path.as_path(), &file.bytes[..])))?;
        let sites: BTreeMap<String, CommandSite> = stage
            .postgres
            .iter()
            .map(|(name, host)| {
                let site = CommandSite {
                    host: Arc::clone(host) as _,
                    name: name.clone(),
                };
                (name.clone(), site)
            })
            .collect();
        let mut stores = BTreeMap::new();
        for (name, host) in &stage.stores {
            let mut reached = BTreeMap::new();
            for database in stage.postgres.keys() {
                reached.insert(database.clone(), stage.address(database, name, Route::Primary)?);
            }
            let access = StoreAccess {
                bucket: BACKUP_BUCKET.into(),
                access_key: host.access_key().into(),
                secret_key: host.secret_key().reveal().into(),
                region: host.region().into(),
                certificate: host.certificate(),
                reached,
            };
            stores.insert(name.clone(), access);
        }
        let mut applications = BTreeMap::new();
        for name in stage.applications.keys() {
            applications.insert(name.clone(), stage.address(MONITOR, name, Route::Primary)?);
        }
        let backup = &self.scenario().backup;
        let surroundings = Surroundings {
            component: self.component.clone(),
            home: backup.database.clone().unwrap_or_else(|| self.database.clone()),
            sites,
            stores,
            applications,
            tools,
            tool_files: files.map(|file| file.path.clone()).collect(),
            vault: stage.local.vault()?,
            programs: stage.local.build().directory.clone(),
            password: stage.database(&self.database)?.password().reveal().into(),
            logs: stage.local.logs().to_owned(),
        };
        self.own = Some(Arc::new(OwnCommands::new(surroundings)));
        Ok(())
    }

    fn own(&self) -> Result<&Arc<OwnCommands>, DrillError> {
        self.own
            .as_ref()
            .ok_or_else(|| DrillError::Other("the scenario has no commands of its own".into()))
    }

    /// `archive_command` of a host, where a command of the scenario ships the WAL.
    pub(super) async fn own_archive_command(&self, host: &str) -> Result<Option<String>, DrillError> {
        match self.scenario().backup.wal.as_ref().and_then(|wal| wal.run.as_ref()) {
            Some(command) => Ok(Some(self.own()?.archive_command(host, command).await?)),
            None => Ok(None),
        }
    }

    /// Has the scenario's tool make itself ready, before any data is there.
    pub(super) async fn set_own_tool_up(&self) -> Result<(), DrillError> {
        // The server has a port by now: what ships its WAL is told of it too.
        self.own_archive_command(&self.database).await?;
        let Some(command) = &self.scenario().backup.setup else {
            return Ok(());
        };
        let own = self.own()?;
        let task = Task {
            kind: Kind::Setup,
            name: "setup",
            on: own.home(),
            command,
            deadline: BACKUP_MAX,
            restores: None,
            truth: None,
        };
        own.run(&task)
            .await
            .map(drop)
            .map_err(of_prepare("the setup", task.name))
    }

    /// The command that takes backups of a kind, where it is the scenario's own.
    pub(super) fn own_backup(&self, kind: &'static str, cadence: &Cadence) -> Result<Option<OwnBackup>, DrillError> {
        let Some(command) = cadence.run.clone() else {
            return Ok(None);
        };
        let deadline = match cadence.deadline {
            Some(deadline) => Duration::from_nanos(nanos(deadline)?.unsigned_abs()),
            None => BACKUP_MAX,
        };
        let own = Arc::clone(self.own()?);
        Ok(Some(OwnBackup {
            on: own.home().to_owned(),
            own,
            kind,
            command,
            deadline,
        }))
    }

    /// The checks of the scenario's own, on the database that serves now.
    pub(super) async fn own_checks(&self, serving: &str) -> Result<(), DrillError> {
        for (name, check) in &self.scenario().checks {
            let deadline = match check.deadline {
                Some(deadline) => Duration::from_nanos(nanos(deadline)?.unsigned_abs()),
                None => CHECK_MAX,
            };
            let early = now();
            let ended = self.own_check(name, serving, &check.run, deadline).await?;
            self.checked(early, name, meaning(ended));
        }
        Ok(())
    }

    async fn own_check(
        &self,
        name: &str,
        serving: &str,
        command: &CommandLine,
        deadline: Duration,
    ) -> Result<Result<firedrill_respond::own::Ended, OwnError>, DrillError> {
        let task = Task {
            kind: Kind::Check,
            name,
            on: serving,
            command,
            deadline,
            restores: None,
            truth: Some(serde_json::json!({ "serving": serving, "was": self.database })),
        };
        Ok(self.own()?.attempt(&task).await)
    }

    /// Measures what the backups take up where they lie, by the harness's own means.
    pub(super) fn measure_stored(&self) -> Result<(), DrillError> {
        let stage = self.stage()?;
        let backup = &self.scenario().backup;
        let buckets = stage
            .stores
            .iter()
            .filter(|(name, _)| backup.store.as_ref().is_none_or(|store| store == *name))
            .map(|(_, host)| host.data_directory().join(BACKUP_BUCKET));
        let mut places: Vec<PathBuf> = buckets.collect();
        if self.own.is_some() {
            places.push(stage.local.vault()?);
        }
        let bytes: u64 = places.iter().map(|place| bytes_below(place, 0)).sum();
        if bytes > 0 {
            self.recorder.record_now(Event::Stored {
                component: self.component.clone(),
                bytes,
            });
        }
        Ok(())
    }
}

/// What the failure of a command in prepare means: a mistake in it, unless it cannot be run here at all, or the harness
/// could not run it.
pub(super) fn of_prepare(what: &str, name: &str) -> impl FnOnce(OwnError) -> DrillError + use<> {
    let (what, log) = (what.to_owned(), log_file(name));
    move |error| {
        if error.lack {
            DrillError::Ground(error.to_string())
        } else if error.cannot_run {
            DrillError::CannotRun(error.to_string())
        } else {
            DrillError::Own {
                what,
                log,
                error: Box::new(error),
            }
        }
    }
}

/// Bytes of all files below a directory. What vanishes meanwhile does not count.
fn bytes_below(place: &Path, depth: u8) -> u64 {
    const DEPTH_MAX: u8 = 32;
    let Ok(entries) = std::fs::read_dir(place) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() && depth < DEPTH_MAX => bytes_below(&entry.path(), depth + 1),
            Ok(metadata) if metadata.is_file() => metadata.len(),
            _ => 0,
        })
        .sum()
}
