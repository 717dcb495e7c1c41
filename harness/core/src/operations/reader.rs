//! Reads the blocks of the file from pieces of any size, so that the file never has to lie in memory beside the ledger.

use sha2::{Digest as _, Sha256};

use super::{BLOCK_RECORDS_MAX, BlockKind, FILE, FOUND, HEADER, Ledger, MAGIC, OPERATION, PREFIX, SCHEMA, unsound};
use crate::evidence::EvidenceError;
use crate::evidence::digest::hex;
use crate::history::Cut;
use crate::ledger::{Content, FoundRow, Operation, OperationKind, OperationOutcome};

/// What the next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Prefix,
    Header,
    Records { kind: BlockKind, left: u32, count: u32 },
}

/// Reads `operations` piece by piece. After the first thing that does not fit it takes in nothing more.
#[derive(Debug)]
pub struct Reader {
    expect: Expect,
    /// The begun record or header that the last piece ended in.
    carry: Vec<u8>,
    digest: Sha256,
    previous: [u8; 32],
    /// Number of the block being read, from 1.
    block: u64,
    /// Bytes of the block being read that were used.
    used: u64,
    /// Length of both parts of the ledger at the end of the last whole block.
    whole: (usize, usize),
    ledger: Ledger,
    failed: Option<EvidenceError>,
}

impl Default for Reader {
    fn default() -> Reader {
        Reader::new(0, 0)
    }
}

impl Reader {
    /// A reader with room for so many operations and found rows (as the closing event counts them), so that memory
    /// holds each record once. The counts are not trusted: pass no more than the file's length allows.
    #[must_use]
    pub fn new(operations: usize, found: usize) -> Reader {
        Reader {
            expect: Expect::Prefix,
            carry: Vec::new(),
            digest: Sha256::new(),
            previous: [0; 32],
            block: 0,
            used: 0,
            whole: (0, 0),
            ledger: Ledger {
                operations: Vec::with_capacity(operations),
                found: Vec::with_capacity(found),
            },
            failed: None,
        }
    }

    /// The next piece of the file.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.failed.is_none() {
            let step = self.step(bytes);
            match step {
                Ok(taken) => bytes = &bytes[taken..],
                Err(error) => self.failed = Some(error),
            }
        }
    }

    /// The ledger, when the file has ended. A file cut inside a block gives the blocks before it and says so; only an
    /// open history may end like that.
    ///
    /// # Errors
    /// [`EvidenceError::Altered`] with the first block or record that does not fit.
    pub fn finish(mut self) -> Result<(Ledger, Option<Cut>), EvidenceError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let bytes = self.used + self.carry.len() as u64;
        let cut = match self.expect {
            Expect::Prefix => Some(Cut {
                place: "the first 16 bytes".into(),
                bytes,
            }),
            Expect::Header if bytes == 0 => None,
            Expect::Header => Some(Cut {
                place: format!("block {}", self.block + 1),
                bytes,
            }),
            Expect::Records { .. } => Some(Cut {
                place: format!("block {}", self.block),
                bytes,
            }),
        };
        self.ledger.operations.truncate(self.whole.0);
        self.ledger.found.truncate(self.whole.1);
        Ok((self.ledger, cut))
    }

    /// Takes in some of the bytes and says how many.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, EvidenceError> {
        let width = match self.expect {
            Expect::Prefix => PREFIX,
            Expect::Header => HEADER,
            Expect::Records { kind, .. } => kind.width(),
        };
        if !self.carry.is_empty() || bytes.len() < width {
            let taken = bytes.len().min(width - self.carry.len());
            self.carry.extend_from_slice(&bytes[..taken]);
            if self.carry.len() == width {
                let carry = std::mem::take(&mut self.carry);
                self.take(&carry)?;
            }
            return Ok(taken);
        }
        let many = match self.expect {
            Expect::Prefix | Expect::Header => 1,
            Expect::Records { left, .. } => (bytes.len() / width).min(left as usize),
        };
        self.take(&bytes[..many * width])?;
        Ok(many * width)
    }

    /// Takes in whole records, or a whole header.
    fn take(&mut self, bytes: &[u8]) -> Result<(), EvidenceError> {
        if self.expect == Expect::Header {
            self.previous = self.digest.finalize_reset().into();
            self.used = 0;
        }
        self.digest.update(bytes);
        self.used += bytes.len() as u64;
        match self.expect {
            Expect::Prefix => self.take_prefix(bytes)?,
            Expect::Header => self.take_header(bytes)?,
            Expect::Records { kind, left, count } => {
                let first = count - left + 1;
                match kind {
                    BlockKind::Operations => {
                        for (index, record) in bytes.chunks_exact(OPERATION).enumerate() {
                            let operation = operation(record).map_err(|wrong| self.misfit(first, index, wrong))?;
                            self.ledger.operations.push(operation);
                        }
                    }
                    BlockKind::Found => {
                        for (index, record) in bytes.chunks_exact(FOUND).enumerate() {
                            let row = found_row(record).map_err(|wrong| self.misfit(first, index, wrong))?;
                            self.ledger.found.push(row);
                        }
                    }
                }
                // A block has at most 65,536 records, checked with its header.
                let taken = u32::try_from(bytes.len() / kind.width()).unwrap_or(left);
                self.expect = Expect::Records {
                    kind,
                    left: left - taken,
                    count,
                };
            }
        }
        if let Expect::Prefix | Expect::Records { left: 0, .. } = self.expect {
            self.expect = Expect::Header;
            self.used = 0;
            self.whole = (self.ledger.operations.len(), self.ledger.found.len());
        }
        Ok(())
    }

    fn take_prefix(&mut self, bytes: &[u8]) -> Result<(), EvidenceError> {
        let version = u32::from_le_bytes(array(&bytes[MAGIC.len()..]));
        if &bytes[..MAGIC.len()] != MAGIC || version != SCHEMA {
            let found = format!("`{}`, version {version}", bytes[..MAGIC.len()].escape_ascii());
            let expected = format!("`{}`, version {SCHEMA}", MAGIC.escape_ascii());
            return Err(EvidenceError::altered(FILE, "the first 16 bytes", found, expected));
        }
        Ok(())
    }

    fn take_header(&mut self, bytes: &[u8]) -> Result<(), EvidenceError> {
        self.block += 1;
        let place = format!("block {}", self.block);
        let kind = match bytes[0] {
            1 => BlockKind::Operations,
            2 => BlockKind::Found,
            other => {
                let expected = "1 (operations) or 2 (found rows)";
                return Err(EvidenceError::altered(FILE, place, format!("kind {other}"), expected));
            }
        };
        if bytes[1..4] != [0; 3] {
            return Err(EvidenceError::altered(
                FILE,
                place,
                format!("{:?} after the kind", &bytes[1..4]),
                "three zeros",
            ));
        }
        let count = u32::from_le_bytes(array(&bytes[4..8]));
        if count == 0 || count > BLOCK_RECORDS_MAX {
            let expected = format!("1 to {BLOCK_RECORDS_MAX}");
            return Err(EvidenceError::altered(
                FILE,
                place,
                format!("{count} records"),
                expected,
            ));
        }
        let previous: [u8; 32] = array(&bytes[8..HEADER]);
        if previous != self.previous {
            let before = match self.block {
                1 => "the first 16 bytes".to_owned(),
                block => format!("block {}", block - 1),
            };
            let expected = format!(
                "{}, the SHA-256 of {before} as it stands: one of the two was changed",
                hex(&self.previous)
            );
            return Err(EvidenceError::altered(
                FILE,
                place,
                format!("link {}", hex(&previous)),
                expected,
            ));
        }
        self.expect = Expect::Records {
            kind,
            left: count,
            count,
        };
        Ok(())
    }

    fn misfit(&self, first: u32, index: usize, (found, expected): (String, &str)) -> EvidenceError {
        let record = u64::from(first) + index as u64;
        EvidenceError::altered(FILE, format!("block {}, record {record}", self.block), found, expected)
    }
}

