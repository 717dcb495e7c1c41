//! Ending and removing what a run leaves. The supervisor does it at its end; `clean` does it where the supervisor
//! itself was killed.
//!
//! What a process has in shared memory can only be asked while it lives, and it may be making more at this moment: so
//! all are stopped first, then asked, then killed.

use crate::containers;
use crate::journal::{Entry, Remains};
use crate::process::{Identity, Status};
use crate::runtime::{JOURNAL, LEASE};
use crate::shared_memory;
use crate::supervise::removal;
use rustix::process::Signal;
use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long processes may take to die. Who waits for a busy disk dies only then, and nobody would come after us.
const DEADLINE: Duration = Duration::from_secs(60);
/// How long processes may take to stop before they are looked at as they are.
const FREEZE_DEADLINE: Duration = Duration::from_millis(1500);
/// How long a segment may still be attached after its last process has died: whoever reads the memory map of a process
/// just then keeps it alive for a moment.
const DETACH_DEADLINE: Duration = Duration::from_millis(1000);
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

/// Says on standard error what went wrong. Never panics as `eprintln!` does where the log is on a full disk: that would
/// end the one who cleans up.
pub(crate) fn complain(text: fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Stops whatever `find` finds until nothing new appears, or the deadline has passed.
pub(crate) fn freeze(find: impl Fn() -> Vec<Status>) {
    let deadline = Instant::now() + FREEZE_DEADLINE;
    loop {
        let running: Vec<Status> = find()
            .into_iter()
            .filter(|status| !status.is_ended() && !status.is_stopped())
            .collect();
        // Parents come first, so that they make no more children.
        for status in &running {
            let _ = status.identity.signal(Signal::STOP);
        }
        if running.is_empty() || Instant::now() >= deadline {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Kills whatever `find` finds, again and again until it finds nothing; stopped processes die of it too. Each one and
/// its shared memory is noted in `remains` before. Returns how many are left at the deadline.
pub(crate) fn end_processes(remains: &mut Remains, find: impl Fn() -> Vec<Status>, mut collect: impl FnMut()) -> usize {
    let deadline = Instant::now() + DEADLINE;
    let mut killed: HashSet<Identity> = HashSet::new();
    freeze(&find);
    let mut empty = false;
    loop {
        let alive: Vec<Status> = find().into_iter().filter(|status| !status.is_ended()).collect();
        let new: Vec<Identity> = alive
            .iter()
            .map(|status| status.identity)
            .filter(|identity| killed.insert(*identity))
            .collect();
        for identity in &new {
            remains.processes.insert(*identity);
            remains.note_all(super::shared_memory_of(identity.pid));
        }
        for identity in &new {
            let _ = identity.signal(Signal::KILL);
        }
        collect();
        // Twice: the process table is read entry by entry, and a child may be born behind the reader's back.
        if (alive.is_empty() && empty) || Instant::now() >= deadline {
            return alive.len();
        }
        empty = alive.is_empty();
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// Removes the System V segments and the files in /dev/shm of the run's clusters. Their processes must be dead.
pub(crate) fn remove_shared_memory(remains: &Remains) {
    let us = rustix::process::geteuid().as_raw();
    let pids: HashSet<i32> = remains.processes.iter().map(|identity| identity.pid).collect();
    let deadline = Instant::now() + DETACH_DEADLINE;
    loop {
        let ours: Vec<_> = shared_memory::segments()
            .into_iter()
            .filter(|segment| {
                let owned = segment.owner == us || remains.users.contains(&segment.owner);
                let named = remains.segments.contains(&(segment.id, segment.key));
                // A clock of whole seconds: allow for the second in which the run began.
                let made = pids.contains(&segment.creator) && segment.changed + 1 >= remains.since;
                owned && (named || made)
            })
            .collect();
        for segment in ours.iter().filter(|segment| segment.attached == 0) {
            if !shared_memory::remove_segment(segment.id) {
                complain(format_args!(
                    "cannot remove System V segment {}: ipcrm and perl are missing or refused",
                    segment.id
                ));
            }
        }
        if ours.iter().all(|segment| segment.attached == 0) || Instant::now() >= deadline {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    for file in &remains.shared {
        file.remove();
    }
}

/// Removes the containers, networks and volumes of the run from the engines that the journal names.
pub(crate) fn remove_contained(remains: &Remains) -> bool {
    let mut removed = true;
    for contained in &remains.contained {
        if let Err(error) = containers::remove(contained) {
            complain(format_args!(
                "cannot remove the containers of {}: {error}",
                contained.run
            ));
            removed = false;
        }
    }
    removed
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
            Ok(metadata) if metadata.is_dir() => {
                removal::remove_files(path);
                fs::remove_dir_all(path)
            }
            Ok(_) => fs::remove_file(path),
        };
        match removed {
            Ok(()) => return true,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !path.exists() => return true,
            Err(error) if attempt + 1 == REMOVE_TRIES => {
                complain(format_args!("cannot remove {}: {error}", path.display()));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    false
}
