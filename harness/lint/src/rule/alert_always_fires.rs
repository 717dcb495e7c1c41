//! An alert on the age of backups that fires by the plan's own construction.

use firedrill_core::document::Place;
use firedrill_core::plan::{BackupKind, ComponentKind, ProbeKind, Threshold};

use super::backup_rarer_than_rpo::moves_all_the_time;
use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::Subject;

pub(crate) static RULE: Rule = Rule {
    name: "alert-always-fires",
    class: Class::Arithmetic,
    severity: Severity::Error,
    title: "An alert that fires although everything works",
    teaches: "\
The newest backup is as old as the interval between backups just before the next one is made. An alert on that age with
a threshold below the interval fires in every interval, with nothing broken: with a dump every 6 hours and a threshold of
15 minutes it fires 5 h 45 min out of 6 h. People learn to look away, and then nobody sees the backup that really failed.
Silent where the threshold is at least the interval, and where WAL moves the restorable point all the time.

Set the threshold above the interval plus the time that a backup takes, or back up more often; if the threshold is the
RPO, this alert is right and the interval is wrong (see `backup-rarer-than-rpo`).",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    let databases: Vec<&str> = subject
        .plan
        .components
        .iter()
        .filter(|(_, component)| component.kind == ComponentKind::Database)
        .map(|(name, _)| name.as_str())
        .collect();
    // The age that is watched is that of the databases' restorable points; the slowest database sets it off.
    let mut slowest = None;
    for name in databases {
        let restorable = || {
            subject
                .backups_of(name)
                .iter()
                .filter(|(_, policy)| policy.kind != BackupKind::Replica)
        };
        if restorable().any(|(_, policy)| moves_all_the_time(policy)) {
            continue;
        }
        let fastest = restorable()
            .filter_map(|(name, policy)| Some((length::of(policy.every.as_ref()?)?, *name, *policy)))
            .min_by_key(|(every, name, _)| (*every, *name));
        slowest = slowest.max_by_length(fastest);
    }
    let Some((every, policy_name, policy)) = slowest else {
        return;
    };
    for (name, rule) in &subject.plan.monitoring.alerts {
        let Some(check) = subject.plan.monitoring.checks.get(&rule.check) else {
            continue;
        };
        let (ProbeKind::BackupAge, Some(Threshold::Duration(threshold))) = (&check.probe, &rule.when) else {
            continue;
        };
        let Some(limit) = threshold.value().map(|value| length::least(*value)) else {
            continue;
        };
        if every <= limit {
            continue;
        }
        let at = Place::of("monitoring")
            .then("alerts")
            .then(name)
            .then("when")
            .then("duration");
        let share = i128::from(every - limit) * 1000 / i128::from(every);
        found.push(
            Draft::new(
                name,
                format!(
                    "fires {} of every {}, with nothing broken",
                    length::words(every - limit),
                    length::words(every)
                ),
            )
            .because(format!(
                "Just before a backup the newest is {} old; the alert fires at {}. {} - {} = {} of each interval, {}.{} % \
                 of the time.",
                length::words(every),
                length::words(limit),
                length::words(every),
                length::words(limit),
                length::words(every - limit),
                share / 10,
                share % 10
            ))
            .advice(format!(
                "back up more often than every {}, or let the alert wait longer than {}",
                length::words(limit),
                length::words(every)
            ))
            .shows(subject.figure(&at, threshold, &format!("alert {name}, age of the newest backup")))
            .shows(subject.backup(policy_name, policy)),
        );
    }
}

/// The longer of two intervals.
trait Longer<T> {
    fn max_by_length(self, other: Option<T>) -> Option<T>;
}

impl<A, B> Longer<(i64, A, B)> for Option<(i64, A, B)> {
    fn max_by_length(self, other: Option<(i64, A, B)>) -> Option<(i64, A, B)> {
        match (self, other) {
            (Some(one), Some(other)) if other.0 > one.0 => Some(other),
            (None, other) => other,
            (one, _) => one,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "alert-always-fires";

    fn plan(every: &str, threshold: &str) -> String {
        format!(
            "components: {{ db: {{ kind: database }} }}\n\
             backups: {{ d: {{ of: [db], kind: dump, every: {{ is: {every}, where: b }}, where: b }} }}\n\
             monitoring:\n  checks: {{ age: {{ probe: backup_age, every: {{ is: 1 min, where: m }}, \
             timeout: {{ is: 1 min, where: m }} }} }}\n  alerts: {{ old: {{ kind: backup_old, check: age, \
             failures: {{ is: 1, where: m }}, when: {{ duration: {{ above: {threshold}, where: m }} }} }} }}"
        )
    }

    #[test]
    fn a_threshold_below_the_interval_fires_in_every_interval() {
        assert_eq!(
            found(RULE, &plan("6 h", "15 min")),
            ["error old: fires 5 h 45 min of every 6 h, with nothing broken"]
        );
    }

    #[test]
    fn silent_where_the_threshold_leaves_room() {
        assert!(found(RULE, &plan("6 h", "7 h")).is_empty());
        assert!(found(RULE, &plan("6 h", "6 h")).is_empty());
    }
}
