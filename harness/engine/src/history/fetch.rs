//! From the bucket into the cache: what judging needs, which is every file of a run, since the manifest holds each.
//!
//! What the cache has already is not fetched again where its digest is the one in the manifest. The manifest itself is
//! fetched each time. Bounded in runs, files, bytes and time; what lies beyond the bounds is told, never silently less.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use firedrill_core::evidence::{MANIFEST_FILE, Manifest, RUN_FILE};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::bucket::{Bucket, Object, not_written};
use crate::command::Failure;
use crate::run_directory::{DirectoryFiles, digest};
use crate::view::say;

/// Runs that are looked at, the newest: more than ten years of a daily drill.
const RUNS_MAX: usize = 5_000;
/// Files of one run; a drill leaves some forty.
const FILES_MAX: usize = 1_000;
/// Bytes of one run.
const RUN_BYTES_MAX: u64 = 1 << 30;
/// Bytes of all runs in the cache.
const ALL_BYTES_MAX: u64 = 8 << 30;
/// How long bringing them may take.
const DEADLINE: Duration = Duration::from_secs(600);
/// Runs that are brought at once.
const AT_ONCE: usize = 16;
/// What a file is called in its run directory while it is being brought.
const PART: &str = ".part";

/// What did not come into the cache.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    /// Older runs beyond the bounds.
    pub(super) left_out: usize,
    /// Runs that cannot be read, with the reason.
    pub(super) problems: BTreeMap<String, String>,
}

/// Makes `folder` hold the runs of the bucket and nothing else.
pub(super) async fn all(bucket: Bucket, folder: PathBuf, quiet: bool) -> Result<Fetched, Failure> {
    let place = bucket.place().to_string();
    within(&place, async {
        let runs = by_run(bucket.list(None).await?);
        let (wanted, left_out) = newest(runs);
        keep_only(&folder, &wanted)?;
        if !quiet && !wanted.is_empty() {
            say(&format!("firedrill: {} runs in {place}", wanted.len()));
        }
        let problems = bring_all(bucket, &folder, wanted).await?;
        Ok(Fetched { left_out, problems })
    })
    .await
}

/// Brings one run; what else the folder holds stays.
pub(super) async fn one(bucket: Bucket, folder: PathBuf, run: String) -> Result<(), Failure> {
    let place = bucket.place().to_string();
    within(&place, async {
        let objects = bucket.list(Some(&run)).await?;
        if objects.is_empty() {
            return Err(Failure::Input(miette::miette!(
                help = format!("`firedrill runs list --output {place}` names the runs"),
                "there is no run {place}/{run}"
            )));
        }
        let problems = bring_all(bucket, &folder, BTreeMap::from([(run.clone(), objects)])).await?;
        match problems.get(&run) {
            Some(problem) => Err(Failure::Input(miette::miette!("{place}/{run}: {problem}"))),
            None => Ok(()),
        }
    })
    .await
}

async fn within<T>(place: &str, bringing: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::time::timeout(DEADLINE, bringing).await.unwrap_or_else(|_| {
        Err(Failure::Harness(miette::miette!(
            help = "what came is kept: try again, or name a prefix with fewer runs",
            "{place} did not come within {} s",
            DEADLINE.as_secs()
        )))
    })
}

type ByRun = BTreeMap<String, Vec<Object>>;

/// The files of each run; what is no run is passed over.
fn by_run(objects: Vec<Object>) -> ByRun {
    let mut runs = ByRun::new();
    for object in objects {
        runs.entry(object.run.clone()).or_default().push(object);
    }
    runs.retain(|_, objects| {
        let holds = |name: &str| objects.iter().any(|object| object.file == name);
        holds(RUN_FILE) || (holds("events.jsonl") && holds(MANIFEST_FILE))
    });
    runs
}

/// The newest runs that lie within the bounds, and how many do not. Names begin with the time of the start.
fn newest(mut runs: ByRun) -> (ByRun, usize) {
    let (mut wanted, mut room) = (ByRun::new(), ALL_BYTES_MAX);
    while let Some((run, objects)) = runs.pop_last() {
        // A run that is too large is told of by itself, and not fetched.
        let bytes = match too_large(&objects) {
            Some(_) => 0,
            None => size(&objects),
        };
        if wanted.len() == RUNS_MAX || bytes > room {
            return (wanted, runs.len() + 1);
        }
        room -= bytes;
        wanted.insert(run, objects);
    }
    (wanted, 0)
}

