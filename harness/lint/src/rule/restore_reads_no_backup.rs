//! A recovery command that reads no backup.

use firedrill_core::plan::ComponentKind;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::severity::Severity;
use crate::subject::{Command, Subject};
use crate::words;

pub(crate) static RULE: Rule = Rule {
    name: "restore-reads-no-backup",
    class: Class::Design,
    severity: Severity::Error,
    title: "A restore whose commands read no backup",
    teaches: "\
A step that says \"restore the latest backup\" does what its command does, not what it says. Commands such as
`supabase db reset`, `prisma migrate reset` or `rails db:reset` drop the database and build an empty one from the schema in
the repository; `db push` and `db upgrade` apply migrations. None of them reads a backup: run as written, the recovery
destroys what was left and ends with an empty database that passes its health check.

Looked at are the steps of disasters that hit a database and speak of restoring or of a backup: if their commands rebuild it
and no command of the disaster reads a backup, the finding names each command. Silent where one of them does.

Write the command that fetches and loads the backup, and drill it: an empty table is easy to miss.",
    look: Look::Plan(look),
};

/// Commands that build an empty database, and what they do.
const REBUILDS: &[(&str, &str)] = &[
    (
        "supabase db reset",
        "drops the database and builds it from the migrations in the repository: empty",
    ),
    (
        "prisma migrate reset",
        "drops the database and builds it from the migrations: empty",
    ),
    ("rails db:reset", "drops the database and loads the schema: empty"),
    ("rake db:reset", "drops the database and loads the schema: empty"),
    ("manage.py flush", "deletes every row"),
    ("dropdb", "drops the database"),
    ("drop database", "drops the database"),
];

/// Words of commands that read a backup.
const READS: &[&str] = &[
    "restore",
    "pg_restore",
    "pgbackrest",
    "wal-g",
    "barman",
    "psql",
    "dump",
    "backup",
    "snapshot",
    "pitr",
];

fn look(subject: &Subject<'_>, found: &mut Findings) {
    for (name, disaster) in &subject.plan.disasters {
        let hits_database = disaster.hits.iter().any(|hit| {
            subject
                .plan
                .components
                .get(hit)
                .is_some_and(|component| component.kind == ComponentKind::Database)
        });
        if !hits_database {
            continue;
        }
        let commands = subject.disaster_commands(name, disaster);
        let restores = |command: &Command<'_>| {
            words::has_any(command.step, &["restore", "backup", "restoration"])
                || words::has_any(command.what, &["restore", "backup", "restoration"])
        };
        let rebuilding: Vec<(&Command<'_>, &str)> = commands
            .iter()
            .filter(|command| restores(command))
            .filter_map(|command| Some((command, rebuilds(command.text)?)))
            .collect();
        if rebuilding.is_empty() || commands.iter().any(|command| words::has_any(command.text, READS)) {
            continue;
        }
        let (first, does) = rebuilding[0];
        found.push(
            Draft::new(name, format!("`{}` is the restore, and it reads no backup", short(first.text)))
                .because(format!(
                    "The step says: {}. The command {does}. No command of this disaster reads a backup, so everything is lost, \
                     whatever the RPO.",
                    first.step
                ))
                .advice("write the command that fetches and loads the backup, and drill it")
                .shows_all(commands.iter().filter(|command| restores(command)).map(|command| {
                    let does = rebuilds(command.text).unwrap_or("reads no backup");
                    subject.statement(command.at.clone(), does, command.section)
                })),
        );
    }
}

fn rebuilds(command: &str) -> Option<&'static str> {
    let command = command.to_lowercase();
    REBUILDS
        .iter()
        .find(|(pattern, _)| command.contains(pattern))
        .map(|(_, does)| *does)
}

/// The first line of a command, bounded.
pub(super) fn short(command: &str) -> String {
    const CHARS_MAX: usize = 60;
    let line = command.lines().next().unwrap_or("").trim_end_matches(['\\', ' ', '|']);
    if line.chars().count() <= CHARS_MAX {
        line.to_owned()
    } else {
        format!("{}...", line.chars().take(CHARS_MAX).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "restore-reads-no-backup";

    fn plan(command: &str) -> String {
        format!(
            "components: {{ db: {{ kind: database }} }}\ndisasters: {{ loss: {{ title: L, automated: manual, hits: [db], \
             steps: [{{ what: restore the latest backup, command: '{command}', where: s }}] }} }}"
        )
    }

    #[test]
    fn a_reset_is_no_restore() {
        assert_eq!(
            found(RULE, &plan("supabase db reset --linked")),
            ["error loss: `supabase db reset --linked` is the restore, and it reads no backup"]
        );
    }

    #[test]
    fn silent_where_a_backup_is_read() {
        assert!(found(RULE, &plan("dropdb app; pg_restore -d app latest.dump")).is_empty());
        assert!(found(RULE, &plan("./restore.sh LATEST")).is_empty());
    }
}
