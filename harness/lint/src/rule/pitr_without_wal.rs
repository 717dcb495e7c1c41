//! Recovery to a point in time without anything that holds the points.

use firedrill_core::document::Place;
use firedrill_core::plan::{BackupKind, ComponentKind};

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::severity::Severity;
use crate::subject::Subject;
use crate::words;

pub(crate) static RULE: Rule = Rule {
    name: "pitr-without-wal",
    class: Class::Design,
    severity: Severity::Error,
    title: "Recovery to a point in time without WAL",
    teaches: "\
Recovery to a point in time needs a base backup and every piece of WAL from there to the point; undoing chosen transactions
needs the log that holds them. A plan that backs a database up by dumps alone can only return to the moment of a dump.

Looked at are the steps of disasters that hit a database and speak of a point in time, PITR or a transaction log. Silent
where a policy of that database ships WAL (`kind: wal`) or increments.

Archive WAL and take base backups, or write the step that dumps allow.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    for (name, disaster) in &subject.plan.disasters {
        for hit in &disaster.hits {
            let Some(component) = subject.plan.components.get(hit) else {
                continue;
            };
            let backups = subject.backups_of(hit);
            let has_log = backups.iter().any(|(_, policy)| {
                matches!(
                    policy.kind,
                    BackupKind::Wal | BackupKind::Incremental | BackupKind::Unstated
                )
            });
            if component.kind != ComponentKind::Database || has_log || backups.is_empty() {
                continue;
            }
            let steps: Vec<_> = disaster
                .steps
                .iter()
                .enumerate()
                .filter(|(_, step)| needs_log(&step.what))
                .map(|(index, step)| {
                    let at = Place::of("disasters").then(name).then("steps").then(index).then("what");
                    subject.statement(at, format!("step: {}", step.what), &step.place)
                })
                .collect();
            let Some(first) = steps.first() else { continue };
            let says = first.says.trim_start_matches("step: ").to_owned();
            let kinds = words::row(backups.iter().map(|(name, _)| *name));
            found.push(
                Draft::new(name, format!("\"{says}\", and nothing keeps the WAL of {hit}"))
                    .because(format!(
                        "{hit} is backed up by {kinds}; none of them holds what happened between two backups, so there is no \
                         point in time to return to but theirs."
                    ))
                    .advice(format!("archive the WAL of {hit} and take base backups, or write the step that dumps allow"))
                    .shows_all(steps)
                    .shows_all(backups.iter().map(|(name, policy)| subject.backup(name, policy))),
            );
        }
    }
}

fn needs_log(what: &str) -> bool {
    let lower = what.to_lowercase();
    words::has_any(
        &lower,
        &[
            "pitr",
            "point-in-time",
            "point in time",
            "transaction log",
            "transaction logs",
        ],
    )
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "pitr-without-wal";

    fn plan(backups: &str) -> String {
        format!(
            "components: {{ db: {{ kind: database }} }}\nbackups: {{ d: {{ of: [db], kind: dump, where: b }}{backups} }}\n\
             disasters: {{ loss: {{ title: L, automated: manual, hits: [db], steps: [\
             {{ what: start point-in-time recovery, where: s }}] }} }}"
        )
    }

    #[test]
    fn dumps_hold_no_points_in_time() {
        assert_eq!(
            found(RULE, &plan("")),
            ["error loss: \"start point-in-time recovery\", and nothing keeps the WAL of db"]
        );
    }

    #[test]
    fn silent_with_wal() {
        assert!(found(RULE, &plan(", w: { of: [db], kind: wal, where: w }")).is_empty());
    }
}
