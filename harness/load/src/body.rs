//! What a version of a key contains: a text that follows from seed, service, key and version, so that a found row is
//! judged without memory of what was written.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The content of a version: service, key, version and a digest over them and the seed. Lower-case ASCII without
/// quotes or control characters, at most 64 bytes of digest and the three words before it.
#[must_use]
pub fn body(seed: u64, service: &str, key: u64, version: u32) -> String {
    let mut text = String::with_capacity(service.len() + 100);
    // Writing to a string cannot fail.
    let _ = write!(text, "{service} {key} {version} ");
    let mut digest = Sha256::new();
    digest.update(seed.to_le_bytes());
    digest.update(text.as_bytes());
    for byte in digest.finalize() {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Whether a found content is what a client would have written for this version.
#[must_use]
pub fn is_genuine(seed: u64, service: &str, key: u64, version: u32, found: &str) -> bool {
    body(seed, service, key, version) == found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn content_is_of_one_version_only(seed: u64, key: u64, version: u32, other_key: u64, other_version: u32, other_seed: u64) {
            let text = body(seed, "payments", key, version);
            prop_assert!(is_genuine(seed, "payments", key, version, &text));
            prop_assert!(!is_genuine(seed, "chat", key, version, &text));
            prop_assert_eq!(key == other_key, is_genuine(seed, "payments", other_key, version, &text));
            prop_assert_eq!(version == other_version, is_genuine(seed, "payments", key, other_version, &text));
            prop_assert_eq!(seed == other_seed, is_genuine(other_seed, "payments", key, version, &text));
        }

        #[test]
        fn one_changed_byte_is_seen(at in 0usize..80, seed: u64) {
            let mut text = body(seed, "payments", 42, 7).into_bytes();
            let at = at % text.len();
            text[at] ^= 1;
            prop_assert!(!is_genuine(seed, "payments", 42, 7, &String::from_utf8(text).unwrap()));
        }
    }
}
