//! The logs of a run. Where a drill is kept its services go on writing when the evidence is sealed: so they write beside
//! themselves, and what the logs hold when the harness lets go is copied to where the evidence lies.

use crate::error::{EnvironmentError, Result};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Where the supervisor complains: with the logs, or where there are none in a file without a name. The runtime directory
/// is not there yet.
pub(super) fn of_supervisor(logs: Option<&Path>) -> Result<File> {
    let Some(logs) = logs else {
        return tempfile::tempfile().map_err(EnvironmentError::io("cannot make a log for the supervisor"));
    };
    fs::create_dir_all(logs).map_err(EnvironmentError::path("make", logs))?;
    let log = logs.join("supervise.log");
    OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .mode(0o600)
        .open(&log)
        .map_err(EnvironmentError::path("open", &log))
}

/// Copies the logs below `from` to `to`, and takes those that lie there already out of their writers' hands.
pub(super) fn leave_copies(from: &Path, to: &Path) -> io::Result<()> {
    for log in regular(to)? {
        replace(&log, &log)?;
    }
    for log in regular(from)? {
        if let Some(name) = log.file_name() {
            replace(&log, &to.join(name))?;
        }
    }
    Ok(())
}

fn regular(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Puts a copy of `from` in the place of `to`: a new file, which nobody has open.
fn replace(from: &Path, to: &Path) -> io::Result<()> {
    let part = to.with_extension("part");
    let copied = fs::copy(from, &part).and_then(|_| fs::rename(&part, to));
    if copied.is_err() {
        let _ = fs::remove_file(&part);
    }
    copied
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_is_written_after_the_copy_does_not_reach_it() {
        let (live, sealed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let open = |folder: &Path, name: &str| fs::File::create(folder.join(name)).unwrap();
        let mut service = open(live.path(), "database.log");
        let mut supervise = open(sealed.path(), "supervise.log");
        writeln!(service, "before").unwrap();
        writeln!(supervise, "before").unwrap();
        leave_copies(live.path(), sealed.path()).unwrap();
        writeln!(service, "after").unwrap();
        writeln!(supervise, "after").unwrap();
        let read = |folder: &Path, name: &str| fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(read(sealed.path(), "database.log"), "before\n");
        assert_eq!(read(sealed.path(), "supervise.log"), "before\n");
        assert_eq!(read(live.path(), "database.log"), "before\nafter\n");
        assert_eq!(regular(sealed.path()).unwrap().len(), 2);
    }
}
