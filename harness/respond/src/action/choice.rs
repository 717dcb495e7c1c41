//! The choice of backup and recovery target, made before anything is touched and from what the team can know: the
//! catalogue and the alerts.

use std::collections::BTreeMap;
use std::time::Duration;

use firedrill_backup::{BackupKind, BackupRecord, RecoveryTarget};
use firedrill_core::scenario::{BackupRule, RestoreFrom, TargetRule};

use super::{ActionError, Waiting, wal_target};
use crate::catalogue::Catalogue;
use crate::clock;
use crate::figure;
use crate::team::{Backups, Team};

/// No more backups are read through before giving up.
const VERIFIED_MAX: usize = 20;

/// What is restored, and why that.
pub(super) struct Choice {
    pub(super) backup: BackupRecord,
    pub(super) target: RecoveryTarget,
    pub(super) rule: &'static str,
    pub(super) inputs: BTreeMap<String, String>,
    pub(super) value: String,
}

pub(super) async fn choose(
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
