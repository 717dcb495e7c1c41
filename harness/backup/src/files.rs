//! Backups of an application's bucket.
//!
//! The one idea: all objects go into one sealed stream, each under its key and with its digest, so a thousand small
//! objects cost one upload. With each goes when the bucket says that it was written, so that a restore can choose by that.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use object_store::{ObjectMeta, PutPayload};

use crate::config::BucketConfig;
use crate::error::{Error, Result};
use crate::frames::{Frame, FrameReader, FrameWriter};
use crate::object::{self, Pieces};
use crate::record::{BackupKind, BackupRecord};
use crate::repository::{Repository, begin};
use crate::restore::Restored;
use crate::store::{PART_BYTES, Store, failed};

/// Objects up to this size are fetched ahead and put beside each other.
const SMALL_BYTES: u64 = 1 << 20;
/// So many of them at once: 8 MiB of memory at most.
const SMALL_AT_ONCE: usize = 8;

impl Repository {
    /// Copies all objects of a bucket, or of the part of it below a prefix, into the repository. An object that is
    /// deleted while the backup runs is left out and counted as `vanished`. `progress` is told the bytes read so far.
    ///
    /// # Errors
    /// Either store fails, or an object ends early. No record is left then, so no backup.
    pub fn files<'a>(
        &'a self,
        source: &'a BucketConfig,
        progress: &'a (dyn Fn(u64) + Sync),
    ) -> BoxFuture<'a, Result<BackupRecord>> {
        Box::pin(self.take_files(source, progress))
    }

    async fn take_files(&self, source: &BucketConfig, progress: &(dyn Fn(u64) + Sync)) -> Result<BackupRecord> {
        let source = Store::open(source)?;
        let mut record = begin(BackupKind::Files, "files");
        record.tool = "objects".into();
        let mut listed: VecDeque<(String, ObjectMeta)> = source.list("").await?.into();
        let mut frames = FrameWriter::new(self.writer(&format!("backups/{}/objects", record.id)));
        let (mut objects, mut bytes, mut vanished) = (0, 0, 0);
        while let Some((_, meta)) = listed.front() {
            if meta.size > SMALL_BYTES {
                let (name, meta) = listed.pop_front().expect("it was just looked at");
                match copy_large(&source, &name, written(&meta), &mut frames).await? {
                    Some(copied) => (objects, bytes) = (objects + 1, bytes + copied),
                    None => vanished += 1,
                }
            } else {
                let run = listed
                    .iter()
                    .take(SMALL_AT_ONCE)
                    .take_while(|(_, meta)| meta.size <= SMALL_BYTES)
                    .count();
                let run: Vec<(String, ObjectMeta)> = listed.drain(..run).collect();
                // It may have grown since it was listed; a part's size bounds that.
                let fetched = run
                    .iter()
                    .map(|(name, _)| source.get_described(name, PART_BYTES as u64));
                let fetched = futures::future::try_join_all(fetched).await?;
                for ((name, meta), content) in run.iter().zip(fetched) {
                    let Some((content, now)) = content else {
                        vanished += 1;
                        continue;
                    };
                    frames.open(name).await?;
                    // It may have been written over since it was listed. An answer to a GET tells whole seconds only.
                    frames.written(written(meta).max(written(&now))).await?;
                    frames.data(&content).await?;
                    frames.close().await?;
                    (objects, bytes) = (objects + 1, bytes + content.len() as u64);
                }
            }
            progress(bytes);
        }
        record.objects.push(frames.end().await?.finish().await?);
        record.counts = [
            ("objects".into(), objects),
            ("bytes".into(), bytes),
            ("vanished".into(), vanished),
        ]
        .into();
        self.complete(record).await
    }

    /// Puts the objects of a backup into a bucket, over those of the same keys; others there stay.
    ///
    /// # Errors
    /// The backup cannot be trusted or a store fails. Objects that were put by then stay; each of them is whole.
    pub fn restore_files<'a>(&'a self, id: &'a str, target: &'a BucketConfig) -> BoxFuture<'a, Result<Restored>> {
        Box::pin(self.put_files_back(id, target, None))
    }

    /// Likewise, but only the objects that had been written within a range (wall-clock milliseconds since 1970), as the bucket
    /// told when the copy was taken. What the range leaves out stays as it is, however old or new.
    ///
    /// # Errors
    /// As [`Repository::restore_files`]; and the copy was taken by a version that did not note when objects were written.
    pub fn restore_files_written<'a>(
        &'a self,
        id: &'a str,
        target: &'a BucketConfig,
        within: Range<u64>,
    ) -> BoxFuture<'a, Result<Restored>> {
        Box::pin(self.put_files_back(id, target, Some(within)))
    }

    async fn put_files_back(&self, id: &str, target: &BucketConfig, within: Option<Range<u64>>) -> Result<Restored> {
        let target = Store::open(target)?;
        let record = self.record(id).await?.of_kind(BackupKind::Files)?;
        let object = record.object("/objects")?;
        let opened = object::open(&self.store, &self.key, object).await?;
        let mut frames = FrameReader::new(&object.key, Pieces::of(opened, &object.key));
        let mut flying = FuturesUnordered::new();
        let (mut files, mut bytes) = (0, 0);
        while let Some(frame) = frames.next().await? {
            let Frame::Open(name) = frame else {
                return Err(Error::damaged(&object.key, "data without a name"));
            };
            let mut content = Vec::new();
            let mut large = None;
            let mut wanted = within.is_none().then_some(true);
            let size = loop {
                match frames.next().await? {
                    Some(Frame::Written(at)) => {
                        wanted = Some(within.as_ref().is_none_or(|within| within.contains(&at)));
                    }
                    Some(_) if wanted.is_none() => return Err(undated(id)),
                    Some(Frame::Data(_)) if wanted == Some(false) => {}
                    Some(Frame::Data(data)) => {
                        content.extend_from_slice(&data);
                        if content.len() >= PART_BYTES {
                            if large.is_none() {
                                large = Some(target.multipart(&name).await?);
                            }
                            let upload = large.as_mut().expect("it was just begun");
                            let rest = content.split_off(PART_BYTES);
                            let part = std::mem::replace(&mut content, rest);
                            upload
                                .put_part(Bytes::from(part).into())
                                .await
                                .map_err(failed("put a part of", &name))?;
                        }
                    }
                    Some(Frame::Close { bytes: size, .. }) => break size,
                    _ => return Err(Error::damaged(&object.key, format!("{name} has no end"))),
                }
            };
            if wanted == Some(false) {
                continue;
            }
            (files, bytes) = (files + 1, bytes + size);
            if let Some(mut upload) = large {
                if !content.is_empty() {
                    upload
                        .put_part(Bytes::from(content).into())
                        .await
                        .map_err(failed("put a part of", &name))?;
                }
                upload.complete().await.map_err(failed("complete", &name))?;
                continue;
            }
            let target = &target;
            flying.push(async move { target.put(&name, PutPayload::from(Bytes::from(content))).await });
            if flying.len() >= SMALL_AT_ONCE / 2 {
                flying.next().await.expect("there are some")?;
            }
        }
        while let Some(result) = flying.next().await {
            result?;
        }
        Ok(Restored::of(&record, files, bytes))
    }
}

/// When an object was written, as the store tells it: milliseconds since 1970.
fn written(meta: &ObjectMeta) -> u64 {
    u64::try_from(meta.last_modified.timestamp_millis()).unwrap_or(0)
}

fn undated(id: &str) -> Error {
    Error::Config {
        what: format!("range of time to restore from {id}"),
        found: "a copy that does not tell when its objects were written: an older version took it".into(),
        expected: "a newer copy, or a restore of all its objects".into(),
    }
}

/// Copies an object range by range. Nothing: it is gone.
async fn copy_large(source: &Store, name: &str, written: u64, frames: &mut FrameWriter) -> Result<Option<u64>> {
    let Some(size) = source.size(name).await? else {
        return Ok(None);
    };
    frames.open(name).await?;
    frames.written(written).await?;
    let mut at = 0;
    while at < size {
        let end = size.min(at + PART_BYTES as u64);
        frames.data(&source.range(name, at..end).await?).await?;
        at = end;
    }
    // Ranges of two versions must not become one object.
    if source.size(name).await? != Some(size) {
        return Err(Error::damaged(
            name,
            "it changed while it was being copied; take the backup again",
        ));
    }
    frames.close().await?;
    Ok(Some(size))
}
