//! An availability that one outage as long as the plan allows uses up.

use firedrill_core::document::Place;
use firedrill_core::plan::{Duration, Share};
use firedrill_core::stamp::Nanos;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::{Placed, Subject, listed, tightest};

pub(crate) static RULE: Rule = Rule {
    name: "availability-budget",
    class: Class::Arithmetic,
    severity: Severity::Error,
    title: "An availability that one outage as long as the RTO breaks",
    teaches: "\
An availability of 99.99 % is a budget of 52 min 33 s a year (365 days). An RTO says how long one outage may last. If an
outage that meets its RTO is longer than the whole year's budget, the plan can keep every RTO and still miss its
availability with the first incident.

Held against the budget of the plan are the RTOs of its components and disasters and the downtimes of its tiers, each the
tightest where it is stated several times; against the budget of a component its own RTO. Silent where the budget allows
one such outage.

Tighten the RTO, or write the availability that one outage leaves.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    let plan = subject.plan;
    let whole = listed(
        &Place::of("availability"),
        &plan.availability,
        "availability of the plan",
    );
    if let Some((share, budget)) = highest(&whole) {
        let mut outages = Vec::new();
        collect(subject, &mut outages);
        for (name, outage) in outages {
            report(subject, &name, share, budget, &outage, found);
        }
    }
    for (name, component) in &plan.components {
        let at = Place::of("components").then(name);
        let own = listed(
            &at.then("availability"),
            &component.availability,
            &format!("availability of {name}"),
        );
        let rto = listed(&at.then("rto"), &component.rto, &format!("RTO of {name}"));
        if let (Some((share, budget)), Some(outage)) = (highest(&own), tightest(&rto)) {
            report(subject, name, share, budget, outage, found);
        }
    }
}

fn collect<'a>(subject: &Subject<'a>, outages: &mut Vec<(String, Placed<'a, Duration>)>) {
    let plan = subject.plan;
    let mut add = |name: &str, figures: Vec<Placed<'a, Duration>>| {
        if let Some(figure) = tightest(&figures) {
            outages.push((name.to_owned(), figure.clone()));
        }
    };
    for (name, component) in &plan.components {
        let at = Place::of("components").then(name).then("rto");
        add(name, listed(&at, &component.rto, &format!("RTO of {name}")));
    }
    for (name, disaster) in &plan.disasters {
        let at = Place::of("disasters").then(name).then("rto");
        add(name, listed(&at, &disaster.rto, &format!("RTO after {name}")));
    }
    for (index, tier) in plan.tiers.iter().enumerate() {
        let at = Place::of("tiers").then(index);
        let name = tier.title.clone().unwrap_or_else(|| format!("tier {}", tier.level));
        add(&name, listed(&at.then("rto"), &tier.rto, &format!("RTO of {name}")));
        add(
            &name,
            listed(
                &at.then("max_downtime"),
                &tier.max_downtime,
                &format!("maximum downtime of {name}"),
            ),
        );
    }
}

fn report(
    subject: &Subject<'_>,
    name: &str,
    share: &Placed<'_, Share>,
    budget: Nanos,
    outage: &Placed<'_, Duration>,
    found: &mut Findings,
) {
    let Some(lasts) = length::of(outage.figure) else { return };
    if lasts <= budget {
        return;
    }
    found.push(
        Draft::new(
            name,
            format!(
                "one outage of {} breaks a year of {}",
                length::words(lasts),
                share.figure
            ),
        )
        .because(format!(
            "{} of 365 days leaves {} of downtime a year; one outage as long as allowed takes {}, {} more.",
            share.figure,
            length::words(budget),
            length::words(lasts),
            length::words(lasts - budget)
        ))
        .advice(format!(
            "tighten the RTO to less than {}, or lower the availability",
            length::words(budget)
        ))
        .shows(subject.placed(outage))
        .shows(subject.placed(share)),
    );
}

/// The highest share and the downtime that it leaves in a year.
pub(super) fn highest<'p, 'a>(figures: &'p [Placed<'a, Share>]) -> Option<(&'p Placed<'a, Share>, Nanos)> {
    let share = figures
        .iter()
        .filter(|placed| placed.figure.value().is_some())
        .max_by_key(|placed| placed.figure.value().map(|share| share.ppm))?;
    Some((share, budget(*share.figure.value()?)))
}

/// Downtime that a share leaves in a year of 365 days.
pub(super) fn budget(share: Share) -> Nanos {
    length::YEAR / 1_000_000 * i64::from(1_000_000 - share.ppm.min(1_000_000))
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "availability-budget";

    fn plan(share: &str, rto: &str) -> String {
        format!(
            "availability: [{{ is: {share}, where: a }}]\n\
             components: {{ files: {{ kind: objects, rto: [{{ is: {rto}, where: t }}] }} }}"
        )
    }

    #[test]
    fn one_outage_breaks_the_year() {
        assert_eq!(
            found(RULE, &plan("99.99 %", "1 h")),
            ["error files: one outage of 1 h breaks a year of 99.99 %"]
        );
    }

    #[test]
    fn silent_where_the_budget_suffices() {
        // 99.9 % of a year leaves 8 h 45 min 36 s.
        assert!(found(RULE, &plan("99.9 %", "8 h")).is_empty());
        assert!(found(RULE, &plan("99.99 %", "52 min")).is_empty());
    }

    #[test]
    fn a_component_has_its_own_budget() {
        let text = "components: { pay: { kind: service, availability: [{ is: 99.95 %, where: a }], \
                    rto: [{ is: 5 h, where: t }] } }";
        assert_eq!(
            found(RULE, text),
            ["error pay: one outage of 5 h breaks a year of 99.95 %"]
        );
    }
}
