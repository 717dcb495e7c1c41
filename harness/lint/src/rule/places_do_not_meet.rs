//! A standby site whose parts stand in different regions.

use std::collections::BTreeMap;

use firedrill_core::document::Place;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings, STATEMENTS_MAX};
use crate::severity::Severity;
use crate::subject::Subject;
use crate::words;

pub(crate) static RULE: Rule = Rule {
    name: "places-do-not-meet",
    class: Class::Design,
    severity: Severity::Warn,
    title: "A standby site whose parts stand in different regions",
    teaches: "\
A site that is taken into service as a whole must stand in one place. If the database's standby is in one region, the cache
in another and the backups in a third, every query crosses regions after a failover: what took a millisecond takes a tenth of
a second, and load that the primary carried is refused. And a rebuild of the standby fetches its backup from far away.

Compared are the regions that the parts of a site state for themselves; the regions of backup stores are shown beside them.
Silent where the parts of a site stand in one region, and where the plan names none.

Bring standby, cache and a copy of the backups to one region, or measure the site under load before it is needed.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    for (name, site) in &subject.plan.sites {
        let mut regions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut statements = Vec::new();
        for (part_name, part) in &site.parts {
            let Some(region) = &part.region else { continue };
            regions.entry(region).or_default().push(part_name);
            statements.push(
                subject.statement(
                    Place::of("sites")
                        .then(name)
                        .then("parts")
                        .then(part_name)
                        .then("region"),
                    format!("{part_name} of {name} in {region}"),
                    &site.place,
                ),
            );
        }
        if regions.len() < 2 {
            continue;
        }
        let texts: Vec<String> = regions
            .iter()
            .map(|(region, parts)| format!("{} in {region}", words::row(parts.iter().copied())))
            .collect();
        let stores: Vec<_> = subject
            .plan
            .stores
            .iter()
            .take(STATEMENTS_MAX)
            .filter_map(|(store, held)| Some((store, held, held.region.as_ref()?)))
            .map(|(store, held, region)| {
                let at = Place::of("stores").then(store).then("region");
                subject.statement(at, format!("backups at {store}, in {region}"), &held.place)
            })
            .collect();
        found.push(
            Draft::new(name, words::row(texts.iter().map(String::as_str)))
                .because(format!(
                    "{} regions for one site: after a failover every use of the one from the other crosses regions.",
                    regions.len()
                ))
                .advice("bring them to one region, or measure the site under load before it is needed")
                .shows_all(statements)
                .shows_all(stores),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "places-do-not-meet";

    fn plan(cache: &str) -> String {
        format!(
            "sites: {{ dr: {{ role: s, parts: {{ database: {{ what: d, region: eu-west-1 }}, \
             cache: {{ what: c, region: {cache} }} }}, where: s }} }}"
        )
    }

    #[test]
    fn an_ocean_between_database_and_cache() {
        assert_eq!(
            found(RULE, &plan("us-west-2")),
            ["warn dr: database in eu-west-1 and cache in us-west-2"]
        );
    }

    #[test]
    fn silent_in_one_region() {
        assert!(found(RULE, &plan("eu-west-1")).is_empty());
    }
}
