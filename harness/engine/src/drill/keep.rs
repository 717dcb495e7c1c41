//! A drill that is kept: what it ran goes on without the harness. The links end with it, so that the application is told
//! to reach its database and store directly, and what ships WAL its store; then a person is told how to reach all of it,
//! and how to end it.

use std::net::SocketAddr;

use firedrill_core::scenario::{Route, Service};

use super::{Drill, DrillError};
use crate::application_status::{post, status};
use crate::connect;
use crate::stage::FILES_BUCKET;

impl Drill {
    /// Leaves what runs usable, as far as it runs at all. Returns what could not be done.
    pub(super) async fn leave(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let Ok(stage) = self.stage() else { return problems };
        for (name, host) in &stage.applications {
            let Some(address) = host.address() else { continue };
            if let Err(error) = self.let_go(name, address).await {
                problems.push(format!("{name} could not be told to do without links: {error}"));
            }
        }
        if let Err(error) = self.ship_directly() {
            problems.push(format!("WAL is shipped no longer: {error}"));
        }
        match connect::how(stage, self.scenario()).await {
            Ok(how) => self.announce(&format!(
                "\nkept; `firedrill clean {}` ends it\n{how}",
                self.script.directory.display()
            )),
            Err(error) => problems.push(error),
        }
        problems
    }

    /// The reference backup tool reaches directly the store that it reached over links.
    fn ship_directly(&self) -> Result<(), DrillError> {
        let (stage, backup) = (self.stage()?, &self.scenario().backup);
        let Some(store) = backup.store.as_ref().filter(|_| !backup.is_own()) else {
            return Ok(());
        };
        if stage.store(store)?.address().is_none() {
            return Ok(());
        }
        for host in stage.postgres.keys() {
            self.place_repository(store, host, None)?;
        }
        Ok(())
    }

    /// The application reaches directly what it reached over links.
    async fn let_go(&self, name: &str, address: SocketAddr) -> Result<(), DrillError> {
        let stage = self.stage()?;
        let asked = status(address, &stage.admin_token).await.map_err(DrillError::Other)?;
        let over_link = |database: &&String| {
            [Route::Primary, Route::Alternate].into_iter().any(|route| {
                stage
                    .address(name, database, route)
                    .is_ok_and(|link| link.port() == asked.database_port)
            })
        };
        if let Some(database) = stage.postgres.keys().find(over_link)
            && let Ok(direct) = stage.direct(database)
        {
            let config = serde_json::json!({
                "host": direct.host, "port": direct.port, "user": direct.user,
                "password": direct.password.reveal(), "dbname": direct.database,
            });
            post(address, &stage.admin_token, "/admin/database", &config)
                .await
                .map_err(DrillError::Other)?;
        }
        if let Some(Service::Application(application)) = self.scenario().services.get(name)
            && let Some(store) = &application.store
            && let Some(direct) = stage.store(store)?.address()
        {
            let host = stage.store(store)?;
            let config = serde_json::json!({
                "endpoint": format!("http://{direct}"), "bucket": FILES_BUCKET,
                "access_key": host.access_key(), "secret_key": host.secret_key().reveal(), "region": host.region(),
            });
            post(address, &stage.admin_token, "/admin/store", &config)
                .await
                .map_err(DrillError::Other)?;
        }
        Ok(())
    }
}
