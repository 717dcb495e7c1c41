//! The loss of a disk: what lay on it is gone, by whatever name it is reached.
//!
//! A removal takes names away, not data: a hard link made before keeps every byte, and a "backup" of hard links would
//! survive its own disaster. So a file with a second name is cut to nothing, which all of its names see. What a cluster keeps
//! outside its data directory (a `pg_wal` that is a link, tablespaces) lies on the same lost machine.
//!
//! The strike must not last longer than it has to: giving thousands of blocks back takes a second, and nobody can reach
//! them by then. That part goes on behind it, and tells how it ended.

use crate::error::{EnvironmentError, Result};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::JoinHandle;

/// Deeper is no cluster.
const DEPTH_MAX: u32 = 32;
/// Where a cluster keeps links to directories elsewhere.
const WAL: &str = "pg_wal";
const TABLESPACES: &str = "pg_tblspc";

/// The rest of a loss: what nobody can reach any more is given back to the disk.
#[derive(Debug)]
#[must_use = "its error says that something of a lost disk is still there"]
pub struct Removal {
    place: PathBuf,
    rest: Option<JoinHandle<io::Result<()>>>,
}

impl Removal {
    /// Waits until nothing is left.
    ///
    /// # Errors
    /// Something could not be removed.
    pub async fn ended(self) -> Result<()> {
        let Some(rest) = self.rest else { return Ok(()) };
        rest.await
            .map_err(io::Error::other)
            .and_then(|result| result)
            .map_err(EnvironmentError::path("remove all of the lost", &self.place))
    }
}

/// Takes all of the data directory, and all that its cluster keeps elsewhere; returns when nothing of it can be reached
/// by any name. What is not there is already lost.
pub(crate) async fn lose(data: PathBuf) -> Result<Removal> {
    let place = data.clone();
    let taken = tokio::task::spawn_blocking(move || take_away(&place))
        .await
        .map_err(io::Error::other)
        .and_then(|result| result)
        .map_err(EnvironmentError::path("lose all of", &data))?;
    let rest = taken.map(|(aside, owner)| tokio::task::spawn_blocking(move || remove(&aside, owner)));
    Ok(Removal { place: data, rest })
}

/// Moves the data directory aside and empties what could be reached otherwise. Where it is now, and whose it is.
fn take_away(data: &Path) -> io::Result<Option<(PathBuf, u32)>> {
    let owner = match data.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => metadata.uid(),
        Ok(_) => {
            return Err(io::Error::other(
                "it is no directory: expected the data directory itself",
            ));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let aside = aside(data)?;
    fs::rename(data, &aside)?;
    cut_below(&aside, owner, Which::Linked, 0)?;
    for place in elsewhere(&aside)? {
        empty(&place, owner)?;
    }
    Ok(Some((aside, owner)))
}

/// Cuts the rest too: a process that still holds a file open must not read what is lost.
fn remove(aside: &Path, owner: u32) -> io::Result<()> {
    cut_below(aside, owner, Which::All, 0)?;
    fs::remove_dir_all(aside)
}

/// Which files are cut.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    /// Those with another name, which may lie anywhere.
    Linked,
    All,
}

fn aside(data: &Path) -> io::Result<PathBuf> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let mut name = data
        .file_name()
        .ok_or_else(|| io::Error::other("it has no name"))?
        .to_owned();
    name.push(format!(".lost-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
    Ok(data.with_file_name(name))
}

/// Directories outside that hold a part of the cluster: the target of a linked `pg_wal`, and in each tablespace the
/// directories that Postgres made there. Nothing else of the target is the cluster's.
fn elsewhere(cluster: &Path) -> io::Result<Vec<PathBuf>> {
    let mut places = Vec::new();
    let wal = cluster.join(WAL);
    if wal.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink()) {
        places.extend(fs::canonicalize(&wal).ok());
    }
    for link in entries(&cluster.join(TABLESPACES))? {
        // One whose target is gone holds nothing.
        let Ok(target) = fs::canonicalize(&link) else { continue };
        if !link.symlink_metadata()?.is_symlink() {
            continue;
        }
        for entry in entries(&target)? {
            let made_by_postgres = entry
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("PG_"));
            if made_by_postgres {
                places.push(entry);
            }
        }
    }
    Ok(places)
}

