//! `firedrill runs prune`: removing the runs that are no longer wanted.
//!
//! Removed is only what is a run directory of firedrill, lies directly in the folder, and is used by nobody. It is renamed
//! first, so that one that was removed in part is not taken for a run, and is removed in full the next time.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use firedrill_core::judge::duration::bytes;
use firedrill_core::suite::SUITE_FILE;
use serde_json::json;
use tabled::builder::Builder;

use super::{Prune, begun, living, real, size, used};
use crate::command::Failure;
use crate::command::output::out;
use crate::command::plan::print;
use crate::run_directory::InUse;
use crate::runs::PRUNED;

/// A larger file tells of no run: plan and scenario have a megabyte each at most.
const RUN_FILE_MAX: u64 = 32 << 20;
/// What a suite writes into its own folder.
const SUITE_ENTRIES: [&str; 6] = [
    SUITE_FILE,
    "report.txt",
    "report.md",
    "report.html",
    "junit.xml",
    "logs",
];

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

/// A directory that is to go.
struct Going {
    name: String,
    directory: PathBuf,
    /// Why it must stay all the same.
    stays: Option<&'static str>,
}

/// Removes what the rules let go, or says what that would be.
pub(super) fn prune(how: &Prune, json: bool) -> Result<u8, Failure> {
    let folder = &how.folder.output;
    let mut rows = Vec::new();
    let mut table = Builder::new();
    table.push_record(["run", "size", if how.yes { "" } else { "would be" }]);
    let (mut freed, mut gone, mut failed) = (0_u64, 0, false);
    for Going { name, directory, stays } in going(how)? {
        let size = size(&directory);
        let outcome = match stays {
            Some(why) => Err(Left::Stays(why)),
            None if how.yes => remove(folder, &directory),
            None => Ok(()),
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
        table.push_record([&name, &bytes(size), &word]);
        rows.push(json!({"run": name, "bytes": size, "removed": outcome.is_ok() && how.yes, "what": word}));
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

/// What an earlier prune did not finish, then the runs and the reports of suites that the rules let go. Runs and suites are
/// counted each for themselves.
fn going(how: &Prune) -> Result<Vec<Going>, Failure> {
    let folder = &how.folder.output;
    let living = living();
    let now = SystemTime::now();
    let mut going: Vec<Going> = folders(folder)
        .filter(|(name, _)| name.starts_with(PRUNED))
        .map(|(name, directory)| Going {
            stays: busy(&directory),
            name,
            directory,
        })
        .collect();
    for (index, run) in begun(folder)?.iter().enumerate() {
        if goes(index, &run.past.started, how, now) {
            let unknown = || (!ours(&run.directory)).then_some("it is not a run that firedrill recorded");
            going.push(Going {
                name: run.past.run.clone(),
                directory: run.directory.clone(),
                stays: used(run, &living).or_else(unknown),
            });
        }
    }
    let mut suites: Vec<_> = folders(folder)
        .filter_map(|(name, directory)| Some((suite_began(&name, &directory)?, name, directory)))
        .collect();
    suites.sort_by(|a, b| b.cmp(a));
    for (index, (began, name, directory)) in suites.into_iter().enumerate() {
        if goes(index, &began, how, now) {
            going.push(Going {
                stays: busy(&directory),
                name,
                directory,
            });
        }
    }
    Ok(going)
}

/// The directories of a folder, no links among them, by name.
fn folders(folder: &Path) -> impl Iterator<Item = (String, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
}

fn busy(directory: &Path) -> Option<&'static str> {
    InUse::alone(directory).is_none().then_some("in use")
}

/// When the suite began whose own folder this is (`20261122T071500Z-suite-weekly-1f2e`, with nothing in it but a suite's
/// reports and logs).
fn suite_began(name: &str, directory: &Path) -> Option<String> {
    let (when, rest) = name.split_once('-')?;
    let (cadence, id) = rest.strip_prefix("suite-")?.split_once('-')?;
    let named = ["weekly", "monthly", "quarterly", "annual"].contains(&cadence)
        && id.len() == 4
        && id.chars().all(|c| c.is_ascii_hexdigit());
    let known = |entry: std::io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| SUITE_ENTRIES.iter().any(|known| entry.file_name() == *known))
    };
    (named && fs::read_dir(directory).ok()?.all(known)).then_some(())?;
    let part = |from, to| when.get(from..to);
    Some(format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(9, 11)?,
        part(11, 13)?,
        part(13, 15)?
    ))
    .filter(|began| humantime::parse_rfc3339(began).is_ok())
}

