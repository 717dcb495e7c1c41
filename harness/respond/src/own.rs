//! Commands of the user's own: run where a database's host is, told what a team can observe, and heard out.
//!
//! The one idea: a command is told the same facts three ways (environment variables, a JSON file, a file of variables
//! that a shell can read), and answers with its exit code and the last line of what it printed. `docs/own-tools.md` is
//! the contract; nothing of a fault is in it unless the harness itself, whose command it is then, adds it as truth.

mod facts;
mod log;
mod redaction;
mod reply;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use firedrill_core::scenario::TOOLS_FOLDER;
use firedrill_environment::{EnvironmentError, Exec, Invocation};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::alert::Alerts;
use crate::database::DatabaseHost;

pub use facts::{CommandSite, StoreAccess, Surroundings};
pub use log::log_file;
pub use reply::{DeclaredPoint, Reply};

use redaction::Redaction;

/// A place where a database lives and commands run.
#[async_trait]
pub trait CommandHost: DatabaseHost + Exec {
    /// Writes a file for the services' user alone, beside the data directory.
    fn place(&self, name: &str, content: &[u8]) -> Result<PathBuf, EnvironmentError>;
    /// Where the server's Unix socket is.
    fn socket(&self) -> PathBuf;
}

#[async_trait]
impl CommandHost for firedrill_environment::Postgres {
    fn place(&self, name: &str, content: &[u8]) -> Result<PathBuf, EnvironmentError> {
        self.place_file(name, content)
    }

    fn socket(&self) -> PathBuf {
        self.socket_directory()
    }
}

/// What a command is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Setup,
    Backup,
    Archive,
    Step,
    Fault,
    Prove,
    Heal,
    Check,
}

impl Kind {
    /// As a command is told it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::Setup => "setup",
            Kind::Backup => "backup",
            Kind::Archive => "archive",
            Kind::Step => "step",
            Kind::Fault => "fault",
            Kind::Prove => "prove",
            Kind::Heal => "heal",
            Kind::Check => "check",
        }
    }
}

/// One command to run.
#[derive(Clone, Debug)]
pub struct Task<'a> {
    /// What for.
    pub kind: Kind,
    /// The name of the step, fault, backup or check.
    pub name: &'a str,
    /// The Postgres service on whose host it runs.
    pub on: &'a str,
    /// Program and arguments.
    pub command: &'a [String],
    /// When it is killed.
    pub deadline: Duration,
    /// The Postgres service that it is to fill.
    pub restores: Option<&'a str>,
    /// What only faults and checks may know.
    pub truth: Option<Value>,
}

/// Why a command's work does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{command}` {how}{}", said(tail))]
pub struct OwnError {
    /// The command.
    pub command: String,
    /// What became of it.
    pub how: String,
    /// The last lines of what it wrote.
    pub tail: String,
    /// It says that it cannot run here at all (exit code 77).
    pub cannot_run: bool,
    /// It was killed at its deadline.
    pub late: bool,
    /// The harness itself lacked what it is started with.
    pub lack: bool,
}

fn said(tail: &str) -> String {
    if tail.is_empty() {
        "; it wrote nothing".into()
    } else {
        format!("; its last lines: {tail}")
    }
}

/// How a command ended, whatever that means.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// It was killed at its deadline.
    pub late: bool,
    /// What its last line declares, if that is a line of JSON; or what is wrong with it.
    pub reply: Result<Option<Reply>, String>,
    /// The last lines of what it wrote.
    pub tail: String,
    /// How long it ran.
    pub took: Duration,
}

/// Names the file of variables that a shell can read.
pub(crate) const VARIABLES_FILE: &str = "DRILL_VARIABLES";
/// By convention of test suites: what is asked for cannot be done here.
const CANNOT_RUN: i32 = 77;

/// Runs commands and keeps what they say.
pub struct OwnCommands {
    surroundings: Surroundings,
    alerts: Mutex<Option<watch::Receiver<Alerts>>>,
    redaction: Redaction,
}

impl OwnCommands {
    /// Commands in these surroundings.
    #[must_use]
    pub fn new(surroundings: Surroundings) -> OwnCommands {
        OwnCommands {
            redaction: Redaction::of(surroundings.secrets()),
            surroundings,
            alerts: Mutex::default(),
        }
    }

    /// From here on commands are told what the monitor has called out.
    pub fn hear(&self, alerts: watch::Receiver<Alerts>) {
        *self.alerts.lock().unwrap_or_else(PoisonError::into_inner) = Some(alerts);
    }

    /// The component whose data the hosts hold.
    #[must_use]
    pub fn component(&self) -> &str {
        &self.surroundings.component
    }

    /// The Postgres service on whose host commands run that name none.
    #[must_use]
    pub fn home(&self) -> &str {
        &self.surroundings.home
    }

