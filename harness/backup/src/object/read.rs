//! Reading an object: ranges from the store in, plain bytes out.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{PIECE_BYTES, StoredObject};
use crate::container::{Expected, Opener, as_io, from_io};
use crate::error::{Error, Result};
use crate::key::MasterKey;
use crate::store::{PART_BYTES, Store};

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
