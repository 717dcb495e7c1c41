//! Where backups live and which database they are of.
//!
//! The one idea: these values carry secrets, so they print redacted and travel in files that only their owner can read,
//! never in arguments.

use std::fmt;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A bucket of an S3 store, or the part of it below a prefix.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketConfig {
    /// `http://127.0.0.1:PORT`, or `https://HOST`; plain http is accepted for loopback only.
    pub endpoint: String,
    /// The bucket.
    pub bucket: String,
    /// What every key begins with; may be empty.
    pub prefix: String,
    /// The access key's id.
    pub access_key: String,
    /// The access key's secret.
    pub secret_key: String,
    /// The region that requests are signed for.
    pub region: String,
    /// Plain http beyond loopback, too: for a network that does not leave the machine, as that of a drill's containers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plain_http: bool,
}

/// A backup repository: a place in a bucket and the master key that all objects there are sealed with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepositoryConfig {
    /// `http://127.0.0.1:PORT`, or `https://HOST`; plain http is accepted for loopback only.
    pub endpoint: String,
    /// The bucket.
    pub bucket: String,
    /// What every key begins with; may be empty.
    pub prefix: String,
    /// The access key's id.
    pub access_key: String,
    /// The access key's secret.
    pub secret_key: String,
    /// The region that requests are signed for.
    pub region: String,
    /// Plain http beyond loopback, too: for a network that does not leave the machine, as that of a drill's containers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plain_http: bool,
    /// The master key, 64 hexadecimal digits.
    pub key: String,
}

impl RepositoryConfig {
    /// Reads a configuration from a JSON file that nobody but its owner may read (mode 0600 or less).
    ///
    /// # Errors
    /// The file cannot be read, is open to others, or is not a configuration.
    pub fn read(path: &Path) -> Result<Self> {
        let mode = std::fs::metadata(path)
            .map_err(Error::io("read", path))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(Error::Config {
                what: format!("mode of {}", path.display()),
                found: format!("{:04o}", mode & 0o7777),
                expected: "0600, since the file holds the master key (chmod 600)".into(),
            });
        }
        let text = std::fs::read(path).map_err(Error::io("read", path))?;
        serde_json::from_slice(&text).map_err(|error| Error::Config {
            what: format!("{}", path.display()),
            // serde_json repeats unknown field names and types, not the values of known fields.
            found: format!(
                "line {}, column {}: not a repository configuration",
                error.line(),
                error.column()
            ),
            expected: "a JSON object with endpoint, bucket, prefix, access_key, secret_key, region and key".into(),
        })
    }

    /// Writes the configuration to a new file of mode 0600; an old one is replaced whole.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut pending = path.as_os_str().to_owned();
        pending.push(".pending");
        let pending = std::path::PathBuf::from(pending);
        let _ = std::fs::remove_file(&pending);
        let text = serde_json::to_vec_pretty(self).expect("strings serialise");
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&pending)
            .map_err(Error::io("create", &pending))?;
        file.write_all(&text)
            .and_then(|()| file.sync_all())
            .map_err(Error::io("write", &pending))?;
        std::fs::rename(&pending, path).map_err(Error::io("rename into", path))
    }

    /// The repository's place, without the master key.
    pub fn place(&self) -> BucketConfig {
        BucketConfig {
            endpoint: self.endpoint.clone(),
            bucket: self.bucket.clone(),
            prefix: self.prefix.clone(),
            access_key: self.access_key.clone(),
            secret_key: self.secret_key.clone(),
            region: self.region.clone(),
            plain_http: self.plain_http,
        }
    }
}

impl fmt::Debug for BucketConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketConfig")
            .field("endpoint", &self.endpoint)
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .field("region", &self.region)
            .field("secrets", &"redacted")
            .finish()
    }
}

impl fmt::Debug for RepositoryConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RepositoryConfig")
            .field("endpoint", &self.endpoint)
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .field("region", &self.region)
            .field("secrets", &"redacted")
            .finish()
    }
}

/// A database to back up, or to restore a dump into.
#[derive(Clone, PartialEq, Eq)]
pub struct Database {
    /// A host name or address, or the directory of a Unix socket when it begins with `/`.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The role; base backups need REPLICATION.
    pub user: String,
    /// Its password; may be empty where none is asked for.
    pub password: String,
    /// The database. Base backups are of the whole cluster and do not use it for more than settings.
    pub dbname: String,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.user)
            .field("password", &"redacted")
            .field("dbname", &self.dbname)
            .finish()
    }
}

impl Database {
    /// A usual session, with the task that drives it.
    pub(crate) async fn connect(&self) -> Result<tokio_postgres::Client> {
        let mut config = tokio_postgres::Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .user(&self.user)
            .dbname(&self.dbname)
            .application_name("firedrill-backup")
            .connect_timeout(std::time::Duration::from_secs(10));
        if !self.password.is_empty() {
            config.password(&self.password);
        }
        let action = format!("connect to {}:{}", self.host, self.port);
        let (client, connection) = config
            .connect(tokio_postgres::NoTls)
            .await
            .map_err(Error::query(action))?;
        // The task ends with the client: the connection closes when its last handle is dropped.
        tokio::spawn(connection);
        Ok(client)
    }
}
