//! Restoring a base backup into a directory that Postgres recovers from.
//!
//! The one idea: everything happens in a sibling directory that cannot be started, and one rename makes it real.

mod staging;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::extract::{self, Unpacked};
use crate::manifest::Manifest;
use crate::object::{self, Pieces, StoredObject};
use crate::pages::PageScan;
use crate::record::{BackupKind, BackupRecord};
use crate::repository::{Repository, watched};
use crate::wal;
use staging::Staging;

/// A manifest lists about 200 bytes per file; this stands for some 300,000 files.
const MANIFEST_BYTES_MAX: u64 = 64 << 20;

/// Where recovery ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryTarget {
    /// At the end of the archived WAL.
    Latest,
    /// At a time, as Postgres reads it, with a time zone: `2026-01-31 23:59:59.5+00`.
    Time(String),
    /// At a position: `0/3000148`.
    Lsn(String),
    /// Just before the record at a position: what it and all later ones did is not replayed.
    BeforeLsn(String),
    /// At a point that `pg_create_restore_point` named.
    Name(String),
    /// As soon as the cluster is consistent: at the end of the base backup.
    Immediate,
}

/// What a restore brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The backup's id.
    pub backup: String,
    /// Files, tables or objects written.
    pub files: u64,
    /// Bytes written.
    pub bytes: u64,
    /// The record's `start_lsn`.
    pub start_lsn: Option<String>,
    /// The record's `stop_lsn`.
    pub stop_lsn: Option<String>,
    /// The record's timeline.
    pub timeline: Option<u32>,
}

impl Restored {
    pub(crate) fn of(record: &BackupRecord, files: u64, bytes: u64) -> Self {
        Self {
            backup: record.id.clone(),
            files,
            bytes,
            start_lsn: record.start_lsn.clone(),
            stop_lsn: record.stop_lsn.clone(),
            timeline: record.timeline,
        }
    }
}

impl Repository {
    /// Restores a base backup into `into`, which must be absent or an empty directory, and leaves it ready for a
    /// recovery that fetches WAL with `wal_fetch_command` (Postgres's `restore_command`, with `%f` and `%p`) and
    /// promotes at `target`. As root, what is written belongs to the owner of `into`, or of its parent directory where
    /// `into` is absent. `progress` is told the bytes written so far.
    ///
    /// # Errors
    /// Anything that cannot be trusted or is missing, WAL that the backup needs included: `into` is as it was then.
    pub fn restore_base<'a>(
        &'a self,
        id: &'a str,
        into: &'a Path,
        target: &'a RecoveryTarget,
        wal_fetch_command: &'a str,
        progress: &'a (dyn Fn(u64) + Sync),
    ) -> BoxFuture<'a, Result<Restored>> {
        self.restore_base_with(id, into, target, wal_fetch_command, || Ok(()), progress)
    }

    /// [`Self::restore_base`], and `ready` is done once all is complete, just before the directory takes its name: for what
    /// must lie beside it, and nowhere without it.
    ///
    /// # Errors
    /// As there, and those of `ready`.
    pub fn restore_base_with<'a>(
        &'a self,
        id: &'a str,
        into: &'a Path,
        target: &'a RecoveryTarget,
        wal_fetch_command: &'a str,
        ready: impl FnOnce() -> Result<()> + Send + 'static,
        progress: &'a (dyn Fn(u64) + Sync),
    ) -> BoxFuture<'a, Result<Restored>> {
        Box::pin(self.lay_out_base(id, into, target, wal_fetch_command, Box::new(ready), progress))
    }

    async fn lay_out_base(
        &self,
        id: &str,
        into: &Path,
        target: &RecoveryTarget,
        wal_fetch_command: &str,
        ready: Box<dyn FnOnce() -> Result<()> + Send>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Restored> {
        let settings = settings(target, wal_fetch_command)?;
        let record = self.record(id).await?.of_kind(BackupKind::Base)?;
        check_free(into)?;
        let missing = self.needed_wal_missing(&record).await?;
        if let Some(segment) = missing.first() {
            return Err(Error::Missing {
                key: wal::name_of(segment),
                needed_for: format!("backup {id} needs it to become consistent"),
            });
        }
        let (manifest_text, manifest) = self.manifest(&record).await?;
        let archive = record.object("/base.tar")?.clone();
        let opened = object::open(&self.store, &self.key, &archive).await?;
        let staging = Staging::beside(into)?;
        let done = Arc::new(AtomicU64::new(0));
        let work = {
            let (staging, done, into) = (staging.clone(), done.clone(), into.to_owned());
            object::blocking("the restore", move || {
                let outcome = extract::unpack(&archive.key, opened, &manifest, Some(&staging.path), None, &done)
                    .and_then(|unpacked| {
                        staging.complete(&manifest_text, &settings)?;
                        ready()?;
                        staging.publish(&into)?;
                        Ok(unpacked)
                    });
                if outcome.is_err() {
                    staging.remove();
                }
                outcome
            })
        };
        let unpacked = watched(&done, progress, work).await?;
        Ok(Restored::of(&record, unpacked.files, unpacked.bytes))
    }

    /// The manifest of a base backup, as text and read.
    pub(crate) async fn manifest(&self, record: &BackupRecord) -> Result<(Vec<u8>, Manifest)> {
        let object = record.object("/backup_manifest")?;
        let text = self.read_small(object, MANIFEST_BYTES_MAX).await?;
        let manifest = Manifest::parse(&object.key, &text)?;
        Ok((text, manifest))
    }

    async fn read_small(&self, object: &StoredObject, bytes_max: u64) -> Result<Vec<u8>> {
        if object.plain_bytes > bytes_max {
            return Err(Error::Limit {
                what: format!("size of {}", object.key),
                found: object.plain_bytes,
                limit: bytes_max,
            });
        }
        let opened = object::open(&self.store, &self.key, object).await?;
        let mut pieces = Pieces::of(opened, &object.key);
        let mut text = Vec::with_capacity(object.plain_bytes as usize);
        while let Some(piece) = pieces.next().await? {
            text.extend_from_slice(&piece);
        }
        Ok(text)
    }

    /// Checks a base backup's archive without writing it, and the pages in it if `scan` is given.
    pub(crate) async fn check_base(
        &self,
        record: &BackupRecord,
        mut scan: Option<PageScan>,
        done: Arc<AtomicU64>,
    ) -> Result<(Unpacked, Option<PageScan>)> {
        let (_, manifest) = self.manifest(record).await?;
        let archive = record.object("/base.tar")?.clone();
        let opened = object::open(&self.store, &self.key, &archive).await?;
        object::blocking("the check", move || {
            let unpacked = extract::unpack(&archive.key, opened, &manifest, None, scan.as_mut(), &done)?;
            Ok((unpacked, scan))
        })
        .await
    }
}

