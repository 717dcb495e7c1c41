//! Damage by SQL: statements that an operator runs by mistake or an intruder on purpose. Every page stays valid, the
//! server stays up, and the WAL carries what was done.
//!
//! The session goes straight to the server, past all links, as such a person's does. Which rows are hit follows from the
//! seed and is told with the fault.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use firedrill_core::event::Coverage;
use firedrill_core::scenario::DataHarm;
use firedrill_environment::{Capability, Connection, Postgres, said};
use tokio_postgres::{Client, NoTls};

use super::{Fault, FaultError, Proof};
use crate::check::Checked;

/// A statement that waits longer for a lock, or runs longer, is given up.
const STATEMENT_MAX: &str = "SET statement_timeout = '20s'; SET lock_timeout = '4s'; SET search_path = public";
/// Keys that are noted, to be looked for afterwards.
const KEYS_MAX: usize = 100_000;
/// Rows that an index forgets.
const SKEWED_ROWS: i64 = 25;
/// Ransomware works through a table bit by bit, each a transaction of its own.
const BATCHES: i64 = 4;
/// A migration cuts texts to this length.
const CUT: usize = 24;
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A fault that spoils rows or a table.
pub struct DataFault {
    name: String,
    service: String,
    table: String,
    how: DataHarm,
    /// Parts per million of the rows.
    share_ppm: u32,
    seed: u64,
    host: Arc<Postgres>,
    noted: Mutex<Noted>,
}

/// What the injection came to.
#[derive(Default)]
struct Noted {
    detail: BTreeMap<String, String>,
    /// Keys of rows that were hit.
    keys: Vec<i64>,
}

impl DataFault {
    /// A fault of one table of a server; `share_ppm` of its rows where the harm is one of rows.
    #[must_use]
    pub fn new(
        name: &str,
        service: &str,
        table: &str,
        how: DataHarm,
        share_ppm: u32,
        seed: u64,
        host: Arc<Postgres>,
    ) -> DataFault {
        DataFault {
            name: name.to_owned(),
            service: service.to_owned(),
            table: table.to_owned(),
            how,
            share_ppm,
            seed,
            host,
            noted: Mutex::default(),
        }
    }

    fn said(&self, error: &tokio_postgres::Error) -> FaultError {
        self.failed(said(error))
    }

    /// The table's name as SQL writes it.
    fn quoted(&self) -> String {
        format!("\"{}\"", self.table.replace('"', "\"\""))
    }

    /// Whether a row is hit: a hash of its key, seeded, so that the choice needs no list. Keys below 0 are nobody's data.
    fn hit(&self) -> String {
        let part = u64::from(self.share_ppm) * (1 << 20) / 1_000_000;
        let seed = i64::from_ne_bytes(self.seed.to_ne_bytes());
        format!("key >= 0 AND (hashint8extended(key, '{seed}'::bigint) & 1048575) < {part}")
    }

    /// What rows say after a wrong UPDATE.
    fn marker(&self) -> String {
        format!("overwritten by mistake {:016x}", self.seed)
    }

    /// The alphabet of the cipher: a permutation that follows from the seed.
    fn alphabet(&self) -> String {
        let mut letters: Vec<char> = BASE64.chars().collect();
        let mut state = self.seed ^ 0x5DEE_CE66_D1CE_4E5B;
        for last in (1..letters.len()).rev() {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            letters.swap(last, (state >> 33) as usize % (last + 1));
        }
        letters.into_iter().collect()
    }

