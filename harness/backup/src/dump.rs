//! Dumps of one database: by `pg_dump` where it is found, else by COPY.
//!
//! The one idea: either way one snapshot is read, and one transaction brings it back, so a restore that fails leaves the
//! target as it was.

mod copy;
mod program;

use std::path::Path;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio_postgres::Client;

use crate::catalog::value;
use crate::config::Database;
use crate::error::{Error, Result};
use crate::frames::FrameReader;
use crate::object::{self, Pieces};
use crate::record::{BackupKind, BackupRecord};
use crate::repository::{Repository, begin};
use crate::restore::Restored;

/// How long a dump or its restore may make no progress.
const IDLE_MAX: Duration = Duration::from_secs(120);
impl Repository {
    /// Dumps a database with `pg_dump` if its path is given, else with COPY; the record's `tool` says which. `progress` is
    /// told the bytes read so far.
    ///
    /// # Errors
    /// The server, the program or the store fails; or COPY would lose something that only `pg_dump` carries.
    pub fn dump<'a>(
        &'a self,
        database: &'a Database,
        pg_dump: Option<&'a Path>,
        progress: &'a (dyn Fn(u64) + Sync),
    ) -> BoxFuture<'a, Result<BackupRecord>> {
        Box::pin(self.take_dump(database, pg_dump, progress))
    }

    async fn take_dump(
        &self,
        database: &Database,
        pg_dump: Option<&Path>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<BackupRecord> {
        let mut record = begin(BackupKind::Dump, &database.dbname);
        let client = database.connect().await?;
        client
            .batch_execute("SET search_path = ''; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET extra_float_digits = 3; SET statement_timeout = 0; SET lock_timeout = '60s'")
            .await
            .map_err(Error::query("prepare the session"))?;
        describe(&client, &mut record).await?;
        match pg_dump {
            Some(program) => self.dump_by_program(database, program, &mut record, progress).await?,
            None => self.dump_by_copy(&client, &mut record, progress).await?,
        }
        record.stop_lsn = Some(value(&client, "read the position", POSITION).await?);
        self.complete(record).await
    }

    /// Brings a dump back into a database that is there and has none of its tables, in one transaction. Dumps of
    /// `pg_dump` need the path of `pg_restore`.
    ///
    /// # Errors
    /// The backup cannot be trusted, the server or the program fails: the database is as it was then.
    pub fn restore_dump<'a>(
        &'a self,
        id: &'a str,
        database: &'a Database,
        pg_restore: Option<&'a Path>,
    ) -> BoxFuture<'a, Result<Restored>> {
        Box::pin(self.lay_out_dump(id, database, pg_restore))
    }

    async fn lay_out_dump(&self, id: &str, database: &Database, pg_restore: Option<&Path>) -> Result<Restored> {
        let record = self.record(id).await?.of_kind(BackupKind::Dump)?;
        if let Ok(object) = record.object("/dump.copy") {
            let opened = object::open(&self.store, &self.key, object).await?;
            let frames = FrameReader::new(&object.key, Pieces::of(opened, &object.key));
            let (tables, bytes) = copy::restore_copy(database, &object.key, frames).await?;
            return Ok(Restored::of(&record, tables, bytes));
        }
        let object = record.object("/dump.pgdump")?;
        let Some(program) = pg_restore else {
            return Err(Error::Config {
                what: format!("tool for backup {id}, which {} made", record.tool),
                found: "no path of pg_restore".into(),
                expected: "the path of a pg_restore of that version or later".into(),
            });
        };
        let opened = object::open(&self.store, &self.key, object).await?;
        let bytes = program::restore_program(database, program, Pieces::of(opened, &object.key)).await?;
        Ok(Restored::of(&record, 1, bytes))
    }
}

const POSITION: &str =
    "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END";

async fn describe(client: &Client, record: &mut BackupRecord) -> Result<()> {
    let ask = async |statement: &'static str| value(client, "identify the server", statement).await;
    record.server_version = Some(ask("SHOW server_version").await?);
    record.start_lsn = Some(ask(POSITION).await?);
    // Both need no more than a usual role on the versions this tool knows; where they are forbidden the dump goes on.
    record.system_identifier = ask("SELECT system_identifier FROM pg_control_system()").await.ok();
    record.timeline = ask("SELECT timeline_id FROM pg_control_checkpoint()")
        .await
        .ok()
        .and_then(|text| text.parse().ok());
    Ok(())
}

async fn idle<T>(action: &str, wait: impl Future<Output = T>) -> Result<T> {
    tokio::time::timeout(IDLE_MAX, wait).await.map_err(|_| Error::Stalled {
        action: action.to_owned(),
        seconds: IDLE_MAX.as_secs(),
        advice: "is the server stopped, a lock held, or the link cut?".into(),
    })
}
