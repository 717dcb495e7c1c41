//! Making a container: plain bytes through zstd into sealed segments.

use std::io::{self, Write};

use aead_stream::StreamPrimitive;
use ring::digest;

use super::{HEADER_BYTES, MAGIC, PREFIX_BYTES, SALT_BYTES, SEGMENT_BYTES, Stream, TAG_BYTES, stream};
use crate::key::{MasterKey, random_bytes};

/// The fastest level; on two cores a higher one costs more time than the network saves.
const ZSTD_LEVEL: i32 = 1;

/// What sealing produced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) plain_bytes: u64,
    pub(crate) stored_bytes: u64,
    /// Of the stored bytes, in hex.
    pub(crate) sha256: String,
}

/// Compresses plain bytes into the one frame of a container.
pub(crate) fn compressor<W: Write>(frame: W) -> io::Result<zstd::stream::write::Encoder<'static, W>> {
    zstd::stream::write::Encoder::new(frame, ZSTD_LEVEL)
}

/// Takes the bytes of the frame, hands stored bytes to `out`.
pub(crate) struct Segments<F> {
    stream: Stream,
    header: [u8; HEADER_BYTES],
    position: u32,
    buffer: Vec<u8>,
    digest: digest::Context,
    stored_bytes: u64,
    out: F,
}

impl<F: FnMut(Vec<u8>) -> io::Result<()>> Segments<F> {
    pub(crate) fn begin(key: &MasterKey, name: &str, out: F) -> io::Result<Self> {
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(MAGIC);
        header[8..8 + SALT_BYTES].copy_from_slice(&random_bytes());
        header[8 + SALT_BYTES..].copy_from_slice(&random_bytes()[..PREFIX_BYTES]);
        let mut segments = Self {
            stream: stream(key, name, &header),
            header,
            position: 0,
            buffer: Vec::new(),
            digest: digest::Context::new(&digest::SHA256),
            stored_bytes: 0,
            out,
        };
        segments.emit(header.to_vec())?;
        Ok(segments)
    }

    fn emit(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        self.digest.update(&bytes);
        self.stored_bytes += bytes.len() as u64;
        (self.out)(bytes)
    }

    fn seal(&mut self, last: bool) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        self.stream
            .encrypt_in_place(self.position, last, &self.header, &mut buffer)
            .map_err(|_| io::Error::other("the cipher refused a segment"))?;
        self.position = self
            .position
            .checked_add(1)
            .ok_or_else(|| io::Error::other("more than 2^32 segments in one object"))?;
        self.buffer.reserve(SEGMENT_BYTES + TAG_BYTES);
        self.emit(buffer)
    }

    /// Seals the last segment; `plain_bytes` is what the compressor took.
    pub(crate) fn finish(mut self, plain_bytes: u64) -> io::Result<Sealed> {
        self.seal(true)?;
        Ok(Sealed {
            plain_bytes,
            stored_bytes: self.stored_bytes,
            sha256: hex::encode(self.digest.finish()),
        })
    }
}

impl<F: FnMut(Vec<u8>) -> io::Result<()>> Write for Segments<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full segment waits for its successor, since only then is it known not to be the last.
        if self.buffer.len() == SEGMENT_BYTES && !bytes.is_empty() {
            self.seal(false)?;
        }
        let taken = bytes.len().min(SEGMENT_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Seals a small content in memory.
pub(crate) fn seal(key: &MasterKey, name: &str, plain: &[u8]) -> io::Result<(Vec<Vec<u8>>, Sealed)> {
    let mut pieces = Vec::new();
    let segments = Segments::begin(key, name, |piece| {
        pieces.push(piece);
        Ok(())
    })?;
    let mut zstd = compressor(segments)?;
    zstd.write_all(plain)?;
    let sealed = zstd.finish()?.finish(plain.len() as u64)?;
    Ok((pieces, sealed))
}
