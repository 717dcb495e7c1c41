//! The container that every object is stored in: zstd, then AES-256-GCM in segments. docs/backup-format.md specifies it.
//!
//! The one idea: a segment is handed on only after the one behind it has opened too, and the last one only after the
//! whole object's digest fits, so that what follows never acts on an object that turns out to be cut.

use std::io::{self, Read, Write};

use aead_stream::{NewStream, Nonce, StreamBE32, StreamPrimitive};
use aes_gcm::{Aes256Gcm, KeyInit};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::key::{MasterKey, random_bytes};

/// The first bytes of each object.
pub(crate) const MAGIC: &[u8; 8] = b"FDRILLB1";
/// Bytes of a segment before encryption; the last one may be shorter.
pub(crate) const SEGMENT_BYTES: usize = 1 << 20;
const SALT_BYTES: usize = 32;
const PREFIX_BYTES: usize = 7;
const TAG_BYTES: usize = 16;
/// Magic, salt, nonce prefix.
pub(crate) const HEADER_BYTES: usize = 8 + SALT_BYTES + PREFIX_BYTES;
/// The fastest level; on two cores a higher one costs more time than the network saves.
const ZSTD_LEVEL: i32 = 1;

type Stream = StreamBE32<Aes256Gcm>;

fn stream(key: &MasterKey, name: &str, header: &[u8; HEADER_BYTES]) -> Stream {
    let cipher_key = key.of_object(&header[8..8 + SALT_BYTES], name);
    let mut prefix = Nonce::<Aes256Gcm, Stream>::default();
    prefix.copy_from_slice(&header[8 + SALT_BYTES..]);
    Stream::from_aead(Aes256Gcm::new(&cipher_key.into()), &prefix)
}

/// What sealing produced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) plain_bytes: u64,
    pub(crate) stored_bytes: u64,
    /// Of the stored bytes, in hex.
    pub(crate) sha256: String,
}

/// Takes plain bytes, hands stored bytes to `out`.
pub(crate) struct Sealer<F: FnMut(Vec<u8>) -> io::Result<()>> {
    zstd: zstd::stream::write::Encoder<'static, Segments<F>>,
    plain_bytes: u64,
}

struct Segments<F> {
    stream: Stream,
    header: [u8; HEADER_BYTES],
    position: u32,
    buffer: Vec<u8>,
    digest: Sha256,
    stored_bytes: u64,
    out: F,
}

impl<F: FnMut(Vec<u8>) -> io::Result<()>> Segments<F> {
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

impl<F: FnMut(Vec<u8>) -> io::Result<()>> Sealer<F> {
    pub(crate) fn new(key: &MasterKey, name: &str, out: F) -> io::Result<Self> {
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(MAGIC);
        header[8..8 + SALT_BYTES].copy_from_slice(&random_bytes());
        header[8 + SALT_BYTES..].copy_from_slice(&random_bytes()[..PREFIX_BYTES]);
        let mut segments = Segments {
            stream: stream(key, name, &header),
            header,
            position: 0,
            buffer: Vec::new(),
            digest: Sha256::new(),
            stored_bytes: 0,
            out,
        };
        segments.emit(header.to_vec())?;
        Ok(Self {
            zstd: zstd::stream::write::Encoder::new(segments, ZSTD_LEVEL)?,
            plain_bytes: 0,
        })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.plain_bytes += bytes.len() as u64;
        self.zstd.write_all(bytes)
    }

