//! What a bucket holds, or a copy of it: each object by its length and digest.
//!
//! The one idea: a copy that is whole may be a copy of damage; only who knows what the objects should be, such as an
//! application by its rows, can tell, and needs to compare without restoring.

use std::collections::HashMap;

use futures::StreamExt;
use futures::stream;
use sha2::{Digest, Sha256};

use crate::config::BucketConfig;
use crate::error::{Error, Result};
use crate::frames::{Frame, FrameReader};
use crate::object::{self, Pieces};
use crate::record::BackupKind;
use crate::repository::Repository;
use crate::store::{PART_BYTES, Store};

/// Objects of a copy that are compared one by one.
const OBJECTS_MAX: usize = 1 << 20;
/// Objects read at once: 64 MiB of memory at most, by parts.
const AT_ONCE: usize = 8;

/// An object as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its content, lower-case hexadecimal.
    pub sha256: String,
}

impl Repository {
    /// The objects of a copy of a bucket, read through to its end as a restore would.
    ///
    /// # Errors
    /// There is no such copy, it cannot be trusted, it holds more objects than can be compared, or the store does not
    /// answer.
    pub async fn holdings(&self, id: &str) -> Result<HashMap<String, Holding>> {
        let record = self.record(id).await?.of_kind(BackupKind::Files)?;
        let object = record.object("/objects")?;
        let opened = object::open(&self.store, &self.key, object).await?;
        let mut frames = FrameReader::new(&object.key, Pieces::of(opened, &object.key));
        let mut held = HashMap::new();
        let mut open = None;
        while let Some(frame) = frames.next().await? {
            match frame {
                Frame::Open(name) => open = Some(name),
                Frame::Written(_) | Frame::Data(_) => {}
                Frame::Close { bytes, sha256 } => {
                    if held.len() == OBJECTS_MAX {
                        return Err(Error::Limit {
                            what: format!("objects of {id} that are compared"),
                            found: held.len() as u64 + 1,
                            limit: OBJECTS_MAX as u64,
                        });
                    }
                    let holding = Holding {
                        bytes,
                        sha256: hex::encode(sha256),
                    };
                    held.extend(open.take().map(|name| (name, holding)));
                }
            }
        }
        Ok(held)
    }
}

/// Those of the named objects that a bucket holds now, each read to its end.
///
/// # Errors
/// The store does not answer, or an object changes while it is read.
pub async fn holdings_now(bucket: &BucketConfig, names: Vec<String>) -> Result<HashMap<String, Holding>> {
    let store = &Store::open(bucket)?;
    let mut reading = stream::iter(names)
        .map(|name| async move { Ok::<_, Error>((read(store, &name).await?, name)) })
        .buffer_unordered(AT_ONCE);
    let mut held = HashMap::new();
    while let Some(read) = reading.next().await {
        if let (Some(holding), name) = read? {
            held.insert(name, holding);
        }
    }
    Ok(held)
}

async fn read(store: &Store, name: &str) -> Result<Option<Holding>> {
    let Some(size) = store.size(name).await? else {
        return Ok(None);
    };
    let mut digest = Sha256::new();
    let mut at = 0;
    while at < size {
        let end = size.min(at + PART_BYTES as u64);
        digest.update(store.range(name, at..end).await?);
        at = end;
    }
    Ok(Some(Holding {
        bytes: size,
        sha256: hex::encode(digest.finalize()),
    }))
}
