//! Where runs of the past lie: a folder, or a prefix of an S3 bucket for pipelines whose folders vanish.
//!
//! The one idea: a bucket holds the same files as a folder does, under the same names. They are brought into a cache, each
//! held against the manifest of its run, and from there on a run of a bucket is a run of a folder: judged again.

mod bucket;
mod cache;
mod fetch;
mod place;
mod push;

use std::future::Future;
use std::path::{Path, PathBuf};

use firedrill_core::past::PastRun;

pub use place::{Place, Prefix, folder};
pub use push::{Pushed, push};

use crate::command::Failure;
use crate::runs::{self, Runs, StoredRun};
use bucket::Bucket;
use cache::Cache;

/// Reads and judges the runs of a place, newest first.
///
/// # Errors
/// [`Failure::Input`]: the place cannot be read as it is named; [`Failure::Harness`]: the store or the cache failed.
pub fn read(place: &Place, quiet: bool) -> Result<Runs, Failure> {
    let prefix = match place {
        Place::Folder(folder) => {
            return runs::read(folder).map_err(|error| {
                Failure::Input(miette::miette!(
                    help = "name a folder of run directories, or s3://BUCKET/PREFIX",
                    "{} cannot be read: {error}",
                    folder.display()
                ))
            });
        }
        Place::Bucket(prefix) => prefix,
    };
    let bucket = Bucket::open(prefix)?;
    let cache = Cache::open(&bucket.identity())?;
    let fetched = wait(fetch::all(bucket, cache.folder().to_owned(), quiet))?;
    let mut read = runs::read(cache.folder())
        .map_err(|error| Failure::Harness(miette::miette!("{}: {error}", cache.folder().display())))?;
    read.left_out += fetched.left_out;
    for (run, problem) in fetched.problems {
        read.runs.retain(|known| known.past.run != run);
        read.runs.push(StoredRun {
            directory: cache.folder().join(&run),
            past: PastRun {
                run,
                problem: Some(problem),
                ..PastRun::default()
            },
        });
    }
    runs::newest_first(&mut read.runs);
    Ok(read)
}

/// A run directory that can be read as long as this lives.
pub struct Here {
    directory: PathBuf,
    named: Place,
    /// Nobody else changes the cache meanwhile.
    _cache: Option<Cache>,
}

impl Here {
    /// A run directory of this machine.
    #[must_use]
    pub fn folder(directory: PathBuf) -> Here {
        Here {
            named: Place::Folder(directory.clone()),
            directory,
            _cache: None,
        }
    }

    /// Where its files lie on this machine.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where it is from, for messages.
    #[must_use]
    pub fn named(&self) -> &Place {
        &self.named
    }
}

/// One run of a bucket, by `s3://BUCKET/PREFIX/RUN`.
///
/// # Errors
/// As [`read`]; [`Failure::Input`] too where there is no such run.
pub fn run(named: &Prefix) -> Result<Here, Failure> {
    let (above, name) = named.split().ok_or_else(|| {
        Failure::Input(miette::miette!(
            help = "`firedrill runs list --output s3://BUCKET/PREFIX` names the runs",
            "{named} names no run: expected s3://BUCKET/PREFIX/RUN"
        ))
    })?;
    let bucket = Bucket::open(&above)?;
    let cache = Cache::open(&bucket.identity())?;
    let directory = cache.folder().join(&name);
    wait(fetch::one(bucket, cache.folder().to_owned(), name))?;
    Ok(Here {
        directory,
        named: Place::Bucket(named.clone()),
        _cache: Some(cache),
    })
}

/// Runs what asks a store to its end.
fn wait<T>(asking: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Harness(miette::miette!("no requests can be sent: {error}")))?
        .block_on(asking)
}
