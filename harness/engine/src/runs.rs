//! The runs of the past: what lies in a folder of run directories, the broken ones among them.
//!
//! Nothing is judged again here. A stored verdict counts only if the manifest beside it lists it as it is; whether the
//! manifest itself is what the evidence leads to, `firedrill judge` tells.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use firedrill_core::Verdict;
use firedrill_core::evidence::digest::sha256;
use firedrill_core::evidence::{MANIFEST_FILE, Manifest, RUN_FILE, VERDICT_FILE};
use firedrill_core::past::PastRun;
use serde_json::Value;

/// More entries of a folder than this are not looked at.
pub const RUNS_MAX: usize = 10_000;
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

/// Reads all runs of a folder. One that does not exist holds none; what is no run is passed over; a broken run is listed
/// with its problem.
///
/// # Errors
/// When the folder cannot be listed.
pub fn read(folder: &Path) -> io::Result<Runs> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Runs::default()),
        Err(error) => return Err(error),
    };
    let mut directories = Vec::new();
    for entry in entries {
        let entry = entry?;
        // A link could lead anywhere, also back here.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            directories.push(entry.path());
        }
    }
    // Names begin with the time of the start: the newest stay where there are too many.
    directories.sort();
    let left_out = directories.len().saturating_sub(RUNS_MAX);
    let mut runs: Vec<StoredRun> = directories
        .drain(left_out..)
        .filter_map(|path| read_run(&path))
        .collect();
    runs.sort_by(|a, b| (&b.past.started, &b.past.run).cmp(&(&a.past.started, &a.past.run)));
    Ok(Runs { runs, left_out })
}

/// Reads one run directory; `None` if it is none.
#[must_use]
pub fn read_run(directory: &Path) -> Option<StoredRun> {
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
    past.problem = match started_with(directory, &mut past) {
        Err(problem) => Some(problem),
        Ok(()) => match verdict(directory) {
            Ok(verdict) => {
                past = past.with(&verdict);
                past.altered |= !verdict.altered.is_empty();
                None
            }
            Err(problem) => Some(problem),
        },
    };
    Some(StoredRun {
        directory: directory.to_owned(),
        past,
    })
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

/// The stored verdict, if the manifest lists it as it is.
fn verdict(directory: &Path) -> Result<Verdict, String> {
    let listed = match bytes(directory, MANIFEST_FILE) {
        Ok(bytes) => Manifest::parse(&bytes).map_err(|error| error.to_string())?,
        Err(_) => return Err("it did not come to its end, or is still under way: no manifest".into()),
    };
    let bytes = bytes(directory, VERDICT_FILE)?;
    match listed.files.get(VERDICT_FILE) {
        Some(digest) if *digest == sha256(&bytes) => {}
        Some(_) => return Err(format!("{VERDICT_FILE} is not what the manifest lists: it was altered")),
        None => return Err(format!("the manifest lists no {VERDICT_FILE}")),
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        format!("{VERDICT_FILE} was written by another version of firedrill ({error}); judge the run again")
    })
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
