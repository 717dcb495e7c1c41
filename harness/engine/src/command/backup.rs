//! `firedrill backup`: what a repository of the reference backup tool holds, whether it would restore, and restoring it.
//!
//! The one idea: exit codes tell a backup that cannot be trusted from a store that did not answer, which proves nothing.

mod fetching;
mod place;
mod restore;
mod told;

use clap::{Subcommand, ValueEnum};
use firedrill_backup::{BackupKind, BackupRecord, Error, Repository, utc};
use tabled::builder::Builder;

use super::Failure;
use super::output::out;
use super::plan::print;
use crate::cli::{Cli, Format};
use crate::interrupts::Interrupts;
use crate::view::say;

pub use place::RepositoryArguments;
pub use restore::Restore;

/// One of a backup cannot be trusted, or something that it needs is missing.
const EXIT_NOT_GOOD: u8 = 1;
/// The store did not answer, so nothing is known of the backup.
const EXIT_CANNOT_TELL: u8 = 3;

/// The last part of the key of a backup's record.
const RECORD_NAME: &str = "record.jsonl";

const HELP: &str = "\
The place is told by flags, FIREDRILL_S3_* variables or a repository file; secrets never by flags:
  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY   the store's credentials
  FIREDRILL_BACKUP_KEY, or --key-file FILE   the master key, 64 hexadecimal digits
  --repository FILE                          all of it: a JSON file of mode 0600 (docs/backup.md)

Exit codes:
  0    done; what was verified is good
  1    a backup cannot be trusted, or something that it needs is missing: nothing was restored from it
  2    bad usage, a bad setting, no such backup, or the place to restore into is taken
  3    verify: the store did not answer, so nothing is known of the backup
  4    the store, the server or this machine failed
  130  interrupted";

/// `firedrill backup`
#[derive(Debug, Subcommand)]
#[command(after_help = HELP)]
pub enum BackupCommand {
    /// The complete backups of a repository, the earliest completed first.
    #[command(after_help = HELP)]
    List {
        #[command(flatten)]
        #[allow(missing_docs)]
        repository: RepositoryArguments,
        /// Only of this kind.
        #[arg(long)]
        kind: Option<Kind>,
    },
    /// Read backups as a restore would, the WAL that they need included, and write nothing.
    #[command(after_help = HELP)]
    Verify {
        #[command(flatten)]
        #[allow(missing_docs)]
        repository: RepositoryArguments,
        /// Ids, as `backup list` prints them; all of the repository if none is named.
        backups: Vec<String>,
    },
    /// Bring a backup back: a base backup as a data directory, a dump into a database, files into a bucket.
    Restore(Box<Restore>),
}

/// What a backup is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A whole cluster.
    Base,
    /// One database.
    Dump,
    /// The objects of an application's bucket.
    Files,
}

impl Kind {
    fn is(self, kind: BackupKind) -> bool {
        matches!(
            (self, kind),
            (Kind::Base, BackupKind::Base) | (Kind::Dump, BackupKind::Dump) | (Kind::Files, BackupKind::Files)
        )
    }
}

/// Runs the command.
pub fn run(command: &BackupCommand, cli: &Cli) -> Result<u8, Failure> {
    super::text_or_json(cli, "backup")?;
    // Reading, opening and writing a backup run at once.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::Harness(miette::miette!("no runtime: {error}")))?;
    let outcome = runtime.block_on(async {
        let mut interrupts = Interrupts::listen()
            .map_err(|error| Failure::Harness(miette::miette!("cannot listen for signals: {error}")))?;
        tokio::select! {
            outcome = answer(command, cli) => outcome,
            _ = interrupts.next() => Err(Failure::Interrupted),
        }
    });
    // A restore that was interrupted sees its source end, and removes what it has written so far.
    runtime.shutdown_timeout(restore::CLEANUP_MAX);
    if let (Err(Failure::Interrupted), BackupCommand::Restore(restore)) = (&outcome, command) {
        restore.interrupted();
    }
    outcome
}

async fn answer(command: &BackupCommand, cli: &Cli) -> Result<u8, Failure> {
    match command {
        BackupCommand::List { repository, kind } => list(&repository.open()?, *kind, cli).await,
        BackupCommand::Verify { repository, backups } => verify(&repository.open()?, backups, cli).await,
        BackupCommand::Restore(restore) => restore.run(cli).await,
    }
}

