//! Which Postgres, and which life of it: how to connect, and the incarnation that answers.

use std::fmt;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Connection, NoTls, Socket, tls::NoTlsStream};

use crate::error::LoadError;

/// Timeline of the WAL that is written, null in recovery. Not from `pg_control_checkpoint()`, which tells the old
/// timeline right after a promotion.
pub(crate) const TIMELINE: &str = "CASE WHEN pg_is_in_recovery() THEN NULL \
     ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END";
/// The restore epoch: a restore in place changes it while connections live, so it is read with each statement.
pub(crate) const EPOCH: &str = "coalesce(nullif(current_setting('firedrill.epoch', true), ''), '0')";
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// How to connect to a Postgres server.
#[derive(Clone)]
pub struct SqlConfig {
    /// Address, or the directory of its socket.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Role; preload, final read and `end_sessions` want a superuser.
    pub user: String,
    /// Its password; empty where none is asked for.
    pub password: String,
    /// Database.
    pub dbname: String,
}

impl fmt::Debug for SqlConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SqlConfig")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.user)
            .field("password", &"(hidden)")
            .field("dbname", &self.dbname)
            .finish()
    }
}

pub(crate) type RawConnection = Connection<Socket, NoTlsStream>;

impl SqlConfig {
    fn config(&self) -> Config {
        let mut config = Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .user(&self.user)
            .dbname(&self.dbname)
            .application_name("firedrill-load")
            .connect_timeout(CONNECT_MAX);
        if !self.password.is_empty() {
            config.password(&self.password);
        }
        config
    }

    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    pub(crate) async fn open(&self) -> Result<(Client, RawConnection), tokio_postgres::Error> {
        self.config().connect(NoTls).await
    }

    /// A connection driven by a task of its own, for what is not measured.
    pub(crate) async fn attend(&self) -> Result<Attended, LoadError> {
        let (client, connection) = self.open().await.map_err(self.failed("connecting"))?;
        let task = tokio::spawn(async move {
            // How it ended is seen by the request that it fails.
            let _ = connection.await;
        });
        Ok(Attended { client, task })
    }

    pub(crate) fn failed(&self, what: &str) -> impl FnOnce(tokio_postgres::Error) -> LoadError + use<> {
        let (what, address) = (what.to_owned(), self.address());
        move |source| LoadError::Sql { what, address, source }
    }
}

/// A connection with its task, which ends with it.
pub(crate) struct Attended {
    pub(crate) client: Client,
    task: JoinHandle<()>,
}

impl Drop for Attended {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Statement for the system identifier and, for a server in recovery, its timeline.
pub(crate) const SYSTEM: &str = "SELECT c.system_identifier::text, \
     (SELECT timeline_id FROM pg_control_checkpoint()) FROM pg_control_system() c";

pub(crate) async fn incarnation(client: &Client, config: &SqlConfig) -> Result<String, LoadError> {
    let text = format!(
        "SELECT c.system_identifier::text || '/' || coalesce({TIMELINE}, (SELECT timeline_id FROM pg_control_checkpoint())) \
         || '/' || {EPOCH} FROM pg_control_system() c"
    );
    let row = client
        .query_one(&text, &[])
        .await
        .map_err(config.failed("asking for the incarnation"))?;
    row.try_get(0).map_err(config.failed("asking for the incarnation"))
}

/// The incarnation that serves now: `SYSTEM/TIMELINE/EPOCH`, the same text that the sample application answers with.
///
/// # Errors
/// Postgres cannot be reached, or refuses.
pub async fn incarnation_of(config: &SqlConfig) -> Result<String, LoadError> {
    let attended = config.attend().await?;
    incarnation(&attended.client, config).await
}

/// A table's name as it stands in a statement: lower-case letters, digits and `_` only, so that it needs no quoting.
pub(crate) fn table(name: &str) -> Result<&str, LoadError> {
    let good = |at: usize, byte: u8| byte == b'_' || byte.is_ascii_lowercase() || (at > 0 && byte.is_ascii_digit());
    if !name.is_empty() && name.len() <= 63 && name.bytes().enumerate().all(|(at, byte)| good(at, byte)) {
        Ok(name)
    } else {
        Err(LoadError::spec(
            "table",
            format!("{name:?}"),
            "lower-case letters, digits and _",
        ))
    }
}
