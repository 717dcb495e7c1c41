//! The file of a table or B-tree of a running server: where it lies, how long it is, and which of its pages the server
//! holds in its cache.
//!
//! The one idea: a page that is in the cache is not hurt by what happens on disk, and one write of it puts the good page
//! back. So damage is done to pages that are on disk alone, and the cache is looked at again afterwards.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use firedrill_environment::{Postgres, said};
use tokio_postgres::{Client, NoTls};

use super::draw::Draw;

/// Bytes of a page.
pub const PAGE: usize = 8192;
/// A server that takes longer than this to let the harness in, or to answer, is not asked.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Tables and B-trees that belong to the database itself and have pages to lose, by name.
const OWN: &str = "SELECT c.oid, c.oid::regclass::text, pg_relation_filepath(c.oid), c.relkind = 'i' \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_am am ON am.oid = c.relam \
     WHERE c.relpersistence = 'p' AND (c.relkind = 'r' OR (c.relkind = 'i' AND am.amname = 'btree')) \
       AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'";

/// Pages of one relation that are in the cache.
const CACHED: &str = "SELECT relblocknumber FROM pg_buffercache WHERE relfilenode = pg_relation_filenode($1::oid) \
     AND relforknumber = 0 AND reldatabase = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// A table's or B-tree's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationFile {
    /// As the server names it.
    pub name: String,
    /// Its object identifier.
    pub oid: u32,
    /// Its first file, relative to the data directory.
    pub path: PathBuf,
    /// A B-tree.
    pub is_index: bool,
}

/// A session of the harness's own, past all links.
///
/// # Errors
/// The server does not let it in; in words.
pub async fn session(host: &Postgres) -> Result<Client, String> {
    let connection = host
        .connection()
        .ok_or_else(|| format!("{} was never started", host.name()))?;
    let connecting = async { connection.config().connect(NoTls).await };
    let (client, driver) = tokio::time::timeout(ANSWER_MAX, connecting)
        .await
        .map_err(|_| {
            format!(
                "{} did not let the harness in within {} s",
                host.name(),
                ANSWER_MAX.as_secs()
            )
        })?
        .map_err(|error| format!("no session with {}: {}", host.name(), said(&error)))?;
    tokio::spawn(async move {
        let _ = driver.await;
    });
    Ok(client)
}

/// What looking into the cache needs.
///
/// # Errors
/// The extension is not at hand; in words, with what to do.
pub async fn see_the_cache(client: &Client) -> Result<(), String> {
    client
        .batch_execute("CREATE EXTENSION IF NOT EXISTS pg_buffercache")
        .await
        .map_err(|error| {
            format!(
                "the extension pg_buffercache is needed to find pages outside of the cache: {}; install Postgres's \
                 contrib modules, or run with --postgres fetch",
                said(&error)
            )
        })
}

/// The relation of this name, or one of the database's own of at least `pages_min` pages that the seed chooses.
///
/// # Errors
/// There is none; in words, with those there are.
pub async fn choose(
    client: &Client,
    wanted: Option<&str>,
    pages_min: u32,
    draw: &mut Draw,
) -> Result<RelationFile, String> {
    let bytes_min = i64::from(pages_min) * PAGE as i64;
    let rows = client
        .query(
            &format!("{OWN} AND ($1::text IS NOT NULL OR pg_relation_size(c.oid) >= $2) ORDER BY 2 LIMIT 10000"),
            &[&wanted, &bytes_min],
        )
        .await
        .map_err(|error| format!("the server was asked for its relations: {}", said(&error)))?;
    let mut files: Vec<RelationFile> = rows
        .iter()
        .filter_map(|row| {
            Some(RelationFile {
                oid: row.get(0),
                name: row.get(1),
                path: row.get::<_, Option<String>>(2)?.into(),
                is_index: row.get(3),
            })
        })
        .collect();
    match wanted {
        Some(name) => {
            let known: Vec<&str> = files.iter().map(|file| file.name.as_str()).take(60).collect();
            let known = known.join(", ");
            files
                .into_iter()
                .find(|file| file.name == name)
                .ok_or_else(|| format!("found no table or B-tree `{name}`, expected one of: {known}"))
        }
        None if files.is_empty() => Err(format!(
            "no table or B-tree of the database has {pages_min} pages: load more data (`preload`, `bulk_mib`)"
        )),
        None => {
            let index = usize::try_from(draw.below(files.len() as u64)).unwrap_or(0);
            Ok(files.swap_remove(index))
        }
    }
}

/// The pages of a relation that are in the server's cache.
///
/// # Errors
/// The server does not answer; in words.
pub async fn cached(client: &Client, file: &RelationFile) -> Result<BTreeSet<u32>, String> {
    let ask = async { client.query(CACHED, &[&file.oid]).await };
    let rows = tokio::time::timeout(ANSWER_MAX, ask)
        .await
        .map_err(|_| format!("no word of the cache within {} s", ANSWER_MAX.as_secs()))?
        .map_err(|error| format!("the server was asked for its cache: {}", said(&error)))?;
    Ok(rows
        .iter()
        .filter_map(|row| u32::try_from(row.get::<_, i64>(0)).ok())
        .collect())
}

/// What to do where every page that could be hurt is in the cache.
pub(super) fn all_cached(service: &str, file: &RelationFile, pages: u32) -> String {
    format!(
        "every one of the {pages} pages of {} that hold something is in the server's cache, where damage on disk does not \
         show: give the service `{service}` a smaller cache (`settings: {{ shared_buffers: 2MB }}`), or name a larger \
         relation",
        file.name
    )
}
