//! A drill whose own timeline misses its own target.

use firedrill_core::document::Place;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::{Subject, listed, tightest};
use crate::words;

pub(crate) static RULE: Rule = Rule {
    name: "drill-plans-to-miss",
    class: Class::Arithmetic,
    severity: Severity::Error,
    title: "A drill whose own timeline misses its own target",
    teaches: "\
A drill has a timeline (minute 30: service resumes) and criteria (RTO of at most 15 minutes). If the entry that brings
service back stands later than the RTO, a drill that goes exactly as planned fails, and whoever runs it learns that failing
is normal.

The entry is the first that resumes, restores or fails over and says that it is done; validation before and failback after
it do not count. Silent where it stands at or before the RTO.

Move the entry, or write the RTO that the drill is meant to show.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    for (index, duty) in subject.plan.drills.iter().enumerate() {
        let at = Place::of("drills").then(index);
        let figures = listed(&at.then("rto"), &duty.rto, &format!("RTO of {}", duty.what));
        let Some(rto) = tightest(&figures) else { continue };
        let Some(allowed) = rto.figure.value().map(|value| length::least(*value)) else {
            continue;
        };
        let back = duty.timeline.iter().enumerate().find_map(|(index, step)| {
            let when = step.from.or(step.until).map(length::least)?;
            brings_back(&step.what).then_some((index, step, when))
        });
        let Some((step_index, step, when)) = back else { continue };
        if when <= allowed {
            continue;
        }
        let key = if step.from.is_some() { "from" } else { "until" };
        found.push(
            Draft::new(
                &duty.what,
                format!(
                    "service is back at {} by its own timeline, the RTO is {}",
                    length::words(when),
                    rto.figure
                ),
            )
            .because(format!(
                "{} - {} = {} too late when everything goes as planned.",
                length::words(when),
                length::words(allowed),
                length::words(when - allowed)
            ))
            .advice("move the entry, or write the RTO that the drill is meant to show")
            .shows(subject.placed(rto))
            .shows(subject.statement(
                at.then("timeline").then(step_index).then(key),
                format!("{} at {}", step.what, length::words(when)),
                &step.place,
            )),
        );
    }
}

fn brings_back(what: &str) -> bool {
    let back = words::has_any(what, &["resume", "resumed", "restored", "recovered", "reopen"])
        || (words::has_any(what, &["failover", "restoration", "recovery"])
            && words::has_any(what, &["done", "complete", "completed", "finished"]));
    back && !words::has_any(what, &["failback", "validate", "simulate"])
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "drill-plans-to-miss";

    fn plan(rto: &str) -> String {
        format!(
            "drills: [{{ what: day, rto: [{{ at_most: {rto}, where: c }}], timeline: [\
             {{ what: start recovery, from: 10 min, where: t }}, {{ what: resume operation, from: 30 min, where: t }}, \
             {{ what: failback done, from: 90 min, where: t }}], where: d }}]"
        )
    }

    #[test]
    fn a_timeline_that_ends_too_late() {
        assert_eq!(
            found(RULE, &plan("15 min")),
            ["error day: service is back at 30 min by its own timeline, the RTO is <= 15 minutes"]
        );
    }

    #[test]
    fn silent_where_it_is_in_time() {
        assert!(found(RULE, &plan("30 min")).is_empty());
    }
}
