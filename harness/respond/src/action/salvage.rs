//! Bring the WAL that a fenced server has not archived into the archive, from its disk, so that a recovery replays what
//! it had acknowledged last.
//!
//! A segment counts as written when its first page bears its own address: those that the server had only set up for later
//! still bear that of the segment they were.

use std::path::{Path, PathBuf};

use firedrill_environment::State;

use super::{ActionError, Waiting};
use crate::team::Team;

/// Digits of the name of a segment.
const NAME_DIGITS: usize = 24;
/// A server that has left more than this behind has not archived for long: a person must look.
const SEGMENTS_MAX: usize = 4_096;
/// Where in the header of a segment's first page its own address and the segment's size stand.
const ADDRESS: std::ops::Range<usize> = 8..16;
const SEGMENT_BYTES: std::ops::Range<usize> = 32..36;
const HEADER_BYTES: usize = 40;

pub(super) async fn perform(team: &Team, from: &str, waiting: &Waiting) -> Result<String, ActionError> {
    let host = team.database(from)?;
    let backups = team.backups()?;
    if host.state().await? != State::Down {
        return Err(ActionError::StillUp { service: from.into() });
    }
    let directory = host.data_directory().join("pg_wal");
    let looked = tokio::task::spawn_blocking(move || unarchived(&directory)).await;
    let failed = |reason: String| ActionError::Database {
        service: from.into(),
        reason: format!("its WAL cannot be salvaged: {reason}"),
    };
    let segments = looked.map_err(|error| failed(error.to_string()))?.map_err(&failed)?;
    if segments.len() > SEGMENTS_MAX {
        return Err(failed(format!(
            "found {} segments that were never archived, expected at most {SEGMENTS_MAX}",
            segments.len()
        )));
    }
    let mut names = Vec::new();
    for path in &segments {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        waiting.on(format!("{name} to be stored"));
        backups.repository.wal_push(path).await?;
        names.push(name);
    }
    Ok(match names.as_slice() {
        [] => format!("{from} has archived all that it wrote"),
        [one] => format!("{one} of {from} brought into the archive"),
        [first, .., last] => format!(
            "{} segments of {from} brought into the archive, {first} to {last}",
            names.len()
        ),
    })
}

/// Segments and histories that were written and are not marked as archived, in the order of their names. The error is in
/// words.
fn unarchived(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_segment = name.len() == NAME_DIGITS && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let done = directory.join("archive_status").join(format!("{name}.done"));
        if is_segment && !done.exists() && is_written(&path, &name)? {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Whether the segment's first page is its own.
fn is_written(path: &Path, name: &str) -> Result<bool, String> {
    use std::io::Read;
    let mut header = [0_u8; HEADER_BYTES];
    let mut file = std::fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if file.read_exact(&mut header).is_err() {
        return Ok(false);
    }
    let number = |range: std::ops::Range<usize>| {
        header[range]
            .iter()
            .rev()
            .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let size = number(SEGMENT_BYTES);
    if !size.is_power_of_two() || !(1 << 20..=1 << 30).contains(&size) {
        return Ok(false);
    }
    let part = |range: std::ops::Range<usize>| u64::from_str_radix(&name[range], 16).unwrap_or(0);
    let own = (part(8..16) << 32) + part(16..24) * size;
    Ok(number(ADDRESS) == own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(folder: &Path, name: &str, address: u64) {
        let mut bytes = vec![0_u8; 64];
        bytes[8..16].copy_from_slice(&address.to_le_bytes());
        bytes[32..36].copy_from_slice(&(16_u32 << 20).to_le_bytes());
        std::fs::write(folder.join(name), bytes).unwrap();
    }

    #[test]
    fn what_was_written_and_not_archived_is_salvaged_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let status = folder.path().join("archive_status");
        std::fs::create_dir(&status).unwrap();
        // Archived; full and waiting; being written; set up for later from an old one; never written; no segment.
        segment(folder.path(), "000000010000000000000003", 0x300_0000);
        std::fs::write(status.join("000000010000000000000003.done"), b"").unwrap();
        segment(folder.path(), "000000010000000000000004", 0x400_0000);
        std::fs::write(status.join("000000010000000000000004.ready"), b"").unwrap();
        segment(folder.path(), "0000000100000002000000FF", 0x2_FF00_0000);
        segment(folder.path(), "000000010000000300000000", 0x100_0000);
        std::fs::write(folder.path().join("000000010000000300000001"), vec![0; 64]).unwrap();
        std::fs::write(folder.path().join("00000002.history"), b"x").unwrap();
        let names: Vec<String> = unarchived(folder.path())
            .unwrap()
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["000000010000000000000004", "0000000100000002000000FF"]);
    }
}
