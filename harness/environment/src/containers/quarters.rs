//! What the containers of a run share: the engine, the network, the label, what is mounted into all of them.

use super::container::{self, Container, Sink};
use super::dwelling::Contained as Home;
use super::network::{self, Network};
use super::{Contained, Containers, Dwelling, Image, Quarters, engine};
use crate::error::{EnvironmentError, Result};
use crate::local::service::Kind;
use crate::supervisor::Supervisor;
use crate::user::Account;
use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig};
use std::collections::HashMap;
use std::fs;
use std::net::IpAddr;
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
    next: AtomicU32,
}

impl Quarters for Rooms {
    fn dwelling(&self, name: &str, kind: Kind, log: &Path) -> Result<Arc<dyn Dwelling>> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let address = self.shared.network.subnet.address(number).ok_or_else(|| {
            EnvironmentError::Invalid(format!(
                "{} services: the network {} has addresses for no more",
                number + 1,
                self.shared.network.subnet
            ))
        })?;
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
    Ok(Arc::new(Rooms {
        shared,
        postgres: containers.postgres.clone(),
        app: containers.app.clone(),
        next: AtomicU32::new(0),
    }))
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
