//! One service as a set of processes: what every kind of service has in common.
//!
//! Which processes are a service's is looked up each time: those below its main process, and those of the run that work
//! in its directory, since the children of a dead main process are nobody's descendants but the supervisor's.

use super::Site;
use crate::capability::State;
use crate::containers::Dwelling;
use crate::error::{EnvironmentError, Result};
use crate::process::{self, Identity, Status};
use crate::supervise::wire::Spawn;
use crate::supervisor::Running;
use crate::user::give;
use rustix::process::Signal;
use std::collections::HashSet;
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a process may take to take a signal that it cannot refuse.
const SIGNAL_DEADLINE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(3);
/// How much of a log goes into an error.
const TAIL_BYTES: u64 = 4096;

/// What a service is made of; in containers each kind has an image of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A Postgres server.
    Postgres,
    /// This program, started again.
    Program,
}

pub(crate) struct Service {
    pub(crate) site: Arc<Site>,
    pub(crate) name: String,
    pub(crate) directory: PathBuf,
    /// The container it lives in; none where it lives as processes of this machine.
    pub(crate) dwelling: Option<Arc<dyn Dwelling>>,
    main: Mutex<Option<Running>>,
    /// One change of life at a time.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

impl Service {
    pub(crate) fn new(site: &Arc<Site>, name: &str, kind: Kind) -> Result<Self> {
        let directory = site.service_directory(name)?;
        let dwelling = match &site.quarters {
            Some(quarters) => Some(quarters.dwelling(name, kind, &site.logs.join(format!("{name}.log")))?),
            None => None,
        };
        Ok(Self {
            site: Arc::clone(site),
            name: name.into(),
            directory,
            dwelling,
            main: Mutex::new(None),
            turn: tokio::sync::Mutex::new(()),
        })
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.site.logs.join(format!("{}.log", self.name))
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Starts the main process.
    pub(crate) async fn spawn(&self, program: PathBuf, args: Vec<String>) -> Result<Running> {
        let spawn = self.invocation(program, args, &[], &self.log(), &self.log());
        let running = match &self.dwelling {
            Some(dwelling) => dwelling.spawn(spawn).await?,
            None => self.site.supervisor.spawn(spawn).await?,
        };
        *self.main.lock().unwrap_or_else(PoisonError::into_inner) = Some(running.clone());
        Ok(running)
    }

    pub(crate) fn invocation(
        &self,
        program: PathBuf,
        args: Vec<String>,
        env: &[(String, String)],
        stdout: &Path,
        stderr: &Path,
    ) -> Spawn {
        // Nothing of the harness's own environment goes to a service: it may hold the secrets of a pipeline.
        // An image knows its own paths.
        let machine: &[&str] = if self.is_contained() {
            &[]
        } else {
            &["PATH", "LD_LIBRARY_PATH"]
        };
        let mut all: Vec<(String, String)> = machine
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
            .collect();
        all.push(("LC_ALL".into(), "C".into()));
        all.push(("TZ".into(), "UTC".into()));
        all.push(("HOME".into(), self.directory.display().to_string()));
        all.extend(env.iter().cloned());
        Spawn {
            program,
            args,
            env: all,
            directory: self.directory.clone(),
            user: self.site.user(),
            stdout: stdout.to_path_buf(),
            stderr: stderr.to_path_buf(),
        }
    }

    /// The main process, if one was started and is still there.
    fn main(&self) -> Option<Status> {
        let running = self.main.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        running.identity.status().filter(|status| !status.is_ended())
    }

    pub(crate) fn main_identity(&self) -> Option<Identity> {
        self.main().map(|status| status.identity)
    }

    /// Whether it lives in a container.
    pub(crate) fn is_contained(&self) -> bool {
        self.dwelling.is_some()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> IpAddr {
        match &self.dwelling {
            Some(dwelling) => dwelling.address(),
            None => Ipv4Addr::LOCALHOST.into(),
        }
    }

    pub(crate) async fn state(&self) -> Result<State> {
        if let Some(dwelling) = &self.dwelling {
            return dwelling.state().await;
        }
        Ok(match self.main() {
            None => State::Down,
            Some(status) if status.is_stopped() => State::Paused,
            Some(_) => State::Running,
        })
    }

    /// Sends a signal to the main process; false where there is none.
    pub(crate) async fn signal_main(&self, signal: Signal) -> Result<bool> {
        if let Some(dwelling) = &self.dwelling {
            return dwelling.signal(signal).await;
        }
        match self.main_identity() {
            Some(identity) => self.send(identity, signal).map(|()| true),
            None => Ok(false),
        }
    }

    /// Every living process of the service, the main one first.
    pub(crate) fn members(&self) -> Vec<Status> {
        let main = self.main();
        let mut members: Vec<Status> = main.into_iter().collect();
        if let Some(main) = main {
            members.extend(process::descendants(main.identity.pid));
        }
        let mut seen: HashSet<Identity> = members.iter().map(|status| status.identity).collect();
        for status in process::all() {
            let here = || {
                process::working_directory(status.identity.pid)
                    .is_some_and(|directory| directory.starts_with(&self.directory))
                    && self.is_of_the_run(status)
            };
            if !seen.contains(&status.identity) && here() {
                seen.insert(status.identity);
                members.push(status);
            }
        }
        members.retain(|status| !status.is_ended());
        members
    }

    /// Runs as the services' user and hangs under another process than a shell that someone left in the directory.
    fn is_of_the_run(&self, status: Status) -> bool {
        let supervisor = self.site.supervisor.pid();
        let mut parent = status.parent;
        for _ in 0..64 {
            if Some(parent) == supervisor {
                return true;
            }
            match process::status(parent) {
                Some(next) if next.identity.pid > 1 => parent = next.parent,
                _ => return false,
            }
        }
        false
    }

    /// SIGKILL of the main process; returns when it is gone.
    pub(crate) async fn kill_main(&self) -> Result<()> {
        if let Some(dwelling) = &self.dwelling {
            return dwelling.kill().await;
        }
        let _ = self.site.supervisor.observe().await;
        if let Some(identity) = self.main_identity() {
            self.send(identity, Signal::KILL)?;
            self.until("the end of the killed process", || !identity.is_alive())
                .await?;
        }
        Ok(())
    }

    /// SIGKILL of every process, until there is none.
    pub(crate) async fn kill_all(&self) -> Result<()> {
        if let Some(dwelling) = &self.dwelling {
            return dwelling.kill().await;
        }
        let members = self.members();
        if !members.is_empty() {
            // Stopped first, so that none makes shared memory between the look and its end.
            for member in &members {
                let _ = member.identity.signal(Signal::STOP);
            }
            let _ = self.site.supervisor.observe().await;
        }
        self.until("the end of its processes", || {
            let members = self.members();
            for member in &members {
                let _ = member.identity.signal(Signal::KILL);
            }
            members.is_empty()
        })
        .await
    }

    /// Asks the main process to end by `signal`, kills what has not ended after `patience`.
    pub(crate) async fn stop(&self, signal: Signal, patience: Duration) -> Result<()> {
        if let Some(dwelling) = &self.dwelling {
            if dwelling.state().await? == State::Running && dwelling.signal(signal).await? {
                let deadline = Instant::now() + patience;
                while dwelling.state().await? != State::Down && Instant::now() < deadline {
                    sleep(LOOK_EVERY * 10).await;
                }
            }
            return dwelling.kill().await;
        }
        if let (State::Running, Some(identity)) = (self.state().await?, self.main_identity()) {
            self.send(identity, signal)?;
            let deadline = Instant::now() + patience;
            while identity.is_alive() && Instant::now() < deadline {
                sleep(LOOK_EVERY).await;
            }
        }
        self.kill_all().await
    }

    pub(crate) async fn pause(&self) -> Result<()> {
        let _ = self.site.supervisor.observe().await;
        if self.state().await? == State::Down {
            return Err(EnvironmentError::Invalid(format!(
                "{} is down: there is nothing to pause",
                self.name
            )));
        }
        if let Some(dwelling) = &self.dwelling {
            return dwelling.pause().await;
        }
        // The main process goes first, so that it makes no more children; then again until nothing new appears.
        self.until("the stop of every process", || {
            let members = self.members();
            for member in members.iter().filter(|member| !member.is_stopped()) {
                let _ = member.identity.signal(Signal::STOP);
            }
            members.iter().all(|member| member.is_stopped())
        })
        .await
    }

    pub(crate) async fn resume(&self) -> Result<()> {
        if let Some(dwelling) = &self.dwelling {
            return dwelling.resume().await;
        }
        self.until("every process to go on", || {
            let stopped: Vec<Status> = self
                .members()
                .into_iter()
                .filter(|member| member.is_stopped())
                .collect();
            for member in &stopped {
                let _ = member.identity.signal(Signal::CONT);
            }
            stopped.is_empty()
        })
        .await
    }

    fn send(&self, identity: Identity, signal: Signal) -> Result<()> {
        let what = || format!("cannot signal process {} of {}", identity.pid, self.name);
        identity
            .signal(signal)
            .map(|_| ())
            .map_err(|error| EnvironmentError::io(what())(error))
    }

    async fn until(&self, what: &str, mut condition: impl FnMut() -> bool) -> Result<()> {
        let deadline = Instant::now() + SIGNAL_DEADLINE;
        while !condition() {
            if Instant::now() >= deadline {
                let what = format!("{}: {what}", self.name);
                return Err(EnvironmentError::Deadline {
                    what,
                    deadline: SIGNAL_DEADLINE,
                });
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Writes a file into the service's directory for its user alone; complete or not at all.
    pub(crate) fn place(&self, name: &str, content: &[u8]) -> Result<PathBuf> {
        if name.is_empty() || name.contains('/') || ["data", "tmp"].contains(&name) || name.starts_with("..") {
            return Err(EnvironmentError::Invalid(format!(
                "`{name}` cannot name a file of a service"
            )));
        }
        let path = self.directory.join(name);
        let new = self.directory.join(format!(".{name}.new"));
        let write = || -> std::io::Result<()> {
            if new.exists() {
                fs::remove_file(&new)?;
            }
            let mut file = fs::OpenOptions::new()
                .create_new(true)
                .write(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(content)?;
            if let Some((uid, gid)) = self.site.user() {
                std::os::unix::fs::fchown(&file, Some(uid), Some(gid))?;
            }
            fs::rename(&new, &path)
        };
        write().map_err(EnvironmentError::path("write", &path))?;
        Ok(path)
    }

    /// Makes sure that the data directory exists, empty or not, and belongs to the service's user.
    pub(crate) fn make_data(&self) -> Result<()> {
        let data = self.data();
        fs::create_dir_all(&data).map_err(EnvironmentError::path("make", &data))?;
        give(self.site.account.as_ref(), &data)
    }

    /// A directory for the temporary files of commands that run here.
    pub(crate) fn make_temporary(&self) -> Result<PathBuf> {
        let temporary = self.directory.join("tmp");
        match fs::DirBuilder::new().mode(0o700).create(&temporary) {
            Ok(()) => give(self.site.account.as_ref(), &temporary)?,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(EnvironmentError::path("make", &temporary)(error)),
        }
        Ok(temporary)
    }

    pub(crate) fn failed(&self, reason: impl Into<String>) -> EnvironmentError {
        EnvironmentError::Start {
            service: self.name.clone(),
            reason: reason.into(),
            log: tail(&self.log()),
        }
    }
}

/// The end of a log.
pub(crate) fn tail(log: &Path) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = fs::File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().unwrap_or_else(|error| format!("(cannot read {}: {error})", log.display()))
}
