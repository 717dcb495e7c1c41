//! Drills in production that use up the availability by themselves.

use firedrill_core::document::Place;
use firedrill_core::stamp::Nanos;

use super::availability_budget::highest;
use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::{Subject, listed};
use crate::words;

pub(crate) static RULE: Rule = Rule {
    name: "drills-break-availability",
    class: Class::Arithmetic,
    severity: Severity::Warn,
    title: "Drills in production that use up the year's availability",
    teaches: "\
A drill in production is an outage with a date. If the drills of a year, each as long as the plan says it lasts (else as long
as the plan's longest RTO, which is an assumption), take more than the availability allows, the plan breaks its own target
without any disaster.

Counted are duties whose `environment`, or whose command as written, says production and whose name says that it takes something away (a
simulation, failover, drill, outage), with their interval over 365 days.
Silent where the plan states no availability, and where they fit.

Drill in a copy of production, or announce the drills and take them out of the availability.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    let plan = subject.plan;
    let whole = listed(
        &Place::of("availability"),
        &plan.availability,
        "availability of the plan",
    );
    let Some((share, budget)) = highest(&whole) else { return };
    let longest = plan
        .rto
        .iter()
        .chain(plan.disasters.values().flat_map(|disaster| &disaster.rto))
        .filter_map(length::of)
        .max();
    let mut sum: Nanos = 0;
    let mut parts = Vec::new();
    let mut statements = Vec::new();
    let mut assumed = false;
    for (index, duty) in plan.drills.iter().enumerate() {
        let at = Place::of("drills").then(index);
        if !in_production(duty) || !interrupts(&duty.what) {
            continue;
        }
        let (Some(every), Some(figure)) = (duty.every.as_ref().and_then(length::of), &duty.every) else {
            continue;
        };
        let lasts = match duty.lasts {
            Some(lasts) => length::most(lasts),
            None => match longest {
                Some(longest) => {
                    assumed = true;
                    longest
                }
                None => continue,
            },
        };
        let times = (length::YEAR + every / 2) / every.max(1);
        sum = sum.saturating_add(lasts.saturating_mul(times));
        parts.push(format!("{times} x {} ({})", length::words(lasts), duty.what));
        statements.push(subject.figure(
            &at.then("every"),
            figure,
            &format!("{}, in production, every", duty.what),
        ));
    }
    if sum <= budget {
        return;
    }
    let mut draft = Draft::new(
        &plan.plan,
        format!("drills in production take {} a year", length::words(sum)),
    )
    .because(format!(
        "{} = {} a year; {} leaves {}.",
        words::row(parts.iter().map(String::as_str)),
        length::words(sum),
        share.figure,
        length::words(budget)
    ))
    .advice("drill in a copy of production, or take announced drills out of the availability")
    .shows_all(statements)
    .shows(subject.placed(share));
    if assumed {
        draft = draft.assumes("a drill whose length the plan does not give lasts as long as the longest RTO");
    }
    found.push(draft);
}

/// Whether a drill takes something away: talking and verifying do not.
fn interrupts(what: &str) -> bool {
    words::has_any(
        what,
        &[
            "simulation",
            "failover",
            "drill",
            "exercise",
            "corruption",
            "outage",
            "rollback",
            "restore",
            "rebuild",
            "gameday",
        ],
    )
}

/// Whether a duty is done in production, by its own statement or by a command as written.
pub(super) fn in_production(duty: &firedrill_core::plan::DrillDuty) -> bool {
    let said = |text: &str| {
        words::has_word(text, "production")
            && !words::has_any(text, &["non-production", "not", "outside", "isolated", "copy"])
    };
    duty.environment.as_deref().is_some_and(said)
        || duty
            .commands
            .iter()
            .filter_map(|action| action.command.as_deref())
            .any(|command| command.contains("environment=production") || command.contains("environment production"))
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "drills-break-availability";

    fn plan(lasts: &str, environment: &str) -> String {
        format!(
            "availability: [{{ is: 99.9 %, where: a }}]\nrto: [{{ is: 4 h, where: t }}]\n\
             drills: [{{ what: simulation, every: {{ is: 1 month, where: d }}, {lasts} environment: {environment}, where: d }}]"
        )
    }

    #[test]
    fn twelve_drills_are_more_than_the_year_allows() {
        assert_eq!(
            found(RULE, &plan("lasts: 1 h,", "production")),
            ["warn a-plan: drills in production take 12 h a year"]
        );
        assert_eq!(
            found(RULE, &plan("", "production")),
            ["info a-plan: drills in production take 2 d a year"]
        );
    }

    #[test]
    fn silent_elsewhere_and_where_they_fit() {
        assert!(found(RULE, &plan("lasts: 1 h,", "staging")).is_empty());
        assert!(found(RULE, &plan("lasts: 30 min,", "production")).is_empty());
    }
}