fn size(objects: &[Object]) -> u64 {
    objects.iter().fold(0, |sum, object| sum.saturating_add(object.bytes))
}

fn too_large(objects: &[Object]) -> Option<String> {
    let bytes = size(objects);
    if objects.len() > FILES_MAX {
        return Some(format!("{} files are more than a run has ({FILES_MAX})", objects.len()));
    }
    (bytes > RUN_BYTES_MAX).then(|| format!("{bytes} bytes are more than are fetched of one run ({RUN_BYTES_MAX})"))
}

/// Removes runs from the cache that are not wanted.
fn keep_only(folder: &Path, wanted: &ByRun) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(not_written)?;
    for entry in fs::read_dir(folder).map_err(not_written)? {
        let entry = entry.map_err(not_written)?;
        if !entry.file_name().to_str().is_some_and(|name| wanted.contains_key(name)) {
            remove(&entry.path()).map_err(not_written)?;
        }
    }
    Ok(())
}

async fn bring_all(bucket: Bucket, folder: &Path, runs: ByRun) -> Result<BTreeMap<String, String>, Failure> {
    let bucket = Arc::new(bucket);
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut bringing = JoinSet::new();
    let mut problems = BTreeMap::new();
    for (run, objects) in runs {
        let directory = folder.join(&run);
        if let Some(problem) = too_large(&objects).or_else(|| clash(&objects)) {
            remove(&directory).map_err(not_written)?;
            problems.insert(run, problem);
            continue;
        }
        let (bucket, room) = (Arc::clone(&bucket), Arc::clone(&room));
        bringing.spawn(async move {
            let _turn = room.acquire().await;
            bring(&bucket, &directory, &objects).await
        });
    }
    while let Some(brought) = bringing.join_next().await {
        // A panic of a task is this program's own fault: it goes on up.
        brought.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
    }
    Ok(problems)
}

/// Names that no folder can hold at once: a file, and files below it; what is ours while a file is being brought.
fn clash(objects: &[Object]) -> Option<String> {
    let files: BTreeSet<&str> = objects.iter().map(|object| object.file.as_str()).collect();
    let above = |file: &&str| {
        let ends = file.match_indices('/').map(|(end, _)| end);
        file.split('/').next() == Some(PART) || ends.into_iter().any(|end| files.contains(&file[..end]))
    };
    files
        .iter()
        .copied()
        .find(above)
        .map(|file| format!("{file} is no name that a file of a run can have: firedrill wrote no such run"))
}

/// Makes `directory` what the bucket holds of a run.
async fn bring(bucket: &Bucket, directory: &Path, objects: &[Object]) -> Result<(), Failure> {
    let complete = objects.iter().any(|object| object.file == MANIFEST_FILE);
    // Without a manifest it is not judged: what tells its name is enough.
    let wanted = |object: &&Object| complete || object.file == RUN_FILE;
    let names: BTreeSet<&str> = objects
        .iter()
        .filter(wanted)
        .map(|object| object.file.as_str())
        .collect();
    fs::create_dir_all(directory).map_err(not_written)?;
    remove_others(directory, &names).map_err(not_written)?;
    let mut listed = BTreeMap::new();
    for object in objects.iter().filter(|object| object.file == MANIFEST_FILE) {
        fetch(bucket, directory, object).await?;
        let bytes = fs::read(directory.join(MANIFEST_FILE)).map_err(not_written)?;
        // One that is none is found when the run is judged.
        listed = Manifest::parse(&bytes)
            .map(|manifest| manifest.files)
            .unwrap_or_default();
    }
    for object in objects
        .iter()
        .filter(wanted)
        .filter(|object| object.file != MANIFEST_FILE)
    {
        if !is_here(&directory.join(&object.file), object, listed.get(&object.file)) {
            fetch(bucket, directory, object).await?;
        }
    }
    Ok(())
}

