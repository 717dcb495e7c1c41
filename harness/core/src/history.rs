//! The history of a run, `events.jsonl`: one record to a line, each line chained to the one before by its SHA-256.
//!
//! A line must be, byte for byte, what writing its meaning again would give. Together with the chain this leaves no
//! byte of a history that could change unnoticed, but for those of the last line, which the manifest covers.

use std::collections::BTreeMap;

use crate::event::{Closing, Event, Record};
use crate::evidence::EvidenceError;
use crate::evidence::canonical::parse_at;
use crate::evidence::digest::{ZERO, sha256};
use crate::stamp::Stamp;

mod writer;

pub use writer::Writer;

/// Version of the format of `events.jsonl`.
pub const SCHEMA: u32 = 1;
/// Version of the definitions (docs/definitions.md) that this program judges by.
pub const DEFINITIONS: u32 = 1;
/// Name of the file.
pub const FILE: &str = "events.jsonl";

/// What is missing at the end of a file whose writer was cut short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The last thing that was begun, e.g. `line 12` or `block 3`.
    pub place: String,
    /// Bytes of it that are there; they are not used.
    pub bytes: u64,
}

/// A history as read. The chain holds for every record in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// All records in the recorder's order: [`Event::Opened`] first and, in a closed history, [`Event::Closed`] last.
    pub records: Vec<Record>,
    /// What the closing event says; `None`: the history is open, its run was cut short, nothing may pass.
    pub closed: Option<Closing>,
    /// A half-written last line, in an open history only.
    pub cut: Option<Cut>,
}

impl History {
    /// Reads `events.jsonl`.
    ///
    /// # Errors
    /// [`EvidenceError::Altered`] names the first line that does not fit; [`EvidenceError::Open`] when not even the
    /// opening record is whole.
    pub fn parse(bytes: &[u8]) -> Result<History, EvidenceError> {
        let mut records: Vec<Record> = Vec::new();
        let mut prev = ZERO.to_owned();
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        let mut closed: Option<Closing> = None;
        let mut cut = None;
        for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let place = format!("line {}", index + 1);
            if closed.is_some() {
                return Err(EvidenceError::altered(
                    FILE,
                    place,
                    "another line",
                    "none after the closing record",
                ));
            }
            let Some(text) = line.strip_suffix(b"\n") else {
                // Only the last piece can lack its newline: the recorder was cut while it wrote.
                cut = Some(Cut {
                    place,
                    bytes: line.len() as u64,
                });
                break;
            };
            let record: Record = parse_at(FILE, &place, line)?;
            check_place(&record, index, &prev, &place)?;
            match &record.event {
                Event::Closed(closing) => {
                    check_counts(closing, &counts, &place)?;
                    closed = Some(closing.clone());
                }
                event => *counts.entry(event.tag().to_owned()).or_default() += 1,
            }
            prev = sha256(text);
            records.push(record);
        }
        if records.is_empty() {
            return Err(EvidenceError::Open(format!("{FILE} holds no whole record")));
        }
        Ok(History { records, closed, cut })
    }

    /// A closed history of the given facts, opened and chained, for tests and tools that have no run directory.
    #[must_use]
    pub fn of(events: impl IntoIterator<Item = (Stamp, Event)>) -> History {
        let mut writer = Writer::new();
        let mut text = writer.line(Stamp::at(0), Writer::opening(ZERO, "literal", false));
        let mut last = Stamp::at(0);
        for (stamp, event) in events {
            last = stamp;
            text += &writer.line(stamp, event);
        }
        text += &writer.close(last, BTreeMap::new(), 0, BTreeMap::new(), None);
        History::parse(text.as_bytes()).expect("a history reads what its writer writes")
    }

    /// The SHA-256 of `run.json` that the opening record names.
    #[must_use]
    pub fn run_digest(&self) -> &str {
        match self.records.first().map(|record| &record.event) {
            Some(Event::Opened { run, .. }) => run,
            _ => ZERO,
        }
    }

    /// Whether another program wrote the run and it was sealed afterwards.
    #[must_use]
    pub fn sealed(&self) -> bool {
        matches!(
            self.records.first().map(|record| &record.event),
            Some(Event::Opened { sealed: true, .. })
        )
    }
}

/// Number, chain and kind of a record against the place where it stands.
fn check_place(record: &Record, index: usize, prev: &str, place: &str) -> Result<(), EvidenceError> {
    let altered = |found: String, expected: String| Err(EvidenceError::altered(FILE, place, found, expected));
    if record.seq != index as u64 {
        return altered(
            format!("seq {}", record.seq),
            format!("seq {index}: the line before was removed, or lines moved"),
        );
    }
    if record.prev != prev {
        let expected = match index {
            0 => format!("prev {prev} on the first line"),
            _ => format!("prev {prev}, the SHA-256 of line {index} as it stands: one of the two was changed"),
        };
        return altered(format!("prev {}", record.prev), expected);
    }
    match (&record.event, index) {
        (
            Event::Opened {
                schema, definitions, ..
            },
            0,
        ) => {
            if *schema != SCHEMA {
                return altered(
                    format!("schema {schema}"),
                    format!("schema {SCHEMA}, the one this program knows"),
                );
            }
            if *definitions != DEFINITIONS {
                return altered(
                    format!("definitions {definitions}"),
                    format!("definitions {DEFINITIONS}, those this program judges by"),
                );
            }
            Ok(())
        }
        (Event::Opened { .. }, _) => altered("a second opening record".into(), "one, on the first line".into()),
        (_, 0) => altered("another event".into(), "`opened` on the first line".into()),
        _ => Ok(()),
    }
}

fn check_counts(closing: &Closing, counts: &BTreeMap<String, u64>, place: &str) -> Result<(), EvidenceError> {
    if closing.events == *counts {
        return Ok(());
    }
    let tags = closing.events.keys().chain(counts.keys());
    let wrong = tags.filter(|tag| closing.events.get(*tag) != counts.get(*tag)).min();
    let wrong = wrong.map_or("", String::as_str);
    let say = |map: &BTreeMap<String, u64>| map.get(wrong).map_or("no count".to_owned(), u64::to_string);
    Err(EvidenceError::altered(
        FILE,
        place,
        format!("{} of `{wrong}` records", say(&closing.events)),
        format!("{}, as many as stand before it", say(counts)),
    ))
}

#[cfg(test)]
mod tests;
