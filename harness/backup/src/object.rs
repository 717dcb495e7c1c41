//! Sealed objects as streams: written in parts, read in ranges.
//!
//! The one idea: compressing and encrypting run on a blocking thread between two short channels, so that the socket, the
//! processor and the store work at once and memory holds a few parts and no more.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use object_store::PutPayload;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::container::{Expected, Opener, Sealed, Sealer, as_io, from_io};
use crate::error::{Error, Result};
use crate::key::MasterKey;
use crate::store::{PART_BYTES, PARTS_MAX, Store, failed};

/// Plain bytes that wait for the sealer: at most so many pieces of up to 256 KiB.
const PIECES_WAITING: usize = 8;
const PIECE_BYTES: usize = 256 << 10;
/// Parts on their way to the store at once.
const PARTS_IN_FLIGHT: usize = 2;

/// One stored object of a backup, as its record tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredObject {
    /// The key, relative to the repository's prefix.
    pub key: String,
    /// Bytes before compression.
    pub plain_bytes: u64,
    /// Bytes as stored.
    pub stored_bytes: u64,
    /// SHA-256 of the stored bytes, in hex.
    pub sha256: String,
}

enum Piece {
    Data(Bytes),
    /// Without this word the object is given up: a writer that is dropped must not leave half an object that looks whole.
    Finish,
}

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
        let (pieces, mut waiting) = mpsc::channel::<Piece>(PIECES_WAITING);
        let (parts_out, parts) = mpsc::channel::<Vec<u8>>(1);
        let (key, sealed_name) = (key.clone(), name.to_owned());
        let sealing = tokio::task::spawn_blocking(move || -> Result<Sealed> {
            let failure = |error: io::Error| {
                let name = sealed_name.clone();
                from_io(error, move |text| Error::Abandoned(format!("object {name} ({text})")))
            };
            let mut part = Vec::with_capacity(PART_BYTES);
            let mut sealer = Sealer::new(&key, &sealed_name, |piece| {
                // A piece is a segment at most, so it fills one part and begins one other.
                let (now, rest) = piece.split_at(piece.len().min(PART_BYTES - part.len()));
                part.extend_from_slice(now);
                if part.len() == PART_BYTES {
                    let full = std::mem::replace(&mut part, Vec::with_capacity(PART_BYTES));
                    parts_out
                        .blocking_send(full)
                        .map_err(|_| io::Error::other("the upload has ended"))?;
                }
                part.extend_from_slice(rest);
                Ok(())
            })
            .map_err(failure)?;
            loop {
                match waiting.blocking_recv() {
                    Some(Piece::Data(bytes)) => sealer.write(&bytes).map_err(failure)?,
                    Some(Piece::Finish) => break,
                    None => return Err(Error::Abandoned(format!("object {sealed_name}"))),
                }
            }
            let sealed = sealer.finish().map_err(failure)?;
            if !part.is_empty() {
                parts_out
                    .blocking_send(part)
                    .map_err(|_| Error::Abandoned(format!("object {sealed_name}")))?;
            }
            Ok(sealed)
        });
        let done = tokio::spawn(upload(store.clone(), name.to_owned(), parts, sealing));
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

