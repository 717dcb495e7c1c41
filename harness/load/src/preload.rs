//! Rows and objects loaded in prepare: each is version 1 of its key, acknowledged when its COPY was committed.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use firedrill_core::Operation;
use firedrill_core::event::Class;
use firedrill_core::ledger::{OperationKind, OperationOutcome};
use firedrill_core::stamp::Nanos;
use futures::SinkExt;
use tokio::time::Instant;

use crate::answer::{Answer, Client, Session, Write};
use crate::body::body;
use crate::clock::now;
use crate::error::LoadError;
use crate::identity::{Attended, SqlConfig, incarnation, table};
use crate::sink::Sink;
use crate::spec::first_key;

/// Bytes of COPY data in one message.
const CHUNK_BYTES: usize = 64 << 10;
/// Operations handed to the sink at once.
const BATCH: usize = 4096;
/// Connections that load objects.
const SESSIONS: u64 = 8;
/// The wait before a row is tried again; it doubles up to [`PAUSE_MAX`].
const PAUSE_FIRST: Duration = Duration::from_millis(50);
/// The longest wait between two attempts at a row.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Rows of one service, keys from [`first_key::PRELOAD`] on.
#[derive(Clone, Debug)]
pub struct PreloadRows {
    /// Its class, role preload. The table is named as the service.
    pub class: Class,
    /// How many.
    pub rows: u32,
}

/// What to load.
#[derive(Clone, Debug)]
pub struct PreloadSpec {
    /// By service.
    pub rows: Vec<PreloadRows>,
    /// MiB of rows that nobody writes; wants the sample application's function `preload_bulk`.
    pub bulk_mib: u32,
    /// Seed of contents.
    pub content_seed: u64,
}

/// What was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreloadReport {
    /// Versions acknowledged.
    pub rows: u64,
    /// Rows of the bulk table, 0 where none was asked for.
    pub bulk_rows: u64,
    /// The incarnation that took them; empty where nothing was loaded.
    pub incarnation: String,
}

/// Loads rows by COPY straight into Postgres.
///
/// The tables `payments` and `bookings` of the sample application get what belongs to their rows (booked money; reader
/// and slot) where they have it. Files need their objects: see [`preload_through`].
///
/// # Errors
/// Postgres cannot be reached or refuses; what was not committed is not in the ledger.
pub async fn preload(config: &SqlConfig, spec: &PreloadSpec, sink: &dyn Sink) -> Result<PreloadReport, LoadError> {
    let attended = config.attend().await?;
    let name = incarnation(&attended.client, config).await?;
    let mut report = PreloadReport {
        rows: 0,
        bulk_rows: 0,
        incarnation: name,
    };
    for rows in &spec.rows {
        let began = now();
        copy(config, &attended, rows, spec.content_seed).await?;
        let acked = Loaded {
            class: &rows.class,
            incarnation: sink.incarnation(&rows.class.component, &report.incarnation),
            began,
            done: now(),
        };
        acked.record(sink, rows.rows);
        report.rows += u64::from(rows.rows);
    }
    if spec.bulk_mib > 0 {
        let mib = spec.bulk_mib as i32;
        let row = attended
            .client
            .query_one("SELECT preload_bulk($1)", &[&mib])
            .await
            .map_err(config.failed("loading bulk rows"))?;
        report.bulk_rows = row
            .try_get::<_, i64>(0)
            .map_err(config.failed("loading bulk rows"))?
            .max(0) as u64;
    }
    Ok(report)
}

struct Loaded<'a> {
    class: &'a Class,
    incarnation: u16,
    began: Nanos,
    done: Nanos,
}

impl Loaded<'_> {
    fn operation(&self, key: u64) -> Operation {
        Operation {
            scheduled: self.began,
            sent: self.began,
            done: self.done,
            key,
            version: 1,
            replaced: 0,
            incarnation: self.incarnation,
            class: self.class.id,
            kind: OperationKind::Insert,
            outcome: OperationOutcome::Acked,
            flags: 0,
            attempts: 1,
        }
    }

    fn record(&self, sink: &dyn Sink, rows: u32) {
        let mut batch = Vec::with_capacity(BATCH.min(rows as usize));
        for key in keys(rows) {
            batch.push(self.operation(key));
            if batch.len() == BATCH {
                sink.operations(&batch);
                batch.clear();
            }
        }
        if !batch.is_empty() {
            sink.operations(&batch);
        }
    }
}

