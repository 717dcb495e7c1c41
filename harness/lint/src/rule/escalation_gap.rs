//! Minutes of an incident that no level of escalation covers.

use firedrill_core::document::Place;

use super::escalation_after_rto::ladders;
use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::Subject;

pub(crate) static RULE: Rule = Rule {
    name: "escalation-gap",
    class: Class::Coverage,
    severity: Severity::Error,
    title: "Time of an incident that no level of escalation covers",
    teaches: "\
Where one level ends after 2 hours and the next begins after 4, nobody is responsible for the two hours between, which are
those of the worst incidents. Each ladder (and each class of incident) is looked at by itself, in the order of time.

Silent where each level begins when the one before ends or sooner, and where a level has no end.

Let the next level begin where the one before ends.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    for ((ladder, severity), levels) in ladders(subject) {
        let about = ladder.or(severity).unwrap_or("escalation").to_owned();
        let mut covered: Option<(i64, usize)> = None;
        for (position, (index, level, from)) in levels.iter().enumerate() {
            if let Some((until, before)) = covered
                && *from > until
            {
                let (before_index, before_level, _) = levels[before];
                found.push(
                    Draft::new(
                        &about,
                        format!(
                            "nobody is called from {} to {}",
                            length::words(until),
                            length::words(*from)
                        ),
                    )
                    .because(format!(
                        "{} ends at {}, {} begins at {}: {} without anybody.",
                        before_level.level,
                        length::words(until),
                        level.level,
                        length::words(*from),
                        length::words(from - until)
                    ))
                    .advice(format!("let {} begin at {}", level.level, length::words(until)))
                    .shows(subject.statement(
                        Place::of("escalation").then(*index).then("from"),
                        format!("{}: {} from {}", level.level, level.who, length::words(*from)),
                        &level.place,
                    ))
                    .shows(subject.statement(
                        Place::of("escalation").then(before_index).then("until"),
                        format!(
                            "{}: {} until {}",
                            before_level.level,
                            before_level.who,
                            length::words(until)
                        ),
                        &before_level.place,
                    )),
                );
            }
            let until = level.until.map_or(i64::MAX, length::most);
            if covered.is_none_or(|(known, _)| until >= known) {
                covered = Some((until, position));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "escalation-gap";

    fn plan(next: &str) -> String {
        format!(
            "escalation: [{{ level: L3, who: heads, from: 1 h, until: 2 h, where: e }}, \
             {{ level: L4, who: board, from: {next}, where: e }}]"
        )
    }

    #[test]
    fn two_hours_of_nobody() {
        assert_eq!(
            found(RULE, &plan("4 h")),
            ["error escalation: nobody is called from 2 h to 4 h"]
        );
    }

    #[test]
    fn silent_where_levels_meet() {
        assert!(found(RULE, &plan("2 h")).is_empty());
    }
}
