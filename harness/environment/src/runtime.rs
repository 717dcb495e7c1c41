//! The runtime directory of a run: short, because a socket path holds 107 bytes, and reachable by the user that
//! services run as. A lock on its lease tells that the run lives; no pid is asked.

use crate::error::{EnvironmentError, Result};
use crate::user::{Account, can_reach};
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const PREFIX: &str = "fd-";
const RANDOM_CHARACTERS: usize = 8;
/// Longest directory that runtime directories may lie in; leaves room for a service's name and a socket.
const PARENT_BYTES_MAX: usize = 48;

pub(crate) const LEASE: &str = "lease";
pub(crate) const JOURNAL: &str = "journal";
/// Holds the path of the directory with the run's evidence.
pub(crate) const OWNER: &str = "run";
/// A file of this name tells a kept run to end.
pub(crate) const RELEASE: &str = "release";

/// A runtime directory and the lock that keeps it alive.
#[derive(Debug)]
pub(crate) struct Runtime {
    pub(crate) path: PathBuf,
    _lease: File,
}

impl Runtime {
    /// Where a new one may be made that `account` can reach. Nothing is made yet: the supervisor does that, so that
    /// no directory is ever without someone to remove it.
    pub(crate) fn choose(account: Option<&Account>) -> Result<PathBuf> {
        let parent = parents().into_iter().find(|parent| can_reach(account, parent)).ok_or_else(|| {
            EnvironmentError::Missing(
                "no directory for the run's sockets: TMPDIR and /tmp are missing, longer than 48 bytes, or closed to the \
                 user that services run as; set TMPDIR to a short directory that others may enter"
                    .into(),
            )
        })?;
        let random = crate::secret::random_hex(RANDOM_CHARACTERS / 2)?;
        Ok(parent.join(format!("{PREFIX}{random}")))
    }

    /// Makes the directory, which must not exist, and its lease. What was made is removed again where that fails.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        DirBuilder::new().mode(0o700).create(path)?;
        // The lease takes its name only once it is locked: who finds a lease that is free may clean.
        let lease = path.join("lease.new");
        let made = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&lease)
            .and_then(|file| {
                flock(&file, FlockOperation::NonBlockingLockShared)?;
                fs::rename(&lease, path.join(LEASE))?;
                fs::set_permissions(path, Permissions::from_mode(0o711))?;
                Ok(file)
            });
        match made {
            Ok(file) => Ok(Self {
                path: path.to_path_buf(),
                _lease: file,
            }),
            Err(error) => {
                let _ = fs::remove_dir_all(path);
                Err(error)
            }
        }
    }

    /// Shares one that lives.
    pub(crate) fn share(path: &Path) -> io::Result<Self> {
        let file = File::open(path.join(LEASE))?;
        flock(&file, FlockOperation::NonBlockingLockShared)?;
        Ok(Self {
            path: path.to_path_buf(),
            _lease: file,
        })
    }
}

/// Where runtime directories may lie, the preferred first.
pub(crate) fn parents() -> Vec<PathBuf> {
    let mut parents: Vec<PathBuf> = std::env::var_os("TMPDIR").map(PathBuf::from).into_iter().collect();
    parents.push("/tmp".into());
    parents.retain(|path| path.is_absolute() && path.is_dir() && path.as_os_str().len() <= PARENT_BYTES_MAX);
    parents.dedup();
    parents
}

/// The directory with the evidence of the run that a runtime directory belongs to, where it was noted.
pub(crate) fn owner(runtime: &Path) -> Option<PathBuf> {
    let bytes = fs::read(runtime.join(OWNER)).ok()?;
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

/// A runtime directory found on the machine.
#[derive(Debug)]
pub(crate) enum Found {
    /// Its run lives.
    Live(PathBuf),
    /// Its run is dead; the lock keeps others from cleaning it at the same time.
    Dead(PathBuf, File),
}

/// Every runtime directory of ours: right name, right owner, a lease within. All else is left alone.
pub(crate) fn find() -> Vec<Found> {
    parents().iter().flat_map(|parent| find_in(parent)).collect()
}

fn find_in(parent: &Path) -> Vec<Found> {
    let us = rustix::process::geteuid().as_raw();
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let random = name.to_str()?.strip_prefix(PREFIX)?;
            let metadata = entry.path().symlink_metadata().ok()?;
            (random.len() == RANDOM_CHARACTERS && metadata.is_dir() && metadata.uid() == us).then_some(())?;
            let lease = entry.path().join(LEASE);
            let metadata = lease.symlink_metadata().ok()?;
            (metadata.is_file() && metadata.uid() == us).then_some(())?;
            let file = File::open(&lease).ok()?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => Some(Found::Dead(entry.path(), file)),
                Err(_) => Some(Found::Live(entry.path())),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_lives_exactly_as_long_as_its_lease_is_held() {
        let ours = |found: &Found, path: &Path| match found {
            Found::Live(known) => (known == path).then_some(true),
            Found::Dead(known, _) => (known == path).then_some(false),
        };
        let runtime = Runtime::create(&Runtime::choose(None).unwrap()).unwrap();
        let path = runtime.path.clone();
        let look = || find().iter().find_map(|found| ours(found, &path));
        assert_eq!(look(), Some(true));
        let second = Runtime::share(&path).unwrap();
        assert!(Runtime::create(&path).is_err());
        drop(runtime);
        assert_eq!(look(), Some(true));
        drop(second);
        assert_eq!(look(), Some(false));
        fs::remove_dir_all(&path).unwrap();
        assert_eq!(look(), None);
    }
}
