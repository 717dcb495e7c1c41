//! The log of a server, read as a log watcher does: what came since the last look, and the words in it that matter.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// No look reads more than this; a server that writes faster is looked at in part, from the newest backwards.
const READ_BYTES_MAX: u64 = 4 << 20;

/// Words by which Postgres tells that a page or file is not what it should be.
const DAMAGE: [&str; 9] = [
    "page verification failed",
    "invalid page in block",
    "could not read block",
    "could not read blocks",
    "could not open file \"base/",
    "unexpected zero page",
    "corrupted page pointers",
    "incorrect checksum in control file",
    "CRC checksum does not match",
];

/// What a look at the log is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Words {
    /// Damaged pages and files.
    Damage,
    /// Statements that failed.
    Failures,
}

impl Words {
    fn fits(self, line: &str) -> bool {
        match self {
            Words::Damage => DAMAGE.iter().any(|word| line.contains(word)),
            Words::Failures => line.contains("ERROR:  ") || line.contains("PANIC:  "),
        }
    }
}

/// A log and how far it has been read; clones share that.
#[derive(Clone, Debug)]
pub(crate) struct LogTail {
    path: PathBuf,
    read: Arc<Mutex<Option<u64>>>,
}

/// What came since the last look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Came {
    /// Lines that fit.
    pub(crate) lines: u64,
    /// The first of them.
    pub(crate) first: Option<String>,
}

impl LogTail {
    /// From what the log ends with now, or at the first look, on.
    pub(crate) fn of(path: &Path) -> LogTail {
        let end = path.metadata().ok().map(|metadata| metadata.len());
        LogTail {
            path: path.to_owned(),
            read: Arc::new(Mutex::new(end)),
        }
    }

    /// Reads what came. A log that is not there has nothing to say.
    pub(crate) fn look(&self, words: Words) -> std::io::Result<Came> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Came::default()),
            Err(error) => return Err(error),
        };
        let end = file.metadata()?.len();
        let mut from = read.unwrap_or(0);
        if from > end {
            // It was begun anew.
            from = 0;
        }
        from = from.max(end.saturating_sub(READ_BYTES_MAX));
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(end - from).read_to_end(&mut bytes)?;
        // A line that is still being written is left for the next look.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        *read = Some(from + whole as u64);
        let mut came = Came::default();
        for line in String::from_utf8_lossy(&bytes[..whole]).lines() {
            if words.fits(line) {
                came.lines += 1;
                came.first.get_or_insert_with(|| line.to_owned());
            }
        }
        Ok(came)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn only_what_came_since_the_last_look_counts_and_only_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut file = File::create(&path).unwrap();
        writeln!(
            file,
            "1 WARNING:  page verification failed, calculated checksum 1 but expected 2"
        )
        .unwrap();
        let damage = LogTail::of(&path);
        let failures = LogTail::of(&path);
        assert_eq!(damage.look(Words::Damage).unwrap(), Came::default(), "that was before");
        write!(file, "2 ERROR:  invalid page in block 7 of relation base/5/16400").unwrap();
        assert_eq!(damage.look(Words::Damage).unwrap().lines, 0, "half a line");
        writeln!(file, "\n3 LOG:  checkpoint starting: time\n4 ERROR:  deadlock detected").unwrap();
        let came = damage.clone().look(Words::Damage).unwrap();
        assert_eq!(came.lines, 1);
        assert!(came.first.unwrap().starts_with("2 ERROR"));
        assert_eq!(
            damage.look(Words::Damage).unwrap().lines,
            0,
            "clones share how far they have read"
        );
        assert_eq!(failures.look(Words::Failures).unwrap().lines, 2);
        std::fs::write(&path, "5 PANIC:  could not locate a valid checkpoint record\n").unwrap();
        assert_eq!(
            failures.look(Words::Failures).unwrap().lines,
            1,
            "a log that was begun anew"
        );
        assert_eq!(
            LogTail::of(&folder.path().join("none"))
                .look(Words::Damage)
                .unwrap()
                .lines,
            0
        );
    }
}
