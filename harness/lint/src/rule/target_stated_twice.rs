//! One target, several figures.

use std::collections::BTreeMap;

use firedrill_core::document::Place;
use firedrill_core::plan::{Duration, Written};

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings, Statement};
use crate::length;
use crate::severity::Severity;
use crate::subject::{Placed, Subject, listed};

pub(crate) static RULE: Rule = Rule {
    name: "target-stated-twice",
    class: Class::Contradiction,
    severity: Severity::Error,
    title: "One target with different figures",
    teaches: "\
A target that stands in two places with two figures is no target: each reader takes the one that suits. This rule looks
at the RTO and RPO of the plan, of each component and of each disaster, within a plan and across the plans of one company
(components and disasters of the same name).

Different lengths are an error. The same length with a different comparator (`< 4 hours` here, `4 hours` there) is a
warning: exactly 4 hours meets the one and misses the other. A figure said twice alike is fine.

State each target once and refer to it; where two documents need it, let one be the source.",
    look: Look::Company(look),
};

/// A target of a company: what it is of, and all its figures with the plan each is from.
type Targets<'a> = BTreeMap<String, Vec<(usize, Placed<'a, Duration>)>>;

fn look(company: &[&Subject<'_>], found: &mut Findings) {
    let mut targets = Targets::new();
    for (order, subject) in company.iter().enumerate() {
        gather(subject, order, &mut targets);
    }
    for (of, figures) in &targets {
        let mut lengths: Vec<_> = figures
            .iter()
            .filter_map(|(_, placed)| placed.figure.value().map(|value| length::most(*value)))
            .collect();
        lengths.sort_unstable();
        lengths.dedup();
        let strict = figures
            .iter()
            .filter(|(_, placed)| matches!(placed.figure.written(), Some((Written::Below, _))))
            .count();
        let shown = || -> Vec<Statement> {
            figures
                .iter()
                .map(|(order, placed)| company[*order].placed(placed))
                .collect()
        };
        let mut texts: Vec<String> = figures.iter().map(|(_, placed)| placed.figure.to_string()).collect();
        texts.dedup();
        let texts = crate::words::row(texts.iter().map(String::as_str));
        match lengths.as_slice() {
            [] => {}
            [only] if strict > 0 && strict < figures.len() => found.push(
                Draft::new(of, format!("stated as {texts}"))
                    .because(format!(
                        "The length is the same, the comparator is not: a recovery after exactly {} meets one of them and \
                         misses the other.",
                        length::words(*only)
                    ))
                    .advice("write one figure with one comparator")
                    .weighs(Severity::Warn)
                    .shows_all(shown()),
            ),
            [_] => {}
            [least, .., most] => found.push(
                Draft::new(of, format!("stated as {texts}"))
                    .because(format!(
                        "{} - {} = {}: whatever lies between meets one of them and misses the other.",
                        length::words(*most),
                        length::words(*least),
                        length::words(most - least)
                    ))
                    .advice("decide which figure holds, and state it once")
                    .shows_all(shown()),
            ),
        }
    }
}

fn gather<'a>(subject: &Subject<'a>, order: usize, targets: &mut Targets<'a>) {
    let plan = subject.plan;
    let mut add = |of: String, at: Place, figures: &'a [_]| {
        if !figures.is_empty() {
            let placed = listed(&at, figures, &of);
            targets
                .entry(of)
                .or_default()
                .extend(placed.into_iter().map(|placed| (order, placed)));
        }
    };
    for (word, key, figures) in [("RTO", "rto", &plan.rto), ("RPO", "rpo", &plan.rpo)] {
        add(format!("{word} of the plan"), Place::of(key), figures);
    }
    for (name, component) in &plan.components {
        let at = Place::of("components").then(name);
        add(format!("RTO of {name}"), at.then("rto"), &component.rto);
        add(format!("RPO of {name}"), at.then("rpo"), &component.rpo);
    }
    for (name, disaster) in &plan.disasters {
        let at = Place::of("disasters").then(name);
        add(format!("RTO after {name}"), at.then("rto"), &disaster.rto);
        add(format!("RPO after {name}"), at.then("rpo"), &disaster.rpo);
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::{found, found_in, plan};

    const RULE: &str = "target-stated-twice";

    #[test]
    fn two_figures_for_one_target() {
        assert_eq!(
            found(RULE, "rto: [{ is: 4 h, where: a }, { is: 2 h, where: b }]"),
            ["error RTO of the plan: stated as 4 hours and 2 hours"]
        );
        assert_eq!(
            found(RULE, "rto: [{ below: 4 h, where: a }, { is: 4 h, where: b }]"),
            ["warn RTO of the plan: stated as < 4 hours and 4 hours"]
        );
    }

    #[test]
    fn two_documents_of_one_company() {
        let one = |rto: &str| {
            plan(&format!(
                "company: c\ndisasters: {{ loss: {{ title: L, automated: manual, rto: [{{ is: {rto}, where: a }}] }} }}"
            ))
        };
        assert_eq!(
            found_in(RULE, &[one("2 h"), one("15 min")]),
            ["error RTO after loss: stated as 2 hours and 15 minutes"]
        );
        assert!(found_in(RULE, &[one("2 h"), one("120 min")]).is_empty());
    }

    #[test]
    fn strangers_are_not_compared() {
        let one = |rto: &str| plan(&format!("rto: [{{ is: {rto}, where: a }}]"));
        assert!(found_in(RULE, &[one("2 h"), one("15 min")]).is_empty());
    }
}
