//! `clean`: ends and removes what dead runs left, where even their supervisor could not; and releases kept runs.
//!
//! A run is dead when the lock on its lease is free. Nothing is killed by its pid alone, and nothing is removed that a
//! journal in a runtime directory of ours does not name. Root cleans up after others too, acting as each of them: no
//! journal of theirs leads it to anything that they could not touch themselves.

use crate::containers;
use crate::journal::Remains;
use crate::process::{self, Identity, Status};
use crate::runtime::{self, Found, JOURNAL, RELEASE};
use crate::supervise::sweep;
use crate::user;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a released run may take to end.
const RELEASE_DEADLINE: Duration = Duration::from_secs(90);

/// Which runs to clean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Every dead run. Live ones, kept ones among them, are left alone.
    Dead,
    /// The run of this runtime directory or its name (`fd-...`), or of this directory of evidence or its name: cleaned if
    /// dead, released if it is being kept.
    Run(PathBuf),
}

impl Filter {
    fn names(&self, runtime: &Path) -> bool {
        match self {
            Filter::Dead => true,
            Filter::Run(run) => {
                is_named(runtime, run) || runtime::owner(runtime).is_some_and(|owner| is_named(&owner, run))
            }
        }
    }
}

/// What became of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleaned {
    /// Its runtime directory.
    pub runtime: PathBuf,
    /// How many processes of it were ended.
    pub processes: usize,
    /// Whether nothing of it is left.
    pub complete: bool,
}

/// A run that is being kept for someone to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its runtime directory.
    pub runtime: PathBuf,
    /// The directory with its evidence, where that is known.
    pub run: Option<PathBuf>,
}

/// Directories with the evidence of runs that live: of drills at work, and of kept ones.
#[must_use]
pub fn living() -> Vec<PathBuf> {
    let live = runtime::find(&[]).into_iter().filter_map(|found| match found {
        Found::Live(path) => runtime::owner(&path),
        Found::Dead(..) => None,
    });
    live.collect()
}

/// Whether what a run ran is still there, by what is noted with its evidence: wherever it lies and whosever it is.
#[must_use]
pub fn is_left_of(run: &Path) -> bool {
    runtime::noted(run).is_some()
}

/// The directories in which runs are looked for that are not named by their path.
#[must_use]
pub fn places() -> Vec<PathBuf> {
    runtime::parents()
}

/// The runs that are kept until `clean` names them.
#[must_use]
pub fn kept() -> Vec<Kept> {
    let live = runtime::find(&[]).into_iter().filter_map(|found| match found {
        Found::Live(path) => Some(path),
        Found::Dead(..) => None,
    });
    let held = live.filter(|path| Remains::read(&path.join(JOURNAL)).is_ok_and(|remains| remains.hold));
    held.map(|runtime| Kept {
        run: runtime::owner(&runtime),
        runtime,
    })
    .collect()
}

/// Cleans what `filter` names. Takes some seconds, on a busy disk up to a minute and a half for each run; blocks.
#[must_use]
pub fn clean(filter: &Filter) -> Vec<Cleaned> {
    // One that is named by its path, or by that of its evidence, may lie anywhere.
    let more: Vec<PathBuf> = match filter {
        Filter::Dead => Vec::new(),
        Filter::Run(run) => std::path::absolute(run)
            .into_iter()
            .chain(runtime::noted(run))
            .collect(),
    };
    let mut cleaned = clean_ours(filter, &more);
    if *filter == Filter::Dead {
        // Containers of runs whose directory is gone: their engine did not answer when they ended.
        cleaned.extend(containers::sweep().into_iter().map(|(runtime, complete)| Cleaned {
            runtime,
            processes: 0,
            complete,
        }));
    }
    if rustix::process::geteuid().is_root() {
        for uid in runtime::strangers(&more) {
            let theirs = user::acting_as(uid, || clean_ours(filter, &more));
            cleaned.extend(theirs.unwrap_or_else(|_| out_of_reach(uid, filter, &more)));
        }
    }
    cleaned
}

