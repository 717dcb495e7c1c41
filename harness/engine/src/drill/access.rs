//! Access: how the harness itself reaches the databases and stores of a drill, past all links.

use std::path::PathBuf;

use firedrill_backup::Database;
use firedrill_environment::Connection;
use firedrill_load::SqlConfig;
use tokio_postgres::{Client, NoTls};

use super::{Drill, DrillError};

impl Drill {
    /// A session of the harness's own on a database, past all links.
    pub(super) async fn session(&self, database: &str) -> Result<Client, DrillError> {
        let connection = self.stage()?.direct(database)?;
        let (client, driver) = connection
            .config()
            .connect(NoTls)
            .await
            .map_err(DrillError::database(&format!("opening a session on {database}")))?;
        tokio::spawn(async move {
            let _ = driver.await;
        });
        Ok(client)
    }

    pub(super) fn own_database(&self, name: &str) -> Result<Database, DrillError> {
        Ok(database(&self.stage()?.direct(name)?))
    }

    pub(super) fn load_config(&self, name: &str) -> Result<SqlConfig, DrillError> {
        let connection = self.stage()?.direct(name)?;
        Ok(SqlConfig {
            host: connection.host.clone(),
            port: connection.port,
            user: connection.user.clone(),
            password: connection.password.reveal().to_owned(),
            dbname: connection.database,
        })
    }

    pub(super) fn backup_store(&self) -> Result<String, DrillError> {
        self.scenario().backup.store.clone().ok_or_else(|| {
            DrillError::Other("the scenario takes backups but `backup.store` names no S3 service".into())
        })
    }

    /// A store that the harness may put something into for a moment.
    pub(super) fn scratch_store(&self) -> Result<String, DrillError> {
        let backup = self.scenario().backup.store.as_ref();
        let any = self.stage()?.stores.keys().next();
        backup
            .or(any)
            .cloned()
            .ok_or_else(|| DrillError::Other("the scenario has no S3 service to read the whole cluster into".into()))
    }

    /// A client program of the Postgres in use, where the machine has it.
    pub(super) fn client_program(&self, name: &str) -> Option<PathBuf> {
        let local = &self.stage.as_ref()?.local;
        // What is in an image this machine cannot run.
        let path = Some(local.build().directory.join(name)).filter(|_| !local.is_contained());
        path.filter(|path| path.is_file())
    }
}

pub(super) fn database(connection: &Connection) -> Database {
    Database {
        host: connection.host.clone(),
        port: connection.port,
        user: connection.user.clone(),
        password: connection.password.reveal().to_owned(),
        dbname: connection.database.clone(),
    }
}
