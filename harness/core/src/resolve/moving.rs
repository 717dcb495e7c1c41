//! What moves the restorable point: WAL where the procedure replays it, else dumps, else base backups.

use crate::scenario::{Action, RestoreFrom};
use crate::stamp::{Nanos, SECOND};

use super::drill::Drill;

/// What moves it, and how often on the plan clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moving {
    pub(super) by: By,
    pub(super) every: Nanos,
}

/// Kinds of restorable points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Wal,
    Dump,
    Base,
    Files,
}

/// What the procedure restores a database from, if it restores one and says so.
pub(super) fn restores_from(drill: &Drill) -> Option<RestoreFrom> {
    drill
        .scenario
        .procedure
        .steps
        .iter()
        .find_map(|step| match &step.action {
            Action::Restore { from, .. } => Some(*from),
            Action::Run(own) if own.restores.is_some() => own.from,
            _ => None,
        })
}

/// For the database that is backed up.
pub(super) fn of_database(drill: &Drill) -> Option<Moving> {
    let backup = &drill.scenario.backup;
    let wal = || {
        let every = backup.wal.as_ref()?.archive_timeout?.nanos()?;
        Some(Moving { by: By::Wal, every })
    };
    let dump = || {
        let every = backup.dump.as_ref()?.every.nanos()?;
        Some(Moving { by: By::Dump, every })
    };
    let base = || {
        let every = backup.base.as_ref()?.every.nanos()?;
        Some(Moving { by: By::Base, every })
    };
    match restores_from(drill) {
        Some(RestoreFrom::Dump) => dump(),
        Some(RestoreFrom::BaseAndWal) => wal().or_else(base),
        None => wal().or_else(dump).or_else(base),
    }
}

/// For the bucket of files.
pub(super) fn of_files(drill: &Drill) -> Option<Moving> {
    let every = drill.scenario.backup.files.as_ref()?.every.nanos()?;
    Some(Moving { by: By::Files, every })
}

/// What rounding the archive timeout up to a whole second of drill time adds, drill nanoseconds.
pub(super) fn archive_rounding(drill: &Drill) -> i128 {
    let scale = i128::from(drill.scenario.calendar_scale.max(1));
    match of_database(drill) {
        Some(Moving { by: By::Wal, every }) => {
            let second = i128::from(SECOND);
            let exact = i128::from(every) / scale;
            let whole = (i128::from(every) + scale * second - 1) / (scale * second);
            whole * second - exact
        }
        _ => 0,
    }
}
