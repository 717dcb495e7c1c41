//! The stage of a drill: the scenario's services brought up on an environment, and the links between them.
//!
//! Every pair that talks has a link of its own, so that any of them can be hurt. Who may see what follows from here:
//! faults get links and services, the team gets services and addresses, clients get one address.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use firedrill_backup::{BucketConfig, RepositoryConfig};
use firedrill_core::scenario::{Route, Scenario, Service};
use firedrill_environment::{Application, Connection, EnvironmentError, Local, Postgres, PostgresOptions, Store, Wire};
use firedrill_load::StoreConfig;
use firedrill_proxy::Upstream;

/// Clients of the application, as one end of a link.
pub const CLIENTS: &str = "clients";
/// The monitor, as one end of a link.
pub const MONITOR: &str = "monitor";
/// Bucket of the application's files.
pub const FILES_BUCKET: &str = "application-files";
/// Bucket of the backups.
pub const BACKUP_BUCKET: &str = "database-backups";

/// Why a stage could not be set.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The environment could not do it.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The scenario names what it does not define.
    #[error("the scenario has no {what} named `{name}`")]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A random number could not be had.
    #[error("no random numbers: {0}")]
    Random(io::Error),
}

/// The services of a drill and the links between them.
pub struct Stage {
    /// The environment that all of it runs on.
    pub local: Local,
    /// Postgres hosts by name.
    pub postgres: BTreeMap<String, Arc<Postgres>>,
    /// Object stores by name.
    pub stores: BTreeMap<String, Arc<Store>>,
    /// Applications by name.
    pub applications: BTreeMap<String, Arc<Application>>,
    /// Token of the application's admin interface.
    pub admin_token: String,
    links: BTreeMap<(String, String, bool), Arc<dyn Wire>>,
    backup_key: String,
}

impl Stage {
    /// Makes the hosts of the scenario's services and opens all links. Nothing runs yet.
    ///
    /// # Errors
    /// When the environment refuses, or no port is free.
    pub async fn set(local: Local, scenario: &Scenario) -> Result<Stage, StageError> {
        let mut stage = Stage {
            local,
            postgres: BTreeMap::new(),
            stores: BTreeMap::new(),
            applications: BTreeMap::new(),
            admin_token: random_hex::<16>()?,
            links: BTreeMap::new(),
            backup_key: random_hex::<32>()?,
        };
        for (name, service) in &scenario.services {
            match service {
                Service::Postgres(service) => {
                    let settings = service.settings.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
                    let options = PostgresOptions {
                        settings,
                        data_checksums: service.data_checksums,
                        ..PostgresOptions::default()
                    };
                    let host = stage.local.postgres(name, options)?;
                    stage.postgres.insert(name.clone(), Arc::new(host));
                }
                Service::S3(service) => {
                    let host = if service.tls {
                        stage.local.store_with_tls(name)?
                    } else {
                        stage.local.store(name)?
                    };
                    stage.stores.insert(name.clone(), Arc::new(host));
                }
                Service::Application(_) => {
                    let host = stage.local.application(name, serde_json::json!({}))?;
                    stage.applications.insert(name.clone(), Arc::new(host));
                }
            }
        }
        stage.open_links().await?;
        Ok(stage)
    }

    async fn open_links(&mut self) -> Result<(), StageError> {
        let databases: Vec<_> = self
            .postgres
            .iter()
            .map(|(name, host)| (name.clone(), (host.upstream(), host.fixed_address())))
            .collect();
        let stores: Vec<_> = self
            .stores
            .iter()
            .map(|(name, host)| (name.clone(), (host.upstream(), host.fixed_address())))
            .collect();
        let applications: Vec<_> = self
            .applications
            .iter()
            .map(|(name, host)| (name.clone(), (host.upstream(), host.fixed_address())))
            .collect();
        for (application, to) in &applications {
            self.open_link(CLIENTS, application, false, to).await?;
            self.open_link(MONITOR, application, false, to).await?;
            for (database, to) in &databases {
                self.open_link(application, database, false, to).await?;
                self.open_link(application, database, true, to).await?;
            }
            for (store, to) in &stores {
                self.open_link(application, store, false, to).await?;
            }
        }
        for (database, to) in &databases {
            self.open_link(MONITOR, database, false, to).await?;
            for (store, to) in &stores {
                self.open_link(database, store, false, to).await?;
            }
        }
        Ok(())
    }

    async fn open_link(
        &mut self,
        from: &str,
        to: &str,
        alternate: bool,
        (upstream, fixed): &(Upstream, Option<SocketAddr>),
    ) -> Result<(), StageError> {
        let name = format!("{from}-{to}{}", if alternate { "-alternate" } else { "" });
        let link = self.local.link(&name, upstream, *fixed).await?;
        self.links.insert((from.to_owned(), to.to_owned(), alternate), link);
        Ok(())
    }

    /// The link between two services, client side first.
    ///
    /// # Errors
    /// When they do not talk to each other.
    pub fn link(&self, from: &str, to: &str, route: Route) -> Result<&Arc<dyn Wire>, StageError> {
        self.links
            .get(&(from.to_owned(), to.to_owned(), route == Route::Alternate))
            .ok_or_else(|| StageError::Unknown {
                what: "link",
                name: format!("{from} - {to}"),
            })
    }

