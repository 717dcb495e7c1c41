//! The monitor escalates at one time, the ladder at another.

use firedrill_core::document::Place;

use super::escalation_after_rto::ladders;
use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::Subject;

pub(crate) static RULE: Rule = Rule {
    name: "escalation-stated-twice",
    class: Class::Contradiction,
    severity: Severity::Info,
    title: "A monitor that escalates at another time than the ladder",
    teaches: "\
A monitor that hands an alert on after 5 minutes and a ladder whose second level begins after 30 are two answers to one
question. Whoever set up the pager followed one of them.

Held against each other are `escalates_after` of the monitoring and the begin of the second level of each ladder (of
the technical one where there are several). That both speak of the same escalation is an assumption: the monitor may hand on
only what nobody answered. So this is an `info`. Silent where they agree, or where one is missing.

Say which holds, and set the pager to it.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    let Some(figure) = &subject.plan.monitoring.escalates_after else {
        return;
    };
    let Some(after) = length::of(figure) else { return };
    let ladders = ladders(subject);
    let technical = ladders.keys().any(|(ladder, _)| *ladder == Some("technical"));
    for ((ladder, _), levels) in &ladders {
        if technical && *ladder != Some("technical") {
            continue;
        }
        let Some((index, second, begins)) = levels.get(1).copied() else {
            continue;
        };
        if begins == after {
            continue;
        }
        found.push(
            Draft::new(
                ladder.unwrap_or("escalation"),
                format!(
                    "after {} by the monitor, after {} by the ladder",
                    length::words(after),
                    length::words(begins)
                ),
            )
            .because(format!(
                "The monitor hands an alert on after {}; {} ({}) begins after {}.",
                length::words(after),
                second.level,
                second.who,
                length::words(begins)
            ))
            .advice("say which holds, and set the pager to it")
            .assumes("both speak of the same escalation")
            .shows(subject.figure(
                &Place::of("monitoring").then("escalates_after"),
                figure,
                "the monitor escalates after",
            ))
            .shows(subject.statement(
                Place::of("escalation").then(index).then("from"),
                format!("{}: {} from {}", second.level, second.who, length::words(begins)),
                &second.place,
            )),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "escalation-stated-twice";

    fn plan(second: &str) -> String {
        format!(
            "monitoring: {{ escalates_after: {{ is: 5 min, where: m }} }}\n\
             escalation: [{{ level: L1, who: on call, from: 0 min, where: e }}, {{ level: L2, who: lead, from: {second}, where: e }}]"
        )
    }

    #[test]
    fn two_answers() {
        assert_eq!(
            found(RULE, &plan("30 min")),
            ["info escalation: after 5 min by the monitor, after 30 min by the ladder"]
        );
    }

    #[test]
    fn silent_where_they_agree() {
        assert!(found(RULE, &plan("5 min")).is_empty());
    }
}
