//! What spoils a whole run: then nothing passes and nothing fails.

use std::collections::BTreeMap;

use crate::event::{Edge, Event, FaultEdge};
use crate::terms::DetectorTerm;

use super::calendar::RATES_MAX;
use super::classify::Classified;
use super::detection::Basis;
use super::facts::Facts;
use super::windows::Windows;

/// Everything that spoils the run, in words.
pub(crate) fn spoiled(facts: &Facts<'_>, classified: &Classified, windows: &Windows) -> Vec<String> {
    let mut spoiled = Vec::new();
    record(facts, &mut spoiled);
    fault(facts, &mut spoiled);
    steady(facts, windows, &mut spoiled);
    if facts.terms.calendar_scale == 0 {
        spoiled.push("the terms name a calendar scale of 0".to_owned());
    } else if facts.terms.calendar_scale > 1 && facts.calendar.delays == 0 {
        spoiled.push("the calendar is scaled, but no delay was measured: the quantum is unknown".to_owned());
    }
    if facts.calendar.changes > RATES_MAX {
        spoiled.push("the plan clock changed its rate too often to be read".to_owned());
    }
    if facts.terms.automated && facts.calendar.credits.iter().any(|(_, plan)| *plan > 0) {
        spoiled.push("the plan calls the disaster automated, yet time was credited to people".to_owned());
    }
    if classified.unknown_class > 0 {
        spoiled.push(format!(
            "{} operations belong to no recorded class",
            classified.unknown_class
        ));
    }
    if classified.unknown_space > 0 {
        spoiled.push(format!(
            "{} found rows belong to no recorded class's space",
            classified.unknown_space
        ));
    }
    if classified.reused > 0 {
        spoiled.push(format!(
            "{} versions were written by more than one operation",
            classified.reused
        ));
    }
    if classified.oversized || windows.oversized {
        spoiled.push("the run is larger than can be judged".to_owned());
    }
    spoiled.dedup();
    spoiled.truncate(super::REASONS_MAX);
    spoiled
}

/// An open or incomplete history.
fn record(facts: &Facts<'_>, spoiled: &mut Vec<String>) {
    if !matches!(
        facts.records.first().map(|record| &record.event),
        Some(Event::Opened { .. })
    ) {
        spoiled.push("the history does not begin with its opening event".to_owned());
    }
    let Some(closing) = facts.closing else {
        spoiled.push("the history is open: it has no closing event".to_owned());
        return;
    };
    if let Some(who) = &closing.interrupted {
        spoiled.push(format!("the drill was interrupted: {who}"));
    }
    for (_, event) in &facts.events {
        match event {
            Event::Paused {
                after,
                edge: Edge::Begun,
            } => spoiled.push(format!(
                "the drill was paused after `{}`: what people did meanwhile is not known",
                after.name()
            )),
            Event::EndedAfter { phase } => spoiled.push(format!(
                "the drill was asked to end after `{}`: what comes later was not measured",
                phase.name()
            )),
            _ => {}
        }
    }
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for record in &facts.records[..facts.records.len().saturating_sub(1)] {
        *counts.entry(record.event.tag()).or_default() += 1;
    }
    let tags = closing.events.keys().map(String::as_str).chain(counts.keys().copied());
    let mut differ: Vec<&str> = tags
        .filter(|tag| closing.events.get(*tag).copied().unwrap_or(0) != counts.get(tag).copied().unwrap_or(0))
        .collect();
    differ.sort_unstable();
    differ.dedup();
    for tag in differ {
        spoiled.push(format!(
            "the record is incomplete: {} `{tag}` events were written, {} are there",
            closing.events.get(tag).copied().unwrap_or(0),
            counts.get(tag).copied().unwrap_or(0)
        ));
    }
    let all = &facts.account.all;
    for (name, there) in [
        ("acked", all.acked),
        ("refused", all.refused),
        ("indeterminate", all.indeterminate),
        ("not_sent", all.not_sent),
    ] {
        let written = closing.operations.get(name).copied().unwrap_or(0);
        if written != there {
            spoiled.push(format!(
                "the ledger is incomplete: {written} {name} operations were written, {there} are there"
            ));
        }
    }
    if closing.found != facts.found {
        spoiled.push(format!(
            "the ledger is incomplete: {} found rows were written, {} are there",
            closing.found, facts.found
        ));
    }
}

