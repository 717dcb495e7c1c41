//! A tier whose maximum downtime is over before recovery may even begin.

use firedrill_core::document::Place;
use firedrill_core::stamp::Nanos;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings, Statement};
use crate::length;
use crate::severity::Severity;
use crate::subject::{Subject, listed, tightest};

pub(crate) static RULE: Rule = Rule {
    name: "tier-too-late",
    class: Class::Arithmetic,
    severity: Severity::Error,
    title: "A tier whose maximum downtime is over before recovery begins",
    teaches: "\
A disaster gives people time to respond and to decide (`respond`, `decide`). Nothing is recovered before that is over. A
tier that may be down for less than this sum is beyond its maximum before the first command is typed, however fast the rest
is.

Held against each other are the sum of the allowances of each disaster and `max_downtime` of each tier; of tiers that name
their components, those that the disaster hits. Silent where a tier may be down for longer than that sum, and where a
disaster gives people no time.

Let what protects the most urgent tier act by itself, or write the downtime that people can keep.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    for (name, disaster) in &subject.plan.disasters {
        let at = Place::of("disasters").then(name);
        let mut people: Nanos = 0;
        let mut parts = Vec::new();
        let mut statements: Vec<Statement> = Vec::new();
        for (key, figure) in [("respond", &disaster.respond), ("decide", &disaster.decide)] {
            if let Some(figure) = figure
                && let Some(value) = figure.value().map(|value| length::least(*value))
            {
                people = people.saturating_add(value);
                parts.push(format!("{} to {key}", length::words(value)));
                statements.push(subject.figure(&at.then(key), figure, &format!("time to {key} after {name}")));
            }
        }
        if people == 0 {
            continue;
        }
        let hit = subject.tiers_hit(disaster);
        let mut late = Vec::new();
        let mut words = Vec::new();
        for (index, tier) in subject.plan.tiers.iter().enumerate() {
            if !tier.components.is_empty() && !hit.contains(&index) {
                continue;
            }
            let downtimes = listed(
                &Place::of("tiers").then(index).then("max_downtime"),
                &tier.max_downtime,
                &format!("maximum downtime of tier {}", tier.level),
            );
            let Some(downtime) = tightest(&downtimes) else { continue };
            let Some(allowed) = length::of(downtime.figure) else {
                continue;
            };
            if allowed < people {
                late.push(subject.placed(downtime));
                words.push(format!("tier {} may be down {}", tier.level, downtime.figure));
            }
        }
        if late.is_empty() {
            continue;
        }
        found.push(
            Draft::new(
                name,
                format!("{}, and people alone take {}", words.join(", "), length::words(people)),
            )
            .because(format!(
                "{} = {} before recovery may begin.",
                parts.join(" + "),
                length::words(people)
            ))
            .advice("let the failover of that tier act by itself, or write a downtime that people can keep")
            .shows_all(late)
            .shows_all(statements),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "tier-too-late";

    fn plan(decide: &str) -> String {
        format!(
            "tiers: [{{ level: 0, services: [calls], max_downtime: [{{ is: 5 min, where: t }}] }}, \
             {{ level: 1, services: [rest], max_downtime: [{{ is: 15 min, where: t }}] }}]\n\
             disasters: {{ out: {{ title: O, automated: manual, decide: {{ is: {decide}, where: d }} }} }}"
        )
    }

    #[test]
    fn people_take_longer_than_the_tier_may_be_down() {
        assert_eq!(
            found(RULE, &plan("10 min")),
            ["error out: tier 0 may be down 5 minutes, and people alone take 10 min"]
        );
    }

    #[test]
    fn silent_where_people_are_in_time() {
        assert!(found(RULE, &plan("3 min")).is_empty());
    }
}
