//! The recovery as data: steps with dependencies and deadlines.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::Duration;

use super::{OwnStep, Written};

/// The recovery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Procedure {
    /// Deadline of the whole, drill time.
    pub deadline: Duration,
    /// Its steps; one starts when those it is `after` are done (default: the one before it).
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Unique in the procedure.
    pub name: String,
    /// Steps that must be done first; unset: the one before it.
    #[serde(default)]
    pub after: Option<Vec<String>>,
    /// Deadline, drill time; unset: the procedure's.
    #[serde(default)]
    pub deadline: Option<Duration>,
    /// What it does.
    #[serde(rename = "do")]
    pub action: Action,
}

/// The built-in actions, and your own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Hold tiers back from traffic.
    Hold {
        /// Levels.
        tiers: Vec<u8>,
    },
    /// Let tiers to traffic, in the order given; each waits until its health is good for `settled`.
    Release {
        /// Levels.
        tiers: Vec<u8>,
    },
    /// Make sure that what failed cannot acknowledge any more: the service's processes are killed.
    Fence {
        /// Which service.
        service: String,
    },
    /// Restore base backup and WAL, or a dump, into a Postgres service and start it.
    Restore {
        /// Into which service.
        into: String,
        /// From what.
        from: RestoreFrom,
        /// How far.
        #[serde(default)]
        target: TargetRule,
        /// Which backup of that kind.
        #[serde(default)]
        backup: BackupRule,
        /// Beside the server that serves: its data takes over from nothing and is there for commands of later steps to read.
        #[serde(default)]
        aside: bool,
    },
    /// Bring the WAL that a fenced server has not archived into the archive, from its disk.
    SalvageWal {
        /// Which Postgres service.
        from: String,
    },
    /// Close the segment of WAL that a running Postgres writes, and wait until the archive holds it.
    ShipWal {
        /// Which Postgres service.
        service: String,
    },
    /// Put the objects of a copy of the application's bucket back over what is there; objects that the copy does
    /// not hold stay.
    RestoreFiles {
        /// Into which S3 service.
        into: String,
        /// Which copy: the newest, or the newest that contradicts no row of the application's database and holds every
        /// object that a row points at and the bucket no longer has as the row says.
        #[serde(default)]
        backup: BackupRule,
        /// Only the copy's objects that had been written in this range, by what the store said when the copy was taken;
        /// unset: all of them.
        #[serde(default)]
        written: Option<Written>,
    },
    /// Start a service again as it is.
    Start {
        /// Which service.
        service: String,
    },
    /// Point the application at a database.
    Repoint {
        /// Which application service.
        application: String,
        /// Which Postgres service.
        database: String,
        /// The route it takes: `alternate` avoids the link that the application used before.
        #[serde(default)]
        route: Route,
    },
    /// Set the application's mode.
    Mode {
        /// Which application service.
        application: String,
        /// normal, read_only, maintenance.
        mode: String,
    },
    /// Check that the application serves every tier that is not held.
    Validate {
        /// Which application service.
        application: String,
    },
    /// A command of your own.
    Run(OwnStep),
}

impl Action {
    /// The Postgres service that it restores, if it restores one.
    #[must_use]
    pub fn restores(&self) -> Option<&str> {
        match self {
            Action::Restore { into, .. } => Some(into),
            Action::Run(own) => own.restores.as_deref(),
            _ => None,
        }
    }
}

/// What a restore is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RestoreFrom {
    /// Base backup and WAL.
    BaseAndWal,
    /// The last dump.
    Dump,
}

/// Which backup a restore is made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BackupRule {
    /// The newest that is complete, unseen.
    #[default]
    Newest,
    /// The newest that is found whole when it is read through, its pages too where they bear checksums, as far back as need
    /// be.
    NewestVerified,
}

/// The rule that chooses the recovery target; recorded with its inputs before the restore starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TargetRule {
    /// As far as the archive (or the last backup) goes.
    #[default]
    EndOfArchive,
    /// The alert's wall-clock time less a margin of drill time.
    BeforeAlert(Duration),
    /// Just before the transaction that did the damage, found by searching the archived WAL.
    BeforeWal(WalSearch),
}

/// What a transaction that did damage looks like in WAL. The first one that fits is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WalSearch {
    /// The table it hit.
    pub table: String,
    /// What it did.
    pub operation: WalOperation,
    /// `update` and `delete`: at least so many rows of the table in one transaction, more than the application ever changes
    /// at once.
    #[serde(default = "rows_default")]
    pub rows: u32,
}

fn rows_default() -> u32 {
    100
}

/// What a transaction did to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WalOperation {
    /// Rows were deleted.
    Delete,
    /// Rows were updated.
    Update,
    /// Its file was replaced by another: TRUNCATE, or an ALTER TABLE that rewrites it.
    Truncate,
    /// Its file was removed: DROP TABLE.
    Drop,
}

/// How the application reaches a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// The usual link.
    #[default]
    Primary,
    /// A second link that the plan keeps for this.
    Alternate,
}
