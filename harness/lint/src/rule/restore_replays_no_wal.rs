//! A recovery that loads a dump and replays nothing, under an RPO that only WAL can keep.

use firedrill_core::plan::{BackupKind, ComponentKind};

use super::backup_rarer_than_rpo::moves_all_the_time;
use super::restore_reads_no_backup::short;
use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::{Subject, tightest};

pub(crate) static RULE: Rule = Rule {
    name: "restore-replays-no-wal",
    class: Class::Design,
    severity: Severity::Error,
    title: "A restore that loads a dump and replays no WAL",
    teaches: "\
WAL or increments that are shipped and never replayed save nothing. A command that feeds SQL to `psql`, or an archive to
`pg_restore`, brings back the state of the dump and nothing later: WAL cannot be replayed on top of a dump. So the loss is
the interval between dumps, whatever else is shipped, and the RPO that only WAL can keep is missed by the very command of the
plan.

Looked at are disasters that hit a database for which something faster than the dumps is shipped: if a command loads a dump,
none replays WAL, and dumps are rarer than the RPO, this is an error. Silent where the dumps alone keep the RPO.

Restore a base backup and replay WAL, or write the RPO of the dumps for this disaster.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    for (name, disaster) in &subject.plan.disasters {
        let commands = subject.disaster_commands(name, disaster);
        let replays = [
            "restore_command",
            "recovery_target",
            "pgbackrest",
            "wal-g",
            "wal-fetch",
            "barman",
            "pitr",
            "point-in-time",
        ];
        if commands
            .iter()
            .any(|command| replays.iter().any(|word| command.text.to_lowercase().contains(word)))
        {
            continue;
        }
        let Some(loads) = commands.iter().find(|command| loads_a_dump(command.text)) else {
            continue;
        };
        for hit in &disaster.hits {
            let Some(component) = subject.plan.components.get(hit) else {
                continue;
            };
            if component.kind != ComponentKind::Database {
                continue;
            }
            let backups = subject.backups_of(hit);
            let Some((dump, policy, every)) = backups
                .iter()
                .filter(|(_, policy)| matches!(policy.kind, BackupKind::Dump | BackupKind::Base))
                .filter_map(|(name, policy)| Some((*name, *policy, length::of(policy.every.as_ref()?)?)))
                .min_by_key(|(_, _, every)| *every)
            else {
                continue;
            };
            let faster: Vec<_> = backups
                .iter()
                .filter(|(_, policy)| !matches!(policy.kind, BackupKind::Replica | BackupKind::Dump | BackupKind::Base))
                .filter(|(_, policy)| {
                    moves_all_the_time(policy)
                        || policy
                            .every
                            .as_ref()
                            .and_then(length::of)
                            .is_some_and(|one| one < every)
                })
                .collect();
            let figures = subject.rpo_of(hit, component);
            let Some(rpo) = tightest(&figures) else { continue };
            let Some(allowed) = rpo.figure.value().map(|value| length::least(*value)) else {
                continue;
            };
            if faster.is_empty() || every <= allowed {
                continue;
            }
            found.push(
                Draft::new(name, format!("`{}` loads a dump and replays no WAL", short(loads.text)))
                    .because(format!(
                        "The dump is made every {}; what is shipped since is not read by any command of this disaster. Worst \
                         loss of {hit}: {}; allowed: {}; {} too much.",
                        length::words(every),
                        length::words(every),
                        rpo.figure,
                        length::words(every - allowed)
                    ))
                    .advice("restore a base backup and replay WAL, or write the RPO of the dumps for this disaster")
                    .shows(subject.statement(loads.at.clone(), "loads the dump, and nothing later", loads.section))
                    .shows(subject.placed(rpo))
                    .shows(subject.backup(dump, policy))
                    .shows_all(faster.iter().map(|(name, policy)| subject.backup(name, policy))),
            );
        }
    }
}

fn loads_a_dump(command: &str) -> bool {
    let command = command.to_lowercase();
    command.contains("pg_restore")
        || (command.contains("psql") && (command.contains(".sql") || command.contains("dump")))
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "restore-replays-no-wal";

    fn plan(rpo: &str, wal: &str) -> String {
        format!(
            "components: {{ db: {{ kind: database, rpo: [{{ is: {rpo}, where: t }}] }} }}\n\
             backups: {{ d: {{ of: [db], kind: dump, every: {{ is: 1 d, where: b }}, where: b }}{wal} }}\n\
             disasters: {{ loss: {{ title: L, automated: manual, hits: [db], steps: [\
             {{ what: restore, command: 'aws s3 cp s3://b/db.sql - | psql', where: s }}] }} }}"
        )
    }

    #[test]
    fn wal_that_nothing_replays() {
        let wal = ", w: { of: [db], kind: wal, on: continuous, where: w }";
        assert_eq!(
            found(RULE, &plan("15 min", wal)),
            ["error loss: `aws s3 cp s3://b/db.sql - | psql` loads a dump and replays no WAL"]
        );
    }

    #[test]
    fn silent_where_dumps_keep_the_rpo_or_are_all_there_is() {
        let wal = ", w: { of: [db], kind: wal, on: continuous, where: w }";
        assert!(found(RULE, &plan("24 h", wal)).is_empty());
        assert!(found(RULE, &plan("15 min", "")).is_empty());
    }
}
