//! SHA-256 as the evidence writes it: 64 lower-case hexadecimal digits.

use sha2::{Digest as _, Sha256};

/// The digest that stands where nothing came before: 64 zeros.
pub const ZERO: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// SHA-256 of `bytes`, lower-case hex.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes).into())
}

/// A digest in lower-case hex.
#[must_use]
pub fn hex(digest: &[u8; 32]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    digest
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

/// Digests a file that comes in pieces.
#[derive(Clone, Default)]
pub struct Running(Sha256);

impl Running {
    /// The next piece.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all pieces so far, lower-case hex.
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.0.clone().finalize().into())
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_lower_case_hex() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), abc);
        let mut running = Running::default();
        running.feed(b"a");
        running.feed(b"bc");
        assert_eq!(running.hex(), abc);
        assert_eq!(ZERO.len(), 64);
    }
}
