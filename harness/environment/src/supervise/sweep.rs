//! Ending and removing what a run leaves. The supervisor does it at its end; `clean` does it where the supervisor
//! itself was killed.

use crate::journal::{Entry, Remains};
use crate::process::{Identity, Status};
use crate::runtime::{JOURNAL, LEASE};
use crate::shared_memory;
use rustix::process::Signal;
use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long processes may take to die.
const DEADLINE: Duration = Duration::from_secs(8);
/// How often a directory is tried again: who has just died may have been writing into it.
const REMOVE_TRIES: u32 = 20;

impl Remains {
    pub(crate) fn note_all(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            match entry {
                Entry::Segment { id, key } => {
                    self.segments.insert((id, key));
                }
                Entry::Shared { file } => {
                    self.shared.insert(file);
                }
                _ => {}
            }
        }
    }
}

/// Kills whatever `find` finds, again and again until it finds nothing; stopped processes die of it too. Each one is
/// noted in `remains`. Returns how many are left at the deadline.
pub(crate) fn end_processes(remains: &mut Remains, find: impl Fn() -> Vec<Status>, mut collect: impl FnMut()) -> usize {
    let deadline = Instant::now() + DEADLINE;
    let mut killed: HashSet<Identity> = HashSet::new();
    loop {
        let alive: Vec<Status> = find().into_iter().filter(|status| !status.is_ended()).collect();
        for status in &alive {
            remains.processes.insert(status.identity);
            if killed.insert(status.identity) {
                // Parents come first, so that none starts a replacement for its child.
                let _ = status.identity.signal(Signal::KILL);
                let _ = status.identity.signal(Signal::CONT);
            }
        }
        collect();
        if alive.is_empty() || Instant::now() >= deadline {
            return alive.len();
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// Removes the System V segments and the files in /dev/shm of the run's clusters. Their processes must be dead.
pub(crate) fn remove_shared_memory(remains: &Remains) {
    let us = rustix::process::geteuid().as_raw();
    let pids: HashSet<i32> = remains.processes.iter().map(|identity| identity.pid).collect();
    for segment in shared_memory::segments() {
        let owned = segment.owner == us || remains.users.contains(&segment.owner);
        let named = remains.segments.contains(&(segment.id, segment.key));
        // A clock of whole seconds: allow for the second in which the run began.
        let made = pids.contains(&segment.creator) && segment.changed + 1 >= remains.since;
        if owned && segment.attached == 0 && (named || made) && !shared_memory::remove_segment(segment.id) {
            eprintln!(
                "cannot remove System V segment {}: ipcrm and perl are missing or refused",
                segment.id
            );
        }
    }
    for file in &remains.shared {
        file.remove();
    }
}

/// Removes the directories that the journal names, then the runtime directory, journal and lease last.
pub(crate) fn remove_directories(remains: &Remains, runtime: &Path) -> bool {
    let mut removed = true;
    for directory in &remains.directories {
        removed &= remove(directory);
    }
    for entry in fs::read_dir(runtime).into_iter().flatten().flatten() {
        if entry.file_name() != JOURNAL && entry.file_name() != LEASE {
            removed &= remove(&entry.path());
        }
    }
    removed && remove(&runtime.join(JOURNAL)) && remove(runtime)
}

fn remove(path: &Path) -> bool {
    for attempt in 0..REMOVE_TRIES {
        let removed = match path.symlink_metadata() {
            Err(error) => Err(error),
            Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
            Ok(_) => fs::remove_file(path),
        };
        match removed {
            Ok(()) => return true,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !path.exists() => return true,
            Err(error) if attempt + 1 == REMOVE_TRIES => {
                eprintln!("cannot remove {}: {error}", path.display());
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    false
}
