//! Ends old sessions before a final read: a statement that a client gave up on may still be at work in the server.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::error::LoadError;
use crate::identity::SqlConfig;

const LOOK: Duration = Duration::from_millis(20);

/// Terminates every other client's session of the database and waits until they are gone; says how many there were.
/// Sessions of replication and background workers stay.
///
/// # Errors
/// Postgres cannot be reached or refuses, or sessions are still there after `deadline`.
pub async fn end_sessions(config: &SqlConfig, deadline: Duration) -> Result<u64, LoadError> {
    let until = Instant::now() + deadline;
    let attended = config.attend().await?;
    let mut ended = 0;
    loop {
        let rows = attended
            .client
            .query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()",
                &[],
            )
            .await
            .map_err(config.failed("ending old sessions"))?;
        if rows.is_empty() {
            return Ok(ended);
        }
        ended = ended.max(rows.len() as u64);
        if Instant::now() >= until {
            return Err(LoadError::Deadline {
                what: format!("ending {} old sessions", rows.len()),
                deadline,
            });
        }
        sleep(LOOK).await;
    }
}
