//! `firedrill backup restore`: the backup that reaches the target, brought back to where nothing is yet.
//!
//! The one idea: whatever could refuse refuses before anything is written, and what fails later leaves nothing that starts.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clap::{ArgGroup, Args};
use firedrill_backup::{
    BackupKind, BackupRecord, Database, RecoveryTarget, Repository, RepositoryConfig, parse_lsn, parse_time, utc,
};

use super::super::Failure;
use super::fetching::{owner_of, wal_config, write_wal_config};
use super::place::RepositoryArguments;
use super::told::{Meter, tell};
use crate::cli::Cli;
use crate::view::say;

/// How long a restore that was interrupted may take to remove what it has written.
pub(super) const CLEANUP_MAX: Duration = Duration::from_secs(30);

/// `firedrill backup restore`
#[derive(Args, Debug)]
#[command(after_help = RESTORE_HELP)]
#[command(group(ArgGroup::new("place").required(true).args(["into", "into_database", "into_bucket"])))]
#[command(group(ArgGroup::new("target").args(["to_latest", "to_time", "to_lsn", "to_before_lsn", "to_name", "to_end_of_backup"])))]
pub struct Restore {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub repository: RepositoryArguments,
    /// The backup's id; without it the newest one that the target can be reached from.
    pub backup: Option<String>,
    /// Base backup: the data directory to make; absent, or an empty directory.
    #[arg(long, value_name = "DIR")]
    pub into: Option<PathBuf>,
    /// Dump: the database that it is brought into, on the server of PGHOST, PGPORT, PGUSER and PGPASSWORD.
    #[arg(long, value_name = "NAME")]
    pub into_database: Option<String>,
    /// Files: the bucket of the same store that they are put into.
    #[arg(long, value_name = "NAME")]
    pub into_bucket: Option<String>,
    /// Files: what their keys begin with there.
    #[arg(long, value_name = "PREFIX", requires = "into_bucket", default_value = "")]
    pub into_prefix: String,
    /// Recover to the end of the archived WAL (the default).
    #[arg(long, requires = "into")]
    pub to_latest: bool,
    /// Recover to a time with its zone: '2026-01-31 23:59:59.5+00'.
    #[arg(long, value_name = "TIME", requires = "into")]
    pub to_time: Option<String>,
    /// Recover to a position: 0/3000148.
    #[arg(long, value_name = "LSN", requires = "into")]
    pub to_lsn: Option<String>,
    /// Recover to just before the record at a position.
    #[arg(long, value_name = "LSN", requires = "into")]
    pub to_before_lsn: Option<String>,
    /// Recover to a point that pg_create_restore_point named; the backup must be named too.
    #[arg(long, value_name = "NAME", requires = "into", requires = "backup")]
    pub to_name: Option<String>,
    /// Recover as little as possible: to the end of the base backup.
    #[arg(long, requires = "into")]
    pub to_end_of_backup: bool,
    /// What Postgres runs to fetch WAL, with %f and %p; without it this program, with a repository file of its own.
    #[arg(long, value_name = "COMMAND", requires = "into")]
    pub wal_fetch: Option<String>,
    /// Where that repository file is written (mode 0600); DIR.repository.json if nothing else is said.
    #[arg(long, value_name = "FILE", requires = "into", conflicts_with = "wal_fetch")]
    pub wal_config: Option<PathBuf>,
    /// The repository file that this restore has written, until it has succeeded.
    #[arg(skip)]
    written: Arc<OnceLock<PathBuf>>,
}

const RESTORE_HELP: &str = "\
Examples:
  firedrill backup restore --into /srv/pg/data
  firedrill backup restore --into /srv/pg/data --to-time '2026-01-31 23:59:59+00'
  firedrill backup restore 20260131T220000Z-dump-5e0f3a11 --into-database app

Start the server on the directory: it fetches WAL by itself, promotes at the target, and stops where WAL that it
needs cannot be trusted. Exit codes and places: `firedrill backup --help`.";

