//! Backups that lie at one place only, or with one provider only.

use std::collections::BTreeSet;

use firedrill_core::document::Place;
use firedrill_core::plan::BackupKind;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::severity::Severity;
use crate::subject::Subject;

pub(crate) static RULE: Rule = Rule {
    name: "single-copy",
    class: Class::Design,
    severity: Severity::Warn,
    title: "Backups at one place only",
    teaches: "\
A component whose backups lie at one place loses all of them with that place: a deleted bucket, a locked account, a provider
that is down on the same day. Three copies at two places, one of them elsewhere, is the old rule.

Counted are the `places` of all policies of a component, replicas too. A place that by its own name copies across
regions is more than one. Policies that name no place are left alone.
Silent with two places or more.

Add a second place with another provider or account.",
    look: Look::Plan(look),
};

pub(crate) static PROVIDER: Rule = Rule {
    name: "single-provider",
    class: Class::Design,
    severity: Severity::Warn,
    title: "Data and all their backups with one provider",
    teaches: "\
If the provider that runs a component also keeps every backup of it, one locked account or one outage takes both. Regions
do not help against that: they belong to the same account.

Held against each other are the provider of a component (with what it `runs_on`) and those of the stores of its backups.
Silent where one store belongs to somebody else, or where the plan does not say to whom.

Keep one copy with another provider.",
    look: Look::Plan(look_provider),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    for name in subject.plan.components.keys() {
        let mut places: BTreeSet<&str> = BTreeSet::new();
        let mut statements = Vec::new();
        for (policy_name, policy) in subject.backups_of(name) {
            for (index, place) in policy.places.iter().enumerate() {
                places.insert(place);
                statements.push(subject.statement(
                    Place::of("backups").then(policy_name).then("places").then(index),
                    format!("backup {policy_name} is kept at {place}"),
                    &policy.place,
                ));
            }
        }
        let replicas = subject
            .backups_of(name)
            .iter()
            .all(|(_, policy)| policy.kind == BackupKind::Replica);
        if replicas {
            continue;
        }
        let Some(only) = places.first().filter(|_| places.len() == 1) else {
            continue;
        };
        let lower = only.to_lowercase();
        if ["region", "replicat", "mirror", "copies"]
            .iter()
            .any(|word| lower.contains(word))
        {
            continue;
        }
        found.push(
            Draft::new(name, format!("every backup lies at {only}"))
                .because(format!("Places of all backups of {name}: {only}; that is one."))
                .advice("add a second place, with another provider or account")
                .shows_all(statements),
        );
    }
}

fn look_provider(subject: &Subject<'_>, found: &mut Findings) {
    for (name, component) in &subject.plan.components {
        let Some(runs) = &component.provider else { continue };
        let home = root(subject, runs);
        let mut statements = Vec::new();
        let mut unknown = false;
        let mut elsewhere = false;
        for (policy_name, policy) in subject.backups_of(name) {
            if policy.kind == BackupKind::Replica {
                continue;
            }
            unknown |= policy.places.is_empty();
            for (index, place) in policy.places.iter().enumerate() {
                match subject
                    .plan
                    .stores
                    .get(place)
                    .and_then(|store| store.provider.as_deref())
                {
                    None => unknown = true,
                    Some(provider) if root(subject, provider) != home => elsewhere = true,
                    Some(provider) => statements.push(subject.statement(
                        Place::of("backups").then(policy_name).then("places").then(index),
                        format!("backup {policy_name} is kept at {place}, with {provider}"),
                        &policy.place,
                    )),
                }
            }
        }
        if unknown || elsewhere || statements.is_empty() {
            continue;
        }
        let through = if home == runs.as_str() {
            String::new()
        } else {
            format!(" (through {runs})")
        };
        found.push(
            Draft::new(name, format!("runs with {home}{through}, and so do all its backups"))
                .because(format!(
                    "One account or one outage of {home} takes {name} and every backup of it."
                ))
                .advice("keep one copy with another provider")
                .shows(subject.statement(
                    Place::of("components").then(name).then("provider"),
                    format!("{name} runs with {runs}"),
                    component.place.clone().unwrap_or_default(),
                ))
                .shows_all(statements),
        );
    }
}

/// On whose machines a provider runs in the end; a circle ends after a few steps.
pub(super) fn root<'a>(subject: &Subject<'a>, provider: &'a str) -> &'a str {
    const STEPS_MAX: usize = 8;
    let mut at = provider;
    for _ in 0..STEPS_MAX {
        match subject.plan.providers.get(at).and_then(|one| one.runs_on.as_deref()) {
            Some(below) => at = below,
            None => break,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    fn plan(places: &str) -> String {
        format!(
            "components: {{ db: {{ kind: database, provider: host }} }}\n\
             providers: {{ host: {{ runs_on: cloud, where: p }}, cloud: {{ where: p }}, other: {{ where: p }} }}\n\
             stores: {{ a: {{ provider: cloud, where: s }}, b: {{ provider: cloud, where: s }}, c: {{ provider: other, where: s }} }}\n\
             backups: {{ d: {{ of: [db], kind: dump, places: [{places}], where: b }} }}"
        )
    }

    #[test]
    fn one_place() {
        assert_eq!(found("single-copy", &plan("a")), ["warn db: every backup lies at a"]);
        assert!(found("single-copy", &plan("a, b")).is_empty());
    }

    #[test]
    fn one_provider() {
        assert_eq!(
            found("single-provider", &plan("a, b")),
            ["warn db: runs with cloud (through host), and so do all its backups"]
        );
        assert!(found("single-provider", &plan("a, c")).is_empty());
    }
}
