//! A run as commands take it: the path of its directory, its place in a bucket, or the bare name that reports print.

use std::path::{Component, Path, PathBuf};

use super::Failure;
use crate::history::{self, Here, Place};

/// A run that is only read: from its directory, or from a bucket.
///
/// # Errors
/// [`Failure::Input`]: there is none; [`Failure::Harness`]: the store or the cache failed.
pub fn here(run: &Path, runs: &Path) -> Result<Here, Failure> {
    if let Place::Bucket(named) = Place::of(run)? {
        return history::run(&named);
    }
    if !run.exists()
        && is_bare(run)
        && let Place::Bucket(_) = Place::of(runs)?
        && let Place::Bucket(named) = Place::of(&runs.join(run))?
    {
        return history::run(&named);
    }
    directory(run, runs).map(Here::folder)
}

fn is_bare(run: &Path) -> bool {
    let mut parts = run.components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None))
}

/// The directory of a run: the path itself, or the directory of that name in the folder of runs.
///
/// # Errors
/// [`Failure::Input`]: there is neither.
pub fn directory(run: &Path, runs: &Path) -> Result<PathBuf, Failure> {
    if run.exists() {
        return Ok(run.to_owned());
    }
    let missing = |text: String| {
        Failure::Input(miette::miette!(
            help = "`firedrill runs list` names the runs; the path of a run's directory works from everywhere",
            "{text}"
        ))
    };
    if !is_bare(run) {
        return Err(missing(format!("there is no directory {}", run.display())));
    }
    let below = runs.join(run);
    if below.is_dir() {
        return Ok(below);
    }
    Err(missing(format!(
        "there is no run {}, neither here nor in {}",
        run.display(),
        runs.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_is_looked_for_in_the_folder_of_runs_and_nothing_else_is() {
        let runs = tempfile::tempdir().expect("a folder");
        let run = runs.path().join("20261122T071500Z-server-gone-1f2e");
        std::fs::create_dir(&run).expect("a directory");
        let find = |name: &str| directory(Path::new(name), runs.path());
        assert_eq!(find("20261122T071500Z-server-gone-1f2e").expect("by name"), run);
        assert_eq!(find(run.to_str().expect("UTF-8")).expect("by path"), run);
        for (name, said) in [
            ("server-gone", "no run server-gone, neither here nor in"),
            ("../server-gone", "no directory ../server-gone"),
            ("/no/such/run", "no directory /no/such/run"),
        ] {
            let Err(Failure::Input(report)) = find(name) else {
                panic!("{name} was found")
            };
            assert!(report.to_string().contains(said), "{report}");
        }
    }
}
