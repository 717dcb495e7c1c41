//! A backup that is made more rarely than the RPO allows.

use firedrill_core::plan::{BackupKind, BackupPolicy, Component, ComponentKind, Written};

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::{Subject, tightest};
use crate::words;

pub(crate) static RULE: Rule = Rule {
    name: "backup-rarer-than-rpo",
    class: Class::Arithmetic,
    severity: Severity::Error,
    title: "A backup that is made more rarely than the RPO allows",
    teaches: "\
What is written just after a backup began is lost if the disaster strikes just before the next one is complete. So the
worst loss is the whole interval between two restorable points, plus the time that a backup takes, and the RPO must be
longer than that. With a dump every 6 hours and an RPO of 15 minutes, 5 h 45 min of the worst case break the promise.

The interval is that of the fastest policy of the component which is no replica: a replica repeats a corruption or a
deletion at once, so it brings nothing back. WAL shipped continuously and copies made on each change move the restorable
point all the time; with them this rule is silent. An interval as long as the RPO is a warning: there is no room for the
time that the backup takes. WAL of which the plan does not say how often it leaves the server is an `info`.

Ship WAL (or the store's change log) for what has a small RPO, or write the RPO that the backups can keep.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    for (name, component) in &subject.plan.components {
        check(subject, name, component, found);
    }
}

fn check(subject: &Subject<'_>, name: &str, component: &Component, found: &mut Findings) {
    if component.kind == ComponentKind::External {
        return;
    }
    let backups = subject.backups_of(name);
    let restorable = || backups.iter().filter(|(_, policy)| policy.kind != BackupKind::Replica);
    if let Some((wal, policy)) = restorable().find(|(_, policy)| moves_all_the_time(policy)) {
        let silent = policy.kind == BackupKind::Wal && policy.on.is_none();
        let alone = restorable().filter(|(_, policy)| moves_all_the_time(policy)).count() == 1;
        if silent && alone {
            unstated(subject, name, component, wal, policy, found);
        }
        return;
    }
    let fastest = restorable()
        .filter_map(|(name, policy)| Some((*name, *policy, length::of(policy.every.as_ref()?)?)))
        .min_by_key(|(_, _, every)| *every);
    let figures = subject.rpo_of(name, component);
    let (Some((policy_name, policy, every)), Some(rpo)) = (fastest, tightest(&figures)) else {
        return;
    };
    let Some((written, value)) = rpo.figure.written() else {
        return;
    };
    let allowed = length::least(*value);
    if every < allowed {
        return;
    }
    let replicas: Vec<_> = backups
        .iter()
        .filter(|(_, policy)| policy.kind == BackupKind::Replica)
        .collect();
    let draft = if every == allowed && written != Written::Below {
        Draft::new(
            name,
            format!("backed up every {}, exactly the RPO", length::words(every)),
        )
        .because(format!(
            "Worst loss: {0} between two backups, plus the time that a backup takes; allowed: {1}. Any duration above 0 \
             breaks it.",
            length::words(every),
            rpo.figure
        ))
        .weighs(Severity::Warn)
    } else {
        Draft::new(
            name,
            format!(
                "up to {} of data are lost, the RPO allows {}",
                length::words(every),
                rpo.figure
            ),
        )
        .because(format!(
            "Worst loss: {} between two backups, plus the time that a backup takes; allowed: {}. That is {} too much{}.",
            length::words(every),
            rpo.figure,
            length::words(every - allowed),
            times(every, allowed),
        ))
    };
    let mut draft = draft
        .advice(format!(
            "ship WAL or changes of {name} at least every {}, or write an RPO of more than {}",
            length::words(allowed / 2),
            length::words(every)
        ))
        .shows(subject.placed(rpo))
        .shows(subject.backup(policy_name, policy))
        .shows_all(figures.iter().map(|figure| subject.placed(figure)));
    if !replicas.is_empty() {
        draft = draft.shows_all(replicas.iter().map(|(name, policy)| {
            let mut statement = subject.backup(name, policy);
            statement.says = format!("replica {name}: repeats a corruption or deletion");
            statement
        }));
    }
    found.push(draft);
}

