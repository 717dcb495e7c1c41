//! Restore into a Postgres service what the catalogue holds, start it, and tell which life serves from here and up to
//! where the old one was brought back.
//!
//! The target is chosen and told before anything is touched, from what the team can know: the catalogue and the alerts.
//! Every restore begins a new epoch, so that a new life is told from the old one even in place.

use std::collections::BTreeMap;
use std::time::Duration;

use firedrill_backup::{BackupKind, BackupRecord, Database, RecoveryTarget, parse_lsn};
use firedrill_core::event::Point;
use firedrill_core::scenario::{BackupRule, RestoreFrom, TargetRule};
use firedrill_core::{Event, Stamp};
use firedrill_environment::State;
use tokio::time::sleep;

use super::{ActionError, Waiting, wal_target};
use crate::catalogue::Catalogue;
use crate::clock::{self, Stopwatch, instant};
use crate::database::{self, DatabaseHost, Life, Session};
use crate::figure;
use crate::team::{Backups, Team};

const LOOK_EVERY: Duration = Duration::from_millis(10);
/// No more backups are read through before giving up.
const VERIFIED_MAX: usize = 20;

pub(super) async fn perform(
    team: &Team,
    into: &str,
    from: RestoreFrom,
    rule: &TargetRule,
    which: BackupRule,
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
    let epoch = team.next_epoch(&backups.component);
    let restored = match from {
        RestoreFrom::BaseAndWal => {
            base_and_wal(&*host, backups, &choice.backup, &choice.target, &epoch, waiting, into).await?
        }
        RestoreFrom::Dump => dump(&*host, backups, &choice.backup, &epoch, waiting, into).await?,
    };
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
    let mut told = format!("{} of {} bytes into {into}; {served}", choice.backup.id, restored.bytes);
    for remark in restored.remarks {
        told.push_str(&format!("; {remark}"));
    }
    Ok(told)
}

/// A life that takes over from another, up to a point of it.
pub(super) struct TakenOver<'a> {
    pub(super) component: &'a str,
    pub(super) into: &'a str,
    pub(super) source: Option<Life>,
    pub(super) point: Point,
    pub(super) takeover: Stamp,
    pub(super) in_place: bool,
    pub(super) life: Life,
}

impl TakenOver<'_> {
    /// Tells it, has the monitor watch the database that now counts, and puts it in words.
    pub(super) fn tell(self, team: &Team, host: &dyn DatabaseHost) -> String {
        let component = self.component;
        if let Some(source) = &self.source {
            let source = team.incarnations.incarnation(component, &source.name());
            team.observer.observed(
                instant(),
                Event::RecoveryPoint {
                    component: component.to_owned(),
                    source,
                    point: self.point,
                },
            );
        }
        let incarnation = team.incarnations.incarnation(component, &self.life.name());
        team.observer.observed(
            self.takeover,
            Event::Takeover {
                component: component.to_owned(),
                incarnation,
                in_place: self.in_place,
            },
        );
        team.note_life(self.into, component, self.life.clone(), true);
        if let (Some(monitor), Ok(connection)) = (&team.monitor, host.connection()) {
            // As the team's own runbook has it: the monitor watches the database that now counts.
            monitor.watch_database(component, &connection);
            if let Some(log) = host.log() {
                monitor.watch_log(component, &log);
            }
        }
        let point = match self.point {
            Point::Lsn(lsn) => format!("{:X}/{:X}", lsn >> 32, lsn & 0xffff_ffff),
            Point::Time(_) => "an instant that the tool declares".into(),
            Point::Undeclared => "a point the tool does not declare".into(),
        };
        format!(
            "up to {point} of {}; serves as {}",
            self.source
                .map_or_else(|| "an unknown life".into(), |source| source.name()),
            self.life.name()
        )
    }
}

/// What is restored, and why that.
pub(super) struct Choice {
    pub(super) backup: BackupRecord,
    pub(super) target: RecoveryTarget,
    pub(super) rule: &'static str,
    pub(super) inputs: BTreeMap<String, String>,
    pub(super) value: String,
}

