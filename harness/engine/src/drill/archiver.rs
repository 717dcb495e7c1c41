//! A backup waits until the WAL that it needs is archived: where archiving fails, that is said instead of waited out.

use std::time::Duration;

use tokio_postgres::Client;

use super::{Drill, DrillError};

/// How long the archiver may fail before a person is told.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// How many times failed, and with which file last; nothing unless the last attempt failed.
const FAILING: &str = "SELECT failed_count, last_failed_wal FROM pg_stat_archiver \
     WHERE last_failed_time > coalesce(last_archived_time, '-infinity')";

impl Drill {
    /// Waits for a backup of `database` that is being taken. Tells once if it waits for an archiver that fails.
    pub(super) async fn watching_archiver<T>(
        &self,
        database: &str,
        backup: impl Future<Output = T>,
    ) -> Result<T, DrillError> {
        let client = self.session(database).await?;
        let failed = async {
            loop {
                tokio::time::sleep(SILENCE_MAX).await;
                if let Some((failures, file)) = failing(&client).await {
                    return complaint(database, failures, &file);
                }
            }
        };
        tokio::pin!(backup);
        tokio::select! {
            taken = &mut backup => return Ok(taken),
            text = failed => self.announce(&text),
        }
        Ok(backup.await)
    }

    /// What a backup that failed may have waited for: the archiver, where its last attempt failed.
    pub(super) async fn archiver_fails(&self, database: &str) -> Option<String> {
        let client = self.session(database).await.ok()?;
        let (failures, file) = failing(&client).await?;
        Some(unarchived(database, failures, &file))
    }
}

/// Best effort: that the database does not answer is for the backup to tell.
async fn failing(client: &Client) -> Option<(i64, String)> {
    let row = client.query_opt(FAILING, &[]).await.ok()??;
    Some((row.get(0), row.get::<_, Option<String>>(1)?))
}

fn complaint(database: &str, failures: i64, file: &str) -> String {
    format!(
        "firedrill: the backup waits for WAL: {}",
        unarchived(database, failures, file)
    )
}

fn unarchived(database: &str, failures: i64, file: &str) -> String {
    format!(
        "{database} cannot archive its WAL: {failures} failed attempts, the last with {file}; logs/{database}.log of the \
         run tells why"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_archiver_is_named_with_where_to_look() {
        let text = complaint("database", 3, "000000010000000000000001");
        assert!(text.contains("3 failed attempts") && text.contains("000000010000000000000001"));
        assert!(text.contains("logs/database.log"), "{text}");
    }
}
