//! Archived WAL: pushed by `archive_command`, fetched by `restore_command`, listed and searched for gaps.
//!
//! The one idea: a segment is stored once and never overwritten; pushing the same content again succeeds, since Postgres
//! may ask twice, and pushing another is refused, since then two servers share one archive.

use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::container::{self, Expected, Opener, from_io};
use crate::error::{Error, Result};
use crate::object::blocking;
use crate::record::{BackupRecord, parse_lsn};
use crate::repository::Repository;

/// Segments beyond this are not pushed, since one is held in memory whole. Postgres's own default is 16 MiB.
pub const WAL_BYTES_MAX: u64 = 64 << 20;
/// Postgres's default size of a segment.
pub const WAL_SEGMENT_BYTES: u64 = 16 << 20;

/// One archived file, as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalRecord {
    /// Postgres's name of it: a segment, `.partial`, `.backup` or `.history`.
    pub name: String,
    /// Bytes as stored, compressed and sealed.
    pub stored_bytes: u64,
    /// When the store took it, wall-clock milliseconds since 1970, by the store's clock.
    pub stored_at_unix_ms: u64,
}

/// Segments that are missing between two that are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalGap {
    /// The timeline.
    pub timeline: u32,
    /// The first segment that is missing.
    pub first_missing: String,
    /// How many are.
    pub segments: u64,
}

impl Repository {
    /// Stores a WAL file. When this returns, the store has acknowledged it.
    ///
    /// # Errors
    /// The name is none of Postgres's, the file cannot be read, the store fails, or it holds other content of this name.
    pub async fn wal_push(&self, path: &Path) -> Result<()> {
        let wal_name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
            .to_owned();
        check_name(&wal_name)?;
        let name = name_of(&wal_name);
        let (plain_digest, pieces) = {
            let (path, key, name) = (path.to_owned(), self.key.clone(), name.clone());
            blocking("reading a WAL segment", move || {
                let plain = read_whole(&path)?;
                let (pieces, _) = container::seal(&key, &name, &plain).map_err(|error| Error::Io {
                    action: "seal",
                    path: path.clone(),
                    source: error,
                })?;
                Ok((digest(&plain), pieces))
            })
            .await?
        };
        let payload = pieces.into_iter().map(Bytes::from).collect();
        if self.store.create(&name, payload).await? {
            return Ok(());
        }
        let stored = self.wal_content(&name).await?.ok_or_else(|| Error::Missing {
            key: name.clone(),
            needed_for: "the store had just said that it is there".into(),
        })?;
        let stored = digest(&stored);
        if stored == plain_digest {
            return Ok(());
        }
        Err(Error::Conflict {
            key: name,
            stored,
            offered: plain_digest,
        })
    }

    /// Fetches a WAL file to `dest`, which appears whole or not at all. False: the archive does not hold it.
    ///
    /// # Errors
    /// It is there and cannot be trusted, the store fails, or `dest` cannot be written.
    pub async fn wal_fetch(&self, wal_name: &str, dest: &Path) -> Result<bool> {
        check_name(wal_name)?;
        let Some(plain) = self.wal_content(&name_of(wal_name)).await? else {
            return Ok(false);
        };
        let dest = dest.to_owned();
        blocking("writing a WAL segment", move || write_whole(&dest, &plain)).await?;
        Ok(true)
    }

    /// Whether the archive holds a WAL file.
    ///
    /// # Errors
    /// The name is none of Postgres's, or the store does not answer.
    pub async fn wal_holds(&self, wal_name: &str) -> Result<bool> {
        check_name(wal_name)?;
        Ok(self.store.size(&name_of(wal_name)).await?.is_some())
    }

    pub(crate) async fn wal_content(&self, name: &str) -> Result<Option<Vec<u8>>> {
        // A segment that does not compress grows by the container only.
        let Some(stored) = self.store.get(name, WAL_BYTES_MAX + (1 << 20)).await? else {
            return Ok(None);
        };
        let (key, name) = (self.key.clone(), name.to_owned());
        blocking("opening a WAL segment", move || {
            let expected = Expected {
                name: name.clone(),
                stored_bytes: stored.len() as u64,
                sha256: None,
                plain_bytes: None,
            };
            let damaged = |error| from_io(error, |text| Error::damaged(&name, text));
            let mut plain = Vec::new();
            let opened = Opener::new(&key, expected, &*stored).map_err(damaged)?;
            opened
                .take(WAL_BYTES_MAX + 1)
                .read_to_end(&mut plain)
                .map_err(damaged)?;
            if plain.len() as u64 > WAL_BYTES_MAX {
                return Err(Error::Limit {
                    what: format!("size of {name}"),
                    found: plain.len() as u64,
                    limit: WAL_BYTES_MAX,
                });
            }
            Ok(Some(plain))
        })
        .await
    }

