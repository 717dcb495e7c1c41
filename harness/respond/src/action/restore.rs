//! Restore into a Postgres service what the catalogue holds, start it, and tell which life serves from here and up to
//! where the old one was brought back.
//!
//! The target is chosen and told before anything is touched, from what the team can know: the catalogue and the alerts.
//! Every restore begins a new epoch, so that a new life is told from the old one even in place. What is restored aside
//! takes over from nothing: no life of it is told, and it archives no WAL, or its history would stand beside that of
//! the server that serves.

use std::time::Duration;

use firedrill_backup::{BackupRecord, Database, RecoveryTarget, parse_lsn};
use firedrill_core::event::Point;
use firedrill_core::scenario::{BackupRule, RestoreFrom, TargetRule};
use firedrill_core::{Event, Stamp};
use firedrill_environment::State;
use tokio::time::sleep;

use super::choice::choose;
use super::takeover::TakenOver;
use super::{ActionError, Waiting};
use crate::clock::{self, Stopwatch, instant};
use crate::database::{self, DatabaseHost, Life, Session};
use crate::team::{Backups, Team};

const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a restored server is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It takes over.
    Serves,
    /// It is read beside the one that serves.
    Copy,
}

pub(super) async fn perform(
    team: &Team,
    into: &str,
    from: RestoreFrom,
    rule: &TargetRule,
    which: BackupRule,
    role: Role,
    waiting: &Waiting,
) -> Result<String, ActionError> {
    let host = team.database(into)?;
    let backups = team.backups()?;
    if host.state().await? != State::Down {
        return Err(ActionError::NotDown { service: into.into() });
    }
    waiting.on("the catalogue of backups, and the search for the target");
    let choice = choose(team, backups, from, rule, which, waiting).await?;
    team.observer.observed(
        instant(),
        Event::RecoveryTarget {
            rule: choice.rule.into(),
            inputs: choice.inputs,
            value: choice.value.clone(),
        },
    );
    // Whether the service's own data is replaced, or another service takes its place.
    let in_place = team.life_of(into).is_some();
    let epoch = match role {
        Role::Serves => team.next_epoch(&backups.component),
        // No number: the next life that serves must not be taken for this copy.
        Role::Copy => format!("aside-{into}"),
    };
    if role == Role::Copy {
        host.write_settings(&[("archive_mode".into(), "off".into())]).await?;
    }
    let restored = match from {
        RestoreFrom::BaseAndWal => {
            base_and_wal(&*host, backups, &choice.backup, &choice.target, &epoch, waiting, into).await?
        }
        RestoreFrom::Dump => dump(&*host, backups, &choice.backup, &epoch, waiting, into).await?,
    };
    let remarks = |told: String| {
        let remarks = restored.remarks.iter();
        remarks.fold(told, |told, remark| format!("{told}; {remark}"))
    };
    if role == Role::Copy {
        return Ok(remarks(format!(
            "{} of {} bytes aside into {into}, as {}; it serves nobody",
            choice.backup.id,
            restored.bytes,
            restored.life.name()
        )));
    }
    let life = restored.life;
    let component = &backups.component;
    let (source, point) = match (from, restored.branch) {
        (RestoreFrom::BaseAndWal, Some((parent, lsn))) => {
            let known = team.source_life(component, &life.system, parent);
            let source = known.unwrap_or(Life {
                system: life.system.clone(),
                timeline: parent,
                epoch: "0".into(),
            });
            (Some(source), Point::Lsn(lsn))
        }
        (RestoreFrom::BaseAndWal, None) => (team.newest_life(component), Point::Undeclared),
        (RestoreFrom::Dump, _) => {
            let lsn = choice.backup.start_lsn.as_deref().and_then(parse_lsn);
            (
                dumped_life(team, component, &choice.backup),
                lsn.map_or(Point::Undeclared, Point::Lsn),
            )
        }
    };
    let taken_over = TakenOver {
        component,
        into,
        source,
        point,
        takeover: restored.takeover,
        in_place,
        life,
    };
    let served = taken_over.tell(team, &*host);
    Ok(remarks(format!(
        "{} of {} bytes into {into}; {served}",
        choice.backup.id, restored.bytes
    )))
}

/// What a restore is made from, in words.
pub(super) fn source(from: RestoreFrom) -> &'static str {
    match from {
        RestoreFrom::BaseAndWal => "base backup and WAL",
        RestoreFrom::Dump => "the last dump",
    }
}

/// The life that a dump was taken from.
fn dumped_life(team: &Team, component: &str, backup: &BackupRecord) -> Option<Life> {
    let named = backup.system_identifier.clone().zip(backup.timeline);
    match named {
        Some((system, timeline)) => Some(team.source_life(component, &system, timeline).unwrap_or(Life {
            system,
            timeline,
            epoch: "0".into(),
        })),
        None => team.newest_life(component),
    }
}

/// A database that came back.
pub(super) struct Back {
    pub(super) life: Life,
    pub(super) branch: Option<(u32, u64)>,
    pub(super) takeover: Stamp,
    bytes: u64,
    pub(super) remarks: Vec<String>,
}

