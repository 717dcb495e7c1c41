//! Faults of a service: its process killed, all its processes stopped, its data directory lost.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use firedrill_environment::{Capability, EnvironmentError, Files, Lifecycle, Removal, State};
use tokio::sync::Mutex;

use super::{Fault, FaultError, Proof};

/// What is done to the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// SIGKILL of its main process.
    Kill,
    /// SIGSTOP of all its processes.
    Pause,
    /// SIGKILL of every process, and its disk is gone: hard links of its files hold nothing either.
    LoseData,
}

/// A fault of one service.
pub struct ServiceFault {
    name: String,
    service: String,
    harm: Harm,
    lifecycle: Arc<dyn Lifecycle>,
    files: Option<Arc<dyn Files>>,
    /// What is still being removed of a lost disk.
    removal: Mutex<Option<Removal>>,
}

impl ServiceFault {
    /// A fault of the named service; `files` is needed to lose data.
    #[must_use]
    pub fn new(
        name: &str,
        service: &str,
        harm: Harm,
        lifecycle: Arc<dyn Lifecycle>,
        files: Option<Arc<dyn Files>>,
    ) -> ServiceFault {
        ServiceFault {
            name: name.to_owned(),
            service: service.to_owned(),
            harm,
            lifecycle,
            files,
            removal: Mutex::default(),
        }
    }

    fn no_files(&self) -> FaultError {
        self.failed(format!("the files of {} are out of reach here", self.service))
    }

    async fn has_data(&self) -> bool {
        match &self.files {
            Some(files) => files.exists(Path::new("PG_VERSION")).await.unwrap_or(false),
            None => true,
        }
    }

    /// How much the data directory holds. The directory itself may be there again, empty.
    async fn left_on_disk(&self) -> Result<Option<usize>, EnvironmentError> {
        let Some(files) = &self.files else { return Ok(None) };
        let all = Path::new("");
        if !files.exists(all).await? {
            return Ok(Some(0));
        }
        Ok(Some(files.list(all).await?.len()))
    }

    async fn look(&self) -> Result<Proof, EnvironmentError> {
        let state = self.lifecycle.state().await?;
        let (broken, seen) = match self.harm {
            Harm::Kill => (
                state == State::Down,
                format!("main process of {}: {state:?}", self.service),
            ),
            Harm::Pause => (
                state == State::Paused,
                format!("processes of {}: {state:?}", self.service),
            ),
            Harm::LoseData => {
                let left = self.left_on_disk().await?;
                let data = match left {
                    Some(0) => "nothing is left of it".to_owned(),
                    Some(count) => format!("{count} files and directories are there"),
                    None => "out of reach".to_owned(),
                };
                let seen = format!("main process of {}: {state:?}, data directory: {data}", self.service);
                (state == State::Down && left == Some(0), seen)
            }
        };
        Ok(Proof { broken, seen })
    }
}

#[async_trait]
impl Fault for ServiceFault {
    fn name(&self) -> &str {
        &self.name
    }

    fn needs(&self) -> Vec<Capability> {
        match self.harm {
            Harm::Kill | Harm::Pause => vec![Capability::Lifecycle],
            Harm::LoseData => vec![Capability::Lifecycle, Capability::Files],
        }
    }

    fn detail(&self) -> BTreeMap<String, String> {
        let harm = match self.harm {
            Harm::Kill => "SIGKILL of the main process",
            Harm::Pause => "SIGSTOP of every process",
            Harm::LoseData => "SIGKILL of every process, the data directory gone with all hard links of its files",
        };
        BTreeMap::from([("service".into(), self.service.clone()), ("harm".into(), harm.into())])
    }

    async fn inject(&self) -> Result<(), FaultError> {
        match self.harm {
            Harm::Kill => self.lifecycle.kill().await.map_err(|error| self.failed(&error)),
            Harm::Pause => self.lifecycle.pause().await.map_err(|error| self.failed(&error)),
            Harm::LoseData => {
                let files = self.files.as_ref().ok_or_else(|| self.no_files())?;
                // All of it: an archiver that outlives its server would go on saving what is meant to be lost.
                self.lifecycle.kill_all().await.map_err(|error| self.failed(&error))?;
                let removal = files.lose().await.map_err(|error| self.failed(&error))?;
                *self.removal.lock().await = Some(removal);
                Ok(())
            }
        }
    }

    async fn prove(&self) -> Proof {
        self.look().await.unwrap_or_else(Proof::unseen)
    }

    async fn heal(&self) -> Result<(), FaultError> {
        match self.harm {
            Harm::Pause => self.lifecycle.resume().await.map_err(|error| self.failed(&error)),
            Harm::Kill if matches!(self.lifecycle.state().await, Ok(State::Down)) && self.has_data().await => {
                self.lifecycle.start().await.map_err(|error| self.failed(&error))
            }
            Harm::Kill => Ok(()),
            // Lost data stays lost: only a recovery brings it back. That all of it is gone has to be so by now.
            Harm::LoseData => match self.removal.lock().await.take() {
                Some(removal) => removal.ended().await.map_err(|error| self.failed(&error)),
                None => Ok(()),
            },
        }
    }
}