/// Whether the cache has the file that the manifest lists.
fn is_here(path: &Path, object: &Object, listed: Option<&String>) -> bool {
    let same_size = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() == object.bytes);
    same_size && listed.is_some_and(|listed| digest(path).is_ok_and(|found| found == *listed))
}

/// Fetches a file: it is there whole or not at all.
async fn fetch(bucket: &Bucket, directory: &Path, object: &Object) -> Result<(), Failure> {
    let path = directory.join(&object.file);
    if let Some(above) = path.parent() {
        fs::create_dir_all(above).map_err(not_written)?;
    }
    let part = directory.join(PART);
    let mut file = File::create(&part).map_err(not_written)?;
    bucket.get(object, object.bytes, &mut file).await?;
    drop(file);
    fs::rename(&part, &path).map_err(not_written)
}

/// Removes what a run directory holds beside these files: an extra file is a run that was altered.
fn remove_others(directory: &Path, names: &BTreeSet<&str>) -> io::Result<()> {
    let Ok(paths) = firedrill_core::evidence::RunFiles::paths(&DirectoryFiles::new(directory)) else {
        // No cache of ours: it is made anew.
        remove(directory)?;
        return fs::create_dir_all(directory);
    };
    for path in paths.iter().filter(|path| !names.contains(path.as_str())) {
        remove(&directory.join(path))?;
    }
    // A folder where a file is to be.
    for name in names {
        let path = directory.join(name);
        if fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir()) {
            remove(&path)?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(run: &str, file: &str, bytes: u64) -> Object {
        Object {
            run: run.into(),
            file: file.into(),
            bytes,
        }
    }

    #[test]
    fn the_newest_runs_within_the_bounds_are_wanted_and_the_rest_is_counted() {
        let run = |name: &str, bytes| vec![object(name, RUN_FILE, 1), object(name, "operations", bytes)];
        let mut objects: Vec<Object> = (0..20).flat_map(|n| run(&format!("2026-{n:02}"), 1 << 29)).collect();
        objects.extend(run("2026-20-large", 2 << 30));
        objects.push(object("photos", "cat.jpg", 5));
        let (wanted, left_out) = newest(by_run(objects));
        // Fifteen of half a gigabyte and a little fit into eight; the large one takes no room.
        assert_eq!((wanted.len(), left_out), (16, 5));
        assert!(wanted.contains_key("2026-20-large") && wanted.contains_key("2026-19"));
        assert!(!wanted.contains_key("2026-04") && !wanted.contains_key("photos"));
        assert!(too_large(&wanted["2026-20-large"]).is_some());
    }

    #[test]
    fn what_no_folder_can_hold_is_refused() {
        let clashes = |files: &[&str]| clash(&files.iter().map(|file| object("run", file, 1)).collect::<Vec<_>>());
        assert_eq!(clashes(&["run.json", "logs/a", "logs/b", "log"]), None);
        assert!(clashes(&["run.json", "logs", "logs/a"]).is_some_and(|why| why.contains("logs/a")));
        assert!(clashes(&["a/b", "a/b-c", "a/b/c/d"]).is_some());
        assert!(clashes(&["run.json", PART]).is_some() && clashes(&["run.json", "logs/.part"]).is_none());
    }

    #[test]
    fn a_cached_run_is_emptied_of_what_the_bucket_does_not_hold() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("logs")).expect("a folder");
        fs::create_dir_all(at("operations")).expect("a folder");
        for name in ["run.json", "logs/kept", "logs/gone", "extra.part", "operations/odd"] {
            fs::write(at(name), "x").expect("a file");
        }
        remove_others(folder.path(), &["run.json", "logs/kept", "operations"].into()).expect("emptied");
        assert!(at("run.json").exists() && at("logs/kept").exists());
        assert!(!at("logs/gone").exists() && !at("extra.part").exists() && !at("operations").exists());
        std::os::unix::fs::symlink(folder.path(), at("loop")).expect("a link");
        remove_others(folder.path(), &["run.json"].into()).expect("made anew");
        assert!(!at("run.json").exists() && !at("loop").exists());
    }
}
