//! The container that one service lives in. Each life is a new container of the same address; a command that runs where the
//! service lives is a container beside it, which shares its network and its processes while it lives.

use super::Dwelling;
use super::container::{Container, Sink};
use super::quarters::Shared;
use crate::capability::{Outcome, State};
use crate::error::{EnvironmentError, Result};
use crate::process::Identity;
use crate::supervise::wire::Spawn;
use crate::supervisor::{Exit, Running};
use async_trait::async_trait;
use bollard::models::{ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, NetworkingConfig};
use bollard::query_parameters::WaitContainerOptionsBuilder;
use futures::StreamExt;
use rustix::process::Signal;
use std::collections::HashMap;
use std::fs::OpenOptions;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// How long a container may take to end after a signal that it cannot refuse.
const KILL_DEADLINE: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long the last of its output may take to arrive after its end.
const OUTPUT_PATIENCE: Duration = Duration::from_secs(2);
/// A process that this machine does not show.
const NOBODY: Identity = Identity { pid: 0, start_ticks: 0 };
/// What Postgres's parallel workers share; an engine gives 64 MiB by default.
const SHARED_MEMORY_BYTES: i64 = 256 * 1024 * 1024;

pub(super) struct Contained {
    shared: Arc<Shared>,
    name: String,
    image: String,
    address: Ipv4Addr,
    log: PathBuf,
    main: Mutex<Option<Main>>,
}

/// One life of the service.
#[derive(Clone)]
struct Main {
    container: Container,
    /// Its first process, where this machine's process table shows it.
    first: Option<Identity>,
}

impl Main {
    /// Whether the process table says that it has ended; the engine, which takes the container down first, says so later.
    /// The first process is gone only when all others of the container are.
    fn has_ended(&self) -> bool {
        self.first.is_some_and(|first| !first.is_alive())
    }

    async fn state(&self) -> Result<State> {
        if self.has_ended() {
            return Ok(State::Down);
        }
        self.container.state().await
    }
}

impl Contained {
    pub(super) fn new(shared: &Arc<Shared>, name: &str, image: &str, address: Ipv4Addr, log: PathBuf) -> Self {
        Self {
            shared: Arc::clone(shared),
            name: name.into(),
            image: image.into(),
            address,
            log,
            main: Mutex::new(None),
        }
    }

    fn main(&self) -> Option<Main> {
        self.main.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What every container of the service has in common.
    fn body(&self, spawn: Spawn) -> ContainerCreateBody {
        let (uid, gid) = spawn
            .user
            .unwrap_or_else(|| (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()));
        ContainerCreateBody {
            image: Some(self.image.clone()),
            hostname: Some(self.name.clone()),
            user: Some(format!("{uid}:{gid}")),
            entrypoint: Some(vec![spawn.program.display().to_string()]),
            cmd: Some(spawn.args),
            env: Some(
                spawn
                    .env
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect(),
            ),
            working_dir: Some(spawn.directory.display().to_string()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            labels: Some(self.shared.labels(&self.name)),
            host_config: Some(HostConfig {
                binds: Some(self.shared.binds.clone()),
                shm_size: Some(SHARED_MEMORY_BYTES),
                cap_drop: Some(vec!["ALL".into()]),
                security_opt: Some(vec!["no-new-privileges".into()]),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        }
    }

    /// On the run's network; with the service's own address where that is given.
    fn on_network(&self, mut body: ContainerCreateBody, address: Option<Ipv4Addr>) -> ContainerCreateBody {
        let network = &self.shared.network.name;
        if let Some(host) = &mut body.host_config {
            host.network_mode = Some(network.clone());
        }
        let endpoint = EndpointSettings {
            ipam_config: address.map(|address| EndpointIpamConfig {
                ipv4_address: Some(address.to_string()),
                ..EndpointIpamConfig::default()
            }),
            ..EndpointSettings::default()
        };
        body.networking_config = Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(network.clone(), endpoint)])),
        });
        body
    }

    async fn wait(&self, container: &Container) -> Exit {
        wait(&self.shared, &container.id).await
    }
}

/// Waits for the end of a container. Where the engine is gone, nobody knows.
async fn wait(shared: &Shared, id: &str) -> Exit {
    let options = WaitContainerOptionsBuilder::new().condition("not-running").build();
    let ended = pin!(shared.docker.wait_container(id, Some(options))).next().await;
    let code = match ended {
        Some(Ok(ended)) => i32::try_from(ended.status_code).ok(),
        // An exit code other than 0 is told as an error.
        Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => i32::try_from(code).ok(),
        _ => None,
    };
    // The shell's convention, which engines follow.
    match code {
        Some(code) if (129..=192).contains(&code) => Exit {
            code: None,
            signal: Some(code - 128),
        },
        code => Exit { code, signal: None },
    }
}

