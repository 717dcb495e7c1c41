//! What the containers of a run share: the engine, the network, the label, what is mounted into all of them.

use super::container::{self, Container, Sink};
use super::dwelling::Contained as Home;
use super::network::{self, Network};
use super::toxiproxy::Toxiproxy;
use super::{Contained, Containers, Dwelling, Image, Quarters, engine};
use crate::capability::Wire;
use crate::error::{EnvironmentError, Result};
use crate::local::service::Kind;
use crate::supervisor::Supervisor;
use crate::user::Account;
use async_trait::async_trait;
use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig};
use firedrill_proxy::{Link, Upstream};
use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The label that tells which run something belongs to: the path of its runtime directory.
pub(super) const RUN_LABEL: &str = "org.firedrill.run";
const SERVICE_LABEL: &str = "org.firedrill.service";
/// How long this program may take to say its version in an image.
const TRIAL_MAX: Duration = Duration::from_secs(30);

pub(super) struct Shared {
    pub(super) docker: Arc<Docker>,
    pub(super) network: Network,
    pub(super) binds: Vec<String>,
    /// The runtime directory, in full and its name.
    run: String,
    short: String,
}

impl Shared {
    pub(super) fn labels(&self, service: &str) -> HashMap<String, String> {
        let mut labels = labels(&self.run);
        labels.insert(SERVICE_LABEL.into(), service.into());
        labels
    }

    pub(super) fn name_of(&self, service: &str) -> String {
        format!("{}-{service}", self.short)
    }
}

pub(super) fn labels(run: &str) -> HashMap<String, String> {
    HashMap::from([(RUN_LABEL.into(), run.into())])
}

struct Rooms {
    shared: Arc<Shared>,
    postgres: Image,
    app: Image,
    toxiproxy: Option<Arc<Toxiproxy>>,
    next: AtomicU32,
}

#[async_trait]
impl Quarters for Rooms {
    fn dwelling(&self, name: &str, kind: Kind, log: &Path) -> Result<Arc<dyn Dwelling>> {
        let address = address_of(&self.shared, &self.next)?;
        let image = match kind {
            Kind::Postgres => &self.postgres,
            Kind::Program => &self.app,
        };
        Ok(Arc::new(Home::new(
            &self.shared,
            name,
            &image.id,
            address,
            log.to_owned(),
        )))
    }

    async fn link(&self, name: &str, upstream: &Upstream, to: SocketAddr) -> Result<Arc<dyn Wire>> {
        if let Some(toxiproxy) = &self.toxiproxy {
            return Ok(Arc::new(toxiproxy.open(name, to).await?));
        }
        let link = Link::open_at(self.gateway(), upstream.clone()).map_err(EnvironmentError::io(format!(
            "the link {name} cannot be opened on {}, this machine's address in the run's network; an engine of another user              (rootless) or in a machine of its own (Docker Desktop) has no such address here",
            self.gateway()
        )))?;
        Ok(Arc::new(link))
    }

    fn gateway(&self) -> IpAddr {
        self.shared.network.gateway.into()
    }

    fn subnet(&self) -> String {
        self.shared.network.subnet.to_string()
    }
}

/// Makes the network of a run, and looks that this program starts in its images.
pub(crate) async fn open(
    containers: &Containers,
    runtime: &Path,
    binary: &Path,
    account: Option<&Account>,
    supervisor: &Supervisor,
) -> Result<Arc<dyn Quarters>> {
    let (docker, _) = engine::connect(&containers.socket).await?;
    let docker = Arc::new(docker);
    let run = runtime.display().to_string();
    let short = runtime.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // Before anything is made, so that there is someone to remove it.
    supervisor
        .contain(Contained {
            socket: containers.socket.clone(),
            run: run.clone(),
        })
        .await?;
    let binds = binds(runtime, account)?;
    let network = network::make(&docker, &short, &labels(&run)).await?;
    let shared = Arc::new(Shared {
        docker,
        network,
        binds,
        run,
        short,
    });
    let (postgres, app) = tokio::join!(
        starts_in(&shared, &containers.postgres, binary),
        starts_in(&shared, &containers.app, binary)
    );
    postgres.and(app)?;
    let next = AtomicU32::new(0);
    let toxiproxy = match &containers.toxiproxy {
        Some(image) => Some(Toxiproxy::start(&shared, &image.id, address_of(&shared, &next)?).await?),
        None => None,
    };
    Ok(Arc::new(Rooms {
        shared,
        postgres: containers.postgres.clone(),
        app: containers.app.clone(),
        toxiproxy,
        next,
    }))
}

/// An address of the run's network that nobody had.
fn address_of(shared: &Shared, next: &AtomicU32) -> Result<Ipv4Addr> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    shared.network.subnet.address(number).ok_or_else(|| {
        EnvironmentError::Invalid(format!(
            "{} services: the network {} has addresses for no more",
            number + 1,
            shared.network.subnet
        ))
    })
}

/// The runtime directory at its own path, and a user of the services' number: initdb asks for its name.
fn binds(runtime: &Path, account: Option<&Account>) -> Result<Vec<String>> {
    let (uid, gid) = account.map_or_else(
        || (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()),
        |account| (account.uid, account.gid),
    );
    let passwd = format!("root:x:0:0:root:/root:/bin/sh\ndrill:x:{uid}:{gid}::/tmp:/bin/sh\n");
    let group = format!("root:x:0:\ndrill:x:{gid}:\n");
    let mut binds = vec![format!("{0}:{0}", runtime.display())];
    for (name, content) in [("passwd", passwd), ("group", group)] {
        let file = runtime.join("bin").join(name);
        fs::write(&file, content).map_err(EnvironmentError::path("write", &file))?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644))
            .map_err(EnvironmentError::path("open up", &file))?;
        binds.push(format!("{}:/etc/{name}:ro", file.display()));
    }
    Ok(binds)
}

/// Makes sure that this program starts in an image, and that the engine sees the files of this machine.
async fn starts_in(shared: &Arc<Shared>, image: &Image, binary: &Path) -> Result<()> {
    let name = format!("{}-trial-{}", shared.short, crate::secret::random_hex(4)?);
    let body = ContainerCreateBody {
        image: Some(image.id.clone()),
        entrypoint: Some(vec![binary.display().to_string()]),
        cmd: Some(vec!["--version".into()]),
        labels: Some(shared.labels("trial")),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        host_config: Some(HostConfig {
            binds: Some(shared.binds.clone()),
            network_mode: Some("none".into()),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let container = Container::make(&shared.docker, &name, body).await?;
    let tried = async {
        let listener = container.start(Sink::Memory).await?;
        let said = tokio::time::timeout(TRIAL_MAX, listener).await;
        let said = said.ok().and_then(std::result::Result::ok).unwrap_or_default();
        if said.stdout.starts_with(b"firedrill") {
            return Ok(());
        }
        Err(EnvironmentError::Missing(format!(
            "firedrill does not start in the image {}: {}; expected an image with a C library not older than this machine's \
             (Debian's or Ubuntu's, not Alpine's)",
            image.name,
            String::from_utf8_lossy(&said.stderr).trim()
        )))
    }
    .await;
    container::remove(&shared.docker, &container.id).await?;
    tried.map_err(|error| match error {
        EnvironmentError::Command { what, detail } => EnvironmentError::Missing(format!(
            "{what}: {detail}; the engine must run on this machine and see the files below {}",
            binary.display()
        )),
        other => other,
    })
}
