//! The master key and what is derived from it.
//!
//! The one idea: every object has a key of its own, derived from its name, so that one object put in the place of
//! another does not open.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Generate, Key};
use hkdf::Hkdf;
use hkdf::hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::{Error, Result};

const OBJECT_INFO: &str = "firedrill-backup 1 object ";
const RECORD_INFO: &str = "firedrill-backup 1 record ";

/// The repository's secret: 32 bytes.
#[derive(Clone)]
pub(crate) struct MasterKey([u8; 32]);

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(redacted)")
    }
}

impl MasterKey {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut key = [0; 32];
        match hex::decode_to_slice(text.trim(), &mut key) {
            Ok(()) => Ok(Self(key)),
            Err(_) => Err(Error::Config {
                what: "master key".into(),
                found: format!("{} characters that are not a key", text.len()),
                expected: "64 hexadecimal digits".into(),
            }),
        }
    }

    fn derive(&self, salt: &[u8], info: &str, name: &str) -> [u8; 32] {
        let mut out = [0; 32];
        Hkdf::<Sha256>::new(Some(salt), &self.0)
            .expand_multi_info(&[info.as_bytes(), name.as_bytes()], &mut out)
            .expect("32 bytes are a valid length for HKDF-SHA256");
        out
    }

    /// The cipher key of one object.
    pub(crate) fn of_object(&self, salt: &[u8], name: &str) -> [u8; 32] {
        self.derive(salt, OBJECT_INFO, name)
    }

    /// Authenticates a record of this name.
    pub(crate) fn mac(&self, name: &str, text: &[u8]) -> Hmac<Sha256> {
        let key = self.derive(&[], RECORD_INFO, name);
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
        mac.update(text);
        mac
    }
}

/// 32 bytes from the system's generator.
pub(crate) fn random_bytes() -> [u8; 32] {
    Key::<Aes256Gcm>::generate().into()
}
