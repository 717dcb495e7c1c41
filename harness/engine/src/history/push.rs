//! Putting a finished run into the bucket. The manifest goes last: a run without one has not come whole, and counts for
//! nothing until it is pushed again. What lies there already is never written over by something else.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use firedrill_core::evidence::{MANIFEST_FILE, RunFiles as _};

use super::bucket::{Bucket, Object};
use super::place::{Prefix, is_name};
use super::wait;
use crate::command::Failure;
use crate::run_directory::DirectoryFiles;

/// How long one run may take.
const DEADLINE: Duration = Duration::from_secs(600);

/// What pushing a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It is there now; bytes that were sent.
    Now(u64),
    /// It was there already, the same.
    Before,
    /// Something else of its name is there, and is not written over: what, and what to do.
    Refused(String),
}

/// Puts a run directory into the bucket, under its own name. Whether it is a finished run is for the caller to say.
///
/// # Errors
/// [`Failure::Input`]: the place cannot be written as it is named; [`Failure::Harness`]: the store failed.
pub fn push(directory: &Path, to: &Prefix) -> Result<Pushed, Failure> {
    let bucket = Bucket::open(to)?;
    let run = fs::canonicalize(directory)
        .ok()
        .and_then(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .filter(|name| is_name(name))
        .ok_or_else(|| {
            Failure::Input(miette::miette!(
                "{} has no name that a key can have",
                directory.display()
            ))
        })?;
    wait(async {
        tokio::time::timeout(DEADLINE, send(&bucket, directory, &run))
            .await
            .unwrap_or_else(|_| {
                Err(Failure::Harness(miette::miette!(
                    help = "it counts for nothing until it is there whole: push it again",
                    "{to}/{run} was not sent within {} s",
                    DEADLINE.as_secs()
                )))
            })
    })
}

async fn send(bucket: &Bucket, directory: &Path, run: &str) -> Result<Pushed, Failure> {
    let unreadable = |why: String| Failure::Input(miette::miette!("{}: {why}", directory.display()));
    let files = DirectoryFiles::new(directory).paths().map_err(unreadable)?;
    let there = bucket.list(Some(run)).await?;
    if let Some(manifest) = there.iter().find(|object| object.file == MANIFEST_FILE) {
        return same(bucket, directory, manifest).await;
    }
    // Parts of the same run that did not come whole are written over; what is not of it would make it an altered one.
    let mine: BTreeSet<&str> = files.iter().map(String::as_str).collect();
    if let Some(odd) = there.iter().find(|object| !mine.contains(object.file.as_str())) {
        return Ok(Pushed::Refused(format!(
            "{}/{run} holds {}, which this run does not have: remove what is there, or choose another prefix",
            bucket.place(),
            odd.file
        )));
    }
    let mut bytes = 0;
    for file in files.iter().filter(|file| *file != MANIFEST_FILE) {
        bytes += bucket.put(run, file, &directory.join(file)).await?;
    }
    bytes += bucket.put(run, MANIFEST_FILE, &directory.join(MANIFEST_FILE)).await?;
    Ok(Pushed::Now(bytes))
}

/// A run that is there already: the same, or refused.
async fn same(bucket: &Bucket, directory: &Path, manifest: &Object) -> Result<Pushed, Failure> {
    let mine = fs::read(directory.join(MANIFEST_FILE))
        .map_err(|error| Failure::Input(miette::miette!("{}: {error}", directory.display())))?;
    let mut there = Vec::new();
    if manifest.bytes == mine.len() as u64 {
        bucket.get(manifest, manifest.bytes, &mut there).await?;
    }
    if there == mine {
        return Ok(Pushed::Before);
    }
    Ok(Pushed::Refused(format!(
        "{}/{} is there already with other evidence, which is not written over: remove what is there, or choose another \
         prefix",
        bucket.place(),
        manifest.run
    )))
}
