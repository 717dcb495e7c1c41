//! Services that are firedrill itself, started again: the S3 store and the application. Both take `--config FILE`,
//! listen where `listen` says, and write their address to `ready_file` once they do.

use super::service::{Kind, Service};
use super::{Site, command, files, loss, loss::Removal};
use crate::capability::{Endpoint, Endpoints, Exec, Files, Invocation, Lifecycle, Outcome, State};
use crate::error::{EnvironmentError, Result};
use crate::s3::{INCARNATION_FILE, Incarnation, TlsFiles};
use crate::secret::Secret;
use async_trait::async_trait;
use firedrill_proxy::Upstream;
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long such a service may take to be ready; it does next to nothing before.
const READY_DEADLINE: Duration = Duration::from_secs(20);
/// Where such a service of a container listens.
const PORT: u16 = 8000;
/// How long it may take to end in order.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// A firedrill subcommand as a service.
struct Program {
    service: Service,
    subcommand: &'static str,
    speaks: &'static str,
    config: Mutex<Value>,
    address: Mutex<Option<SocketAddr>>,
    upstream: Upstream,
}

impl Program {
    fn new(
        site: &Arc<Site>,
        name: &str,
        subcommand: &'static str,
        speaks: &'static str,
        config: Value,
    ) -> Result<Self> {
        if !config.is_object() {
            return Err(EnvironmentError::Invalid(format!(
                "the configuration of {name}: expected a JSON object"
            )));
        }
        let service = Service::new(site, name, Kind::Program)?;
        service.make_data()?;
        Ok(Self {
            service,
            subcommand,
            speaks,
            config: Mutex::new(config),
            address: Mutex::new(None),
            upstream: Upstream::default(),
        })
    }

    /// A container has all ports to itself, and links know where it will listen before it does.
    fn first_port(&self) -> u16 {
        if self.service.is_contained() { PORT } else { 0 }
    }

