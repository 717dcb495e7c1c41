//! One look at the system, the way a monitor outside of it would look.

use std::net::SocketAddr;
use std::time::Duration;

use firedrill_backup::{Database, Repository};
use firedrill_core::stamp::Nanos;

use crate::catalogue;
use crate::clock::{self, Stopwatch};
use crate::database;
use crate::http::{Ask, ask};

/// What a look said stays short in the history.
const TEXT_CHARS_MAX: usize = 160;

/// What a look measured, for rules with a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Failed requests of all.
    Share { failed: u32, of: u32 },
    /// Drill nanoseconds until the answer.
    Took(Nanos),
    /// Plan nanoseconds since the newest restorable point.
    Age(i128),
}

/// What a look saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) healthy: bool,
    pub(crate) timed_out: bool,
    pub(crate) measure: Option<Measure>,
    pub(crate) text: String,
}

impl Seen {
    fn new(healthy: bool, measure: Option<Measure>, text: String) -> Seen {
        let text = match text.char_indices().nth(TEXT_CHARS_MAX) {
            Some((cut, _)) => format!("{}...", &text[..cut]),
            None => text,
        };
        Seen {
            healthy,
            timed_out: false,
            measure,
            text,
        }
    }
}

/// What a look needs to know.
#[derive(Clone)]
pub(crate) enum Probe {
    Http {
        address: SocketAddr,
        path: String,
    },
    Database(Database),
    /// The application keeps no count of failures, so the monitor makes requests of its own.
    Requests {
        address: SocketAddr,
        paths: Vec<String>,
    },
    BackupAge(Repository),
}

impl Probe {
    /// Looks once, for at most `timeout`. `age` turns the wall-clock time of a restorable point (milliseconds since
    /// 1970) into plan nanoseconds since then.
    pub(crate) async fn look(&self, timeout: Duration, age: &(dyn Fn(u64) -> i128 + Sync)) -> Seen {
        let watch = Stopwatch::start();
        let look = async {
            match self {
                Probe::Http { address, path } => match ask(Ask::get(*address, path)).await {
                    Ok((status, _)) => Seen::new(
                        status.as_u16() < 400,
                        Some(Measure::Took(watch.elapsed())),
                        format!("{} after {} ms", status.as_u16(), milliseconds(watch)),
                    ),
                    Err(error) => Seen::new(false, None, error.to_string()),
                },
                Probe::Database(database) => match database::ping(database).await {
                    Ok(()) => Seen::new(
                        true,
                        Some(Measure::Took(watch.elapsed())),
                        format!("SELECT 1 answered after {} ms", milliseconds(watch)),
                    ),
                    Err(error) => Seen::new(false, None, error),
                },
                Probe::Requests { address, paths } => requests(*address, paths, timeout).await,
                Probe::BackupAge(repository) => match catalogue::newest_restorable(repository).await {
                    Ok(Some(point)) => Seen::new(
                        true,
                        Some(Measure::Age(age(point.unix_ms))),
                        format!(
                            "{} is {} s old by the wall clock",
                            point.name,
                            clock::unix_ms().saturating_sub(point.unix_ms) / 1000
                        ),
                    ),
                    Ok(None) => Seen::new(false, None, "the catalogue holds no restorable point".into()),
                    Err(error) => Seen::new(false, None, format!("the catalogue cannot be read: {error}")),
                },
            }
        };
        match tokio::time::timeout(timeout, look).await {
            Ok(seen) => seen,
            Err(_) => Seen {
                timed_out: true,
                ..Seen::new(false, None, format!("no answer within {} ms", timeout.as_millis()))
            },
        }
    }
}

fn milliseconds(watch: Stopwatch) -> Nanos {
    watch.elapsed() / firedrill_core::stamp::MILLISECOND
}

/// One GET to each path at once, each with the whole timeout less a little, so that one slow answer is one failure and
/// not an unknown. Failed: no answer, or the server says that it is at fault.
async fn requests(address: SocketAddr, paths: &[String], timeout: Duration) -> Seen {
    let each = timeout.mul_f32(0.9);
    let mut asked = tokio::task::JoinSet::new();
    for path in paths {
        let path = path.clone();
        asked.spawn(async move {
            match tokio::time::timeout(each, ask(Ask::get(address, &path))).await {
                Ok(Ok((status, _))) => !status.is_server_error(),
                Ok(Err(_)) | Err(_) => false,
            }
        });
    }
    let of = u32::try_from(paths.len()).unwrap_or(u32::MAX);
    let mut answered = 0;
    while let Some(outcome) = asked.join_next().await {
        answered += u32::from(outcome.unwrap_or(false));
    }
    let failed = of - answered;
    Seen::new(
        failed < of,
        Some(Measure::Share { failed, of }),
        format!("{failed} of the monitor's own {of} requests failed"),
    )
}
