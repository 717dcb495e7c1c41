//! A Postgres as the team handles it: the host that a restore fills, and what a running server says of itself.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use firedrill_backup::{Database, RelationFile, parse_lsn};
use firedrill_environment::{EnvironmentError, Lifecycle};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

use crate::http::Ending;

/// A server that takes longer to accept a connection than this is tried again.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// A place where a Postgres cluster can live.
#[async_trait]
pub trait DatabaseHost: Lifecycle {
    /// Where the cluster's files are; a restore fills it.
    fn data_directory(&self) -> PathBuf;
    /// Makes an empty cluster.
    async fn create(&self) -> Result<(), EnvironmentError>;
    /// Takes over a data directory that a restore has filled: owner, address, settings of this place.
    async fn adopt(&self) -> Result<(), EnvironmentError>;
    /// Adds settings that hold from the next start on.
    async fn write_settings(&self, settings: &[(String, String)]) -> Result<(), EnvironmentError>;
    /// How to reach the server directly, for the team's own sessions.
    fn connection(&self) -> Result<Database, EnvironmentError>;
    /// Where the server's log is, if the team can read it.
    fn log(&self) -> Option<PathBuf> {
        None
    }
}

#[async_trait]
impl DatabaseHost for firedrill_environment::Postgres {
    fn data_directory(&self) -> PathBuf {
        firedrill_environment::Postgres::data_directory(self)
    }

    async fn create(&self) -> Result<(), EnvironmentError> {
        self.initdb().await
    }

    async fn adopt(&self) -> Result<(), EnvironmentError> {
        self.adopt_data_directory(&firedrill_environment::Postgres::data_directory(self))
            .await
    }

    async fn write_settings(&self, settings: &[(String, String)]) -> Result<(), EnvironmentError> {
        let settings: Vec<(&str, &str)> = settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        firedrill_environment::Postgres::write_settings(self, &settings)
    }

    fn connection(&self) -> Result<Database, EnvironmentError> {
        let none = || EnvironmentError::Invalid(format!("{} has never been started: it has no address", self.name()));
        let connection = firedrill_environment::Postgres::connection(self).ok_or_else(none)?;
        Ok(Database {
            host: connection.host,
            port: connection.port,
            user: connection.user,
            password: connection.password.reveal().into(),
            dbname: connection.database,
        })
    }

    fn log(&self) -> Option<PathBuf> {
        Some(firedrill_environment::Postgres::log(self))
    }
}

/// One life of a Postgres, as every answer of the application names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// The cluster's identifier.
    pub system: String,
    /// The timeline it writes.
    pub timeline: u32,
    /// The setting `firedrill.epoch`: counts restores.
    pub epoch: String,
}

impl Life {
    /// `SYSTEM/TIMELINE/EPOCH`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}/{}", self.system, self.timeline, self.epoch)
    }
}

/// A session, ended with the value.
pub(crate) struct Session {
    pub(crate) client: Client,
    _connection: Ending<()>,
}

/// Opens a session. The error says where to and why not, without secrets.
pub(crate) async fn connect(database: &Database) -> Result<Session, String> {
    let mut config = tokio_postgres::Config::new();
    config
        .host(&database.host)
        .port(database.port)
        .user(&database.user)
        .dbname(&database.dbname)
        .application_name("firedrill-respond")
        .connect_timeout(CONNECT_MAX);
    if !database.password.is_empty() {
        config.password(&database.password);
    }
    let (client, connection) = config
        .connect(NoTls)
        .await
        .map_err(|error| format!("no session with {}:{}: {}", database.host, database.port, words(&error)))?;
    let connection = Ending(tokio::spawn(async move {
        let _ = connection.await;
    }));
    Ok(Session {
        client,
        _connection: connection,
    })
}

