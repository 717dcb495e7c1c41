//! What was decided in the run, by which event and from what: a reader finds each of them again by its number in the
//! history.

use std::collections::BTreeMap;

use crate::event::{Edge, Event, FaultEdge, Point, Record};
use crate::verdict::{Decision, Noted};

use super::detection;
use super::duration::{count, words};
use super::facts::Facts;
use super::people;

/// More of either say nothing new.
const DECISIONS_MAX: usize = 60;
const NOTES_MAX: usize = 60;

/// In the order of the history: strike, the alert that counts, people, credits, targets, declared points, takeovers,
/// final reads.
pub(crate) fn of(facts: &Facts<'_>) -> Vec<Decision> {
    let alert = detection::alert(facts);
    facts
        .records
        .iter()
        .zip(&facts.events)
        .filter_map(|(record, (stamp, event))| {
            let counts = alert == Some(record.seq);
            let (what, says) = decision(facts, event, counts)?;
            Some(Decision {
                what: what.to_owned(),
                seq: record.seq,
                at: *stamp,
                says,
            })
        })
        .take(DECISIONS_MAX)
        .collect()
}

/// Each note once, with how often it was made, in the order of the history.
pub(crate) fn notes(facts: &Facts<'_>) -> Vec<Noted> {
    let mut notes: Vec<Noted> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for Record { seq, event, .. } in facts.records {
        let Event::Note { text } = event else { continue };
        match places.get(text.as_str()) {
            Some(place) => notes[*place].times += 1,
            None if notes.len() < NOTES_MAX => {
                places.insert(text, notes.len());
                notes.push(Noted {
                    seq: *seq,
                    text: text.clone(),
                    times: 1,
                });
            }
            None => {}
        }
    }
    notes
}

fn decision(facts: &Facts<'_>, event: &Event, counts: bool) -> Option<(&'static str, String)> {
    Some(match event {
        Event::Fault {
            name,
            strikes: true,
            edge: FaultEdge::Invoked,
            ..
        } => ("the strike", format!("{name} invoked")),
        Event::Fault {
            name,
            strikes: true,
            edge: FaultEdge::Proved,
            ..
        } => ("the strike, proved", format!("a probe saw {name}: it took effect")),
        Event::Alert {
            rule, kind, failures, ..
        } if counts => (
            "the alert that counts",
            format!(
                "rule {rule}, kind {kind}: the first after the strike of a kind that the fault can cause{}",
                match failures.len() {
                    0 => String::new(),
                    1 => ", raised by a check that failed since".to_owned(),
                    checks => format!(", raised by {checks} checks in a row that failed since"),
                }
            ),
        ),
        Event::OrderedByHarness {} => (
            "recovery ordered by the harness",
            "no alert of a kind that this fault can cause came by its deadline".to_owned(),
        ),
        Event::Credit { plan, what } => ("time credited", format!("{}: {what}", words((*plan).into()))),
        Event::Acknowledged { who } => ("acknowledged", people::by(facts, who)),
        Event::Declared { who } => ("declared", people::by(facts, who)),
        Event::Authorised { who } => ("authorised", people::by(facts, who)),
        Event::RecoveryTarget { rule, inputs, value } => {
            let inputs: Vec<String> = inputs.iter().map(|(name, value)| format!("{name} {value}")).collect();
            let from = if inputs.is_empty() {
                "no inputs recorded".to_owned()
            } else {
                format!("from {}", inputs.join(", "))
            };
            ("recovery target", format!("{value}, by the rule {rule}, {from}"))
        }
        Event::RecoveryPoint {
            component,
            source,
            point,
        } => {
            let point = match point {
                Point::Lsn(lsn) => format!("WAL position {:X}/{:X}", lsn >> 32, lsn & 0xffff_ffff),
                Point::Time(_) => "an instant of the source".to_owned(),
                Point::Undeclared => "not known to the tool".to_owned(),
            };
            (
                "declared recovery point",
                format!("{component}: {point}, taken from life {}", life(facts, *source)),
            )
        }
        Event::Takeover {
            component,
            incarnation,
            in_place,
        } => {
            let place = if *in_place { ", in place" } else { "" };
            (
                "takeover",
                format!("{component}: life {} serves{place}", life(facts, *incarnation)),
            )
        }
        Event::FinalRead {
            component,
            incarnation,
            edge: Edge::Ended,
            serving,
            arrived,
            ..
        } => {
            let rows = arrived.map_or_else(|| "rows not counted".to_owned(), |rows| count(rows, "row", "rows"));
            let role = if *serving { "serving" } else { "abandoned" };
            (
                "final read",
                format!("{component}: {rows} of the {role} life {}", life(facts, *incarnation)),
            )
        }
        _ => return None,
    })
}

/// The name of an incarnation; its number where none is recorded.
fn life(facts: &Facts<'_>, wanted: u16) -> String {
    let named = facts.records.iter().find_map(|record| match &record.event {
        Event::Incarnation { id, name, .. } if *id == wanted => Some(name.clone()),
        _ => None,
    });
    named.unwrap_or_else(|| format!("number {wanted}"))
}