impl Restore {
    pub(super) async fn run(&self, cli: &Cli) -> Result<u8, Failure> {
        let config = self.repository.config()?;
        let repository = Repository::open(&config).map_err(|error| Failure::Input(miette::miette!("{error}")))?;
        let target = self.target()?;
        let record = match self.choose(&repository, &target).await {
            Ok(record) => record,
            Err(ended) => return ended,
        };
        if let Some(into) = &self.into {
            return self.base(&config, &repository, &record, into, &target, cli).await;
        }
        let (restored, place) = if let Some(bucket) = &self.into_bucket {
            let mut place = config.place();
            place.bucket.clone_from(bucket);
            place.prefix.clone_from(&self.into_prefix);
            (
                repository.restore_files(&record.id, &place).await,
                format!("bucket {bucket}"),
            )
        } else {
            let database = database(self.into_database.as_deref().unwrap_or_default())?;
            let program = pg_restore();
            let restored = repository.restore_dump(&record.id, &database, program.as_deref()).await;
            (restored, format!("database {}", database.dbname))
        };
        match restored {
            Ok(restored) => {
                tell(&restored, &record, &place, None, cli)?;
                Ok(0)
            }
            Err(error) => super::failed(error),
        }
    }

    /// What was restored into, as the kind of backup that it takes.
    fn kind(&self) -> BackupKind {
        match (&self.into, &self.into_database) {
            (Some(_), _) => BackupKind::Base,
            (None, Some(_)) => BackupKind::Dump,
            (None, None) => BackupKind::Files,
        }
    }

    fn target(&self) -> Result<RecoveryTarget, Failure> {
        if let Some(time) = &self.to_time {
            let unix_ms = parse_time(time);
            return unix_ms.map(|_| RecoveryTarget::Time(time.clone())).ok_or_else(|| {
                Failure::Input(miette::miette!(
                    "--to-time: found {time:?}, expected a time with its zone, such as '2026-01-31 23:59:59.5+00'"
                ))
            });
        }
        if let Some(lsn) = &self.to_lsn {
            return position("--to-lsn", lsn).map(RecoveryTarget::Lsn);
        }
        if let Some(lsn) = &self.to_before_lsn {
            return position("--to-before-lsn", lsn).map(RecoveryTarget::BeforeLsn);
        }
        Ok(match &self.to_name {
            Some(name) => RecoveryTarget::Name(name.clone()),
            None if self.to_end_of_backup => RecoveryTarget::Immediate,
            None => RecoveryTarget::Latest,
        })
    }

    async fn choose(
        &self,
        repository: &Repository,
        target: &RecoveryTarget,
    ) -> Result<BackupRecord, Result<u8, Failure>> {
        let kind = self.kind();
        if let Some(id) = &self.backup {
            let record = super::record(repository, id).await?;
            if record.kind == kind {
                return Ok(record);
            }
            return Err(Err(Failure::Input(miette::miette!(
                help = "a base backup goes --into a directory, a dump --into-database, files --into-bucket",
                "backup {id} is of kind {}, and the place takes one of kind {kind}",
                record.kind
            ))));
        }
        let mut all = repository.list().await.map_err(super::failed)?;
        all.retain(|record| record.kind == kind);
        let earliest = all.first().map(|record| utc(record.completed_unix_ms));
        let reaches = all.into_iter().rev().find(|record| reaches(record, target));
        reaches.ok_or_else(|| {
            Err(Failure::Input(match earliest {
                None => miette::miette!("the repository holds no complete backup of kind {kind}"),
                Some(earliest) => miette::miette!(
                    help =
                        "a recovery can only go forward from a backup; `firedrill backup list --kind base` shows them",
                    "no backup was complete before the target; the earliest was at {earliest}"
                ),
            }))
        })
    }

    async fn base(
        &self,
        config: &RepositoryConfig,
        repository: &Repository,
        record: &BackupRecord,
        into: &Path,
        target: &RecoveryTarget,
        cli: &Cli,
    ) -> Result<u8, Failure> {
        let into = std::path::absolute(into)
            .map_err(|error| Failure::Input(miette::miette!("{}: {error}", into.display())))?;
        let owner = owner_of(&into)?;
        let (file, fetch) = match &self.wal_fetch {
            Some(command) => (None, command.clone()),
            None => {
                let (file, command) = wal_config(&into, self.wal_config.as_deref(), owner.as_ref())?;
                (Some(file), command)
            }
        };
        // It holds secrets: it is written when the directory that needs it is complete.
        let (config, written) = (config.clone(), Arc::clone(&self.written));
        let ready = move || match file {
            Some(file) => {
                write_wal_config(&config, &file, owner.as_ref())?;
                let _ = written.set(file);
                Ok(())
            }
            None => Ok(()),
        };
        if !cli.quiet {
            say(&format!("firedrill: restoring {} into {}", record.id, into.display()));
        }
        let total = record.objects.first().map_or(0, |archive| archive.plain_bytes);
        let meter = Meter::new(total, cli.quiet);
        let restored = repository
            .restore_base_with(&record.id, &into, target, &fetch, ready, &|bytes| meter.at(bytes))
            .await;
        meter.end();
        let restored = match restored {
            Ok(restored) => restored,
            Err(error) => {
                self.unwrite();
                return super::failed(error);
            }
        };
        tell(
            &restored,
            record,
            &into.display().to_string(),
            Some((target, self.written.get())),
            cli,
        )?;
        Ok(0)
    }