fn keys(rows: u32) -> std::ops::Range<u64> {
    first_key::PRELOAD..first_key::PRELOAD + u64::from(rows)
}

/// One transaction per table: all of its rows, or none.
async fn copy(config: &SqlConfig, attended: &Attended, rows: &PreloadRows, seed: u64) -> Result<(), LoadError> {
    let service = table(&rows.class.service)?;
    let what = format!("loading rows of {service}");
    let client = &attended.client;
    let extra = client
        .query_one(
            "SELECT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = 'slot' AND NOT attisdropped), \
             to_regprocedure('book_payment(bigint,integer)') IS NOT NULL",
            &[&service],
        )
        .await
        .map_err(config.failed(&what))?;
    let has_slot: bool = extra.try_get(0).map_err(config.failed(&what))?;
    let books: bool = extra.try_get(1).map_err(config.failed(&what))?;
    let columns = if has_slot { ", reader, slot" } else { "" };

    client.batch_execute("BEGIN").await.map_err(config.failed(&what))?;
    let statement = format!("COPY {service} (key, version, body{columns}) FROM STDIN");
    let copy = client
        .copy_in::<_, Bytes>(&statement)
        .await
        .map_err(config.failed(&what))?;
    let mut copy = std::pin::pin!(copy);
    let mut chunk = BytesMut::with_capacity(CHUNK_BYTES + 512);
    for key in keys(rows.rows) {
        chunk.extend_from_slice(format!("{key}\t1\t{}", body(seed, service, key, 1)).as_bytes());
        if has_slot {
            chunk.extend_from_slice(format!("\t{}\t{}", key % 100, 1).as_bytes());
        }
        chunk.extend_from_slice(b"\n");
        if chunk.len() >= CHUNK_BYTES {
            copy.send(chunk.split().freeze()).await.map_err(config.failed(&what))?;
        }
    }
    if !chunk.is_empty() {
        copy.send(chunk.freeze()).await.map_err(config.failed(&what))?;
    }
    let copied = copy.finish().await.map_err(config.failed(&what))?;
    if service == "payments" && books {
        let (first, last) = (
            first_key::PRELOAD as i64,
            first_key::PRELOAD as i64 + i64::from(rows.rows),
        );
        client
            .execute(
                "SELECT book_payment(key, version) FROM payments WHERE key >= $1 AND key < $2",
                &[&first, &last],
            )
            .await
            .map_err(config.failed(&what))?;
    }
    if copied != u64::from(rows.rows) {
        return Err(LoadError::Unexpected {
            what: format!("rows copied into {service}"),
            found: copied.to_string(),
            expected: rows.rows.to_string(),
        });
    }
    // batch_execute sends a simple query: COMMIT answered by ROLLBACK would not be an error, so the rows are looked at.
    client.batch_execute("COMMIT").await.map_err(config.failed(&what))?;
    let (first, last) = (
        first_key::PRELOAD as i64,
        first_key::PRELOAD as i64 + i64::from(rows.rows),
    );
    let text = format!("SELECT count(*) FROM {service} WHERE key >= $1 AND key < $2");
    let count = client
        .query_one(&text, &[&first, &last])
        .await
        .map_err(config.failed(&what))?;
    let count: i64 = count.try_get(0).map_err(config.failed(&what))?;
    if count == i64::from(rows.rows) {
        Ok(())
    } else {
        Err(LoadError::Unexpected {
            what: format!("rows of {service} after COMMIT"),
            found: count.to_string(),
            expected: rows.rows.to_string(),
        })
    }
}

