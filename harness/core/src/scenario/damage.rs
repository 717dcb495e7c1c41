//! What can be done to the files of a running server, and to what lies in a backup store.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a page is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PageDamage {
    /// One bit of what the page holds is turned over.
    BitFlip,
    /// Nothing but zeros, as a page that was never written.
    Zeroed,
    /// The first half as it is now, the second as it was before: a write that stopped half-way.
    Torn,
    /// The whole page as it was before the load began: a write that was acknowledged and lost.
    Stale,
    /// The content of another page of the same file: a write that went to the wrong place.
    Misdirected,
}

/// What is done to a segment of the WAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WalDamage {
    /// Bytes of it are turned over.
    Altered,
    /// Its file is gone.
    Missing,
}

/// What is done to an object of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ObjectDamage {
    /// One bit of it is turned over.
    Altered,
    /// It is gone; the record of the backup still lists it.
    Missing,
    /// It holds what the same object of the backup before it holds.
    Older,
}

/// Which kind of backup is hurt; always the newest one that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HurtBackup {
    /// A base backup.
    Base,
    /// A dump.
    Dump,
}
