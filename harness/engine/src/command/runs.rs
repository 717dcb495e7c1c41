//! `firedrill runs`: what drills have left in a folder, and removing what is no longer wanted of it.
//!
//! Removed is only what is a run directory of firedrill, lies directly in the folder, and is used by nobody.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use firedrill_core::Outcome;
use firedrill_core::judge::duration::bytes;
use serde_json::json;
use tabled::builder::Builder;

use super::Failure;
use super::output::out;
use super::plan::print;
use crate::cli::Cli;
use crate::run_directory::InUse;
use crate::runs::{self, StoredRun};

/// More entries are not counted for a run's size.
const ENTRIES_MAX: usize = 100_000;
/// A larger file tells of no run: plan and scenario have a megabyte each at most.
const RUN_FILE_MAX: u64 = 32 << 20;

/// `firedrill runs`
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// The runs of a folder, newest first: scenario, verdict, size.
    List {
        #[command(flatten)]
        #[allow(missing_docs)]
        folder: Folder,
    },
    /// Remove runs that are no longer wanted; says what it would remove unless --yes is given.
    Prune(Prune),
}

/// Which folder of runs.
#[derive(Args, Clone, Debug)]
pub struct Folder {
    /// Folder of run directories.
    #[arg(long, default_value = "firedrill-runs", value_name = "DIR", env = "FIREDRILL_OUTPUT")]
    pub output: PathBuf,
}

/// `firedrill runs prune`
#[derive(Args, Debug)]
#[command(after_help = "With both --keep and --older-than a run goes only if both let it go.")]
pub struct Prune {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub folder: Folder,

    /// Keep the newest N runs.
    #[arg(long, value_name = "N", required_unless_present = "older_than")]
    pub keep: Option<usize>,

    /// Only runs that began longer ago (`30d`, `12h`).
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub older_than: Option<Duration>,

    /// Remove them.
    #[arg(long)]
    pub yes: bool,
}

/// Runs the command.
pub fn run(command: &RunsCommand, cli: &Cli) -> Result<u8, Failure> {
    let json = super::text_or_json(cli, "runs")?;
    match command {
        RunsCommand::List { folder } => list(&folder.output, json),
        RunsCommand::Prune(how) => prune(how, json),
    }
}

fn read(folder: &Path, how: impl FnOnce(&Path) -> std::io::Result<runs::Runs>) -> Result<Vec<StoredRun>, Failure> {
    let found = how(folder).map_err(|error| {
        Failure::Input(miette::miette!(
            help = "name the folder of run directories with --output DIR",
            "{} cannot be listed: {error}",
            folder.display()
        ))
    })?;
    if found.left_out > 0 {
        crate::view::say(&format!(
            "firedrill: {} has {} entries more than are looked at; the oldest are left out",
            folder.display(),
            found.left_out
        ));
    }
    Ok(found.runs)
}

fn list(folder: &Path, json: bool) -> Result<u8, Failure> {
    let stored = read(folder, runs::read)?;
    let living = living();
    let mut table = Builder::new();
    table.push_record(["run", "scenario", "verdict", "size", "note"]);
    let mut rows = Vec::new();
    for run in &stored {
        let size = size(&run.directory);
        let note = match (used(run, &living), &run.past.problem) {
            (Some(how), _) => how.to_owned(),
            (None, Some(problem)) => problem.clone(),
            (None, None) if run.past.sealed_by_another => "sealed by another program: counts for nothing".to_owned(),
            (None, None) => String::new(),
        };
        let verdict = run.past.outcome.map_or("none", Outcome::word);
        table.push_record([&run.past.run, &run.past.scenario, verdict, &bytes(size), &note]);
        rows.push(json!({
            "run": run.past.run, "directory": run.directory, "started": run.past.started, "plan": run.past.plan,
            "scenario": run.past.scenario, "outcome": run.past.outcome, "bytes": size, "note": note,
        }));
    }
    if stored.is_empty() && !json {
        out!("no runs in {}", folder.display());
        return Ok(0);
    }
    print(json, &rows.into(), table)?;
    Ok(0)
}

