//! A run directory on disk: made when a drill starts, read back as evidence when it is judged.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use firedrill_core::evidence::digest::Running;
use firedrill_core::evidence::{MANIFEST_FILE, Manifest, RUN_FILE, RunFiles, RunInputs};
use rustix::fs::{FlockOperation, Mode, OFlags};

/// Folder of the services' logs in a run directory.
pub const LOGS: &str = "logs";
/// Folder of the load's latency histograms.
pub const HISTOGRAMS: &str = "histograms";

/// Files of a run directory, as core reads them.
pub struct DirectoryFiles {
    root: PathBuf,
}

/// More files than any drill writes: a directory that holds more is not a run.
const FILES_MAX: usize = 10_000;

impl DirectoryFiles {
    /// The files below `root`.
    #[must_use]
    pub fn new(root: &Path) -> DirectoryFiles {
        DirectoryFiles { root: root.to_owned() }
    }

    fn collect(&self, folder: &Path, paths: &mut Vec<String>) -> Result<(), String> {
        let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries {
            let entry = entry.map_err(|error| error.to_string())?;
            let kind = entry.file_type().map_err(|error| error.to_string())?;
            let path = entry.path();
            if kind.is_dir() {
                self.collect(&path, paths)?;
                continue;
            }
            let relative = path.strip_prefix(&self.root).unwrap_or(&path);
            let Some(relative) = relative.to_str() else {
                return Err(format!("{}: a file name that is not UTF-8", path.display()));
            };
            // A link could point at anything, now this and later that: it is no evidence.
            if !kind.is_file() {
                return Err(format!("{relative} is no regular file"));
            }
            paths.push(relative.to_owned());
            if paths.len() > FILES_MAX {
                return Err(format!("more than {FILES_MAX} files: this is not a run directory"));
            }
        }
        Ok(())
    }
}

impl RunFiles for DirectoryFiles {
    fn paths(&self) -> Result<Vec<String>, String> {
        let mut paths = Vec::new();
        self.collect(&self.root, &mut paths)?;
        paths.sort();
        Ok(paths)
    }

    fn length(&self, path: &str) -> Result<u64, String> {
        fs::metadata(self.root.join(path))
            .map(|meta| meta.len())
            .map_err(|error| error.to_string())
    }

    fn read(&self, path: &str, each: &mut dyn FnMut(&[u8])) -> Result<(), String> {
        let mut file = File::open(self.root.join(path)).map_err(|error| error.to_string())?;
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => each(&buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

/// A lock on a run directory for as long as a drill writes into it, so that nobody removes it meanwhile.
#[derive(Debug)]
pub struct InUse {
    _directory: File,
}

impl InUse {
    /// Marks a directory as in use. Where the file system knows no locks it is not marked, and never removed either.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn claim(directory: &Path) -> io::Result<InUse> {
        let file = File::open(directory)?;
        // Someone who only looks holds the lock for an instant.
        for _ in 0..50 {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
                Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(std::time::Duration::from_millis(10)),
                _ => break,
            }
        }
        Ok(InUse { _directory: file })
    }

    /// Takes a directory that nobody uses for oneself, to remove it; `None` where somebody may use it.
    #[must_use]
    pub fn alone(directory: &Path) -> Option<InUse> {
        let file = File::open(directory).ok()?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
        Some(InUse { _directory: file })
    }
}

/// SHA-256 of a file, hex.
///
/// # Errors
/// When it cannot be read.
pub fn digest(path: &Path) -> io::Result<String> {
    let mut running = Running::default();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(running.hex()),
            n => running.feed(&buffer[..n]),
        }
    }
}

/// Wall-clock now as RFC 3339 in UTC, to the second.
#[must_use]
pub fn utc_now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// A name for a run: `20261122T071500Z-database-failure-1f2e`.
#[must_use]
pub fn run_name(scenario: &str, id: u16) -> String {
    let when: String = utc_now().chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let scenario = scenario.rsplit('/').next().unwrap_or(scenario).replace(':', "-");
    format!("{when}-{scenario}-{id:04x}")
}

/// Makes the directory and writes `run.json`; returns its SHA-256.
///
/// # Errors
/// When it exists already or cannot be written.
pub fn create(directory: &Path, inputs: &RunInputs) -> io::Result<String> {
    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::create_dir(directory)?;
    fs::create_dir(directory.join(LOGS))?;
    let bytes = inputs.to_bytes();
    write(directory, RUN_FILE, &bytes)?;
    Ok(firedrill_core::evidence::digest::sha256(&bytes))
}

/// Writes a file of the run directory: whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn write(directory: &Path, path: &str, bytes: &[u8]) -> io::Result<()> {
    let target = directory.join(path);
    let part = directory.join(format!("{path}.part"));
    let flags = OFlags::CREATE | OFlags::TRUNC | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut file = File::from(rustix::fs::open(&part, flags, Mode::from_raw_mode(0o644))?);
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&part, &target)
}

/// Writes a file in a folder of the run directory, which is made where it is missing.
///
/// # Errors
/// When it cannot be written.
pub fn write_below(directory: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(directory.join(folder))?;
    }
    let name = path
        .to_str()
        .ok_or_else(|| io::Error::other("a file name that is not UTF-8"))?;
    write(directory, name, bytes)
}

/// Writes the manifest, the last file of a run.
///
/// # Errors
/// When a file cannot be read or the manifest not be written.
pub fn write_manifest(directory: &Path) -> io::Result<()> {
    let manifest = Manifest::of(&DirectoryFiles::new(directory)).map_err(io::Error::other)?;
    write(directory, MANIFEST_FILE, &manifest.to_bytes())
}