    async fn spoil(&self, client: &Client) -> Result<Noted, tokio_postgres::Error> {
        let table = self.quoted();
        let mut noted = Noted::default();
        let lsn = "SELECT pg_current_wal_insert_lsn()::text, coalesce(pg_relation_filepath(to_regclass($1)), '')";
        let row = client.query_one(lsn, &[&table]).await?;
        noted.detail.insert("wal_before".into(), row.get(0));
        noted.detail.insert("file_before".into(), row.get(1));
        match self.how {
            DataHarm::WrongUpdate => {
                let statement = format!(
                    "UPDATE {table} SET body = '{}' WHERE {} RETURNING key",
                    self.marker(),
                    self.hit()
                );
                noted.keys = keys(client, &statement).await?;
            }
            DataHarm::Delete => {
                let statement = format!("DELETE FROM {table} WHERE {} RETURNING key", self.hit());
                noted.keys = keys(client, &statement).await?;
            }
            DataHarm::Encrypt => {
                let alphabet = self.alphabet();
                for batch in 0..BATCHES {
                    let statement = format!(
                        "UPDATE {table} SET body = 'locked:' || translate(encode(convert_to(body, 'UTF8'), 'base64'), \
                         '{BASE64}', '{alphabet}') WHERE {} AND key % {BATCHES} = {batch} RETURNING key",
                        self.hit()
                    );
                    noted.keys.extend(keys(client, &statement).await?);
                }
            }
            DataHarm::Truncate => {
                noted.keys = self.all_keys(client).await?;
                client.batch_execute(&format!("TRUNCATE {table} CASCADE")).await?;
            }
            DataHarm::Drop => {
                noted.keys = self.all_keys(client).await?;
                client.batch_execute(&format!("DROP TABLE {table} CASCADE")).await?;
            }
            DataHarm::BadMigration => {
                noted.keys = self.all_keys(client).await?;
                client
                    .batch_execute(&format!(
                        "ALTER TABLE {table} ALTER COLUMN body TYPE varchar({CUT}) USING left(body, {CUT})"
                    ))
                    .await?;
            }
            DataHarm::SkewIndex => {
                noted.keys = self.skew(client).await?;
            }
        }
        let row = client.query_one(lsn, &[&table]).await?;
        noted.detail.insert("wal_after".into(), row.get(0));
        noted.detail.insert("file_after".into(), row.get(1));
        noted.detail.insert("rows".into(), noted.keys.len().to_string());
        let first: Vec<String> = noted.keys.iter().take(5).map(i64::to_string).collect();
        noted.detail.insert("first_keys".into(), first.join(" "));
        noted.keys.truncate(KEYS_MAX);
        Ok(noted)
    }

    async fn all_keys(&self, client: &Client) -> Result<Vec<i64>, tokio_postgres::Error> {
        let table = self.quoted();
        keys(
            client,
            &format!("SELECT key FROM {table} WHERE key >= 0 ORDER BY key LIMIT {KEYS_MAX}"),
        )
        .await
    }

    /// Rows written anew while their index is said not to be ready: it does not learn of them. All in one transaction, so
    /// that nobody else ever meets the index in that state.
    async fn skew(&self, client: &Client) -> Result<Vec<i64>, tokio_postgres::Error> {
        let table = self.quoted();
        let seed = i64::from_ne_bytes(self.seed.to_ne_bytes());
        let ready = |ready: bool| {
            format!("UPDATE pg_index SET indisready = {ready} WHERE indrelid = to_regclass('{table}') AND indisprimary")
        };
        client.batch_execute("BEGIN").await?;
        let work = async {
            client.batch_execute(&ready(false)).await?;
            let hit = keys(
                client,
                &format!(
                    "WITH hit AS (SELECT key FROM {table} WHERE key >= 0 \
                     ORDER BY hashint8extended(key, '{seed}'::bigint) LIMIT {SKEWED_ROWS} FOR UPDATE), \
                     gone AS (DELETE FROM {table} t USING hit WHERE t.key = hit.key RETURNING t.*) \
                     INSERT INTO {table} SELECT * FROM gone RETURNING key"
                ),
            )
            .await?;
            client.batch_execute(&ready(true)).await?;
            client.batch_execute("COMMIT").await?;
            Ok(hit)
        };
        let done: Result<Vec<i64>, tokio_postgres::Error> = work.await;
        if done.is_err() {
            let _ = client.batch_execute("ROLLBACK").await;
        }
        done
    }

