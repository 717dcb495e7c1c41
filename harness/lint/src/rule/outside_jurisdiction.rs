//! Personal data recovered outside the jurisdiction that the plan is bound to.

use firedrill_core::document::Place;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings, STATEMENTS_MAX};
use crate::severity::Severity;
use crate::subject::Subject;
use crate::words;

pub(crate) static RULE: Rule = Rule {
    name: "outside-jurisdiction",
    class: Class::Design,
    severity: Severity::Warn,
    title: "Personal data recovered outside the jurisdiction that the plan names",
    teaches: "\
A plan that runs in the European Union and binds itself to the GDPR or to rules on residency may move personal data to a third
country only on grounds that somebody prepared: a decision on adequacy, contracts, an assessment. A disaster is no ground. A
site in another jurisdiction is therefore one that may not be used when it is needed, unless the plan says why it may.

Held against each other are the region of the site with the role of production and those of the other sites, where the plan
names the GDPR or residency among its demands. Read are names of regions (`eu-...`, `europe-...`, `us-...`). Silent where the
sites are on one side, where production is outside the EU, and without such a demand.

Recover inside, or write down the ground on which the data may be there, and who decided it.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    let plan = subject.plan;
    let demands: Vec<_> = plan
        .compliance
        .iter()
        .enumerate()
        .filter(|(_, demand)| {
            demand.standards.iter().any(|one| words::has_word(one, "gdpr"))
                || words::has_any(&demand.what, &["gdpr", "residency", "jurisdiction"])
        })
        .take(STATEMENTS_MAX)
        .map(|(index, demand)| {
            let at = Place::of("compliance").then(index).then("what");
            subject.statement(at, format!("demand: {}", demand.what), &demand.place)
        })
        .collect();
    if demands.is_empty() {
        return;
    }
    let home = plan.sites.iter().find(|(_, site)| {
        let role = site.role.to_lowercase();
        role.contains("production") || role.contains("primary")
    });
    let Some((home_name, home_region)) = home.and_then(|(name, site)| Some((name, site.region.as_deref()?))) else {
        return;
    };
    if inside(home_region) != Some(true) {
        return;
    }
    for (name, site) in &plan.sites {
        let Some(region) = &site.region else { continue };
        if name == home_name || inside(region) != Some(false) {
            continue;
        }
        found.push(
            Draft::new(name, format!("stands in {region}, and the plan is bound to rules on where data may be"))
                .because(format!(
                    "Production stands in {home_region}, inside the EU; {name} in {region}, outside. The plan names no ground \
                     for moving personal data there."
                ))
                .advice("recover inside, or write down the ground on which the data may be there")
                .shows(subject.statement(
                    Place::of("sites").then(name).then("region"),
                    format!("site {name} in {region}"),
                    &site.place,
                ))
                .shows_all(demands.iter().cloned()),
        );
    }
}

/// Whether a region's name is inside the EU or the EEA; `None` where the name does not tell.
fn inside(region: &str) -> Option<bool> {
    let region = region.to_lowercase();
    let first = region.split(|c: char| !c.is_alphanumeric()).next()?;
    match first {
        // London and Zurich have names that begin alike.
        "eu" if region.starts_with("eu-west-2") || region.starts_with("eu-central-2") => None,
        "europe" if region.starts_with("europe-west2") || region.starts_with("europe-west6") => None,
        "eu" | "europe" | "westeurope" | "northeurope" => Some(true),
        "us" | "ap" | "asia" | "sa" | "ca" | "me" | "af" | "eastus" | "westus" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "outside-jurisdiction";

    fn plan(home: &str, standard: &str) -> String {
        format!(
            "sites: {{ a: {{ role: production, region: {home}, where: s }}, b: {{ role: cold, region: us-east-1, where: s }} }}\n\
             compliance: [{{ what: rights of data subjects, standards: [{standard}], where: c }}]"
        )
    }

    #[test]
    fn a_site_across_the_ocean() {
        assert_eq!(
            found(RULE, &plan("eu-north-1", "GDPR")),
            ["warn b: stands in us-east-1, and the plan is bound to rules on where data may be"]
        );
    }

    #[test]
    fn silent_inside_or_unbound() {
        assert!(found(RULE, &plan("us-west-2", "GDPR")).is_empty());
        assert!(found(RULE, &plan("eu-north-1", "PCI DSS")).is_empty());
    }
}