/// No striking fault, or one that was not proved, or healed before recovery; conditions that were not proved, or no longer
/// held.
fn fault(facts: &Facts<'_>, spoiled: &mut Vec<String>) {
    let mut faults: BTreeMap<&str, (bool, Vec<&FaultEdge>)> = BTreeMap::new();
    for (_, event) in &facts.events {
        if let Event::Fault {
            name, strikes, edge, ..
        } = event
        {
            let entry = faults.entry(name).or_default();
            entry.0 |= *strikes;
            entry.1.push(edge);
        }
    }
    let striking = faults.values().filter(|(strikes, _)| *strikes).count();
    if striking != 1 || facts.struck.is_none() {
        spoiled.push(format!("exactly one fault must strike, {striking} did"));
    }
    let begun = facts.procedure_begun();
    for (name, (strikes, edges)) in &faults {
        let has = |wanted: FaultEdge| edges.iter().any(|edge| **edge == wanted);
        if !has(FaultEdge::Proved) || has(FaultEdge::NotProved) {
            spoiled.push(format!("fault `{name}` was not proved effective"));
        }
        if !*strikes && has(FaultEdge::NotHolding) {
            spoiled.push(format!(
                "condition `{name}` no longer held when it had to: what the drill was to be made harder by was gone"
            ));
        }
        if *strikes && has(FaultEdge::NotHolding) {
            spoiled.push(format!(
                "fault `{name}` no longer held when recovery started: it healed by itself, or the server wrote over it"
            ));
        } else if *strikes && begun.is_some() && !has(FaultEdge::Holding) {
            spoiled.push(format!("no proof that fault `{name}` still held when recovery started"));
        }
        let healed = facts.events.iter().any(|(stamp, event)| {
            matches!(event, Event::Fault { name: of, edge: FaultEdge::Healed, .. } if of == name)
                && begun.is_none_or(|begun| stamp.early < begun.early)
                && (begun.is_some() || facts.load_stopped().is_none_or(|stopped| stamp.early < stopped.early))
        });
        if healed {
            spoiled.push(format!("fault `{name}` was healed before recovery started"));
        }
    }
    for (_, event) in &facts.events {
        if let Event::SyncPoint { name, reached: false } = event {
            spoiled.push(format!("sync point `{name}` was never reached"));
        }
    }
}

/// No steady state before the strike, a false alarm, or a harness that was not awake.
fn steady(facts: &Facts<'_>, windows: &Windows, spoiled: &mut Vec<String>) {
    let mut held = None;
    for (_, event) in &facts.events {
        if let Event::Steady { held: is, why } = event {
            if !is {
                spoiled.push(format!("the steady state did not hold: {why}"));
            }
            held = Some(held.unwrap_or(true) && *is);
        }
    }
    if held.is_none() {
        spoiled.push("no event says that the steady state held".to_owned());
    }
    let Some(struck) = facts.struck else { return };
    for (tier, term) in windows.tiers.iter().zip(&facts.terms.tiers) {
        if tier.steady == 0 {
            spoiled.push(format!(
                "tier {} has no steady window with enough samples before the strike",
                term.level
            ));
        } else if tier.steady_bad * 10 > tier.steady {
            spoiled.push(format!(
                "tier {} missed its own thresholds in {} of {} windows before the strike",
                term.level, tier.steady_bad, tier.steady
            ));
        }
    }
    if let DetectorTerm::Alerts { kinds, .. } = &facts.terms.detector {
        for (stamp, event) in &facts.events {
            if let Event::Alert {
                rule,
                kind,
                raised: true,
                failures,
            } = event
                && kinds.contains(kind)
            {
                if stamp.early < struck.early {
                    spoiled.push(format!(
                        "alert `{rule}` ({kind}) may have been raised before the strike: a false alarm"
                    ));
                } else if Basis::of(facts, failures, struck) == Basis::Before {
                    spoiled.push(format!(
                        "alert `{rule}` ({kind}) came after the strike, by checks that had failed before it: a false alarm"
                    ));
                }
            }
        }
    }
    match facts.stalls.beaten {
        Some(beaten) if beaten.early <= struck.early && beaten.late >= struck.late => {}
        Some(_) => spoiled.push("the harness's heartbeat does not cover the strike".to_owned()),
        None => spoiled.push("no heartbeat of the harness was recorded: stalls cannot be excluded".to_owned()),
    }
}
