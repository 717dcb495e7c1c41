//! Writing an object: pieces in, parts to the store out.

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use object_store::PutPayload;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::pipeline::{Piece, Sealing};
use super::{PIECE_BYTES, StoredObject};
use crate::container::Sealed;
use crate::error::{Error, Result};
use crate::key::MasterKey;
use crate::store::{PART_BYTES, PARTS_MAX, Store, failed};

/// Plain bytes that wait for the compressor: at most so many pieces.
const PIECES_WAITING: usize = 8;
/// Parts on their way to the store at once.
const PARTS_IN_FLIGHT: usize = 2;

/// Writes one sealed object.
pub(crate) struct ObjectWriter {
    name: String,
    pieces: mpsc::Sender<Piece>,
    gathered: Vec<u8>,
    plain_bytes: u64,
    done: JoinHandle<Result<Sealed>>,
}

impl ObjectWriter {
    pub(crate) fn begin(store: &Store, key: &MasterKey, name: &str) -> Self {
        let (pieces, waiting) = mpsc::channel(PIECES_WAITING);
        let (parts_out, parts) = mpsc::channel(1);
        let work = Sealing::begin(key, name, waiting, parts_out);
        let done = tokio::spawn(upload(store.clone(), name.to_owned(), parts, work));
        Self {
            name: name.to_owned(),
            pieces,
            gathered: Vec::new(),
            plain_bytes: 0,
            done,
        }
    }

    /// Hands on plain bytes; waits while the store is behind.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.plain_bytes += bytes.len() as u64;
        if self.gathered.capacity() == 0 {
            self.gathered.reserve_exact(PIECE_BYTES);
        }
        for chunk in bytes.chunks(PIECE_BYTES) {
            if self.gathered.len() + chunk.len() > PIECE_BYTES {
                self.send().await?;
            }
            self.gathered.extend_from_slice(chunk);
        }
        Ok(())
    }

    pub(crate) fn plain_bytes(&self) -> u64 {
        self.plain_bytes
    }

    async fn send(&mut self) -> Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let full = std::mem::replace(&mut self.gathered, Vec::with_capacity(PIECE_BYTES));
        if self.pieces.send(Piece::Data(full.into())).await.is_ok() {
            return Ok(());
        }
        // The pipeline has ended early; its own result says why.
        match (&mut self.done).await {
            Ok(Err(error)) => Err(error),
            _ => Err(Error::Abandoned(format!("object {}", self.name))),
        }
    }

    /// Completes the object. It is in the store when this returns.
    pub(crate) async fn finish(mut self) -> Result<StoredObject> {
        self.send().await?;
        let _ = self.pieces.send(Piece::Finish).await;
        let sealed = self
            .done
            .await
            .map_err(|_| Error::Abandoned(format!("object {}", self.name)))??;
        Ok(StoredObject {
            key: self.name,
            plain_bytes: sealed.plain_bytes,
            stored_bytes: sealed.stored_bytes,
            sha256: sealed.sha256,
        })
    }
}

async fn upload(store: Store, name: String, mut parts: mpsc::Receiver<Vec<u8>>, sealing: Sealing) -> Result<Sealed> {
    let first = parts.recv().await;
    let second = match first {
        Some(_) => parts.recv().await,
        None => None,
    };
    let (first, second) = match (first, second) {
        (Some(first), Some(second)) => (first, second),
        (first, _) => {
            // Everything fits into one request, or sealing failed before there was more.
            let sealed = sealing.ended(&name).await?;
            let body = first.ok_or_else(|| Error::Abandoned(format!("object {name}")))?;
            store.put(&name, PutPayload::from(Bytes::from(body))).await?;
            return Ok(sealed);
        }
    };
    let mut target = store.multipart(&name).await?;
    let outcome = async {
        let mut flying = FuturesUnordered::new();
        flying.push(target.put_part(Bytes::from(first).into()));
        flying.push(target.put_part(Bytes::from(second).into()));
        let mut count = 2;
        while let Some(part) = parts.recv().await {
            count += 1;
            if count > PARTS_MAX {
                return Err(Error::Limit {
                    what: format!("size of object {name} in parts of {PART_BYTES} bytes"),
                    found: count,
                    limit: PARTS_MAX,
                });
            }
            while flying.len() >= PARTS_IN_FLIGHT {
                flying
                    .next()
                    .await
                    .expect("there are some")
                    .map_err(failed("put a part of", &name))?;
            }
            flying.push(target.put_part(Bytes::from(part).into()));
        }
        while let Some(result) = flying.next().await {
            result.map_err(failed("put a part of", &name))?;
        }
        Ok(())
    }
    .await;
    // No more parts are taken, so a sealer that is still at work sees it and ends.
    drop(parts);
    let sealed = match outcome {
        Ok(()) => sealing.ended(&name).await,
        Err(error) => Err(error),
    };
    match sealed {
        Ok(sealed) => {
            target.complete().await.map_err(failed("complete", &name))?;
            Ok(sealed)
        }
        Err(error) => {
            // What was sent is of no use; where even this fails the store's own clean-up of uploads has to do it.
            let _ = target.abort().await;
            Err(error)
        }
    }
}
