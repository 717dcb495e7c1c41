//! Looking whether a backup would restore, without restoring it.
//!
//! The one idea: the check reads what a restore reads, through the same code, and only the writing is left out.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::frames::{Frame, FrameReader};
use crate::object::{self, Pieces, StoredObject};
use crate::pages::{PageName, PageScan};
use crate::record::{BackupKind, BackupRecord, parse_lsn};
use crate::repository::Repository;
use crate::wal;
use crate::wal_records::Reader;

/// Pages made whole by the WAL of a backup that are remembered: 32 GiB of them.
const IMAGES_MAX: usize = 1 << 22;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Stored objects read to their ends, WAL segments included.
    pub objects: u64,
    /// Bytes of content read.
    pub bytes: u64,
    /// Files, tables or objects whose own digests were compared.
    pub files_checked: u64,
    /// Base: pages whose own checksum was reckoned; none where the cluster bears no checksums.
    #[serde(default)]
    pub pages_checked: u64,
    /// What is wrong; empty for a backup that would restore.
    pub problems: Vec<String>,
}

impl Verification {
    /// Nothing is wrong, and there was something to look at.
    pub fn is_good(&self) -> bool {
        self.problems.is_empty() && self.objects > 0
    }

    fn note(&mut self, error: Error) -> Result<()> {
        match error {
            Error::Damaged { .. } | Error::Missing { .. } | Error::Limit { .. } => {
                self.problems.push(error.to_string());
                Ok(())
            }
            // A store that does not answer proves nothing about the backup.
            other => Err(other),
        }
    }
}

impl Repository {
    /// Reads a backup as a restore would, with the WAL that a base backup needs. Where the cluster's pages bear checksums,
    /// those in a base backup are reckoned: a backup of a database that was damaged already reads whole and is not.
    ///
    /// # Errors
    /// There is no such backup, its record cannot be trusted, or the store does not answer. What is wrong with the
    /// backup itself is in the result.
    pub fn verify<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Verification>> {
        Box::pin(self.read_through(id))
    }

    async fn read_through(&self, id: &str) -> Result<Verification> {
        let record = self.record(id).await?;
        let mut found = Verification::default();
        let outcome = match record.kind {
            BackupKind::Base => self.verify_base(&record, &mut found).await,
            BackupKind::Files => self.verify_frames(record.object("/objects")?, &mut found).await,
            BackupKind::Dump => match record.object("/dump.copy") {
                Ok(object) => self.verify_frames(object, &mut found).await,
                Err(_) => self.verify_bytes(record.object("/dump.pgdump")?, &mut found).await,
            },
        };
        if let Err(error) = outcome {
            found.note(error)?;
        }
        Ok(found)
    }

    async fn verify_base(&self, record: &BackupRecord, found: &mut Verification) -> Result<()> {
        let start = record.start_lsn.as_deref().and_then(parse_lsn);
        // Where the WAL lies within the backup, a page of two halves could not be told from a damaged one.
        let bears = record.data_checksums == Some(true) && !record.wal_included;
        let scan = start.filter(|_| bears).map(PageScan::new);
        match self.check_base(record, scan, Arc::new(AtomicU64::new(0))).await {
            Ok((unpacked, scan)) => {
                found.objects += 2;
                found.files_checked += unpacked.files;
                found.bytes += unpacked.bytes;
                if let Some(mut scan) = scan {
                    if !scan.bad.is_empty() {
                        scan.without(&self.images(record).await?);
                    }
                    found.pages_checked += scan.pages;
                    found.problems.extend(scan.problem());
                }
            }
            Err(error) => found.note(error)?,
        }
        if record.wal_included {
            return Ok(());
        }
        for segment in wal::needed(record)? {
            match self.check_wal(&segment).await {
                Ok(Some(bytes)) => {
                    found.objects += 1;
                    found.bytes += bytes;
                }
                Ok(None) => found.problems.push(format!(
                    "object {} is missing; the backup needs it to become consistent",
                    wal::name_of(&segment)
                )),
                Err(error) => found.note(error)?,
            }
        }
        Ok(())
    }

    /// Pages that the archived WAL of a base backup makes whole, up to the first segment that cannot be read: its absence is
    /// a problem of its own.
    async fn images(&self, record: &BackupRecord) -> Result<HashSet<PageName>> {
        let mut images = HashSet::new();
        let size = wal::segment_bytes(record);
        let first = record.start_lsn.as_deref().and_then(parse_lsn).unwrap_or(0) / size;
        let mut reader = Reader::default();
        for (number, segment) in (first..).zip(wal::needed(record)?) {
            let content = match self.wal_content(&wal::name_of(&segment)).await {
                Ok(Some(content)) => content,
                Ok(None) | Err(Error::Damaged { .. }) => break,
                Err(error) => return Err(error),
            };
            reader.segment(number * size, &content, &mut |record| {
                if images.len() < IMAGES_MAX {
                    images.extend(record.images);
                }
            });
        }
        Ok(images)
    }

    async fn verify_frames(&self, object: &StoredObject, found: &mut Verification) -> Result<()> {
        let opened = object::open(&self.store, &self.key, object).await?;
        let mut frames = FrameReader::new(&object.key, Pieces::of(opened, &object.key));
        while let Some(frame) = frames.next().await? {
            if let Frame::Close { bytes, .. } = frame {
                found.files_checked += 1;
                found.bytes += bytes;
            }
        }
        found.objects += 1;
        Ok(())
    }

    async fn verify_bytes(&self, object: &StoredObject, found: &mut Verification) -> Result<()> {
        let opened = object::open(&self.store, &self.key, object).await?;
        let mut pieces = Pieces::of(opened, &object.key);
        let mut first = true;
        while let Some(piece) = pieces.next().await? {
            if std::mem::take(&mut first) && !piece.starts_with(b"PGDMP") {
                found.problems.push(format!(
                    "object {} does not begin as an archive of pg_dump does",
                    object.key
                ));
            }
            found.bytes += piece.len() as u64;
        }
        if first {
            found.problems.push(format!("object {} is empty", object.key));
        }
        found.objects += 1;
        Ok(())
    }
}