    fn address(&self) -> Option<SocketAddr> {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn start(&self) -> Result<()> {
        let _turn = self.service.turn.lock().await;
        if self.service.state().await? == State::Running {
            return Ok(());
        }
        self.service.kill_all().await?;
        self.service.make_data()?;
        let mut last = None;
        // The port of a former life first: clients know it. If a stranger has it by now, another one.
        for listen in [self.address(), None] {
            let listen = listen.unwrap_or_else(|| SocketAddr::from((self.service.address(), self.first_port())));
            match self.start_at(listen).await {
                Ok(address) => {
                    *self.address.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
                    self.upstream.set(Some(address));
                    return Ok(());
                }
                Err(error) => {
                    self.service.kill_all().await?;
                    last = Some(error);
                    if listen.port() == 0 {
                        break;
                    }
                }
            }
        }
        Err(last.unwrap_or_else(|| self.service.failed("it was not tried")))
    }

    async fn start_at(&self, listen: SocketAddr) -> Result<SocketAddr> {
        let ready = self.service.directory.join("ready.json");
        if ready.exists() {
            fs::remove_file(&ready).map_err(EnvironmentError::path("remove", &ready))?;
        }
        let mut config = self.config.lock().unwrap_or_else(PoisonError::into_inner).clone();
        config["listen"] = listen.to_string().into();
        config["ready_file"] = ready.display().to_string().into();
        if self.service.is_contained() {
            // Its network is the run's own.
            config["beyond_loopback"] = true.into();
        }
        let config = self.service.place("config.json", config.to_string().as_bytes())?;
        let args = vec![self.subcommand.into(), "--config".into(), config.display().to_string()];
        let running = self.service.spawn(self.service.site.binary.clone(), args).await?;
        let deadline = Instant::now() + READY_DEADLINE;
        let address = loop {
            if let Some(exit) = running.exited() {
                return Err(self.service.failed(exit.to_string()));
            }
            if let Some(address) = read_ready(&ready) {
                break address;
            }
            if Instant::now() >= deadline {
                return Err(self
                    .service
                    .failed(format!("it was not ready within {READY_DEADLINE:?}")));
            }
            sleep(Duration::from_millis(5)).await;
        };
        // The port of a dead service may be given to a stranger: lead nowhere from then on.
        let upstream = self.upstream.clone();
        tokio::spawn(async move {
            running.wait().await;
            upstream.clear_if(address);
        });
        Ok(address)
    }

    async fn stop(&self) -> Result<()> {
        let _turn = self.service.turn.lock().await;
        self.service.stop(Signal::TERM, STOP_PATIENCE).await?;
        self.upstream.set(None);
        Ok(())
    }

    async fn kill(&self) -> Result<()> {
        let _turn = self.service.turn.lock().await;
        self.service.kill_main().await?;
        self.upstream.set(None);
        Ok(())
    }

    fn endpoint(&self, name: &str) -> Option<Endpoint> {
        let address = self.address().filter(|_| name == self.speaks)?;
        Some(Endpoint {
            name: name.into(),
            address,
        })
    }
}

fn read_ready(path: &Path) -> Option<SocketAddr> {
    let ready: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    ready.get("address")?.as_str()?.parse().ok()
}

/// Gives a service made of a [`Program`] its capabilities.
macro_rules! capabilities_of_a_program {
    ($service:ty) => {
        #[async_trait]
        impl Lifecycle for $service {
            async fn start(&self) -> Result<()> {
                self.program.start().await
            }
            async fn stop(&self) -> Result<()> {
                self.program.stop().await
            }
            async fn kill(&self) -> Result<()> {
                self.program.kill().await
            }
            async fn kill_all(&self) -> Result<()> {
                let _turn = self.program.service.turn.lock().await;
                self.program.service.kill_all().await?;
                self.program.upstream.set(None);
                Ok(())
            }
            async fn pause(&self) -> Result<()> {
                self.program.service.pause().await
            }
            async fn resume(&self) -> Result<()> {
                self.program.service.resume().await
            }
            async fn state(&self) -> Result<State> {
                self.program.service.state().await
            }
        }

        #[async_trait]
        impl Files for $service {
            async fn read_at(&self, path: &Path, offset: u64, length: usize) -> Result<Vec<u8>> {
                files::read_at(files::within(&self.program.service.data(), path)?, offset, length).await
            }
            async fn write_at(&self, path: &Path, offset: u64, bytes: &[u8]) -> Result<()> {
                files::write_at(
                    files::within(&self.program.service.data(), path)?,
                    offset,
                    bytes.to_vec(),
                )
                .await
            }
            async fn remove(&self, path: &Path) -> Result<()> {
                files::remove(files::within(&self.program.service.data(), path)?).await
            }
            async fn lose(&self) -> Result<Removal> {
                loss::lose(self.program.service.data()).await
            }
            async fn sync(&self, path: &Path) -> Result<()> {
                files::sync(files::within(&self.program.service.data(), path)?).await
            }
            async fn exists(&self, path: &Path) -> Result<bool> {
                files::exists(files::within(&self.program.service.data(), path)?).await
            }

            async fn size(&self, path: &Path) -> Result<Option<u64>> {
                files::size(files::within(&self.program.service.data(), path)?).await
            }

            async fn cut(&self, path: &Path, bytes: u64) -> Result<()> {
                files::cut(files::within(&self.program.service.data(), path)?, bytes).await
            }

            async fn create(&self, path: &Path, bytes: &[u8]) -> Result<()> {
                files::create(files::within(&self.program.service.data(), path)?, bytes.to_vec()).await
            }

            async fn list(&self, path: &Path) -> Result<Vec<String>> {
                files::list(files::within(&self.program.service.data(), path)?).await
            }
        }

        #[async_trait]
        impl Exec for $service {
            async fn run(&self, invocation: Invocation, deadline: Duration) -> Result<Outcome> {
                command::run(&self.program.service, invocation, deadline).await
            }
        }

        impl Endpoints for $service {
            fn endpoint(&self, name: &str) -> Option<Endpoint> {
                self.program.endpoint(name)
            }
        }

        impl $service {
            /// Where it listens, once it has been started; kept from life to life where possible.
            #[must_use]
            pub fn address(&self) -> Option<SocketAddr> {
                self.program.address()
            }

            /// Where links to it should lead; kept current from life to life.
            #[must_use]
            pub fn upstream(&self) -> Upstream {
                self.program.upstream.clone()
            }

            /// Where it listens in all its lives, known before the first; none where a port is chosen for each.
            #[must_use]
            pub fn fixed_address(&self) -> Option<SocketAddr> {
                let service = &self.program.service;
                service
                    .is_contained()
                    .then(|| SocketAddr::from((service.address(), PORT)))
            }

            /// Its data directory. It exists from the beginning.
            #[must_use]
            pub fn data_directory(&self) -> PathBuf {
                self.program.service.data()
            }

            /// Its name in this environment.
            #[must_use]
            pub fn name(&self) -> &str {
                &self.program.service.name
            }

            /// Its log, which outlives its data directory.
            #[must_use]
            pub fn log(&self) -> PathBuf {
                self.program.service.log()
            }

            /// Its main process, if it lives.
            #[must_use]
            pub fn main_process(&self) -> Option<crate::process::Identity> {
                self.program.service.main_identity()
            }
        }
    };
}

/// The S3 store of a run: `firedrill s3`, with credentials made for the run.
pub struct Store {
    program: Program,
    access_key: String,
    secret_key: Secret,
    certificate: Option<PathBuf>,
}

capabilities_of_a_program!(Store);

impl Store {
    /// A store that speaks TLS as well, where asked.
    pub(crate) fn new(site: &Arc<Site>, name: &str, tls: bool) -> Result<Self> {
        let access_key = format!("FD{}", crate::secret::random_hex(9)?.to_uppercase());
        let secret_key = Secret::random()?;
        let program = Program::new(site, name, "s3", "s3", serde_json::json!({}))?;
        let files = if tls {
            let (certificate, key) = crate::s3::make_certificate(&site.addresses_of(program.service.address()))
                .map_err(|error| EnvironmentError::Invalid(format!("no certificate for {name}: {error}")))?;
            Some(TlsFiles {
                certificate: program.service.place("certificate.pem", certificate.as_bytes())?,
                key: program.service.place("key.pem", key.as_bytes())?,
            })
        } else {
            None
        };
        *program.config.lock().unwrap_or_else(PoisonError::into_inner) = serde_json::json!({
            "root": program.service.data(),
            "access_key": access_key,
            "secret_key": secret_key.reveal(),
            "tls": files,
        });
        Ok(Self {
            program,
            access_key,
            secret_key,
            certificate: files.map(|files| files.certificate),
        })
    }

