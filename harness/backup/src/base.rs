//! Base backups: the files of a running cluster, streamed by the server itself.
//!
//! The one idea: the bare server serves BASE_BACKUP, so no client tool of Postgres has to be installed.

use futures::future::BoxFuture;
use std::time::Duration;

use crate::config::Database;
use crate::error::{Error, Result};
use crate::record::{self, BackupKind, BackupRecord};
use crate::repository::{Repository, begin};
use crate::wire::{Replication, Row};

/// The oldest major version whose BASE_BACKUP speaks in archives.
const MAJOR_MIN: u32 = 15;

/// How a base backup is taken.
#[derive(Debug, Clone)]
pub struct BaseBackupOptions {
    /// Carry the WAL from begin to end of the backup within it. `None`: where the cluster does not archive.
    pub include_wal: Option<bool>,
    /// Have the server not verify the checksums of the pages that it reads, as a copy of its files would not either: damaged
    /// pages then become part of a backup, and [`Repository::verify`] finds them there.
    pub unchecked: bool,
    /// How long the server may say nothing, in seconds: the wait for its checkpoint and for its archiver is part of it.
    pub idle_seconds_max: u64,
}

impl Default for BaseBackupOptions {
    fn default() -> Self {
        Self {
            include_wal: None,
            unchecked: false,
            idle_seconds_max: 120,
        }
    }
}

