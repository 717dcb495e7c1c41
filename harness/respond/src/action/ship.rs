//! Close the segment of WAL that a running server writes, and wait until the archive holds it: what the server knows is
//! then in the archive, the damage and its position with it.

use std::time::Duration;

use tokio::time::sleep;

use super::{ActionError, Waiting};
use crate::database;
use crate::team::Team;

const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(super) async fn perform(team: &Team, service: &str, waiting: &Waiting) -> Result<String, ActionError> {
    let failed = |reason| ActionError::Database {
        service: service.into(),
        reason,
    };
    let repository = &team.backups()?.repository;
    let connection = team.database(service)?.connection()?;
    let session = database::connect(&connection).await.map_err(failed)?;
    let segment = session.switch_wal().await.map_err(failed)?;
    waiting.on(format!("segment {segment} to arrive in the archive"));
    // What the server calls archived is not believed: an archive command may say yes and keep nothing.
    while !repository.wal_holds(&segment).await? {
        sleep(LOOK_EVERY).await;
    }
    Ok(format!(
        "the archive holds {segment}, the last segment {service} has filled"
    ))
}
