//! Tables that nobody writes: their digest before the strike and after the recovery must agree.

use std::collections::BTreeMap;

use firedrill_core::event::Coverage;
use firedrill_environment::{answered, said};
use tokio_postgres::Client;

use super::{Checked, without_indexes};

/// Digests by table, taken while the system was whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digests(BTreeMap<String, Digest>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Digest {
    rows: i64,
    bytes: i64,
    sum: String,
}

impl Digests {
    /// Bytes of the tables, for the drill's size.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0
            .values()
            .map(|digest| u64::try_from(digest.bytes).unwrap_or(0))
            .sum()
    }
}

/// Takes the digests of `tables` (names as SQL writes them).
///
/// # Errors
/// When a table cannot be read.
pub async fn digests(client: &Client, tables: &[&str]) -> Result<Digests, tokio_postgres::Error> {
    without_indexes(client).await?;
    let mut digests = BTreeMap::new();
    for table in tables {
        digests.insert((*table).to_owned(), digest(client, table).await?);
    }
    Ok(Digests(digests))
}

/// A sum of row digests does not depend on the order of rows, and needs no memory for them.
async fn digest(client: &Client, table: &str) -> Result<Digest, tokio_postgres::Error> {
    let query = format!(
        "SELECT count(*), coalesce(sum(('x' || left(md5(t::text), 15))::bit(60)::bigint::numeric), 0)::text \
         || '/' || coalesce(sum(('x' || right(md5(t::text), 15))::bit(60)::bigint::numeric), 0)::text, \
         pg_table_size('{table}') FROM ONLY {table} AS t"
    );
    let row = client.query_one(&query, &[]).await?;
    Ok(Digest {
        rows: row.get(0),
        sum: row.get(1),
        bytes: row.get(2),
    })
}

/// Compares with what was there before.
pub async fn check(client: &Client, before: &Digests) -> Checked {
    if let Err(error) = without_indexes(client).await {
        return Checked::not_run(format!("no session on the recovered database: {}", said(&error)));
    }
    let mut coverage = Coverage::default();
    let mut problems = Vec::new();
    for (table, before) in &before.0 {
        match digest(client, table).await {
            Ok(now) => {
                coverage.relations += 1;
                coverage.rows += u64::try_from(now.rows).unwrap_or(0);
                coverage.bytes += u64::try_from(now.bytes).unwrap_or(0);
                if now.rows != before.rows {
                    problems.push(format!("{table} has {} rows, it had {}", now.rows, before.rows));
                } else if now.sum != before.sum {
                    problems.push(format!("{table} has as many rows as before but other content"));
                }
            }
            Err(error) if answered(&error) => problems.push(format!("{table} cannot be read: {}", said(&error))),
            Err(error) => return Checked::not_run(format!("{table} could not be asked: {}", said(&error))),
        }
    }
    let sound = format!("{} rows that nobody writes are as they were", coverage.rows);
    Checked::from_problems(&problems, coverage, sound)
}
