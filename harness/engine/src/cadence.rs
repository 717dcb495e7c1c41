//! Backups at the plan's cadence while the drill runs, one after the other.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use firedrill_backup::{BucketConfig, Database, Repository};
use firedrill_core::event::{DelayKind, Event};
use firedrill_core::stamp::{Nanos, Stamp};
use firedrill_load::now;
use tokio::task::JoinHandle;

use crate::recorder::Recorder;

/// What kind of backup is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A dump, by `pg_dump` where the machine has one.
    Dump(Option<PathBuf>),
    /// A base backup.
    Base,
    /// A copy of the application's bucket.
    Files(BucketConfig),
}

/// What is backed up, where to, how often.
pub struct Schedule {
    /// How.
    pub kind: Kind,
    /// Where to.
    pub repository: Repository,
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
    async fn take(&self) {
        let early = now();
        let (kind, taken) = match &self.kind {
            Kind::Dump(program) => (
                "dump",
                self.repository.dump(&self.database, program.as_deref(), &|_| {}).await,
            ),
            Kind::Base => (
                "base",
                self.repository.base_backup(&self.database, "cadence", &|_| {}).await,
            ),
            Kind::Files(bucket) => ("files", self.repository.files(bucket, &|_| {}).await),
        };
        let stamp = Stamp::new(early, now());
        match taken {
            Ok(record) => {
                let (component, name) = (self.component.clone(), record.id);
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