    fn unwrite(&self) {
        if let Some(file) = self.written.get() {
            let _ = std::fs::remove_file(file);
        }
    }

    /// After an interruption, once everything has ended: a directory that is whole keeps what it needs, else nothing stays.
    pub(super) fn interrupted(&self) {
        match &self.into {
            Some(into) if into.join("PG_VERSION").exists() && self.written.get().is_some() => say(&format!(
                "firedrill: interrupted when {} was restored already; it can be started, or removed with {}",
                into.display(),
                self.written
                    .get()
                    .map(|file| file.display().to_string())
                    .unwrap_or_default()
            )),
            _ => {
                self.unwrite();
                say("firedrill: interrupted; nothing that could be started is left");
            }
        }
    }
}

fn position(flag: &str, lsn: &str) -> Result<String, Failure> {
    match parse_lsn(lsn) {
        Some(_) => Ok(lsn.to_owned()),
        None => Err(Failure::Input(miette::miette!(
            "{flag}: found {lsn:?}, expected a position such as 0/3000148"
        ))),
    }
}

/// Whether recovery from the backup can end at the target; Postgres itself has the last word.
fn reaches(record: &BackupRecord, target: &RecoveryTarget) -> bool {
    match target {
        RecoveryTarget::Latest | RecoveryTarget::Immediate | RecoveryTarget::Name(_) => true,
        RecoveryTarget::Time(time) => parse_time(time).is_some_and(|target| record.completed_unix_ms <= target),
        RecoveryTarget::Lsn(lsn) | RecoveryTarget::BeforeLsn(lsn) => {
            let stop = record.stop_lsn.as_deref().and_then(parse_lsn);
            matches!((stop, parse_lsn(lsn)), (Some(stop), Some(target)) if stop <= target)
        }
    }
}

fn database(name: &str) -> Result<Database, Failure> {
    let told = |variable: &str| std::env::var(variable).ok().filter(|value| !value.is_empty());
    let port = told("PGPORT").unwrap_or_else(|| "5432".into());
    Ok(Database {
        host: told("PGHOST").unwrap_or_else(|| "127.0.0.1".into()),
        port: port
            .parse()
            .map_err(|_| Failure::Input(miette::miette!("PGPORT: found {port:?}, expected a port")))?,
        user: told("PGUSER")
            .or_else(|| told("USER"))
            .unwrap_or_else(|| "postgres".into()),
        password: told("PGPASSWORD").unwrap_or_default(),
        dbname: name.to_owned(),
    })
}

/// The newest one of this machine: it reads the archives of all before it.
fn pg_restore() -> Option<PathBuf> {
    let mut builds = firedrill_environment::postgres::discover::installed();
    builds.sort_by_key(|build| build.major);
    builds.iter().rev().find_map(|build| build.program("pg_restore"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(completed_unix_ms: u64, stop_lsn: &str) -> BackupRecord {
        BackupRecord {
            id: "b".into(),
            kind: BackupKind::Base,
            label: String::new(),
            started_unix_ms: 0,
            completed_unix_ms,
            start_lsn: None,
            stop_lsn: Some(stop_lsn.into()),
            timeline: Some(1),
            system_identifier: None,
            server_version: None,
            wal_segment_bytes: None,
            data_checksums: None,
            wal_included: false,
            objects: Vec::new(),
            tool: String::new(),
            counts: Default::default(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn recovery_goes_forward_only() {
        let backup = record(1_000_000, "1/10");
        for (target, reached) in [
            (RecoveryTarget::Latest, true),
            (RecoveryTarget::Lsn("1/10".into()), true),
            (RecoveryTarget::BeforeLsn("1/11".into()), true),
            (RecoveryTarget::Lsn("0/FFFFFFFF".into()), false),
            (RecoveryTarget::Time("1970-01-01 00:16:40Z".into()), true),
            (RecoveryTarget::Time("1970-01-01 00:16:39Z".into()), false),
            (RecoveryTarget::Time("1970-01-01 02:16:39+02".into()), false),
        ] {
            assert_eq!(reaches(&backup, &target), reached, "{target:?}");
        }
    }
}
