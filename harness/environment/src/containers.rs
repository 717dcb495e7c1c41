//! The containers environment: each service of a run in a container of its own, on a network of the run's own.
//!
//! The one idea: a container is where a service's processes live, and nothing else changes. The run's runtime directory is
//! mounted at the same path and the run's user is the same, so that files, configuration and this program are found where
//! they are on the local environment, and faults, tools and checks are written once. Everything bears the run's label before
//! it exists, and the supervisor removes by that label, whatever becomes of the harness.

#[cfg(not(feature = "containers"))]
mod absent;
#[cfg(feature = "containers")]
mod container;
#[cfg(feature = "containers")]
mod dwelling;
#[cfg(feature = "containers")]
mod engine;
#[cfg(feature = "containers")]
mod image;
#[cfg(feature = "containers")]
mod network;
#[cfg(feature = "containers")]
mod quarters;
#[cfg(feature = "containers")]
mod removal;
#[cfg(feature = "containers")]
mod toxiproxy;

#[cfg(not(feature = "containers"))]
pub use absent::choose;
#[cfg(not(feature = "containers"))]
pub(crate) use absent::{open, remove, sweep};
#[cfg(feature = "containers")]
pub use image::choose;
#[cfg(feature = "containers")]
pub(crate) use quarters::open;
#[cfg(feature = "containers")]
pub(crate) use removal::{remove, sweep};

use crate::capability::{Outcome, State, Wire};
use crate::error::{EnvironmentError, Result};
use crate::local::service::Kind;
use crate::postgres::Build;
use crate::supervise::wire::Spawn;
use crate::supervisor::Running;
use async_trait::async_trait;
use firedrill_proxy::Upstream;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What this build was made without.
pub const FEATURE: &str = "containers";
/// Whether this build has it.
pub const BUILT: bool = cfg!(feature = "containers");

/// Which images services run in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageNames {
    /// Of Postgres; `{major}` stands for the major version.
    pub postgres: String,
    /// Of what is this program, started again: the application and the store.
    pub app: String,
    /// Of Toxiproxy, where that carries the links; firedrill's own do if none.
    pub toxiproxy: Option<String>,
}

/// The Toxiproxy that links go through where no other is named.
pub const TOXIPROXY: &str = "ghcr.io/shopify/toxiproxy:2.12.0";

impl Default for ImageNames {
    fn default() -> Self {
        Self {
            postgres: "postgres:{major}".into(),
            app: "firedrill/app:latest".into(),
            toxiproxy: None,
        }
    }
}

/// An image that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// As it was asked for.
    pub name: String,
    /// Its digest, as the engine tells it.
    pub id: String,
}

/// An engine and the images of a run, looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Containers {
    /// The engine's socket.
    pub socket: String,
    /// The engine's version.
    pub engine: String,
    /// What servers run in.
    pub postgres: Image,
    /// What all else runs in.
    pub app: Image,
    /// What carries the links; firedrill's own are in the harness if none.
    pub toxiproxy: Option<Image>,
    /// The Postgres in that image.
    pub build: Build,
    /// Programs that were asked for and that it lacks.
    pub lacking: Vec<String>,
}

/// What of a run an engine holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contained {
    /// The engine's socket.
    pub(crate) socket: String,
    /// The run's runtime directory, which is the value of its label.
    pub(crate) run: String,
}

/// Where the services of a run live.
#[async_trait]
pub(crate) trait Quarters: Send + Sync {
    /// A container for a service of that name, which does not run yet; what its main process says goes to `log`.
    fn dwelling(&self, name: &str, kind: Kind, log: &Path) -> Result<Arc<dyn Dwelling>>;
    /// A link of this name to a service; `to` is where that service's container is in all its lives.
    async fn link(&self, name: &str, upstream: &Upstream, to: SocketAddr) -> Result<Arc<dyn Wire>>;
    /// The address by which containers reach this machine.
    fn gateway(&self) -> IpAddr;
    /// The run's network, as `172.18.0.0/16`.
    fn subnet(&self) -> String;
}

/// A container that a service lives in: its first process is the service's main one.
#[async_trait]
pub(crate) trait Dwelling: Send + Sync {
    /// Where the service listens; the same from life to life.
    fn address(&self) -> IpAddr;
    /// Starts the main process, in a new container.
    async fn spawn(&self, spawn: Spawn) -> Result<Running>;
    /// Runs a command where the service lives; ends it when `deadline` has passed.
    async fn run(&self, spawn: Spawn, deadline: Duration) -> Result<Outcome>;
    /// What it is doing, asked of the engine each time.
    async fn state(&self) -> Result<State>;
    /// Sends a signal to the main process; false where there is none.
    async fn signal(&self, signal: Signal) -> Result<bool>;
    /// SIGKILL; returns when every process is gone.
    async fn kill(&self) -> Result<()>;
    /// Freezes every process.
    async fn pause(&self) -> Result<()>;
    /// Lets frozen processes go on.
    async fn resume(&self) -> Result<()>;
}

/// Why containers cannot be had from this build.
#[must_use]
pub fn not_built() -> EnvironmentError {
    EnvironmentError::Missing(format!(
        "this firedrill was built without the feature `{FEATURE}`; build it with it: cargo build --release --features {FEATURE}"
    ))
}
