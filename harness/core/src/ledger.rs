//! The ledger: every operation that clients scheduled, what became of it, and what the final read found.
//!
//! One operation is 48 bytes, in memory as on disk, so that tens of millions are judged on a laptop. A key's value
//! is a sequence of versions: insert, update and delete each make the next one.

use crate::stamp::Nanos;

/// What an operation does to the version of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum OperationKind {
    /// Makes a version of a key that has none.
    Insert = 0,
    /// Makes the next version of a key.
    Update = 1,
    /// Makes the next version of a key: its absence.
    Delete = 2,
    /// Returns the version it found in `version` (0: the key was absent). A value that a read returned counts as acked from then.
    Read = 3,
}

/// How a scheduled operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum OperationOutcome {
    /// The client was told it is done.
    Acked = 0,
    /// Proved not applied.
    Refused = 1,
    /// Neither: the answer was lost, or proves nothing.
    Indeterminate = 2,
    /// Never sent: no free connection within its time, or the key's earlier operation was still open.
    NotSent = 3,
}

/// No version: the key was absent, or the answer did not say which version it replaced (see [`Operation::replaced`]).
pub const UNSTATED: u32 = u32::MAX;
/// No incarnation answered.
pub const NO_INCARNATION: u16 = u16::MAX;

/// Bits of [`Operation::flags`].
pub mod flag {
    /// The answer said that the service runs in a degraded mode (read-only, maintenance).
    pub const DEGRADED: u8 = 1;
    /// A durable queue answered for the database.
    pub const QUEUED: u8 = 2;
    /// The client gave up waiting (its own deadline), as opposed to an error that arrived.
    pub const GAVE_UP: u8 = 4;
}

/// One scheduled operation. Instants are nanoseconds of `CLOCK_BOOTTIME`, read in the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// When the open-loop schedule wanted it sent; latency counts from here.
    pub scheduled: Nanos,
    /// When it was sent (invoked); equals `scheduled` when never sent.
    pub sent: Nanos,
    /// When its answer arrived or the client gave up; equals `sent` when never sent.
    pub done: Nanos,
    /// The key within its class's space.
    pub key: u64,
    /// The version it makes (writes, from 1) or found (reads; 0 for an absent key).
    pub version: u32,
    /// For an acked write: the version that the answer says it replaced, 0 for none, [`UNSTATED`] where it did not say.
    pub replaced: u32,
    /// Index of the incarnation that answered, or [`NO_INCARNATION`].
    pub incarnation: u16,
    /// Index of the load class (see [`crate::event::Class`]), which gives space, component and tier.
    pub class: u16,
    /// What it does.
    pub kind: OperationKind,
    /// How it ended.
    pub outcome: OperationOutcome,
    /// See [`flag`].
    pub flags: u8,
    /// How often it was tried: 1 unless the scenario retries; 0 when never sent.
    pub attempts: u8,
}

/// What the final read says of one row's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Content {
    /// Key, version and digest agree with what the client would have written for that version.
    Genuine = 0,
    /// The content is no attempt of this key and version.
    Mutated = 1,
    /// The row is there but what it points at is gone (a row whose object is lost).
    Dangling = 2,
}

/// One row or object found by a final read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FoundRow {
    /// The key within its space.
    pub key: u64,
    /// The version that the row claims.
    pub version: u32,
    /// The space (table or bucket) it was found in.
    pub space: u16,
    /// Index of the incarnation that was read.
    pub incarnation: u16,
    /// Whether the content is what was written.
    pub content: Content,
}
