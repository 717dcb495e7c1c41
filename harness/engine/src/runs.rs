//! The runs of the past: what lies in a folder of run directories, the broken ones among them.
//!
//! Every run is judged again: a verdict counts because the evidence leads to it, not because a file beside it says so.
//! Several are judged at once, since a folder may hold the runs of a year.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use firedrill_core::Verdict;
use firedrill_core::evidence::{MANIFEST_FILE, RUN_FILE, VERDICT_FILE};
use firedrill_core::past::PastRun;
use serde_json::Value;

use crate::judged::JudgedRun;

/// More entries of a folder than this are not looked at.
pub const RUNS_MAX: usize = 10_000;
/// What the name of a run directory begins with once its removal has begun: it is no run any more.
pub const PRUNED: &str = ".pruned-";
/// A larger file is none of a run's: plan and scenario have a megabyte each at most.
const BYTES_MAX: u64 = 32 << 20;

/// A run directory.
#[derive(Clone, Debug)]
pub struct StoredRun {
    /// Where it lies.
    pub directory: PathBuf,
    /// What it says.
    pub past: PastRun,
}

/// The runs of a folder.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    /// Newest first.
    pub runs: Vec<StoredRun>,
    /// Entries that were not looked at, since there are too many.
    pub left_out: usize,
}

impl Runs {
    /// What they say, newest first.
    pub fn past(&self) -> impl Iterator<Item = &PastRun> {
        self.runs.iter().map(|run| &run.past)
    }
}

/// Reads and judges all runs of a folder. One that does not exist holds none; what is no run is passed over; a broken run
/// is listed with its problem.
///
/// # Errors
/// When the folder cannot be listed.
pub fn read(folder: &Path) -> io::Result<Runs> {
    gather(folder, read_run)
}

/// The runs of a folder as far as they tell how they began: without a verdict, since none is judged.
///
/// # Errors
/// When the folder cannot be listed.
pub fn begun(folder: &Path) -> io::Result<Runs> {
    gather(folder, |directory| begin(directory).map(|(run, _)| run))
}

fn gather(folder: &Path, read_one: impl Fn(&Path) -> Option<StoredRun> + Sync) -> io::Result<Runs> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Runs::default()),
        Err(error) => return Err(error),
    };
    let mut directories = Vec::new();
    for entry in entries {
        let entry = entry?;
        // A link could lead anywhere, also back here.
        let pruned = entry.file_name().as_encoded_bytes().starts_with(PRUNED.as_bytes());
        if !pruned && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            directories.push(entry.path());
        }
    }
    // Names begin with the time of the start: the newest stay where there are too many.
    directories.sort();
    let left_out = directories.len().saturating_sub(RUNS_MAX);
    let mut runs = read_all(&directories[left_out..], &read_one);
    newest_first(&mut runs);
    Ok(Runs { runs, left_out })
}

/// Puts runs into the order of their starts, the newest first.
pub fn newest_first(runs: &mut [StoredRun]) {
    runs.sort_by(|a, b| (&b.past.started, &b.past.run).cmp(&(&a.past.started, &a.past.run)));
}

/// Reads the directories, as many at once as the machine has processors.
fn read_all(directories: &[PathBuf], read_one: &(impl Fn(&Path) -> Option<StoredRun> + Sync)) -> Vec<StoredRun> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = Vec::new();
        while let Some(directory) = directories.get(next.fetch_add(1, Ordering::Relaxed)) {
            found.extend(read_one(directory));
        }
        found
    };
    let workers = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..workers.min(directories.len())).map(|_| scope.spawn(work)).collect();
        let mut found = work();
        for other in others {
            // A panic of a worker is this program's own fault: it goes on up.
            found.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        found
    })
}

/// Reads and judges one run directory; `None` if it is none.
#[must_use]
pub fn read_run(directory: &Path) -> Option<StoredRun> {
    let (mut run, whole) = begin(directory)?;
    if whole {
        match verdict(directory) {
            Ok(verdict) => {
                run.past = run.past.with(&verdict);
                run.past.altered |= !verdict.altered.is_empty();
            }
            Err(problem) => run.past.problem = Some(problem),
        }
    }
    Some(run)
}

/// A run as far as its `run.json` tells, and whether that tells all; `None` if the directory is no run.
fn begin(directory: &Path) -> Option<(StoredRun, bool)> {
    let holds = |name: &str| fs::symlink_metadata(directory.join(name)).is_ok_and(|meta| meta.is_file());
    let is_run = holds(RUN_FILE) || (holds("events.jsonl") && holds(MANIFEST_FILE));
    if !is_run {
        return None;
    }
    let mut past = PastRun {
        run: directory
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        ..PastRun::default()
    };
    past.problem = started_with(directory, &mut past).err();
    let whole = past.problem.is_none();
    let directory = directory.to_owned();
    Some((StoredRun { directory, past }, whole))
}

