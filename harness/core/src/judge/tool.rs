//! What the backup tool did: named beside the verdict, and measured so that tools can be put side by side. The backup that
//! the recovery chose is the one that its target names, however many were taken.

use crate::event::Event;
use crate::stamp::Stamp;
use crate::terms::Terms;
use crate::verdict::{BackupTaken, Span, ToolRun};

use super::facts::Facts;

/// More backups than a report lists.
const BACKUPS_MAX: usize = 64;

/// The tool as the verdict's scope names it; `None` where nothing stood in for the plan's own.
pub(crate) fn name(terms: &Terms) -> Option<&str> {
    let reference = || {
        terms
            .stand_ins
            .iter()
            .any(|stand_in| stand_in.drilled.contains("reference"))
    };
    match &terms.tool {
        Some(tool) => Some(tool),
        None => reference().then_some("reference tool"),
    }
}

/// Backups in the order of the history, the first restore after the strike, and what was stored.
pub(crate) fn run(facts: &Facts<'_>) -> ToolRun {
    let backups = taken(facts).filter(|backup| backup.kind == "base" || backup.kind == "dump");
    let stored = facts.events.iter().rev().find_map(|(_, event)| match event {
        Event::Stored { bytes, .. } => Some(*bytes),
        _ => None,
    });
    ToolRun {
        name: name(facts.terms).unwrap_or_default().to_owned(),
        backups: backups.take(BACKUPS_MAX).collect(),
        chosen: chosen(facts),
        restore: restore(facts),
        stored,
    }
}

/// Every backup that is complete, in the order of the history; segments of WAL are none.
fn taken(facts: &Facts<'_>) -> impl Iterator<Item = BackupTaken> {
    facts.events.iter().filter_map(|(stamp, event)| match event {
        Event::Restorable { kind, name, .. } if kind != "wal" => Some(BackupTaken {
            kind: kind.clone(),
            name: name.clone(),
            took: stamp.late.saturating_sub(stamp.early),
        }),
        _ => None,
    })
}

/// The backup that the first recovery target after the strike names.
fn chosen(facts: &Facts<'_>) -> Option<BackupTaken> {
    let place = facts.first_at(is_target)?;
    let (_, Event::RecoveryTarget { inputs, .. }) = facts.events.get(place)? else {
        return None;
    };
    let name = inputs.get("backup")?;
    taken(facts).find(|backup| backup.name == *name)
}

fn is_target(event: &Event) -> bool {
    matches!(event, Event::RecoveryTarget { .. })
}

fn restore(facts: &Facts<'_>) -> Option<Span> {
    let chosen = facts.first(is_target)?;
    let served: Stamp = facts
        .events
        .iter()
        .find(|(stamp, event)| stamp.late >= chosen.late && matches!(event, Event::Takeover { .. }))
        .map(|(stamp, _)| *stamp)?;
    Some(Span {
        lower: served.early.saturating_sub(chosen.late).max(0),
        upper: Some(served.late.saturating_sub(chosen.early)),
    })
}
