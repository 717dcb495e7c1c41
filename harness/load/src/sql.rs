//! Connections straight to Postgres: one prepared statement per operation, for benches and for systems without the
//! sample application.
//!
//! A statement outside a transaction counts as its own COMMIT. What its error proves is decided in one place here.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use firedrill_core::ledger::{OperationKind, OperationOutcome, UNSTATED, flag};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Row, Statement};

use crate::answer::{Answer, Client, Session, Write};
use crate::driven::Driven;
use crate::error::LoadError;
use crate::identity::{EPOCH, SYSTEM, SqlConfig, TIMELINE, table};

/// Makes connections that write to tables `(key bigint PRIMARY KEY, version int NOT NULL, body text NOT NULL)`.
#[derive(Clone, Debug)]
pub struct SqlClient {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: SqlConfig,
    tables: Vec<String>,
}

impl SqlClient {
    /// For these tables, each named as the service that writes to it.
    ///
    /// # Errors
    /// A name that is no plain table name, or more than 64 of them.
    pub fn new(config: SqlConfig, tables: Vec<String>) -> Result<SqlClient, LoadError> {
        if tables.is_empty() || tables.len() > 64 {
            return Err(LoadError::spec("number of tables", tables.len(), "1 to 64"));
        }
        for name in &tables {
            table(name)?;
        }
        Ok(SqlClient {
            shared: Arc::new(Shared { config, tables }),
        })
    }

    /// The statement of an insert or update, parameters key, version and body: so that a bench can give its peer the same.
    #[must_use]
    pub fn upsert(table: &str) -> String {
        // RETURNING cannot name the row that was replaced: the CTE locks and reads it, and the join makes that come
        // first (a row that this statement has changed itself is not seen by FOR UPDATE). Where a row came to be between
        // the statement's snapshot and its conflict, the CTE saw none though one was replaced (xmax tells): unstated.
        format!(
            "WITH old AS MATERIALIZED (SELECT version FROM {table} WHERE key = $1 FOR UPDATE) \
             INSERT INTO {table} AS t (key, version, body) \
             SELECT $1::bigint, $2::int, $3::text FROM (SELECT 1) one LEFT JOIN old ON true \
             ON CONFLICT (key) DO UPDATE SET version = excluded.version, body = excluded.body \
             WHERE t.version < excluded.version \
             RETURNING (SELECT version FROM old), (xmax = 0), {TIMELINE}, {EPOCH}"
        )
    }

    fn delete(table: &str) -> String {
        format!(
            "WITH gone AS (DELETE FROM {table} WHERE key = $1 AND version < $2 RETURNING version) \
             SELECT (SELECT version FROM gone), \
                    (SELECT true FROM gone) IS NULL AND EXISTS (SELECT 1 FROM {table} WHERE key = $1), {TIMELINE}, {EPOCH}"
        )
    }

    fn select(table: &str) -> String {
        format!(
            "SELECT t.version, t.body, {TIMELINE}, {EPOCH} \
             FROM (SELECT 1) one LEFT JOIN {table} t ON t.key = $1"
        )
    }
}

impl Client for SqlClient {
    fn session(&self) -> Box<dyn Session> {
        Box::new(SqlSession {
            shared: self.shared.clone(),
            open: None,
        })
    }
}

struct SqlSession {
    shared: Arc<Shared>,
    open: Option<Open>,
}

struct Open {
    driven: Driven,
    client: tokio_postgres::Client,
    /// By position of the table.
    statements: Vec<Statements>,
    system: String,
    timeline: i32,
    /// The incarnation of the last answer with what it was made from.
    named: Option<(i32, String, Arc<str>)>,
}

struct Statements {
    upsert: Statement,
    delete: Statement,
    select: Statement,
}

/// What an error of a statement outside a transaction proves.
pub(crate) fn outcome_of(state: Option<&SqlState>) -> OperationOutcome {
    let Some(state) = state else {
        return OperationOutcome::Indeterminate;
    };
    let code = state.code();
    // 40003, statement completion unknown, says itself that it does not know.
    let refused = code != "40003" && ["22", "23", "25", "40"].iter().any(|class| code.starts_with(class));
    if refused {
        OperationOutcome::Refused
    } else {
        OperationOutcome::Indeterminate
    }
}

impl Shared {
    async fn connect(&self) -> Result<Open, tokio_postgres::Error> {
        let (client, connection) = self.config.open().await?;
        let mut driven = Driven::new(async move {
            let _ = connection.await;
        });
        let preparing = async {
            let row = client.query_one(SYSTEM, &[]).await?;
            let mut statements = Vec::with_capacity(self.tables.len());
            for name in &self.tables {
                statements.push(Statements {
                    upsert: client.prepare(&SqlClient::upsert(name)).await?,
                    delete: client.prepare(&SqlClient::delete(name)).await?,
                    select: client.prepare(&SqlClient::select(name)).await?,
                });
            }
            Ok::<_, tokio_postgres::Error>((row.try_get(0)?, row.try_get(1)?, statements))
        };
        let (system, timeline, statements) = driven.run(preparing).await?;
        Ok(Open {
            driven,
            client,
            statements,
            system,
            timeline,
            named: None,
        })
    }
}

