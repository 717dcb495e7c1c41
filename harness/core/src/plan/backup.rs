//! What is backed up: how often, where to, how long it is kept, how it is known to be good.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Count, Duration, Figure, PlannedAction, TimeOfDay};

/// A backup policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BackupPolicy {
    /// Names of components.
    pub of: Vec<String>,
    /// What is taken.
    pub kind: BackupKind,
    /// How often.
    #[serde(default)]
    pub every: Option<Figure<Duration>>,
    /// At what time of day it begins.
    #[serde(default)]
    pub at: Option<TimeOfDay>,
    /// Where no interval is written: `each change`, `continuous`.
    #[serde(default)]
    pub on: Option<String>,
    /// How long all of them are kept.
    #[serde(default)]
    pub retention: Vec<Figure<Duration>>,
    /// How long they are kept by generations: daily ones, weekly ones.
    #[serde(default)]
    pub generations: Vec<Generation>,
    /// How many are kept, where the plan counts them.
    #[serde(default)]
    pub kept_last: Option<Figure<Count>>,
    /// Kept without end; the section that says so.
    #[serde(default)]
    pub kept_forever: Option<String>,
    /// Age beyond which the plan's own clean-up removes them.
    #[serde(default)]
    pub cleanup: Vec<Figure<Duration>>,
    /// Where they are kept, the first copy first: names of `stores`, or free text in a plan without `stores`.
    #[serde(default)]
    pub places: Vec<String>,
    /// At rest.
    #[serde(default)]
    pub encryption: Option<String>,
    /// On the way.
    #[serde(default)]
    pub encryption_in_transit: Option<String>,
    /// By what they are made smaller.
    #[serde(default)]
    pub compression: Option<String>,
    /// How damage is found.
    #[serde(default)]
    pub checksum: Option<String>,
    /// A file name as the plan writes it: its endings tell in which order it is compressed and encrypted.
    #[serde(default)]
    pub file_name: Option<String>,
    /// Names of components without which they cannot be read: a key.
    #[serde(default)]
    pub needs: Vec<String>,
    /// How often their integrity is checked.
    #[serde(default)]
    pub verified_every: Option<Figure<Duration>>,
    /// How often a restore is tried.
    #[serde(default)]
    pub restored_every: Option<Figure<Duration>>,
    /// Commands that the plan keeps ready for them.
    #[serde(default)]
    pub commands: Vec<PlannedAction>,
    /// The section it is from.
    #[serde(rename = "where")]
    pub place: String,
}

/// What kind of backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BackupKind {
    /// SQL or rows, read out of a running database.
    Dump,
    /// The files of a cluster.
    Base,
    /// The write-ahead log.
    Wal,
    /// What changed since the last one; of which kind the plan does not say.
    Incremental,
    /// A copy that follows.
    Replica,
    /// Files or objects.
    Files,
    /// None of these.
    Other,
    /// The plan does not say.
    Unstated,
}

/// Backups of one age.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Generation {
    /// In the plan's word: `daily`, `deleted files`.
    pub of: String,
    /// How long.
    pub kept: Figure<Duration>,
}

/// A place where backups are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// Who runs it: a name of `providers`.
    #[serde(default)]
    pub provider: Option<String>,
    /// Where it stands; nothing where the plan does not say.
    #[serde(default)]
    pub region: Option<String>,
    /// Its part, in the plan's word: `primary`, `replica`.
    #[serde(default)]
    pub role: Option<String>,
    /// Class of storage: `Glacier archive`.
    #[serde(default)]
    pub class: Option<String>,
    /// How long it takes until a copy can be read, where the plan says.
    #[serde(default)]
    pub retrieval: Option<Figure<Duration>>,
    /// Class of cost, in the plan's words.
    #[serde(default)]
    pub cost: Option<String>,
    /// The section it is from.
    #[serde(rename = "where")]
    pub place: String,
}