/// Run directories of drills that are at work or kept.
fn living() -> BTreeSet<PathBuf> {
    let living = firedrill_environment::clean::living();
    living.into_iter().map(|path| real(&path)).collect()
}

fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// How a run is being used now.
fn used(run: &StoredRun, living: &BTreeSet<PathBuf>) -> Option<&'static str> {
    if living.contains(&real(&run.directory)) {
        Some("its services run; `firedrill clean` ends them if they are kept")
    } else if InUse::alone(&run.directory).is_none() {
        Some("in use")
    } else {
        None
    }
}

/// Bytes of a run's files; links are not followed.
fn size(directory: &Path) -> u64 {
    let mut open = vec![directory.to_owned()];
    let (mut sum, mut seen) = (0_u64, 0);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            seen += 1;
            if seen > ENTRIES_MAX {
                return sum;
            }
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => open.push(entry.path()),
                Ok(meta) => sum = sum.saturating_add(meta.len()),
                Err(_) => {}
            }
        }
    }
    sum
}

/// Why a run that was to go is still there.
#[derive(Debug, thiserror::Error)]
enum Left {
    /// It must not go.
    #[error("stays: {0}")]
    Stays(&'static str),
    /// The system refused.
    #[error("could not be removed: {0}")]
    Failed(std::io::Error),
}

fn prune(how: &Prune, json: bool) -> Result<u8, Failure> {
    let stored = read(&how.folder.output, runs::begun)?;
    let living = living();
    let now = SystemTime::now();
    let mut rows = Vec::new();
    let mut table = Builder::new();
    table.push_record(["run", "size", if how.yes { "" } else { "would be" }]);
    let (mut freed, mut gone, mut failed) = (0_u64, 0, false);
    for (index, run) in stored.iter().enumerate() {
        if !goes(index, run, how, now) {
            continue;
        }
        let size = size(&run.directory);
        let outcome = match (used(run, &living), ours(&run.directory)) {
            (Some(why), _) => Err(Left::Stays(why)),
            (None, false) => Err(Left::Stays("it is not a run that firedrill recorded")),
            (None, true) if how.yes => remove(&how.folder.output, &run.directory),
            (None, true) => Ok(()),
        };
        let word = match &outcome {
            Ok(()) => {
                gone += 1;
                freed += size;
                "removed".to_owned()
            }
            Err(why) => {
                failed |= matches!(why, Left::Failed(_));
                why.to_string()
            }
        };
        table.push_record([&run.past.run, &bytes(size), &word]);
        rows.push(json!({"run": run.past.run, "bytes": size, "removed": outcome.is_ok() && how.yes, "what": word}));
    }
    if json {
        out!("{:#}", json!({"removed": how.yes, "bytes": freed, "runs": rows}));
    } else {
        if !rows.is_empty() {
            print(false, &serde_json::Value::Null, table)?;
        }
        let runs = if gone == 1 { "run" } else { "runs" };
        if how.yes {
            out!("{gone} {runs} removed, {} freed", bytes(freed));
        } else {
            out!(
                "{gone} {runs} of {} would be removed; add --yes to remove them",
                bytes(freed)
            );
        }
    }
    if failed {
        return Err(Failure::Harness(miette::miette!("not every run could be removed")));
    }
    Ok(0)
}

/// Whether the rules let a run go; `index` counts from the newest. One whose age is not known is not old.
fn goes(index: usize, run: &StoredRun, how: &Prune, now: SystemTime) -> bool {
    if how.keep.is_some_and(|keep| index < keep) {
        return false;
    }
    let Some(age) = how.older_than else {
        return true;
    };
    humantime::parse_rfc3339(&run.past.started)
        .is_ok_and(|started| now.duration_since(started).is_ok_and(|since| since > age))
}

/// Whether a directory is what a drill leaves: its start is told as firedrill tells it, and a history was begun.
fn ours(directory: &Path) -> bool {
    let plain = |name: &str| fs::symlink_metadata(directory.join(name)).is_ok_and(|meta| meta.is_file());
    let small = fs::metadata(directory.join("run.json")).is_ok_and(|meta| meta.len() <= RUN_FILE_MAX);
    let told = small
        .then(|| fs::read(directory.join("run.json")).ok())
        .flatten()
        .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok())
        .is_some_and(|value| {
            ["schema", "run", "started", "terms", "seed"]
                .iter()
                .all(|key| value.get(key).is_some())
        });
    told && plain("run.json") && plain("events.jsonl")
}