/// Tells what went wrong as the exit code that it stands for.
fn failed(error: Error) -> Result<u8, Failure> {
    match error {
        Error::Damaged { .. } | Error::Missing { .. } => {
            say(&format!("firedrill: {error}"));
            Ok(EXIT_NOT_GOOD)
        }
        Error::Config { .. } | Error::Occupied { .. } | Error::Limit { .. } => {
            Err(Failure::Input(miette::miette!("{error}")))
        }
        _ => Err(Failure::Harness(miette::miette!("{error}"))),
    }
}

/// One backup's record; that there is none of the name is a mistake of who names it.
async fn record(repository: &Repository, id: &str) -> Result<BackupRecord, Result<u8, Failure>> {
    repository.record(id).await.map_err(|error| match error {
        Error::Missing { .. } => Err(unknown(id)),
        other => failed(other),
    })
}

fn unknown(id: &str) -> Failure {
    Failure::Input(miette::miette!(
        help = "`firedrill backup list` prints the ids of complete backups",
        "the repository holds no complete backup {id}"
    ))
}

async fn list(repository: &Repository, kind: Option<Kind>, cli: &Cli) -> Result<u8, Failure> {
    let mut found = match repository.list().await {
        Ok(found) => found,
        Err(error) => return failed(error),
    };
    found.retain(|record| kind.is_none_or(|kind| kind.is(record.kind)));
    let mut table = Builder::new();
    table.push_record([
        "backup",
        "kind",
        "completed",
        "bytes",
        "stored",
        "from",
        "to",
        "made by",
    ]);
    for record in &found {
        let position = |lsn: &Option<String>| lsn.clone().unwrap_or_else(|| "-".into());
        table.push_record([
            record.id.clone(),
            record.kind.to_string(),
            utc(record.completed_unix_ms),
            record.plain_bytes().to_string(),
            record.stored_bytes().to_string(),
            position(&record.start_lsn),
            position(&record.stop_lsn),
            record.tool.clone(),
        ]);
    }
    let json = cli.format == Format::Json;
    if found.is_empty() && !json {
        out!("no complete backup here");
        return Ok(0);
    }
    let value = serde_json::to_value(&found)
        .map_err(|error| Failure::Harness(miette::miette!("the list cannot be printed as JSON: {error}")))?;
    print(json, &value, table)?;
    Ok(0)
}

async fn verify(repository: &Repository, named: &[String], cli: &Cli) -> Result<u8, Failure> {
    let mut ids = named.to_vec();
    if ids.is_empty() {
        match repository.list().await {
            Ok(found) => ids.extend(found.into_iter().map(|record| record.id)),
            Err(error) => return unanswered(error),
        }
    }
    if ids.is_empty() {
        say("firedrill: no complete backup here, so nothing that would restore");
        return Ok(EXIT_NOT_GOOD);
    }
    let mut code = 0;
    let mut rows = Vec::new();
    for id in &ids {
        if !cli.quiet {
            say(&format!("firedrill: reading {id}"));
        }
        let (good, problems, sizes) = match repository.verify(id).await {
            Ok(found) => {
                let sizes = (found.objects, found.bytes, found.files_checked, found.pages_checked);
                (found.is_good(), found.problems, sizes)
            }
            Err(Error::Missing { key, .. }) if key.ends_with(RECORD_NAME) => return Err(unknown(id)),
            Err(error @ (Error::Damaged { .. } | Error::Missing { .. })) => {
                (false, vec![error.to_string()], (0, 0, 0, 0))
            }
            Err(error) => return unanswered(error),
        };
        if !good {
            code = EXIT_NOT_GOOD;
        }
        let (objects, bytes, files, pages) = sizes;
        if cli.format == Format::Json {
            rows.push(serde_json::json!({
                "backup": id, "good": good, "objects": objects, "bytes": bytes, "files_checked": files,
                "pages_checked": pages, "problems": problems,
            }));
        } else if good {
            let pages = match pages {
                0 => String::new(),
                pages => format!(", {pages} pages with their checksums"),
            };
            out!("{id}: good; {objects} objects, {bytes} bytes, {files} files compared with their own digests{pages}");
        } else {
            out!("{id}: WOULD NOT RESTORE");
            for problem in &problems {
                out!("    {problem}");
            }
            if problems.is_empty() {
                out!("    it holds nothing that could be looked at");
            }
        }
    }
    if cli.format == Format::Json {
        out!("{:#}", serde_json::Value::from(rows));
    }
    Ok(code)
}

/// Of a look at backups: what is no word about them ends with a code of its own.
fn unanswered(error: Error) -> Result<u8, Failure> {
    match failed(error) {
        Err(Failure::Harness(report)) => {
            say(&format!("firedrill: cannot tell: {report}"));
            Ok(EXIT_CANNOT_TELL)
        }
        other => other,
    }
}
