//! A run directory as a whole: whether its files belong together and are as they were written.
//!
//! `run.json` is held by the opening event, every event by the next, the ledger and the logs by the closing event,
//! and all of it by `manifest.json`. Changing any byte breaks one of these links, and the first broken one is named.
//! The links prove integrity, not origin: who rewrites everything can make a directory that fits.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Closing, Event};
use crate::history::{Cut, History};
use crate::ledger::NO_INCARNATION;
use crate::operations::{self, Ledger, OUTCOMES};

pub(crate) mod canonical;
pub mod digest;
mod error;
mod files;
mod inputs;
mod manifest;
mod seal;

pub use error::{EvidenceError, Misfit};
pub use files::RunFiles;
pub use inputs::{InputDocument, RunInputs};
pub use manifest::Manifest;
pub use seal::seal;

/// Name of the file with what the drill was started with.
pub const RUN_FILE: &str = inputs::FILE;
/// Version of `run.json`.
pub const RUN_SCHEMA: u32 = inputs::SCHEMA;
/// Name of the file with the digests of all others.
pub const MANIFEST_FILE: &str = manifest::FILE;
/// Version of `manifest.json`.
pub const MANIFEST_SCHEMA: u32 = manifest::SCHEMA;
/// Name of the file with the stored verdict, where there is one.
pub const VERDICT_FILE: &str = "verdict.json";

/// The evidence of one run, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// What the drill was started with.
    pub inputs: RunInputs,
    /// What happened. Where `closed` is `None` the run was cut short and nothing may pass.
    pub history: History,
    /// What the clients did and what was found.
    pub ledger: Ledger,
    /// A block of the ledger that is only half there, in an open history only.
    pub ledger_cut: Option<Cut>,
    /// SHA-256 of every file but `manifest.json`, as found.
    pub digests: BTreeMap<String, String>,
}

impl Evidence {
    /// Checks a run directory to the last byte. Each file is read once.
    ///
    /// An open history (no closing event) is no error as long as all that is there fits: it comes back with
    /// `history.closed` `None`. Its manifest may be missing; a closed one's may not.
    ///
    /// # Errors
    /// [`EvidenceError::Altered`] names the first thing that does not fit; [`EvidenceError::Open`] when a run cut
    /// short left too little to judge; [`EvidenceError::Unreadable`] when a file cannot be read.
    pub fn check(files: &dyn RunFiles) -> Result<Evidence, EvidenceError> {
        let (evidence, manifest) = read(files)?;
        match manifest {
            Some(bytes) => Manifest::parse(&bytes)?.check(&evidence.digests)?,
            None if evidence.history.closed.is_some() => {
                return Err(EvidenceError::altered(
                    MANIFEST_FILE,
                    "",
                    "no such file",
                    "one, as in every closed run (`firedrill history seal` makes one for a run that was ended before it had its own)",
                ));
            }
            None => {}
        }
        Ok(evidence)
    }

    /// Checks a run directory that has no manifest yet: while a drill concludes, to judge it before the verdict and
    /// the manifest are written.
    ///
    /// # Errors
    /// As [`Evidence::check`]; a manifest that is already there is refused.
    pub fn check_unlisted(files: &dyn RunFiles) -> Result<Evidence, EvidenceError> {
        let (evidence, manifest) = read(files)?;
        match manifest {
            None => Ok(evidence),
            Some(_) => Err(EvidenceError::altered(MANIFEST_FILE, "", "a file", "none yet")),
        }
    }

    /// Whether the run was cut short: its verdict is inconclusive whatever the rest says.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.history.closed.is_none()
    }
}

