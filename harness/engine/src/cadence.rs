//! Backups at the plan's cadence while the drill runs, one after the other.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use firedrill_backup::{BaseBackupOptions, BucketConfig, Database, Repository};
use firedrill_core::event::{DelayKind, Event};
use firedrill_core::scenario::CommandLine;
use firedrill_core::stamp::{Nanos, Stamp};
use firedrill_load::now;
use firedrill_respond::own::{self, OwnCommands, OwnError, Task};
use tokio::task::JoinHandle;

use crate::recorder::Recorder;

/// What kind of backup is taken.
#[derive(Clone)]
pub enum Kind {
    /// A dump, by `pg_dump` where the machine has one.
    Dump(Option<PathBuf>),
    /// A base backup, by these options.
    Base(BaseBackupOptions),
    /// A copy of the application's bucket.
    Files(BucketConfig),
    /// A command of the user's own.
    Own(OwnBackup),
}

/// A backup that a command of the user's own takes.
#[derive(Clone)]
pub struct OwnBackup {
    /// What runs it.
    pub own: Arc<OwnCommands>,
    /// `base` or `dump`.
    pub kind: &'static str,
    /// The Postgres service that is backed up, on whose host it runs.
    pub on: String,
    /// Program and arguments.
    pub command: CommandLine,
    /// When it is killed.
    pub deadline: Duration,
}

impl OwnBackup {
    /// Takes one and returns its name.
    ///
    /// # Errors
    /// The command did not succeed.
    pub async fn take(&self) -> Result<String, OwnError> {
        let task = Task {
            kind: own::Kind::Backup,
            name: self.kind,
            on: &self.on,
            command: &self.command,
            deadline: self.deadline,
            restores: None,
            truth: None,
        };
        let (reply, _) = self.own.run(&task).await?;
        Ok(reply.backup.unwrap_or_else(|| format!("by {}", self.command.join(" "))))
    }
}

/// What is backed up, where to, how often.
pub struct Schedule {
    /// How.
    pub kind: Kind,
    /// Where to, for the reference tool.
    pub repository: Option<Repository>,
    /// What.
    pub database: Database,
    /// How often, drill time.
    pub every: Duration,
    /// When the first one starts, drill nanoseconds.
    pub first: Nanos,
    /// The plan's component.
    pub component: String,
    /// Where it is told.
    pub recorder: Recorder,
}

/// Running backups; dropping them ends the one in work.
pub struct Cadence {
    task: JoinHandle<()>,
    next: Arc<AtomicI64>,
}

impl Cadence {
    /// Starts them.
    #[must_use]
    pub fn start(schedule: Schedule) -> Cadence {
        let next = Arc::new(AtomicI64::new(schedule.first));
        let coming = Arc::clone(&next);
        let every = Nanos::try_from(schedule.every.as_nanos()).unwrap_or(Nanos::MAX / 4);
        let task = tokio::spawn(async move {
            loop {
                let due = coming.load(Ordering::Acquire);
                let left = due - now();
                if left > 0 {
                    tokio::time::sleep(Duration::from_nanos(left.unsigned_abs())).await;
                }
                coming.store(due + every, Ordering::Release);
                schedule.take().await;
            }
        });
        Cadence { task, next }
    }

    /// When the next one starts, drill nanoseconds.
    #[must_use]
    pub fn next_start(&self) -> Option<Nanos> {
        Some(self.next.load(Ordering::Acquire))
    }
}

impl Drop for Cadence {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Schedule {
    fn repository(&self) -> Result<&Repository, String> {
        self.repository
            .as_ref()
            .ok_or_else(|| "there is no repository".to_owned())
    }

    async fn dump(&self, program: Option<&Path>) -> Result<String, String> {
        let taken = self.repository()?.dump(&self.database, program, &|_| {}).await;
        taken.map(|record| record.id).map_err(|error| error.to_string())
    }

    async fn files(&self, bucket: &BucketConfig) -> Result<String, String> {
        let taken = self.repository()?.files(bucket, &|_| {}).await;
        taken.map(|record| record.id).map_err(|error| error.to_string())
    }

    async fn base(&self, options: &BaseBackupOptions) -> Result<String, String> {
        let repository = self.repository()?;
        let taken = repository
            .base_backup_with(&self.database, "cadence", options, &|_| {})
            .await;
        taken.map(|record| record.id).map_err(|error| error.to_string())
    }

    async fn take(&self) {
        let early = now();
        let (kind, taken) = match &self.kind {
            Kind::Dump(program) => ("dump", self.dump(program.as_deref()).await),
            Kind::Base(options) => ("base", self.base(options).await),
            Kind::Files(bucket) => ("files", self.files(bucket).await),
            Kind::Own(own) => (own.kind, own.take().await.map_err(|error| error.to_string())),
        };
        let stamp = Stamp::new(early, now());
        match taken {
            Ok(name) => {
                let component = self.component.clone();
                self.recorder.record(
                    stamp,
                    Event::Restorable {
                        component,
                        kind: kind.into(),
                        name,
                    },
                );
                let drill = stamp.late - stamp.early;
                self.recorder.record(
                    stamp,
                    Event::Delay {
                        kind: DelayKind::Backup,
                        drill,
                    },
                );
            }
            // A server that was struck cannot be backed up: that is the drill, not a failure of it.
            Err(error) => self.recorder.record(
                stamp,
                Event::Note {
                    text: format!("a {kind} backup failed: {error}"),
                },
            ),
        }
    }
}
