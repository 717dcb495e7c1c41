//! A host for a Postgres cluster. The host keeps what a real one has apart from the data: settings, who may log in, the
//! log, the socket. Data may come from initdb or from a restore, may be lost, and may come again.

mod offered;
mod start;

use super::service::{Kind, Service};
use super::{Site, command};
use crate::capability::{Invocation, State};
use crate::error::{EnvironmentError, Result};
use crate::postgres::connection::Connection;
use crate::postgres::settings;
use crate::secret::Secret;
use firedrill_proxy::Upstream;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const INITDB_DEADLINE: Duration = Duration::from_secs(120);
/// The superuser of every cluster of a run.
const USER: &str = "postgres";

/// How a host for Postgres is set up.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Settings of the server, besides those that say where it lives.
    pub settings: Vec<(String, String)>,
    /// Whether initdb turns page checksums on.
    pub data_checksums: bool,
    /// How long a start may take, recovery included, until the server answers queries.
    pub start_deadline: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            settings: Vec::new(),
            data_checksums: true,
            start_deadline: Duration::from_secs(60),
        }
    }
}

/// A host for one Postgres cluster. All hosts of a run share the superuser's password, so that a cluster restored on
/// another host can be logged into.
pub struct Postgres {
    service: Service,
    options: PostgresOptions,
    settings: Mutex<BTreeMap<String, String>>,
    port: Mutex<Option<u16>>,
    upstream: Upstream,
}

impl Postgres {
    pub(crate) fn new(site: &Arc<Site>, name: &str, options: PostgresOptions) -> Result<Self> {
        let service = Service::new(site, name, Kind::Postgres)?;
        let access = settings::host_based_access(site.network().as_deref());
        service.place("pg_hba.conf", access.as_bytes())?;
        let postgres = Self {
            service,
            settings: Mutex::new(BTreeMap::new()),
            port: Mutex::new(None),
            upstream: Upstream::default(),
            options,
        };
        let wanted: Vec<(&str, &str)> = postgres
            .options
            .settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        postgres.write_settings(&wanted)?;
        Ok(postgres)
    }

    /// Makes a new, empty cluster in the data directory, which must be absent or empty.
    ///
    /// # Errors
    /// initdb fails; the error holds what it said.
    pub async fn initdb(&self) -> Result<()> {
        let _turn = self.service.turn.lock().await;
        let password = self
            .service
            .place("password", self.service.site.password.reveal().as_bytes())?;
        let mut args: Vec<String> = [
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--username=postgres",
        ]
        .iter()
        .map(ToString::to_string)
        .collect();
        // The sync of every file of an empty cluster takes seconds on a slow disk and guards against a loss of power in
        // these seconds only; the server itself keeps its own fsync.
        args.push("--no-sync".into());
        args.push(format!("--pwfile={}", password.display()));
        args.push(format!("--pgdata={}", self.service.data().display()));
        if self.options.data_checksums {
            args.push("--data-checksums".into());
        } else if self.service.site.build.major >= 18 {
            args.push("--no-data-checksums".into());
        }
        let program = self.service.site.build.directory.join("initdb");
        let invocation = Invocation {
            program,
            args,
            env: BTreeMap::new(),
        };
        let outcome = command::run(&self.service, invocation, INITDB_DEADLINE).await;
        let _ = fs::remove_file(password);
        let outcome = outcome?;
        if outcome.late {
            return Err(EnvironmentError::Deadline {
                what: format!("initdb of {}", self.service.name),
                deadline: INITDB_DEADLINE,
            });
        }
        if outcome.code != Some(0) {
            let said = [outcome.stdout, outcome.stderr].concat();
            return Err(EnvironmentError::Command {
                what: format!("initdb of {}", self.service.name),
                detail: String::from_utf8_lossy(&said).trim().to_owned(),
            });
        }
        Ok(())
    }

    /// Sets these settings on the host, beside those set before; they outlive the data directory. They count from the
    /// next start on, or from [`Postgres::reload`] for those that need no restart.
    ///
    /// # Errors
    /// A name is not one of a setting, or the file cannot be written.
    pub fn write_settings(&self, wanted: &[(&str, &str)]) -> Result<()> {
        let mut all = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = all.clone();
        for (name, value) in wanted {
            settings::check(name)?;
            next.insert((*name).to_owned(), (*value).to_owned());
        }
        self.service
            .place("host.conf", settings::render(&self.service.data(), &next).as_bytes())?;
        *all = next;
        Ok(())
    }