/// Everything but what the manifest says; the manifest's own bytes beside it.
fn read(files: &dyn RunFiles) -> Result<(Evidence, Option<Vec<u8>>), EvidenceError> {
    let paths: BTreeSet<String> = files.paths().map_err(|why| unreadable(".", why))?.into_iter().collect();
    let mut digests = BTreeMap::new();
    let mut whole = |path: &str| -> Result<Option<Vec<u8>>, EvidenceError> {
        if !paths.contains(path) {
            return Ok(None);
        }
        let mut content = Vec::new();
        files
            .read(path, &mut |bytes| content.extend_from_slice(bytes))
            .map_err(|why| unreadable(path, why))?;
        digests.insert(path.to_owned(), digest::sha256(&content));
        Ok(Some(content))
    };
    let manifest = whole(MANIFEST_FILE)?;
    let events = match (whole(crate::history::FILE)?, &manifest) {
        (Some(events), _) => events,
        // Only a directory that was complete has a manifest.
        (None, Some(_)) => return Err(missing(crate::history::FILE)),
        (None, None) => return Err(EvidenceError::Open(format!("there is no {}", crate::history::FILE))),
    };
    let history = match (History::parse(&events), &manifest) {
        (Err(EvidenceError::Open(_)), Some(_)) => {
            return Err(EvidenceError::altered(
                crate::history::FILE,
                "line 1",
                "no whole record",
                "the opening record",
            ));
        }
        (history, _) => history?,
    };
    let run = whole(RUN_FILE)?.ok_or_else(|| missing(RUN_FILE))?;
    let found = digest::sha256(&run);
    if found != history.run_digest() {
        return Err(EvidenceError::altered(
            RUN_FILE,
            "",
            format!("SHA-256 {found}"),
            format!("{}, as line 1 of {} says", history.run_digest(), crate::history::FILE),
        ));
    }
    let inputs = RunInputs::parse(&run)?;
    digests.remove(MANIFEST_FILE);
    let (ledger, ledger_cut) = if paths.contains(operations::FILE) {
        let (ledger, cut, found) = read_ledger(files, history.closed.as_ref())?;
        digests.insert(operations::FILE.to_owned(), found);
        (ledger, cut)
    } else if history.closed.is_some() {
        return Err(missing(operations::FILE));
    } else {
        let cut = Cut {
            place: "the first 16 bytes".to_owned(),
            bytes: 0,
        };
        (Ledger::default(), Some(cut))
    };
    for path in &paths {
        if path != MANIFEST_FILE && !digests.contains_key(path) {
            let mut running = digest::Running::default();
            files
                .read(path, &mut |bytes| running.feed(bytes))
                .map_err(|why| unreadable(path, why))?;
            digests.insert(path.clone(), running.hex());
        }
    }
    if let Some(closing) = &history.closed {
        check_closing(closing, &ledger, &digests)?;
        check_references(&history, &ledger)?;
    }
    Ok((
        Evidence {
            inputs,
            history,
            ledger,
            ledger_cut,
            digests,
        },
        manifest,
    ))
}

fn read_ledger(
    files: &dyn RunFiles,
    closing: Option<&Closing>,
) -> Result<(Ledger, Option<Cut>, String), EvidenceError> {
    let length = files
        .length(operations::FILE)
        .map_err(|why| unreadable(operations::FILE, why))?;
    // What the closing event counts is believed as far as the file is long enough for it.
    let room = |count: u64, width: usize| usize::try_from(count.min(length / width as u64)).unwrap_or(0);
    let counted = |closing: &Closing| {
        closing
            .operations
            .values()
            .fold(0_u64, |sum, count| sum.saturating_add(*count))
    };
    let mut reader = operations::Reader::new(
        room(closing.map_or(u64::MAX, counted), operations::OPERATION),
        room(closing.map_or(0, |closing| closing.found), operations::FOUND),
    );
    let mut running = digest::Running::default();
    files
        .read(operations::FILE, &mut |bytes| {
            running.feed(bytes);
            reader.feed(bytes);
        })
        .map_err(|why| unreadable(operations::FILE, why))?;
    let (ledger, cut) = reader.finish()?;
    match cut {
        Some(cut) if closing.is_some() => {
            let found = format!("the file's end after {} bytes", cut.bytes);
            Err(EvidenceError::altered(operations::FILE, cut.place, found, "all of it"))
        }
        cut => Ok((ledger, cut, running.hex())),
    }
}

