//! A disaster that may last longer than its tiers may be down.

use firedrill_core::document::Place;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::{Subject, listed, tightest};

pub(crate) static RULE: Rule = Rule {
    name: "tier-against-disaster",
    class: Class::Contradiction,
    severity: Severity::Warn,
    title: "A disaster whose RTO is longer than a tier may be down",
    teaches: "\
The RTO of a disaster says how long recovery may take, the maximum downtime of a tier how long its services may be away. If
the first is longer, a recovery can meet its RTO and keep the tier down too long: two promises, of which only the tighter one
counts for the people who use the tier.

Of tiers that name their components only those are held against a disaster that hits one of them; tiers that name none are
taken to hold for every disaster, as the plan states them without exception.
Silent where every tier may be down as long as the disaster lasts.

Say in the plan which tiers a disaster is recovered for within its RTO, or for which disasters a tier's downtime holds.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    for (name, disaster) in &subject.plan.disasters {
        let figures = listed(
            &Place::of("disasters").then(name).then("rto"),
            &disaster.rto,
            &format!("RTO after {name}"),
        );
        let Some(rto) = tightest(&figures) else { continue };
        let Some(lasts) = length::of(rto.figure) else { continue };
        let hit = subject.tiers_hit(disaster);
        let mut broken = Vec::new();
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
            let Some(allowed) = downtime.figure.value().map(|value| length::least(*value)) else {
                continue;
            };
            if lasts > allowed {
                broken.push(subject.placed(downtime));
                words.push(format!(
                    "tier {}: {} - {} = {}",
                    tier.level,
                    length::words(lasts),
                    length::words(allowed),
                    length::words(lasts - allowed)
                ));
            }
        }
        if broken.is_empty() {
            continue;
        }
        let tiers = if broken.len() == 1 {
            "a tier".to_owned()
        } else {
            format!("{} tiers", broken.len())
        };
        found.push(
            Draft::new(
                name,
                format!("an RTO of {} keeps {tiers} down longer than allowed", rto.figure),
            )
            .because(format!("Too long by, {}.", words.join("; ")))
            .advice("say for which disasters the downtime of a tier holds, or tighten the RTO")
            .shows(subject.placed(rto))
            .shows_all(broken),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "tier-against-disaster";

    fn plan(rto: &str) -> String {
        format!(
            "tiers: [{{ level: 0, services: [calls], max_downtime: [{{ is: 5 min, where: t }}] }}, \
             {{ level: 1, services: [rest], max_downtime: [{{ is: 15 min, where: t }}] }}]\n\
             disasters: {{ out: {{ title: O, automated: manual, rto: [{{ is: {rto}, where: d }}] }} }}"
        )
    }

    #[test]
    fn an_rto_that_a_tier_does_not_allow() {
        assert_eq!(
            found(RULE, &plan("15 min")),
            ["warn out: an RTO of 15 minutes keeps a tier down longer than allowed"]
        );
        assert_eq!(
            found(RULE, &plan("1 h")),
            ["warn out: an RTO of 1 hour keeps 2 tiers down longer than allowed"]
        );
    }

    #[test]
    fn silent_where_every_tier_is_in_time() {
        assert!(found(RULE, &plan("5 min")).is_empty());
    }
}
