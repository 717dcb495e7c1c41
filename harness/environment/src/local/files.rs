//! The files of a service, seen from the harness.

use crate::error::{EnvironmentError, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

const READ_BYTES_MAX: usize = 16 * 1024 * 1024;
const LISTED_MAX: usize = 100_000;

/// Where `path` lies below `data`. Refuses what leads out of it, symbolic links in the middle included.
pub(crate) fn within(data: &Path, path: &Path) -> Result<PathBuf> {
    let refuse = |why: &str| {
        EnvironmentError::Invalid(format!(
            "{}: {why}; expected a path inside the data directory",
            path.display()
        ))
    };
    let mut place = data.to_path_buf();
    for component in path.components() {
        match component {
            Component::Normal(name) => {
                if place != data && place.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink()) {
                    return Err(refuse("goes through a symbolic link"));
                }
                place.push(name);
            }
            Component::CurDir => {}
            _ => return Err(refuse("is absolute or climbs")),
        }
    }
    Ok(place)
}

async fn blocking<T: Send + 'static>(
    doing: &'static str,
    place: PathBuf,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let path = place.clone();
    let done = tokio::task::spawn_blocking(move || work(&path))
        .await
        .map_err(io::Error::other);
    done.and_then(|result| result)
        .map_err(EnvironmentError::path(doing, &place))
}

pub(crate) async fn read_at(place: PathBuf, offset: u64, length: usize) -> Result<Vec<u8>> {
    if length > READ_BYTES_MAX {
        return Err(EnvironmentError::Invalid(format!(
            "{length} bytes at once: expected at most {READ_BYTES_MAX}"
        )));
    }
    blocking("read", place, move |path| {
        let file = File::open(path)?;
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match file.read_at(&mut bytes[filled..], offset + filled as u64)? {
                0 => break,
                count => filled += count,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    })
    .await
}

pub(crate) async fn write_at(place: PathBuf, offset: u64, bytes: Vec<u8>) -> Result<()> {
    blocking("write", place, move |path| {
        OpenOptions::new().write(true).open(path)?.write_all_at(&bytes, offset)
    })
    .await
}

pub(crate) async fn remove(place: PathBuf) -> Result<()> {
    // Gone from where it was at once; giving the blocks back takes longer.
    let place = set_aside(&place).unwrap_or(place);
    blocking("remove", place, |path| {
        // A living service may write a new file while its directory is taken away: go on until it is gone.
        for _ in 0..100 {
            let removed = match path.symlink_metadata() {
                Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
                Ok(_) => fs::remove_file(path),
                Err(error) => Err(error),
            };
            match removed {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_err() => {
                    return Ok(());
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other(
            "it is filled again as fast as it is emptied; pause or kill the service first",
        ))
    })
    .await
}

/// Moves a directory out of its place, to a name of its own beside it.
fn set_aside(place: &Path) -> Option<PathBuf> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    if !place.symlink_metadata().ok()?.is_dir() {
        return None;
    }
    let mut name = place.file_name()?.to_owned();
    name.push(format!(".lost-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
    let aside = place.with_file_name(name);
    fs::rename(place, &aside).ok()?;
    Some(aside)
}

pub(crate) async fn sync(place: PathBuf) -> Result<()> {
    blocking("sync", place, |path| File::open(path)?.sync_all()).await
}

pub(crate) async fn exists(place: PathBuf) -> Result<bool> {
    blocking("look for", place, |path| match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(error),
    })
    .await
}

pub(crate) async fn size(place: PathBuf) -> Result<Option<u64>> {
    blocking("look at", place, |path| match path.symlink_metadata() {
        Ok(metadata) => Ok(metadata.is_file().then_some(metadata.len())),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    })
    .await
}

pub(crate) async fn cut(place: PathBuf, bytes: u64) -> Result<()> {
    blocking("cut", place, move |path| {
        let file = OpenOptions::new().write(true).open(path)?;
        if file.metadata()?.len() > bytes {
            file.set_len(bytes)?;
        }
        Ok(())
    })
    .await
}

pub(crate) async fn create(place: PathBuf, bytes: Vec<u8>) -> Result<()> {
    blocking("create", place, move |path| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(&bytes)?;
        let directory = path.parent().unwrap_or(Path::new("/")).metadata()?;
        // Only root can give files away, and only root has to.
        if file.metadata()?.uid() != directory.uid() {
            std::os::unix::fs::fchown(&file, Some(directory.uid()), Some(directory.gid()))?;
        }
        Ok(())
    })
    .await
}

pub(crate) async fn list(place: PathBuf) -> Result<Vec<String>> {
    blocking("list", place, |path| {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)?.take(LISTED_MAX) {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out() {
        let data = tempfile::tempdir().unwrap();
        let inside = |path: &str| within(data.path(), Path::new(path));
        assert_eq!(inside("").unwrap(), data.path());
        assert_eq!(inside("base/./1").unwrap(), data.path().join("base/1"));
        assert!(inside("../x").is_err());
        assert!(inside("base/../../x").is_err());
        assert!(inside("/etc/passwd").is_err());
        std::os::unix::fs::symlink("/etc", data.path().join("link")).unwrap();
        assert!(inside("link/passwd").is_err());
    }

    #[tokio::test]
    async fn bytes_are_written_in_place_and_directories_go_whole() {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(data.path().join("base")).unwrap();
        let file = data.path().join("base/1");
        fs::write(&file, b"0123456789").unwrap();
        write_at(file.clone(), 3, b"xyz".to_vec()).await.unwrap();
        assert_eq!(read_at(file.clone(), 2, 100).await.unwrap(), b"2xyz6789");
        sync(file.clone()).await.unwrap();
        assert!(write_at(data.path().join("none"), 0, vec![1]).await.is_err());
        cut(file.clone(), 4).await.unwrap();
        cut(file.clone(), 9).await.unwrap();
        assert_eq!(
            size(file.clone()).await.unwrap(),
            Some(4),
            "what is shorter stays as it is"
        );
        let new = data.path().join("base/2");
        create(new.clone(), b"new".to_vec()).await.unwrap();
        assert!(
            create(new, b"again".to_vec()).await.is_err(),
            "what is there is not written over"
        );
        assert_eq!(list(data.path().join("base")).await.unwrap(), ["1", "2"]);
        for _ in 0..2 {
            remove(data.path().join("base")).await.unwrap();
            assert!(!exists(file.clone()).await.unwrap());
        }
    }
}
