//! A Postgres host of the environment as the team handles it.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use firedrill_backup::Database;
use firedrill_environment::{EnvironmentError, Lifecycle, Postgres, State};
use firedrill_respond::DatabaseHost;

/// One host.
pub struct DatabaseOnStage(Arc<Postgres>);

impl DatabaseOnStage {
    /// Hands a host to the team.
    #[must_use]
    pub fn new(host: Arc<Postgres>) -> DatabaseOnStage {
        DatabaseOnStage(host)
    }
}

#[async_trait]
impl Lifecycle for DatabaseOnStage {
    async fn start(&self) -> Result<(), EnvironmentError> {
        self.0.start().await
    }
    async fn stop(&self) -> Result<(), EnvironmentError> {
        self.0.stop().await
    }
    async fn kill(&self) -> Result<(), EnvironmentError> {
        self.0.kill().await
    }
    async fn pause(&self) -> Result<(), EnvironmentError> {
        self.0.pause().await
    }
    async fn resume(&self) -> Result<(), EnvironmentError> {
        self.0.resume().await
    }
    async fn state(&self) -> Result<State, EnvironmentError> {
        self.0.state().await
    }
}

#[async_trait]
impl DatabaseHost for DatabaseOnStage {
    fn data_directory(&self) -> PathBuf {
        self.0.data_directory()
    }

    async fn create(&self) -> Result<(), EnvironmentError> {
        self.0.initdb().await
    }

    async fn adopt(&self) -> Result<(), EnvironmentError> {
        self.0.adopt_data_directory(&self.0.data_directory()).await
    }

    async fn write_settings(&self, settings: &[(String, String)]) -> Result<(), EnvironmentError> {
        let settings: Vec<(&str, &str)> = settings.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        self.0.write_settings(&settings)
    }

    fn connection(&self) -> Result<Database, EnvironmentError> {
        let connection = self
            .0
            .connection()
            .ok_or_else(|| EnvironmentError::Invalid(format!("{} was never started: it has no address", self.0.name())))?;
        Ok(Database {
            host: connection.host.clone(),
            port: connection.port,
            user: connection.user.clone(),
            password: connection.password.reveal().to_owned(),
            dbname: connection.database,
        })
    }
}