    /// Where `from` reaches `to`.
    ///
    /// # Errors
    /// When they do not talk to each other.
    pub fn address(&self, from: &str, to: &str, route: Route) -> Result<SocketAddr, StageError> {
        Ok(self.link(from, to, route)?.address())
    }

    /// A Postgres host by name.
    ///
    /// # Errors
    /// When there is none.
    pub fn database(&self, name: &str) -> Result<&Arc<Postgres>, StageError> {
        self.postgres.get(name).ok_or_else(|| StageError::Unknown {
            what: "Postgres service",
            name: name.to_owned(),
        })
    }

    /// A store by name.
    ///
    /// # Errors
    /// When there is none.
    pub fn store(&self, name: &str) -> Result<&Arc<Store>, StageError> {
        self.stores.get(name).ok_or_else(|| StageError::Unknown {
            what: "S3 service",
            name: name.to_owned(),
        })
    }

    /// An application by name.
    ///
    /// # Errors
    /// When there is none.
    pub fn application(&self, name: &str) -> Result<&Arc<Application>, StageError> {
        self.applications.get(name).ok_or_else(|| StageError::Unknown {
            what: "application",
            name: name.to_owned(),
        })
    }

    /// How to log in to a started database directly, past all links: the harness's own way.
    ///
    /// # Errors
    /// When it was never started.
    pub fn direct(&self, database: &str) -> Result<Connection, StageError> {
        self.database(database)?
            .connection()
            .ok_or_else(|| StageError::Unknown {
                what: "started Postgres service",
                name: database.to_owned(),
            })
    }

    /// The backup repository as `from` reaches it: a Postgres host over its link, or directly (`None`).
    ///
    /// # Errors
    /// When there is no such store, or it was never started.
    pub fn repository(&self, store: &str, from: Option<&str>, prefix: &str) -> Result<RepositoryConfig, StageError> {
        let host = self.store(store)?;
        let address = match from {
            Some(from) => self.address(from, store, Route::Primary)?,
            None => host.address().ok_or_else(|| StageError::Unknown {
                what: "started S3 service",
                name: store.to_owned(),
            })?,
        };
        Ok(RepositoryConfig {
            endpoint: format!("http://{address}"),
            bucket: BACKUP_BUCKET.into(),
            prefix: prefix.into(),
            access_key: host.access_key().into(),
            secret_key: host.secret_key().reveal().into(),
            region: host.region().into(),
            plain_http: self.local.is_contained(),
            key: self.backup_key.clone(),
        })
    }

    /// The bucket of the application's files in a store, reached directly.
    ///
    /// # Errors
    /// When there is no such store, or it was never started.
    pub fn files(&self, store: &str) -> Result<BucketConfig, StageError> {
        let host = self.store(store)?;
        let address = host.address().ok_or_else(|| StageError::Unknown {
            what: "started S3 service",
            name: store.to_owned(),
        })?;
        Ok(BucketConfig {
            endpoint: format!("http://{address}"),
            bucket: FILES_BUCKET.into(),
            prefix: String::new(),
            access_key: host.access_key().into(),
            secret_key: host.secret_key().reveal().into(),
            region: host.region().into(),
            plain_http: self.local.is_contained(),
        })
    }

    /// The same bucket as the harness itself opens it.
    ///
    /// # Errors
    /// As [`Stage::files`].
    pub fn files_store(&self, store: &str) -> Result<StoreConfig, StageError> {
        let place = self.files(store)?;
        Ok(StoreConfig {
            endpoint: place.endpoint,
            bucket: place.bucket,
            access_key: place.access_key,
            secret_key: place.secret_key,
            region: place.region,
        })
    }

    /// The configuration of an application that uses `database` over a route, and `store` for its files.
    ///
    /// # Errors
    /// When it does not talk to them.
    pub fn application_config(
        &self,
        application: &str,
        database: &str,
        store: Option<&str>,
    ) -> Result<serde_json::Value, StageError> {
        let through = self.address(application, database, Route::Primary)?;
        let mut config = serde_json::json!({
            "queue_dir": self.application(application)?.data_directory().join("queue"),
            "database": {
                "host": through.ip().to_string(),
                "port": through.port(),
                "user": "postgres",
                "password": self.database(database)?.password().reveal(),
                "dbname": "postgres",
            },
            "admin_token": self.admin_token,
        });
        if let Some(name) = store {
            let host = self.store(name)?;
            config["store"] = serde_json::json!({
                "endpoint": format!("http://{}", self.address(application, name, Route::Primary)?),
                "bucket": FILES_BUCKET,
                "access_key": host.access_key(),
                "secret_key": host.secret_key().reveal(),
                "region": host.region(),
            });
        }
        Ok(config)
    }

    /// Where the program lies for the services' user.
    #[must_use]
    pub fn binary(&self) -> PathBuf {
        self.local.binary().to_owned()
    }

    /// Closes every link.
    pub async fn close_links(&self) {
        for link in self.links.values() {
            link.close().await;
        }
    }
}

/// `N` random bytes as hexadecimal digits.
fn random_hex<const N: usize>() -> Result<String, StageError> {
    let mut bytes = [0; N];
    io::Read::read_exact(
        &mut std::fs::File::open("/dev/urandom").map_err(StageError::Random)?,
        &mut bytes,
    )
    .map_err(StageError::Random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
