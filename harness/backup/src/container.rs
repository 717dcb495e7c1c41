//! The container that every object is stored in: zstd, then AES-256-GCM in segments. docs/backup-format.md specifies it.
//!
//! The one idea: a segment is handed on only after the one behind it has opened too, and the last one only after the
//! whole object's digest fits, so that what follows never acts on an object that turns out to be cut.

mod open;
mod seal;

use std::io;

use aead_stream::{NewStream, Nonce, StreamBE32};
use aes_gcm::{Aes256Gcm, KeyInit};

use crate::error::Error;
use crate::key::MasterKey;

pub(crate) use open::{Expected, Opener};
pub(crate) use seal::{Sealed, Segments, compressor, seal};

/// The first bytes of each object.
pub(crate) const MAGIC: &[u8; 8] = b"FDRILLB1";
/// Bytes of a segment before encryption; the last one may be shorter.
pub(crate) const SEGMENT_BYTES: usize = 1 << 20;
const SALT_BYTES: usize = 32;
const PREFIX_BYTES: usize = 7;
const TAG_BYTES: usize = 16;
/// Magic, salt, nonce prefix.
pub(crate) const HEADER_BYTES: usize = 8 + SALT_BYTES + PREFIX_BYTES;

type Stream = StreamBE32<Aes256Gcm>;

fn stream(key: &MasterKey, name: &str, header: &[u8; HEADER_BYTES]) -> Stream {
    let cipher_key = key.of_object(&header[8..8 + SALT_BYTES], name);
    let mut prefix = Nonce::<Aes256Gcm, Stream>::default();
    prefix.copy_from_slice(&header[8 + SALT_BYTES..]);
    Stream::from_aead(Aes256Gcm::new(&cipher_key.into()), &prefix)
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

#[cfg(test)]
mod tests {
    use std::io::Read;

    use sha2::{Digest, Sha256};

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