fn check_free(into: &Path) -> Result<()> {
    let occupied = |found: String| Error::Occupied {
        path: into.to_owned(),
        found,
    };
    match std::fs::symlink_metadata(into) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("look at", into)(error)),
        Ok(meta) if !meta.is_dir() => Err(occupied("something that is not a directory".into())),
        Ok(_) => match std::fs::read_dir(into).map_err(Error::io("read", into))?.next() {
            None => Ok(()),
            Some(Ok(entry)) => Err(occupied(format!("{} in it", entry.file_name().display()))),
            Some(Err(error)) => Err(Error::io("read", into)(error)),
        },
    }
}

/// The settings of this recovery, by name.
fn settings(target: &RecoveryTarget, wal_fetch_command: &str) -> Result<Vec<(&'static str, String)>> {
    let mut settings = vec![
        ("restore_command", wal_fetch_command.to_owned()),
        ("recovery_target_timeline", "latest".into()),
    ];
    match target {
        RecoveryTarget::Latest => {}
        RecoveryTarget::Time(time) => settings.push(("recovery_target_time", time.clone())),
        RecoveryTarget::Lsn(lsn) | RecoveryTarget::BeforeLsn(lsn) => {
            if crate::record::parse_lsn(lsn).is_none() {
                return Err(Error::Config {
                    what: "recovery target".into(),
                    found: lsn.clone(),
                    expected: "a position such as 0/3000148".into(),
                });
            }
            settings.push(("recovery_target_lsn", lsn.clone()));
            if matches!(target, RecoveryTarget::BeforeLsn(_)) {
                settings.push(("recovery_target_inclusive", "off".into()));
            }
        }
        RecoveryTarget::Name(name) => settings.push(("recovery_target_name", name.clone())),
        RecoveryTarget::Immediate => settings.push(("recovery_target", "immediate".into())),
    }
    if *target != RecoveryTarget::Latest {
        settings.push(("recovery_target_action", "promote".into()));
    }
    for (name, value) in &settings {
        if value.is_empty() || value.contains(['\n', '\r', '\0']) {
            return Err(Error::Config {
                what: (*name).into(),
                found: format!("{value:?}"),
                expected: "one line of text".into(),
            });
        }
    }
    Ok(settings)
}

/// The old settings without those of an older recovery, then the new ones.
fn merged(old: &str, settings: &[(&'static str, String)]) -> String {
    let mut text = String::new();
    for line in old.lines() {
        let name = line
            .trim_start()
            .split(|c: char| c == '=' || c.is_whitespace())
            .next()
            .unwrap_or_default();
        if !name.starts_with("recovery_target") && name != "restore_command" {
            text.push_str(line);
            text.push('\n');
        }
    }
    for (name, value) in settings {
        text.push_str(&format!(
            "{name} = '{}'\n",
            value.replace('\\', "\\\\").replace('\'', "''")
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_an_older_recovery_do_not_meet_the_new_ones() {
        let old = "# kept\nwork_mem = '4MB'\nrecovery_target_lsn = '0/1'\n restore_command='x'\n";
        let new = settings(&RecoveryTarget::Time("2026-01-01 00:00:00+00".into()), "get 'it' \\ %f").unwrap();
        assert_eq!(
            merged(old, &new),
            "# kept\nwork_mem = '4MB'\nrestore_command = 'get ''it'' \\\\ %f'\nrecovery_target_timeline = 'latest'\n\
             recovery_target_time = '2026-01-01 00:00:00+00'\nrecovery_target_action = 'promote'\n"
        );
        assert!(settings(&RecoveryTarget::Lsn("soon".into()), "x").is_err());
        assert!(settings(&RecoveryTarget::Name("a\nb".into()), "x").is_err());
    }
}
