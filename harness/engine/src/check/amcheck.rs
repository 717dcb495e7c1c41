//! amcheck over every heap and B-tree of the recovered database, indexes held against their tables.

use firedrill_core::event::Coverage;
use firedrill_environment::said;
use firedrill_respond::amcheck::amcheck;
use tokio_postgres::Client;

use super::Checked;

/// Checks every permanent heap and B-tree of the database that `client` is connected to.
pub async fn check(client: &Client) -> Checked {
    match look(client).await {
        Ok(checked) => checked,
        Err(error) => Checked::not_run(format!("amcheck could not run: {}", said(&error))),
    }
}

async fn look(client: &Client) -> Result<Checked, tokio_postgres::Error> {
    client.batch_execute("CREATE EXTENSION IF NOT EXISTS amcheck").await?;
    let seen = amcheck(client).await?;
    let coverage = Coverage {
        relations: seen.relations,
        rows: 0,
        bytes: seen.bytes,
    };
    let sound = format!(
        "{} heaps and B-trees are sound, every row is in its indexes",
        coverage.relations
    );
    Ok(Checked::from_problems(&seen.problems, coverage, sound))
}
