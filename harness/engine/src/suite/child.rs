//! One run of one drill as a process of its own: started, waited for, bounded, read back.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use firedrill_core::Verdict;
use firedrill_core::suite::Attempt;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::build::ITSELF;
use crate::{run_directory, runs};

/// Set for a drill that ends when what started it does.
const PARENT: &str = "FIREDRILL_PARENT";
/// What pipelines set: the suite tells them of all drills at once.
const PIPELINES: [&str; 3] = ["GITHUB_STEP_SUMMARY", "GITHUB_ACTIONS", "GITLAB_CI"];
/// A verdict is not larger; more is read and dropped.
const OUTPUT_MAX: u64 = 64 << 20;
/// How long a drill that was asked to end may take to clean up.
const PATIENCE: Duration = Duration::from_secs(120);
/// What a drill ends with that the harness could not run.
const EXIT_HARNESS: u8 = 4;
/// Lines at the end of a log that are worth repeating.
const SAID_LINES: usize = 6;

/// A drill that is to be run.
#[derive(Clone, Debug)]
pub struct Ordered {
    /// What `firedrill run` takes.
    pub argument: String,
    /// Its full name.
    pub name: String,
    /// Further arguments of `firedrill run`.
    pub arguments: Vec<OsString>,
    /// Folder of run directories.
    pub output: PathBuf,
    /// Where its own lines go.
    pub log: PathBuf,
    /// When it is ended by force.
    pub deadline: Duration,
}

/// Runs a drill once and reads back what came of it. `asked` counts how often somebody asked the suite to end.
///
/// # Errors
/// When the process cannot be started or its log not be made.
pub(super) async fn attempt(order: &Ordered, mut asked: watch::Receiver<u32>) -> io::Result<Attempt> {
    let before = directories(&order.output);
    let started = run_directory::utc_now();
    let clock = Instant::now();
    let mut child = start(order)?;
    let mut stdout = child.stdout.take();
    let reading = async {
        let mut text = Vec::new();
        if let Some(stdout) = &mut stdout {
            let _ = (&mut *stdout).take(OUTPUT_MAX).read_to_end(&mut text).await;
            // Whoever writes more must not block on it.
            let _ = tokio::io::copy(stdout, &mut tokio::io::sink()).await;
        }
        text
    };
    let ending = async {
        let deadline = tokio::time::sleep(order.deadline);
        tokio::pin!(deadline);
        let mut late = false;
        loop {
            tokio::select! {
                status = child.wait() => return (status, late),
                Ok(()) = asked.changed() => signal(&child, Signal::TERM),
                () = &mut deadline => {
                    // In order first; by force if that takes too long.
                    signal(&child, if late { Signal::KILL } else { Signal::TERM });
                    late = true;
                    deadline.as_mut().reset(tokio::time::Instant::now() + PATIENCE);
                }
            }
        }
    };
    let ((status, late), text) = tokio::join!(ending, reading);
    let exit = status?.code().and_then(|code| u8::try_from(code).ok());
    let verdict: Option<Verdict> = serde_json::from_slice(&text).ok();
    let run = verdict
        .as_ref()
        .map(|verdict| verdict.run.clone())
        .or_else(|| made(&order.output, &before, &order.name));
    let decides = verdict.is_some() && matches!(exit, Some(0 | 1 | 3));
    let said = match (decides, late) {
        (_, true) => format!(
            "it was still running after {} s and was ended",
            order.deadline.as_secs()
        ),
        (true, false) => String::new(),
        (false, false) => last_lines(&order.log),
    };
    let limits = verdict.as_ref().map(Verdict::limits).unwrap_or_default();
    let (outcome, scope, spoiled, findings, loss) = match verdict {
        Some(verdict) => (
            Some(verdict.outcome),
            verdict.scope,
            verdict.spoiled,
            verdict.findings,
            verdict.loss,
        ),
        None => Default::default(),
    };
    Ok(Attempt {
        run,
        started,
        millis: u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX),
        exit,
        outcome,
        scope,
        spoiled,
        findings,
        loss,
        limits,
        said,
    })
}

/// What stands in the report where a drill could not be run for a reason of this machine.
pub(super) fn not_run(error: &io::Error) -> Attempt {
    Attempt {
        run: None,
        started: run_directory::utc_now(),
        millis: 0,
        exit: Some(EXIT_HARNESS),
        outcome: None,
        scope: String::new(),
        spoiled: Vec::new(),
        findings: Vec::new(),
        loss: Default::default(),
        limits: Default::default(),
        said: format!("it could not be started: {error}"),
    }
}

fn start(order: &Ordered) -> io::Result<Child> {
    let log = File::options().create(true).append(true).open(&order.log)?;
    let mut command = Command::new(ITSELF);
    command
        .arg0(env!("CARGO_PKG_NAME"))
        .arg("run")
        .arg(&order.argument)
        .arg("--output")
        .arg(&order.output)
        .args(["--format", "json", "--color", "never"])
        .args(&order.arguments)
        .env(PARENT, std::process::id().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        // What a terminal sends reaches the suite alone, which passes it on once: twice would end a drill in haste.
        .process_group(0);
    for name in PIPELINES {
        command.env_remove(name);
    }
    command.spawn()
}

fn signal(child: &Child, signal: Signal) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended by itself meanwhile; waiting tells.
        let _ = kill_process(pid, signal);
    }
}

/// Called by a drill: one that a suite started is asked to end in order when the suite dies, however it does.
pub fn follow_parent() {
    let Some(parent) = std::env::var_os(PARENT) else {
        return;
    };
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::TERM));
    // It may have died before that.
    let now = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().to_string());
    if now.as_deref() != parent.to_str() {
        std::process::exit(130);
    }
}

fn directories(output: &Path) -> BTreeSet<OsString> {
    std::fs::read_dir(output)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name())
        .take(runs::RUNS_MAX * 2)
        .collect()
}

/// The run directory that was made meanwhile for a drill of this name.
fn made(output: &Path, before: &BTreeSet<OsString>, name: &str) -> Option<String> {
    let short = name.rsplit('/').next().unwrap_or(name).replace(':', "-");
    let mut new = directories(output)
        .into_iter()
        .filter(|one| !before.contains(one))
        .filter_map(|one| one.into_string().ok())
        .filter(|one| one.contains(&format!("-{short}-")));
    new.next_back()
}

/// The last lines of a log, in one.
fn last_lines(log: &Path) -> String {
    const BYTES: u64 = 16 * 1024;
    let read = || -> io::Result<Vec<u8>> {
        use std::io::{Read as _, Seek as _, SeekFrom};
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(BYTES)))?;
        let mut bytes = Vec::new();
        file.take(BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let text = String::from_utf8_lossy(&read().unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.trim_matches(|c: char| c.is_whitespace() || matches!(c, '×' | '│' | '╰' | '─' | '▶')))
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(SAID_LINES)..].join(" ")
}