    /// The host of a Postgres service.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn site(&self, name: &str) -> Result<&CommandSite, EnvironmentError> {
        self.surroundings.sites.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.surroundings.sites.keys().map(String::as_str).collect();
            EnvironmentError::Invalid(format!(
                "commands run on the hosts of Postgres services: found `{name}`, expected one of {}",
                known.join(", ")
            ))
        })
    }

    /// Runs a command that must succeed; what it declares.
    ///
    /// # Errors
    /// It cannot be started, ends with another code than 0, misses its deadline, or its last line is not what a result
    /// line may be. The text ends with the last lines of its output.
    pub async fn run(&self, task: &Task<'_>) -> Result<(Reply, Duration), OwnError> {
        let ended = self.attempt(task).await?;
        let failed = |how: String| OwnError {
            command: self.words(task.command),
            how,
            tail: ended.tail.clone(),
            cannot_run: ended.code == Some(CANNOT_RUN) && !ended.late,
            late: ended.late,
            lack: false,
        };
        match (ended.late, ended.code) {
            (true, _) => Err(failed(format!(
                "had not ended after {} s and was killed",
                seconds(task.deadline)
            ))),
            (false, None) => Err(failed("was ended by a signal".into())),
            (false, Some(0)) => match &ended.reply {
                Ok(reply) => Ok((reply.clone().unwrap_or_default(), ended.took)),
                Err(why) => Err(failed(format!("ended with a result line that cannot be read: {why}"))),
            },
            (false, Some(code)) => Err(failed(format!("ended with exit code {code}, expected 0"))),
        }
    }

    /// Runs a command to its end, whatever that is.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn attempt(&self, task: &Task<'_>) -> Result<Ended, OwnError> {
        let unstarted = |error: EnvironmentError| OwnError {
            command: self.words(task.command),
            how: format!("could not be started: {}", self.redaction.applied(&error.to_string())),
            tail: String::new(),
            cannot_run: false,
            late: false,
            lack: error.is_lack(),
        };
        let site = self.site(task.on).map_err(unstarted)?;
        let variables = self.tell(site, task).await.map_err(unstarted)?;
        let words = self.resolved(task.command);
        let Some((program, args)) = words.split_first() else {
            return Err(unstarted(EnvironmentError::Invalid("it has no words".into())));
        };
        let begun = Instant::now();
        let invocation = Invocation {
            program: program.into(),
            args: args.to_vec(),
            env: variables.into_iter().collect(),
        };
        let outcome = Exec::run(&*site.host, invocation, task.deadline)
            .await
            .map_err(unstarted)?;
        let took = begun.elapsed();
        let (out, err) = (
            self.redaction.applied(&String::from_utf8_lossy(&outcome.stdout)),
            self.redaction.applied(&String::from_utf8_lossy(&outcome.stderr)),
        );
        let how = match (outcome.late, outcome.code) {
            (true, _) => "killed at its deadline".to_owned(),
            (false, Some(code)) => format!("exit code {code}"),
            (false, None) => "ended by a signal".to_owned(),
        };
        let title = format!(
            "{} {}: {}: {how}, {} ms",
            task.kind.word(),
            task.name,
            self.words(task.command),
            took.as_millis()
        );
        log::write(&self.surroundings.logs, task.name, &title, &out, &err);
        let reply = reply::read(&out);
        Ok(Ended {
            code: outcome.code,
            late: outcome.late,
            reply,
            tail: log::tail(&out, &err),
            took,
        })
    }

    /// `archive_command` for a server: the user's own command, with `%p` and `%f` left to Postgres.
    ///
    /// # Errors
    /// The facts cannot be laid out.
    pub async fn archive_command(&self, on: &str, command: &[String]) -> Result<String, EnvironmentError> {
        let task = Task {
            kind: Kind::Archive,
            name: "wal",
            on,
            command,
            deadline: Duration::from_secs(60),
            restores: None,
            truth: None,
        };
        let site = self.site(on)?;
        let told = self.tell(site, &task).await?;
        let variables = told
            .iter()
            .find(|(name, _)| name == VARIABLES_FILE)
            .map(|(_, path)| path.as_str());
        // What is the harness's own in the line must mean itself to Postgres too.
        let escaped = |text: &str| facts::quoted(text).replace('%', "%%");
        let words: Vec<String> = command
            .iter()
            .map(|word| match self.tool(word) {
                Some(path) => escaped(&path.display().to_string()),
                None => facts::quoted(word),
            })
            .collect();
        Ok(format!(
            ". {} && exec {}",
            escaped(variables.unwrap_or_default()),
            words.join(" ")
        ))
    }

    /// Lays out what the command is told, and returns its environment.
    async fn tell(&self, site: &CommandSite, task: &Task<'_>) -> Result<Vec<(String, String)>, EnvironmentError> {
        let alerts = self
            .alerts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map(|alerts| alerts.borrow().clone())
            .unwrap_or_default();
        facts::tell(&self.surroundings, site, task, &alerts).await
    }

    /// The place of a word that names a file of the tools folder.
    fn tool(&self, word: &str) -> Option<PathBuf> {
        let path = word.strip_prefix(TOOLS_FOLDER)?.strip_prefix('/')?;
        self.surroundings
            .tool_files
            .contains(Path::new(path))
            .then(|| self.surroundings.tools.join(path))
    }

    fn resolved(&self, command: &[String]) -> Vec<String> {
        command
            .iter()
            .map(|word| match self.tool(word) {
                Some(path) => path.display().to_string(),
                None => word.clone(),
            })
            .collect()
    }

    /// The command as its file has it, without secrets.
    fn words(&self, command: &[String]) -> String {
        self.redaction.applied(&command.join(" "))
    }
}

/// Whole and tenths.
fn seconds(duration: Duration) -> String {
    format!("{}.{}", duration.as_secs(), duration.subsec_millis() / 100)
}

/// What a command declared, in words for the record.
#[must_use]
pub fn told(reply: &Reply) -> String {
    let mut parts: Vec<String> = Vec::new();
    let named = [
        ("tool", &reply.tool),
        ("backup", &reply.backup),
        ("progress", &reply.progress),
        ("seen", &reply.seen),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            parts.push(format!("{name} {value}"));
        }
    }
    if let Some(point) = &reply.recovery_point {
        parts.push(format!("recovery point {point}"));
    }
    if !reply.found.is_empty() {
        parts.push(format!("found {}", reply.found.join(", ")));
    }
    parts.join("; ")
}