/// Reads a whole file that lies in memory, allocating once.
///
/// # Errors
/// See [`Reader::finish`].
pub fn decode(bytes: &[u8]) -> Result<(Ledger, Option<Cut>), EvidenceError> {
    let mut reader = Reader::new(bytes.len() / OPERATION, 0);
    reader.feed(bytes);
    reader.finish()
}

type Wrong = (String, &'static str);

fn operation(record: &[u8]) -> Result<Operation, Wrong> {
    let operation = Operation {
        scheduled: i64::from_le_bytes(array(&record[0..8])),
        sent: i64::from_le_bytes(array(&record[8..16])),
        done: i64::from_le_bytes(array(&record[16..24])),
        key: u64::from_le_bytes(array(&record[24..32])),
        version: u32::from_le_bytes(array(&record[32..36])),
        replaced: u32::from_le_bytes(array(&record[36..40])),
        incarnation: u16::from_le_bytes(array(&record[40..42])),
        class: u16::from_le_bytes(array(&record[42..44])),
        kind: match record[44] {
            0 => OperationKind::Insert,
            1 => OperationKind::Update,
            2 => OperationKind::Delete,
            3 => OperationKind::Read,
            other => {
                return Err((
                    format!("kind {other}"),
                    "0 (insert), 1 (update), 2 (delete) or 3 (read)",
                ));
            }
        },
        outcome: match record[45] {
            0 => OperationOutcome::Acked,
            1 => OperationOutcome::Refused,
            2 => OperationOutcome::Indeterminate,
            3 => OperationOutcome::NotSent,
            other => {
                return Err((
                    format!("outcome {other}"),
                    "0 (acked), 1 (refused), 2 (indeterminate) or 3 (not sent)",
                ));
            }
        },
        flags: record[46],
        attempts: record[47],
    };
    match unsound(&operation) {
        None => Ok(operation),
        Some(wrong) => Err(wrong),
    }
}

fn found_row(record: &[u8]) -> Result<FoundRow, Wrong> {
    Ok(FoundRow {
        key: u64::from_le_bytes(array(&record[0..8])),
        version: u32::from_le_bytes(array(&record[8..12])),
        space: u16::from_le_bytes(array(&record[12..14])),
        incarnation: u16::from_le_bytes(array(&record[14..16])),
        content: match record[16] {
            0 => Content::Genuine,
            1 => Content::Mutated,
            2 => Content::Dangling,
            other => return Err((format!("content {other}"), "0 (genuine), 1 (mutated) or 2 (dangling)")),
        },
    })
}

/// The bytes as an array; the caller sliced exactly as many.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}
