//! A recovery site whose backups are older than the RPO of what is recovered there.

use firedrill_core::document::Place;
use firedrill_core::plan::{BackupKind, ComponentKind};

use super::archive_outlasts_rto::{cold_parts, starts_cold};
use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::{Subject, listed, tightest};
use crate::words;

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
`info` that says so. Drills that say that they start a cold site are held against what the plan says of the database there
(\"restored from a daily backup\").
Silent where what reaches the site is as frequent as the RPO.

Ship WAL to that site too, or write the RPO that it can keep.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    look_drills(subject, found);
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

/// Drills that start a cold site whose database comes, by the plan's own words, from a backup of some interval.
fn look_drills(subject: &Subject<'_>, found: &mut Findings) {
    let cold: Vec<_> = cold_parts(subject)
        .filter(|(_, _, part_name, _)| part_name.as_str() == "database")
        .filter_map(|(name, site, part_name, part)| Some((name, site, part_name, part, interval(&part.what)?)))
        .collect();
    let Some((name, site, part_name, part, every)) = cold.first() else {
        return;
    };
    for (index, duty) in subject.plan.drills.iter().enumerate() {
        let figures = listed(
            &Place::of("drills").then(index).then("rpo"),
            &duty.rpo,
            &format!("RPO of {}", duty.what),
        );
        let Some(rpo) = tightest(&figures).filter(|_| starts_cold(duty)) else {
            continue;
        };
        let Some(allowed) = rpo.figure.value().map(|value| length::least(*value)) else {
            continue;
        };
        if *every <= allowed {
            continue;
        }
        found.push(
            Draft::new(
                &duty.what,
                format!(
                    "{name} is up to {} behind, the RPO is {}",
                    length::words(*every),
                    rpo.figure
                ),
            )
            .because(format!(
                "The database of {name} is {}: up to {} old; allowed: {}; {} too much.",
                part.what,
                length::words(*every),
                rpo.figure,
                length::words(every - allowed)
            ))
            .advice(format!("ship WAL to {name} as well, or write the RPO that it can keep"))
            .shows(subject.placed(rpo))
            .shows(subject.statement(
                Place::of("sites").then(name).then("parts").then(part_name).then("what"),
                format!("database of {name}: {}", part.what),
                &site.place,
            )),
        );
    }
}

/// The interval that a word for backups tells.
fn interval(what: &str) -> Option<i64> {
    const DAY: i64 = 24 * firedrill_core::stamp::HOUR;
    if !words::has_any(what, &["backup", "backups", "dump", "dumps"]) {
        return None;
    }
    [
        ("hourly", DAY / 24),
        ("daily", DAY),
        ("nightly", DAY),
        ("weekly", 7 * DAY),
    ]
    .iter()
    .find(|(word, _)| words::has_word(what, word))
    .map(|(_, every)| *every)
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
    fn a_drill_of_a_cold_site() {
        let text = |what: &str| {
            format!(
                "sites: {{ far: {{ role: cold standby, parts: {{ database: {{ what: {what} }} }}, where: s }} }}\n\
                 drills: [{{ what: day, objective: start the cold site, rpo: [{{ at_most: 60 min, where: d }}], where: d }}]"
            )
        };
        assert_eq!(
            found(RULE, &text("restored from a daily backup")),
            ["error day: far is up to 1 d behind, the RPO is <= 60 minutes"]
        );
        assert!(found(RULE, &text("restored from an hourly backup")).is_empty());
        assert!(found(RULE, &text("a replica")).is_empty());
    }

    #[test]
    fn silent_with_wal_at_the_site() {
        assert!(found(RULE, &plan(", w: { of: [db], kind: wal, places: [cold], where: w }")).is_empty());
    }
}
