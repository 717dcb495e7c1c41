//! The harness's end of the pipe to `firedrill supervise`.

#[cfg(feature = "containers")]
use crate::containers::Contained;
use crate::error::{EnvironmentError, Result};
use crate::process::Identity;
use crate::supervise::wire::{Answer, Message, Order, Request, Spawn};
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{oneshot, watch};

/// How long the supervisor may take to answer; starting a process is the longest of what it does.
const ANSWER_DEADLINE: Duration = Duration::from_secs(20);
/// How long it may take to clean up: longer than it gives to processes that wait for a busy disk.
pub(crate) const END_DEADLINE: Duration = Duration::from_secs(90);

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "it ended with exit code {code}"),
            (None, Some(signal)) => write!(f, "it was ended by signal {signal}"),
            (None, None) => f.write_str("it ended, nobody knows how"),
        }
    }
}

/// A process that the supervisor started.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) identity: Identity,
    exit: watch::Receiver<Option<Exit>>,
}

impl Running {
    /// A process that another than the supervisor started and tells the end of.
    #[cfg(feature = "containers")]
    pub(crate) fn told_by(identity: Identity, exit: watch::Receiver<Option<Exit>>) -> Self {
        Self { identity, exit }
    }

    /// How it ended, if it has.
    pub(crate) fn exited(&self) -> Option<Exit> {
        *self.exit.borrow()
    }

    /// Waits for its end. If the supervisor dies first, nobody knows how it ended.
    pub(crate) async fn wait(&self) -> Exit {
        let mut exit = self.exit.clone();
        let ended = exit.wait_for(Option::is_some).await.ok().and_then(|exit| *exit);
        ended.unwrap_or(Exit {
            code: None,
            signal: None,
        })
    }
}

enum Reply {
    Done,
    Spawned(Running),
}

#[derive(Default)]
struct Desk {
    next: u64,
    waiting: HashMap<u64, oneshot::Sender<Result<Reply, String>>>,
    exits: HashMap<Identity, watch::Sender<Option<Exit>>>,
    gone: watch::Sender<bool>,
}

/// A running supervisor.
pub(crate) struct Supervisor {
    input: tokio::sync::Mutex<Option<ChildStdin>>,
    desk: Arc<Mutex<Desk>>,
    child: tokio::sync::Mutex<Child>,
    pid: Option<i32>,
}

