//! A restore test that begins while a backup begins.

use std::collections::BTreeMap;

use firedrill_core::document::Place;
use firedrill_core::plan::{BackupPolicy, TimeOfDay};

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings, STATEMENTS_MAX};
use crate::severity::Severity;
use crate::subject::Subject;
use crate::words;

pub(crate) static RULE: Rule = Rule {
    name: "restore-collides-with-backup",
    class: Class::Arithmetic,
    severity: Severity::Warn,
    title: "A restore test that begins at the minute of a backup",
    teaches: "\
A restore test and a backup that begin at the same minute read and write the same store: the test may take a backup that is
half written, both take longer than measured, and a failure of one looks like a failure of the other.

Held against each other are the time of day of each backup policy (`at`) and that of each drill that restores or tests
backups, where both are known to the minute. A time without a zone next to one with a zone is taken as the same zone: an
assumption. Silent where the times differ.

Move the test to after the backup is complete.",
    look: Look::Plan(look),
};

/// A policy by name, and when its backup begins.
type Timed<'a> = (&'a str, &'a BackupPolicy, &'a TimeOfDay);

fn look(subject: &Subject<'_>, found: &mut Findings) {
    let mut by_time: BTreeMap<(i8, i8), Vec<Timed<'_>>> = BTreeMap::new();
    for (name, policy) in &subject.plan.backups {
        if let Some(at) = &policy.at {
            by_time
                .entry((at.hour, at.minute))
                .or_default()
                .push((name, policy, at));
        }
    }
    for (index, duty) in subject.plan.drills.iter().enumerate() {
        let Some(test) = &duty.at else { continue };
        if !words::has_any(
            &duty.what,
            &["restore", "restores", "restoration", "backup", "backups", "maintenance"],
        ) {
            continue;
        }
        let same: Vec<_> = by_time
            .get(&(test.hour, test.minute))
            .into_iter()
            .flatten()
            .filter(|(_, _, backup)| !differ(test, backup))
            .take(STATEMENTS_MAX)
            .collect();
        let Some((name, _, backup)) = same.first() else {
            continue;
        };
        let day = duty
            .when
            .and_then(|when| when.rule().ok())
            .map_or_else(String::new, |rule| format!(", {rule}"));
        let mut draft = Draft::new(&duty.what, format!("begins at {test}{day}, as the backup {name} does"))
            .because(format!(
                "Test: {test}{day}. Backup {name}: {backup}, each time. Both begin at the same minute."
            ))
            .advice("move the test to after the backup is complete")
            .shows(subject.statement(
                Place::of("drills").then(index).then("at"),
                format!("{} at {test}", duty.what),
                &duty.place,
            ))
            .shows_all(same.iter().map(|(name, policy, backup)| {
                let at = Place::of("backups").then(name).then("at");
                subject.statement(at, format!("backup {name} at {backup}"), &policy.place)
            }));
        if same.iter().any(|(_, _, backup)| backup.zone != test.zone) {
            draft = draft.assumes("both times are of the same zone: one of them is written without");
        }
        found.push(draft);
    }
}

/// Whether both name a zone, and not the same.
fn differ(one: &TimeOfDay, other: &TimeOfDay) -> bool {
    matches!((&one.zone, &other.zone), (Some(one), Some(other)) if one != other)
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "restore-collides-with-backup";

    fn plan(test: &str) -> String {
        format!(
            "components: {{ db: {{ kind: database }} }}\n\
             backups: {{ full: {{ of: [db], kind: dump, at: '02:00 UTC', where: b }} }}\n\
             drills: [{{ what: restore of the database, when: {{ weekday: sunday }}, at: '{test}', where: d }}]"
        )
    }

    #[test]
    fn both_begin_at_two() {
        assert_eq!(
            found(RULE, &plan("02:00 UTC")),
            ["warn restore of the database: begins at 02:00 UTC, every Sunday, as the backup full does"]
        );
        assert!(found(RULE, &plan("02:00"))[0].starts_with("info"));
    }

    #[test]
    fn silent_at_another_time() {
        assert!(found(RULE, &plan("06:00 UTC")).is_empty());
        assert!(found(RULE, &plan("02:00 Europe/Berlin")).is_empty());
    }
}