#[async_trait]
impl Dwelling for Contained {
    fn address(&self) -> IpAddr {
        self.address.into()
    }

    async fn spawn(&self, spawn: Spawn) -> Result<Running> {
        if let Some(former) = self.main() {
            former.container.remove().await?;
        }
        let body = self.on_network(self.body(spawn), Some(self.address));
        let container = Container::make(&self.shared.docker, &self.shared.name_of(&self.name), body).await?;
        let keep = |first| {
            let container = container.clone();
            *self.main.lock().unwrap_or_else(PoisonError::into_inner) = Some(Main { container, first });
        };
        keep(None);
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.log)
            .map_err(EnvironmentError::path("open", &self.log))?;
        let listener = container.start(Sink::File(log)).await?;
        let state = container.look().await?;
        let pid = state
            .and_then(|state| state.pid)
            .and_then(|pid| i32::try_from(pid).ok());
        // One that has ended by now has none; nobody else has that number.
        let first = pid
            .filter(|pid| crate::process::is_first_of_container(*pid))
            .and_then(Identity::of);
        keep(first);
        let identity = first.unwrap_or(NOBODY);
        let (tell, exit) = watch::channel(None);
        let (shared, id) = (Arc::clone(&self.shared), container.id.clone());
        tokio::spawn(async move {
            let ended = wait(&shared, &id).await;
            // Whoever is told of an end looks into the log for its reason.
            let _ = tokio::time::timeout(OUTPUT_PATIENCE, listener).await;
            tell.send_replace(Some(ended));
        });
        Ok(Running::told_by(identity, exit))
    }

    async fn run(&self, spawn: Spawn, deadline: Duration) -> Result<Outcome> {
        let name = format!(
            "{}-command-{}",
            self.shared.name_of(&self.name),
            crate::secret::random_hex(4)?
        );
        let beside = match self.main() {
            Some(main) if main.state().await? != State::Down => Some(main.container.id),
            _ => None,
        };
        let mut body = self.body(spawn);
        match &beside {
            Some(main) => {
                body.hostname = None;
                if let Some(host) = &mut body.host_config {
                    host.network_mode = Some(format!("container:{main}"));
                    host.pid_mode = Some(format!("container:{main}"));
                }
            }
            None => body = self.on_network(body, None),
        }
        let container = Container::make(&self.shared.docker, &name, body).await?;
        // Also when the caller gives up waiting, nothing of the command goes on.
        let guard = Guard(Some(container.clone()));
        let ran = async {
            let listener = container.start(Sink::Memory).await?;
            let exit = tokio::time::timeout(deadline, self.wait(&container)).await;
            let late = exit.is_err();
            if late {
                container.remove().await?;
            }
            let said = tokio::time::timeout(OUTPUT_PATIENCE, listener).await;
            let said = said.ok().and_then(std::result::Result::ok).unwrap_or_default().cut();
            Ok(Outcome {
                code: exit.ok().and_then(|exit| exit.code),
                stdout: said.stdout,
                stderr: said.stderr,
                late,
            })
        }
        .await;
        guard.disarm();
        container.remove().await?;
        ran
    }

    async fn state(&self) -> Result<State> {
        match self.main() {
            Some(main) => main.state().await,
            None => Ok(State::Down),
        }
    }

    async fn signal(&self, signal: Signal) -> Result<bool> {
        match self.main() {
            Some(main) => main.container.signal(&signal.as_raw().to_string()).await,
            None => Ok(false),
        }
    }

    async fn kill(&self) -> Result<()> {
        let Some(main) = self.main() else { return Ok(()) };
        if main.has_ended() {
            return Ok(());
        }
        main.container.signal("SIGKILL").await?;
        let deadline = Instant::now() + KILL_DEADLINE;
        while main.state().await? != State::Down {
            if Instant::now() >= deadline {
                return Err(EnvironmentError::Deadline {
                    what: format!("{}: the end of its container", self.name),
                    deadline: KILL_DEADLINE,
                });
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    async fn pause(&self) -> Result<()> {
        match self.main() {
            Some(main) => main.container.pause().await,
            None => Ok(()),
        }
    }

    async fn resume(&self) -> Result<()> {
        match self.main() {
            Some(main) => main.container.resume().await,
            None => Ok(()),
        }
    }
}

/// Removes a command's container when dropped before its end.
struct Guard(Option<Container>);

impl Guard {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Outside the runtime the harness is ending, and the supervisor removes everything.
        if let (Some(container), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                let _ = container.remove().await;
            });
        }
    }
}