    /// Rows that show the harm, of how many rows, in words.
    async fn shown(&self, client: &Client) -> Result<Shown, tokio_postgres::Error> {
        let table = self.quoted();
        let there = client
            .query_one("SELECT to_regclass($1) IS NOT NULL", &[&table])
            .await?;
        if !there.get::<_, bool>(0) {
            return Ok(Shown {
                spoiled: u64::from(self.how == DataHarm::Drop).max(self.keys().len() as u64),
                rows: 0,
                words: format!("there is no table {}", self.table),
            });
        }
        let rows = count(client, &format!("SELECT count(*) FROM {table}")).await?;
        let (spoiled, words) = match self.how {
            DataHarm::WrongUpdate => {
                let marker = self.marker();
                let spoiled = count(client, &format!("SELECT count(*) FROM {table} WHERE body = '{marker}'")).await?;
                (spoiled, format!("{spoiled} of {rows} rows say `{marker}`"))
            }
            DataHarm::Encrypt => {
                let spoiled = count(
                    client,
                    &format!("SELECT count(*) FROM {table} WHERE body LIKE 'locked:%'"),
                )
                .await?;
                (spoiled, format!("{spoiled} of {rows} rows are enciphered"))
            }
            DataHarm::BadMigration => {
                let typmod = client
                    .query_opt(
                        "SELECT atttypmod FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = 'body'",
                        &[&table],
                    )
                    .await?
                    .map_or(-1, |row| row.get::<_, i32>(0));
                let cut = typmod == i32::try_from(CUT + 4).unwrap_or(i32::MAX);
                let spoiled = count(
                    client,
                    &format!("SELECT count(*) FROM {table} WHERE key >= 0 AND length(body) <= {CUT}"),
                )
                .await?;
                (
                    spoiled.max(u64::from(cut)),
                    format!(
                        "{spoiled} of {rows} rows are cut to {CUT} characters, and the column {}",
                        if cut { "takes no more" } else { "takes more" }
                    ),
                )
            }
            DataHarm::Delete | DataHarm::Truncate | DataHarm::Drop => {
                let keys = self.keys();
                let sql = format!(
                    "SELECT count(*) FROM unnest($1::bigint[]) AS gone (key) \
                     WHERE NOT EXISTS (SELECT FROM {table} t WHERE t.key = gone.key)"
                );
                let row = client.query_one(&sql, &[&keys]).await?;
                let spoiled = row.get::<_, i64>(0).unsigned_abs();
                (
                    spoiled,
                    format!("{spoiled} of the {} rows that were removed are not there", keys.len()),
                )
            }
            DataHarm::SkewIndex => {
                let keys = self.keys();
                let sql = format!("SELECT count(*) FROM {table} WHERE key = ANY($1::bigint[])");
                let by_index = self.counted(client, "SET enable_seqscan = off", &sql, &keys).await?;
                let by_table = self
                    .counted(
                        client,
                        "SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off",
                        &sql,
                        &keys,
                    )
                    .await?;
                (
                    by_table.saturating_sub(by_index),
                    format!(
                        "of {} rows the table has {by_table}, its index finds {by_index}",
                        keys.len()
                    ),
                )
            }
        };
        Ok(Shown { spoiled, rows, words })
    }

    async fn counted(
        &self,
        client: &Client,
        settings: &str,
        sql: &str,
        keys: &[i64],
    ) -> Result<u64, tokio_postgres::Error> {
        client.batch_execute(settings).await?;
        let row = client.query_one(sql, &[&keys]).await?;
        client
            .batch_execute(
                "RESET enable_seqscan; RESET enable_indexscan; RESET enable_indexonlyscan; RESET enable_bitmapscan",
            )
            .await?;
        Ok(row.get::<_, i64>(0).unsigned_abs())
    }

    fn keys(&self) -> Vec<i64> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).keys.clone()
    }

    /// How many of the rows that were hit must show the harm for it to be there: rows that were removed may come back one
    /// by one, and clients delete some of their own.
    fn least(&self) -> u64 {
        match self.how {
            DataHarm::Delete | DataHarm::Truncate | DataHarm::Drop => (self.keys().len() as u64) / 2 + 1,
            _ => 1,
        }
    }
}

struct Shown {
    spoiled: u64,
    rows: u64,
    words: String,
}

