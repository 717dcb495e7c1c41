//! Dumps of one database: by `pg_dump` where it is found, else by COPY.
//!
//! The one idea: either way one snapshot is read, and one transaction brings it back, so a restore that fails leaves the
//! target as it was.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::catalog::{Catalog, value};
use crate::config::Database;
use crate::error::{Error, Result};
use crate::frames::{Frame, FrameReader, FrameWriter};
use crate::object::{self, Pieces};
use crate::record::{BackupKind, BackupRecord};
use crate::repository::{Repository, begin};
use crate::restore::Restored;

/// How long a dump or its restore may make no progress.
const IDLE_MAX: Duration = Duration::from_secs(120);
/// How long `pg_restore` may build indexes and check keys after it has read everything.
const FINISH_MAX: Duration = Duration::from_secs(3600);
/// Of what a program prints, its end is kept.
const PRINTED_BYTES_MAX: usize = 4 << 10;
const BEFORE: &str = "before";
const AFTER: &str = "after";
const TABLE: &str = "table ";
/// A script of statements is held whole.
const SCRIPT_BYTES_MAX: usize = 16 << 20;

impl Repository {
    /// Dumps a database with `pg_dump` if its path is given, else with COPY; the record's `tool` says which. `progress` is
    /// told the bytes read so far.
    ///
    /// # Errors
    /// The server, the program or the store fails; or COPY would lose something that only `pg_dump` carries.
    pub async fn dump(
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

    async fn dump_by_program(
        &self,
        database: &Database,
        program: &Path,
        record: &mut BackupRecord,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<()> {
        record.tool = version(program).await?;
        let mut child = start(
            Command::new(program).args([
                "--format=custom",
                "--compress=0",
                "--no-password",
                "--lock-wait-timeout=60000",
            ]),
            database,
            program,
        )?;
        let printed = gather(child.stderr.take());
        let mut output = child.stdout.take().expect("stdout is piped");
        let mut writer = self.writer(&format!("backups/{}/dump.pgdump", record.id));
        let mut step = vec![0; 256 << 10];
        loop {
            let count = idle(&name(program), output.read(&mut step))
                .await?
                .map_err(Error::io("read from", program))?;
            if count == 0 {
                break;
            }
            writer.write(&step[..count]).await?;
            progress(writer.plain_bytes());
        }
        ended(program, &mut child, printed).await?;
        // Only now is the stream known to be whole.
        record.objects.push(writer.finish().await?);
        Ok(())
    }

    async fn dump_by_copy(
        &self,
        client: &Client,
        record: &mut BackupRecord,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<()> {
        record.tool = "COPY".into();
        record.notes.push("COPY carries schemas, extensions, types, sequences, tables, rows, constraints, indexes, views, functions and triggers; it does not carry owners, privileges, comments and settings".into());
        client
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .map_err(Error::query("begin a snapshot"))?;
        let mut catalog = Catalog::read(client).await?;
        let mut frames = FrameWriter::new(self.writer(&format!("backups/{}/dump.copy", record.id)));
        script(&mut frames, BEFORE, &catalog.before).await?;
        let mut rows: u64 = 0;
        for table in &catalog.tables {
            let statement = format!("COPY {} {} TO STDOUT", table.name, table.columns);
            let stream = client
                .copy_out(&statement)
                .await
                .map_err(Error::query(format!("copy {}", table.name)))?;
            let mut stream = std::pin::pin!(stream);
            frames.open(&format!("{TABLE}{} {}", table.name, table.columns)).await?;
            while let Some(piece) = idle("copy rows", stream.next()).await? {
                let piece = piece.map_err(Error::query(format!("copy {}", table.name)))?;
                // Each message is one row; a line's own end marks are escaped within it.
                rows += 1;
                frames.data(&piece).await?;
                progress(frames.plain_bytes());
            }
            frames.close().await?;
        }
        catalog.read_after(client).await?;
        script(&mut frames, AFTER, &catalog.after).await?;
        client
            .batch_execute("COMMIT")
            .await
            .map_err(Error::query("end the snapshot"))?;
        record.objects.push(frames.end().await?.finish().await?);
        record.counts = [("tables".into(), catalog.tables.len() as u64), ("rows".into(), rows)].into();
        Ok(())
    }

    /// Brings a dump back into a database that is there and has none of its tables, in one transaction. Dumps of
    /// `pg_dump` need the path of `pg_restore`.
    ///
    /// # Errors
    /// The backup cannot be trusted, the server or the program fails: the database is as it was then.
    pub async fn restore_dump(&self, id: &str, database: &Database, pg_restore: Option<&Path>) -> Result<Restored> {
        let record = self.record(id).await?.of_kind(BackupKind::Dump)?;
        if let Ok(object) = record.object("/dump.copy") {
            let opened = object::open(&self.store, &self.key, object).await?;
            let frames = FrameReader::new(&object.key, Pieces::of(opened, &object.key));
            let (tables, bytes) = restore_copy(database, &object.key, frames).await?;
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
        let bytes = restore_program(database, program, Pieces::of(opened, &object.key)).await?;
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

async fn script(frames: &mut FrameWriter, name: &str, text: &str) -> Result<()> {
    if text.len() > SCRIPT_BYTES_MAX {
        return Err(Error::Limit {
            what: "size of the database's definitions".into(),
            found: text.len() as u64,
            limit: SCRIPT_BYTES_MAX as u64,
        });
    }
    frames.open(name).await?;
    frames.data(text.as_bytes()).await?;
    frames.close().await
}

async fn restore_copy(database: &Database, key: &str, mut frames: FrameReader) -> Result<(u64, u64)> {
    let client = database.connect().await?;
    client
        .batch_execute("SET search_path = ''; SET check_function_bodies = off; SET session_replication_role = DEFAULT; SET statement_timeout = 0; SET client_min_messages = warning; BEGIN")
        .await
        .map_err(Error::query("prepare the session"))?;
    let (mut tables, mut bytes) = (0, 0);
    let (mut begun, mut ended) = (false, false);
    // Dropping the client before COMMIT rolls everything back.
    while let Some(frame) = frames.next().await? {
        let Frame::Open(name) = frame else {
            return Err(Error::damaged(key, "data without a name"));
        };
        if let Some(table) = name.strip_prefix(TABLE) {
            let action = format!("copy rows into {table}");
            let statement = format!("COPY {table} FROM STDIN");
            let sink = client
                .copy_in::<_, Bytes>(&statement)
                .await
                .map_err(Error::query(&action))?;
            let mut sink = std::pin::pin!(sink);
            loop {
                match frames.next().await? {
                    Some(Frame::Data(data)) => {
                        bytes += data.len() as u64;
                        idle(&action, sink.send(data)).await?.map_err(Error::query(&action))?;
                    }
                    Some(Frame::Close { .. }) => break,
                    _ => return Err(Error::damaged(key, format!("{name} has no end"))),
                }
            }
            idle(&action, sink.as_mut().finish())
                .await?
                .map_err(Error::query(&action))?;
            tables += 1;
            continue;
        }
        let mut text = Vec::new();
        loop {
            match frames.next().await? {
                Some(Frame::Data(data)) if text.len() + data.len() <= SCRIPT_BYTES_MAX => text.extend_from_slice(&data),
                Some(Frame::Close { .. }) => break,
                _ => return Err(Error::damaged(key, format!("{name} has no end, or is too long"))),
            }
        }
        match name.as_str() {
            BEFORE => begun = true,
            AFTER => ended = true,
            _ => {
                return Err(Error::damaged(
                    key,
                    format!("a content named {name:?}, which this version does not know"),
                ));
            }
        }
        let text = String::from_utf8(text).map_err(|_| Error::damaged(key, "statements that are not UTF-8"))?;
        // Building indexes and checking keys takes as long as it takes; the server's own timeouts bound it.
        client
            .batch_execute(&text)
            .await
            .map_err(Error::query(format!("run the statements {name} the rows")))?;
    }
    if !(begun && ended) {
        return Err(Error::damaged(key, "it lacks the statements before or after the rows"));
    }
    client
        .batch_execute("COMMIT")
        .await
        .map_err(Error::query("commit the restore"))?;
    Ok((tables, bytes))
}

async fn restore_program(database: &Database, program: &Path, mut pieces: Pieces) -> Result<u64> {
    let mut child = start(
        Command::new(program)
            .args(["--exit-on-error", "--single-transaction", "--no-owner", "--no-password"])
            .arg(format!("--dbname={}", database.dbname)),
        database,
        program,
    )?;
    drop(child.stdout.take());
    let printed = gather(child.stderr.take());
    let mut input = child.stdin.take().expect("stdin is piped");
    let mut bytes = 0;
    let fed: Result<bool> = async {
        while let Some(piece) = pieces.next().await? {
            if idle(&name(program), input.write_all(&piece)).await?.is_err() {
                // It has ended early; how it ended says why.
                return Ok(false);
            }
            bytes += piece.len() as u64;
        }
        Ok(true)
    }
    .await;
    if let Err(error) = fed {
        // Before its input ends, so that it does not commit what it has.
        let _ = child.kill().await;
        return Err(error);
    }
    drop(input);
    ended(program, &mut child, printed).await?;
    match fed {
        Ok(true) => Ok(bytes),
        _ => Err(Error::Program {
            program: name(program),
            outcome: "it ended before it had read the whole dump".into(),
        }),
    }
}

fn name(program: &Path) -> String {
    program.display().to_string()
}

/// Secrets go through the environment, which only the same user can read, never through arguments.
fn start(command: &mut Command, database: &Database, program: &Path) -> Result<Child> {
    command
        .env("PGHOST", &database.host)
        .env("PGPORT", database.port.to_string())
        .env("PGUSER", &database.user)
        .env("PGDATABASE", &database.dbname)
        .env("PGPASSWORD", &database.password)
        .env("PGCONNECT_TIMEOUT", "10")
        .env("PGAPPNAME", "firedrill-backup")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(Error::io("start", program))
}

async fn version(program: &Path) -> Result<String> {
    let asked = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = idle(&name(program), asked)
        .await?
        .map_err(Error::io("start", program))?;
    // "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match text
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
    {
        Some(number) if output.status.success() => Ok(format!("pg_dump {number}")),
        _ => Err(Error::Program {
            program: name(program),
            outcome: format!("--version printed {text:?}"),
        }),
    }
}

/// The end of what a program prints, read as it comes so that the program never waits for us.
fn gather(stream: Option<tokio::process::ChildStderr>) -> JoinHandle<String> {
    tokio::spawn(async move {
        let mut kept = Vec::new();
        let Some(mut stream) = stream else { return String::new() };
        let mut step = [0; 1024];
        while let Ok(count) = stream.read(&mut step).await {
            if count == 0 {
                break;
            }
            kept.extend_from_slice(&step[..count]);
            let surplus = kept.len().saturating_sub(PRINTED_BYTES_MAX);
            kept.drain(..surplus);
        }
        String::from_utf8_lossy(&kept).trim().to_owned()
    })
}

async fn ended(program: &Path, child: &mut Child, printed: JoinHandle<String>) -> Result<()> {
    let waiting = tokio::time::timeout(FINISH_MAX, child.wait())
        .await
        .map_err(|_| Error::Stalled {
            action: name(program),
            seconds: FINISH_MAX.as_secs(),
            advice: "is the server stopped, or a lock held?".into(),
        });
    let status = waiting?.map_err(Error::io("wait for", program))?;
    if status.success() {
        return Ok(());
    }
    let printed = printed.await.unwrap_or_default();
    Err(Error::Program {
        program: name(program),
        outcome: format!("{status}: {printed}"),
    })
}

async fn idle<T>(action: &str, wait: impl Future<Output = T>) -> Result<T> {
    tokio::time::timeout(IDLE_MAX, wait).await.map_err(|_| Error::Stalled {
        action: action.to_owned(),
        seconds: IDLE_MAX.as_secs(),
        advice: "is the server stopped, a lock held, or the link cut?".into(),
    })
}
