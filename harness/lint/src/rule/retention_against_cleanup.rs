//! Backups that the plan keeps longer than its own clean-up leaves them.

use firedrill_core::document::Place;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::{Subject, listed};

pub(crate) static RULE: Rule = Rule {
    name: "retention-against-cleanup",
    class: Class::Arithmetic,
    severity: Severity::Error,
    title: "A retention longer than the clean-up allows",
    teaches: "\
The clean-up removes what is older than its limit, whatever the retention says. If a policy promises 90 days and the
clean-up removes everything older than 30, nothing is ever older than 30 days: the other 60 are on paper only, and the
restore that needs them finds nothing.

Held against each other are the `cleanup` of a policy and its `retention` and `generations`, and backups kept without end.
Silent where the clean-up leaves at least what is promised; of months the shortest is taken.

Let the clean-up follow the retention of each class of data, or promise what it leaves.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    for (name, policy) in &subject.plan.backups {
        let at = Place::of("backups").then(name);
        let cleanups = listed(
            &at.then("cleanup"),
            &policy.cleanup,
            &format!("clean-up of {name}, older than"),
        );
        let Some(cleanup) = cleanups.iter().min_by_key(|placed| length::of(placed.figure)) else {
            continue;
        };
        let Some(limit) = cleanup.figure.value().map(|value| length::most(*value)) else {
            continue;
        };
        let mut kept = listed(
            &at.then("retention"),
            &policy.retention,
            &format!("retention of {name}"),
        );
        for (index, generation) in policy.generations.iter().enumerate() {
            kept.push(crate::subject::Placed {
                at: at.then("generations").then(index).then("kept"),
                figure: &generation.kept,
                of: format!("retention of {name}, {}", generation.of),
            });
        }
        for placed in kept {
            let Some(promised) = placed.figure.value().map(|value| length::least(*value)) else {
                continue;
            };
            if promised <= limit {
                continue;
            }
            found.push(
                Draft::new(name, format!("kept {} on paper, {} in fact", placed.figure, length::words(limit)))
                    .because(format!(
                        "Promised: {}. The clean-up removes what is older than {}. {} - {} = {} that no backup is ever old.",
                        placed.figure,
                        length::words(limit),
                        length::words(promised),
                        length::words(limit),
                        length::words(promised - limit)
                    ))
                    .advice(format!("leave {name} out of the clean-up, or promise {}", length::words(limit)))
                    .shows(subject.placed(&placed))
                    .shows(subject.placed(cleanup)),
            );
        }
        if let Some(section) = &policy.kept_forever {
            found.push(
                Draft::new(
                    name,
                    format!("kept without end on paper, {} in fact", length::words(limit)),
                )
                .because(format!(
                    "The clean-up removes what is older than {}.",
                    length::words(limit)
                ))
                .advice(format!("leave {name} out of the clean-up"))
                .shows(subject.statement(at.then("kept_forever"), format!("{name} is kept without end"), section))
                .shows(subject.placed(cleanup)),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "retention-against-cleanup";

    fn plan(retention: &str) -> String {
        format!(
            "components: {{ f: {{ kind: objects }} }}\nbackups: {{ f: {{ of: [f], kind: files, \
             retention: [{{ is: {retention}, where: a }}], cleanup: [{{ is: 30 d, where: b }}], where: c }} }}"
        )
    }

    #[test]
    fn a_promise_that_the_clean_up_breaks() {
        assert_eq!(
            found(RULE, &plan("90 d")),
            ["error f: kept 90 days on paper, 30 d in fact"]
        );
        assert_eq!(found(RULE, &plan("6 months")).len(), 1);
    }

    #[test]
    fn silent_where_the_clean_up_leaves_enough() {
        assert!(found(RULE, &plan("30 d")).is_empty());
        assert!(found(RULE, &plan("1 week")).is_empty());
    }
}
