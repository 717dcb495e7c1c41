//! Seals a run that another program wrote: makes the chain, the closing event and the manifest from plain facts.
//!
//! A sealed run says so in its opening event, and with it in every rendering. A chained history that is open stays
//! open: sealing would turn a run that was cut short into one that looks complete.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::EvidenceError;
use super::files::RunFiles;
use super::manifest::Manifest;
use super::{
    MANIFEST_FILE, RUN_FILE, RunInputs, VERDICT_FILE, canonical, check_references, digest, inputs, unreadable,
};
use crate::event::Event;
use crate::history::{self, History, Writer};
use crate::operations::{self, Reader};
use crate::stamp::Stamp;

/// A record of which the chain may be missing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Loose {
    seq: Option<u64>,
    prev: Option<String>,
    stamp: Stamp,
    event: Event,
}

/// Seals a run directory. Returns the files to write, by path: `run.json` and `events.jsonl` in canonical form, and
/// `manifest.json`. `program` stands for the recorder where the events do not open with `opened` themselves.
///
/// The directory must hold `run.json`, `events.jsonl` (each line `{"stamp":[early,late],"event":{...}}`, without `seq`
/// and `prev`, or a closed chained history) and `operations`; all its other files are covered as they are.
///
/// # Errors
/// [`EvidenceError::Altered`] with the first thing that does not fit the format, also where a manifest is there
/// already; [`EvidenceError::Open`] for a chained history without closing event.
pub fn seal(files: &dyn RunFiles, program: &str) -> Result<BTreeMap<String, Vec<u8>>, EvidenceError> {
    let paths = files.paths().map_err(|why| unreadable(".", why))?;
    if paths.iter().any(|path| path == MANIFEST_FILE) {
        return Err(EvidenceError::altered(
            MANIFEST_FILE,
            "",
            "a file",
            "none: the run is sealed already",
        ));
    }
    let run = canonical_run(&content(files, RUN_FILE)?)?;
    let facts = facts(&content(files, history::FILE)?)?;

    let mut reader = Reader::default();
    let mut digests = BTreeMap::new();
    for path in paths {
        if [RUN_FILE, history::FILE, VERDICT_FILE].contains(&path.as_str()) {
            continue;
        }
        let mut running = digest::Running::default();
        let ledger = path == operations::FILE;
        files
            .read(&path, &mut |bytes| {
                running.feed(bytes);
                if ledger {
                    reader.feed(bytes);
                }
            })
            .map_err(|why| unreadable(&path, why))?;
        digests.insert(path, running.hex());
    }
    if !digests.contains_key(operations::FILE) {
        return Err(super::missing(operations::FILE));
    }
    let (ledger, cut) = reader.finish()?;
    if let Some(cut) = cut {
        let found = format!("the file's end after {} bytes", cut.bytes);
        return Err(EvidenceError::altered(operations::FILE, cut.place, found, "all of it"));
    }

    let mut writer = Writer::new();
    let opened = facts
        .opened
        .unwrap_or_else(|| facts.events.first().map_or(Stamp::at(0), |(stamp, _)| *stamp));
    let recorder = facts.program.as_deref().unwrap_or(program);
    let mut text = writer.line(opened, Writer::opening(&digest::sha256(&run), recorder, true));
    let mut last = opened;
    for (stamp, event) in facts.events {
        last = stamp;
        text += &writer.line(stamp, event);
    }
    let found = ledger.found.len() as u64;
    text += &writer.close(
        facts.closed.unwrap_or(last),
        ledger.outcomes(),
        found,
        digests,
        facts.interrupted,
    );
    check_references(&History::parse(text.as_bytes())?, &ledger)?;

    let mut sealed = BTreeMap::from([
        (RUN_FILE.to_owned(), run),
        (history::FILE.to_owned(), text.into_bytes()),
    ]);
    let manifest = Manifest::of(&Overlaid {
        below: files,
        above: &sealed,
    })?;
    sealed.insert(MANIFEST_FILE.to_owned(), manifest.to_bytes());
    Ok(sealed)
}

/// What the lines say, whatever their chain.
struct Facts {
    opened: Option<Stamp>,
    program: Option<String>,
    events: Vec<(Stamp, Event)>,
    closed: Option<Stamp>,
    interrupted: Option<String>,
}

fn facts(bytes: &[u8]) -> Result<Facts, EvidenceError> {
    let mut facts = Facts {
        opened: None,
        program: None,
        events: Vec::new(),
        closed: None,
        interrupted: None,
    };
    let mut chained = None;
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let place = format!("line {}", index + 1);
        let altered = |found: &str, expected: &str| Err(EvidenceError::altered(history::FILE, &place, found, expected));
        if !line.ends_with(b"\n") {
            if chained == Some(true) {
                break;
            }
            return altered("a line without its newline", "a newline after every event");
        }
        if facts.closed.is_some() {
            return altered("another line", "none after `closed`");
        }
        let loose: Loose = serde_json::from_slice(line).map_err(|error| {
            let expected = "{\"stamp\":[early,late],\"event\":{...}}";
            EvidenceError::altered(history::FILE, &place, canonical::reason(&error), expected)
        })?;
        let linked = loose.seq.is_some() || loose.prev.is_some();
        if *chained.get_or_insert(linked) != linked {
            return altered("lines with and without `seq` and `prev`", "the same on every line");
        }
        match loose.event {
            Event::Opened { program, .. } if index == 0 => {
                facts.opened = Some(loose.stamp);
                facts.program = Some(program);
            }
            Event::Opened { .. } => return altered("a later `opened`", "it on the first line or nowhere"),
            Event::Closed(closing) => {
                facts.closed = Some(loose.stamp);
                facts.interrupted = closing.interrupted;
            }
            event => facts.events.push((loose.stamp, event)),
        }
    }
    if chained == Some(true) && History::parse(bytes)?.closed.is_none() {
        return Err(EvidenceError::Open(format!(
            "{} is chained but not closed, and sealing must not hide that",
            history::FILE
        )));
    }
    Ok(facts)
}

/// `run.json` in canonical form, whatever its layout was.
fn canonical_run(bytes: &[u8]) -> Result<Vec<u8>, EvidenceError> {
    let inputs: RunInputs = serde_json::from_slice(bytes)
        .map_err(|error| EvidenceError::altered(inputs::FILE, "", error.to_string(), "the documented fields"))?;
    let bytes = inputs.to_bytes();
    RunInputs::parse(&bytes)?;
    Ok(bytes)
}

fn content(files: &dyn RunFiles, path: &str) -> Result<Vec<u8>, EvidenceError> {
    let mut content = Vec::new();
    files
        .read(path, &mut |bytes| content.extend_from_slice(bytes))
        .map_err(|why| unreadable(path, why))?;
    Ok(content)
}

/// A directory as it will be: the sealed files in place of those below.
struct Overlaid<'a> {
    below: &'a dyn RunFiles,
    above: &'a BTreeMap<String, Vec<u8>>,
}

impl RunFiles for Overlaid<'_> {
    fn paths(&self) -> Result<Vec<String>, String> {
        let mut paths = self.below.paths()?;
        paths.extend(self.above.keys().cloned());
        paths.sort();
        paths.dedup();
        Ok(paths)
    }

    fn length(&self, path: &str) -> Result<u64, String> {
        if self.above.contains_key(path) {
            self.above.length(path)
        } else {
            self.below.length(path)
        }
    }

    fn read(&self, path: &str, each: &mut dyn FnMut(&[u8])) -> Result<(), String> {
        if self.above.contains_key(path) {
            self.above.read(path, each)
        } else {
            self.below.read(path, each)
        }
    }
}
