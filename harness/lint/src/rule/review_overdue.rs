//! A plan that was not gone over in time.

use firedrill_core::document::Place;
use firedrill_core::plan::CivilDay;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::Subject;

pub(crate) static RULE: Rule = Rule {
    name: "review-overdue",
    class: Class::Coverage,
    severity: Severity::Warn,
    title: "A review whose day has passed",
    teaches: "\
A plan describes systems that change. One that was not gone over by its own date describes systems that may be gone: names of
hosts, people, providers.

Held against the day of the lint (`--as-of`) is the `next` (else `last` plus the interval) of each review. Of a date that is a month its last day counts. Silent where the day has not come.

Go over the plan, and write the next date.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    let today = subject.today;
    let mut late: Vec<(CivilDay, String, crate::finding::Statement)> = Vec::new();
    for (index, duty) in subject.plan.reviews.iter().enumerate() {
        let at = Place::of("reviews").then(index);
        if let Some(next) = duty.next {
            if next.last() < today {
                let says = format!("{}, next: {next}", duty.what);
                late.push((
                    next,
                    duty.what.clone(),
                    subject.statement(at.then("next"), says, &duty.place),
                ));
            }
        } else if let (Some(last), Some(every)) = (duty.last, duty.every.as_ref().and_then(length::of))
            && subject.days_since(last) * 24 * firedrill_core::stamp::HOUR > every
        {
            let says = format!("{}, last: {last}", duty.what);
            late.push((
                last,
                duty.what.clone(),
                subject.statement(at.then("last"), says, &duty.place),
            ));
        }
    }
    let Some((first, _, _)) = late.iter().min_by_key(|(day, _, _)| day.last()) else {
        return;
    };
    let (first, days) = (*first, subject.days_since(*first));
    found.push(
        Draft::new(&subject.plan.plan, format!("was to be reviewed {first}"))
            .because(format!("{} is {days} days after {first}.", subject.today))
            .advice("go over the plan, and write the next date")
            .shows_all(late.into_iter().map(|(_, _, statement)| statement)),
    );
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "review-overdue";

    fn plan(next: &str) -> String {
        format!("reviews: [{{ what: all, next: {next}, where: r }}]")
    }

    #[test]
    fn a_review_that_was_forgotten() {
        assert_eq!(
            found(RULE, &plan("2025-04")),
            ["warn a-plan: was to be reviewed 2025-04"]
        );
        assert_eq!(
            found(
                RULE,
                "reviews: [{ what: all, last: 2026-01, every: { is: 1 quarter, where: r }, where: r }]"
            )
            .len(),
            1
        );
    }

    #[test]
    fn silent_before_its_day() {
        // The tests look at plans on 2026-12-07: a review in December is still to come.
        assert!(found(RULE, &plan("2026-12")).is_empty());
        assert!(found(RULE, &plan("2027-01-31")).is_empty());
    }
}
