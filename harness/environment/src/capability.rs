//! What a service or a link can do, as small traits: a fault or a recovery tool asks for those it needs, and an
//! environment offers those it has.

use crate::error::Result;
use crate::local::Removal;
use async_trait::async_trait;
use firedrill_proxy::Cut;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a service is doing, as seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its main process runs.
    Running,
    /// Its main process is stopped by a signal.
    Paused,
    /// It has no main process.
    Down,
}

/// The life of a service. Every method is safe to repeat.
#[async_trait]
pub trait Lifecycle: Send + Sync {
    /// Starts the service and returns once it answers. Leftovers of a former life are ended first, as a service
    /// manager would.
    async fn start(&self) -> Result<()>;
    /// Stops it in order; what has not ended after that is killed. A paused service cannot end in order: it is killed.
    async fn stop(&self) -> Result<()>;
    /// SIGKILL of the main process alone; returns when it is gone. What its children then do is up to them.
    async fn kill(&self) -> Result<()>;
    /// SIGKILL of every process of the service, until there is none: the machine it ran on is gone.
    async fn kill_all(&self) -> Result<()>;
    /// SIGSTOP of every process of the service; returns when all are stopped.
    async fn pause(&self) -> Result<()>;
    /// SIGCONT of every process of the service.
    async fn resume(&self) -> Result<()>;
    /// What it is doing, looked up in the process table each time.
    async fn state(&self) -> Result<State>;
}

/// The files of a service; paths are relative to its data directory and may not lead out of it.
#[async_trait]
pub trait Files: Send + Sync {
    /// Reads up to `length` bytes (at most 16 MiB) at `offset`; fewer at the end of the file.
    async fn read_at(&self, path: &Path, offset: u64, length: usize) -> Result<Vec<u8>>;
    /// Writes all of `bytes` at `offset` of a file that exists.
    async fn write_at(&self, path: &Path, offset: u64, bytes: &[u8]) -> Result<()>;
    /// Removes a file, or a directory with all in it; the empty path is the data directory itself. What is not there
    /// is already removed.
    async fn remove(&self, path: &Path) -> Result<()>;
    /// Loses the disk: the data directory is gone, its files are cut to nothing as far as they have other names, and so is
    /// what a cluster keeps elsewhere (a linked `pg_wal`, tablespaces). Returns when nothing of it can be reached by any name;
    /// the rest is removed behind it. What is not there is already lost. The service must be down.
    async fn lose(&self) -> Result<Removal>;
    /// Forces a file or directory to the disk.
    async fn sync(&self, path: &Path) -> Result<()>;
    /// Whether there is such a path.
    async fn exists(&self, path: &Path) -> Result<bool>;
    /// Bytes of a file; none where there is no such file.
    async fn size(&self, path: &Path) -> Result<Option<u64>>;
    /// Cuts a file that exists to this many bytes; one that is shorter stays as it is.
    async fn cut(&self, path: &Path, bytes: u64) -> Result<()>;
    /// Writes a whole file where there is none, with the owner of the directory it lies in and for that owner alone.
    async fn create(&self, path: &Path, bytes: &[u8]) -> Result<()>;
    /// Names of the files and directories in a directory, sorted; at most 100,000.
    async fn list(&self, path: &Path) -> Result<Vec<String>>;
}

/// A command to run where a service lives.
#[derive(Clone, Debug, Default)]
pub struct Invocation {
    /// The program, absolute or to be found on PATH.
    pub program: PathBuf,
    /// Its arguments. They are visible to everyone on the machine: no secrets.
    pub args: Vec<String>,
    /// Its environment, besides PATH and a locale. Secrets may go here.
    pub env: BTreeMap<String, String>,
}

/// What became of a command.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// The last MiB of what it wrote to standard output.
    pub stdout: Vec<u8>,
    /// The last MiB of what it wrote to standard error.
    pub stderr: Vec<u8>,
    /// It had not ended at its deadline and was killed, with its children.
    pub late: bool,
}

/// Running commands as the service's user.
#[async_trait]
pub trait Exec: Send + Sync {
    /// Runs a command to its end; kills it, with its children, when `deadline` has passed.
    async fn run(&self, invocation: Invocation, deadline: Duration) -> Result<Outcome>;
}

/// Where a service listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// What is spoken there: `postgres`, `s3` or `http`.
    pub name: String,
    /// The address.
    pub address: SocketAddr,
}

/// Telling where a service listens.
pub trait Endpoints: Send + Sync {
    /// The endpoint of that name, if the service has it and has been started.
    fn endpoint(&self, name: &str) -> Option<Endpoint>;
}

/// Hurting a link. Effective when the call returns.
#[async_trait]
pub trait Shape: Send + Sync {
    /// Cuts it.
    async fn cut(&self, cut: Cut) -> Result<()>;
    /// Delays each direction by `one_way`.
    async fn delay(&self, one_way: Duration) -> Result<()>;
    /// Makes it whole; safe to repeat.
    async fn heal(&self) -> Result<()>;
}

/// A link between two services, whoever carries it.
#[async_trait]
pub trait Wire: Shape {
    /// Where clients connect to; the same through the link's whole life.
    fn address(&self) -> SocketAddr;
    /// Closes it for good.
    async fn close(&self);
}
