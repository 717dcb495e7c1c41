//! The manifest that Postgres makes of a base backup.
//!
//! The one idea: what the server says it sent is compared with what a restore writes, file by file.

use std::collections::HashMap;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// What the server reckoned over a file while it read it.
///
/// Ours ask for CRC-32C, which costs the server next to nothing; repositories of older versions hold SHA-256. Either finds
/// what goes wrong by chance between the server's read and our seal. Neither could stop somebody who alters the
/// stream, since the manifest comes by the same stream; from the seal on the container authenticates every byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileDigest {
    Crc32c(u32),
    Sha256([u8; 32]),
}

impl std::fmt::Display for FileDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Crc32c(sum) => write!(f, "CRC-32C {}", hex::encode(sum.to_le_bytes())),
            Self::Sha256(digest) => write!(f, "SHA-256 {}", hex::encode(digest)),
        }
    }
}

/// Reckons the digest of a file as it is read.
pub(crate) enum Reckoning {
    Crc32c(u32),
    Sha256(Box<ring::digest::Context>),
    /// A file that the manifest does not list.
    None,
}

impl Reckoning {
    /// Of the kind that the manifest has for the file.
    pub(crate) fn like(expected: Option<&ManifestFile>) -> Self {
        match expected.map(|file| file.digest) {
            Some(FileDigest::Crc32c(_)) => Self::Crc32c(0),
            Some(FileDigest::Sha256(_)) => Self::Sha256(Box::new(ring::digest::Context::new(&ring::digest::SHA256))),
            None => Self::None,
        }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc32c(sum) => *sum = crc32c::crc32c_append(*sum, bytes),
            Self::Sha256(context) => context.update(bytes),
            Self::None => {}
        }
    }

    pub(crate) fn end(self) -> Option<FileDigest> {
        match self {
            Self::Crc32c(sum) => Some(FileDigest::Crc32c(sum)),
            Self::Sha256(context) => {
                let mut digest = [0; 32];
                digest.copy_from_slice(context.finish().as_ref());
                Some(FileDigest::Sha256(digest))
            }
            Self::None => None,
        }
    }
}

/// A file that the server says it sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ManifestFile {
    pub(crate) bytes: u64,
    pub(crate) digest: FileDigest,
}

/// What the server says it sent, by path.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub(crate) files: HashMap<String, ManifestFile>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "PostgreSQL-Backup-Manifest-Version")]
    version: u32,
    #[serde(rename = "Files")]
    files: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "Path")]
    path: Option<String>,
    #[serde(rename = "Encoded-Path")]
    encoded_path: Option<String>,
    #[serde(rename = "Size")]
    size: u64,
    #[serde(rename = "Checksum-Algorithm")]
    algorithm: Option<String>,
    #[serde(rename = "Checksum")]
    checksum: Option<String>,
}

impl Manifest {
    /// Reads the manifest that the object `key` holds.
    pub(crate) fn parse(key: &str, text: &[u8]) -> Result<Self> {
        let misfit = |reason: String| Error::damaged(key, reason);
        // The last line holds the digest of all lines before it.
        const MARK: &[u8] = b"\"Manifest-Checksum\"";
        let mark = text
            .windows(MARK.len())
            .rposition(|window| window == MARK)
            .ok_or_else(|| misfit("it holds no Manifest-Checksum: it is not a whole manifest".into()))?;
        let line = text[mark + MARK.len()..]
            .iter()
            .map(|byte| *byte as char)
            .collect::<String>();
        let told = line.trim_matches([':', ' ', '"', '}', '\n', '\r']).to_owned();
        let found = hex::encode(Sha256::digest(&text[..mark]));
        if told != found {
            return Err(misfit(format!("its own checksum says {told}, its lines give {found}")));
        }
        let document: Document =
            serde_json::from_slice(text).map_err(|error| misfit(format!("it does not read as a manifest: {error}")))?;
        if !(1..=2).contains(&document.version) {
            return Err(misfit(format!(
                "manifest version {}, this tool knows 1 and 2",
                document.version
            )));
        }
        let mut files = HashMap::with_capacity(document.files.len());
        for entry in document.files {
            let path = match (entry.path, entry.encoded_path) {
                (Some(path), None) => path,
                (None, Some(encoded)) => hex::decode(&encoded)
                    .ok()
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .ok_or_else(|| {
                        misfit(format!(
                            "path {encoded} is not UTF-8; this tool cannot restore such a file"
                        ))
                    })?,
                _ => return Err(misfit("a file without a path".into())),
            };
            let digest = entry
                .checksum
                .and_then(|checksum| digest(entry.algorithm.as_deref(), &checksum))
                .ok_or_else(|| misfit(format!("file {path} carries neither CRC-32C nor SHA-256")))?;
            if files
                .insert(
                    path.clone(),
                    ManifestFile {
                        bytes: entry.size,
                        digest,
                    },
                )
                .is_some()
            {
                return Err(misfit(format!("file {path} is listed twice")));
            }
        }
        Ok(Self { files })
    }
}

