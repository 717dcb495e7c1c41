//! What the backup tool did: named beside the verdict, and measured so that tools can be put side by side.

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
    let backups = facts.events.iter().filter_map(|(stamp, event)| match event {
        Event::Restorable { kind, name, .. } if kind == "base" || kind == "dump" => Some(BackupTaken {
            kind: kind.clone(),
            name: name.clone(),
            took: stamp.late.saturating_sub(stamp.early),
        }),
        _ => None,
    });
    let stored = facts.events.iter().rev().find_map(|(_, event)| match event {
        Event::Stored { bytes, .. } => Some(*bytes),
        _ => None,
    });
    ToolRun {
        name: name(facts.terms).unwrap_or_default().to_owned(),
        backups: backups.take(BACKUPS_MAX).collect(),
        restore: restore(facts),
        stored,
    }
}

fn restore(facts: &Facts<'_>) -> Option<Span> {
    let chosen = facts.first(|event| matches!(event, Event::RecoveryTarget { .. }))?;
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
