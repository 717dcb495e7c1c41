//! The questions that the recovered system is asked: integrity checks in sessions of the harness's own, and a journey
//! along the clients' path.

use std::time::Duration;

use firedrill_app::{INTEGRITY_QUERIES, STATIC_TABLES};
use firedrill_backup::{BaseBackupOptions, Repository};
use firedrill_core::event::Coverage;
use firedrill_core::resolve::EFFECT_CHECK;
use firedrill_core::scenario::Route;
use firedrill_core::stamp::{Nanos, Stamp};
use firedrill_load::now;
use firedrill_respond::ApplicationError;

use super::{Drill, DrillError};
use crate::check::constraints::BusinessRule;
use crate::check::{Checked, amcheck, constraints, static_tables};
use crate::stage::CLIENTS;

/// How long each request of a journey is waited for at least.
const JOURNEY_MAX: Duration = Duration::from_secs(10);
const JOURNEY_TRIES: u32 = 3;
const JOURNEY_PAUSE: Duration = Duration::from_millis(200);

/// What must be so in the application's tables and no constraint states.
fn rules() -> [BusinessRule<'static>; INTEGRITY_QUERIES.len()] {
    INTEGRITY_QUERIES.map(|(name, broken)| BusinessRule { name, broken })
}

impl Drill {
    /// Notes what the database is before anything is struck: its definitions, what breaks its constraints already, and
    /// the tables that nobody writes.
    pub(super) async fn note_before(&mut self) -> Result<(), DrillError> {
        let client = self.session(&self.database).await?;
        self.digests = static_tables::digests(&client, &STATIC_TABLES)
            .await
            .map_err(DrillError::database("taking digests of the tables that nobody writes"))?;
        // A session of its own: the settings of one question must not leak into the next.
        let client = self.session(&self.database).await?;
        self.before = constraints::before(&client, &rules())
            .await
            .map_err(DrillError::database(
                "noting constraints and definitions before the strike",
            ))?;
        Ok(())
    }

    pub(super) async fn check(&self, serving: &str) -> Result<(), DrillError> {
        let rules = rules();
        // A session of its own for each: the settings of one must not leak into the next.
        self.ask("static_tables", serving, async |client| {
            static_tables::check(&client, &self.digests).await
        })
        .await;
        self.ask("constraints", serving, async |client| {
            constraints::check(&client, &rules, &self.before).await
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
                Err(error) if error.sql_state() == Some("XX001") => Ok((
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

    /// A write and a read through every service, the way clients go. Only a wrong answer fails; how fast answers are is
    /// judged by the load, so that one that does not come in a generous time leaves the question open.
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
            )
            .patient(self.response_allowed().max(JOURNEY_MAX));
            let mut ended = Vec::new();
            for service in self.scenario().load.rates.keys() {
                ended.push(journey_through(&client, service).await);
            }
            Ok::<_, DrillError>(ended)
        };
        match attempt.await {
            Ok(ended) => meaning(&ended),
            Err(error) => Checked::not_run(error.to_string()),
        }
    }
}

/// One service, tried a few times: what is in flight between a pool and a server that was just taken over may fail once.
async fn journey_through(client: &firedrill_respond::Application, service: &str) -> Result<(), ApplicationError> {
    let mut tries = 1;
    loop {
        match client.journey(service).await {
            Ok(_) => return Ok(()),
            // What was written and reads back otherwise is no passing weakness.
            Err(error @ ApplicationError::Differs { .. }) => return Err(error),
            Err(error) if tries == JOURNEY_TRIES => return Err(error),
            Err(_) => tries += 1,
        }
        tokio::time::sleep(JOURNEY_PAUSE).await;
    }
}

/// What the journeys through all services come to.
fn meaning(ended: &[Result<(), ApplicationError>]) -> Checked {
    let coverage = Coverage {
        rows: ended
            .iter()
            .filter(|one| one.as_ref().err().is_none_or(ApplicationError::is_wrong))
            .count() as u64,
        ..Coverage::default()
    };
    let errors = || ended.iter().filter_map(|one| one.as_ref().err());
    let wrong: Vec<String> = errors()
        .filter(|error| error.is_wrong())
        .map(ToString::to_string)
        .collect();
    match errors().next() {
        Some(open) if wrong.is_empty() => Checked::not_run(format!("{open}, in {JOURNEY_TRIES} tries")),
        _ => {
            let sound = format!("a row written and read back through each of {} services", coverage.rows);
            Checked::from_problems(&wrong, coverage, sound)
        }
    }
}

#[cfg(test)]
mod tests {
    use firedrill_core::event::CheckOutcome;

    use super::*;

    #[test]
    fn a_slow_journey_leaves_the_question_open_and_a_wrong_one_fails() {
        let slow = || ApplicationError::NoAnswer {
            application: "a".into(),
            what: "PUT".into(),
            reason: "no answer within 10000 ms".into(),
        };
        let wrong = || ApplicationError::Differs {
            application: "a".into(),
            service: "chat".into(),
            found: "another body".into(),
        };
        let outcome = |ended: &[Result<(), ApplicationError>]| meaning(ended).outcome;
        assert_eq!(outcome(&[Ok(()), Ok(())]), CheckOutcome::Passed);
        assert_eq!(outcome(&[Ok(()), Err(slow())]), CheckOutcome::NotRun);
        assert_eq!(outcome(&[Err(slow()), Err(wrong())]), CheckOutcome::Failed);
        assert_eq!(outcome(&[]), CheckOutcome::NotRun);
        assert!(meaning(&[Err(slow())]).detail.contains("10000 ms, in 3 tries"));
    }
}