async fn base_and_wal(
    host: &dyn DatabaseHost,
    backups: &Backups,
    backup: &BackupRecord,
    target: &RecoveryTarget,
    epoch: &str,
    waiting: &Waiting,
    into: &str,
) -> Result<Back, ActionError> {
    waiting.on(format!("the base backup {} to be written", backup.id));
    let progress = |bytes: u64| {
        waiting.on(format!(
            "the base backup {} to be written; {bytes} bytes so far",
            backup.id
        ))
    };
    let data = host.data_directory();
    let restored = backups
        .repository
        .restore_base(&backup.id, &data, target, &backups.restore_command(), &progress)
        .await?;
    let back = bring_up(host, epoch, waiting, into).await?;
    Ok(Back {
        bytes: restored.bytes,
        ..back
    })
}

/// Starts a server on the data that a restore has laid out, and waits until it has left recovery.
pub(super) async fn bring_up(
    host: &dyn DatabaseHost,
    epoch: &str,
    waiting: &Waiting,
    into: &str,
) -> Result<Back, ActionError> {
    host.adopt().await?;
    host.write_settings(&[("firedrill.epoch".into(), epoch.into())]).await?;
    waiting.on("the server to start and become consistent");
    let mut still_old = clock::now();
    host.start().await?;
    waiting.on("the server to replay WAL and promote");
    let takeover = loop {
        let watch = Stopwatch::start();
        let looked = look(host).await;
        match looked {
            Ok((session, false)) => break (session, Stamp::new(still_old, clock::now())),
            Ok((_, true)) => still_old = watch.begun,
            // A server in recovery may drop sessions; one that died never comes back.
            Err(reason) if host.state().await? == State::Down => {
                return Err(ActionError::Database {
                    service: into.into(),
                    reason: format!("it ended while it recovered: {reason}"),
                });
            }
            Err(reason) => waiting.on(format!("the server to replay WAL and promote; last: {reason}")),
        }
        sleep(LOOK_EVERY).await;
    };
    let (session, takeover) = takeover;
    let failed = |reason| ActionError::Database {
        service: into.into(),
        reason,
    };
    let life = session.life().await.map_err(failed)?;
    // The server serves: what it cannot tell of its past, or do for its archive, must not keep the service away.
    let mut remarks = Vec::new();
    let branch = session.branch_of(life.timeline).await.unwrap_or_else(|reason| {
        remarks.push(format!("where it branched off is unknown: {reason}"));
        None
    });
    check_epoch(&life, epoch, into)?;
    if let Err(reason) = session.checkpoint_if_archiving().await {
        remarks.push(format!(
            "no checkpoint, so archive_timeout does not count yet: {reason}"
        ));
    }
    Ok(Back {
        life,
        branch,
        takeover,
        bytes: 0,
        remarks,
    })
}

async fn look(host: &dyn DatabaseHost) -> Result<(Session, bool), String> {
    let connection = host.connection().map_err(|error| error.to_string())?;
    let session = database::connect(&connection).await?;
    let recovering = session.is_in_recovery().await?;
    Ok((session, recovering))
}

async fn dump(
    host: &dyn DatabaseHost,
    backups: &Backups,
    backup: &BackupRecord,
    epoch: &str,
    waiting: &Waiting,
    into: &str,
) -> Result<Back, ActionError> {
    let failed = |reason| ActionError::Database {
        service: into.into(),
        reason,
    };
    waiting.on("a new, empty cluster");
    host.create().await?;
    host.write_settings(&[("firedrill.epoch".into(), epoch.into())]).await?;
    host.start().await?;
    let connection = host.connection()?;
    // A dump is of one database and bears its name.
    let target = Database {
        dbname: backup.label.clone(),
        ..connection.clone()
    };
    if target.dbname != connection.dbname {
        let session = database::connect(&connection).await.map_err(failed)?;
        session.create_database(&target.dbname).await.map_err(failed)?;
    }
    waiting.on(format!("the dump {} to be restored", backup.id));
    let restored = backups
        .repository
        .restore_dump(&backup.id, &target, backups.pg_restore.as_deref())
        .await?;
    // Nobody was pointed here before this, so the new life serves from here on.
    let watch = Stopwatch::start();
    let session = database::connect(&connection).await.map_err(failed)?;
    let life = session.life().await.map_err(failed)?;
    check_epoch(&life, epoch, into)?;
    Ok(Back {
        life,
        branch: None,
        takeover: watch.stamp(),
        bytes: restored.bytes,
        remarks: Vec::new(),
    })
}

/// Without its epoch a restore in place would pass for the life before it.
fn check_epoch(life: &Life, epoch: &str, into: &str) -> Result<(), ActionError> {
    if life.epoch == epoch {
        return Ok(());
    }
    Err(ActionError::Database {
        service: into.into(),
        reason: format!(
            "found firedrill.epoch {} after the restore, expected {epoch}",
            life.epoch
        ),
    })
}
