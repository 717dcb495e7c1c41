//! A queue that is filled in an emergency and that nobody drains.

use std::collections::BTreeMap;

use firedrill_core::document::Place;
use firedrill_core::plan::Switched;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::severity::Severity;
use crate::subject::Subject;
use crate::words;

pub(crate) static RULE: Rule = Rule {
    name: "queue-never-drained",
    class: Class::Design,
    severity: Severity::Error,
    title: "A queue that is filled in an emergency and that nobody drains",
    teaches: "\
Taking payments into a queue while the provider is away is acknowledging them. If no step works the queue off when the
provider is back, the customer has paid and the money never comes; if it is worked off twice, it comes twice.

A degradation that switches a queue on must say how it is worked off (`drained_by`), or a step of its disaster must: one that
drains, flushes, replays or processes. Watching a queue does not empty it. Degradations of the same disasters are one finding.
Silent where one of them, or a step, works the queue off.

Write the step, and what keeps an entry from being processed twice.",
    look: Look::Plan(look),
};

const DRAINS: &[&str] = &[
    "drain",
    "drained",
    "flush",
    "replay",
    "reprocess",
    "work off",
    "disable",
    "settle",
    "deliver",
];

fn look(subject: &Subject<'_>, found: &mut Findings) {
    let mut by_disaster: BTreeMap<&[String], Vec<_>> = BTreeMap::new();
    for (index, mode) in subject.plan.degradation.iter().enumerate() {
        let text = format!("{} {}", mode.flag.replace('_', " "), mode.what.as_deref().unwrap_or(""));
        if mode.switched == Switched::On && words::has_any(&text, &["queue", "queued", "queues"]) {
            by_disaster.entry(&mode.disasters).or_default().push((index, mode));
        }
    }
    for (disasters, modes) in by_disaster {
        let by_step = disasters
            .iter()
            .filter_map(|name| subject.plan.disasters.get(name))
            .any(|disaster| {
                disaster.steps.iter().any(|step| {
                    words::has_any(&step.what, DRAINS) || step.commands().any(|command| words::has_any(command, DRAINS))
                })
            });
        if by_step || modes.iter().any(|(_, mode)| mode.drained_by.is_some()) {
            continue;
        }
        let about = disasters.first().cloned().unwrap_or_else(|| modes[0].1.flag.clone());
        found.push(
            Draft::new(
                about,
                format!("{} is filled, and no step empties it", modes[modes.len() - 1].1.flag),
            )
            .because(
                "Every entry was acknowledged to a customer; without a step that works it off, each of them is lost.",
            )
            .advice("write the step that works the queue off, and what keeps an entry from being processed twice")
            .shows_all(modes.iter().map(|(index, mode)| {
                let what = mode.what.as_deref().unwrap_or("a queue");
                let at = Place::of("degradation").then(index).then("flag");
                subject.statement(at, format!("{}: {what}", mode.flag), &mode.place)
            })),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "queue-never-drained";

    fn plan(more: &str, step: &str) -> String {
        format!(
            "degradation: [{{ flag: payment_queue, switched: on, disasters: [out], {more} where: g }}]\n\
             disasters: {{ out: {{ title: O, automated: manual, steps: [{{ what: {step}, where: s }}] }} }}"
        )
    }

    #[test]
    fn paid_and_never_booked() {
        assert_eq!(
            found(RULE, &plan("", "watch the queue")),
            ["error out: payment_queue is filled, and no step empties it"]
        );
    }

    #[test]
    fn silent_where_it_is_worked_off() {
        assert!(found(RULE, &plan("drained_by: a job,", "watch the queue")).is_empty());
        assert!(found(RULE, &plan("", "drain the queue")).is_empty());
    }
}
