//! The backups that run while a drill does, sabotage of them included.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::Duration;

/// The backups that run while the drill does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// The Postgres service that is backed up.
    #[serde(default)]
    pub database: Option<String>,
    /// The S3 service that holds the backups.
    #[serde(default)]
    pub store: Option<String>,
    /// Base backups: cadence in plan time (one is taken in prepare).
    #[serde(default)]
    pub base: Option<Cadence>,
    /// WAL shipping.
    #[serde(default)]
    pub wal: Option<Wal>,
    /// Dumps: cadence in plan time (one is taken in prepare).
    #[serde(default)]
    pub dump: Option<Cadence>,
    /// Copies of the application's bucket.
    #[serde(default)]
    pub files: Option<Cadence>,
    /// Sabotage: the base backup or dump in the repository is one of an empty cluster.
    #[serde(default)]
    pub of_empty_cluster: bool,
}

/// How often, in plan time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cadence {
    /// Interval.
    pub every: Duration,
}

/// WAL shipping.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wal {
    /// archive_timeout in plan time; where plan and scenario are silent: RPO/5, marked assumed.
    #[serde(default)]
    pub archive_timeout: Option<Duration>,
    /// Sabotage: archiving stops (archive_command = /bin/true) this much plan time after steady begins.
    #[serde(default)]
    pub broken_after: Option<Duration>,
}
