//! `firedrill runs push`: finished runs into a bucket. What is no finished run, or does not lead to its own verdict, stays.

use std::path::PathBuf;

use clap::Args;
use firedrill_core::judge::duration::bytes;
use serde_json::json;
use tabled::builder::Builder;

use super::{Folder, begun, print};
use crate::command::Failure;
use crate::command::output::out;
use crate::history::{self, Place, Prefix, Pushed};
use crate::runs;

/// `firedrill runs push`
#[derive(Args, Debug)]
#[command(after_help = "\
A run that is there already is left as it is, so that the command can be given again and again. Endpoint, region and
credentials are taken from AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.

Examples:
  firedrill runs push --to s3://evidence/drills                       all finished runs of ./firedrill-runs
  firedrill runs push firedrill-runs/RUN --to s3://evidence/drills    this one")]
pub struct Push {
    /// Run directories; all finished runs of the folder if none is named.
    pub runs: Vec<PathBuf>,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub folder: Folder,

    /// Where to: s3://BUCKET/PREFIX.
    #[arg(long, value_name = "PLACE")]
    pub to: PathBuf,
}

/// Runs the command.
pub(super) fn push(how: &Push, json: bool) -> Result<u8, Failure> {
    let Place::Bucket(to) = Place::of(&how.to)? else {
        return Err(Failure::Input(miette::miette!(
            help = "expected s3://BUCKET/PREFIX; a folder needs nothing but `cp -r`",
            "--to: {} is no bucket",
            how.to.display()
        )));
    };
    let named = !how.runs.is_empty();
    let directories: Vec<PathBuf> = if named {
        how.runs.clone()
    } else {
        begun(&how.folder.output)?
            .into_iter()
            .map(|run| run.directory)
            .collect()
    };
    let mut rows = Vec::new();
    let mut table = Builder::new();
    table.push_record(["run", "sent", ""]);
    let (mut stayed, mut refused) = (0, 0);
    for directory in &directories {
        let run = directory.file_name().unwrap_or(directory.as_os_str()).to_string_lossy();
        let (sent, what) = match one(directory, &to)? {
            Ok(Pushed::Now(sent)) => (sent, "is there now".to_owned()),
            Ok(Pushed::Before) => (0, "was there".to_owned()),
            Ok(Pushed::Refused(why)) => {
                refused += 1;
                (0, format!("stays: {why}"))
            }
            Err(why) => {
                stayed += 1;
                (0, format!("stays: {why}"))
            }
        };
        table.push_record([&run, bytes(sent).as_str(), &what]);
        rows.push(json!({
            "run": run, "bytes": sent, "there": !what.starts_with("stays"), "what": what,
        }));
    }
    if directories.is_empty() && !json {
        out!("no runs in {}", how.folder.output.display());
        return Ok(0);
    }
    print(json, &rows.into(), table)?;
    // What lies in a folder may be unfinished; what was asked for by name must go, and two runs of a name are a mistake.
    Ok(if refused > 0 || (named && stayed > 0) { 2 } else { 0 })
}

/// Pushes a run, or says why it stays.
fn one(directory: &std::path::Path, to: &Prefix) -> Result<Result<Pushed, String>, Failure> {
    match runs::read_run(directory) {
        None => Ok(Err("it is no run directory".to_owned())),
        Some(run) => match run.past.problem {
            Some(problem) => Ok(Err(problem)),
            None => history::push(directory, to).map(Ok),
        },
    }
}