    /// All archived files, in Postgres's order of names.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn wal_segments(&self) -> Result<Vec<WalRecord>> {
        let mut records: Vec<_> = self
            .store
            .list("wal")
            .await?
            .into_iter()
            .filter_map(|(name, meta)| {
                let wal_name = name.strip_prefix("wal/")?;
                check_name(wal_name).ok()?;
                Some(WalRecord {
                    name: wal_name.to_owned(),
                    stored_bytes: meta.size,
                    stored_at_unix_ms: u64::try_from(meta.last_modified.timestamp_millis()).unwrap_or(0),
                })
            })
            .collect();
        records.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(records)
    }

    /// Gaps between the segments of each timeline. `segment_bytes` is the cluster's, as a base backup's record tells.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn wal_gaps(&self, segment_bytes: u64) -> Result<Vec<WalGap>> {
        Ok(gaps(
            self.wal_segments().await?.iter().map(|record| record.name.as_str()),
            segment_bytes,
        ))
    }

    /// The segments that a base backup needs and the archive does not hold.
    ///
    /// # Errors
    /// The store does not answer, or the record lacks positions.
    pub async fn needed_wal_missing(&self, record: &BackupRecord) -> Result<Vec<String>> {
        if record.wal_included {
            return Ok(Vec::new());
        }
        let mut missing = Vec::new();
        for segment in needed(record)? {
            if self.store.size(&name_of(&segment)).await?.is_none() {
                missing.push(segment);
            }
        }
        Ok(missing)
    }

    /// Reads one archived file through and tells what is wrong with it.
    pub(crate) async fn check_wal(&self, segment: &str) -> Result<Option<u64>> {
        Ok(self
            .wal_content(&name_of(segment))
            .await?
            .map(|plain| plain.len() as u64))
    }
}

/// [`Repository::wal_push`] for a configuration file.
///
/// # Errors
/// As there, and when the configuration cannot be used.
pub async fn wal_push(config: &Path, wal_path: &Path) -> Result<()> {
    Repository::from_file(config)?.wal_push(wal_path).await
}

/// [`Repository::wal_fetch`] for a configuration file.
///
/// # Errors
/// As there, and when the configuration cannot be used.
pub async fn wal_fetch(config: &Path, name: &str, dest: &Path) -> Result<bool> {
    Repository::from_file(config)?.wal_fetch(name, dest).await
}

pub(crate) fn name_of(wal_name: &str) -> String {
    format!("wal/{wal_name}")
}

/// Bytes of a segment of the cluster that a backup is of.
pub(crate) fn segment_bytes(record: &BackupRecord) -> u64 {
    record
        .wal_segment_bytes
        .filter(|size| size.is_power_of_two())
        .unwrap_or(WAL_SEGMENT_BYTES)
}

/// The segments from begin to end of a base backup.
pub(crate) fn needed(record: &BackupRecord) -> Result<Vec<String>> {
    let position = |lsn: &Option<String>| lsn.as_deref().and_then(parse_lsn);
    let (Some(start), Some(stop), Some(timeline)) =
        (position(&record.start_lsn), position(&record.stop_lsn), record.timeline)
    else {
        return Err(Error::damaged(
            crate::record::name_of(&record.id),
            "it does not tell the WAL that the backup needs",
        ));
    };
    let size = segment_bytes(record);
    // The stop position is exclusive.
    let (first, last) = (start / size, stop.saturating_sub(1).max(start) / size);
    if last - first > 100_000 {
        return Err(Error::Limit {
            what: "WAL segments of one backup".into(),
            found: last - first,
            limit: 100_000,
        });
    }
    Ok((first..=last)
        .map(|number| segment_name(timeline, number, size))
        .collect())
}