/// Removes a run directory that lies directly in the folder, under a lock that nobody else holds.
fn remove(folder: &Path, directory: &Path) -> Result<(), Left> {
    if real(directory).parent() != Some(real(folder).as_path()) {
        return Err(Left::Stays("it does not lie in the folder"));
    }
    let Some(_alone) = InUse::alone(directory) else {
        return Err(Left::Stays("in use"));
    };
    fs::remove_dir_all(directory).map_err(Left::Failed)
}

#[cfg(test)]
mod tests {
    use firedrill_core::past::PastRun;

    use super::*;

    fn stored(folder: &Path, name: &str, started: &str) -> StoredRun {
        let directory = folder.join(name);
        fs::create_dir(&directory).expect("a folder");
        let run = json!({"schema": 1, "run": name, "started": started, "terms": {}, "seed": 1});
        fs::write(directory.join("run.json"), run.to_string()).expect("written");
        fs::write(directory.join("events.jsonl"), "{}\n").expect("written");
        StoredRun {
            directory,
            past: PastRun {
                run: name.to_owned(),
                started: started.to_owned(),
                ..PastRun::default()
            },
        }
    }

    fn how(folder: &Path, keep: Option<usize>, older_than: Option<&str>) -> Prune {
        Prune {
            folder: Folder {
                output: folder.to_owned(),
            },
            keep,
            older_than: older_than.map(|text| humantime::parse_duration(text).expect("a time")),
            yes: true,
        }
    }

    #[test]
    fn what_goes_is_old_enough_and_beyond_those_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = humantime::parse_rfc3339("2026-06-30T00:00:00Z").expect("a time");
        let old = stored(folder.path(), "old", "2026-06-01T00:00:00Z");
        let new = stored(folder.path(), "new", "2026-06-29T12:00:00Z");
        let odd = stored(folder.path(), "odd", "");
        let goes = |index, run: &StoredRun, keep, age| goes(index, run, &how(folder.path(), keep, age), now);
        assert!(goes(1, &old, Some(1), None) && !goes(0, &old, Some(1), None));
        assert!(goes(0, &old, None, Some("20d")) && !goes(0, &new, None, Some("20d")));
        assert!(!goes(0, &old, Some(1), Some("20d")) && !goes(5, &new, Some(1), Some("20d")));
        assert!(!goes(5, &odd, None, Some("1s")), "an unknown age is no age");
    }

    #[test]
    fn only_a_run_inside_the_folder_that_nobody_uses_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let elsewhere = tempfile::tempdir().expect("another folder");
        let run = stored(folder.path(), "run", "2026-06-01T00:00:00Z");
        let other = stored(elsewhere.path(), "other", "2026-06-01T00:00:00Z");
        assert!(remove(folder.path(), &other.directory).is_err());
        assert!(other.directory.exists());
        let in_use = InUse::claim(&run.directory).expect("a lock");
        assert_eq!(used(&run, &BTreeSet::new()), Some("in use"));
        assert!(remove(folder.path(), &run.directory).is_err() && run.directory.exists());
        drop(in_use);
        assert_eq!(used(&run, &BTreeSet::new()), None);
        assert!(used(&run, &[real(&run.directory)].into()).is_some(), "its services run");
        assert!(ours(&run.directory));
        remove(folder.path(), &run.directory).expect("it goes");
        assert!(!run.directory.exists());
        let photos = folder.path().join("photos");
        fs::create_dir(&photos).expect("a folder");
        fs::write(photos.join("run.json"), "{}").expect("written");
        assert!(!ours(&photos));
    }
}
