//! The runtime directory of a run: short, because a socket path holds 107 bytes, and reachable by the user that
//! services run as. A lock on its lease tells that the run lives; no pid is asked.

use crate::error::{EnvironmentError, Result};
use crate::user::{Account, can_reach};
use rustix::fs::{FlockOperation, Mode, OFlags, StatVfsMountFlags, flock};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const PREFIX: &str = "fd-";
const RANDOM_CHARACTERS: usize = 8;
/// Longest directory that runtime directories may lie in; leaves room for a service's name and a socket.
const PARENT_BYTES_MAX: usize = 48;

pub(crate) const LEASE: &str = "lease";
pub(crate) const JOURNAL: &str = "journal";
/// Holds the path of the directory with the run's evidence.
const OWNER: &str = "run";
/// In that directory: holds the path of the runtime directory, for as long as anything may be left there.
const NOTE: &str = "runtime";
const PATH_BYTES_MAX: u64 = 4096;
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
        let parent = parents().into_iter().find(|parent| usable(account, parent)).ok_or_else(|| {
            EnvironmentError::Missing(
                "no directory for the run's sockets: TMPDIR and /tmp are missing, longer than 48 bytes, mounted noexec, or \
                 closed to the user that services run as; set TMPDIR to a short directory that others may enter"
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

/// Whether a run's services can live below `parent`: their user passes through, and the programs put there can be run.
pub(crate) fn usable(account: Option<&Account>, parent: &Path) -> bool {
    can_reach(account, parent) && runs_programs(parent)
}

fn runs_programs(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|system| may_execute(system.f_flag))
}

fn may_execute(mount: StatVfsMountFlags) -> bool {
    !mount.contains(StatVfsMountFlags::NOEXEC)
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
    path_in(&runtime.join(OWNER))
}

/// Writes down in a runtime directory and in the directory of the run's evidence that they belong together.
pub(crate) fn note(runtime: &Path, run: &Path) -> io::Result<()> {
    fs::write(runtime.join(OWNER), run.as_os_str().as_encoded_bytes())?;
    fs::write(run.join(NOTE), runtime.as_os_str().as_encoded_bytes())
}

/// Removes the note from the directory of a run's evidence, since nothing is left of what it ran.
pub(crate) fn strike_note(run: &Path) {
    let _ = fs::remove_file(run.join(NOTE));
}

/// The runtime directory that is noted with a run's evidence, if it is still there and names that run.
pub(crate) fn noted(run: &Path) -> Option<PathBuf> {
    let runtime = path_in(&run.join(NOTE)).filter(|path| path.is_absolute())?;
    let same = owner(&runtime)?.canonicalize().ok()? == run.canonicalize().ok()?;
    same.then_some(runtime)
}

/// The path that a file holds. What lies there may be anyone's: links and pipes are not opened.
fn path_in(file: &Path) -> Option<PathBuf> {
    let mut bytes = Vec::new();
    let file = open_plain(file)?;
    file.take(PATH_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

fn open_plain(path: &Path) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    file.metadata().ok()?.is_file().then_some(file)
}

/// A runtime directory found on the machine.
#[derive(Debug)]
pub(crate) enum Found {
    /// Its run lives.
    Live(PathBuf),
    /// Its run is dead; the lock keeps others from cleaning it at the same time.
    Dead(PathBuf, File),
}

/// Every runtime directory of ours in the places where they may lie, and those of `more` that are one: right name, right
/// owner, a lease within. All else is left alone.
pub(crate) fn find(more: &[PathBuf]) -> Vec<Found> {
    find_of(rustix::process::geteuid().as_raw(), more)
}

/// The same of another user.
pub(crate) fn find_of(user: u32, more: &[PathBuf]) -> Vec<Found> {
    let of_user = candidates(more).into_iter().filter(|(_, owner)| *owner == user);
    of_user.filter_map(|(path, _)| look(path, user)).collect()
}

/// Users other than us who have a runtime directory there.
pub(crate) fn strangers(more: &[PathBuf]) -> BTreeSet<u32> {
    let us = rustix::process::geteuid().as_raw();
    let owners = candidates(more).into_values();
    owners.filter(|owner| *owner != us).collect()
}

/// Directories that have the name of a runtime directory, each once, with their owners.
fn candidates(more: &[PathBuf]) -> BTreeMap<PathBuf, u32> {
    let entries = parents()
        .into_iter()
        .filter_map(|parent| fs::read_dir(parent).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path()));
    let named = |path: &PathBuf| {
        let random = path.file_name().and_then(|name| name.to_str()?.strip_prefix(PREFIX));
        random.is_some_and(|random| random.len() == RANDOM_CHARACTERS)
    };
    let owned = |path: PathBuf| {
        let metadata = path.symlink_metadata().ok().filter(fs::Metadata::is_dir)?;
        // A directory that is found by two names would seem to be in use the second time.
        let place = path.parent()?.canonicalize().ok()?.join(path.file_name()?);
        Some((place, metadata.uid()))
    };
    entries
        .chain(more.iter().cloned())
        .filter(named)
        .filter_map(owned)
        .collect()
}

fn look(path: PathBuf, owner: u32) -> Option<Found> {
    let file = open_plain(&path.join(LEASE))?;
    (file.metadata().ok()?.uid() == owner).then_some(())?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Some(Found::Dead(path, file)),
        Err(_) => Some(Found::Live(path)),
    }
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
        let look = || find(&[]).iter().find_map(|found| ours(found, &path));
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

    #[test]
    fn what_is_mounted_noexec_holds_no_run() {
        assert!(may_execute(StatVfsMountFlags::NOSUID | StatVfsMountFlags::NODEV));
        assert!(!may_execute(StatVfsMountFlags::NOSUID | StatVfsMountFlags::NOEXEC));
        let program = std::env::current_exe().unwrap();
        assert!(usable(None, program.parent().unwrap()));
    }

    #[test]
    fn a_run_leads_to_its_runtime_directory_wherever_that_lies_and_to_no_other() {
        let (elsewhere, runs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let runtime = Runtime::create(&elsewhere.path().join("fd-0123abcd")).unwrap();
        let [run, copy] = ["run", "copy"].map(|name| runs.path().join(name));
        fs::create_dir(&run).unwrap();
        assert_eq!(noted(&run), None);
        note(&runtime.path, &run).unwrap();
        let found = noted(&run).unwrap();
        assert_eq!(found, runtime.path);
        let of_it = |one: &Found| matches!(one, Found::Live(path) if path.ends_with("fd-0123abcd"));
        assert!(!find(&[]).iter().any(of_it));
        // By two names, but once.
        let more = [found.clone(), elsewhere.path().join(".").join("fd-0123abcd")];
        assert_eq!(find(&more).iter().filter(|one| of_it(one)).count(), 1);
        // A copy of the evidence has no claim on what the run itself left.
        fs::create_dir(&copy).unwrap();
        fs::copy(run.join(NOTE), copy.join(NOTE)).unwrap();
        assert_eq!(noted(&copy), None);
        // What has the name, but is none.
        fs::create_dir(elsewhere.path().join("fd-00000000")).unwrap();
        assert!(
            look(
                elsewhere.path().join("fd-00000000"),
                rustix::process::geteuid().as_raw()
            )
            .is_none()
        );
        strike_note(&run);
        assert_eq!(noted(&run), None);
    }
}
