//! `firedrill runs`: what drills have left in a folder or a bucket, putting it there, and removing what is no longer wanted.

mod prune;
mod push;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use firedrill_core::Outcome;
use firedrill_core::judge::duration::bytes;
use serde_json::json;
use tabled::builder::Builder;

use super::Failure;
use super::output::out;
use super::plan::print;
use crate::cli::Cli;
use crate::history::{self, Place};
use crate::run_directory::InUse;
use crate::runs::{self, StoredRun};

/// More entries are not counted for a run's size.
const ENTRIES_MAX: usize = 100_000;

/// `firedrill runs`
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// The runs of a folder, newest first: scenario, verdict, size.
    List {
        /// Folder of run directories, or s3://BUCKET/PREFIX.
        #[arg(
            long,
            default_value = "firedrill-runs",
            value_name = "PLACE",
            env = "FIREDRILL_OUTPUT"
        )]
        output: PathBuf,
    },
    /// Put finished runs into a bucket, where `schedule`, `kpis`, `suite` and `runs list` find them.
    Push(push::Push),
    /// Remove runs that are no longer wanted; says what it would remove unless --yes is given.
    Prune(Prune),
}

/// Which folder of runs.
#[derive(Args, Clone, Debug)]
pub struct Folder {
    /// Folder of run directories.
    #[arg(long, default_value = "firedrill-runs", value_name = "DIR", env = "FIREDRILL_OUTPUT", value_parser = history::folder())]
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
        RunsCommand::List { output } => list(&Place::of(output)?, cli.quiet, json),
        RunsCommand::Push(how) => push::push(how, json),
        RunsCommand::Prune(how) => prune::prune(how, json),
    }
}

/// The runs of a folder as far as they tell how they began.
fn begun(folder: &Path) -> Result<Vec<StoredRun>, Failure> {
    let found = runs::begun(folder).map_err(|error| {
        Failure::Input(miette::miette!(
            help = "name the folder of run directories with --output DIR",
            "{} cannot be listed: {error}",
            folder.display()
        ))
    })?;
    Ok(complete(found, &folder.display()))
}

/// The runs that were read; says how many were not.
fn complete(found: runs::Runs, place: &dyn std::fmt::Display) -> Vec<StoredRun> {
    if found.left_out > 0 {
        crate::view::say(&format!(
            "firedrill: {place} has {} entries more than are looked at; the oldest are left out",
            found.left_out
        ));
    }
    found.runs
}

fn list(place: &Place, quiet: bool, json: bool) -> Result<u8, Failure> {
    let stored = complete(history::read(place, quiet)?, place);
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
        let directory = match place {
            Place::Folder(_) => run.directory.display().to_string(),
            Place::Bucket(prefix) => format!("{prefix}/{}", run.past.run),
        };
        rows.push(json!({
            "run": run.past.run, "directory": directory, "started": run.past.started, "plan": run.past.plan,
            "scenario": run.past.scenario, "outcome": run.past.outcome, "bytes": size, "note": note,
        }));
    }
    if stored.is_empty() && !json {
        out!("no runs in {place}");
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
    } else if firedrill_environment::clean::is_left_of(&run.directory) {
        Some("what it ran is still there; `firedrill clean` with the path of its directory ends it")
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
