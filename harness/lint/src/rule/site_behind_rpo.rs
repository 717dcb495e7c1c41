//! A recovery site whose backups are older than the RPO of what is recovered there.

use firedrill_core::document::Place;
use firedrill_core::plan::{BackupKind, ComponentKind};

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::{Subject, listed, tightest};

pub(crate) static RULE: Rule = Rule {
    name: "site-behind-rpo",
    class: Class::Arithmetic,
    severity: Severity::Error,
    title: "A recovery site whose backups are older than the RPO",
    teaches: "\
What is recovered at a cold site comes from the backups that reach it. If the fastest policy that names the site as one of
its places runs once a day, up to a day is lost there, however well the other sites are supplied.

Looked at are disasters with a `recovery_site` that a backup policy of a database they hit names as a place, and that holds
no replica of it. WAL or a replica whose places the plan does not give might reach the site as well: then the finding is an
`info` that says so.

Ship WAL to that site too, or write the RPO that it can keep.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    for (name, disaster) in &subject.plan.disasters {
        let Some(site) = &disaster.recovery_site else { continue };
        let figures = listed(
            &Place::of("disasters").then(name).then("rpo"),
            &disaster.rpo,
            &format!("RPO after {name}"),
        );
        let Some(rpo) = tightest(&figures) else { continue };
        let Some(allowed) = rpo.figure.value().map(|value| length::least(*value)) else {
            continue;
        };
        for component in &disaster.hits {
            let database = subject
                .plan
                .components
                .get(component)
                .is_some_and(|one| one.kind == ComponentKind::Database);
            if !database {
                continue;
            }
            let policies = subject.backups_of(component);
            let here = || policies.iter().filter(|(_, policy)| policy.places.contains(site));
            if here().any(|(_, policy)| matches!(policy.kind, BackupKind::Replica | BackupKind::Wal)) {
                continue;
            }
            let fastest = here()
                .filter_map(|(name, policy)| Some((length::of(policy.every.as_ref()?)?, *name, *policy)))
                .min_by_key(|(every, name, _)| (*every, *name));
            let Some((every, policy_name, policy)) = fastest else {
                continue;
            };
            if every <= allowed {
                continue;
            }
            let mut draft = Draft::new(
                name,
                format!(
                    "{site} gets a backup every {}, the RPO is {}",
                    length::words(every),
                    rpo.figure
                ),
            )
            .because(format!(
                "Worst loss of {component} at {site}: {}; allowed: {}; {} too much.",
                length::words(every),
                rpo.figure,
                length::words(every - allowed)
            ))
            .advice(format!("ship WAL to {site} as well, or write the RPO that it can keep"))
            .shows(subject.placed(rpo))
            .shows(subject.backup(policy_name, policy))
            .shows(subject.statement(
                Place::of("disasters").then(name).then("recovery_site"),
                format!("{name} is recovered at {site}"),
                String::new(),
            ));
            for (other, policy) in policies {
                let follows = matches!(policy.kind, BackupKind::Replica | BackupKind::Wal);
                if follows && policy.places.is_empty() {
                    draft = draft
                        .assumes(format!(
                            "{other} does not reach {site}: the plan does not say where it goes"
                        ))
                        .shows(subject.backup(other, policy));
                }
            }
            found.push(draft);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "site-behind-rpo";

    fn plan(more: &str) -> String {
        format!(
            "components: {{ db: {{ kind: database }} }}\nsites: {{ cold: {{ role: cold, where: s }} }}\n\
             backups: {{ d: {{ of: [db], kind: base, every: {{ is: 1 d, where: b }}, places: [cold], where: b }}{more} }}\n\
             disasters: {{ out: {{ title: O, automated: manual, recovery_site: cold, hits: [db], \
             rpo: [{{ is: 30 min, where: d }}] }} }}"
        )
    }

    #[test]
    fn a_cold_site_is_a_day_behind() {
        assert_eq!(
            found(RULE, &plan("")),
            ["error out: cold gets a backup every 1 d, the RPO is 30 minutes"]
        );
    }

    #[test]
    fn wal_that_may_reach_it_makes_it_an_assumption() {
        let wal = ", w: { of: [db], kind: wal, where: w }";
        assert!(found(RULE, &plan(wal))[0].starts_with("info"));
    }

    #[test]
    fn silent_with_wal_at_the_site() {
        assert!(found(RULE, &plan(", w: { of: [db], kind: wal, places: [cold], where: w }")).is_empty());
    }
}
