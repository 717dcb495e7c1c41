//! The harm: the statements that are run, and which rows they hit.

use std::collections::BTreeMap;

use firedrill_core::scenario::DataHarm;
use tokio_postgres::Client;

use super::{CUT, DataFault, keys};

/// Keys that are noted, to be looked for afterwards.
const KEYS_MAX: usize = 100_000;
/// Rows that an index forgets.
const SKEWED_ROWS: i64 = 25;
/// Ransomware works through a table bit by bit, each a transaction of its own.
const BATCHES: i64 = 4;
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What the injection came to.
#[derive(Default)]
pub(super) struct Noted {
    pub(super) detail: BTreeMap<String, String>,
    /// Keys of rows that were hit.
    pub(super) keys: Vec<i64>,
}

impl DataFault {
    /// Whether a row is hit: a hash of its key, seeded, so that the choice needs no list. Keys below 0 are nobody's data.
    fn hit(&self) -> String {
        let part = u64::from(self.share_ppm) * (1 << 20) / 1_000_000;
        let seed = i64::from_ne_bytes(self.seed.to_ne_bytes());
        format!("key >= 0 AND (hashint8extended(key, '{seed}'::bigint) & 1048575) < {part}")
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

    pub(super) async fn spoil(&self, client: &Client) -> Result<Noted, tokio_postgres::Error> {
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
}
