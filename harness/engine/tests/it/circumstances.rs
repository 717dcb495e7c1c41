//! What surrounds a drill is not of its choosing: odd names of directories, signals that are ignored, a program that is
//! replaced meanwhile, limits of the shell.

use std::io::{BufRead, BufReader, Lines};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::drills::{firedrill, said};
use crate::turn::turn;

const BINARY: &str = env!("CARGO_BIN_EXE_firedrill");
const SCENARIO: &str = "samia-tarot-failover/database-failure";

fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().cast_signed()).expect("a process");
    kill_process(pid, signal).expect("it runs");
}

/// Starts it and gives what it says.
fn begin(command: &mut Command) -> (Child, Lines<BufReader<ChildStderr>>) {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    (child, lines)
}

fn read_until(lines: &mut Lines<BufReader<ChildStderr>>, wanted: impl Fn(&str) -> bool) {
    let mut told = Vec::new();
    for line in lines {
        let line = line.expect("text");
        if wanted(&line) {
            return;
        }
        told.push(line);
    }
    panic!("it never came: {told:#?}");
}

/// Reads on, so that nobody blocks on a full pipe, and waits.
fn end(child: Child, lines: Lines<BufReader<ChildStderr>>) -> std::process::Output {
    let reading = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<String>>().join("\n"));
    let mut output = child.wait_with_output().expect("it ends");
    output.stderr = reading.join().expect("text").into_bytes();
    output
}

#[test]
fn wal_is_archived_whatever_the_temporary_directory_is_called() {
    let _turn = turn();
    let open = || std::fs::Permissions::from_mode(0o755);
    let place = tempfile::Builder::new()
        .prefix("odd")
        .permissions(open())
        .tempdir_in("/tmp")
        .expect("a place");
    let odd = place.path().join("a, 5%p it's");
    std::fs::create_dir(&odd).expect("a directory");
    std::fs::set_permissions(&odd, open()).expect("it is ours");
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(BINARY)
        .args(["run", SCENARIO, "--until", "prepare", "--output"])
        .arg(folder.path())
        .env("TMPDIR", &odd)
        .output()
        .expect("the binary starts");
    // Nothing was broken, so nothing is decided; but all of it came up.
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert_eq!(std::fs::read_dir(&odd).expect("a directory").count(), 0);
}

#[test]
fn a_hangup_that_is_ignored_does_not_end_a_drill() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    // As nohup does it.
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "trap '' HUP; exec \"$0\" \"$@\"",
            BINARY,
            "run",
            SCENARIO,
            "--output",
        ])
        .arg(folder.path())
        .args(["--until", "disrupt", "--pause-at", "prepare", "--pause-for", "10m"]);
    let (mut child, mut lines) = begin(&mut command);
    read_until(&mut lines, |line| line.starts_with("logs in "));
    for _ in 0..2 {
        send(&child, Signal::HUP);
        std::thread::sleep(Duration::from_millis(500));
        assert!(child.try_wait().expect("it is ours").is_none(), "it ended");
    }
    send(&child, Signal::TERM);
    let output = end(child, lines);
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
}

#[test]
fn a_suite_goes_on_with_the_build_that_it_began_with() {
    let place = tempfile::tempdir().expect("a folder");
    let program = place.path().join("fdx");
    std::fs::copy(BINARY, &program).expect("a copy");
    let report = place.path().join("report");
    let mut command = Command::new(&program);
    command
        .args([
            "suite",
            "monthly",
            "--quiet",
            "--postgres",
            "/nowhere/at/all",
            "--output",
        ])
        .arg(place.path().join("runs"))
        .arg("--report")
        .arg(&report);
    let (child, lines) = begin(&mut command);
    std::fs::remove_file(&program).expect("it was there");
    let output = end(child, lines);
    let suite = std::fs::read(report.join("suite.json")).unwrap_or_else(|error| panic!("{error}: {}", said(&output)));
    let suite: Value = serde_json::from_slice(&suite).expect("JSON");
    let drills = suite["drills"].as_array().expect("drills");
    assert!(!drills.is_empty());
    for drill in drills {
        // Every one was started, and found no Postgres.
        assert_eq!(drill["attempts"][0]["exit"], 2, "{drill:#}");
    }
}

#[test]
fn runs_that_were_done_are_told_when_a_later_one_is_ended() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(BINARY);
    command
        .args([
            "run", SCENARIO, "--until", "prepare", "--repeat", "3", "--format", "json", "--output",
        ])
        .arg(folder.path());
    let (child, mut lines) = begin(&mut command);
    read_until(&mut lines, |line| line == "run 2 of 3");
    // It listens once it tells of itself.
    read_until(&mut lines, |line| !line.is_empty());
    std::thread::sleep(Duration::from_millis(300));
    send(&child, Signal::TERM);
    let output = end(child, lines);
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    let table: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&output)));
    assert_eq!(table["runs"].as_array().map(Vec::len), Some(1), "{table:#}");
    assert_eq!(table["cut_short_of"], 3);
}

#[test]
fn a_file_that_may_not_grow_is_named_and_kills_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new("sh")
        .args([
            "-c",
            "ulimit -f 1; exec \"$0\" \"$@\"",
            BINARY,
            "run",
            SCENARIO,
            "--output",
        ])
        .arg(folder.path())
        .output()
        .expect("a shell");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("File too large"), "{}", said(&output));
}

#[test]
fn the_doctor_looks_for_the_postgres_that_drills_are_told_to_run_on() {
    let examined = firedrill(&["doctor", "--postgres", "/nowhere/at/all"]);
    assert_eq!(examined.status.code(), Some(1), "{}", said(&examined));
    assert!(said(&examined).contains("MISSING"), "{}", said(&examined));
    assert!(!said(&examined).contains("Drills can run here"), "{}", said(&examined));
}
