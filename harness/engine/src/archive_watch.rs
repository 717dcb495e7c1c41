//! Watches a primary's WAL while the drill runs: where it has come to, when a segment was full, and when it had
//! arrived in the archive. From this the strike is timed, the quantum is measured, and a declared recovery point is
//! placed in time.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use firedrill_backup::parse_lsn;
use firedrill_core::event::{DelayKind, Event};
use firedrill_core::stamp::{Nanos, Stamp};
use firedrill_load::now;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::recorder::Recorder;

const PERIOD: Duration = Duration::from_millis(40);
/// Positions are recorded at most this often.
const SAMPLE: Nanos = 120_000_000;

const LOOK: &str = "SELECT coalesce(a.last_archived_wal, ''), pg_walfile_name(pg_current_wal_lsn()), \
     pg_current_wal_flush_lsn()::text, a.failed_count FROM pg_stat_archiver AS a";

/// A running watch; dropping it ends it.
pub struct ArchiveWatch {
    task: JoinHandle<()>,
    archived: Arc<Mutex<Vec<Nanos>>>,
    push_max: Arc<AtomicI64>,
    steady: Arc<AtomicBool>,
}

impl ArchiveWatch {
    /// Watches through `client`, a session of its own on the primary whose life has the index `incarnation`.
    pub fn start(client: Client, recorder: Recorder, component: String, incarnation: u16) -> ArchiveWatch {
        let archived = Arc::new(Mutex::new(Vec::new()));
        let completions = Arc::clone(&archived);
        let push_max = Arc::new(AtomicI64::new(0));
        let longest = Arc::clone(&push_max);
        let steady = Arc::new(AtomicBool::new(false));
        let scaled = Arc::clone(&steady);
        let task = tokio::spawn(async move {
            let mut watch = Watch {
                component,
                incarnation,
                ..Watch::default()
            };
            loop {
                let early = now();
                // The session dies with its server: the watch is over then.
                let Ok(row) = client.query_one(LOOK, &[]).await else {
                    break;
                };
                let seen = Seen {
                    stamp: Stamp::new(early, now()),
                    archived: row.get(0),
                    current: row.get(1),
                    lsn: parse_lsn(row.get(2)),
                };
                let (events, completed) = watch.look(seen);
                for (stamp, event) in events {
                    // While data is loaded nothing is scaled: what takes long then adds nothing to the quantum.
                    if !scaled.load(Ordering::Relaxed) && matches!(event, Event::Delay { .. }) {
                        continue;
                    }
                    if let Event::Delay { drill, .. } = &event {
                        longest.fetch_max(*drill, Ordering::Relaxed);
                    }
                    recorder.record(stamp, event);
                }
                if let Some(at) = completed.filter(|_| scaled.load(Ordering::Relaxed)) {
                    completions.lock().unwrap_or_else(PoisonError::into_inner).push(at);
                }
                tokio::time::sleep(PERIOD).await;
            }
        });
        ArchiveWatch {
            task,
            archived,
            push_max,
            steady,
        }
    }

    /// From here on the calendar sets the pace: delays count, and completions tell when the next one is due.
    pub fn begin_steady(&self) {
        self.steady.store(true, Ordering::Relaxed);
    }

    /// The longest time from a full segment to its arrival in the archive, drill nanoseconds.
    #[must_use]
    pub fn push_max(&self) -> Nanos {
        self.push_max.load(Ordering::Relaxed)
    }

    /// When segments had arrived in the archive, drill nanoseconds, oldest first.
    #[must_use]
    pub fn completions(&self) -> Vec<Nanos> {
        self.archived.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for ArchiveWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Seen {
    stamp: Stamp,
    archived: String,
    current: String,
    lsn: Option<u64>,
}

#[derive(Default)]
struct Watch {
    component: String,
    incarnation: u16,
    last: Option<(Stamp, String, String)>,
    sampled: Option<Nanos>,
    /// The last look at which the segment was still being written, by segment.
    full: Vec<(String, Nanos)>,
}

impl Watch {
    fn look(&mut self, seen: Seen) -> (Vec<(Stamp, Event)>, Option<Nanos>) {
        let mut events = Vec::new();
        let mut completed = None;
        if let Some(lsn) = seen.lsn
            && self.sampled.is_none_or(|at| seen.stamp.early - at >= SAMPLE)
        {
            self.sampled = Some(seen.stamp.early);
            events.push((
                seen.stamp,
                Event::Lsn {
                    incarnation: self.incarnation,
                    lsn,
                },
            ));
        }
        if let Some((before, archived, current)) = &self.last {
            if *current != seen.current {
                // The segment was filled after the look before: the delay counted from there is no less than the true one.
                self.full.push((current.clone(), before.early));
                let excess = self.full.len().saturating_sub(64);
                self.full.drain(..excess);
            }
            if *archived != seen.archived {
                let stamp = Stamp::new(before.early, seen.stamp.late);
                completed = Some(seen.stamp.late);
                let (component, name) = (self.component.clone(), seen.archived.clone());
                events.push((
                    stamp,
                    Event::Restorable {
                        component,
                        kind: "wal".into(),
                        name,
                    },
                ));
                if let Some(at) = self.full.iter().position(|(segment, _)| *segment == seen.archived) {
                    let drill = seen.stamp.late - self.full[at].1;
                    self.full.drain(..=at);
                    events.push((
                        stamp,
                        Event::Delay {
                            kind: DelayKind::Push,
                            drill,
                        },
                    ));
                }
            }
        }
        self.last = Some((seen.stamp, seen.archived, seen.current));
        (events, completed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(at: Nanos, archived: &str, current: &str) -> Seen {
        Seen {
            stamp: Stamp::new(at, at + 1),
            archived: archived.into(),
            current: current.into(),
            lsn: Some(7),
        }
    }

    #[test]
    fn a_push_counts_from_the_last_look_at_which_the_segment_was_open() {
        let mut watch = Watch::default();
        watch.look(seen(0, "", "A"));
        watch.look(seen(40, "", "B"));
        let (events, completed) = watch.look(seen(80, "A", "B"));
        assert_eq!(completed, Some(81));
        assert!(
            events.iter().any(|(_, event)| *event
                == Event::Delay {
                    kind: DelayKind::Push,
                    drill: 81
                }),
            "{events:?}"
        );
        assert!(events.iter().any(|(stamp, event)| *stamp == Stamp::new(40, 81)
            && matches!(event, Event::Restorable { name, .. } if name == "A")));
    }

    #[test]
    fn positions_are_sampled_not_streamed() {
        let mut watch = Watch::default();
        let samples = (0..10)
            .flat_map(|i| watch.look(seen(i * 40_000_000, "", "A")).0)
            .filter(|(_, event)| matches!(event, Event::Lsn { .. }))
            .count();
        assert_eq!(samples, 4);
    }

    #[test]
    fn lsns_are_read_as_postgres_writes_them() {
        assert_eq!(parse_lsn("0/3000060"), Some(0x0300_0060));
        assert_eq!(parse_lsn("1A/0"), Some(0x1A_0000_0000));
        assert_eq!(parse_lsn("3000060"), None);
        assert_eq!(parse_lsn("100000000/0"), None);
    }
}
