//! The questions that the recovered system is asked: integrity checks in sessions of the harness's own, and a journey
//! along the clients' path.

use firedrill_app::INTEGRITY_QUERIES;
use firedrill_backup::{BaseBackupOptions, Repository};
use firedrill_core::event::Coverage;
use firedrill_core::resolve::EFFECT_CHECK;
use firedrill_core::scenario::Route;
use firedrill_core::stamp::{Nanos, Stamp};
use firedrill_load::now;

use super::{Drill, DrillError};
use crate::check::constraints::BusinessRule;
use crate::check::{Checked, amcheck, constraints, static_tables};
use crate::stage::CLIENTS;

impl Drill {
    pub(super) async fn check(&self, serving: &str) -> Result<(), DrillError> {
        let rules = INTEGRITY_QUERIES.map(|(name, broken)| BusinessRule { name, broken });
        // A session of its own for each: the settings of one must not leak into the next.
        self.ask("static_tables", serving, async |client| {
            static_tables::check(&client, &self.digests).await
        })
        .await;
        self.ask("constraints", serving, async |client| {
            constraints::check(&client, &rules).await
        })
        .await;
        self.ask("amcheck", serving, async |client| amcheck::check(&client).await)
            .await;
        self.ask("page_checksums", serving, async |client| {
            self.page_checksums(serving, &client).await
        })
        .await;
        self.fault_effect(serving).await?;
        self.ask("journey", serving, async |_| self.journey().await).await;
        self.own_checks(serving).await?;
        self.still_recording()
    }

    /// Whether anything is left of what the striking fault did to data.
    async fn fault_effect(&self, serving: &str) -> Result<(), DrillError> {
        let connection = self.stage()?.direct(serving)?;
        for index in &self.injected {
            if self.scenario().faults[*index].strikes {
                let early = now();
                if let Some(checked) = self.faults[*index].left(&connection).await {
                    self.checked(early, EFFECT_CHECK, checked);
                }
            }
        }
        Ok(())
    }

    /// Runs one check in a session of its own, within its deadline.
    async fn ask(&self, name: &str, serving: &str, check: impl AsyncFnOnce(tokio_postgres::Client) -> Checked) {
        let early = now();
        let asked = async {
            match self.session(serving).await {
                Ok(client) => check(client).await,
                Err(error) => Checked::not_run(format!("no session on {serving}: {error}")),
            }
        };
        self.checked(early, name, Checked::in_time(asked).await);
    }

    pub(super) fn checked(&self, early: Nanos, name: &str, checked: Checked) {
        self.recorder
            .record(Stamp::new(early, now()), checked.event(name, &self.component));
    }

    /// Every page of the cluster read from disk by the server, which verifies checksums while it serves a base backup.
    async fn page_checksums(&self, serving: &str, client: &tokio_postgres::Client) -> Checked {
        let attempt = async {
            let row = client
                .query_one(
                    "SELECT current_setting('data_checksums') = 'on', count(*) FROM pg_class WHERE relkind IN ('r', 'i', 't')",
                    &[],
                )
                .await
                .map_err(DrillError::database("asking for data_checksums"))?;
            if !row.get::<_, bool>(0) {
                return Err(DrillError::Other("the cluster has no data checksums".into()));
            }
            let relations = row.get::<_, i64>(1).unsigned_abs();
            let config = self
                .stage()?
                .repository(&self.scratch_store()?, None, "checksum-scan/")?;
            let repository = Repository::open(&config)?;
            let options = BaseBackupOptions {
                include_wal: Some(true),
                ..BaseBackupOptions::default()
            };
            let database = self.own_database(serving)?;
            match repository
                .base_backup_with(&database, "checksum scan", &options, &|_| {})
                .await
            {
                Ok(record) => {
                    let bytes = record.counts.get("bytes").copied().unwrap_or(0);
                    Ok((
                        Vec::new(),
                        Coverage {
                            relations,
                            rows: 0,
                            bytes,
                        },
                    ))
                }
                // XX001 is the server's own word for damaged pages. Whatever else went wrong says nothing about them.
                Err(error) if error.to_string().contains("XX001") => Ok((
                    vec![error.to_string()],
                    Coverage {
                        relations,
                        ..Coverage::default()
                    },
                )),
                Err(error) => Err(DrillError::Backup(error)),
            }
        };
        match attempt.await {
            Ok((problems, coverage)) => {
                let sound = format!(
                    "{} bytes of the cluster read, every page's checksum verified",
                    coverage.bytes
                );
                Checked::from_problems(&problems, coverage, sound)
            }
            Err(error) => Checked::not_run(error.to_string()),
        }
    }

    /// A write and a read through every service, the way clients go.
    async fn journey(&self) -> Checked {
        let attempt = async {
            let stage = self.stage()?;
            let name = &self.scenario().load.application;
            let address = stage.address(CLIENTS, name, Route::Primary)?;
            let client = firedrill_respond::Application::new(
                name,
                address,
                stage.admin_token.clone(),
                std::collections::BTreeMap::new(),
            );
            let mut problems = Vec::new();
            let mut coverage = Coverage::default();
            for service in self.scenario().load.rates.keys() {
                match client.journey(service).await {
                    Ok(_) => coverage.rows += 1,
                    Err(error) => {
                        coverage.rows += 1;
                        problems.push(error.to_string());
                    }
                }
            }
            Ok::<_, DrillError>((problems, coverage))
        };
        match attempt.await {
            Ok((problems, coverage)) => {
                let sound = format!("a row written and read back through each of {} services", coverage.rows);
                Checked::from_problems(&problems, coverage, sound)
            }
            Err(error) => Checked::not_run(error.to_string()),
        }
    }
}