/// Whether anything is left of a fault, by one look at so many rows.
pub(super) fn left(something: bool, rows: u64, words: &str) -> Checked {
    let coverage = Coverage {
        relations: 1,
        rows,
        bytes: 0,
    };
    let problems: Vec<String> = something.then(|| words.to_owned()).into_iter().collect();
    Checked::from_problems(&problems, coverage, format!("nothing is left of it: {words}"))
}

/// A session of the fault's own.
pub(super) async fn session(connection: &Connection) -> Result<Client, String> {
    let (client, driver) = connection
        .config()
        .connect(NoTls)
        .await
        .map_err(|error| format!("no session: {}", said(&error)))?;
    tokio::spawn(async move {
        let _ = driver.await;
    });
    client
        .batch_execute(STATEMENT_MAX)
        .await
        .map_err(|error| said(&error))?;
    Ok(client)
}

async fn keys(client: &Client, statement: &str) -> Result<Vec<i64>, tokio_postgres::Error> {
    let rows = client.query(statement, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

async fn count(client: &Client, statement: &str) -> Result<u64, tokio_postgres::Error> {
    let row = client.query_one(statement, &[]).await?;
    Ok(row.get::<_, i64>(0).unsigned_abs())
}

#[async_trait]
impl Fault for DataFault {
    fn name(&self) -> &str {
        &self.name
    }

    fn needs(&self) -> Vec<Capability> {
        vec![Capability::Endpoints]
    }

    fn detail(&self) -> BTreeMap<String, String> {
        let harm = match self.how {
            DataHarm::WrongUpdate => "UPDATE that overwrites what rows say",
            DataHarm::Delete => "DELETE of rows",
            DataHarm::Drop => "DROP TABLE",
            DataHarm::Truncate => "TRUNCATE",
            DataHarm::BadMigration => "ALTER TABLE that cuts what rows say",
            DataHarm::Encrypt => "rows enciphered batch by batch",
            DataHarm::SkewIndex => "rows that the index of the primary key does not know",
        };
        let mut detail = BTreeMap::from([
            ("service".into(), self.service.clone()),
            ("table".into(), self.table.clone()),
            ("harm".into(), harm.into()),
            ("share_ppm".into(), self.share_ppm.to_string()),
        ]);
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        detail.extend(noted.detail.clone());
        detail
    }

    async fn inject(&self) -> Result<(), FaultError> {
        let connection = self
            .host
            .connection()
            .ok_or_else(|| self.failed(format!("{} was never started", self.service)))?;
        let client = session(&connection).await.map_err(|why| self.failed(why))?;
        let noted = self.spoil(&client).await.map_err(|error| self.said(&error))?;
        if noted.keys.is_empty() {
            return Err(self.failed(format!(
                "it hit no row of {}: preload more rows, or raise `share`",
                self.table
            )));
        }
        *self.noted.lock().unwrap_or_else(PoisonError::into_inner) = noted;
        Ok(())
    }

    async fn prove(&self) -> Proof {
        let look = async {
            let connection = self
                .host
                .connection()
                .ok_or_else(|| format!("{} was never started", self.service))?;
            let client = session(&connection).await?;
            self.shown(&client).await.map_err(|error| said(&error))
        };
        match tokio::time::timeout(Duration::from_secs(4), look).await {
            Ok(Ok(shown)) => Proof {
                broken: shown.spoiled >= self.least() && !(self.keys().is_empty() && shown.spoiled == 0),
                seen: shown.words,
            },
            Ok(Err(why)) => Proof::unseen(why),
            Err(_) => Proof::unseen("no answer within 4 s"),
        }
    }

    async fn heal(&self) -> Result<(), FaultError> {
        // Spoiled data stays spoiled: only a recovery brings it back.
        Ok(())
    }

    async fn left(&self, serving: &Connection) -> Option<Checked> {
        let look = async {
            let client = session(serving).await?;
            let shown = self.shown(&client).await.map_err(|error| said(&error))?;
            Ok(left(shown.spoiled >= self.least(), shown.rows, &shown.words))
        };
        Some(Checked::in_time(async { look.await.unwrap_or_else(Checked::not_run) }).await)
    }
}
