//! Many named contents in one stream, each with its digest: how rows of tables and objects of buckets are stored.
//!
//! The one idea: sizes need not be known in advance, and the end mark tells how many contents there were.
//!
//! Each frame is one letter, four bytes of length (big endian) and a payload: `O` opens a content (its name), `D` is data,
//! `W` right behind `O` tells when it was written at its source (eight bytes: milliseconds since 1970), where that is known, `C`
//! closes it (eight bytes of length, then its SHA-256), `E` ends the stream (eight bytes: how many contents).

use bytes::{Buf, Bytes, BytesMut};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::object::{ObjectWriter, Pieces};

const NAME_BYTES_MAX: usize = 64 << 10;
const DATA_BYTES_MAX: usize = 1 << 20;

/// Writes contents one after the other.
pub(crate) struct FrameWriter {
    object: ObjectWriter,
    open: Option<(Sha256, u64)>,
    contents: u64,
}

impl FrameWriter {
    pub(crate) fn new(object: ObjectWriter) -> Self {
        Self {
            object,
            open: None,
            contents: 0,
        }
    }

    pub(crate) async fn open(&mut self, name: &str) -> Result<()> {
        debug_assert!(self.open.is_none());
        if name.len() > NAME_BYTES_MAX {
            return Err(Error::Limit {
                what: "length of a name".into(),
                found: name.len() as u64,
                limit: NAME_BYTES_MAX as u64,
            });
        }
        self.open = Some((Sha256::new(), 0));
        self.frame(b'O', name.as_bytes()).await
    }

    /// Tells when the content that was just opened had been written at its source.
    pub(crate) async fn written(&mut self, unix_ms: u64) -> Result<()> {
        debug_assert!(matches!(self.open, Some((_, 0))));
        self.frame(b'W', &unix_ms.to_be_bytes()).await
    }

    pub(crate) async fn data(&mut self, bytes: &[u8]) -> Result<()> {
        for chunk in bytes.chunks(DATA_BYTES_MAX) {
            if let Some((digest, length)) = &mut self.open {
                digest.update(chunk);
                *length += chunk.len() as u64;
            }
            self.frame(b'D', chunk).await?;
        }
        Ok(())
    }

    pub(crate) async fn close(&mut self) -> Result<()> {
        let (digest, length) = self.open.take().unwrap_or_default();
        self.contents += 1;
        let mut payload = length.to_be_bytes().to_vec();
        payload.extend_from_slice(&digest.finalize());
        self.frame(b'C', &payload).await
    }

    /// Ends the stream and hands back the object, not yet finished.
    pub(crate) async fn end(mut self) -> Result<ObjectWriter> {
        let contents = self.contents;
        self.frame(b'E', &contents.to_be_bytes()).await?;
        Ok(self.object)
    }

    pub(crate) fn plain_bytes(&self) -> u64 {
        self.object.plain_bytes()
    }

    async fn frame(&mut self, kind: u8, payload: &[u8]) -> Result<()> {
        let mut head = [kind, 0, 0, 0, 0];
        head[1..].copy_from_slice(&(payload.len() as u32).to_be_bytes());
        self.object.write(&head).await?;
        self.object.write(payload).await
    }
}

/// What a stream holds next.
#[derive(Debug)]
pub(crate) enum Frame {
    Open(String),
    /// When the content was written at its source, milliseconds since 1970.
    Written(u64),
    Data(Bytes),
    /// The content was whole; its length and digest.
    Close {
        bytes: u64,
        sha256: [u8; 32],
    },
}

/// Reads contents and checks them.
pub(crate) struct FrameReader {
    key: String,
    pieces: Pieces,
    input: BytesMut,
    open: Option<(Sha256, u64)>,
    contents: u64,
}

impl FrameReader {
    pub(crate) fn new(key: &str, pieces: Pieces) -> Self {
        Self {
            key: key.to_owned(),
            pieces,
            input: BytesMut::new(),
            open: None,
            contents: 0,
        }
    }

    fn damaged(&self, reason: impl Into<String>) -> Error {
        Error::damaged(&self.key, reason)
    }

    async fn need(&mut self, bytes: usize) -> Result<()> {
        while self.input.len() < bytes {
            match self.pieces.next().await? {
                Some(piece) => self.input.extend_from_slice(&piece),
                None => return Err(self.damaged("it ends in the middle of a content")),
            }
        }
        Ok(())
    }

    /// The next frame; nothing after the end mark, once the object has been read to its end and found good.
    pub(crate) async fn next(&mut self) -> Result<Option<Frame>> {
        self.need(5).await?;
        let kind = self.input.get_u8();
        let length = self.input.get_u32() as usize;
        if length > NAME_BYTES_MAX.max(DATA_BYTES_MAX) {
            return Err(self.damaged(format!("a frame of {length} bytes")));
        }
        self.need(length).await?;
        let payload = self.input.split_to(length).freeze();
        match (kind, &mut self.open) {
            (b'O', None) => {
                self.open = Some((Sha256::new(), 0));
                let name = String::from_utf8(payload.to_vec()).map_err(|_| self.damaged("a name that is not UTF-8"))?;
                Ok(Some(Frame::Open(name)))
            }
            (b'W', Some((_, 0))) => {
                let unix_ms = <[u8; 8]>::try_from(&payload[..])
                    .map_err(|_| self.damaged(format!("a time of {} bytes", payload.len())))?;
                Ok(Some(Frame::Written(u64::from_be_bytes(unix_ms))))
            }
            (b'D', Some((digest, bytes))) => {
                digest.update(&payload);
                *bytes += payload.len() as u64;
                Ok(Some(Frame::Data(payload)))
            }
            (b'C', open @ Some(_)) => {
                let (digest, bytes) = open.take().expect("it was just matched");
                let sha256: [u8; 32] = digest.finalize().into();
                if payload.len() != 40 || payload[..8] != bytes.to_be_bytes() || payload[8..] != sha256 {
                    return Err(self.damaged("a content does not fit its digest"));
                }
                self.contents += 1;
                Ok(Some(Frame::Close { bytes, sha256 }))
            }
            (b'E', None) => {
                if *payload != self.contents.to_be_bytes() {
                    let contents = self.contents;
                    return Err(self.damaged(format!("{contents} contents, its end mark tells another number")));
                }
                if !self.input.is_empty() || self.pieces.next().await?.is_some() {
                    return Err(self.damaged("something stands behind its end mark"));
                }
                Ok(None)
            }
            (other, _) => Err(self.damaged(format!("a frame of kind {:?} where none belongs", char::from(other)))),
        }
    }
}
