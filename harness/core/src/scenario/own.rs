//! The user's own commands: where a scenario may say `run` in place of something built in.
//!
//! A command is a program with its arguments. One whose first word begins with `tools/` is a file of the folder `tools`
//! beside the scenario; any other is found on the machine. `docs/own-tools.md` says what commands are told and what
//! they may answer.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::Duration;

use super::RestoreFrom;

/// The folder beside a scenario whose files its commands may use.
pub const TOOLS_FOLDER: &str = "tools";

/// A program with its arguments.
pub type CommandLine = Vec<String>;

/// A step of the procedure that is the team's own command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OwnStep {
    /// Program and arguments.
    pub command: CommandLine,
    /// The Postgres service whose host it runs on; unset: the one that it restores, else the database that is backed up.
    #[serde(default)]
    pub on: Option<String>,
    /// The Postgres service whose data directory it fills. The server is then started, and must leave recovery by itself.
    #[serde(default)]
    pub restores: Option<String>,
    /// What it restores from, for a step that restores: which backups move the restorable point. Unset: base backup and
    /// WAL where WAL is shipped, else the dump, else the base backup.
    #[serde(default)]
    pub from: Option<RestoreFrom>,
}

/// A fault that is the user's own command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OwnFault {
    /// The Postgres service that it hurts, and on whose host it runs.
    pub service: String,
    /// Program and arguments that break it.
    pub command: CommandLine,
    /// Looks whether it is broken: exit code 0 if it is, 1 if not.
    pub prove: CommandLine,
    /// Mends it at the end of the drill; safe to run twice, and where nothing was broken. Unset: nothing can.
    #[serde(default)]
    pub heal: Option<CommandLine>,
    /// Deadline of each of them, drill time; 10 s.
    #[serde(default)]
    pub deadline: Option<Duration>,
}

/// A check of the recovered database that is the user's own command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OwnCheck {
    /// Program and arguments.
    pub run: CommandLine,
    /// Deadline, drill time; 60 s.
    #[serde(default)]
    pub deadline: Option<Duration>,
}