/// What the server, or the way to it, said.
pub(crate) fn words(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(db), _) => format!("{} {}: {}", db.severity(), db.code().code(), db.message()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

/// Connects and asks for 1, as a plan's check does.
pub(crate) async fn ping(database: &Database) -> Result<(), String> {
    let session = connect(database).await?;
    session
        .client
        .simple_query("SELECT 1")
        .await
        .map(drop)
        .map_err(|error| words(&error))
}

impl Session {
    /// Pages whose checksum did not fit since the counters began, in all databases; `None` where pages bear none.
    pub(crate) async fn checksum_failures(&self) -> Result<Option<i64>, String> {
        let row = self
            .row(
                "SELECT current_setting('data_checksums') = 'on', coalesce(sum(checksum_failures), 0)::bigint \
                 FROM pg_stat_database",
            )
            .await?;
        Ok(row.get::<_, bool>(0).then(|| row.get(1)))
    }

    async fn row(&self, sql: &str) -> Result<tokio_postgres::Row, String> {
        self.client.query_one(sql, &[]).await.map_err(|error| words(&error))
    }

    /// Whether the server still recovers, and does not accept writes.
    pub(crate) async fn is_in_recovery(&self) -> Result<bool, String> {
        Ok(self.row("SELECT pg_is_in_recovery()").await?.get(0))
    }

    /// Which life this is. The timeline is that of the WAL being written: right after a promotion
    /// pg_control_checkpoint() still tells the old one.
    pub(crate) async fn life(&self) -> Result<Life, String> {
        let row = self
            .row(
                "SELECT (SELECT system_identifier::text FROM pg_control_system()), \
                 ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int, \
                 coalesce(nullif(current_setting('firedrill.epoch', true), ''), '0')",
            )
            .await?;
        let timeline: i32 = row.get(1);
        Ok(Life {
            system: row.get(0),
            timeline: timeline.unsigned_abs(),
            epoch: row.get(2),
        })
    }

    /// archive_timeout is not honoured after a start until there was a checkpoint.
    pub(crate) async fn checkpoint_if_archiving(&self) -> Result<(), String> {
        let row = self
            .row("SELECT setting::int > 0 FROM pg_settings WHERE name = 'archive_timeout'")
            .await?;
        if row.get(0) {
            self.client
                .batch_execute("CHECKPOINT")
                .await
                .map_err(|error| words(&error))?;
        }
        Ok(())
    }

    /// Closes the segment that is being written; its name.
    pub(crate) async fn switch_wal(&self) -> Result<String, String> {
        // A position at the very start of a segment means that the one before it was the last with anything in it.
        let row = self.row("SELECT pg_walfile_name(pg_switch_wal() - 1::numeric)").await?;
        Ok(row.get(0))
    }

    /// Which file each table of the schema `public` is now.
    pub(crate) async fn relations(&self) -> Result<Vec<(String, RelationFile)>, String> {
        let rows = self
            .client
            .query(
                "SELECT c.relname::text, coalesce(nullif(c.reltablespace, 0), d.dattablespace), d.oid, \
                 pg_relation_filenode(c.oid) FROM pg_class c, pg_namespace n, pg_database d \
                 WHERE c.relnamespace = n.oid AND n.nspname = 'public' AND c.relkind = 'r' \
                 AND d.datname = current_database() AND pg_relation_filenode(c.oid) IS NOT NULL \
                 ORDER BY 1 LIMIT 10000",
                &[],
            )
            .await
            .map_err(|error| words(&error))?;
        Ok(rows
            .iter()
            .map(|row| {
                let file = RelationFile {
                    tablespace: row.get(1),
                    database: row.get(2),
                    file: row.get(3),
                };
                (row.get(0), file)
            })
            .collect())
    }

    /// Where the recovery that this server came from was told to stop: the setting and its value. `None`: at the end of WAL.
    pub(crate) async fn recovery_target(&self) -> Result<Option<(String, String)>, String> {
        let row = self
            .client
            .query_opt(
                "SELECT name, setting FROM pg_settings WHERE setting <> '' AND name IN ('recovery_target', \
                 'recovery_target_lsn', 'recovery_target_name', 'recovery_target_time', 'recovery_target_xid') LIMIT 1",
                &[],
            )
            .await
            .map_err(|error| words(&error))?;
        Ok(row.map(|row| (row.get(0), row.get(1))))
    }

    /// Rows of a table of the schema `public`, or of all of its tables; `None` where there is no such table.
    pub(crate) async fn count_rows(&self, table: Option<&str>) -> Result<Option<u64>, String> {
        let names = match table {
            Some(table) => vec![table.to_owned()],
            None => self.relations().await?.into_iter().map(|(name, _)| name).collect(),
        };
        let mut sum = 0_u64;
        for name in names {
            let sql = format!("SELECT count(*) FROM public.\"{}\"", name.replace('"', "\"\""));
            match self.client.query_one(&sql, &[]).await {
                Ok(row) => sum = sum.saturating_add(row.get::<_, i64>(0).unsigned_abs()),
                // One of all that was dropped since they were listed holds no rows.
                Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) && table.is_none() => {}
                Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => return Ok(None),
                Err(error) => return Err(words(&error)),
            }
        }
        Ok(Some(sum))
    }

    /// Makes a database of this name, unless there is one.
    pub(crate) async fn create_database(&self, name: &str) -> Result<(), String> {
        let there = self
            .client
            .query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&name])
            .await;
        if there.map_err(|error| words(&error))?.is_some() {
            return Ok(());
        }
        let statement = format!("CREATE DATABASE \"{}\" TEMPLATE template0", name.replace('"', "\"\""));
        self.client
            .batch_execute(&statement)
            .await
            .map_err(|error| words(&error))
    }

    /// Where a timeline branched off: the timeline before it, and the position. `None` for a first timeline.
    pub(crate) async fn branch_of(&self, timeline: u32) -> Result<Option<(u32, u64)>, String> {
        if timeline <= 1 {
            return Ok(None);
        }
        let row = self
            .client
            .query_one(
                "SELECT pg_read_file($1::text, 0, 1048576, true)",
                &[&format!("pg_wal/{timeline:08X}.history")],
            )
            .await
            .map_err(|error| words(&error))?;
        let text: Option<String> = row.get(0);
        Ok(text.as_deref().and_then(branch))
    }
}

/// The last line of a history file: parent timeline, position of the switch, reason.
fn branch(history: &str) -> Option<(u32, u64)> {
    let line = history
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty() && !line.starts_with('#'))?;
    let mut fields = line.split_whitespace();
    Some((fields.next()?.parse().ok()?, parse_lsn(fields.next()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_file_tells_the_last_branch() {
        assert_eq!(
            branch("1\t0/3000148\tno recovery target specified\n"),
            Some((1, 0x300_0148))
        );
        assert_eq!(
            branch("1\t0/3000148\tx\n\n# comment\n2\t16/B374D848\tbefore 2026-01-01 00:00:00+00\n\n"),
            Some((2, 0x16_B374_D848))
        );
        assert_eq!(branch(""), None);
        assert_eq!(branch("one\t0/1"), None);
    }

    #[test]
    fn a_life_is_named_as_the_application_names_it() {
        let life = Life {
            system: "7432111".into(),
            timeline: 2,
            epoch: "1".into(),
        };
        assert_eq!(life.name(), "7432111/2/1");
    }
}
