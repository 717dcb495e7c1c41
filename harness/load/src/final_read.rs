//! The final read: every row of the spaces that the ledger owns, in one snapshot, streamed.
//!
//! What it says must not depend on anything that may be damaged: indexes are not used, the number of rows is counted
//! by the database in the same snapshot, and each stream must end with its own count.

use std::sync::Arc;
use std::time::Duration;

use firedrill_core::FoundRow;
use firedrill_core::ledger::Content;
use futures::{StreamExt, TryStreamExt, pin_mut};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use crate::body::is_genuine;
use crate::error::LoadError;
use crate::identity::{Attended, SqlConfig, incarnation, table};
use crate::object::Objects;
use crate::sink::Sink;

/// Rows handed to the sink at once.
const BATCH: usize = 4096;
/// Objects fetched at once.
const FETCHES: usize = 16;

/// A table whose rows the ledger owns.
#[derive(Clone, Debug)]
pub struct Space {
    /// What found rows carry.
    pub id: u16,
    /// The service, named as its table.
    pub service: String,
    /// Its rows point at objects (columns `object`, `bytes`, `sha256`), which are fetched as well.
    pub objects: bool,
}

/// What to read.
#[derive(Clone)]
pub struct FinalRead {
    /// The server, reached directly.
    pub config: SqlConfig,
    /// Tables.
    pub spaces: Vec<Space>,
    /// Index that found rows carry. Compare it with [`FinalReadReport::incarnation`].
    pub incarnation: u16,
    /// Seed of contents.
    pub content_seed: u64,
    /// Where objects are; without it, a space with objects is an error.
    pub objects: Option<Arc<dyn Objects>>,
    /// Deadline of the whole.
    pub deadline: Duration,
}

/// What was read of one space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpaceReport {
    /// Which.
    pub id: u16,
    /// Rows that the database counted.
    pub counted: u64,
    /// Rows that arrived before the end mark.
    pub arrived: u64,
    /// Of them: not what a client would have written.
    pub mutated: u64,
    /// Of them: their object is missing or another one.
    pub dangling: u64,
    /// Bytes of content.
    pub bytes: u64,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalReadReport {
    /// Who was read, `SYSTEM/TIMELINE/EPOCH`.
    pub incarnation: String,
    /// Rows that the database counted, over all spaces.
    pub counted: u64,
    /// Rows that arrived; every stream ended with its end mark, else the read is an error.
    pub arrived: u64,
    /// By space.
    pub spaces: Vec<SpaceReport>,
}

impl FinalReadReport {
    /// Whether as many rows arrived as were counted, in every space.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.spaces.iter().all(|space| space.counted == space.arrived)
    }
}

/// Reads all spaces in one REPEATABLE READ snapshot. Two rows of one key are two found rows. Memory is bounded by a few
/// thousand rows.
///
/// # Errors
/// Anything that keeps the read from being whole: an unreachable server, a page that cannot be read, a stream without
/// its end mark, a store that cannot be asked. What went to the sink until then is no final read.
pub async fn final_read(read: &FinalRead, sink: &dyn Sink) -> Result<FinalReadReport, LoadError> {
    tokio::time::timeout(read.deadline, read_all(read, sink))
        .await
        .map_err(|_| LoadError::Deadline {
            what: "final read".into(),
            deadline: read.deadline,
        })?
}

async fn read_all(read: &FinalRead, sink: &dyn Sink) -> Result<FinalReadReport, LoadError> {
    let attended = read.config.attend().await?;
    attended
        .client
        .batch_execute(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
             SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; \
             SET LOCAL enable_bitmapscan = off; SET LOCAL max_parallel_workers_per_gather = 0; \
             SET LOCAL synchronize_seqscans = off; SET LOCAL statement_timeout = 0; SET LOCAL search_path = public",
        )
        .await
        .map_err(read.config.failed("opening the snapshot"))?;
    let mut report = FinalReadReport {
        incarnation: incarnation(&attended.client, &read.config).await?,
        counted: 0,
        arrived: 0,
        spaces: Vec::with_capacity(read.spaces.len()),
    };
    for space in &read.spaces {
        let one = read_space(read, &attended, space, sink).await?;
        report.counted += one.counted;
        report.arrived += one.arrived;
        report.spaces.push(one);
    }
    // Nothing was written; the end of the transaction only proves that the snapshot lived to the end.
    attended
        .client
        .batch_execute("COMMIT")
        .await
        .map_err(read.config.failed("closing the snapshot"))?;
    Ok(report)
}

