//! Updates that people cannot keep up, or that come when the RTO is over.

use firedrill_core::document::Place;
use firedrill_core::stamp::MINUTE;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::Subject;
use crate::words;

pub(crate) static RULE: Rule = Rule {
    name: "update-nobody-can-keep",
    class: Class::Arithmetic,
    severity: Severity::Warn,
    title: "Updates more often than people can write them",
    teaches: "\
\"Real-time status\" and updates every minute are promises that only a machine keeps. The people who would write them are those
who recover, and a status page that says nothing for an hour after such a promise costs more trust than one that promised an
update every half hour.

Looked at are messages that go out in real time or at least every 5 minutes. That people write them is an assumption unless the
plan names a sender: then it is an `info`. Silent where the plan says that they are automatic.

Let the monitor set the status and promise words from people at an interval that they can keep.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    for (index, message) in subject.plan.communication.iter().enumerate() {
        let at = Place::of("communication").then(index);
        let text = format!("{} {}", message.on.as_deref().unwrap_or(""), message.by.join(" "));
        if words::has_any(&text, &["automatic", "automated", "automatically"]) {
            continue;
        }
        let often = message
            .every
            .as_ref()
            .and_then(length::of)
            .filter(|every| *every <= 5 * MINUTE);
        let real_time = message
            .on
            .as_deref()
            .is_some_and(|on| words::has_any(on, &["real time", "real-time", "continuously", "constantly"]));
        let (says, statement) = match (often, &message.every, &message.on) {
            (Some(every), Some(figure), _) => (
                format!("told every {}", length::words(every)),
                subject.figure(&at.then("every"), figure, &format!("{} told every", message.audience)),
            ),
            (None, _, Some(on)) if real_time => (
                format!("told in {on}"),
                subject.statement(
                    at.then("on"),
                    format!("{} told: {on}", message.audience),
                    &message.place,
                ),
            ),
            _ => continue,
        };
        let mut draft = Draft::new(&message.audience, says)
            .because("Whoever writes this writes all the time, and recovers nothing meanwhile.")
            .advice("let the monitor set the status, and promise words from people at an interval that they can keep")
            .shows(statement);
        if message.sender.is_none() {
            draft = draft.assumes("people write it: the plan does not say that it is automatic");
        }
        found.push(draft);
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "update-nobody-can-keep";

    fn plan(how: &str) -> String {
        format!("communication: [{{ audience: public, {how} where: c }}]")
    }

    #[test]
    fn nobody_types_that_fast() {
        assert_eq!(found(RULE, &plan("on: real time,")), ["info public: told in real time"]);
        assert_eq!(
            found(RULE, &plan("sender: commander, every: { is: 1 min, where: c },")),
            ["warn public: told every 1 min"]
        );
    }

    #[test]
    fn silent_where_it_can_be_kept() {
        assert!(found(RULE, &plan("every: { is: 30 min, where: c },")).is_empty());
        assert!(found(RULE, &plan("on: real time, by: [automated status page],")).is_empty());
    }
}