    pub(crate) fn finish(self) -> io::Result<Sealed> {
        let mut segments = self.zstd.finish()?;
        segments.seal(true)?;
        Ok(Sealed {
            plain_bytes: self.plain_bytes,
            stored_bytes: segments.stored_bytes,
            sha256: hex::encode(segments.digest.finalize()),
        })
    }
}

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

/// Carries an [`Error`] through code that only knows `io::Error`.
pub(crate) fn as_io(error: Error) -> io::Error {
    io::Error::other(error)
}

/// Finds the [`Error`] that an `io::Error` carries, however deep a library wrapped it.
pub(crate) fn from_io(error: io::Error, otherwise: impl FnOnce(String) -> Error) -> Error {
    fn take(error: io::Error) -> Result<Error, io::Error> {
        if !error.get_ref().is_some_and(|inner| inner.is::<Error>()) {
            return Err(error);
        }
        let inner = error.into_inner().expect("there is an inner error");
        Ok(*inner.downcast::<Error>().expect("it was just looked at"))
    }
    take(error).unwrap_or_else(|error| otherwise(error.to_string()))
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
            digest: Sha256::new(),
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
    digest: Sha256,
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
            let found = hex::encode(self.digest.finalize_reset());
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

/// Seals a small content in memory.
pub(crate) fn seal(key: &MasterKey, name: &str, plain: &[u8]) -> io::Result<(Vec<Vec<u8>>, Sealed)> {
    let mut pieces = Vec::new();
    let mut sealer = Sealer::new(key, name, |piece| {
        pieces.push(piece);
        Ok(())
    })?;
    sealer.write(plain)?;
    let sealed = sealer.finish()?;
    Ok((pieces, sealed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> MasterKey {
        MasterKey::parse(&"07".repeat(32)).unwrap()
    }

    fn noise(bytes: usize) -> Vec<u8> {
        // A content that zstd cannot shrink, so that there is more than one segment.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        (0..bytes)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 32) as u8
            })
            .collect()
    }

    // What was already opened before the damage is part of what the tests look at.
    #[allow(clippy::result_large_err)]
    fn open(name: &str, stored: &[u8], sealed: &Sealed) -> Result<Vec<u8>, (Vec<u8>, Error)> {
        let expected = Expected {
            name: name.into(),
            stored_bytes: stored.len() as u64,
            sha256: Some(sealed.sha256.clone()),
            plain_bytes: Some(sealed.plain_bytes),
        };
        let mut plain = Vec::new();
        match Opener::new(&key(), expected, stored).unwrap().read_to_end(&mut plain) {
            Ok(_) => Ok(plain),
            Err(error) => Err((plain, from_io(error, |text| panic!("an untyped error: {text}")))),
        }
    }

    #[test]
    fn what_was_sealed_opens_again_at_every_size_around_a_segment() {
        for size in [
            0,
            1,
            SEGMENT_BYTES - 30,
            SEGMENT_BYTES,
            SEGMENT_BYTES + 1,
            3 * SEGMENT_BYTES + 17,
        ] {
            let plain = noise(size);
            let (pieces, sealed) = seal(&key(), "a", &plain).unwrap();
            let stored = pieces.concat();
            assert_eq!(sealed.stored_bytes, stored.len() as u64);
            assert_eq!(sealed.sha256, hex::encode(Sha256::digest(&stored)));
            assert!(open("a", &stored, &sealed).unwrap() == plain, "size {size}");
        }
    }

    #[test]
    fn any_flipped_byte_any_cut_and_any_other_name_is_refused() {
        let (pieces, sealed) = seal(&key(), "a", &noise(2 * SEGMENT_BYTES + 5)).unwrap();
        let stored = pieces.concat();
        for at in [
            0,
            8,
            20,
            HEADER_BYTES - 1,
            HEADER_BYTES,
            SEGMENT_BYTES,
            2 * SEGMENT_BYTES,
            stored.len() - 1,
        ] {
            let mut altered = stored.clone();
            altered[at] ^= 1;
            let (_, error) = open("a", &altered, &sealed).unwrap_err();
            assert!(
                matches!(error, Error::Damaged { ref key, .. } if key == "a"),
                "byte {at}: {error}"
            );
        }
        let boundary = HEADER_BYTES + SEGMENT_BYTES + TAG_BYTES;
        for length in [
            0,
            7,
            HEADER_BYTES,
            HEADER_BYTES + 15,
            boundary,
            boundary + 3,
            stored.len() - 1,
        ] {
            let (plain, error) = open("a", &stored[..length], &sealed).unwrap_err();
            assert!(matches!(error, Error::Damaged { .. }), "cut to {length}: {error}");
            assert!(
                plain.len() <= SEGMENT_BYTES,
                "nothing of the segment before a cut is handed on"
            );
        }
        let (plain, error) = open("b", &stored, &sealed).unwrap_err();
        assert!(plain.is_empty() && error.to_string().contains("swapped"), "{error}");
    }
}
