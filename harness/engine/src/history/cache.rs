//! Where runs of a bucket lie while they are judged: a folder of the user's for each history.
//!
//! The one idea: nothing in it is trusted. A file is kept only while its digest is the one that the run's manifest lists,
//! what the bucket no longer holds goes, and a history that nobody has read for a month goes as a whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use firedrill_core::evidence::digest::sha256;
use rustix::fs::FlockOperation;

use crate::command::Failure;
use crate::view::say;

/// How long another firedrill may read the same history.
const LOCK_MAX: Duration = Duration::from_secs(120);
/// A history that nobody has read for so long is removed.
const UNUSED_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
const LOCK: &str = "lock";

/// The folder of one history, nobody else's as long as this lives.
pub(super) struct Cache {
    folder: PathBuf,
    _lock: File,
}

impl Cache {
    /// Opens the folder of a history, and removes those of histories that are not used any more.
    pub(super) fn open(identity: &str) -> Result<Cache, Failure> {
        let absolute = |name| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path: &PathBuf| path.is_absolute())
        };
        let home = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
        let Some(home) = home else {
            return Err(Failure::Input(miette::miette!(
                help = "set XDG_CACHE_HOME to a folder that can be written",
                "there is no place to keep runs of a bucket while they are judged: neither XDG_CACHE_HOME nor HOME is set"
            )));
        };
        Cache::below(&home.join("firedrill/history"), identity)
    }

    fn below(root: &Path, identity: &str) -> Result<Cache, Failure> {
        let name = sha256(identity.as_bytes());
        let folder = root.join(&name);
        let failed = |error: io::Error| {
            Failure::Harness(miette::miette!(
                help = "set XDG_CACHE_HOME to a folder that can be written and is yours alone",
                "{} cannot be used: {error}",
                folder.display()
            ))
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(failed)?;
        let meta = folder.symlink_metadata().map_err(failed)?;
        if !meta.is_dir() || meta.uid() != rustix::process::geteuid().as_raw() || meta.mode() & 0o022 != 0 {
            return Err(failed(io::Error::other("it is not a folder of this user alone")));
        }
        let lock = locked(&folder).map_err(failed)?;
        // When it was last read; a failure only makes it go earlier.
        let _ = lock.set_modified(SystemTime::now());
        forget_unused(root, &name);
        Ok(Cache {
            folder: folder.join("runs"),
            _lock: lock,
        })
    }

    /// Where the run directories are.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

fn lock_file(folder: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(folder.join(LOCK))
}

fn locked(folder: &Path) -> io::Result<File> {
    let file = lock_file(folder)?;
    let until = Instant::now() + LOCK_MAX;
    let mut told = false;
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < until => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(io::Error::other("another firedrill reads this history")),
            Err(error) => return Err(error.into()),
        }
        if !std::mem::replace(&mut told, true) {
            say("firedrill: waiting for another firedrill that reads this history");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Removes histories that nobody has read for a month. What cannot be removed stays: it is only a cache.
fn forget_unused(root: &Path, mine: &str) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let folder = entry.path();
        let unused = fs::metadata(folder.join(LOCK))
            .and_then(|meta| meta.modified())
            .is_ok_and(|read| read.elapsed().is_ok_and(|since| since > UNUSED_MAX));
        if entry.file_name() == mine || !unused {
            continue;
        }
        let Ok(lock) = lock_file(&folder) else { continue };
        if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_has_a_folder_of_its_own_and_goes_when_nobody_reads_it() {
        let root = tempfile::tempdir().expect("a folder");
        let open = |identity: &str| Cache::below(root.path(), identity).unwrap_or_else(|failure| panic!("{failure:?}"));
        let one = open("one");
        fs::create_dir(one.folder()).expect("a folder of runs");
        let other = open("other");
        assert_ne!(one.folder(), other.folder());
        let old = SystemTime::now() - UNUSED_MAX - Duration::from_secs(60);
        one._lock.set_modified(old).expect("a time");
        let place = one.folder().to_owned();
        drop(other);
        drop(open("other"));
        assert!(place.exists(), "what is being read stays, however old");
        drop(one);
        drop(open("other"));
        assert!(!place.exists(), "what nobody reads goes");
    }

    #[test]
    fn a_folder_that_others_may_write_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().expect("a folder");
        drop(Cache::below(root.path(), "one").unwrap_or_else(|failure| panic!("{failure:?}")));
        let folder = root.path().join(sha256(b"one"));
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("a mode");
        assert!(matches!(Cache::below(root.path(), "one"), Err(Failure::Harness(_))));
    }
}
