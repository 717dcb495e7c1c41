//! A component of higher priority that may be away longer.

use firedrill_core::document::Place;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::{Subject, listed, tightest};

pub(crate) static RULE: Rule = Rule {
    name: "priority-inverted",
    class: Class::Contradiction,
    severity: Severity::Warn,
    title: "A component of higher priority that may be away longer",
    teaches: "\
Priority says what is recovered first, the RTO by when. If something of high priority may be away for an hour and something of
medium priority for half of it, one of the two is not meant, and whoever has two hands must choose in the night.

Held against each other are the `priority` of components (critical, high, important, medium, low, supporting) and their RTO. A
longer RTO at the same or a lower priority is fine.

Correct the one that is not meant.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    let mut ranked = Vec::new();
    for (name, component) in &subject.plan.components {
        let Some(rank) = component.priority.as_deref().and_then(rank) else {
            continue;
        };
        let at = Place::of("components").then(name);
        let figures = listed(&at.then("rto"), &component.rto, &format!("RTO of {name}"));
        let Some(rto) = tightest(&figures) else { continue };
        let Some(length) = length::of(rto.figure) else { continue };
        ranked.push((rank, length, name, rto.clone()));
    }
    ranked.sort_by_key(|(rank, length, name, _)| (*rank, *length, *name));
    // Against the quickest of all that is less urgent: one pass from the least urgent up.
    let mut quickest: Option<(u8, i64, usize)> = None;
    let mut below: Option<(u8, i64, usize)> = None;
    let mut drafts = Vec::new();
    for (index, (rank, length, name, rto)) in ranked.iter().enumerate().rev() {
        if below.is_some_and(|(known, _, _)| known != *rank) {
            quickest = match (quickest, below) {
                (Some(one), Some(other)) => Some(if other.1 < one.1 { other } else { one }),
                (one, other) => one.or(other),
            };
            below = None;
        }
        if let Some((_, less, other)) = quickest
            && less < *length
        {
            let (_, _, other_name, other_rto) = &ranked[other];
            let priority = |name: &str| subject.plan.components[name].priority.clone().unwrap_or_default();
            let said = |name: &str| {
                subject.statement(
                    Place::of("components").then(name).then("priority"),
                    format!("priority of {name}: {}", priority(name)),
                    subject.plan.components[name].place.clone().unwrap_or_default(),
                )
            };
            drafts.push(
                Draft::new(
                    *name,
                    format!(
                        "{} priority and {}, where {other_name} has {} and {}",
                        priority(name),
                        rto.figure,
                        priority(other_name),
                        other_rto.figure
                    ),
                )
                .because(format!(
                    "{} - {} = {} that the more urgent one may be away longer.",
                    length::words(*length),
                    length::words(less),
                    length::words(length - less)
                ))
                .advice("correct the one that is not meant")
                .shows(subject.placed(rto))
                .shows(said(name))
                .shows(subject.placed(other_rto))
                .shows(said(other_name)),
            );
        }
        below = Some(match below {
            Some(known) if known.1 <= *length => known,
            _ => (*rank, *length, index),
        });
    }
    drafts.into_iter().rev().for_each(|draft| found.push(draft));
}

fn rank(priority: &str) -> Option<u8> {
    Some(match priority.to_lowercase().as_str() {
        "critical" => 0,
        "high" => 1,
        "important" => 2,
        "medium" => 3,
        "low" | "supporting" => 4,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "priority-inverted";

    fn plan(high: &str) -> String {
        format!(
            "components: {{ a: {{ kind: service, priority: critical, rto: [{{ is: 15 min, where: t }}] }}, \
             files: {{ kind: objects, priority: high, rto: [{{ is: {high}, where: t }}] }}, \
             jobs: {{ kind: service, priority: medium, rto: [{{ is: 30 min, where: t }}] }} }}"
        )
    }

    #[test]
    fn urgent_and_slow() {
        assert_eq!(
            found(RULE, &plan("1 h")),
            ["warn files: high priority and 1 hour, where jobs has medium and 30 minutes"]
        );
    }

    #[test]
    fn silent_in_order() {
        assert!(found(RULE, &plan("30 min")).is_empty());
        assert!(found(RULE, &plan("20 min")).is_empty());
    }
}
