//! amcheck over every heap and B-tree of a database: `verify_heapam`, and `bt_index_check` with heapallindexed, so that a
//! row missing from its index is seen.

use firedrill_environment::{answered, said};
use tokio_postgres::Client;

const RELATIONS: &str = "SELECT c.oid, c.oid::regclass::text, c.relkind = 'i', pg_relation_size(c.oid) \
     FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_am am ON am.oid = c.relam \
     WHERE c.relpersistence = 'p' AND (c.relkind IN ('r', 't') \
        OR (c.relkind = 'i' AND am.amname = 'btree' AND i.indisvalid AND i.indisready)) ORDER BY 2";

/// What a run of amcheck saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amcheck {
    /// Heaps and B-trees looked at.
    pub relations: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is wrong, by relation.
    pub problems: Vec<String>,
}

/// Checks every permanent heap and B-tree of the database that `client` is connected to. The extension must be there.
///
/// # Errors
/// The connection broke, or amcheck could not be asked at all: that says nothing about the data.
pub async fn amcheck(client: &Client) -> Result<Amcheck, tokio_postgres::Error> {
    let mut seen = Amcheck::default();
    for row in client.query(RELATIONS, &[]).await? {
        let (oid, name, index, bytes): (u32, String, bool, Option<i64>) =
            (row.get(0), row.get(1), row.get(2), row.get(3));
        seen.relations += 1;
        seen.bytes += u64::try_from(bytes.unwrap_or(0)).unwrap_or(0);
        if index {
            // An index that fails the check raises an error; that is the finding, not a check that could not run.
            if let Err(error) = client
                .execute("SELECT bt_index_check($1::oid::regclass, true)", &[&oid])
                .await
            {
                if !answered(&error) {
                    return Err(error);
                }
                seen.problems.push(format!("index {name}: {}", said(&error)));
            }
        } else {
            let found = client
                .query(
                    "SELECT blkno, msg FROM verify_heapam($1::oid::regclass, check_toast => true) LIMIT 5",
                    &[&oid],
                )
                .await;
            match found {
                Ok(rows) => {
                    for row in rows {
                        let (block, message): (i64, String) = (row.get(0), row.get(1));
                        seen.problems.push(format!("table {name}, block {block}: {message}"));
                    }
                }
                Err(error) if answered(&error) => seen.problems.push(format!("table {name}: {}", said(&error))),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(seen)
}