async fn choose(
    team: &Team,
    backups: &Backups,
    from: RestoreFrom,
    rule: &TargetRule,
    which: BackupRule,
    waiting: &Waiting,
) -> Result<Choice, ActionError> {
    let catalogue = Catalogue::read(&backups.repository).await?;
    let mut inputs = catalogue.figures();
    let (kind, wanted) = match from {
        RestoreFrom::BaseAndWal => (BackupKind::Base, "base backup"),
        RestoreFrom::Dump => (BackupKind::Dump, "dump"),
    };
    if let TargetRule::BeforeWal(search) = rule {
        return wal_target::choose(team, backups, &catalogue, search, which, inputs, waiting).await;
    }
    let before = match margin(rule)? {
        None => None,
        Some(margin) => {
            let newest = team
                .alerts
                .as_ref()
                .and_then(|alerts| alerts.borrow().newest().cloned());
            let alert = newest.ok_or(ActionError::NoAlert)?;
            let margin_ms = u64::try_from(margin.as_millis()).unwrap_or(u64::MAX);
            inputs.insert("alert".into(), format!("{} ({})", alert.rule, alert.kind));
            inputs.insert("alert_time".into(), clock::utc(alert.unix_ms));
            inputs.insert("margin_ms".into(), margin_ms.to_string());
            Some(alert.unix_ms.saturating_sub(margin_ms))
        }
    };
    let found = || {
        inputs
            .iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let backup = catalogue.newest(kind, before).ok_or_else(|| ActionError::NoBackup {
        wanted: match before {
            None => wanted.into(),
            Some(before) => format!("{wanted} from before {}", clock::utc(before)),
        },
        found: found(),
    })?;
    let backup = match which {
        BackupRule::Newest => backup.clone(),
        BackupRule::NewestVerified => {
            let candidates =
                catalogue.backups.iter().rev().filter(|backup| {
                    backup.kind == kind && before.is_none_or(|before| backup.completed_unix_ms < before)
                });
            newest_whole(backups, candidates, &mut inputs, waiting).await?
        }
    };
    inputs.insert("backup".into(), backup.id.clone());
    inputs.insert("backup_completed".into(), clock::utc(backup.completed_unix_ms));
    if let Some(lsn) = &backup.stop_lsn {
        inputs.insert("backup_stop_lsn".into(), lsn.clone());
    }
    let (rule, target, value) = match (from, before) {
        (RestoreFrom::Dump, None) => ("newest_dump", RecoveryTarget::Immediate, format!("dump {}", backup.id)),
        (RestoreFrom::Dump, Some(_)) => ("before_alert", RecoveryTarget::Immediate, format!("dump {}", backup.id)),
        (RestoreFrom::BaseAndWal, Some(before)) => {
            let time = clock::utc(before);
            (
                "before_alert",
                RecoveryTarget::Time(time.clone()),
                format!("the state of {time}"),
            )
        }
        (RestoreFrom::BaseAndWal, None) => {
            let end = catalogue
                .newest_segment()
                .map_or("no segment".to_owned(), |record| record.name.clone());
            (
                "end_of_archive",
                RecoveryTarget::Latest,
                format!("end of the archive ({end} when looked)"),
            )
        }
    };
    Ok(Choice {
        backup,
        target,
        rule,
        inputs,
        value,
    })
}

/// The newest backup that is found whole when it is read through as a restore would; those that are not go into the
/// record of the decision.
pub(super) async fn newest_whole(
    backups: &Backups,
    candidates: impl Iterator<Item = &BackupRecord>,
    inputs: &mut BTreeMap<String, String>,
    waiting: &Waiting,
) -> Result<BackupRecord, ActionError> {
    let mut damaged = Vec::new();
    for backup in candidates.take(VERIFIED_MAX) {
        waiting.on(format!("the backup {} to be read through", backup.id));
        let verified = backups.repository.verify(&backup.id).await?;
        if verified.is_good() {
            inputs.insert(
                "verified".into(),
                format!(
                    "{}: {} bytes read, whole; {}",
                    backup.id,
                    verified.bytes,
                    match verified.pages_checked {
                        0 => "pages without checksums could not be told from damaged ones".to_owned(),
                        pages => format!("{pages} pages with their checksums"),
                    }
                ),
            );
            return Ok(backup.clone());
        }
        let problem = verified.problems.first().map_or("it holds nothing", String::as_str);
        damaged.push(format!("{}: {problem}", backup.id));
        inputs.insert(
            format!("damaged_{}", damaged.len()),
            format!("{}: {problem}", backup.id),
        );
    }
    Err(ActionError::NoneWhole {
        tried: damaged.len(),
        found: damaged.join("; "),
    })
}

/// The margin before the alert, where the rule has one.
pub(super) fn margin(rule: &TargetRule) -> Result<Option<Duration>, ActionError> {
    match rule {
        TargetRule::EndOfArchive | TargetRule::BeforeWal(_) => Ok(None),
        TargetRule::BeforeAlert(margin) => figure::drill(*margin, "margin before the alert")
            .map(Some)
            .map_err(ActionError::Figure),
    }
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