impl Open {
    fn incarnation(&mut self, row: &Row) -> Result<Arc<str>, tokio_postgres::Error> {
        let timeline: i32 = row.try_get::<_, Option<i32>>(2)?.unwrap_or(self.timeline);
        let epoch: &str = row.try_get(3)?;
        match &self.named {
            Some((of, at, name)) if *of == timeline && at == epoch => Ok(name.clone()),
            _ => {
                let name: Arc<str> = Arc::from(format!("{}/{timeline}/{epoch}", self.system));
                self.named = Some((timeline, epoch.to_owned(), name.clone()));
                Ok(name)
            }
        }
    }

    fn wrote(&mut self, kind: OperationKind, row: Option<&Row>) -> Result<Answer, tokio_postgres::Error> {
        // An upsert that returns no row met a version as new: the statement ended and changed nothing.
        let Some(row) = row else {
            return Ok(Answer::bare(OperationOutcome::Refused, 0));
        };
        let replaced: Option<i32> = row.try_get(0)?;
        let odd: bool = row.try_get(1)?;
        let mut answer = Answer::bare(OperationOutcome::Acked, 0);
        answer.incarnation = Some(self.incarnation(row)?);
        answer.replaced = match (kind, replaced) {
            (_, Some(version)) => version as u32,
            // The row still stands, with a version as new.
            (OperationKind::Delete, None) if odd => {
                answer.outcome = OperationOutcome::Refused;
                UNSTATED
            }
            (OperationKind::Delete, None) => 0,
            (_, None) if odd => 0,
            (_, None) => UNSTATED,
        };
        Ok(answer)
    }

    fn found(&mut self, row: Option<&Row>) -> Result<Answer, tokio_postgres::Error> {
        let Some(row) = row else {
            return Ok(Answer::bare(OperationOutcome::Indeterminate, 0));
        };
        let mut answer = Answer::bare(OperationOutcome::Acked, 0);
        answer.version = row.try_get::<_, Option<i32>>(0)?.map_or(0, |version| version as u32);
        answer.body = row.try_get(1)?;
        answer.incarnation = Some(self.incarnation(row)?);
        Ok(answer)
    }
}

enum Ask<'a> {
    Write(&'a Write<'a>),
    Read(u64),
}

impl SqlSession {
    async fn ask(&mut self, service: &str, ask: Ask<'_>, deadline: Duration) -> Answer {
        let until = Instant::now() + deadline;
        let Some(at) = self.shared.tables.iter().position(|name| name == service) else {
            return Answer::bare(OperationOutcome::Refused, 0);
        };
        let mut reused = self.open.take();
        if let Some(open) = &mut reused
            && !open.driven.is_open().await
        {
            reused = None;
        }
        let mut open = match reused {
            Some(open) => open,
            None => match timeout_at(until, self.shared.connect()).await {
                Ok(Ok(open)) => open,
                // No statement of this operation was sent.
                Ok(Err(_)) => return Answer::bare(OperationOutcome::Refused, 0),
                Err(_) => return Answer::bare(OperationOutcome::Refused, flag::GAVE_UP),
            },
        };
        let Open {
            driven,
            client,
            statements,
            ..
        } = &mut open;
        let statements = &statements[at];
        let work = async {
            match &ask {
                Ask::Write(write) => {
                    let (key, version) = (write.key as i64, write.version as i32);
                    if write.kind == OperationKind::Delete {
                        client.query_opt(&statements.delete, &[&key, &version]).await
                    } else {
                        client
                            .query_opt(&statements.upsert, &[&key, &version, &write.body])
                            .await
                    }
                }
                Ask::Read(key) => client.query_opt(&statements.select, &[&(*key as i64)]).await,
            }
        };
        let row = match timeout_at(until, driven.run(work)).await {
            // Dropping the connection closes it; the server may still finish what it was sent.
            Err(_) => return Answer::bare(OperationOutcome::Indeterminate, flag::GAVE_UP),
            Ok(Err(error)) => {
                let outcome = outcome_of(error.code());
                if outcome == OperationOutcome::Refused {
                    self.open = Some(open);
                }
                return Answer::bare(outcome, 0);
            }
            Ok(Ok(row)) => row,
        };
        let answer = match &ask {
            Ask::Write(write) => open.wrote(write.kind, row.as_ref()),
            Ask::Read(_) => open.found(row.as_ref()),
        };
        self.open = Some(open);
        answer.unwrap_or_else(|_| Answer::bare(OperationOutcome::Indeterminate, 0))
    }
}

#[async_trait]
impl Session for SqlSession {
    async fn open(&mut self, deadline: Duration) {
        if self.open.is_none()
            && let Ok(Ok(open)) = timeout_at(Instant::now() + deadline, self.shared.connect()).await
        {
            self.open = Some(open);
        }
    }

    async fn write(&mut self, write: &Write<'_>, deadline: Duration) -> Answer {
        self.ask(write.service, Ask::Write(write), deadline).await
    }

    async fn read(&mut self, service: &str, key: u64, deadline: Duration) -> Answer {
        self.ask(service, Ask::Read(key), deadline).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_classes_that_prove_it_refuse() {
        let of = |code: &str| outcome_of(Some(&SqlState::from_code(code)));
        for code in [
            "22001", "22P02", "23505", "23514", "25006", "25P02", "40001", "40P01", "40002",
        ] {
            assert_eq!(of(code), OperationOutcome::Refused, "{code}");
        }
        for code in [
            "40003", "57P01", "57P02", "57014", "53300", "08006", "XX000", "XX001", "58030", "42P01", "55P03",
        ] {
            assert_eq!(of(code), OperationOutcome::Indeterminate, "{code}");
        }
        assert_eq!(outcome_of(None), OperationOutcome::Indeterminate);
    }
}
