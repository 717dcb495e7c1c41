//! Turns operations and found rows into the blocks of the file, in the order in which they come.

use sha2::{Digest as _, Sha256};

use super::{BLOCK_RECORDS_MAX, BlockKind, FOUND, HEADER, MAGIC, OPERATION, SCHEMA};
use crate::evidence::digest::Running;
use crate::ledger::{FoundRow, Operation};

/// Makes the bytes of `operations`; what its methods return is to be appended to the file. It keeps at most one block,
/// [`BLOCK_RECORDS_MAX`] records.
#[derive(Clone, Debug)]
pub struct BlockWriter {
    kind: BlockKind,
    /// The block being filled: its header, to be completed, and its records.
    block: Vec<u8>,
    count: u32,
    previous: Option<[u8; 32]>,
    file: Running,
}

impl Default for BlockWriter {
    fn default() -> BlockWriter {
        BlockWriter::new()
    }
}

impl BlockWriter {
    /// A file of which nothing is written yet.
    #[must_use]
    pub fn new() -> BlockWriter {
        BlockWriter {
            kind: BlockKind::Operations,
            block: vec![0; HEADER],
            count: 0,
            previous: None,
            file: Running::default(),
        }
    }

    /// Adds an operation. Returns what to append now: mostly nothing, a block when one is full.
    #[must_use]
    pub fn push_operation(&mut self, operation: &Operation) -> Vec<u8> {
        let done = self.turn_to(BlockKind::Operations);
        let mut record = [0; OPERATION];
        record[0..8].copy_from_slice(&operation.scheduled.to_le_bytes());
        record[8..16].copy_from_slice(&operation.sent.to_le_bytes());
        record[16..24].copy_from_slice(&operation.done.to_le_bytes());
        record[24..32].copy_from_slice(&operation.key.to_le_bytes());
        record[32..36].copy_from_slice(&operation.version.to_le_bytes());
        record[36..40].copy_from_slice(&operation.replaced.to_le_bytes());
        record[40..42].copy_from_slice(&operation.incarnation.to_le_bytes());
        record[42..44].copy_from_slice(&operation.class.to_le_bytes());
        record[44] = operation.kind as u8;
        record[45] = operation.outcome as u8;
        record[46] = operation.flags;
        record[47] = operation.attempts;
        self.add(&record);
        done
    }

    /// Adds a found row. Returns what to append now: mostly nothing, a block when one is full.
    #[must_use]
    pub fn push_found(&mut self, row: &FoundRow) -> Vec<u8> {
        let done = self.turn_to(BlockKind::Found);
        let mut record = [0; FOUND];
        record[0..8].copy_from_slice(&row.key.to_le_bytes());
        record[8..12].copy_from_slice(&row.version.to_le_bytes());
        record[12..14].copy_from_slice(&row.space.to_le_bytes());
        record[14..16].copy_from_slice(&row.incarnation.to_le_bytes());
        record[16] = row.content as u8;
        self.add(&record);
        done
    }

    /// Ends the block, at least once a second, so that a run cut short loses no more than that. Returns what to append:
    /// on the first call the file's prefix, whether there are records or not.
    #[must_use]
    pub fn flush(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let previous = *self.previous.get_or_insert_with(|| {
            bytes.extend_from_slice(MAGIC);
            bytes.extend_from_slice(&SCHEMA.to_le_bytes());
            Sha256::digest(&bytes).into()
        });
        if self.count > 0 {
            self.block[0] = self.kind as u8;
            self.block[4..8].copy_from_slice(&self.count.to_le_bytes());
            self.block[8..HEADER].copy_from_slice(&previous);
            self.previous = Some(Sha256::digest(&self.block).into());
            bytes.extend_from_slice(&self.block);
            self.block.truncate(HEADER);
            self.count = 0;
        }
        self.file.feed(&bytes);
        bytes
    }

    /// SHA-256 (lower-case hex) of all that was returned so far: after the last [`BlockWriter::flush`], of the file.
    #[must_use]
    pub fn digest(&self) -> String {
        self.file.hex()
    }

    fn turn_to(&mut self, kind: BlockKind) -> Vec<u8> {
        let full = self.count >= BLOCK_RECORDS_MAX;
        let bytes = if full || (self.count > 0 && self.kind != kind) {
            self.flush()
        } else {
            Vec::new()
        };
        self.kind = kind;
        bytes
    }

    fn add(&mut self, record: &[u8]) {
        self.block.extend_from_slice(record);
        self.count += 1;
    }
}