/// WAL of which the plan does not say how often it leaves the server.
fn unstated(
    subject: &Subject<'_>,
    name: &str,
    component: &Component,
    wal: &str,
    policy: &BackupPolicy,
    found: &mut Findings,
) {
    let figures = subject.rpo_of(name, component);
    let Some(rpo) = tightest(&figures) else { return };
    let Some(allowed) = rpo.figure.value().map(|value| length::least(*value)) else {
        return;
    };
    found.push(
        Draft::new(
            name,
            format!(
                "an RPO of {} rests on WAL whose interval the plan does not give",
                rpo.figure
            ),
        )
        .because(format!(
            "WAL leaves the server when a segment is full or archive_timeout is over; a quiet database fills none, and \
                 the default is no timeout. Without {wal} the next restorable point is that of the slower backups."
        ))
        .advice(format!(
            "say how often WAL leaves the server, at least every {}",
            length::words(allowed)
        ))
        .assumes(format!("nothing else ships the WAL within {}", length::words(allowed)))
        .shows(subject.placed(rpo))
        .shows(subject.backup(wal, policy))
        .shows_all(
            subject
                .backups_of(name)
                .iter()
                .filter(|(_, policy)| policy.every.is_some())
                .map(|(name, policy)| subject.backup(name, policy)),
        ),
    );
}

/// Whether the restorable point follows the data: WAL without an interval, or a copy on each change.
pub(super) fn moves_all_the_time(policy: &BackupPolicy) -> bool {
    policy.on.as_deref().is_some_and(|on| {
        words::has_any(
            on,
            &[
                "continuous",
                "continuously",
                "change",
                "changes",
                "deployment",
                "deploy",
                "commit",
                "real-time",
            ],
        )
    }) || (policy.kind == BackupKind::Wal && policy.every.is_none())
}

fn times(every: i64, allowed: i64) -> String {
    if allowed > 0 && every / allowed >= 2 {
        format!(", {} times the RPO", every / allowed)
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "backup-rarer-than-rpo";

    fn plan(rpo: &str, backups: &str) -> String {
        format!("components: {{ db: {{ kind: database, rpo: [{{ {rpo}, where: t }}] }} }}\nbackups: {{ {backups} }}")
    }

    #[test]
    fn a_dump_every_six_hours_cannot_keep_fifteen_minutes() {
        let text = plan(
            "below: 15 min",
            "d: { of: [db], kind: dump, every: { is: 6 h, where: b }, where: b }",
        );
        assert_eq!(
            found(RULE, &text),
            ["error db: up to 6 h of data are lost, the RPO allows < 15 minutes"]
        );
    }

    #[test]
    fn a_replica_brings_nothing_back() {
        let text = plan(
            "is: 1 h",
            "d: { of: [db], kind: dump, every: { is: 6 h, where: b }, where: b }, \
             r: { of: [db], kind: replica, on: continuous, where: r }",
        );
        assert_eq!(found(RULE, &text).len(), 1);
    }

    #[test]
    fn as_often_as_the_rpo_is_no_room() {
        let backup = "d: { of: [db], kind: dump, every: { is: 15 min, where: b }, where: b }";
        assert_eq!(
            found(RULE, &plan("is: 15 min", backup)),
            ["warn db: backed up every 15 min, exactly the RPO"]
        );
        assert!(found(RULE, &plan("below: 15 min", backup))[0].starts_with("error"));
    }

    #[test]
    fn silent_where_the_plan_holds() {
        for (rpo, backups) in [
            (
                "is: 24 h",
                "d: { of: [db], kind: dump, every: { is: 6 h, where: b }, where: b }",
            ),
            (
                "is: 5 min",
                "d: { of: [db], kind: dump, every: { is: 6 h, where: b }, where: b }, \
                 w: { of: [db], kind: wal, on: continuous, where: w }",
            ),
            (
                "is: 0 min",
                "d: { of: [db], kind: other, on: every deployment, where: b }",
            ),
        ] {
            assert!(found(RULE, &plan(rpo, backups)).is_empty(), "{rpo} {backups}");
        }
    }
}
