//! The two threads between plain bytes and parts for the store.

use std::io::{self, Write};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::PIECE_BYTES;
use crate::container::{self, Sealed, Segments, from_io};
use crate::error::{Error, Result};
use crate::key::MasterKey;
use crate::store::PART_BYTES;

/// Compressed pieces that wait for the cipher.
const FRAMES_WAITING: usize = 4;

/// What the compressing thread takes.
pub(super) enum Piece {
    /// Plain bytes.
    Data(Bytes),
    /// Without this word the object is given up: a writer that is dropped must not leave half an object that looks whole.
    Finish,
}

/// The two blocking threads of an object that is being written.
pub(super) struct Sealing {
    compress: JoinHandle<Result<()>>,
    seal: JoinHandle<Result<Sealed>>,
}

impl Sealing {
    /// Starts both; what is sealed comes out in `parts`.
    pub(super) fn begin(
        key: &MasterKey,
        name: &str,
        pieces: mpsc::Receiver<Piece>,
        parts: mpsc::Sender<Vec<u8>>,
    ) -> Self {
        let (frame_out, frame) = mpsc::channel(FRAMES_WAITING);
        let (key, sealed_name, compressed_name) = (key.clone(), name.to_owned(), name.to_owned());
        Self {
            compress: tokio::task::spawn_blocking(move || compress(&compressed_name, pieces, frame_out)),
            seal: tokio::task::spawn_blocking(move || seal(&key, &sealed_name, frame, &parts)),
        }
    }

    /// Waits for both. Where one gives up because the other failed, the other's reason is told.
    pub(super) async fn ended(self, name: &str) -> Result<Sealed> {
        let given_up = || Error::Abandoned(format!("object {name}"));
        let compressed = self.compress.await.map_err(|_| given_up())?;
        let sealed = self.seal.await.map_err(|_| given_up())?;
        match (compressed, sealed) {
            (Ok(()), sealed) => sealed,
            (Err(_), Err(error)) if !matches!(error, Error::Abandoned(_)) => Err(error),
            (Err(error), _) => Err(error),
        }
    }
}

/// What the compressing thread hands to the sealing one.
enum FramePiece {
    Data(Vec<u8>),
    /// The frame is whole, and so many plain bytes are in it.
    Finish(u64),
}

/// Gathers what zstd gives out by the way into pieces that are worth a message.
struct FrameOut {
    pieces: mpsc::Sender<FramePiece>,
    gathered: Vec<u8>,
}

impl FrameOut {
    fn send(&self, piece: FramePiece) -> io::Result<()> {
        self.pieces
            .blocking_send(piece)
            .map_err(|_| io::Error::other("sealing has ended"))
    }

    fn finish(mut self, plain_bytes: u64) -> io::Result<()> {
        let rest = std::mem::take(&mut self.gathered);
        self.send(FramePiece::Data(rest))?;
        self.send(FramePiece::Finish(plain_bytes))
    }
}

impl io::Write for FrameOut {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gathered.len() + bytes.len() > PIECE_BYTES {
            let full = std::mem::replace(&mut self.gathered, Vec::with_capacity(PIECE_BYTES));
            self.send(FramePiece::Data(full))?;
        }
        let taken = bytes.len().min(PIECE_BYTES);
        self.gathered.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The first thread: plain bytes become a zstd frame.
fn compress(name: &str, mut pieces: mpsc::Receiver<Piece>, frame: mpsc::Sender<FramePiece>) -> Result<()> {
    let failure = failure(name);
    let mut zstd = container::compressor(FrameOut {
        pieces: frame,
        gathered: Vec::with_capacity(PIECE_BYTES),
    })
    .map_err(&failure)?;
    let mut plain_bytes = 0;
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Data(bytes)) => {
                plain_bytes += bytes.len() as u64;
                zstd.write_all(&bytes).map_err(&failure)?;
            }
            Some(Piece::Finish) => break,
            None => return Err(Error::Abandoned(format!("object {name}"))),
        }
    }
    zstd.finish()
        .and_then(|frame| frame.finish(plain_bytes))
        .map_err(&failure)
}

/// The second thread: the frame becomes sealed segments, gathered into parts.
fn seal(
    key: &MasterKey,
    name: &str,
    mut frame: mpsc::Receiver<FramePiece>,
    parts: &mpsc::Sender<Vec<u8>>,
) -> Result<Sealed> {
    let failure = failure(name);
    let mut part = Vec::with_capacity(PART_BYTES);
    let mut segments = Segments::begin(key, name, |piece| {
        // A piece is a segment at most, so it fills one part and begins one other.
        let (now, rest) = piece.split_at(piece.len().min(PART_BYTES - part.len()));
        part.extend_from_slice(now);
        if part.len() == PART_BYTES {
            let full = std::mem::replace(&mut part, Vec::with_capacity(PART_BYTES));
            parts
                .blocking_send(full)
                .map_err(|_| io::Error::other("the upload has ended"))?;
        }
        part.extend_from_slice(rest);
        Ok(())
    })
    .map_err(&failure)?;
    let plain_bytes = loop {
        match frame.blocking_recv() {
            Some(FramePiece::Data(bytes)) => segments.write_all(&bytes).map_err(&failure)?,
            Some(FramePiece::Finish(plain_bytes)) => break plain_bytes,
            None => return Err(Error::Abandoned(format!("object {name}"))),
        }
    };
    let sealed = segments.finish(plain_bytes).map_err(&failure)?;
    if !part.is_empty() {
        parts
            .blocking_send(part)
            .map_err(|_| Error::Abandoned(format!("object {name}")))?;
    }
    Ok(sealed)
}

fn failure(name: &str) -> impl Fn(io::Error) -> Error {
    move |error| from_io(error, |text| Error::Abandoned(format!("object {name} ({text})")))
}
