//! The directory that a restore is built in: beside its place, of a name that nobody starts, until one rename.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};

use super::merged;
use crate::error::{Error, Result};
use crate::extract::{self, VERSION_PENDING};
use crate::key::random_bytes;

/// Of its name.
const RANDOM_BYTES: usize = 4;

/// The directory that a restore is built in.
#[derive(Debug, Clone)]
pub(crate) struct Staging {
    pub(crate) path: PathBuf,
    /// Whose the restored files become, where that is not who writes them.
    owner: Option<(u32, u32)>,
    /// Held while the restore lives: one that nobody holds is left of a restore that was killed.
    _lock: Arc<File>,
}

impl Staging {
    /// Makes one beside `into`, and removes those that restores into it have left when they were killed.
    pub(crate) fn beside(into: &Path) -> Result<Self> {
        let absolute = std::path::absolute(into).map_err(Error::io("resolve", into))?;
        let (Some(parent), Some(name)) = (absolute.parent(), absolute.file_name()) else {
            return Err(Error::Occupied {
                path: into.to_owned(),
                found: "the root directory".into(),
            });
        };
        let prefix = format!(".{}.restoring-", name.display());
        remove_left(parent, &prefix);
        let path = parent.join(format!("{prefix}{}", hex::encode(&random_bytes()[..RANDOM_BYTES])));
        extract::make_directory(&path)?;
        let lock = File::open(&path).map_err(Error::io("open", &path))?;
        // Where the file system has no locks nothing is ever taken for left.
        let _ = flock(&lock, FlockOperation::NonBlockingLockExclusive);
        let made = std::fs::metadata(&path).map_err(Error::io("look at", &path))?;
        let model = match std::fs::metadata(into) {
            Ok(meta) => meta,
            Err(_) => std::fs::metadata(parent).map_err(Error::io("look at", parent))?,
        };
        let wanted = (model.uid(), model.gid());
        // Only root can give files away; anybody else keeps them.
        let owner = (made.uid() == 0 && wanted.0 != 0).then_some(wanted);
        Ok(Self {
            path,
            owner,
            _lock: Arc::new(lock),
        })
    }

    /// Best effort: what stays cannot be started.
    pub(crate) fn remove(&self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }

    /// Completes the directory and brings it to disk.
    pub(crate) fn complete(&self, manifest: &[u8], settings: &[(&'static str, String)]) -> Result<()> {
        write_file(&self.path.join("backup_manifest"), manifest)?;
        let auto = self.path.join("postgresql.auto.conf");
        let old = match std::fs::read_to_string(&auto) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Error::io("read", &auto)(error)),
        };
        let _ = std::fs::remove_file(&auto);
        write_file(&auto, merged(&old, settings).as_bytes())?;
        write_file(&self.path.join("recovery.signal"), b"")?;
        if let Some(owner) = self.owner {
            give(&self.path, owner)?;
        }
        self.sync()?;
        let pending = self.path.join(VERSION_PENDING);
        std::fs::rename(&pending, self.path.join("PG_VERSION")).map_err(Error::io("rename", &pending))?;
        self.sync_directory(&self.path)
    }

    /// Moves it to its place.
    pub(crate) fn publish(&self, into: &Path) -> Result<()> {
        std::fs::rename(&self.path, into).map_err(Error::io("move the restored directory to", into))?;
        self.sync_directory(self.path.parent().unwrap_or(Path::new("/")))
    }

    /// One call for the whole file system: a thousand small files one by one cost seconds.
    fn sync(&self) -> Result<()> {
        let directory = File::open(&self.path).map_err(Error::io("open", &self.path))?;
        rustix::fs::syncfs(&directory).map_err(|error| Error::io("sync", &self.path)(error.into()))
    }

    fn sync_directory(&self, path: &Path) -> Result<()> {
        File::open(path)
            .and_then(|directory| directory.sync_all())
            .map_err(Error::io("sync", path))
    }
}

/// Removes staging directories of ours that no restore holds; best effort.
fn remove_left(parent: &Path, prefix: &str) {
    let us = rustix::process::geteuid().as_raw();
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(random) = name.to_str().and_then(|name| name.strip_prefix(prefix)) else {
            continue;
        };
        let path = entry.path();
        let ours = path
            .symlink_metadata()
            .is_ok_and(|metadata| metadata.is_dir() && (us == 0 || metadata.uid() == us));
        if !ours || random.len() != 2 * RANDOM_BYTES || !random.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            continue;
        }
        let Ok(lock) = File::open(&path) else { continue };
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = std::fs::remove_dir_all(&path);
        }
    }
}

fn write_file(path: &Path, content: &[u8]) -> Result<()> {
    let (mut file, _) = extract::create(path)?;
    file.write_all(content).map_err(Error::io("write", path))
}

fn give(path: &Path, owner: (u32, u32)) -> Result<()> {
    let chown = |path: &Path| {
        std::os::unix::fs::lchown(path, Some(owner.0), Some(owner.1)).map_err(Error::io("change the owner of", path))
    };
    chown(path)?;
    for entry in std::fs::read_dir(path).map_err(Error::io("read", path))? {
        let entry = entry.map_err(Error::io("read", path))?;
        if entry.file_type().map_err(Error::io("look at", entry.path()))?.is_dir() {
            give(&entry.path(), owner)?;
        } else {
            chown(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_restore_left_goes_with_the_next_and_one_at_work_stays() {
        let home = tempfile::tempdir().unwrap();
        let into = home.path().join("data");
        let killed = home.path().join(".data.restoring-0123abcd");
        let others = [
            ".data2.restoring-0123abcd",
            ".data.restoring-mine",
            "data.restoring-0123abcd",
        ];
        std::fs::create_dir_all(killed.join("base")).unwrap();
        for other in others {
            std::fs::create_dir(home.path().join(other)).unwrap();
        }
        let first = Staging::beside(&into).unwrap();
        assert!(!killed.exists());
        let second = Staging::beside(&into).unwrap();
        assert!(first.path.exists() && second.path.exists());
        let path = first.path.clone();
        drop(first);
        drop(Staging::beside(&into).unwrap());
        assert!(!path.exists() && second.path.exists());
        assert!(others.iter().all(|other| home.path().join(other).exists()));
    }
}
