//! Looking whether a backup would restore, without restoring it.
//!
//! The one idea: the check reads what a restore reads, through the same code, and only the writing is left out.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::frames::{Frame, FrameReader};
use crate::object::{self, Pieces, StoredObject};
use crate::record::{BackupKind, BackupRecord};
use crate::repository::Repository;
use crate::wal;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Stored objects read to their ends, WAL segments included.
    pub objects: u64,
    /// Bytes of content read.
    pub bytes: u64,
    /// Files, tables or objects whose own digests were compared.
    pub files_checked: u64,
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
    /// Reads a backup as a restore would, with the WAL that a base backup needs.
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
        match self.check_base(record, Arc::new(AtomicU64::new(0))).await {
            Ok(unpacked) => {
                found.objects += 2;
                found.files_checked += unpacked.files;
                found.bytes += unpacked.bytes;
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

    async fn verify_frames(&self, object: &StoredObject, found: &mut Verification) -> Result<()> {
        let opened = object::open(&self.store, &self.key, object).await?;
        let mut frames = FrameReader::new(&object.key, Pieces::of(opened, &object.key));
        while let Some(frame) = frames.next().await? {
            if let Frame::Close { bytes } = frame {
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