/// What dead runs of a user left whom we cannot act as, such as one of another machine's directory: nothing is done.
fn out_of_reach(uid: u32, filter: &Filter, more: &[PathBuf]) -> Vec<Cleaned> {
    let dead = runtime::find_of(uid, more).into_iter().filter_map(|found| match found {
        Found::Dead(path, _) => Some(path),
        Found::Live(_) => None,
    });
    dead.filter(|path| filter.names(path))
        .map(|runtime| Cleaned {
            runtime,
            processes: 0,
            complete: false,
        })
        .collect()
}

fn clean_ours(filter: &Filter, more: &[PathBuf]) -> Vec<Cleaned> {
    let mut cleaned = Vec::new();
    for found in runtime::find(more) {
        match found {
            Found::Dead(path, lease) if filter.names(&path) => {
                cleaned.push(sweep_runtime(&path));
                drop(lease);
            }
            Found::Live(path) if *filter != Filter::Dead && filter.names(&path) => cleaned.extend(release(&path)),
            _ => {}
        }
    }
    cleaned
}

/// Whether what a person gave is this path, or its last part.
fn is_named(path: &Path, given: &Path) -> bool {
    let absolute = std::path::absolute(given).unwrap_or_else(|_| given.to_path_buf());
    let same = || {
        path.canonicalize()
            .is_ok_and(|real| absolute.canonicalize().is_ok_and(|given| given == real))
    };
    path == absolute || path.file_name().is_some_and(|name| name == given.as_os_str()) || same()
}

/// Tells a kept run to end, and waits until it has. None: it is not kept, a drill is at work there.
fn release(path: &Path) -> Option<Cleaned> {
    if !Remains::read(&path.join(JOURNAL)).is_ok_and(|remains| remains.hold) {
        return None;
    }
    let processes = strays(path, &Remains::read(&path.join(JOURNAL)).ok()?).len();
    std::fs::write(path.join(RELEASE), b"").ok()?;
    let deadline = Instant::now() + RELEASE_DEADLINE;
    while path.exists() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(Cleaned {
        runtime: path.to_path_buf(),
        processes,
        complete: !path.exists(),
    })
}

/// Ends and removes the run of a runtime directory whose supervisor is dead. The caller has made sure that it is.
pub(crate) fn sweep_runtime(path: &Path) -> Cleaned {
    let mut remains = Remains::read(&path.join(JOURNAL)).unwrap_or_default();
    let mut left = 0;
    let mut ended = 0;
    // Processes and shared memory of another boot are gone, and their numbers mean others now.
    if remains.boot == process::boot() {
        let known = remains.clone();
        ended = strays(path, &known).len();
        left = sweep::end_processes(&mut remains, || strays(path, &known), || {});
        if left == 0 {
            sweep::remove_shared_memory(&remains);
        }
    }
    // Unlike processes, containers outlive the machine's power.
    let contained = sweep::remove_contained(&remains);
    let complete = left == 0 && contained && sweep::remove_directories(&remains, path);
    Cleaned {
        runtime: path.to_path_buf(),
        processes: ended,
        complete,
    }
}

/// The processes of a run whose supervisor is dead: those that the journal names, what is below them, and those that
/// work inside the runtime directory running a program that the journal names (a shell that someone left there is not
/// one of them).
fn strays(runtime: &Path, remains: &Remains) -> Vec<Status> {
    let all = process::all();
    let mut found: Vec<Status> = Vec::new();
    let mut seen: HashSet<Identity> = HashSet::new();
    let us = std::process::id().cast_signed();
    for status in &all {
        let identity = status.identity;
        let named = || remains.processes.contains(&identity);
        let inside = || {
            process::working_directory(identity.pid).is_some_and(|directory| directory.starts_with(runtime))
                && process::executable(identity.pid)
                    .is_some_and(|program| remains.programs.contains(&program) || program.starts_with(runtime))
        };
        if identity.pid != us && (named() || inside()) {
            let below = process::descendants(identity.pid);
            for status in std::iter::once(*status).chain(below) {
                if status.identity.pid != us && seen.insert(status.identity) {
                    found.push(status);
                }
            }
        }
    }
    found
}