fn digest(algorithm: Option<&str>, checksum: &str) -> Option<FileDigest> {
    match algorithm? {
        "CRC32C" => {
            let mut sum = [0; 4];
            hex::decode_to_slice(checksum, &mut sum).ok()?;
            // The server prints its number as it lies in memory; it runs on little-endian machines.
            Some(FileDigest::Crc32c(u32::from_le_bytes(sum)))
        }
        "SHA256" => {
            let mut digest = [0; 32];
            hex::decode_to_slice(checksum, &mut digest).ok()?;
            Some(FileDigest::Sha256(digest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(files: &str) -> Vec<u8> {
        let body =
            format!("{{ \"PostgreSQL-Backup-Manifest-Version\": 1,\n\"Files\": [\n{files}],\n\"WAL-Ranges\": [\n],\n");
        let checksum = hex::encode(Sha256::digest(&body));
        format!("{body}\"Manifest-Checksum\": \"{checksum}\"}}\n").into_bytes()
    }

    #[test]
    fn files_are_read_with_their_digests_of_either_kind() {
        let digest = hex::encode(Sha256::digest(b"15\n"));
        let text = manifest(&format!(
            "{{ \"Path\": \"PG_VERSION\", \"Size\": 3, \"Last-Modified\": \"x\", \"Checksum-Algorithm\": \"SHA256\", \"Checksum\": \"{digest}\" }}"
        ));
        let read = Manifest::parse("m", &text).unwrap();
        let file = &read.files["PG_VERSION"];
        assert_eq!(file.bytes, 3);
        let reckoned = |expected: &ManifestFile, content: &[u8]| {
            let mut reckoning = Reckoning::like(Some(expected));
            reckoning.add(&content[..1]);
            reckoning.add(&content[1..]);
            reckoning.end()
        };
        assert_eq!(reckoned(file, b"15\n"), Some(file.digest));
        assert_ne!(reckoned(file, b"16\n"), Some(file.digest));
        // RFC 3720, B.4: thirty-two bytes of zeroes come to aa 36 91 8a.
        let text = manifest(
            "{ \"Path\": \"zeroes\", \"Size\": 32, \"Checksum-Algorithm\": \"CRC32C\", \"Checksum\": \"aa36918a\" }",
        );
        let read = Manifest::parse("m", &text).unwrap();
        let file = &read.files["zeroes"];
        assert_eq!(reckoned(file, &[0; 32]), Some(file.digest));
        assert_eq!(file.digest.to_string(), "CRC-32C aa36918a");
        assert_ne!(reckoned(file, &[1; 32]), Some(file.digest));
        assert_eq!(Reckoning::like(None).end(), None);
    }

    #[test]
    fn an_altered_manifest_or_one_without_digests_is_refused() {
        let mut text = manifest("");
        assert!(Manifest::parse("m", &text).unwrap().files.is_empty());
        text[3] ^= 1;
        assert!(
            Manifest::parse("m", &text)
                .unwrap_err()
                .to_string()
                .contains("its own checksum")
        );
        for rest in [
            "",
            ", \"Checksum-Algorithm\": \"CRC32C\", \"Checksum\": \"00\"",
            ", \"Checksum-Algorithm\": \"MD5\", \"Checksum\": \"00000000\"",
        ] {
            let bare = manifest(&format!("{{ \"Path\": \"a\", \"Size\": 3{rest} }}"));
            let error = Manifest::parse("m", &bare).unwrap_err().to_string();
            assert!(error.contains("neither CRC-32C nor SHA-256"), "{error}");
        }
        assert!(Manifest::parse("m", b"{}").is_err());
    }
}
