//! A recovery from a provider's outage at a site of that provider.

use std::collections::BTreeSet;

use firedrill_core::document::Place;

use super::single_copy::root;
use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings, STATEMENTS_MAX};
use crate::severity::Severity;
use crate::subject::Subject;

pub(crate) static RULE: Rule = Rule {
    name: "multi-cloud-on-one-provider",
    class: Class::Design,
    severity: Severity::Error,
    title: "A provider's outage that is recovered with the same provider",
    teaches: "\
\"Multi-cloud\" is what a plan needs against the outage of a provider: a site that somebody else runs. If every standby that the
plan describes belongs to one provider, and production uses that provider too, there is nowhere to go; a site of which the plan
gives no more than a name is none.

The provider of a site is that of its parts, else the one whose names of regions it uses (`eu-west-1` is a region of AWS,
`europe-west1` of Google, `westeurope` of Azure); the latter is an assumption, so the finding is an `info`. Looked at are
disasters that are called the outage of a provider and are recovered at a site.
Silent where one standby is with somebody else.

Put one site with another provider, with backups that reach it, or take the disaster's targets back.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    let mut home: BTreeSet<String> = BTreeSet::new();
    let mut standby: BTreeSet<String> = BTreeSet::new();
    let mut guessed = false;
    let mut statements = Vec::new();
    for (site, held) in &subject.plan.sites {
        let role = held.role.to_lowercase();
        let production = role.contains("production") || role.contains("primary");
        let mut providers: BTreeSet<String> = BTreeSet::new();
        let mut said = None;
        for (part_name, part) in &held.parts {
            if let Some(provider) = &part.provider {
                providers.insert(root(subject, provider).to_lowercase());
                let at = Place::of("sites")
                    .then(site)
                    .then("parts")
                    .then(part_name)
                    .then("provider");
                said = said.or(Some(subject.statement(
                    at,
                    format!("{part_name} of {site}: {provider}"),
                    &held.place,
                )));
            }
        }
        if providers.is_empty() {
            let Some(cloud) = held.region.as_deref().and_then(cloud) else {
                continue;
            };
            guessed = true;
            providers.insert(cloud.to_owned());
            let at = Place::of("sites").then(site).then("region");
            let region = held.region.as_deref().unwrap_or("");
            said = Some(subject.statement(at, format!("site {site}: {region}"), &held.place));
        }
        if production {
            home.extend(providers);
        } else {
            standby.extend(providers);
        }
        statements.extend(said.filter(|_| statements.len() < STATEMENTS_MAX));
    }
    let Some(only) = standby
        .first()
        .filter(|only| standby.len() == 1 && home.contains(*only))
    else {
        return;
    };
    for (name, disaster) in &subject.plan.disasters {
        let title = disaster.title.to_lowercase();
        let Some(site_name) = &disaster.recovery_site else {
            continue;
        };
        if !(title.contains("provider") && title.contains("outage")) {
            continue;
        }
        let mut draft = Draft::new(
            name,
            format!("recovered at {site_name}, and every standby that the plan describes is with {only}"),
        )
        .because(format!(
            "Providers of the standby sites: 1 ({only}), which production uses as well. When {only} is out, all of them are."
        ))
        .advice("put one site with another provider, and let backups reach it")
        .shows(subject.statement(
            Place::of("disasters").then(name).then("recovery_site"),
            format!("{} is recovered at {site_name}", disaster.title),
            disaster.place.clone().unwrap_or_default(),
        ))
        .shows_all(statements.iter().cloned());
        if let Some(site) = subject.plan.sites.get(site_name)
            && site.parts.is_empty()
            && site.region.is_none()
        {
            draft = draft.shows(subject.statement(
                Place::of("sites").then(site_name).then("role"),
                format!("of {site_name} the plan gives no more than the name"),
                &site.place,
            ));
        }
        if guessed {
            draft = draft.assumes(format!("regions with such names are those of {only}"));
        }
        found.push(draft);
    }
}

/// Whose regions have such names.
fn cloud(region: &str) -> Option<&'static str> {
    let region = region.to_lowercase();
    let word = region.split_whitespace().next()?;
    let parts: Vec<&str> = word.split('-').collect();
    let number = |text: &str| !text.is_empty() && text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
    let aws = ["us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx"];
    match parts.as_slice() {
        [area, _, last] if aws.contains(area) && number(last) => Some("aws"),
        [area, place]
            if ["us", "europe", "asia", "australia"].contains(area)
                && place.ends_with(|c: char| c.is_ascii_digit()) =>
        {
            Some("google")
        }
        [one] if ["westeurope", "northeurope", "eastus", "westus", "eastus2"].contains(one) => Some("azure"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "multi-cloud-on-one-provider";

    fn plan(second: &str) -> String {
        format!(
            "sites: {{ a: {{ role: production, region: eu-north-1, where: s }}, b: {{ role: s, region: {second}, where: s }} }}\n\
             disasters: {{ out: {{ title: Provider outage, automated: manual, recovery_site: b }} }}"
        )
    }

    #[test]
    fn nowhere_to_go() {
        assert_eq!(
            found(RULE, &plan("us-east-1")),
            ["info out: recovered at b, and every site is with aws"]
        );
    }

    #[test]
    fn silent_with_another_provider() {
        assert!(found(RULE, &plan("europe-west1")).is_empty());
        assert!(found(RULE, &plan("somewhere")).is_empty());
    }
}
