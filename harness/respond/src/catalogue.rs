//! What the team knows of backups: what the repository lists, and nothing about how it came to be.

use std::collections::BTreeMap;

use firedrill_backup::{BackupKind, BackupRecord, Repository, WAL_SEGMENT_BYTES, WalGap, WalRecord};

/// Digits of the name of a WAL segment: timeline, high and low half of its number.
const SEGMENT_DIGITS: usize = 24;

/// The newest point to which the data can be brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestorablePoint {
    /// A backup's id, or the name of a WAL segment.
    pub name: String,
    /// When it was complete, wall-clock milliseconds since 1970.
    pub unix_ms: u64,
}

/// The repository as it was when the team looked.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// Complete backups, the earliest completed first.
    pub backups: Vec<BackupRecord>,
    /// Archived WAL, in Postgres's order of names.
    pub wal: Vec<WalRecord>,
    /// Segments missing between two that are there.
    pub gaps: Vec<WalGap>,
}

impl Catalogue {
    /// Looks.
    ///
    /// # Errors
    /// The repository does not answer, or a record in it cannot be trusted.
    pub async fn read(repository: &Repository) -> Result<Catalogue, firedrill_backup::Error> {
        let backups = repository.list().await?;
        let wal = repository.wal_segments().await?;
        let segment_bytes = backups
            .iter()
            .rev()
            .find_map(|backup| backup.wal_segment_bytes)
            .unwrap_or(WAL_SEGMENT_BYTES);
        let gaps = repository.wal_gaps(segment_bytes).await?;
        Ok(Catalogue { backups, wal, gaps })
    }

    /// The newest complete backup of a kind that was complete before an instant (milliseconds since 1970; `None`: any).
    #[must_use]
    pub fn newest(&self, kind: BackupKind, before_unix_ms: Option<u64>) -> Option<&BackupRecord> {
        self.backups
            .iter()
            .rev()
            .find(|backup| backup.kind == kind && before_unix_ms.is_none_or(|before| backup.completed_unix_ms < before))
    }

    /// The archived segment with the highest name.
    #[must_use]
    pub fn newest_segment(&self) -> Option<&WalRecord> {
        self.wal
            .iter()
            .filter(|record| is_segment(&record.name))
            .max_by(|a, b| a.name.cmp(&b.name))
    }

    /// The newest point to which data can be brought back: an archived segment where a base backup stands under it,
    /// else a backup of a database.
    #[must_use]
    pub fn newest_restorable(&self) -> Option<RestorablePoint> {
        newest_of(&self.backups, &self.wal)
    }

    /// What the catalogue holds, in figures, for the record of a decision.
    #[must_use]
    pub fn figures(&self) -> BTreeMap<String, String> {
        let count = |kind| {
            self.backups
                .iter()
                .filter(|backup| backup.kind == kind)
                .count()
                .to_string()
        };
        let mut figures = BTreeMap::from([
            ("base_backups".to_owned(), count(BackupKind::Base)),
            ("dumps".to_owned(), count(BackupKind::Dump)),
            ("wal_files".to_owned(), self.wal.len().to_string()),
            ("wal_gaps".to_owned(), self.gaps.len().to_string()),
        ]);
        if let Some(newest) = self.newest_segment() {
            figures.insert("newest_wal".into(), newest.name.clone());
            figures.insert("newest_wal_stored_unix_ms".into(), newest.stored_at_unix_ms.to_string());
        }
        figures
    }
}

/// The newest restorable point of a repository; cheaper than the whole catalogue, since a monitor asks often.
pub(crate) async fn newest_restorable(
    repository: &Repository,
) -> Result<Option<RestorablePoint>, firedrill_backup::Error> {
    Ok(newest_of(&repository.list().await?, &repository.wal_segments().await?))
}

fn newest_of(backups: &[BackupRecord], wal: &[WalRecord]) -> Option<RestorablePoint> {
    let backup = backups
        .iter()
        .filter(|backup| backup.kind != BackupKind::Files)
        .max_by_key(|backup| backup.completed_unix_ms)
        .map(|backup| RestorablePoint {
            name: backup.id.clone(),
            unix_ms: backup.completed_unix_ms,
        });
    let has_base = backups.iter().any(|backup| backup.kind == BackupKind::Base);
    let segment = wal
        .iter()
        .filter(|record| has_base && is_segment(&record.name))
        .max_by_key(|record| record.stored_at_unix_ms)
        .map(|record| RestorablePoint {
            name: record.name.clone(),
            unix_ms: record.stored_at_unix_ms,
        });
    backup.into_iter().chain(segment).max_by_key(|point| point.unix_ms)
}

fn is_segment(name: &str) -> bool {
    name.len() == SEGMENT_DIGITS && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup(kind: BackupKind, id: &str, completed: u64) -> BackupRecord {
        let text = format!(
            r#"{{"id":"{id}","kind":"{kind}","label":"","started_unix_ms":0,"completed_unix_ms":{completed},
            "start_lsn":null,"stop_lsn":null,"timeline":null,"system_identifier":null,"server_version":null,
            "wal_segment_bytes":null,"wal_included":false,"objects":[],"tool":"t","counts":{{}},"notes":[]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn wal(name: &str, stored_at_unix_ms: u64) -> WalRecord {
        WalRecord {
            name: name.into(),
            stored_bytes: 1,
            stored_at_unix_ms,
        }
    }

    #[test]
    fn wal_without_a_base_backup_restores_nothing() {
        let segments = [wal("000000010000000000000003", 50)];
        assert_eq!(newest_of(&[], &segments), None);
        let dump = [backup(BackupKind::Dump, "d", 10)];
        assert_eq!(newest_of(&dump, &segments).unwrap().name, "d");
        let base = [backup(BackupKind::Base, "b", 10)];
        assert_eq!(newest_of(&base, &segments).unwrap().unix_ms, 50);
    }

    #[test]
    fn history_and_backup_files_are_no_restorable_points() {
        let base = [backup(BackupKind::Base, "b", 10)];
        let others = [
            wal("00000002.history", 90),
            wal("000000010000000000000003.00000028.backup", 91),
        ];
        assert_eq!(newest_of(&base, &others).unwrap().name, "b");
    }

    #[test]
    fn the_newest_of_a_kind_before_an_instant() {
        let backups = vec![
            backup(BackupKind::Base, "a", 10),
            backup(BackupKind::Dump, "d", 20),
            backup(BackupKind::Base, "b", 30),
            backup(BackupKind::Files, "f", 40),
        ];
        let catalogue = Catalogue {
            backups,
            wal: vec![wal("000000010000000000000003", 5)],
            gaps: vec![],
        };
        assert_eq!(catalogue.newest(BackupKind::Base, None).unwrap().id, "b");
        assert_eq!(catalogue.newest(BackupKind::Base, Some(30)).unwrap().id, "a");
        assert!(catalogue.newest(BackupKind::Base, Some(10)).is_none());
        assert_eq!(
            catalogue.newest_restorable().unwrap().name,
            "b",
            "files are not the database"
        );
        assert_eq!(catalogue.figures()["newest_wal"], "000000010000000000000003");
    }
}
