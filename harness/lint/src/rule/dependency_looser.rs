//! A dependency with looser targets than what depends on it.

use firedrill_core::document::Place;
use firedrill_core::plan::{ComponentKind, Duration, Figure};

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::{Subject, listed, tightest};

pub(crate) static RULE: Rule = Rule {
    name: "dependency-looser",
    class: Class::Design,
    severity: Severity::Error,
    title: "A dependency with looser targets than what depends on it",
    teaches: "\
A service is back no sooner than what it needs, and loses at least what that loses. A component that is to be back in 15
minutes and depends on a database that may take 30 keeps its target only by luck; the same holds for the RPO.

Held against each other are the RTO and RPO of a component and of what it names in `depends_on`. A tier of services that names
no components is held against the databases' RTO as well: that its services need a database is an assumption, so that is an
`info`. Silent where the dependency is at least as tight.

Tighten the dependency, or loosen what stands on it.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    for (name, component) in &subject.plan.components {
        for needs in &component.depends_on {
            let Some(needed) = subject.plan.components.get(needs) else {
                continue;
            };
            for (word, key, own, theirs) in [
                ("RTO", "rto", &component.rto, &needed.rto),
                ("RPO", "rpo", &component.rpo, &needed.rpo),
            ] {
                let mine = (
                    Place::of("components").then(name).then(key),
                    own.as_slice(),
                    format!("{word} of {name}"),
                );
                let other = (
                    Place::of("components").then(needs).then(key),
                    theirs.as_slice(),
                    format!("{word} of {needs}"),
                );
                let depends = subject.statement(
                    Place::of("components").then(name).then("depends_on"),
                    format!("{name} depends on {needs}"),
                    component.place.clone().unwrap_or_default(),
                );
                if let Some(draft) = compare(subject, name, needs, mine, other) {
                    found.push(draft.shows(depends));
                }
            }
        }
    }
    for (index, tier) in subject.plan.tiers.iter().enumerate() {
        if !tier.components.is_empty() {
            continue;
        }
        let name = subject.tier_name(index);
        for (needs, needed) in &subject.plan.components {
            if needed.kind != ComponentKind::Database {
                continue;
            }
            let mine = (
                Place::of("tiers").then(index).then("rto"),
                tier.rto.as_slice(),
                format!("RTO of {name}"),
            );
            let other = (
                Place::of("components").then(needs).then("rto"),
                needed.rto.as_slice(),
                format!("RTO of {needs}"),
            );
            if let Some(draft) = compare(subject, &name, needs, mine, other) {
                found.push(draft.assumes(format!(
                    "services of the tier ({}) need {needs}",
                    crate::words::row(tier.services.iter().map(String::as_str))
                )));
            }
        }
    }
}

type Side<'a> = (Place, &'a [Figure<Duration>], String);

fn compare(subject: &Subject<'_>, name: &str, needs: &str, mine: Side<'_>, other: Side<'_>) -> Option<Draft> {
    let mine = listed(&mine.0, mine.1, &mine.2);
    let other = listed(&other.0, other.1, &other.2);
    let (mine, other) = (tightest(&mine)?, tightest(&other)?);
    let (target, needed) = (length::of(mine.figure)?, length::of(other.figure)?);
    if needed <= target {
        return None;
    }
    Some(
        Draft::new(
            name,
            format!(
                "{} of {}, on top of {needs} with {}",
                word(&mine.of),
                mine.figure,
                other.figure
            ),
        )
        .because(format!(
            "{name} is no better than {needs}: {} - {} = {} that it cannot keep.",
            length::words(needed),
            length::words(target),
            length::words(needed - target)
        ))
        .advice(format!("tighten {needs}, or loosen {name}"))
        .shows(subject.placed(mine))
        .shows(subject.placed(other)),
    )
}

fn word(of: &str) -> &str {
    of.split(' ').next().unwrap_or(of)
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "dependency-looser";

    fn plan(service: &str) -> String {
        format!(
            "components: {{ db: {{ kind: database, rto: [{{ is: 30 min, where: t }}] }}, \
             auth: {{ kind: service, depends_on: [db], rto: [{{ is: {service}, where: t }}] }} }}"
        )
    }

    #[test]
    fn a_service_cannot_be_back_before_its_database() {
        assert_eq!(
            found(RULE, &plan("15 min")),
            ["error auth: RTO of 15 minutes, on top of db with 30 minutes"]
        );
    }

    #[test]
    fn a_tier_that_names_no_components_is_an_assumption() {
        let text = "components: { db: { kind: database, rto: [{ is: 4 h, where: t }] } }\n\
                    tiers: [{ level: 1, services: [pay], rto: [{ is: 30 min, where: t }] }]";
        assert_eq!(
            found(RULE, text),
            ["info tier 1: RTO of 30 minutes, on top of db with 4 hours"]
        );
    }

    #[test]
    fn silent_where_the_database_is_sooner() {
        assert!(found(RULE, &plan("30 min")).is_empty());
        assert!(found(RULE, &plan("1 h")).is_empty());
    }
}
