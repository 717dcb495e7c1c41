//! Damage by SQL: statements that an operator runs by mistake or an intruder on purpose. Every page stays valid, the
//! server stays up, and the WAL carries what was done.
//!
//! The session goes straight to the server, past all links, as such a person's does. Which rows are hit follows from the
//! seed and is told with the fault.

mod harm;
mod trace;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use firedrill_core::event::Coverage;
use firedrill_core::scenario::DataHarm;
use firedrill_environment::{Capability, Connection, Postgres, said};
use tokio_postgres::{Client, NoTls};

use self::harm::Noted;
use super::{Fault, FaultError, Proof};
use crate::check::Checked;

/// A statement that waits longer for a lock, or runs longer, is given up.
const STATEMENT_MAX: &str = "SET statement_timeout = '20s'; SET lock_timeout = '4s'; SET search_path = public";
/// A migration cuts texts to this length.
const CUT: usize = 24;

/// A fault that spoils rows or a table.
pub struct DataFault {
    name: String,
    service: String,
    table: String,
    how: DataHarm,
    /// Parts per million of the rows.
    share_ppm: u32,
    seed: u64,
    host: Arc<Postgres>,
    noted: Mutex<Noted>,
}

impl DataFault {
    /// A fault of one table of a server; `share_ppm` of its rows where the harm is one of rows.
    #[must_use]
    pub fn new(
        name: &str,
        service: &str,
        table: &str,
        how: DataHarm,
        share_ppm: u32,
        seed: u64,
        host: Arc<Postgres>,
    ) -> DataFault {
        DataFault {
            name: name.to_owned(),
            service: service.to_owned(),
            table: table.to_owned(),
            how,
            share_ppm,
            seed,
            host,
            noted: Mutex::default(),
        }
    }

    fn said(&self, error: &tokio_postgres::Error) -> FaultError {
        self.failed(said(error))
    }

    /// The table's name as SQL writes it.
    fn quoted(&self) -> String {
        format!("\"{}\"", self.table.replace('"', "\"\""))
    }

    /// What rows say after a wrong UPDATE.
    fn marker(&self) -> String {
        format!("overwritten by mistake {:016x}", self.seed)
    }

    fn keys(&self) -> Vec<i64> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).keys.clone()
    }

    /// How many of the rows that were hit must show the harm for it to be there: rows that were removed may come back one
    /// by one, and clients delete some of their own.
    fn least(&self) -> u64 {
        match self.how {
            DataHarm::Delete | DataHarm::Truncate | DataHarm::Drop => (self.keys().len() as u64) / 2 + 1,
            _ => 1,
        }
    }
}

/// Whether anything is left of a fault, by one look at so many rows.
pub(super) fn left(something: bool, rows: u64, words: &str) -> Checked {
    let coverage = Coverage {
        relations: 1,
        rows,
        bytes: 0,
    };
    let problems: Vec<String> = something.then(|| words.to_owned()).into_iter().collect();
    Checked::from_problems(&problems, coverage, format!("nothing is left of it: {words}"))
}

/// A session of the fault's own.
pub(super) async fn session(connection: &Connection) -> Result<Client, String> {
    let (client, driver) = connection
        .config()
        .connect(NoTls)
        .await
        .map_err(|error| format!("no session: {}", said(&error)))?;
    tokio::spawn(async move {
        let _ = driver.await;
    });
    client
        .batch_execute(STATEMENT_MAX)
        .await
        .map_err(|error| said(&error))?;
    Ok(client)
}

async fn keys(client: &Client, statement: &str) -> Result<Vec<i64>, tokio_postgres::Error> {
    let rows = client.query(statement, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

#[async_trait]
impl Fault for DataFault {
    fn name(&self) -> &str {
        &self.name
    }

    fn needs(&self) -> Vec<Capability> {
        vec![Capability::Endpoints]
    }

    fn detail(&self) -> BTreeMap<String, String> {
        let harm = match self.how {
            DataHarm::WrongUpdate => "UPDATE that overwrites what rows say",
            DataHarm::Delete => "DELETE of rows",
            DataHarm::Drop => "DROP TABLE",
            DataHarm::Truncate => "TRUNCATE",
            DataHarm::BadMigration => "ALTER TABLE that cuts what rows say",
            DataHarm::Encrypt => "rows enciphered batch by batch",
            DataHarm::SkewIndex => "rows that the index of the primary key does not know",
        };
        let mut detail = BTreeMap::from([
            ("service".into(), self.service.clone()),
            ("table".into(), self.table.clone()),
            ("harm".into(), harm.into()),
            ("share_ppm".into(), self.share_ppm.to_string()),
        ]);
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        detail.extend(noted.detail.clone());
        detail
    }

    async fn inject(&self) -> Result<(), FaultError> {
        let connection = self
            .host
            .connection()
            .ok_or_else(|| self.failed(format!("{} was never started", self.service)))?;
        let client = session(&connection).await.map_err(|why| self.failed(why))?;
        let noted = self.spoil(&client).await.map_err(|error| self.said(&error))?;
        if noted.keys.is_empty() {
            return Err(self.failed(format!(
                "it hit no row of {}: preload more rows, or raise `share`",
                self.table
            )));
        }
        *self.noted.lock().unwrap_or_else(PoisonError::into_inner) = noted;
        Ok(())
    }

    async fn prove(&self) -> Proof {
        let look = async {
            let connection = self
                .host
                .connection()
                .ok_or_else(|| format!("{} was never started", self.service))?;
            let client = session(&connection).await?;
            self.shown(&client).await.map_err(|error| said(&error))
        };
        match tokio::time::timeout(Duration::from_secs(4), look).await {
            Ok(Ok(shown)) => Proof {
                broken: shown.spoiled >= self.least() && !(self.keys().is_empty() && shown.spoiled == 0),
                seen: shown.words,
            },
            Ok(Err(why)) => Proof::unseen(why),
            Err(_) => Proof::unseen("no answer within 4 s"),
        }
    }

    async fn heal(&self) -> Result<(), FaultError> {
        // Spoiled data stays spoiled: only a recovery brings it back.
        Ok(())
    }

    async fn left(&self, serving: &Connection) -> Option<Checked> {
        let look = async {
            let client = session(serving).await?;
            let shown = self.shown(&client).await.map_err(|error| said(&error))?;
            Ok(left(shown.spoiled >= self.least(), shown.rows, &shown.words))
        };
        Some(Checked::in_time(async { look.await.unwrap_or_else(Checked::not_run) }).await)
    }
}
