//! `run.json`: everything that a drill was started with, so that judging needs nothing but the run directory.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::canonical;
use super::digest::sha256;
use super::error::EvidenceError;
use crate::terms::Terms;

/// Version of `run.json`.
pub(super) const SCHEMA: u32 = 1;
/// Name of the file.
pub(super) const FILE: &str = "run.json";

/// A plan or scenario as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct InputDocument {
    /// Its name, e.g. `samia-tarot-failover/database-failure`.
    pub name: String,
    /// SHA-256 of its text, lower-case hex.
    pub sha256: String,
}

impl InputDocument {
    /// Names a text and takes its digest.
    #[must_use]
    pub fn of(name: &str, text: &str) -> InputDocument {
        InputDocument {
            name: name.to_owned(),
            sha256: sha256(text.as_bytes()),
        }
    }
}

/// What a drill was started with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RunInputs {
    /// Version of this format: [`super::RUN_SCHEMA`].
    pub schema: u32,
    /// The run directory's name when it was made.
    pub run: String,
    /// Wall-clock time of the start (RFC 3339, UTC); shown, never judged.
    pub started: String,
    /// The plan.
    pub plan: InputDocument,
    /// The scenario.
    pub scenario: InputDocument,
    /// The plan's text, byte for byte; empty when another program resolved the terms by itself.
    pub plan_text: String,
    /// The scenario's text, byte for byte; empty when another program resolved the terms by itself.
    pub scenario_text: String,
    /// Values that the command line put in place of the scenario's (`--set`), by key.
    pub settings: BTreeMap<String, String>,
    /// What plan and scenario together demand, resolved. The judge reads these.
    pub terms: Terms,
    /// Fixes schedules and choices.
    pub seed: u64,
    /// The environment it ran on, e.g. `local`.
    pub environment: String,
    /// Versions of what took part, by name: `firedrill`, `postgres`, `kernel`, ...
    pub versions: BTreeMap<String, String>,
}

impl RunInputs {
    /// The bytes of `run.json`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::bytes(self)
    }

    /// Reads `run.json`.
    ///
    /// # Errors
    /// When the bytes are not exactly what [`RunInputs::to_bytes`] writes for what they mean, the version is unknown,
    /// or a text does not have its digest.
    pub fn parse(bytes: &[u8]) -> Result<RunInputs, EvidenceError> {
        let inputs: RunInputs = canonical::parse(FILE, bytes)?;
        if inputs.schema != SCHEMA {
            return Err(EvidenceError::altered(
                FILE,
                "",
                format!("schema {}", inputs.schema),
                format!("schema {SCHEMA}, the one this program knows"),
            ));
        }
        let texts = [
            ("plan", &inputs.plan, &inputs.plan_text),
            ("scenario", &inputs.scenario, &inputs.scenario_text),
        ];
        for (what, document, text) in texts {
            let digest = sha256(text.as_bytes());
            if document.sha256 != digest {
                return Err(EvidenceError::altered(
                    FILE,
                    format!("{what}.sha256"),
                    document.sha256.clone(),
                    format!("{digest}, the SHA-256 of {what}_text"),
                ));
            }
        }
        Ok(inputs)
    }
}
