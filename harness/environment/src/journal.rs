//! The journal of a run: what must be cleaned up, written before it exists, so that it can be cleaned up by another
//! process after the supervisor itself was killed.
//!
//! It is written through to the disk only where it must outlive the machine's power: processes and shared memory do not
//! outlive it themselves, and on a busy disk each sync would hold up a start by seconds.

use crate::containers::Contained;
use crate::process::Identity;
use crate::shared_memory::SharedFile;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Entry {
    /// The first line: which boot of the machine, who supervises, since when (seconds of the Unix clock).
    Run {
        boot: String,
        supervise: Identity,
        since: u64,
    },
    /// A program that is going to be started.
    Program { path: PathBuf },
    /// A process that was started.
    Process { identity: Identity },
    /// A user that services run as.
    User { uid: u32 },
    /// A System V segment of a cluster.
    Segment { id: i32, key: i64 },
    /// A file of a cluster in /dev/shm.
    Shared { file: SharedFile },
    /// A directory outside the runtime directory that goes with the run.
    Directory { path: PathBuf },
    /// Containers that bear the run's label, and what belongs to them.
    Contained(Contained),
    /// The run is kept until it is released.
    Hold,
}

/// What a journal says, gathered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remains {
    pub(crate) boot: String,
    pub(crate) since: u64,
    pub(crate) programs: HashSet<PathBuf>,
    pub(crate) processes: HashSet<Identity>,
    pub(crate) users: HashSet<u32>,
    pub(crate) segments: HashSet<(i32, i64)>,
    pub(crate) shared: HashSet<SharedFile>,
    pub(crate) directories: HashSet<PathBuf>,
    pub(crate) contained: HashSet<Contained>,
    pub(crate) hold: bool,
}

impl Remains {
    fn note(&mut self, entry: Entry) -> bool {
        match entry {
            Entry::Run { boot, supervise, since } => {
                (self.boot, self.since) = (boot, since);
                self.processes.insert(supervise)
            }
            Entry::Program { path } => self.programs.insert(path),
            Entry::Process { identity } => self.processes.insert(identity),
            Entry::User { uid } => self.users.insert(uid),
            Entry::Segment { id, key } => self.segments.insert((id, key)),
            Entry::Shared { file } => self.shared.insert(file),
            Entry::Directory { path } => self.directories.insert(path),
            Entry::Contained(contained) => self.contained.insert(contained),
            Entry::Hold => !std::mem::replace(&mut self.hold, true),
        }
    }

    /// Reads a journal; a last line that was cut off is left out.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let mut remains = Self::default();
        for line in std::fs::read_to_string(path)?.lines() {
            if let Ok(entry) = serde_json::from_str(line) {
                remains.note(entry);
            }
        }
        Ok(remains)
    }
}

/// A journal being written.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    remains: Remains,
}

impl Journal {
    /// Begins a journal at `path`, which must not exist.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        Ok(Self {
            file,
            remains: Remains::default(),
        })
    }

    /// Writes an entry, unless it stands there already.
    pub(crate) fn write(&mut self, entry: Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        let outlives_power = matches!(entry, Entry::Directory { .. } | Entry::Contained(_));
        if self.remains.note(entry) {
            self.file.write_all(&line)?;
            if outlives_power {
                self.file.sync_data()?;
            }
        }
        Ok(())
    }

    pub(crate) fn remains(&self) -> &Remains {
        &self.remains
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_read_back_and_a_torn_line_is_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let mut journal = Journal::create(&path).unwrap();
        let identity = Identity { pid: 5, start_ticks: 9 };
        journal
            .write(Entry::Run {
                boot: "b".into(),
                supervise: identity,
                since: 7,
            })
            .unwrap();
        for _ in 0..2 {
            journal.write(Entry::Segment { id: 3, key: -4 }).unwrap();
        }
        journal.file.write_all(b"{\"segment\":{\"id\":9,").unwrap();
        let remains = Remains::read(&path).unwrap();
        assert_eq!(remains.segments, HashSet::from([(3, -4)]));
        assert_eq!((remains.since, remains.hold), (7, false));
        assert_eq!(remains.processes, HashSet::from([identity]));
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3);
    }
}
