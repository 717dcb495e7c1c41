//! `manifest.json`: the digest of every other file of a run directory, written last.
//!
//! The chain of events cannot cover what is made after its last event (the verdict and its renderings) nor that
//! event itself; the manifest does, and refuses what it does not list.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::digest::Running;
use super::error::EvidenceError;
use super::files::RunFiles;
use super::{canonical, unreadable};

/// Version of `manifest.json`.
pub(super) const SCHEMA: u32 = 1;
/// Name of the file.
pub(super) const FILE: &str = "manifest.json";

/// The digests of a run directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format: [`super::MANIFEST_SCHEMA`].
    pub schema: u32,
    /// SHA-256 (lower-case hex) of every file but this one, by relative path.
    pub files: BTreeMap<String, String>,
}

impl Manifest {
    /// The manifest of a directory as it is now.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn of(files: &dyn RunFiles) -> Result<Manifest, EvidenceError> {
        let mut digests = BTreeMap::new();
        for path in files.paths().map_err(|why| unreadable(".", why))? {
            if path != FILE {
                let mut digest = Running::default();
                files
                    .read(&path, &mut |bytes| digest.feed(bytes))
                    .map_err(|why| unreadable(&path, why))?;
                digests.insert(path, digest.hex());
            }
        }
        Ok(Manifest {
            schema: SCHEMA,
            files: digests,
        })
    }

    /// The bytes of `manifest.json`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::bytes(self)
    }

    /// Reads `manifest.json`.
    ///
    /// # Errors
    /// When the bytes are not exactly what [`Manifest::to_bytes`] writes for what they mean, or the version is unknown.
    pub fn parse(bytes: &[u8]) -> Result<Manifest, EvidenceError> {
        let manifest: Manifest = canonical::parse(FILE, bytes)?;
        if manifest.schema != SCHEMA {
            return Err(EvidenceError::altered(
                FILE,
                "",
                format!("schema {}", manifest.schema),
                format!("schema {SCHEMA}, the one this program knows"),
            ));
        }
        Ok(manifest)
    }

    /// Holds the manifest against the digests of all other files: none missing, none unlisted, none changed.
    pub(crate) fn check(&self, digests: &BTreeMap<String, String>) -> Result<(), EvidenceError> {
        for (path, expected) in &self.files {
            let Some(found) = digests.get(path) else {
                return Err(EvidenceError::altered(
                    path,
                    "",
                    "no such file",
                    format!("one of SHA-256 {expected}, as {FILE} lists it"),
                ));
            };
            if found != expected {
                return Err(EvidenceError::altered(
                    path,
                    "",
                    format!("SHA-256 {found}"),
                    format!("{expected}, as {FILE} lists it"),
                ));
            }
        }
        match digests.keys().find(|path| !self.files.contains_key(*path)) {
            Some(path) => Err(EvidenceError::altered(
                path,
                "",
                "a file",
                format!("none: {FILE} does not list it"),
            )),
            None => Ok(()),
        }
    }
}
