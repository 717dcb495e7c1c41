//! A component with an RPO and no backup.

use firedrill_core::plan::{BackupKind, ComponentKind};

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::severity::Severity;
use crate::subject::{Subject, tightest};

pub(crate) static RULE: Rule = Rule {
    name: "rpo-without-backup",
    class: Class::Design,
    severity: Severity::Error,
    title: "A component with an RPO and no backup",
    teaches: "\
An RPO says how much may be lost; only a backup can keep it. A component that has an RPO of its own, and databases and
object stores under an RPO of the whole plan, must be named by a backup policy (`of: [...]`). A replica alone is none: it
repeats a deletion or a corruption as soon as it happens.

External services are left out: their data are not the plan's to back up. So is a service that depends on a component with
a backup: its data are there.
Silent for what a policy other than a replica names.

Add a backup policy for the component, or take out the RPO.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    for (name, component) in &subject.plan.components {
        let keeps_data = matches!(component.kind, ComponentKind::Database | ComponentKind::Objects);
        if component.kind == ComponentKind::External || (component.rpo.is_empty() && !keeps_data) {
            continue;
        }
        let backups = subject.backups_of(name);
        if backups.iter().any(|(_, policy)| policy.kind != BackupKind::Replica) {
            continue;
        }
        // What keeps its data in another component is backed up there; whether often enough, `dependency-looser` tells.
        if !keeps_data
            && component
                .depends_on
                .iter()
                .any(|one| !subject.backups_of(one).is_empty())
        {
            continue;
        }
        let figures = subject.rpo_of(name, component);
        let Some(rpo) = tightest(&figures) else {
            continue;
        };
        let draft = match backups.first() {
            None => Draft::new(name, format!("an RPO of {}, and no backup", rpo.figure)).because(format!(
                "No backup policy names {name}: whatever is lost of it is lost for good, and the loss has no bound."
            )),
            Some(_) => Draft::new(name, format!("an RPO of {}, and replicas only", rpo.figure)).because(
                "A replica repeats a deletion or a corruption as soon as it happens: nothing older can be brought back.",
            ),
        };
        found.push(
            draft
                .advice(format!("name {name} in a backup policy, with its interval and places"))
                .shows(subject.placed(rpo))
                .shows_all(backups.iter().map(|(name, policy)| subject.backup(name, policy))),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "rpo-without-backup";

    #[test]
    fn an_rpo_that_nothing_keeps() {
        let text = "components: { files: { kind: objects, rpo: [{ is: 15 min, where: t }] } }";
        assert_eq!(found(RULE, text), ["error files: an RPO of 15 minutes, and no backup"]);
        let replica = format!("{text}\nbackups: {{ r: {{ of: [files], kind: replica, where: b }} }}");
        assert_eq!(
            found(RULE, &replica),
            ["error files: an RPO of 15 minutes, and replicas only"]
        );
    }

    #[test]
    fn silent_with_a_backup_and_for_what_has_no_rpo() {
        let text = "components: { a: { kind: database, rpo: [{ is: 1 h, where: t }] }, b: { kind: service }, \
                    c: { kind: database } }\nbackups: { d: { of: [a], kind: dump, where: b } }";
        assert!(found(RULE, text).is_empty());
    }
}
