//! The first backups: those that the plan's policy would have taken before the drill's day begins.

use firedrill_backup::{BaseBackupOptions, Repository};
use firedrill_core::event::Event;
use firedrill_core::stamp::Stamp;
use firedrill_environment::Lifecycle;
use firedrill_load::now;

use super::access::database;
use super::own::of_prepare;
use super::{Drill, DrillError};

/// Where the archive of a primary goes whose backups are those of an empty cluster.
const MISDIRECTED: &str = "another-cluster/";

impl Drill {
    pub(super) async fn take_first_backups(&self) -> Result<(), DrillError> {
        let backup = self.scenario().backup.clone();
        let of_database = backup.base.is_some() || backup.wal.is_some() || backup.dump.is_some();
        if !of_database && backup.files.is_none() {
            return Ok(());
        }
        if backup.is_own() {
            self.take_first_own_backups().await?;
            if backup.files.is_none() {
                return Ok(());
            }
        }
        let store = self.backup_store()?;
        let stage = self.stage()?;
        if backup.files.is_some() {
            let repository = Repository::open(&stage.repository(&store, None, "")?)?;
            let early = now();
            let record = repository.files(&self.files_bucket()?, &|_| {}).await?;
            let component = self.files_component();
            self.recorder.record(
                Stamp::new(early, now()),
                Event::Restorable {
                    component,
                    kind: "files".into(),
                    name: record.id,
                },
            );
        }
        if !of_database || backup.is_own() {
            return Ok(());
        }
        let empty = if backup.of_empty_cluster {
            Some(self.start_empty_cluster().await?)
        } else {
            None
        };
        let source = match &empty {
            Some(host) => {
                let connection = host
                    .connection()
                    .ok_or_else(|| DrillError::Other("the empty cluster does not run".into()))?;
                database(&connection)
            }
            None => self.own_database(&self.database)?,
        };
        let repository = Repository::open(&stage.repository(&store, None, "")?)?;
        if backup.base.is_some() || backup.wal.is_some() {
            let early = now();
            let options = BaseBackupOptions {
                unchecked: backup.base.as_ref().is_some_and(|base| base.unchecked),
                ..BaseBackupOptions::default()
            };
            let backup = repository.base_backup_with(&source, "prepare", &options, &|_| {});
            let record = match &empty {
                Some(_) => backup.await?,
                None => self.watching_archiver(&self.database, backup).await??,
            };
            self.restorable(Stamp::new(early, now()), "base", record.id);
        }
        if backup.dump.is_some() {
            let early = now();
            let record = repository
                .dump(&source, self.client_program("pg_dump").as_deref(), &|_| {})
                .await?;
            self.restorable(Stamp::new(early, now()), "dump", record.id);
        }
        if let Some(host) = empty {
            host.stop().await?;
        }
        Ok(())
    }

    async fn take_first_own_backups(&self) -> Result<(), DrillError> {
        let backup = &self.scenario().backup;
        for (kind, cadence) in [("base", &backup.base), ("dump", &backup.dump)] {
            let Some(cadence) = cadence else { continue };
            if let Some(own) = self.own_backup(kind, cadence)? {
                let early = now();
                let name = match self.watching_archiver(&self.database, own.take()).await? {
                    Ok(name) => name,
                    Err(mut error) => {
                        if let Some(why) = self.archiver_fails(&self.database).await {
                            error.how = format!("{}; meanwhile {why}", error.how);
                        }
                        return Err(of_prepare(&format!("the first {kind} backup"), kind)(error));
                    }
                };
                self.restorable(Stamp::new(early, now()), kind, name);
            }
        }
        Ok(())
    }

    fn restorable(&self, stamp: Stamp, kind: &str, name: String) {
        let component = self.component.clone();
        self.recorder.record(
            stamp,
            Event::Restorable {
                component,
                kind: kind.to_owned(),
                name,
            },
        );
    }

    /// A cluster with nothing in it, for the twin whose backups are worthless.
    async fn start_empty_cluster(&self) -> Result<firedrill_environment::Postgres, DrillError> {
        let stage = self.stage()?;
        let host = stage
            .local
            .postgres("empty-cluster", firedrill_environment::PostgresOptions::default())?;
        host.initdb().await?;
        host.start().await?;
        Ok(host)
    }

    /// Where the struck database's own archive goes below the bucket.
    pub(super) fn archive_prefix(&self) -> &'static str {
        if self.scenario().backup.of_empty_cluster {
            MISDIRECTED
        } else {
            ""
        }
    }
}
