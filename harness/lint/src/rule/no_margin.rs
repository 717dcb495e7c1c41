//! Steps that use up the whole RTO.

use firedrill_core::terms::RtoFrom;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::{Subject, tightest};
use crate::timeline;

pub(crate) static RULE: Rule = Rule {
    name: "no-margin",
    class: Class::Arithmetic,
    severity: Severity::Warn,
    title: "Steps that use up the whole RTO",
    teaches: "\
Steps count from the moment somebody starts them; the RTO counts from the disaster (unless the plan says otherwise with
`rto_from`). Between the two lie detection and the way to the desk. Steps that end exactly at the RTO leave nothing for
them, and nothing for a step that takes longer than planned. Where the steps end sooner, the time until the plan's own
monitor can call is added: `failures` checks in a row.

Silent where steps plus detection are shorter than the RTO, and where the RTO counts from the declaration and the steps end
sooner. Steps that end later than the RTO are another rule: `steps-outlast-rto`.

Leave room: for detection, for one step that goes wrong, for the way to the desk.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    for (name, disaster) in &subject.plan.disasters {
        let figures = subject.rto_of(name, disaster);
        let (Some(rto), Some(course)) = (tightest(&figures), timeline::of(subject, name, disaster)) else {
            continue;
        };
        let Some(allowed) = rto.figure.value().map(|value| length::least(*value)) else {
            continue;
        };
        if course.most > allowed {
            continue;
        }
        if course.most == allowed {
            found.push(
                Draft::new(name, format!("the steps use up the whole RTO of {}", rto.figure))
                    .because(format!(
                        "{}; {} - {} = 0 is left for detection and for any step that takes longer.",
                        course.sum,
                        rto.figure,
                        length::words(course.most)
                    ))
                    .advice("shorten the steps until detection and one mishap fit in as well")
                    .shows(subject.placed(rto))
                    .shows_all(course.statements),
            );
            continue;
        }
        if disaster.rto_from == Some(RtoFrom::Declared) {
            continue;
        }
        let Some(detection) = timeline::detection(subject, disaster) else {
            continue;
        };
        let whole = course.most.saturating_add(detection.least);
        if whole <= allowed {
            continue;
        }
        found.push(
            Draft::new(
                name,
                format!(
                    "detection and steps take {}, the RTO is {}",
                    length::words(whole),
                    rto.figure
                ),
            )
            .because(format!(
                "{} ({}) + {} = {}; allowed: {}.",
                length::words(detection.least),
                detection.words,
                length::words(course.most),
                length::words(whole),
                rto.figure
            ))
            .advice("shorten the steps or look more often, until one mishap fits in as well")
            .assumes("the steps begin when the alert is raised")
            .shows(subject.placed(rto))
            .shows_all(course.statements)
            .shows_all(detection.statements),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "no-margin";

    fn plan(until: &str, every: &str) -> String {
        format!(
            "monitoring: {{ checks: {{ c: {{ probe: error_rate, every: {{ is: {every}, where: m }}, \
             timeout: {{ is: 1 s, where: m }} }} }}, alerts: {{ a: {{ kind: k, check: c, failures: {{ is: 2, where: m }}, \
             when: {{ share: {{ above: 1 %, where: m }} }} }} }} }}\n\
             disasters: {{ loss: {{ title: L, automated: manual, rto: [{{ is: 30 min, where: t }}], detection: [a], \
             steps: [{{ what: restore, from: 0 min, until: {until}, where: s }}] }} }}"
        )
    }

    #[test]
    fn nothing_is_left() {
        assert_eq!(
            found(RULE, &plan("30 min", "1 s")),
            ["warn loss: the steps use up the whole RTO of 30 minutes"]
        );
    }

    #[test]
    fn detection_counts_too() {
        assert_eq!(
            found(RULE, &plan("29 min", "1 min")),
            ["info loss: detection and steps take 31 min, the RTO is 30 minutes"]
        );
    }

    #[test]
    fn silent_where_there_is_room() {
        assert!(found(RULE, &plan("20 min", "1 min")).is_empty());
        assert!(found(RULE, &plan("31 min", "1 min")).is_empty());
    }
}