    /// Takes settings off the host again; the cluster's own, or the server's defaults, then count.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn remove_settings(&self, names: &[&str]) -> Result<()> {
        let mut all = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|name, _| !names.contains(&name.as_str()));
        self.service
            .place("host.conf", settings::render(&self.service.data(), &all).as_bytes())
            .map(|_| ())
    }

    /// The host's settings.
    #[must_use]
    pub fn settings(&self) -> BTreeMap<String, String> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has the running server read its settings again (SIGHUP).
    ///
    /// # Errors
    /// It is down.
    pub async fn reload(&self) -> Result<()> {
        if self.service.signal_main(Signal::HUP).await? {
            return Ok(());
        }
        Err(EnvironmentError::Invalid(format!(
            "{} is down: nothing to reload",
            self.service.name
        )))
    }

    /// Takes over a data directory that a restore has filled: moves it into place if it lies elsewhere (on the same
    /// file system), and gives it to the server's user with the mode that Postgres insists on.
    ///
    /// # Errors
    /// The server is not down, the directory is not a cluster's, or another cluster is in place.
    pub async fn adopt_data_directory(&self, from: &Path) -> Result<()> {
        let _turn = self.service.turn.lock().await;
        if self.service.state().await? != State::Down {
            return Err(EnvironmentError::Invalid(format!(
                "{} must be down to be given data",
                self.service.name
            )));
        }
        let data = self.service.data();
        if !from.join("PG_VERSION").is_file() {
            let from = from.display();
            return Err(EnvironmentError::Invalid(format!(
                "{from} is no data directory: it has no PG_VERSION"
            )));
        }
        if from != data {
            if data.exists() {
                // Only an empty one: what lies there otherwise is someone's data.
                fs::remove_dir(&data).map_err(EnvironmentError::path("make place at", &data))?;
            }
            fs::rename(from, &data).map_err(EnvironmentError::path("move a data directory to", &data))?;
        }
        self.own_data()
    }

    fn own_data(&self) -> Result<()> {
        let data = self.service.data();
        crate::user::give(self.service.site.account.as_ref(), &data)?;
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).map_err(EnvironmentError::path("close", &data))
    }

    /// Writes a file for the server's user alone (0600) beside its data directory, such as the configuration of
    /// `archive_command`.
    ///
    /// # Errors
    /// The name has a slash, or the file cannot be written.
    pub fn place_file(&self, name: &str, content: &[u8]) -> Result<PathBuf> {
        if ["host.conf", "pg_hba.conf"].contains(&name) {
            return Err(EnvironmentError::Invalid(format!(
                "{name} is written from the host's settings"
            )));
        }
        self.service.place(name, content)
    }

    /// Where the cluster's files are, or will be.
    #[must_use]
    pub fn data_directory(&self) -> PathBuf {
        self.service.data()
    }

    /// Where its Unix socket is.
    #[must_use]
    pub fn socket_directory(&self) -> PathBuf {
        self.service.directory.clone()
    }

    /// Its name in this environment.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.service.name
    }

    /// Its log, which outlives its data directory.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.service.log()
    }

    /// The postmaster, if it lives.
    #[must_use]
    pub fn main_process(&self) -> Option<crate::process::Identity> {
        self.service.main_identity()
    }

    /// Where links to it should lead; kept current from life to life.
    #[must_use]
    pub fn upstream(&self) -> Upstream {
        self.upstream.clone()
    }

    /// Where it listens in all its lives, known before the first; none where a port is chosen for each.
    #[must_use]
    pub fn fixed_address(&self) -> Option<SocketAddr> {
        self.service
            .is_contained()
            .then(|| SocketAddr::from((self.service.address(), start::PORT)))
    }

    /// How to log in directly, past all links, as superuser. None before the first start.
    #[must_use]
    pub fn connection(&self) -> Option<Connection> {
        self.port().map(|port| self.connection_at(port))
    }

    /// The superuser's password, the same on every host of the run.
    #[must_use]
    pub fn password(&self) -> &Secret {
        &self.service.site.password
    }

    fn port(&self) -> Option<u16> {
        *self.port.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connection_at(&self, port: u16) -> Connection {
        Connection {
            host: self.service.address().to_string(),
            port,
            user: USER.into(),
            password: self.service.site.password.clone(),
            database: "postgres".into(),
        }
    }
}
