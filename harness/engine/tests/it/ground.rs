//! A drill that loses what it stands on, its supervisor or room for its services, ends at once as a failure of the
//! harness: its evidence neither passes nor fails anything, and says why.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use firedrill_environment::process::{self, Identity};
use firedrill_environment::{Local, LocalOptions};
use rustix::process::Signal;

use crate::drills::{firedrill, runs, said};
use crate::turn::turn;

const SCENARIO: &str = "samia-tarot-failover/database-failure";
/// Generous: a test fails by this only if something never happens.
const PATIENCE: Duration = Duration::from_secs(120);
/// What goes on after the loss takes a minute and more; ending in order takes seconds.
const ENDED_WITHIN: Duration = Duration::from_secs(30);
const ROOM: u64 = 1_800 * 1024 * 1024;

/// A drill on its way, and what it says.
struct Drill {
    folder: tempfile::TempDir,
    child: Child,
}

impl Drill {
    fn begin(mut command: Command) -> Drill {
        let folder = tempfile::tempdir().expect("a folder");
        let told = File::create(folder.path().join("told")).expect("a file");
        let child = command
            .args(["run", SCENARIO, "--set", "steady=2 min", "--color", "never", "--output"])
            .arg(folder.path().join("runs"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(told)
            .spawn()
            .expect("the binary starts");
        Drill { folder, child }
    }

    fn told(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.path().join("told")).expect("a file")).into_owned()
    }

    fn comes_to(&mut self, word: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.told().contains(word) {
            let ended = self.child.try_wait().expect("a child");
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "never came to {word}: {ended:?}\n{}",
                self.told()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// It ends soon, by the harness's failure, and its evidence is inconclusive for this reason.
    fn ends_for(mut self, reason: &str) {
        let lost = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(lost.elapsed() < ENDED_WITHIN, "it goes on:\n{}", self.told());
            std::thread::sleep(Duration::from_millis(50));
        };
        assert_eq!(status.code(), Some(4), "{}", self.told());
        // Lines are wrapped.
        let unwrapped = |text: String| text.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
        let told = unwrapped(self.told());
        assert!(told.contains(reason), "{told}");

        let [run]: [PathBuf; 1] = runs(&self.folder.path().join("runs")).try_into().expect("one run");
        let verdict = std::fs::read_to_string(run.join("verdict.json")).expect("a verdict");
        let verdict: serde_json::Value = serde_json::from_str(&verdict).expect("JSON");
        assert_eq!(verdict["outcome"], "inconclusive");
        assert!(
            verdict["spoiled"].to_string().contains(reason),
            "{}",
            verdict["spoiled"]
        );
        let findings = verdict["findings"].as_array().expect("findings");
        assert!(findings.iter().all(|finding| finding["outcome"] == "inconclusive"));
        let report = std::fs::read_to_string(run.join("report.txt")).expect("a report");
        let report = unwrapped(report);
        assert!(report.contains(reason), "{report}");
        let judged = firedrill(&["judge", &run.display().to_string()]);
        assert_eq!(judged.status.code(), Some(3), "{}", said(&judged));
    }
}

impl Drop for Drill {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn supervisor_of(harness: u32) -> Identity {
    let supervises = |identity: &Identity| {
        let words = std::fs::read(format!("/proc/{}/cmdline", identity.pid)).unwrap_or_default();
        words
            .split(|byte| *byte == 0)
            .nth(1)
            .is_some_and(|word| word == b"supervise")
    };
    let below = process::descendants(harness.cast_signed());
    let mut identities = below.into_iter().map(|status| status.identity);
    identities.find(supervises).expect("a supervisor")
}

fn a_killed_supervisor_ends_a_drill_that_came_to(word: &str) {
    let _turn = turn();
    let mut drill = Drill::begin(Command::new(env!("CARGO_BIN_EXE_firedrill")));
    drill.comes_to(word);
    let supervisor = supervisor_of(drill.child.id());
    assert!(supervisor.signal(Signal::KILL).expect("a signal"));
    drill.ends_for("the supervisor of this run is gone");
}

#[test]
fn a_supervisor_killed_in_the_steady_state_ends_the_drill_and_blames_nobody() {
    a_killed_supervisor_ends_a_drill_that_came_to(" steady ");
}

#[test]
fn a_supervisor_killed_while_a_step_restores_fails_no_plan() {
    a_killed_supervisor_ends_a_drill_that_came_to(" target ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_sees_at_once_that_its_supervisor_is_gone() {
    let local = Local::open(LocalOptions::new(env!("CARGO_BIN_EXE_firedrill")))
        .await
        .expect("an environment");
    let ground = local.ground();
    let store = local.store("store").expect("a store");
    let runtime = local.runtime_directory().to_path_buf();
    let early = tokio::time::timeout(Duration::from_millis(300), ground.lost()).await;
    assert!(early.is_err(), "{early:?}");
    let journal = runtime.join("journal").display().to_string();
    let ours = |identity: &Identity| {
        let words = std::fs::read(format!("/proc/{}/cmdline", identity.pid)).unwrap_or_default();
        words.split(|byte| *byte == 0).any(|word| word == journal.as_bytes())
    };
    let below = process::descendants(std::process::id().cast_signed());
    let mut identities = below.into_iter().map(|status| status.identity);
    let supervisor = identities.find(ours).expect("a supervisor");
    assert!(supervisor.signal(Signal::KILL).expect("a signal"));
    let why = tokio::time::timeout(Duration::from_secs(5), ground.lost()).await;
    assert!(why.is_ok_and(|why| why.contains("supervisor")));
    let error = firedrill_environment::Lifecycle::start(&store)
        .await
        .expect_err("nobody starts it");
    assert!(error.is_lack(), "{error}");
    drop(store);
    local.close().await.expect("nothing is left");
    assert!(!runtime.exists());
}

/// Fills the disk of a drill that sees another file system than we do.
fn fill(drill: &Drill, place: &Path) {
    let inside = Path::new("/proc")
        .join(drill.child.id().to_string())
        .join("root")
        .join(place.strip_prefix("/").expect("an absolute path"))
        .join("filler");
    let mut file = File::create(inside).expect("a file");
    let block = vec![1; 1024 * 1024];
    for _ in 0..ROOM / 1024 / 1024 {
        if file.write_all(&block).is_err() {
            return;
        }
    }
}

#[test]
fn a_full_disk_under_the_services_fails_no_plan() {
    let place = tempfile::Builder::new()
        .prefix("g")
        .tempdir_in("/tmp")
        .expect("a folder");
    // In a mount namespace of its own, which only root may make.
    let script = format!(
        "mount -t tmpfs -o size={ROOM},mode=1777 tmpfs {0} && export TMPDIR={0} && exec \"$0\" \"$@\"",
        place.path().display()
    );
    let apart = |program: &str| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script, program]);
        command
    };
    if !apart("true").output().is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var_os("FIREDRILL_TEST_NO_SKIPS").is_none(),
            "a full disk must not be skipped here: no file system can be mounted, which root may do"
        );
        println!("skipped: no file system can be mounted here");
        return;
    }
    let _turn = turn();
    let mut drill = Drill::begin(apart(env!("CARGO_BIN_EXE_firedrill")));
    drill.comes_to(" target ");
    fill(&drill, place.path());
    drill.ends_for("make room in");
}
