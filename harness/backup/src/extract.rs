//! Unpacking a base backup, checked file by file against the manifest; or checking it without writing.
//!
//! The one idea: the file that lets a server start, PG_VERSION, is written under another name, so a directory that was
//! left behind half-way is refused by Postgres itself.

use std::collections::HashSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tar::EntryType;

use crate::container::from_io;
use crate::error::{Error, Result};
use crate::manifest::{Manifest, Reckoning};
use crate::pages::PageScan;

/// The name that PG_VERSION has until the restore is whole.
pub(crate) const VERSION_PENDING: &str = "PG_VERSION.restoring";
/// One reading step; also the memory that unpacking needs.
const STEP_BYTES: usize = 256 << 10;

/// What was unpacked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Unpacked {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// Reads the archive `source` (object `key`) and checks it against `manifest`; writes it below `into` if that is given, and
/// shows it to `pages`. Blocks.
pub(crate) fn unpack(
    key: &str,
    source: impl Read,
    manifest: &Manifest,
    into: Option<&Path>,
    mut pages: Option<&mut PageScan>,
    done: &AtomicU64,
) -> Result<Unpacked> {
    let damaged = |error: std::io::Error| {
        from_io(error, |text| {
            Error::damaged(key, format!("it does not read as an archive: {text}"))
        })
    };
    let refuse = |reason: String| Error::damaged(key, reason);
    let mut archive = tar::Archive::new(Unwrapped::new(source));
    let outcome = (|| {
        let mut seen = HashSet::new();
        let mut unpacked = Unpacked::default();
        let mut step = vec![0; STEP_BYTES];
        for entry in archive.entries().map_err(damaged)? {
            let mut entry = entry.map_err(damaged)?;
            let path = clean(&entry.path().map_err(damaged)?).map_err(refuse)?;
            let name = path
                .to_str()
                .ok_or_else(|| refuse(format!("path {} is not UTF-8", path.display())))?
                .to_owned();
            match entry.header().entry_type() {
                EntryType::Directory => {
                    if let Some(into) = into {
                        make_directory(&into.join(&path))?;
                    }
                    continue;
                }
                EntryType::Regular | EntryType::Continuous => {}
                other => {
                    return Err(refuse(format!(
                        "{name} is of kind {other:?}; only files and directories belong into a base backup"
                    )));
                }
            }
            let expected = manifest.files.get(&name);
            // WAL is not in the manifest; it is checked by its own checksums at replay.
            if expected.is_none() && !name.starts_with("pg_wal/") {
                return Err(refuse(format!("file {name} is not in the manifest")));
            }
            if !seen.insert(name.clone()) {
                return Err(refuse(format!("file {name} is there twice")));
            }
            let size = entry.size();
            let mut target = match into {
                Some(into) => Some(create(&into.join(if name == "PG_VERSION" {
                    Path::new(VERSION_PENDING)
                } else {
                    &path
                }))?),
                None => None,
            };
            let mut digest = Reckoning::like(expected);
            if let Some(pages) = &mut pages {
                pages.file(&name);
            }
            let mut read: u64 = 0;
            loop {
                let count = match entry.read(&mut step) {
                    Ok(0) => break,
                    Ok(count) => count,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(damaged(error)),
                };
                digest.add(&step[..count]);
                if let Some(pages) = &mut pages {
                    pages.add(&step[..count]);
                }
                if let Some((file, path)) = &mut target {
                    file.write_all(&step[..count]).map_err(Error::io("write", &*path))?;
                }
                read += count as u64;
                done.fetch_add(count as u64, Ordering::Relaxed);
            }
            if read != size {
                return Err(refuse(format!("file {name} has {read} bytes of {size}")));
            }
            if let (Some(expected), Some(found)) = (expected, digest.end())
                && (expected.bytes != read || expected.digest != found)
            {
                return Err(refuse(format!(
                    "file {name} does not fit the manifest: {read} bytes with {found}, expected {} bytes with {}",
                    expected.bytes, expected.digest
                )));
            }
            unpacked.files += 1;
            unpacked.bytes += read;
        }
        if let Some(missing) = manifest.files.keys().filter(|path| !seen.contains(*path)).min() {
            let count = manifest.files.keys().filter(|path| !seen.contains(*path)).count();
            return Err(refuse(format!(
                "{count} files of the manifest are not in the archive, {missing} among them"
            )));
        }
        Ok(unpacked)
    })();
    let mut rest = archive.into_inner();
    // A library may have wrapped what went wrong below it: the first failure of the source itself is the true one.
    if let Some(error) = rest.failure.take() {
        return Err(damaged(error));
    }
    let unpacked = outcome?;
    // The end of the object proves that nothing was cut; only padding may stand there.
    let mut step = vec![0; STEP_BYTES];
    loop {
        match rest.source.read(&mut step).map_err(damaged)? {
            0 => return Ok(unpacked),
            count if step[..count].iter().any(|byte| *byte != 0) => {
                return Err(refuse("something stands behind the end of the archive".into()));
            }
            _ => {}
        }
    }
}

/// Keeps the source's own failure apart from what the archive reader makes of it.
struct Unwrapped<R> {
    source: R,
    failure: Option<std::io::Error>,
}

impl<R> Unwrapped<R> {
    fn new(source: R) -> Self {
        Self { source, failure: None }
    }
}

impl<R: Read> Read for Unwrapped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.source.read(buffer).map_err(|error| {
            let stand_in = std::io::Error::other(error.to_string());
            self.failure.get_or_insert(error);
            stand_in
        })
    }
}

/// Only names that stay below the directory.
fn clean(path: &Path) -> std::result::Result<PathBuf, String> {
    let mut cleaned = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => cleaned.push(part),
            Component::CurDir => {}
            _ => return Err(format!("path {} leads out of the data directory", path.display())),
        }
    }
    Ok(cleaned)
}

pub(crate) fn make_directory(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(Error::io("create", path))
}

/// Creates a file of mode 0600 that was not there.
pub(crate) fn create(path: &Path) -> Result<(File, PathBuf)> {
    if let Some(parent) = path.parent() {
        make_directory(parent)?;
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(Error::io("create", path))?;
    Ok((file, path.to_owned()))
}