pub(crate) fn segment_name(timeline: u32, number: u64, segment_bytes: u64) -> String {
    let per_log = (1_u64 << 32) / segment_bytes;
    format!("{timeline:08X}{:08X}{:08X}", number / per_log, number % per_log)
}

fn gaps<'a>(names: impl Iterator<Item = &'a str>, segment_bytes: u64) -> Vec<WalGap> {
    let per_log = (1_u64 << 32) / segment_bytes.clamp(1 << 20, 1 << 30);
    let mut found = Vec::new();
    let mut before: Option<(u32, u64)> = None;
    for name in names.filter(|name| name.len() == 24) {
        let part = |range: std::ops::Range<usize>| u32::from_str_radix(&name[range], 16).unwrap_or(0);
        let (timeline, number) = (part(0..8), u64::from(part(8..16)) * per_log + u64::from(part(16..24)));
        if let Some((same, last)) = before.filter(|(same, last)| *same == timeline && number > last + 1) {
            found.push(WalGap {
                timeline: same,
                first_missing: segment_name(same, last + 1, (1 << 32) / per_log),
                segments: number - last - 1,
            });
        }
        before = Some((timeline, number));
    }
    found
}

/// The names that Postgres archives, and no others: they become parts of keys and of paths.
fn check_name(name: &str) -> Result<()> {
    let hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
    };
    let fits = match name.split_once('.') {
        None => hex(name, 24),
        Some((timeline, "history")) => hex(timeline, 8),
        Some((segment, "partial")) => hex(segment, 24),
        Some((segment, rest)) => hex(segment, 24) && rest.strip_suffix(".backup").is_some_and(|offset| hex(offset, 8)),
    };
    if fits {
        return Ok(());
    }
    Err(Error::Config {
        what: "name of a WAL file".into(),
        found: format!("{name:?}"),
        expected: "24 hexadecimal digits (also with .partial or .XXXXXXXX.backup), or 8 with .history".into(),
    })
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn read_whole(path: &Path) -> Result<Vec<u8>> {
    let mut file = std::fs::File::open(path).map_err(Error::io("open", path))?;
    let size = file.metadata().map_err(Error::io("look at", path))?.len();
    if size > WAL_BYTES_MAX {
        return Err(Error::Limit {
            what: format!("size of {}", path.display()),
            found: size,
            limit: WAL_BYTES_MAX,
        });
    }
    let mut plain = Vec::with_capacity(size as usize);
    file.read_to_end(&mut plain).map_err(Error::io("read", path))?;
    Ok(plain)
}

fn write_whole(dest: &Path, plain: &[u8]) -> Result<()> {
    let mut pending = dest.as_os_str().to_owned();
    pending.push(format!(".fetching-{}", std::process::id()));
    let pending = std::path::PathBuf::from(pending);
    let written = (|| {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&pending)
            .map_err(Error::io("create", &pending))?;
        file.write_all(plain)
            .and_then(|()| file.sync_all())
            .map_err(Error::io("write", &pending))?;
        std::fs::rename(&pending, dest).map_err(Error::io("rename to", dest))
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&pending);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_postgres_are_taken() {
        for yes in [
            "000000010000000000000001",
            "00000002.history",
            "000000010000000000000001.partial",
            "000000010000000000000001.00000028.backup",
        ] {
            check_name(yes).unwrap();
        }
        for no in [
            "",
            "../x",
            "00000001000000000000000",
            "0000000100000000000000aa",
            "00000002.history/..",
            "x.backup",
        ] {
            assert!(check_name(no).is_err(), "{no}");
        }
    }

    #[test]
    fn gaps_are_found_across_the_end_of_a_log_and_not_between_timelines() {
        let names = [
            "0000000100000000000000FE",
            "0000000100000000000000FF",
            "000000010000000100000000",
            "000000010000000100000003",
            "000000020000000100000009",
        ];
        let found = gaps(names.into_iter(), WAL_SEGMENT_BYTES);
        assert_eq!(
            found,
            [WalGap {
                timeline: 1,
                first_missing: "000000010000000100000001".into(),
                segments: 2
            }]
        );
        // With segments of 1 MiB a log has 4096 of them.
        assert_eq!(gaps(names[..3].iter().copied(), 1 << 20).len(), 1);
        assert!(gaps(std::iter::empty(), WAL_SEGMENT_BYTES).is_empty());
    }
}
