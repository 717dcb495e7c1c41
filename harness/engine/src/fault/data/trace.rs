//! The trace that the harm leaves: how many rows show it, asked of the struck server and of the recovered one.

use firedrill_core::scenario::DataHarm;
use tokio_postgres::Client;

use super::{CUT, DataFault};

/// Rows that show the harm, of how many rows, in words.
pub(super) struct Shown {
    pub(super) spoiled: u64,
    pub(super) rows: u64,
    pub(super) words: String,
}

impl DataFault {
    /// Rows that show the harm, of how many rows, in words.
    pub(super) async fn shown(&self, client: &Client) -> Result<Shown, tokio_postgres::Error> {
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
}

async fn count(client: &Client, statement: &str) -> Result<u64, tokio_postgres::Error> {
    let row = client.query_one(statement, &[]).await?;
    Ok(row.get::<_, i64>(0).unsigned_abs())
}