/// Whether the rules let a run go; `index` counts from the newest. One whose age is not known is not old.
fn goes(index: usize, began: &str, how: &Prune, now: SystemTime) -> bool {
    if how.keep.is_some_and(|keep| index < keep) {
        return false;
    }
    let Some(age) = how.older_than else {
        return true;
    };
    humantime::parse_rfc3339(began).is_ok_and(|began| now.duration_since(began).is_ok_and(|since| since > age))
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
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    let rest = if name.starts_with(PRUNED) {
        directory.to_owned()
    } else {
        let rest = directory.with_file_name(format!("{PRUNED}{name}"));
        fs::rename(directory, &rest).map_err(Left::Failed)?;
        rest
    };
    fs::remove_dir_all(rest).map_err(Left::Failed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use firedrill_core::past::PastRun;

    use super::super::Folder;
    use super::*;
    use crate::runs::{self, StoredRun};

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
        let goes =
            |index, run: &StoredRun, keep, age| goes(index, &run.past.started, &how(folder.path(), keep, age), now);
        assert!(goes(1, &old, Some(1), None) && !goes(0, &old, Some(1), None));
        assert!(goes(0, &old, None, Some("20d")) && !goes(0, &new, None, Some("20d")));
        assert!(!goes(0, &old, Some(1), Some("20d")) && !goes(5, &new, Some(1), Some("20d")));
        assert!(!goes(5, &odd, None, Some("1s")), "an unknown age is no age");
    }

    #[test]
    fn a_removal_that_was_cut_short_is_finished_the_next_time() {
        let folder = tempfile::tempdir().expect("a folder");
        stored(folder.path(), "run", "2026-06-01T00:00:00Z");
        let half = stored(folder.path(), "half", "2026-06-01T00:00:00Z").directory;
        let rest = folder.path().join(format!("{PRUNED}half"));
        fs::rename(&half, &rest).expect("renamed");
        fs::remove_file(rest.join("events.jsonl")).expect("removed");
        let listed = runs::begun(folder.path()).expect("a folder").runs;
        assert_eq!(listed.len(), 1, "what is being removed is no run");
        let mut how = how(folder.path(), Some(5), None);
        let in_use = InUse::claim(&rest).expect("a lock");
        prune(&how, true).expect("it answers");
        assert!(rest.exists(), "another prune is at it");
        drop(in_use);
        how.yes = false;
        prune(&how, true).expect("it answers");
        assert!(rest.exists(), "a dry run");
        how.yes = true;
        prune(&how, true).expect("it answers");
        assert!(!rest.exists() && listed[0].directory.exists());
    }

    #[test]
    fn a_run_is_no_run_any_more_once_its_removal_has_begun() {
        let folder = tempfile::tempdir().expect("a folder");
        let run = stored(folder.path(), "run", "2026-06-01T00:00:00Z");
        // The new name is taken: the run must not be touched before it has it.
        let taken = folder.path().join(format!("{PRUNED}run"));
        fs::create_dir_all(taken.join("logs")).expect("a folder");
        assert!(matches!(remove(folder.path(), &run.directory), Err(Left::Failed(_))));
        assert!(ours(&run.directory));
    }

    #[test]
    fn folders_of_suites_go_by_the_same_rules_and_folders_that_look_alike_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let make = |name: &str, within: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.join(within)).expect("a folder");
            path
        };
        let old = make("20260601T000000Z-suite-weekly-3461", "logs");
        let new = make("20260602T000000Z-suite-monthly-0a0b", "logs");
        let other = make("20260601T000000Z-suite-weekly-3462", "photos");
        let named = make("20260601T000000Z-suite-of-rooms-3461", "logs");
        let undated = make("yesterday-suite-weekly-3461", "logs");
        let all = || prune(&how(folder.path(), Some(0), None), true).expect("it answers");
        prune(&how(folder.path(), Some(1), None), true).expect("it answers");
        assert!(!old.exists() && new.exists());
        let at_work = InUse::claim(&new).expect("a lock");
        all();
        assert!(new.exists());
        drop(at_work);
        all();
        assert!(!new.exists() && other.exists() && named.exists() && undated.exists());
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
