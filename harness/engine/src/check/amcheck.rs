//! amcheck over every heap and B-tree of the database: `verify_heapam`, and `bt_index_check` with heapallindexed, so
//! that a row missing from its index is seen.

use firedrill_core::event::Coverage;
use tokio_postgres::Client;

use super::{Checked, answered, said};

const RELATIONS: &str = "SELECT c.oid, c.oid::regclass::text, c.relkind = 'i', pg_relation_size(c.oid) \
     FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_am am ON am.oid = c.relam \
     WHERE c.relpersistence = 'p' AND (c.relkind IN ('r', 't') \
        OR (c.relkind = 'i' AND am.amname = 'btree' AND i.indisvalid AND i.indisready)) ORDER BY 2";

/// Checks every permanent heap and B-tree of the database that `client` is connected to.
pub async fn check(client: &Client) -> Checked {
    match look(client).await {
        Ok(checked) => checked,
        Err(error) => Checked::not_run(format!("amcheck could not run: {}", said(&error))),
    }
}

async fn look(client: &Client) -> Result<Checked, tokio_postgres::Error> {
    client.batch_execute("CREATE EXTENSION IF NOT EXISTS amcheck").await?;
    let mut coverage = Coverage::default();
    let mut problems = Vec::new();
    for row in client.query(RELATIONS, &[]).await? {
        let (oid, name, index, bytes): (u32, String, bool, i64) = (row.get(0), row.get(1), row.get(2), row.get(3));
        coverage.relations += 1;
        coverage.bytes += u64::try_from(bytes).unwrap_or(0);
        if index {
            // An index that fails the check raises an error; that is the finding, not a check that could not run.
            if let Err(error) = client
                .execute("SELECT bt_index_check($1::oid::regclass, true)", &[&oid])
                .await
            {
                if !answered(&error) {
                    return Err(error);
                }
                problems.push(format!("index {name}: {}", said(&error)));
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
                        problems.push(format!("table {name}, block {block}: {message}"));
                    }
                }
                Err(error) if answered(&error) => problems.push(format!("table {name}: {}", said(&error))),
                Err(error) => return Err(error),
            }
        }
    }
    let sound = format!(
        "{} heaps and B-trees are sound, every row is in its indexes",
        coverage.relations
    );
    Ok(Checked::from_problems(&problems, coverage, sound))
}