    /// The certificate to trust, in PEM, where the store speaks TLS.
    #[must_use]
    pub fn certificate(&self) -> Option<PathBuf> {
        self.certificate.clone()
    }

    /// The access key.
    #[must_use]
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// The secret key.
    #[must_use]
    pub fn secret_key(&self) -> &Secret {
        &self.secret_key
    }

    /// The region to sign with. The store accepts any.
    #[must_use]
    pub fn region(&self) -> &'static str {
        "us-east-1"
    }

    /// Makes a bucket; one that is there already is fine.
    ///
    /// # Errors
    /// The name is not one of a bucket, or its directory cannot be made.
    pub fn create_bucket(&self, bucket: &str) -> Result<()> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(plain) {
            return Err(EnvironmentError::Invalid(format!(
                "`{bucket}` cannot name a bucket: expected 3 to 63 of a-z, 0-9 and `-`"
            )));
        }
        let path = self.program.service.data().join(bucket);
        fs::create_dir_all(&path).map_err(EnvironmentError::path("make", &path))?;
        crate::user::give(self.program.service.site.account.as_ref(), &path)
    }

    /// Which life of the store this is. None while its data directory is lost.
    #[must_use]
    pub fn incarnation(&self) -> Option<Incarnation> {
        Incarnation::read(&self.program.service.data())
    }

    /// Begins a new epoch, as every step that replaces data must.
    ///
    /// # Errors
    /// The store has no incarnation (never started, or its data is lost), or it cannot be written.
    pub fn begin_epoch(&self) -> Result<Incarnation> {
        let data = self.program.service.data();
        let mut incarnation = self.incarnation().ok_or_else(|| {
            EnvironmentError::Invalid(format!(
                "{} has no {INCARNATION_FILE}: start the store first",
                data.display()
            ))
        })?;
        incarnation.epoch += 1;
        incarnation
            .write(&data, self.program.service.site.user())
            .map_err(EnvironmentError::path("write the incarnation into", &data))?;
        Ok(incarnation)
    }
}

/// The application that a drill protects: `firedrill app`.
pub struct Application {
    program: Program,
}

capabilities_of_a_program!(Application);

impl Application {
    pub(crate) fn new(site: &Arc<Site>, name: &str, config: Value) -> Result<Self> {
        Ok(Self {
            program: Program::new(site, name, "app", "http", config)?,
        })
    }

    /// Replaces the configuration; it counts from the next start on.
    ///
    /// # Errors
    /// It is not a JSON object.
    pub fn configure(&self, config: Value) -> Result<()> {
        if !config.is_object() {
            let name = self.name();
            return Err(EnvironmentError::Invalid(format!(
                "the configuration of {name}: expected a JSON object"
            )));
        }
        *self.program.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }
}
