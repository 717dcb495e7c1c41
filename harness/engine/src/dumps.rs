//! Dumps at the plan's cadence while the drill runs, one after the other.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use firedrill_backup::{Database, Repository};
use firedrill_core::event::{DelayKind, Event};
use firedrill_core::stamp::{Nanos, Stamp};
use firedrill_load::now;
use tokio::task::JoinHandle;

use crate::recorder::Recorder;

/// What is dumped, where to, how often.
pub struct Schedule {
    /// Where to.
    pub repository: Repository,
    /// What.
    pub database: Database,
    /// `pg_dump`, where the machine has one.
    pub pg_dump: Option<PathBuf>,
    /// How often, drill time.
    pub every: Duration,
    /// When the first one starts, drill nanoseconds.
    pub first: Nanos,
    /// The plan's component.
    pub component: String,
    /// Where it is told.
    pub recorder: Recorder,
}

/// Running dumps; dropping them ends the one in work.
pub struct Dumps {
    task: JoinHandle<()>,
    next: Arc<AtomicI64>,
}

impl Dumps {
    /// Starts them.
    #[must_use]
    pub fn start(schedule: Schedule) -> Dumps {
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
                schedule.dump().await;
            }
        });
        Dumps { task, next }
    }

    /// When the next one starts, drill nanoseconds.
    #[must_use]
    pub fn next_start(&self) -> Option<Nanos> {
        Some(self.next.load(Ordering::Acquire))
    }
}

impl Drop for Dumps {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Schedule {
    async fn dump(&self) {
        let early = now();
        let taken = self
            .repository
            .dump(&self.database, self.pg_dump.as_deref(), &|_| {})
            .await;
        let stamp = Stamp::new(early, now());
        match taken {
            Ok(record) => {
                let (component, name) = (self.component.clone(), record.id);
                self.recorder.record(
                    stamp,
                    Event::Restorable {
                        component,
                        kind: "dump".into(),
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
            // A server that was struck cannot be dumped: that is the drill, not a failure of it.
            Err(error) => self.recorder.record(
                stamp,
                Event::Note {
                    text: format!("a dump failed: {error}"),
                },
            ),
        }
    }
}
