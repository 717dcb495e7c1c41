//! The backups that run while a drill does, sabotage of them included.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::Duration;

use super::CommandLine;

/// The backups that run while the drill does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
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
    /// The tool behind the `run` commands, as reports name it; needed where there are any.
    #[serde(default)]
    pub tool: Option<String>,
    /// A command of your own that makes the tool ready, run once when the database is up and holds no data yet.
    #[serde(default)]
    pub setup: Option<CommandLine>,
}

/// How often, in plan time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Cadence {
    /// Interval.
    pub every: Duration,
    /// Base backups by the reference tool: the server is told not to verify the checksums of what it reads, as a copy of its
    /// files would not, so that a backup of damaged pages comes to be.
    #[serde(default)]
    pub unchecked: bool,
    /// A command of your own that takes the backup; unset: the reference tool.
    #[serde(default)]
    pub run: Option<CommandLine>,
    /// Deadline of the command, drill time; 2 min.
    #[serde(default)]
    pub deadline: Option<Duration>,
}

/// WAL shipping.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Wal {
    /// archive_timeout in plan time; where plan and scenario are silent: RPO/5, marked assumed.
    #[serde(default)]
    pub archive_timeout: Option<Duration>,
    /// A command of your own as archive_command, `%p` and `%f` among its arguments; unset: the reference tool.
    #[serde(default)]
    pub run: Option<CommandLine>,
    /// Sabotage: archiving stops (archive_command = /bin/true) this much plan time after steady begins.
    #[serde(default)]
    pub broken_after: Option<Duration>,
}

impl Backup {
    /// Every command of the user's own, with the key that it stands under.
    #[must_use]
    pub fn own(&self) -> Vec<(&'static str, &CommandLine)> {
        [
            ("setup", self.setup.as_ref()),
            ("base", self.base.as_ref().and_then(|cadence| cadence.run.as_ref())),
            ("wal", self.wal.as_ref().and_then(|wal| wal.run.as_ref())),
            ("dump", self.dump.as_ref().and_then(|cadence| cadence.run.as_ref())),
        ]
        .into_iter()
        .filter_map(|(key, command)| Some((key, command?)))
        .collect()
    }

    /// Whether a tool of the user's own takes the backups.
    #[must_use]
    pub fn is_own(&self) -> bool {
        !self.own().is_empty()
    }
}