/// What a directory holds; nothing where there is no such directory.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(directory) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Cuts and removes what a directory outside holds, and looks that nothing is left in it.
fn empty(place: &Path, owner: u32) -> io::Result<()> {
    cut_below(place, owner, Which::All, 0)?;
    for entry in entries(place)? {
        let metadata = entry.symlink_metadata()?;
        if metadata.uid() != owner {
            return Err(strange(&entry));
        }
        if metadata.is_dir() {
            fs::remove_dir_all(&entry)?;
        } else {
            fs::remove_file(&entry)?;
        }
    }
    match entries(place)?.first() {
        None => Ok(()),
        Some(left) => Err(io::Error::other(format!("{} is still there", left.display()))),
    }
}

/// Cuts regular files below to nothing. Links are not followed: they are removed as what they are.
fn cut_below(directory: &Path, owner: u32, which: Which, depth: u32) -> io::Result<()> {
    if depth > DEPTH_MAX {
        return Err(io::Error::other(format!(
            "directories deeper than {DEPTH_MAX}: expected a data directory"
        )));
    }
    for path in entries(directory)? {
        let metadata = path.symlink_metadata()?;
        if metadata.is_dir() {
            cut_below(&path, owner, which, depth + 1)?;
            continue;
        }
        let wanted = which == Which::All || metadata.nlink() > 1;
        if wanted && metadata.is_file() && metadata.len() > 0 {
            // A link to a file of someone else's would be destroyed wherever it lies.
            if metadata.uid() != owner {
                return Err(strange(&path));
            }
            OpenOptions::new()
                .write(true)
                .custom_flags(i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0))
                .open(&path)
                .and_then(|file| file.set_len(0))
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        }
    }
    Ok(())
}

fn strange(path: &Path) -> io::Error {
    io::Error::other(format!(
        "{} belongs to another user than the data directory; expected files of the service alone, so it is left as it is",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cluster with a file, a linked `pg_wal`, a tablespace; and beside it what is not the cluster's.
    fn cluster(folder: &Path) -> PathBuf {
        let data = folder.join("data");
        for directory in [
            "data/base/5",
            "data/pg_tblspc",
            "wal",
            "space/PG_15_202209061/5",
            "vault",
        ] {
            fs::create_dir_all(folder.join(directory)).unwrap();
        }
        for file in ["data/PG_VERSION", "data/base/5/1259", "wal/000000010000000000000001"] {
            fs::write(folder.join(file), b"data").unwrap();
        }
        fs::write(folder.join("space/PG_15_202209061/5/16384"), b"rows").unwrap();
        fs::write(folder.join("space/notes.txt"), b"mine").unwrap();
        std::os::unix::fs::symlink(folder.join("wal"), data.join("pg_wal")).unwrap();
        std::os::unix::fs::symlink(folder.join("space"), data.join("pg_tblspc/16400")).unwrap();
        data
    }

    #[tokio::test]
    async fn hard_links_of_a_lost_disk_hold_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let data = cluster(folder.path());
        let vault = folder.path().join("vault");
        for (file, kept) in [
            ("data/base/5/1259", "table"),
            ("wal/000000010000000000000001", "wal"),
            ("space/PG_15_202209061/5/16384", "space"),
        ] {
            fs::hard_link(folder.path().join(file), vault.join(kept)).unwrap();
        }
        fs::copy(data.join("base/5/1259"), vault.join("copy")).unwrap();
        for _ in 0..2 {
            let removal = lose(data.clone()).await.unwrap();
            assert!(!data.exists());
            for kept in ["table", "wal", "space"] {
                assert_eq!(fs::read(vault.join(kept)).unwrap(), b"", "{kept}");
            }
            removal.ended().await.unwrap();
        }
        assert_eq!(fs::read(vault.join("copy")).unwrap(), b"data", "a copy is a backup");
    }

    #[tokio::test]
    async fn what_the_cluster_keeps_elsewhere_goes_and_nothing_else_there() {
        let folder = tempfile::tempdir().unwrap();
        let data = cluster(folder.path());
        lose(data).await.unwrap().ended().await.unwrap();
        assert_eq!(entries(&folder.path().join("wal")).unwrap(), Vec::<PathBuf>::new());
        let space = folder.path().join("space");
        assert_eq!(entries(&space.join("PG_15_202209061")).unwrap(), Vec::<PathBuf>::new());
        assert_eq!(fs::read(space.join("notes.txt")).unwrap(), b"mine");
        let mut left: Vec<_> = entries(folder.path()).unwrap();
        left.sort();
        let names = ["space", "vault", "wal"].map(|name| folder.path().join(name));
        assert_eq!(left, names, "nothing lies aside");
    }
}