/// What `run.json` says, read loosely: runs of other versions have keys that this one does not know.
fn started_with(directory: &Path, past: &mut PastRun) -> Result<(), String> {
    let bytes = bytes(directory, RUN_FILE)?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| format!("{RUN_FILE} is no JSON: {error}"))?;
    let text = |pointer: &str| {
        value
            .pointer(pointer)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| {
                format!(
                    "{RUN_FILE} has no `{}`",
                    pointer.trim_start_matches('/').replace('/', ".")
                )
            })
    };
    past.started = text("/started")?;
    past.plan = text("/terms/plan")?;
    past.scenario = text("/terms/scenario")?;
    past.scenario_sha256 = text("/scenario/sha256")?;
    past.environment = text("/environment")?;
    if let Some(settings) = value.get("settings").and_then(Value::as_object) {
        past.twin = settings.get("twin").and_then(Value::as_str).map(str::to_owned);
        past.altered = settings.keys().any(|key| key != "twin");
    }
    Ok(())
}

/// The verdict that the evidence leads to, if the stored one says the same.
fn verdict(directory: &Path) -> Result<Verdict, String> {
    if !directory.join(MANIFEST_FILE).exists() {
        return Err("it did not come to its end, or is still under way: no manifest".into());
    }
    let judged = JudgedRun::read(directory)
        .map_err(|error| error.to_string())?
        .judged
        .verdict;
    if !directory.join(VERDICT_FILE).exists() {
        return Ok(judged);
    }
    let stored: Value = serde_json::from_slice(&bytes(directory, VERDICT_FILE)?)
        .map_err(|error| format!("{VERDICT_FILE} is no JSON: {error}"))?;
    // Words may change from version to version; what passed and what did not may not.
    let of = |verdict: &Value| -> (Value, Vec<(Value, Value)>) {
        let findings = verdict["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
        let findings = findings.iter().map(|one| (one["id"].clone(), one["outcome"].clone()));
        (verdict["outcome"].clone(), findings.collect())
    };
    let leads_to = serde_json::to_value(&judged).map_err(|error| error.to_string())?;
    let (stored, leads_to) = (of(&stored), of(&leads_to));
    if stored == leads_to {
        return Ok(judged);
    }
    Err(format!(
        "{VERDICT_FILE} is not what the evidence leads to: it says {}, the evidence {}; look with `firedrill judge`",
        stored.0, leads_to.0
    ))
}

fn bytes(directory: &Path, name: &str) -> Result<Vec<u8>, String> {
    let unreadable = |error: io::Error| format!("{name} cannot be read: {error}");
    let file = File::open(directory.join(name)).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(format!("{name} has more than {BYTES_MAX} bytes"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_runs_are_listed_and_other_folders_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let make = |name: &str, files: &[(&str, &str)]| {
            let directory = folder.path().join(name);
            fs::create_dir(&directory).expect("a folder");
            for (file, text) in files {
                fs::write(directory.join(file), text).expect("a file");
            }
        };
        let started = r#"{"started":"2026-01-05T02:00:00Z","terms":{"plan":"p","scenario":"p/s:t"},
            "scenario":{"sha256":"x"},"environment":"local","settings":{"twin":"t","steady":"5 min"},"later":1}"#;
        make("20260101-no-json", &[(RUN_FILE, "{")]);
        make("20260102-unfinished", &[(RUN_FILE, started)]);
        make(
            "20260103-altered",
            &[
                (RUN_FILE, started),
                (VERDICT_FILE, "{}"),
                (MANIFEST_FILE, "{\"files\":{\"verdict.json\":\"00\"},\"schema\":1}\n"),
            ],
        );
        make("photos", &[("cat.txt", "meow")]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).expect("a link");
        let found = read(folder.path()).expect("a folder");
        let names: Vec<&str> = found.past().map(|run| run.run.as_str()).collect();
        assert_eq!(names, ["20260103-altered", "20260102-unfinished", "20260101-no-json"]);
        assert!(
            found
                .past()
                .all(|run| run.outcome.is_none() && run.problem.is_some() && !run.held())
        );
        let unfinished = &found.runs[1].past;
        assert_eq!((unfinished.twin.as_deref(), unfinished.altered), (Some("t"), true));
        assert!(
            unfinished
                .problem
                .as_ref()
                .is_some_and(|why| why.contains("no manifest"))
        );
        let missing = read(&folder.path().join("nowhere")).expect("none");
        assert!(missing.runs.is_empty());
    }
}