async fn upload(
    store: Store,
    name: String,
    mut parts: mpsc::Receiver<Vec<u8>>,
    sealing: JoinHandle<Result<Sealed>>,
) -> Result<Sealed> {
    let first = parts.recv().await;
    let second = match first {
        Some(_) => parts.recv().await,
        None => None,
    };
    let (first, second) = match (first, second) {
        (Some(first), Some(second)) => (first, second),
        (first, _) => {
            // Everything fits into one request, or sealing failed before there was more.
            let sealed = ended(sealing, &name).await?;
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
        Ok(()) => ended(sealing, &name).await,
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

async fn ended(sealing: JoinHandle<Result<Sealed>>, name: &str) -> Result<Sealed> {
    sealing.await.map_err(|_| Error::Abandoned(format!("object {name}")))?
}

/// Opens a sealed object for reading on a blocking thread.
///
/// # Errors
/// Missing, or of another size than the record says.
pub(crate) async fn open(store: &Store, key: &MasterKey, object: &StoredObject) -> Result<Opener<Ranges>> {
    match store.size(&object.key).await? {
        None => {
            return Err(Error::Missing {
                key: object.key.clone(),
                needed_for: "the backup's record lists it".into(),
            });
        }
        Some(size) if size != object.stored_bytes => {
            let reason = format!(
                "it has {size} bytes, the record says {}: cut or altered",
                object.stored_bytes
            );
            return Err(Error::damaged(&object.key, reason));
        }
        Some(_) => {}
    }
    let expected = Expected {
        name: object.key.clone(),
        stored_bytes: object.stored_bytes,
        sha256: Some(object.sha256.clone()),
        plain_bytes: Some(object.plain_bytes),
    };
    let ranges = Ranges::begin(store, &object.key, object.stored_bytes);
    Opener::new(key, expected, ranges).map_err(|error| from_io(error, |text| Error::damaged(&object.key, text)))
}

/// The stored bytes of an object, fetched range by range, one ahead of the reader. Blocks: for blocking threads only.
pub(crate) struct Ranges {
    ranges: mpsc::Receiver<Result<Bytes>>,
    current: Bytes,
}

impl Ranges {
    fn begin(store: &Store, name: &str, size: u64) -> Self {
        let (out, ranges) = mpsc::channel(1);
        let (store, name) = (store.clone(), name.to_owned());
        tokio::spawn(async move {
            let mut at = 0;
            while at < size {
                let end = size.min(at + PART_BYTES as u64);
                let range = store.range(&name, at..end).await;
                let failed = range.is_err();
                if out.send(range).await.is_err() || failed {
                    return;
                }
                at = end;
            }
        });
        Self {
            ranges,
            current: Bytes::new(),
        }
    }
}

impl Read for Ranges {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.ranges.blocking_recv() {
                None => return Ok(0),
                Some(range) => self.current = range.map_err(as_io)?,
            }
        }
        let count = buffer.len().min(self.current.len());
        buffer[..count].copy_from_slice(&self.current.split_to(count));
        Ok(count)
    }
}

/// Runs blocking work and brings its error back typed.
pub(crate) async fn blocking<T: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Error::Abandoned(what.to_owned())),
    }
}

/// Plain bytes for an async reader, in pieces of up to 256 KiB.
pub(crate) struct Pieces {
    name: Arc<str>,
    pieces: mpsc::Receiver<Result<Bytes>>,
}

impl Pieces {
    /// Reads `source` on a blocking thread.
    pub(crate) fn of<R: Read + Send + 'static>(mut source: R, name: &str) -> Self {
        let (out, pieces) = mpsc::channel(4);
        let name: Arc<str> = name.into();
        let reader_name = name.clone();
        tokio::task::spawn_blocking(move || {
            loop {
                let piece = read_piece(&mut source).map_err(|error| {
                    let name = reader_name.clone();
                    from_io(error, move |text| Error::damaged(&*name, text))
                });
                let last = !piece.as_ref().is_ok_and(|piece| !piece.is_empty());
                if out.blocking_send(piece).is_err() || last {
                    return;
                }
            }
        });
        Self { name, pieces }
    }

    /// The next piece; nothing once the whole object has been read and found good.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>> {
        match self.pieces.recv().await {
            Some(Ok(piece)) if piece.is_empty() => Ok(None),
            Some(Ok(piece)) => Ok(Some(piece)),
            Some(Err(error)) => Err(error),
            // Only an empty piece means the end; silence means that the reader is gone.
            None => Err(Error::Abandoned(format!("reading object {}", self.name))),
        }
    }
}

fn read_piece(source: &mut impl Read) -> io::Result<Bytes> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut filled = 0;
    while filled < piece.len() {
        match source.read(&mut piece[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    piece.truncate(filled);
    Ok(piece.into())
}
