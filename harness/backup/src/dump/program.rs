//! Dumps by `pg_dump`, and `pg_restore` for them: programs that are fed, watched and never trusted to have ended well.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::idle;
use crate::config::Database;
use crate::error::{Error, Result};
use crate::object::Pieces;
use crate::record::BackupRecord;
use crate::repository::Repository;

/// How long `pg_restore` may build indexes and check keys after it has read everything.
const FINISH_MAX: Duration = Duration::from_secs(3600);
/// Of what a program prints, its end is kept.
const PRINTED_BYTES_MAX: usize = 4 << 10;

impl Repository {
    pub(super) async fn dump_by_program(
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
}

pub(super) async fn restore_program(database: &Database, program: &Path, mut pieces: Pieces) -> Result<u64> {
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