/// Loads rows through the application, for services whose rows are not all (files: the object comes first).
///
/// A row that is not acknowledged is sent again until `deadline` has passed since it was first sent: a database that is
/// slow for a moment is no reason to end a drill before it began, and the same version with the same content is the same
/// write. In the ledger it is one operation with its attempts (DEFINITIONS 5).
///
/// # Errors
/// A row that was not acknowledged in time; those that were are in the ledger, the others are too, as what they are.
pub async fn preload_through(
    client: Arc<dyn Client>,
    rows: &PreloadRows,
    content_seed: u64,
    deadline: Duration,
    sink: Arc<dyn Sink>,
) -> Result<PreloadReport, LoadError> {
    let worker = |number: u64| {
        let (mut session, sink, class, rows) = (client.session(), sink.clone(), rows.class.clone(), rows.rows);
        async move {
            let (mut batch, mut name) = (Vec::new(), String::new());
            let mut failed: Option<String> = None;
            for key in keys(rows).skip(number as usize).step_by(SESSIONS as usize) {
                let text = body(content_seed, &class.service, key, 1);
                let write = Write {
                    service: &class.service,
                    key,
                    version: 1,
                    kind: OperationKind::Insert,
                    body: &text,
                };
                let began = now();
                let (answer, attempts) = until_acked(session.as_mut(), &write, deadline).await;
                let incarnation = match &answer.incarnation {
                    Some(known) => {
                        name = known.to_string();
                        sink.incarnation(&class.component, known)
                    }
                    None => firedrill_core::ledger::NO_INCARNATION,
                };
                let loaded = Loaded {
                    class: &class,
                    incarnation,
                    began,
                    done: now(),
                };
                batch.push(Operation {
                    outcome: answer.outcome,
                    flags: answer.flags,
                    replaced: answer.replaced,
                    attempts,
                    ..loaded.operation(key)
                });
                if batch.len() == BATCH {
                    sink.operations(&batch);
                    batch.clear();
                }
                if answer.outcome != OperationOutcome::Acked {
                    let why = answer.why.as_deref().unwrap_or("no reason was told");
                    failed = Some(format!("key {key}: {why}"));
                    // The service is not there: there is no use in asking for every row.
                    break;
                }
            }
            if !batch.is_empty() {
                sink.operations(&batch);
            }
            (failed, name)
        }
    };
    let ended = futures::future::join_all((0..SESSIONS).map(worker)).await;
    let failed = ended.iter().filter(|(failed, _)| failed.is_some()).count();
    if let Some(first) = ended.iter().find_map(|(failed, _)| failed.as_deref()) {
        return Err(LoadError::Unexpected {
            what: format!("preloaded rows of {} that were not acknowledged", rows.class.service),
            found: format!("{failed} or more of {}, the first of them {first}", rows.rows),
            expected: format!("none, each within {} s", deadline.as_secs_f64()),
        });
    }
    let name = ended.into_iter().map(|(_, name)| name).find(|name| !name.is_empty());
    Ok(PreloadReport {
        rows: u64::from(rows.rows),
        bulk_rows: 0,
        incarnation: name.unwrap_or_default(),
    })
}

/// Sends a write until it is acknowledged or no further attempt fits into the deadline, of which each attempt has a third;
/// the answer that counts, and how many were sent. A write that no attempt acknowledged is indeterminate as soon as one
/// attempt was.
async fn until_acked(session: &mut dyn Session, write: &Write<'_>, deadline: Duration) -> (Answer, u8) {
    let (began, each) = (Instant::now(), deadline / 3);
    let mut pause = PAUSE_FIRST;
    let mut attempts = 0u8;
    let mut indeterminate = false;
    loop {
        let mut answer = session.write(write, each).await;
        attempts = attempts.saturating_add(1);
        if answer.outcome == OperationOutcome::Acked {
            return (answer, attempts);
        }
        indeterminate |= answer.outcome == OperationOutcome::Indeterminate;
        if began.elapsed() + pause + each > deadline || attempts == u8::MAX {
            if indeterminate {
                answer.outcome = OperationOutcome::Indeterminate;
            }
            return (answer, attempts);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
