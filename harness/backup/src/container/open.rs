//! Opening a container: stored bytes, each segment authenticated, through zstd to plain bytes.

use std::io::{self, Read};

use aead_stream::StreamPrimitive;
use ring::digest;

use super::{HEADER_BYTES, MAGIC, SEGMENT_BYTES, Stream, TAG_BYTES, as_io, stream};
use crate::error::Error;
use crate::key::MasterKey;

/// What is known of an object before it is opened.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    /// Relative to the repository's prefix; the key is derived from it.
    pub(crate) name: String,
    /// Exactly so many stored bytes will be read.
    pub(crate) stored_bytes: u64,
    /// Of the stored bytes, where a record tells.
    pub(crate) sha256: Option<String>,
    /// Where a record tells.
    pub(crate) plain_bytes: Option<u64>,
}

/// Opens a container: reads stored bytes from `source`, gives plain bytes.
pub(crate) struct Opener<R: Read> {
    zstd: zstd::stream::read::Decoder<'static, io::BufReader<OpenSegments<R>>>,
    name: String,
    plain_bytes: u64,
    expected: Option<u64>,
}

impl<R: Read> Opener<R> {
    pub(crate) fn new(key: &MasterKey, expected: Expected, source: R) -> io::Result<Self> {
        let (name, plain) = (expected.name.clone(), expected.plain_bytes);
        let segments = OpenSegments {
            key: key.clone(),
            source,
            left: expected.stored_bytes,
            expected,
            opened: None,
            position: 0,
            digest: digest::Context::new(&digest::SHA256),
            ahead: None,
            current: Vec::new(),
            at: 0,
            finished: false,
        };
        let zstd = zstd::stream::read::Decoder::with_buffer(io::BufReader::with_capacity(128 << 10, segments))?;
        Ok(Self {
            zstd,
            name,
            plain_bytes: 0,
            expected: plain,
        })
    }

    fn damaged(&self, reason: impl Into<String>) -> io::Error {
        as_io(Error::damaged(&self.name, reason))
    }
}

impl<R: Read> Read for Opener<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.zstd.read(buffer) {
            Ok(count) => count,
            Err(error) if error.get_ref().is_some_and(|inner| inner.is::<Error>()) => return Err(error),
            Err(error) => return Err(self.damaged(format!("its content does not decompress: {error}"))),
        };
        self.plain_bytes += count as u64;
        match self.expected {
            Some(expected)
                if self.plain_bytes > expected || (count == 0 && !buffer.is_empty() && self.plain_bytes < expected) =>
            {
                let found = self.plain_bytes;
                Err(self.damaged(format!("it holds {found} bytes or more, the record says {expected}")))
            }
            _ => Ok(count),
        }
    }
}

struct OpenSegments<R> {
    key: MasterKey,
    source: R,
    /// Stored bytes not yet read.
    left: u64,
    expected: Expected,
    opened: Option<(Stream, [u8; HEADER_BYTES])>,
    position: u32,
    digest: digest::Context,
    /// A segment that has opened and waits for its successor to open.
    ahead: Option<Vec<u8>>,
    current: Vec<u8>,
    at: usize,
    finished: bool,
}

impl<R: Read> OpenSegments<R> {
    fn damaged(&self, reason: impl Into<String>) -> io::Error {
        as_io(Error::damaged(&self.expected.name, reason))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        match self.source.read_exact(buffer) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(self.damaged("it ends early: it was cut"));
            }
            Err(error) => return Err(error),
        }
        self.digest.update(&*buffer);
        self.left -= buffer.len() as u64;
        Ok(())
    }

    fn open_header(&mut self) -> io::Result<()> {
        if self.left < (HEADER_BYTES + TAG_BYTES) as u64 {
            return Err(self.damaged(format!("{} bytes are too few for a container: it was cut", self.left)));
        }
        let mut header = [0; HEADER_BYTES];
        self.fill(&mut header)?;
        if &header[..8] != MAGIC {
            return Err(self.damaged("it does not begin as a container does (FDRILLB1)"));
        }
        self.opened = Some((stream(&self.key, &self.expected.name, &header), header));
        Ok(())
    }

    fn next(&mut self) -> io::Result<Vec<u8>> {
        let whole = (SEGMENT_BYTES + TAG_BYTES) as u64;
        let last = self.left <= whole;
        let size = self.left.min(whole) as usize;
        if size < TAG_BYTES {
            return Err(self.damaged("its last segment is too short: it was cut"));
        }
        let mut buffer = vec![0; size];
        self.fill(&mut buffer)?;
        let (stream, header) = self.opened.as_ref().expect("the header is read first");
        if stream
            .decrypt_in_place(self.position, last, header, &mut buffer)
            .is_err()
        {
            let position = self.position;
            return Err(self.damaged(format!(
                "segment {position} does not decrypt: altered, cut, swapped with another object, or sealed with another key"
            )));
        }
        self.position = self.position.wrapping_add(1);
        if last {
            self.finished = true;
            let whole = std::mem::replace(&mut self.digest, digest::Context::new(&digest::SHA256));
            let found = hex::encode(whole.finish());
            if let Some(expected) = self.expected.sha256.as_ref().filter(|expected| **expected != found) {
                return Err(self.damaged(format!("its SHA-256 is {found}, the record says {expected}")));
            }
        }
        Ok(buffer)
    }
}

impl<R: Read> Read for OpenSegments<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.opened.is_none() {
            self.open_header()?;
            self.ahead = Some(self.next()?);
        }
        while self.at == self.current.len() {
            let Some(ahead) = self.ahead.take() else { return Ok(0) };
            if !self.finished {
                self.ahead = Some(self.next()?);
            }
            (self.current, self.at) = (ahead, 0);
        }
        let count = buffer.len().min(self.current.len() - self.at);
        buffer[..count].copy_from_slice(&self.current[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