/// Counts and digests of the closing event against what is there.
fn check_closing(closing: &Closing, ledger: &Ledger, digests: &BTreeMap<String, String>) -> Result<(), EvidenceError> {
    let says = || format!("as the closing event in {} says", crate::history::FILE);
    let altered = |path: &str, found: String, expected: String| {
        Err(EvidenceError::altered(
            path,
            "",
            found,
            format!("{expected}, {}", says()),
        ))
    };
    let outcomes = ledger.outcomes();
    for (outcome, found) in &outcomes {
        let expected = closing.operations.get(outcome).copied().unwrap_or(0);
        if *found != expected {
            return altered(
                operations::FILE,
                format!("{found} operations {outcome}"),
                expected.to_string(),
            );
        }
    }
    if let Some(unknown) = closing
        .operations
        .keys()
        .find(|outcome| !outcomes.contains_key(*outcome))
    {
        let known = OUTCOMES.map(|(_, name)| name).join(", ");
        let found = format!("a count of `{unknown}` operations");
        return Err(EvidenceError::altered(
            crate::history::FILE,
            "the closing record",
            found,
            known,
        ));
    }
    if ledger.found.len() as u64 != closing.found {
        return altered(
            operations::FILE,
            format!("{} found rows", ledger.found.len()),
            closing.found.to_string(),
        );
    }
    if !closing.digests.contains_key(operations::FILE) {
        let expected = format!("one of `{}`", operations::FILE);
        return Err(EvidenceError::altered(
            crate::history::FILE,
            "the closing record",
            "no digest of it",
            expected,
        ));
    }
    for (path, expected) in &closing.digests {
        match digests.get(path) {
            None => return altered(path, "no such file".to_owned(), format!("one of SHA-256 {expected}")),
            Some(found) if found != expected => {
                return altered(path, format!("SHA-256 {found}"), expected.clone());
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Every class, space and incarnation that the ledger names must have been declared by an event.
fn check_references(history: &History, ledger: &Ledger) -> Result<(), EvidenceError> {
    let mut classes = vec![false; 1 << 16];
    let mut spaces = vec![false; 1 << 16];
    let mut incarnations = vec![false; 1 << 16];
    incarnations[usize::from(NO_INCARNATION)] = true;
    for record in &history.records {
        match &record.event {
            Event::Class(class) => {
                classes[usize::from(class.id)] = true;
                spaces[usize::from(class.space)] = true;
            }
            Event::Incarnation { id, .. } => incarnations[usize::from(*id)] = true,
            _ => {}
        }
    }
    let undeclared = |place: String, what: &str, id: u16| {
        let expected = format!("one that an event in {} declares", crate::history::FILE);
        Err(EvidenceError::altered(
            operations::FILE,
            place,
            format!("{what} {id}"),
            expected,
        ))
    };
    for (index, operation) in ledger.operations.iter().enumerate() {
        let place = || format!("operation {}", index + 1);
        if !classes[usize::from(operation.class)] {
            return undeclared(place(), "class", operation.class);
        }
        if !incarnations[usize::from(operation.incarnation)] {
            return undeclared(place(), "incarnation", operation.incarnation);
        }
    }
    for (index, row) in ledger.found.iter().enumerate() {
        let place = || format!("found row {}", index + 1);
        if !spaces[usize::from(row.space)] {
            return undeclared(place(), "space", row.space);
        }
        if !incarnations[usize::from(row.incarnation)] {
            return undeclared(place(), "incarnation", row.incarnation);
        }
    }
    Ok(())
}

fn missing(path: &str) -> EvidenceError {
    EvidenceError::altered(path, "", "no such file", "one, as in every run")
}

fn unreadable(path: &str, why: String) -> EvidenceError {
    EvidenceError::Unreadable {
        file: path.to_owned(),
        why: format!("{why}; make it readable and judge again"),
    }
}

#[cfg(test)]
mod tests;
