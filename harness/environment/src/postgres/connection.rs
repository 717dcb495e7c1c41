//! How to log in to a server, and the few things that the environment itself asks one.

use crate::error::{EnvironmentError, Result};
use crate::secret::Secret;
use std::time::Duration;

/// How long a single connection attempt may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(2);

/// How to log in to a Postgres server. Debug does not show the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Role.
    pub user: String,
    /// Its password.
    pub password: Secret,
    /// Database.
    pub database: String,
}

impl Connection {
    /// The same as tokio-postgres wants it.
    #[must_use]
    pub fn config(&self) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .user(&self.user)
            .password(self.password.reveal())
            .dbname(&self.database)
            .connect_timeout(CONNECT_DEADLINE)
            .application_name("firedrill");
        config
    }

    /// The same through another address, such as a link's.
    #[must_use]
    pub fn through(&self, address: std::net::SocketAddr) -> Self {
        Self {
            host: address.ip().to_string(),
            port: address.port(),
            ..self.clone()
        }
    }
}

/// One session, ended when dropped.
pub(crate) struct Session {
    client: tokio_postgres::Client,
    driver: tokio::task::JoinHandle<()>,
}

impl Session {
    pub(crate) async fn open(connection: &Connection) -> Result<Self> {
        let opening = connection.config();
        let opened = tokio::time::timeout(CONNECT_DEADLINE, opening.connect(tokio_postgres::NoTls)).await;
        let (client, driver) = opened
            .map_err(|_| EnvironmentError::Deadline {
                what: "logging in".into(),
                deadline: CONNECT_DEADLINE,
            })?
            .map_err(database("cannot log in"))?;
        let driver = tokio::spawn(async move {
            let _ = driver.await;
        });
        Ok(Self { client, driver })
    }

    pub(crate) async fn in_recovery(&self) -> Result<bool> {
        let row = self.client.query_one("select pg_is_in_recovery()", &[]).await;
        row.map(|row| row.get(0))
            .map_err(database("cannot ask whether it is in recovery"))
    }

    /// archive_timeout is not honoured after a start until there was a checkpoint.
    pub(crate) async fn checkpoint_if_archiving(&self) -> Result<()> {
        let row = self
            .client
            .query_one(
                "select setting::int > 0 from pg_settings where name = 'archive_timeout'",
                &[],
            )
            .await
            .map_err(database("cannot read archive_timeout"))?;
        if row.get(0) {
            self.client
                .batch_execute("checkpoint")
                .await
                .map_err(database("cannot checkpoint after the start"))?;
        }
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn database(what: &'static str) -> impl FnOnce(tokio_postgres::Error) -> EnvironmentError {
    move |error| EnvironmentError::Database {
        what: what.into(),
        detail: said(&error),
    }
}

/// The words of a database error without its place in our code; the client's own where the server said nothing.
#[must_use]
pub fn said(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(told) => format!("{} ({})", told.message(), told.code().code()),
        // The client keeps what matters in the source.
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

/// Whether the database itself answered with an error. Anything else, such as a broken connection, says nothing about
/// its data.
#[must_use]
pub fn answered(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let connection = Connection {
            host: "127.0.0.1".into(),
            port: 1,
            user: "u".into(),
            password: Secret::new("hunter2"),
            database: "d".into(),
        };
        assert!(!format!("{connection:?}").contains("hunter2"));
        assert_eq!(connection.through("127.0.0.2:9".parse().unwrap()).port, 9);
    }
}
