//! What harness and supervisor say to each other: one JSON document a line.

use crate::containers::Contained;
use crate::process::Identity;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) id: u64,
    pub(crate) order: Order,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// Start a process.
    Spawn(Spawn),
    /// Write down the shared memory of the clusters now.
    Observe,
    /// End this process that was started, and all below it.
    End(Identity),
    /// Remove this directory, outside the runtime directory, at the end.
    Register(PathBuf),
    /// Remove the containers of this run at the end, with all that belongs to them.
    Contain(Contained),
    /// Let nobody remove this directory of evidence while the run lives.
    Guard(PathBuf),
    /// Keep everything when the harness ends, until released.
    Hold,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spawn {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) directory: PathBuf,
    /// User and group to become.
    pub(crate) user: Option<(u32, u32)>,
    pub(crate) stdout: PathBuf,
    pub(crate) stderr: PathBuf,
}

impl std::fmt::Debug for Spawn {
    // The environment may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spawn")
            .field("program", &self.program)
            .field("args", &self.args)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Message {
    Reply {
        id: u64,
        result: Result<Answer, String>,
    },
    Exited {
        identity: Identity,
        code: Option<i32>,
        signal: Option<i32>,
    },
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    Done,
    Spawned(Identity),
}
