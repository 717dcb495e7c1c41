//! Put the newest copy of the application's bucket back: objects that were lost or altered since are again as they were
//! when the copy was taken; newer ones stay.

use firedrill_backup::BackupKind;
use firedrill_core::Event;
use firedrill_core::event::Edge;

use super::{ActionError, Waiting};
use crate::catalogue::Catalogue;
use crate::clock::{self, instant};
use crate::team::Team;

pub(super) async fn perform(team: &Team, into: &str, waiting: &Waiting) -> Result<String, ActionError> {
    let bucket = team.bucket(into)?;
    let repository = &team.backups()?.repository;
    waiting.on("the catalogue of backups");
    let catalogue = Catalogue::read(repository).await?;
    let mut inputs = catalogue.figures();
    let backup = catalogue
        .newest(BackupKind::Files, None)
        .ok_or_else(|| ActionError::NoBackup {
            wanted: "copy of files".into(),
            found: format!("{} backups, none of files", catalogue.backups.len()),
        })?;
    inputs.insert("backup".into(), backup.id.clone());
    inputs.insert("backup_completed".into(), clock::utc(backup.completed_unix_ms));
    team.observer.observed(
        instant(),
        Event::RecoveryTarget {
            rule: "newest_files".into(),
            inputs,
            value: format!("copy of files {}", backup.id),
        },
    );
    let what = format!("put the objects of {} back into {into}", backup.id);
    let repair = |edge| Event::Repair {
        what: what.clone(),
        edge,
    };
    team.observer.observed(instant(), repair(Edge::Begun));
    waiting.on(format!("the objects of {} to be written", backup.id));
    let restored = repository.restore_files(&backup.id, bucket).await?;
    team.observer.observed(instant(), repair(Edge::Ended));
    Ok(format!(
        "{} objects of {} bytes from {} put back into {into}",
        restored.files, restored.bytes, backup.id
    ))
}
