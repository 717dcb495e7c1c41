//! `firedrill clean`: removes what dead drills left where even their supervisor could not, and ends kept ones.

use std::path::PathBuf;

use firedrill_environment::clean::{Filter, clean as sweep, kept, places};

use super::Failure;
use super::output::out;
use crate::cli::{Clean, Cli};

/// Runs the command.
pub fn clean(clean: &Clean, cli: &Cli) -> Result<u8, Failure> {
    let json = super::text_or_json(cli, "clean")?;
    let filter = match &clean.run {
        Some(run) => Filter::Run(PathBuf::from(run.trim_end_matches('/'))),
        None => Filter::Dead,
    };
    let cleaned = sweep(&filter);
    if json {
        let rows: Vec<_> = cleaned
            .iter()
            .map(
                |one| serde_json::json!({"runtime": one.runtime, "processes": one.processes, "complete": one.complete}),
            )
            .collect();
        out!("{}", serde_json::Value::from(rows));
    } else {
        for one in &cleaned {
            let word = if one.complete {
                "removed"
            } else {
                "COULD NOT REMOVE ALL OF"
            };
            out!("{word} {} ({} processes ended)", one.runtime.display(), one.processes);
        }
        if cleaned.is_empty() && clean.run.is_none() {
            out!("nothing to clean in {}", looked_in());
        }
        for kept in kept() {
            let name = kept.run.as_ref().unwrap_or(&kept.runtime);
            out!(
                "kept: {}; `firedrill clean {}` ends it",
                kept.runtime.display(),
                name.display()
            );
        }
    }
    if let (Some(run), true) = (&clean.run, cleaned.is_empty()) {
        return Err(Failure::Input(miette::miette!(
            help = "`firedrill clean` without a name lists what is kept; a drill of another TMPDIR is found by the path of its \
                    run directory",
            "no drill that could be ended is named `{run}`: it is not in {}, or it is still at work",
            looked_in()
        )));
    }
    if cleaned.iter().all(|one| one.complete) {
        return Ok(0);
    }
    Err(Failure::Harness(miette::miette!(
        help = "processes of another user can only be ended by root or by that user",
        "something of a drill could not be removed"
    )))
}

/// Where runs are looked for, in words.
fn looked_in() -> String {
    let places: Vec<_> = places().iter().map(|place| place.display().to_string()).collect();
    places.join(" and ")
}
