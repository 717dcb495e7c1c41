//! What a Postgres host offers to those who know it only by its capabilities.

use super::super::{command, files, loss, loss::Removal};
use super::Postgres;
use crate::capability::{Endpoint, Endpoints, Exec, Files, Invocation, Lifecycle, Outcome, State};
use crate::error::{EnvironmentError, Result};
use async_trait::async_trait;
use rustix::process::Signal;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// How long a fast shutdown, with its checkpoint, may take before the rest is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

#[async_trait]
impl Lifecycle for Postgres {
    async fn start(&self) -> Result<()> {
        let _turn = self.service.turn.lock().await;
        match self.service.state().await? {
            State::Running => return Ok(()),
            State::Paused => {
                return Err(EnvironmentError::Invalid(format!(
                    "{} is paused: resume it, or stop it (which kills a paused server) and start it again",
                    self.service.name
                )));
            }
            // As a service manager would: a stopped backend of a former life keeps the next one from starting.
            State::Down => self.service.kill_all().await?,
        }
        self.start_locked().await
    }

    async fn stop(&self) -> Result<()> {
        let _turn = self.service.turn.lock().await;
        self.service.stop(Signal::INT, STOP_PATIENCE).await?;
        self.upstream.set(None);
        Ok(())
    }

    async fn kill(&self) -> Result<()> {
        let _turn = self.service.turn.lock().await;
        self.service.kill_main().await?;
        self.upstream.set(None);
        Ok(())
    }

    async fn kill_all(&self) -> Result<()> {
        let _turn = self.service.turn.lock().await;
        // Stopped first: what is about to be killed must not finish something meanwhile, as an archiver would. A container's
        // processes die at once.
        if !self.service.is_contained() && self.service.state().await? == State::Running {
            self.service.pause().await?;
        }
        self.service.kill_all().await?;
        self.upstream.set(None);
        Ok(())
    }

    async fn pause(&self) -> Result<()> {
        self.service.pause().await
    }

    async fn resume(&self) -> Result<()> {
        self.service.resume().await
    }

    async fn state(&self) -> Result<State> {
        self.service.state().await
    }
}

#[async_trait]
impl Files for Postgres {
    async fn read_at(&self, path: &Path, offset: u64, length: usize) -> Result<Vec<u8>> {
        files::read_at(files::within(&self.service.data(), path)?, offset, length).await
    }

    async fn write_at(&self, path: &Path, offset: u64, bytes: &[u8]) -> Result<()> {
        files::write_at(files::within(&self.service.data(), path)?, offset, bytes.to_vec()).await
    }

    async fn remove(&self, path: &Path) -> Result<()> {
        files::remove(files::within(&self.service.data(), path)?).await
    }

    async fn lose(&self) -> Result<Removal> {
        if self.service.state().await? != State::Down {
            return Err(EnvironmentError::Invalid(format!(
                "{} must be down to lose its disk: what runs would write on",
                self.service.name
            )));
        }
        loss::lose(self.service.data()).await
    }

    async fn sync(&self, path: &Path) -> Result<()> {
        files::sync(files::within(&self.service.data(), path)?).await
    }

    async fn exists(&self, path: &Path) -> Result<bool> {
        files::exists(files::within(&self.service.data(), path)?).await
    }

    async fn size(&self, path: &Path) -> Result<Option<u64>> {
        files::size(files::within(&self.service.data(), path)?).await
    }

    async fn cut(&self, path: &Path, bytes: u64) -> Result<()> {
        files::cut(files::within(&self.service.data(), path)?, bytes).await
    }

    async fn create(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        files::create(files::within(&self.service.data(), path)?, bytes.to_vec()).await
    }

    async fn list(&self, path: &Path) -> Result<Vec<String>> {
        files::list(files::within(&self.service.data(), path)?).await
    }
}

#[async_trait]
impl Exec for Postgres {
    async fn run(&self, invocation: Invocation, deadline: Duration) -> Result<Outcome> {
        command::run(&self.service, invocation, deadline).await
    }
}

impl Endpoints for Postgres {
    fn endpoint(&self, name: &str) -> Option<Endpoint> {
        let port = self.port().filter(|_| name == "postgres")?;
        Some(Endpoint {
            name: name.into(),
            address: SocketAddr::from((self.service.address(), port)),
        })
    }
}
