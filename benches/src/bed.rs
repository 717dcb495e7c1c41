//! What is measured on: a Postgres server, and a store, as a drill would have them.

use std::path::{Path, PathBuf};

use firedrill_environment::{Connection, Lifecycle, Local, LocalOptions, Postgres, PostgresOptions, Store};
use firedrill_load::SqlConfig;
use tempfile::TempDir;

use crate::{Failure, TABLE, Table};

/// A running Postgres with settings as they come, and a directory for what is written beside it. [`Bed::close`] ends it;
/// the supervisor does so too if this process is killed.
pub struct Bed {
    local: Local,
    /// The server.
    pub postgres: Postgres,
    connection: Connection,
    directory: TempDir,
}

impl Bed {
    /// Brings it up. The `firedrill` binary is taken from beside this one, or from FIREDRILL_BINARY.
    ///
    /// # Errors
    /// There is no such binary, no Postgres, or it does not start; the text says what to do.
    pub async fn open() -> Result<Bed, Failure> {
        let binary = binary()?;
        let local = Local::open(LocalOptions::new(binary)).await?;
        let postgres = local.postgres("database", PostgresOptions::default())?;
        postgres.initdb().await?;
        postgres.start().await?;
        let connection = postgres.connection().ok_or("the server has no address")?;
        let bed = Bed {
            local,
            postgres,
            connection,
            directory: tempfile::Builder::new().prefix("firedrill-bench-").tempdir()?,
        };
        bed.execute(&format!(
            "CREATE TABLE {TABLE} (key bigint PRIMARY KEY, version int NOT NULL, body text NOT NULL)"
        ))
        .await?;
        Ok(bed)
    }

    /// Measures on a bed of its own and prints the table; the bed is taken down whether measuring succeeded or not.
    ///
    /// # Errors
    /// The bed's, or those of `measure`.
    pub async fn measured(
        mut table: Table,
        measure: impl AsyncFnOnce(&Bed, &mut Table) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let bed = Bed::open().await?;
        let measured = measure(&bed, &mut table).await;
        bed.close().await?;
        measured?;
        table.print();
        Ok(())
    }

    /// Where this bench may write.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// How to log in.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The same as the load wants it.
    #[must_use]
    pub fn sql(&self) -> SqlConfig {
        SqlConfig {
            host: self.connection.host.clone(),
            port: self.connection.port,
            user: self.connection.user.clone(),
            password: self.connection.password.reveal().to_owned(),
            dbname: self.connection.database.clone(),
        }
    }

    /// Starts a store with one bucket.
    ///
    /// # Errors
    /// It does not start.
    pub async fn store(&self, bucket: &str) -> Result<Store, Failure> {
        let store = self.local.store("store")?;
        store.start().await?;
        store.create_bucket(bucket)?;
        Ok(store)
    }

    /// Runs statements.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn execute(&self, statements: &str) -> Result<(), Failure> {
        let (client, connection) = self.connection.config().connect(tokio_postgres::NoTls).await?;
        let driver = tokio::spawn(connection);
        let done = client.batch_execute(statements).await;
        drop(client);
        let _ = driver.await;
        Ok(done?)
    }

    /// An empty table and nothing left to write: the same ground for every run.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn level(&self) -> Result<(), Failure> {
        self.execute(&format!("TRUNCATE {TABLE}")).await?;
        self.execute("CHECKPOINT").await
    }

    /// Ends the server, and the store if there is one, and removes everything.
    ///
    /// # Errors
    /// Something could not be ended; the text says what to do.
    pub async fn close(self) -> Result<(), Failure> {
        let Bed { local, postgres, .. } = self;
        drop(postgres);
        Ok(local.close().await?)
    }
}

fn binary() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe()?;
    let beside = own.with_file_name("firedrill");
    let path = std::env::var_os("FIREDRILL_BINARY").map_or(beside, PathBuf::from);
    if path.is_file() {
        Ok(path)
    } else {
        Err(format!(
            "{} is not there; build it first with `cargo build --release`, or name it in FIREDRILL_BINARY",
            path.display()
        )
        .into())
    }
}