async fn read_space(
    read: &FinalRead,
    attended: &Attended,
    space: &Space,
    sink: &dyn Sink,
) -> Result<SpaceReport, LoadError> {
    let name = table(&space.service)?;
    let what = format!("final read of {name}");
    let objects = match (space.objects, &read.objects) {
        (false, _) => None,
        (true, Some(objects)) => Some(objects),
        (true, None) => {
            return Err(LoadError::spec(
                what,
                "rows that point at objects and no store",
                "a store",
            ));
        }
    };
    let client = &attended.client;
    let there = client
        .query_one("SELECT to_regclass(quote_ident($1::text)) IS NOT NULL", &[&name])
        .await
        .map_err(read.config.failed(&what))?;
    if !there.get::<_, bool>(0) {
        // A database that has no such table has no row of it: everything that was in it is lost.
        return Ok(SpaceReport {
            id: space.id,
            counted: 0,
            arrived: 0,
            mutated: 0,
            dangling: 0,
            bytes: 0,
        });
    }
    let counted = client
        .query_one(&format!("SELECT count(*) FROM {name} WHERE key >= 0"), &[])
        .await
        .map_err(read.config.failed(&what))?;
    let counted: i64 = counted.try_get(0).map_err(read.config.failed(&what))?;
    let follows = space.service == FOLLOWING && has_following(read, client, name).await?;
    let columns = match (space.objects, follows) {
        (true, _) => ", object, bytes, sha256",
        (false, true) => ", reader, slot",
        (false, false) => "",
    };
    let text = format!("SELECT key, version, body{columns} FROM {name} WHERE key >= 0");
    let none: [&(dyn ToSql + Sync); 0] = [];
    let stream = client.query_raw(&text, none).await.map_err(read.config.failed(&what))?;
    pin_mut!(stream);

    let mut report = SpaceReport {
        id: space.id,
        counted: counted.max(0) as u64,
        arrived: 0,
        mutated: 0,
        dangling: 0,
        bytes: 0,
    };
    let mut batch = Vec::with_capacity(BATCH);
    {
        // Objects are fetched several at a time; `buffered` bounds both them and the rows that wait.
        let mut found = stream
            .by_ref()
            .map(|row| {
                let what = &what;
                async move {
                    let row = row.map_err(read.config.failed(what))?;
                    look(read, space, objects, follows, &row).await
                }
            })
            .buffered(if objects.is_some() { FETCHES } else { 1 });
        while let Some((row, bytes)) = found.try_next().await? {
            report.arrived += 1;
            report.bytes += bytes;
            report.mutated += u64::from(row.content == Content::Mutated);
            report.dangling += u64::from(row.content == Content::Dangling);
            batch.push(row);
            if batch.len() == BATCH {
                sink.found(&batch);
                batch.clear();
            }
        }
    }
    if !batch.is_empty() {
        sink.found(&batch);
    }
    let mark = stream.rows_affected();
    if mark == Some(report.arrived) {
        Ok(report)
    } else {
        Err(LoadError::Unexpected {
            what: format!("end mark of the {what}"),
            found: mark.map_or("none".into(), |rows| format!("{rows} rows")),
            expected: format!("{} rows, as many as arrived", report.arrived),
        })
    }
}

async fn look(
    read: &FinalRead,
    space: &Space,
    objects: Option<&Arc<dyn Objects>>,
    follows: bool,
    row: &Row,
) -> Result<(FoundRow, u64), LoadError> {
    let key: i64 = row.try_get(0).map_err(read.config.failed("reading a key"))?;
    let version: i32 = row.try_get(1).map_err(read.config.failed("reading a version"))?;
    // A content that is no text any more is no attempt of anybody's.
    let body: Option<&str> = row.try_get(2).ok();
    let genuine = body.is_some_and(|body| {
        key >= 0 && version > 0 && is_genuine(read.content_seed, &space.service, key as u64, version as u32, body)
    });
    let genuine = genuine && (!follows || is_followed(row, key, version));
    let mut content = if genuine { Content::Genuine } else { Content::Mutated };
    if let (Content::Genuine, Some(objects)) = (content, objects)
        && !is_backed(objects.as_ref(), row).await?
    {
        content = Content::Dangling;
    }
    let found = FoundRow {
        // Negative ones are nobody's keys either way.
        key: key as u64,
        version: version.max(0) as u32,
        space: space.id,
        incarnation: read.incarnation,
        content,
    };
    Ok((found, body.map_or(0, |body| body.len() as u64)))
}

/// The table of the sample application with columns that follow from key and version.
const FOLLOWING: &str = "bookings";

/// Whether the table has them: a table of that name may be another application's.
async fn has_following(read: &FinalRead, client: &Client, name: &str) -> Result<bool, LoadError> {
    let row = client
        .query_one(
            "SELECT count(*) = 2 FROM pg_attribute WHERE attrelid = to_regclass(quote_ident($1::text)) \
             AND attname IN ('reader', 'slot') AND atttypid = 'int'::regtype AND NOT attisdropped",
            &[&name],
        )
        .await
        .map_err(read.config.failed("asking for columns that follow from the key"))?;
    row.try_get(0)
        .map_err(read.config.failed("asking for columns that follow from the key"))
}

/// Whether a booking's reader and slot are those of its key and version, as application and preload write them.
fn is_followed(row: &Row, key: i64, version: i32) -> bool {
    let (reader, slot): (Option<i32>, Option<i32>) = (row.try_get(3).ok(), row.try_get(4).ok());
    reader.map(i64::from) == Some((key % 100).abs()) && slot == Some(version % 48)
}

/// Whether the object that a row points at is there and is the one that the row describes.
async fn is_backed(objects: &dyn Objects, row: &Row) -> Result<bool, LoadError> {
    let (Ok(name), Ok(bytes), Ok(sha256)) = (
        row.try_get::<_, &str>(3),
        row.try_get::<_, i64>(4),
        row.try_get::<_, &str>(5),
    ) else {
        return Ok(false);
    };
    let found = objects.digest(name).await?;
    Ok(found
        .is_some_and(|object| i64::try_from(object.bytes) == Ok(bytes) && object.sha256.eq_ignore_ascii_case(sha256)))
}
