//! Steps whose windows or allowances end later than the RTO.

use firedrill_core::plan::Written;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::{Subject, tightest};
use crate::timeline;

pub(crate) static RULE: Rule = Rule {
    name: "steps-outlast-rto",
    class: Class::Arithmetic,
    severity: Severity::Error,
    title: "Steps that end later than the RTO",
    teaches: "\
The plan gives its steps windows (`from`, `until`) or allowances (`takes`). The last window's end, or the sum of the
allowances where steps follow one another, is when the plan itself expects to be done. If that is later than the RTO, the
plan misses its own target when everybody does everything in time.

Silent where the steps fit. Steps that use up the whole RTO are another rule: `no-margin`.

Shorten the steps, run some of them at the same time, or write an RTO that they fit into.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    for (name, disaster) in &subject.plan.disasters {
        let figures = subject.rto_of(name, disaster);
        let (Some(rto), Some(course)) = (tightest(&figures), timeline::of(subject, name, disaster)) else {
            continue;
        };
        let Some((written, value)) = rto.figure.written() else {
            continue;
        };
        let allowed = length::least(*value);
        if course.most < allowed || (course.most == allowed && written != Written::Below) {
            continue;
        }
        found.push(
            Draft::new(
                name,
                format!(
                    "the steps end after {}, the RTO is {}",
                    length::words(course.most),
                    rto.figure
                ),
            )
            .because(format!(
                "{}; allowed: {}; {} too much, before any time for detection.",
                course.sum,
                rto.figure,
                length::words(course.most - allowed)
            ))
            .advice("shorten the steps or run some at the same time, or write an RTO that they fit into")
            .shows(subject.placed(rto))
            .shows_all(course.statements),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "steps-outlast-rto";

    fn plan(rto: &str, until: &str) -> String {
        format!(
            "disasters: {{ loss: {{ title: L, automated: manual, rto: [{{ {rto}, where: t }}], steps: [\
             {{ what: look, from: 0 min, until: 10 min, where: s }}, \
             {{ what: restore, from: 10 min, until: {until}, where: s }}] }} }}"
        )
    }

    #[test]
    fn windows_that_end_too_late() {
        assert_eq!(
            found(RULE, &plan("is: 15 min", "30 min")),
            ["error loss: the steps end after 30 min, the RTO is 15 minutes"]
        );
        assert_eq!(found(RULE, &plan("below: 30 min", "30 min")).len(), 1);
    }

    #[test]
    fn silent_where_the_steps_fit() {
        assert!(found(RULE, &plan("is: 30 min", "30 min")).is_empty());
        assert!(found(RULE, &plan("is: 2 h", "30 min")).is_empty());
    }
}
