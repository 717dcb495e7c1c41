//! What a run stands on, and no plan answers for: its supervisor, and room where its services live. All of it is the
//! harness's own machine, so that a run that lost it says nothing about a plan.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// With less room than this a server may find none for its next segment of WAL (16 MiB), though some is left again when
/// it has given up.
const ROOM_MIN: u64 = 32 * 1024 * 1024;
/// With fewer files than this left, a server may be unable to make the next one.
const FILES_MIN: u64 = 100;
/// What programs say when there is no room for them.
const COMPLAINTS: [&str; 2] = ["No space left on device", "Disk quota exceeded"];
/// A line of a log is read, and quoted, up to here.
const LINE_BYTES_MAX: u64 = 64 * 1024;
const QUOTED_CHARACTERS_MAX: usize = 200;

/// The ground that a run stands on; clones watch the same.
#[derive(Clone, Debug)]
pub struct Ground {
    runtime: PathBuf,
    logs: PathBuf,
    gone: watch::Receiver<bool>,
    filled: Arc<AtomicBool>,
}

impl Ground {
    pub(crate) fn new(runtime: &Path, logs: &Path, gone: watch::Receiver<bool>) -> Self {
        Self {
            runtime: runtime.to_path_buf(),
            logs: logs.to_path_buf(),
            gone,
            filled: Arc::default(),
        }
    }

    /// Waits until the run has lost what it stands on; says what, and what to do.
    pub async fn lost(&self) -> String {
        let mut gone = self.gone.clone();
        let supervisor = async move {
            if gone.wait_for(|gone| *gone).await.is_err() {
                // The run was closed.
                std::future::pending::<()>().await;
            }
        };
        let room = async {
            let mut looks = tokio::time::interval(LOOK_EVERY);
            loop {
                looks.tick().await;
                if let Some(lack) = self.lack_of_room() {
                    break lack;
                }
            }
        };
        tokio::select! {
            () = supervisor => "the supervisor of this run is gone: it was killed, or it died; run the drill again".into(),
            lack = room => lack,
        }
    }

    /// What is short where the services live now, unless a fault fills it.
    #[must_use]
    pub fn lack_of_room(&self) -> Option<String> {
        if self.is_filled() {
            return None;
        }
        self.short()
    }

    /// What a log says of room that was lacking, unless a fault takes it. It may be there again by now.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        if self.is_filled() {
            return None;
        }
        let mut logs: Vec<PathBuf> = std::fs::read_dir(&self.logs)
            .ok()?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.is_file())
            .collect();
        logs.sort();
        logs.iter().find_map(|log| {
            let line = complaint_in(log)?;
            let name = log.file_name().unwrap_or_default().to_string_lossy();
            Some(format!(
                "this machine had no room for a service; {name}: {line}; {}",
                self.advice()
            ))
        })
    }

    /// A fault that may fill the disk on purpose is about to be injected. What is full already is none of its doing.
    pub fn let_fill(&self) {
        if self.short().is_none() {
            self.filled.store(true, Ordering::Release);
        }
    }

    /// It has been injected. Where it left next to no room, that is its doing from here on; returns whether it did.
    #[must_use]
    pub fn was_filled(&self) -> bool {
        let filled = self.is_filled() && self.short().is_some();
        self.filled.store(filled, Ordering::Release);
        filled
    }

    /// Whether a fault fills the disk on purpose.
    #[must_use]
    pub fn is_filled(&self) -> bool {
        self.filled.load(Ordering::Acquire)
    }

    fn short(&self) -> Option<String> {
        let system = rustix::fs::statvfs(&self.runtime).ok()?;
        // A file system without limits counts nothing.
        let room = (system.f_blocks > 0).then(|| system.f_bavail.saturating_mul(system.f_frsize));
        let files = (system.f_files > 0).then_some(system.f_favail);
        let left = too_little(room, files)?;
        Some(format!(
            "{left} on the disk where this run's services live; {}",
            self.advice()
        ))
    }

    fn advice(&self) -> String {
        let place = self.runtime.parent().unwrap_or(&self.runtime);
        format!(
            "make room in {}, or set TMPDIR to a directory with more, and run the drill again",
            place.display()
        )
    }
}

fn too_little(room: Option<u64>, files: Option<u64>) -> Option<String> {
    if let Some(room) = room.filter(|room| *room < ROOM_MIN) {
        let mib = |bytes: u64| bytes / (1024 * 1024);
        return Some(format!(
            "found {} MiB of room, expected {} MiB",
            mib(room),
            mib(ROOM_MIN)
        ));
    }
    let files = files.filter(|files| *files < FILES_MIN)?;
    Some(format!("found room for {files} files, expected {FILES_MIN}"))
}

/// The first line of a log that tells of no room.
fn complaint_in(log: &Path) -> Option<String> {
    let mut lines = BufReader::new(File::open(log).ok()?);
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&line);
        if COMPLAINTS.iter().any(|words| text.contains(words)) {
            return Some(text.trim().chars().take(QUOTED_CHARACTERS_MAX).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_of_wal_and_some_files_must_have_room() {
        assert_eq!(too_little(None, None), None);
        assert_eq!(too_little(Some(ROOM_MIN), Some(FILES_MIN)), None);
        assert!(too_little(Some(17 << 20), Some(1 << 20)).is_some_and(|left| left.starts_with("found 17 MiB")));
        assert!(too_little(Some(1 << 40), Some(3)).is_some_and(|left| left.contains("3 files")));
    }

    #[test]
    fn what_a_log_says_is_found_unless_a_fault_fills_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let ground = Ground::new(folder.path(), folder.path(), watch::Sender::new(false).subscribe());
        let said = "wal-fetch: write pg_wal/RECOVERYXLOG: No space left on device (os error 28)";
        std::fs::write(folder.path().join("database.log"), "LOG:  ready\n").unwrap();
        assert_eq!(ground.complaint(), None);
        std::fs::write(
            folder.path().join("standby.log"),
            format!("LOG:  ready \u{fffd}\n{said}\nLOG:  off\n"),
        )
        .unwrap();
        let complaint = ground.complaint().unwrap();
        assert!(
            complaint.contains("standby.log") && complaint.contains(said),
            "{complaint}"
        );
        ground.let_fill();
        assert_eq!((ground.complaint(), ground.lack_of_room()), (None, None));
    }

    #[tokio::test]
    async fn the_end_of_the_supervisor_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let gone = watch::Sender::new(false);
        let ground = Ground::new(folder.path(), folder.path(), gone.subscribe());
        // Room on this machine is not what this test looks at.
        ground.let_fill();
        assert!(tokio::time::timeout(LOOK_EVERY * 2, ground.lost()).await.is_err());
        gone.send_replace(true);
        let why = tokio::time::timeout(LOOK_EVERY * 50, ground.lost()).await.unwrap();
        assert!(why.contains("supervisor"), "{why}");
    }
}
