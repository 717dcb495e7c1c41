//! A recovery target found in the archived WAL: just before the transaction that did the damage.
//!
//! What the team knows is the archive, and which file each table was when the first backup was taken. The base backup must
//! end before the damage, or it holds it.

use std::collections::BTreeMap;

use firedrill_backup::{BackupKind, BackupRecord, RecoveryTarget, WalChange, WalQuery, lsn_text, parse_lsn};
use firedrill_core::scenario::{BackupRule, WalOperation, WalSearch};

use super::choice::{Choice, newest_whole};
use super::{ActionError, Waiting};
use crate::catalogue::Catalogue;
use crate::clock;
use crate::team::{Backups, Team};

pub(super) async fn choose(
    team: &Team,
    backups: &Backups,
    catalogue: &Catalogue,
    search: &WalSearch,
    which: BackupRule,
    mut inputs: BTreeMap<String, String>,
    waiting: &Waiting,
) -> Result<Choice, ActionError> {
    let relation = team.relation(&search.table)?;
    let none = |wanted: &str, inputs: &BTreeMap<String, String>| ActionError::NoBackup {
        wanted: wanted.into(),
        found: inputs
            .iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect::<Vec<_>>()
            .join(", "),
    };
    let position = |lsn: &Option<String>| lsn.as_deref().and_then(parse_lsn);
    let bases = || {
        catalogue
            .backups
            .iter()
            .filter(|backup| backup.kind == BackupKind::Base)
    };
    let oldest: &BackupRecord = bases()
        .filter(|backup| position(&backup.start_lsn).is_some())
        .min_by_key(|backup| position(&backup.start_lsn))
        .ok_or_else(|| none("base backup", &inputs))?;
    let query = WalQuery {
        relation,
        change: change(search),
        timeline: oldest.timeline.unwrap_or(1),
        from: position(&oldest.start_lsn).unwrap_or(0),
        segment_bytes: oldest.wal_segment_bytes.unwrap_or(firedrill_backup::WAL_SEGMENT_BYTES),
    };
    let wanted = wanted(search);
    inputs.insert("searched_for".into(), wanted.clone());
    inputs.insert("table_file".into(), relation.to_string());
    inputs.insert("searched_from".into(), lsn_text(query.from));
    let searched = backups.repository.search_wal(&query).await?;
    inputs.insert("searched_until".into(), searched.until.clone());
    inputs.insert("searched_segments".into(), searched.segments.to_string());
    inputs.insert("searched_records".into(), searched.records.to_string());
    let found = searched.found.ok_or_else(|| ActionError::NotInWal {
        wanted,
        searched: format!(
            "{} records in {} segments from {} to {}",
            searched.records,
            searched.segments,
            lsn_text(query.from),
            searched.until
        ),
    })?;
    inputs.insert("transaction".into(), found.xid.to_string());
    inputs.insert("transaction_rows".into(), found.rows.to_string());
    inputs.insert("transaction_began".into(), lsn_text(found.first_lsn));
    inputs.insert("transaction_committed".into(), lsn_text(found.commit_lsn));
    let unix_ms = u64::try_from(found.committed_unix_us / 1000).unwrap_or(0);
    inputs.insert("transaction_time".into(), clock::utc(unix_ms));
    let mut before: Vec<&BackupRecord> = bases()
        .filter(|backup| position(&backup.stop_lsn).is_some_and(|stop| stop <= found.commit_lsn))
        .collect();
    before.sort_by_key(|backup| std::cmp::Reverse(position(&backup.stop_lsn)));
    let newest = before
        .first()
        .ok_or_else(|| none("base backup from before the damage", &inputs))?;
    let backup = match which {
        BackupRule::Newest => (*newest).clone(),
        BackupRule::NewestVerified => newest_whole(backups, before.iter().copied(), &mut inputs, waiting).await?,
    };
    inputs.insert("backup".into(), backup.id.clone());
    inputs.insert("backup_completed".into(), clock::utc(backup.completed_unix_ms));
    if let Some(lsn) = &backup.stop_lsn {
        inputs.insert("backup_stop_lsn".into(), lsn.clone());
    }
    let lsn = lsn_text(found.commit_lsn);
    Ok(Choice {
        backup,
        target: RecoveryTarget::BeforeLsn(lsn.clone()),
        rule: "before_wal",
        inputs,
        value: format!("just before {lsn}, where transaction {} committed", found.xid),
    })
}

fn change(search: &WalSearch) -> WalChange {
    match search.operation {
        WalOperation::Delete => WalChange::Deleted(search.rows.into()),
        WalOperation::Update => WalChange::Updated(search.rows.into()),
        WalOperation::Truncate => WalChange::Replaced,
        WalOperation::Drop => WalChange::Dropped,
    }
}

fn wanted(search: &WalSearch) -> String {
    let WalSearch { table, rows, .. } = search;
    match search.operation {
        WalOperation::Delete => format!("{rows} or more rows of {table} deleted at once"),
        WalOperation::Update => format!("{rows} or more rows of {table} updated at once"),
        WalOperation::Truncate => format!("the file of {table} replaced by another"),
        WalOperation::Drop => format!("the file of {table} removed"),
    }
}