impl Repository {
    /// Takes a base backup. Where the cluster archives and the backup does not carry the WAL that it needs, the call returns
    /// once that has been archived; where it does not archive, that WAL lies within the backup. `progress` is told the bytes read so far.
    ///
    /// # Errors
    /// The server refuses or reports damaged pages (XX001, at the end of the stream), it has tablespaces of its own
    /// place, it falls silent, or the store fails. No record is left then, so no backup.
    pub async fn base_backup(
        &self,
        database: &Database,
        label: &str,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<BackupRecord> {
        self.base_backup_with(database, label, &BaseBackupOptions::default(), progress)
            .await
    }

    /// [`Self::base_backup`], with options.
    ///
    /// # Errors
    /// As there.
    pub fn base_backup_with<'a>(
        &'a self,
        database: &'a Database,
        label: &'a str,
        options: &'a BaseBackupOptions,
        progress: &'a (dyn Fn(u64) + Sync),
    ) -> BoxFuture<'a, Result<BackupRecord>> {
        Box::pin(self.take_base(database, label, options, progress))
    }

    async fn take_base(
        &self,
        database: &Database,
        label: &str,
        options: &BaseBackupOptions,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<BackupRecord> {
        let mut record = begin(BackupKind::Base, label);
        record.tool = "BASE_BACKUP".into();
        if label.len() > 500 || label.contains(['\0', '\n', '\r']) {
            return Err(Error::Config {
                what: "label".into(),
                found: format!("{} bytes", label.len()),
                expected: "one line of at most 500 bytes".into(),
            });
        }
        let mut session = Replication::connect(database, Duration::from_secs(options.idle_seconds_max)).await?;
        let archives = describe(&mut session, &mut record).await?;
        record.wal_included = options.include_wal.unwrap_or(!archives);
        if !record.wal_included && !archives {
            record.notes.push(
                "the cluster does not archive WAL and the backup carries none: it cannot be restored by itself".into(),
            );
        }
        let statement = format!(
            "BASE_BACKUP (LABEL '{}', PROGRESS 0, CHECKPOINT 'fast', WAL {}, WAIT {}, MANIFEST 'yes', MANIFEST_CHECKSUMS 'CRC32C'{})",
            label.replace('\'', "''"),
            u8::from(record.wal_included),
            // What lies within the backup needs no archive, which may be what is broken.
            u8::from(archives && !record.wal_included),
            if options.unchecked {
                ", VERIFY_CHECKSUMS false"
            } else {
                ""
            },
        );
        session.ask("base backup", &statement).await?;
        let (start, timeline) = position(&session.result_set().await?)?;
        (record.start_lsn, record.timeline) = (Some(start), Some(timeline));
        let spaces = session.result_set().await?;
        if let Some(space) = spaces.iter().find(|row| row.first().is_some_and(Option::is_some)) {
            let place = space.get(1).cloned().flatten().unwrap_or_default();
            return Err(Error::NotCovered {
                what: format!("the tablespace at {place}"),
                advice: "the reference tool restores clusters whose tables all lie in the data directory".into(),
            });
        }
        self.stream(&mut session, &mut record, progress).await?;
        let (stop, _) = position(&session.result_set().await?)?;
        record.stop_lsn = Some(stop);
        // Damaged pages are reported here, after all data.
        session.ready().await?;
        record.notes.append(
            &mut session
                .notices
                .iter()
                .map(|notice| format!("server: {notice}"))
                .collect(),
        );
        session.end().await;
        record.counts.insert(
            "bytes".into(),
            record.objects.first().map_or(0, |object| object.plain_bytes),
        );
        if archives {
            record
                .notes
                .push("the server reported the needed WAL as archived before the backup was complete".into());
        }
        self.complete(record).await
    }

    /// Stores what the server streams: one archive, then the manifest.
    async fn stream(
        &self,
        session: &mut Replication,
        record: &mut BackupRecord,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<()> {
        let misfit = |found: String| Error::Protocol {
            action: "base backup".into(),
            found,
        };
        session.copy_begins().await?;
        let mut archive = None;
        let mut manifest = None;
        let mut done: u64 = 0;
        let mut told: u64 = 0;
        while let Some(frame) = session.copied().await? {
            let (kind, body) = frame.split_first().ok_or_else(|| misfit("an empty frame".into()))?;
            match (kind, &mut archive, &mut manifest) {
                (b'n', None, None) => archive = Some(self.writer(&format!("backups/{}/base.tar", record.id))),
                (b'm', Some(_), None) => {
                    manifest = Some(self.writer(&format!("backups/{}/backup_manifest", record.id)))
                }
                (b'd', _, Some(writer)) | (b'd', Some(writer), None) => {
                    writer.write(body).await?;
                    done += body.len() as u64;
                    if done - told >= 256 << 10 {
                        told = done;
                        progress(done);
                    }
                }
                (b'p', ..) => {}
                (b'n', ..) => return Err(misfit("a second archive".into())),
                (other, ..) => return Err(misfit(format!("a frame of kind {:?}", char::from(*other)))),
            }
        }
        let (Some(archive), Some(manifest)) = (archive, manifest) else {
            return Err(misfit("the stream ended without an archive and a manifest".into()));
        };
        progress(archive.plain_bytes() + manifest.plain_bytes());
        record.objects.push(archive.finish().await?);
        record.objects.push(manifest.finish().await?);
        Ok(())
    }
}

/// Fills in who the server is. True: it archives WAL.
async fn describe(session: &mut Replication, record: &mut BackupRecord) -> Result<bool> {
    let version = session.parameters.get("server_version").cloned().unwrap_or_default();
    let major: u32 = version
        .split(|c: char| !c.is_ascii_digit())
        .next()
        .and_then(|major| major.parse().ok())
        .unwrap_or(0);
    if major < MAJOR_MIN {
        return Err(Error::Config {
            what: "version of Postgres".into(),
            found: version,
            expected: format!("{MAJOR_MIN} or later"),
        });
    }
    record.server_version = Some(version);
    let system = session.rows("identify the server", "IDENTIFY_SYSTEM").await?;
    record.system_identifier = system.first().and_then(|row| row.first().cloned().flatten());
    let mut settings = Vec::new();
    for name in [
        "archive_mode",
        "archive_command",
        "archive_library",
        "wal_segment_size",
        "data_checksums",
    ] {
        let rows = session.rows("read a setting", &format!("SHOW {name}")).await?;
        settings.push(
            rows.first()
                .and_then(|row| row.first().cloned().flatten())
                .unwrap_or_default(),
        );
    }
    record.wal_segment_bytes = size(&settings[3]);
    record.data_checksums = Some(settings[4] == "on");
    // SHOW tells "(disabled)" for the command where archive_mode is off.
    let command = !settings[1].is_empty() && settings[1] != "(disabled)";
    Ok(settings[0] != "off" && (command || !settings[2].is_empty()))
}

/// "16MB" as SHOW tells it.
fn size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match &text[digits.len()..] {
        "kB" => 1 << 10,
        "MB" => 1 << 20,
        "GB" => 1 << 30,
        "B" | "" => 1,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

fn position(rows: &[Row]) -> Result<(String, u32)> {
    let told = rows.first().and_then(|row| match row.as_slice() {
        [Some(lsn), Some(timeline), ..] => Some((lsn.clone(), timeline.parse().ok()?)),
        _ => None,
    });
    told.filter(|(lsn, _)| record::parse_lsn(lsn).is_some())
        .ok_or_else(|| Error::Protocol {
            action: "base backup".into(),
            found: "no position in WAL where one belongs".into(),
        })
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_are_read_as_show_tells_them() {
        assert_eq!(super::size("16MB"), Some(16 << 20));
        assert_eq!(super::size("1GB"), Some(1 << 30));
        assert_eq!(super::size("16XB"), None);
    }
}
