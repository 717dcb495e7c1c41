//! A standby site that no copy of the database is said to reach.

use std::collections::BTreeMap;

use firedrill_core::document::Place;
use firedrill_core::plan::{BackupKind, ComponentKind, Disaster};

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::severity::Severity;
use crate::subject::Subject;

pub(crate) static RULE: Rule = Rule {
    name: "standby-without-data",
    class: Class::Design,
    severity: Severity::Warn,
    title: "A standby site that no copy of the database is said to reach",
    teaches: "\
Traffic that is moved to another region finds an application without a database, unless a replica or a backup is there too.
A database that is replicated between zones of one region stays behind with the region.

Looked at are sites at which a disaster is recovered: one of their parts must be the database, or a backup policy of it must
name the site, or a store in its region, as a place. A replica or store whose place the plan does not give might be there:
then the finding is an `info` that says so. Silent for a site that holds a part which is the database.

Say what brings the data there and how far behind they are, or take the site out of the plan.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    let plan = subject.plan;
    let home = plan.monitoring.site.as_deref();
    let mut recovered: BTreeMap<&str, (&String, &Disaster)> = BTreeMap::new();
    for (name, disaster) in &plan.disasters {
        if let Some(site) = &disaster.recovery_site {
            recovered.entry(site).or_insert((name, disaster));
        }
    }
    for (name, site) in &plan.sites {
        let Some((disaster_name, disaster)) = recovered.get(name.as_str()).copied() else {
            continue;
        };
        let role = site.role.to_lowercase();
        if Some(name.as_str()) == home
            || role.contains("production")
            || role.contains("primary")
            || role.contains("clean")
        {
            continue;
        }
        for (database, component) in &plan.components {
            if component.kind != ComponentKind::Database {
                continue;
            }
            let here = site
                .parts
                .iter()
                .any(|(part, held)| part == "database" || held.component.as_ref() == Some(database));
            let reaches = |place: &String| {
                place == name
                    || plan
                        .stores
                        .get(place)
                        .and_then(|store| store.region.as_ref())
                        .is_some_and(|region| site.region.as_ref() == Some(region))
            };
            let backups = subject.backups_of(database);
            if here || backups.iter().any(|(_, policy)| policy.places.iter().any(reaches)) {
                continue;
            }
            let mut draft = Draft::new(name, format!("{disaster_name} is recovered here, and no copy of {database} is said to be"))
                .because(format!(
                    "No part of {name} is {database}, and no backup of it names {name} as a place. The application comes up \
                     without data."
                ))
                .advice(format!("say what brings {database} to {name}, and how far behind it is"))
                .shows(subject.statement(
                    Place::of("sites").then(name).then("role"),
                    format!("site {name}: {}", site.role),
                    &site.place,
                ))
                .shows(subject.statement(
                    Place::of("disasters").then(disaster_name).then("recovery_site"),
                    format!("{disaster_name} is recovered at {name}"),
                    disaster.place.clone().unwrap_or_default(),
                ));
            for (policy_name, policy) in backups {
                let unknown = policy.places.is_empty()
                    || policy
                        .places
                        .iter()
                        .any(|place| plan.stores.get(place).is_none_or(|store| store.region.is_none()));
                if unknown && !matches!(policy.kind, BackupKind::Files | BackupKind::Other) {
                    draft = draft
                        .assumes(format!(
                            "{policy_name} does not reach {name}: the plan does not say where it is"
                        ))
                        .shows(subject.backup(policy_name, policy));
                }
            }
            found.push(draft);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "standby-without-data";

    fn plan(parts: &str, backups: &str) -> String {
        format!(
            "components: {{ db: {{ kind: database }} }}\n\
             sites: {{ b: {{ role: standby, region: west, parts: {{ {parts} }}, where: s }} }}\n\
             stores: {{ far: {{ region: east, where: s }}, near: {{ region: west, where: s }} }}\n\
             backups: {{ {backups} }}\n\
             disasters: {{ out: {{ title: O, automated: manual, recovery_site: b }} }}"
        )
    }

    #[test]
    fn an_application_without_data() {
        let far = "d: { of: [db], kind: dump, places: [far], where: b }";
        assert_eq!(
            found(RULE, &plan("", far)),
            ["warn b: out is recovered here, and no copy of db is said to be"]
        );
        assert!(found(RULE, &plan("", "r: { of: [db], kind: replica, where: b }"))[0].starts_with("info"));
    }

    #[test]
    fn silent_where_the_data_are() {
        assert!(found(RULE, &plan("database: { what: standby }", "")).is_empty());
        assert!(found(RULE, &plan("", "d: { of: [db], kind: dump, places: [near], where: b }")).is_empty());
        assert!(found(RULE, &plan("", "r: { of: [db], kind: replica, places: [b], where: b }")).is_empty());
    }
}
