//! The manifest that Postgres makes of a base backup.
//!
//! The one idea: what the server says it sent is compared with what a restore writes, file by file.

use std::collections::HashMap;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// A file that the server says it sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ManifestFile {
    pub(crate) bytes: u64,
    /// SHA-256.
    pub(crate) digest: [u8; 32],
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
            let mut digest = [0; 32];
            let fits = entry.algorithm.as_deref() == Some("SHA256")
                && entry
                    .checksum
                    .is_some_and(|checksum| hex::decode_to_slice(checksum, &mut digest).is_ok());
            if !fits {
                return Err(misfit(format!("file {path} carries no SHA-256")));
            }
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
    fn files_are_read_with_their_digests() {
        let digest = hex::encode(Sha256::digest(b"15\n"));
        let text = manifest(&format!(
            "{{ \"Path\": \"PG_VERSION\", \"Size\": 3, \"Last-Modified\": \"x\", \"Checksum-Algorithm\": \"SHA256\", \"Checksum\": \"{digest}\" }}"
        ));
        let read = Manifest::parse("m", &text).unwrap();
        assert_eq!(read.files["PG_VERSION"].bytes, 3);
    }

    #[test]
    fn an_altered_manifest_or_a_weak_one_is_refused() {
        let mut text = manifest("");
        assert!(Manifest::parse("m", &text).unwrap().files.is_empty());
        text[3] ^= 1;
        assert!(
            Manifest::parse("m", &text)
                .unwrap_err()
                .to_string()
                .contains("its own checksum")
        );
        let weak =
            manifest("{ \"Path\": \"a\", \"Size\": 3, \"Checksum-Algorithm\": \"CRC32C\", \"Checksum\": \"00\" }");
        assert!(
            Manifest::parse("m", &weak)
                .unwrap_err()
                .to_string()
                .contains("no SHA-256")
        );
        assert!(Manifest::parse("m", b"{}").is_err());
    }
}
