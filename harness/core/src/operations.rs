//! The ledger's file, `operations`: fixed-width records in blocks, each block chained to the one before.
//!
//! One operation is 48 bytes on disk as in memory, so that tens of millions are read as fast as they are digested.
//! All numbers are little-endian. The file starts with [`MAGIC`] and the version (4 bytes); then follow blocks, each a
//! header of [`HEADER`] bytes and its records. docs/run-format.md has the layout byte by byte.

use crate::ledger::{FoundRow, Operation, OperationOutcome, flag};

mod reader;
mod writer;

pub use reader::{Reader, decode};
pub use writer::BlockWriter;

/// Name of the file.
pub const FILE: &str = "operations";
/// The first bytes of the file.
pub const MAGIC: &[u8; 12] = b"firedrillops";
/// Version of the format, the 4 bytes after [`MAGIC`].
pub const SCHEMA: u32 = 1;
/// Bytes of a file before its first block.
pub const PREFIX: usize = 16;
/// Bytes of a block before its first record: kind (1), three zeros, count (4), SHA-256 of the block before (32).
pub const HEADER: usize = 40;
/// Bytes of one operation.
pub const OPERATION: usize = 48;
/// Bytes of one found row.
pub const FOUND: usize = 17;
/// Records that a block holds at most.
pub const BLOCK_RECORDS_MAX: u32 = 65_536;

/// What clients did and what the final reads found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Every scheduled operation, in the order of recording.
    pub operations: Vec<Operation>,
    /// Every row that a final read found, in the order of recording.
    pub found: Vec<FoundRow>,
}

impl Ledger {
    /// Operations by outcome, as [`crate::event::Closing::operations`] counts them: all four outcomes are named.
    #[must_use]
    pub fn outcomes(&self) -> std::collections::BTreeMap<String, u64> {
        let mut counts = [0_u64; 4];
        for operation in &self.operations {
            counts[operation.outcome as usize] += 1;
        }
        OUTCOMES
            .iter()
            .map(|(outcome, name)| ((*name).to_owned(), counts[*outcome as usize]))
            .collect()
    }
}

/// The outcomes by the names that the closing event uses.
pub const OUTCOMES: [(OperationOutcome, &str); 4] = [
    (OperationOutcome::Acked, "acked"),
    (OperationOutcome::Refused, "refused"),
    (OperationOutcome::Indeterminate, "indeterminate"),
    (OperationOutcome::NotSent, "not_sent"),
];

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BlockKind {
    Operations = 1,
    Found = 2,
}

impl BlockKind {
    fn width(self) -> usize {
        match self {
            BlockKind::Operations => OPERATION,
            BlockKind::Found => FOUND,
        }
    }
}

/// What is wrong with an operation that no client could have recorded: (found, expected). `None`: it is sound.
#[must_use]
pub fn unsound(operation: &Operation) -> Option<(String, &'static str)> {
    let Operation {
        scheduled,
        sent,
        done,
        flags,
        attempts,
        outcome,
        ..
    } = *operation;
    if sent < scheduled {
        return Some((format!("sent {sent} before scheduled {scheduled}"), "scheduled <= sent"));
    }
    if done < sent {
        return Some((format!("done {done} before sent {sent}"), "sent <= done"));
    }
    if flags & !(flag::DEGRADED | flag::QUEUED | flag::GAVE_UP) != 0 {
        return Some((
            format!("flags {flags:#04x}"),
            "no flags but degraded (1), queued (2), gave up (4)",
        ));
    }
    let sent_at_all = outcome != OperationOutcome::NotSent;
    if sent_at_all != (attempts > 0) {
        return Some((
            format!(
                "{attempts} attempts of an operation that was {}",
                if sent_at_all { "sent" } else { "not sent" }
            ),
            "at least one attempt where it was sent, none where not",
        ));
    }
    None
}

#[cfg(test)]
mod tests;