fn lock(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Supervisor {
    /// Starts `binary supervise`, which makes the directory of `journal`; what it has to complain goes to `log`.
    pub(crate) fn start(binary: &Path, journal: &Path, log: File) -> Result<Self> {
        let mut child = Command::new(binary)
            .arg0("firedrill")
            .arg("supervise")
            .arg("--journal")
            .arg(journal)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(false)
            .spawn()
            .map_err(EnvironmentError::path("start the supervisor from", binary))?;
        let missing = || EnvironmentError::Supervisor("has no pipe".into());
        let input = child.stdin.take().ok_or_else(missing)?;
        let output = child.stdout.take().ok_or_else(missing)?;
        let desk = Arc::new(Mutex::new(Desk::default()));
        let pid = child.id().map(u32::cast_signed);
        tokio::spawn(listen(output, Arc::clone(&desk)));
        Ok(Self {
            input: tokio::sync::Mutex::new(Some(input)),
            desk,
            child: tokio::sync::Mutex::new(child),
            pid,
        })
    }

    pub(crate) async fn spawn(&self, spawn: Spawn) -> Result<Running> {
        match self.order(Order::Spawn(spawn)).await? {
            Reply::Spawned(running) => Ok(running),
            Reply::Done => Err(EnvironmentError::Supervisor("answered something else".into())),
        }
    }

    pub(crate) async fn observe(&self) -> Result<()> {
        self.order(Order::Observe).await.map(|_| ())
    }

    /// Ends a process that it started, with all below it; what it had in shared memory goes with the run.
    pub(crate) async fn end_tree(&self, identity: Identity) -> Result<()> {
        self.order(Order::End(identity)).await.map(|_| ())
    }

    pub(crate) async fn register(&self, directory: &Path) -> Result<()> {
        self.order(Order::Register(directory.to_path_buf())).await.map(|_| ())
    }

    /// Has all containers, networks and volumes of this run removed at its end, whatever happens. Before any is made.
    #[cfg(feature = "containers")]
    pub(crate) async fn contain(&self, contained: Contained) -> Result<()> {
        self.order(Order::Contain(contained)).await.map(|_| ())
    }

    /// Has the supervisor hold the lock on the directory of the run's evidence, also once the harness is gone.
    pub(crate) async fn guard(&self, run: &Path) -> Result<()> {
        self.order(Order::Guard(run.to_path_buf())).await.map(|_| ())
    }

    pub(crate) async fn hold(&self) -> Result<()> {
        self.order(Order::Hold).await.map(|_| ())
    }

    /// Becomes true when the supervisor is gone.
    pub(crate) fn gone(&self) -> watch::Receiver<bool> {
        lock(&self.desk).gone.subscribe()
    }

    /// The supervisor's process.
    pub(crate) fn pid(&self) -> Option<i32> {
        self.pid
    }

    /// Lets the supervisor clean up, and waits for its end. False: it did not say that all is gone.
    pub(crate) async fn end(&self) -> bool {
        self.input.lock().await.take();
        let mut child = self.child.lock().await;
        matches!(tokio::time::timeout(END_DEADLINE, child.wait()).await, Ok(Ok(status)) if status.success())
    }

    async fn order(&self, order: Order) -> Result<Reply> {
        let (send, receive) = oneshot::channel();
        let id = {
            let mut desk = lock(&self.desk);
            if *desk.gone.borrow() {
                return Err(EnvironmentError::Supervisor("is gone; the run cannot go on".into()));
            }
            desk.next += 1;
            let id = desk.next;
            desk.waiting.insert(id, send);
            id
        };
        let mut line = serde_json::to_vec(&Request { id, order })
            .map_err(|error| EnvironmentError::Supervisor(format!("cannot be told: {error}")))?;
        line.push(b'\n');
        {
            let mut input = self.input.lock().await;
            let input = input
                .as_mut()
                .ok_or_else(|| EnvironmentError::Supervisor("has been told to end".into()))?;
            input
                .write_all(&line)
                .await
                .map_err(|error| EnvironmentError::Supervisor(format!("cannot be written to: {error}")))?;
        }
        match tokio::time::timeout(ANSWER_DEADLINE, receive).await {
            Ok(Ok(Ok(reply))) => Ok(reply),
            Ok(Ok(Err(text))) => Err(EnvironmentError::Refused(text)),
            Ok(Err(_)) => Err(EnvironmentError::Supervisor("is gone; the run cannot go on".into())),
            Err(_) => {
                lock(&self.desk).waiting.remove(&id);
                Err(EnvironmentError::Supervisor(format!(
                    "did not answer within {ANSWER_DEADLINE:?}"
                )))
            }
        }
    }
}

async fn listen(output: ChildStdout, desk: Arc<Mutex<Desk>>) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(Message::Reply { id, result }) => {
                let mut desk = lock(&desk);
                let reply = result.map(|answer| match answer {
                    Answer::Done => Reply::Done,
                    Answer::Spawned(identity) => {
                        // Before anyone is told, so that an exit that follows at once finds its listener.
                        let (send, exit) = watch::channel(None);
                        desk.exits.insert(identity, send);
                        Reply::Spawned(Running { identity, exit })
                    }
                });
                if let Some(waiting) = desk.waiting.remove(&id) {
                    let _ = waiting.send(reply);
                }
            }
            Ok(Message::Exited { identity, code, signal }) => {
                if let Some(exit) = lock(&desk).exits.remove(&identity) {
                    exit.send_replace(Some(Exit { code, signal }));
                }
            }
            Err(_) => break,
        }
    }
    let mut desk = lock(&desk);
    desk.gone.send_replace(true);
    desk.waiting.clear();
    desk.exits.clear();
}
