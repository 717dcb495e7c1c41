//! One look at the system, the way a monitor outside of it would look.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use firedrill_backup::{Database, Repository};
use firedrill_core::stamp::Nanos;

use super::log::{LogTail, Words};
use crate::amcheck::amcheck;
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
    /// Rows that there are.
    Rows(u64),
}

/// What a look saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) healthy: bool,
    pub(crate) timed_out: bool,
    /// It could not look, and that means nothing: what rules made of earlier looks stands.
    pub(crate) mute: bool,
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
            mute: false,
            measure,
            text,
        }
    }

    /// Of a look for damage that could not be taken: that the database is away is another check's to tell.
    fn mute(text: String) -> Seen {
        Seen {
            mute: true,
            ..Seen::new(true, None, text)
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
    ChecksumFailures(Database),
    Log(LogTail, Words),
    Amcheck(Database),
    BackupVerification(Repository),
    /// Of this table; none: of all.
    RowCount(Database, Option<String>),
}

impl Probe {
    /// Looks at another database from now on, if it looks at one.
    pub(crate) fn follow(&mut self, to: &Database) {
        match self {
            Probe::Database(database)
            | Probe::ChecksumFailures(database)
            | Probe::Amcheck(database)
            | Probe::RowCount(database, _) => database.clone_from(to),
            Probe::Http { .. }
            | Probe::Requests { .. }
            | Probe::BackupAge(_)
            | Probe::Log(..)
            | Probe::BackupVerification(_) => {}
        }
    }

    fn looks_for_damage(&self) -> bool {
        match self {
            Probe::ChecksumFailures(_)
            | Probe::Log(..)
            | Probe::Amcheck(_)
            | Probe::BackupVerification(_)
            | Probe::RowCount(..) => true,
            Probe::Http { .. } | Probe::Database(_) | Probe::Requests { .. } | Probe::BackupAge(_) => false,
        }
    }

    /// Reads another log from its present end on, if it reads one.
    pub(crate) fn follow_log(&mut self, to: &Path) {
        if let Probe::Log(tail, _) = self {
            *tail = LogTail::of(to);
        }
    }

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
                Probe::ChecksumFailures(database) => checksum_failures(database).await,
                Probe::Log(tail, words) => log(tail, *words).await,
                Probe::Amcheck(database) => look_inside(database).await,
                Probe::BackupVerification(repository) => verification(repository).await,
                Probe::RowCount(database, table) => row_count(database, table.as_deref()).await,
            }
        };
        match tokio::time::timeout(timeout, look).await {
            Ok(seen) => seen,
            Err(_) if self.looks_for_damage() => Seen {
                timed_out: true,
                ..Seen::mute(format!("no word within {} ms", timeout.as_millis()))
            },
            Err(_) => Seen {
                timed_out: true,
                ..Seen::new(false, None, format!("no answer within {} ms", timeout.as_millis()))
            },
        }
    }
}

/// What the database has counted.
async fn checksum_failures(database: &Database) -> Seen {
    let looked = async { database::connect(database).await?.checksum_failures().await };
    match looked.await {
        Ok(Some(0)) => Seen::new(true, None, "no page whose checksum did not fit".into()),
        Ok(Some(pages)) => Seen::new(
            false,
            None,
            format!("{pages} reads of pages whose checksum did not fit (pg_stat_database)"),
        ),
        Ok(None) => Seen::new(true, None, "data checksums are off: nothing is counted".into()),
        Err(error) => Seen::mute(format!("nothing was counted: {error}")),
    }
}

async fn row_count(database: &Database, table: Option<&str>) -> Seen {
    let counted = async { database::connect(database).await?.count_rows(table).await };
    let of = table.unwrap_or("all tables");
    match counted.await {
        Ok(Some(rows)) => Seen::new(true, Some(Measure::Rows(rows)), format!("{rows} rows of {of}")),
        Ok(None) => Seen::new(true, Some(Measure::Rows(0)), format!("there is no table {of}")),
        Err(error) => Seen::mute(format!("nothing was counted: {error}")),
    }
}

async fn log(tail: &LogTail, words: Words) -> Seen {
    let reader = tail.clone();
    let looked = tokio::task::spawn_blocking(move || reader.look(words)).await;
    match looked.map_err(std::io::Error::other).and_then(|looked| looked) {
        Ok(came) => match came.first {
            None => Seen::new(true, None, "nothing new in the log that matters".into()),
            Some(first) => Seen::new(false, None, format!("{} new lines, the first: {first}", came.lines)),
        },
        Err(error) => Seen::mute(format!("the log cannot be read: {error}")),
    }
}

async fn look_inside(database: &Database) -> Seen {
    let session = match database::connect(database).await {
        Ok(session) => session,
        Err(error) => return Seen::mute(format!("amcheck did not run: {error}")),
    };
    match amcheck(&session.client).await {
        Ok(seen) => match seen.problems.first() {
            None => Seen::new(
                true,
                None,
                format!("amcheck found {} heaps and B-trees sound", seen.relations),
            ),
            Some(first) => Seen::new(
                false,
                None,
                format!("amcheck: {} problems, the first: {first}", seen.problems.len()),
            ),
        },
        Err(error) => Seen::mute(format!("amcheck did not run: {}", database::words(&error))),
    }
}

async fn verification(repository: &Repository) -> Seen {
    let newest = match repository.list().await {
        Ok(backups) => backups
            .into_iter()
            .rev()
            .find(|backup| backup.kind != firedrill_backup::BackupKind::Files),
        Err(error) => return Seen::new(false, None, format!("the catalogue cannot be read: {error}")),
    };
    let Some(newest) = newest else {
        return Seen::new(false, None, "the catalogue holds no backup".into());
    };
    match repository.verify(&newest.id).await {
        Ok(found) if found.is_good() => Seen::new(
            true,
            None,
            format!("{} read through, {} bytes, whole", newest.id, found.bytes),
        ),
        Ok(found) => {
            let problem = found.problems.first().map_or("it holds nothing", String::as_str);
            Seen::new(false, None, format!("{}: {problem}", newest.id))
        }
        Err(error) => Seen::new(false, None, format!("{} cannot be read through: {error}", newest.id)),
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
