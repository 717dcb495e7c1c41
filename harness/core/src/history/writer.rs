//! Writes the lines of a history: gives each record its number and its link to the line before.

use std::collections::BTreeMap;

use super::{DEFINITIONS, SCHEMA};
use crate::event::{Closing, Event, Record};
use crate::evidence::canonical;
use crate::evidence::digest::{ZERO, sha256};
use crate::stamp::Stamp;

/// Makes the lines of `events.jsonl`, in order; it does not write them anywhere.
#[derive(Clone, Debug)]
pub struct Writer {
    seq: u64,
    prev: String,
    counts: BTreeMap<String, u64>,
}

impl Default for Writer {
    fn default() -> Writer {
        Writer::new()
    }
}

impl Writer {
    /// A history without any line yet. The first must be [`Event::Opened`].
    #[must_use]
    pub fn new() -> Writer {
        Writer {
            seq: 0,
            prev: ZERO.to_owned(),
            counts: BTreeMap::new(),
        }
    }

    /// The opening event of this version; `run_digest` is the SHA-256 (lower-case hex) of `run.json`.
    #[must_use]
    pub fn opening(run_digest: &str, program: &str, sealed: bool) -> Event {
        Event::Opened {
            schema: SCHEMA,
            definitions: DEFINITIONS,
            run: run_digest.to_owned(),
            program: program.to_owned(),
            sealed,
        }
    }

    /// The next line, its newline included.
    ///
    /// # Panics
    /// When the first event is not [`Event::Opened`], a later one is, or the event is [`Event::Closed`] (see
    /// [`Writer::close`]): such a history could never be judged.
    pub fn line(&mut self, stamp: Stamp, event: Event) -> String {
        let opens = matches!(event, Event::Opened { .. });
        assert_eq!(opens, self.seq == 0, "a history opens with `opened` and holds it once");
        assert!(!matches!(event, Event::Closed(_)), "`closed` is made by Writer::close");
        *self.counts.entry(event.tag().to_owned()).or_default() += 1;
        self.chain(stamp, event)
    }

    /// The last line, its newline included. `operations` counts the ledger's operations by outcome (a missing outcome
    /// counts none), `found` its found rows; `digests` are SHA-256 (lower-case hex) by relative path and must hold
    /// `operations`.
    #[must_use]
    pub fn close(
        mut self,
        stamp: Stamp,
        operations: BTreeMap<String, u64>,
        found: u64,
        digests: BTreeMap<String, String>,
        interrupted: Option<String>,
    ) -> String {
        let events = std::mem::take(&mut self.counts);
        self.chain(
            stamp,
            Event::Closed(Closing {
                events,
                operations,
                found,
                digests,
                interrupted,
            }),
        )
    }

    fn chain(&mut self, stamp: Stamp, event: Event) -> String {
        // A stamp whose edges were set the wrong way round would not read back as it was written.
        let stamp = Stamp::new(stamp.early, stamp.late);
        let record = Record {
            seq: self.seq,
            prev: std::mem::take(&mut self.prev),
            stamp,
            event,
        };
        let line = String::from_utf8(canonical::bytes(&record)).expect("JSON is UTF-8");
        self.prev = sha256(line.trim_end_matches('\n').as_bytes());
        self.seq += 1;
        line
    }
}
