//! One line of the history, and what its last line tells of the whole run directory.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Event;
use crate::stamp::Stamp;

/// One line of the history. `prev` is the SHA-256 (hex) of the line before, without its newline; 64 zeros on the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Counts from 0 without gaps.
    pub seq: u64,
    /// SHA-256 of the line before, lower-case hex.
    pub prev: String,
    /// When it happened.
    pub stamp: Stamp,
    /// What happened.
    pub event: Event,
}

/// What the closing event says of the run directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Closing {
    /// Records of each kind before this one, by the tag of the event.
    pub events: BTreeMap<String, u64>,
    /// Operations in the ledger by outcome: acked, refused, indeterminate, not_sent.
    pub operations: BTreeMap<String, u64>,
    /// Found rows in the ledger.
    pub found: u64,
    /// SHA-256 (hex) of files of the run directory by relative path: `operations`, histograms, `logs/...`. `run.json` is in the opening event.
    pub digests: BTreeMap<String, String>,
    /// The drill was interrupted, by whom.
    pub interrupted: Option<String>,
}
