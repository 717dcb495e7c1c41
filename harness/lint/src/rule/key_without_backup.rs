//! Keys and secrets that nothing backs up.

use std::collections::BTreeMap;

use firedrill_core::document::Place;
use firedrill_core::plan::ComponentKind;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings, Statement};
use crate::severity::Severity;
use crate::subject::Subject;
use crate::words;

pub(crate) static RULE: Rule = Rule {
    name: "key-without-backup",
    class: Class::Design,
    severity: Severity::Error,
    title: "A key that backups need and nothing backs up",
    teaches: "\
An encrypted backup without its key is noise. A key that lives in an environment variable of the server is lost with the
server, at the very moment when the backup is needed.

A policy says which components its backups need (`needs`), and those must be in a policy of their own, kept elsewhere. A key
that only opens the store can be issued again, by somebody who knows how: a warning. Other
secrets without a backup are an `info`, since most can be issued again: that is an assumption which deserves a step in the
procedure.
Silent for a secret that a backup policy names.

Keep the key in two places that do not burn together, neither of them the backup itself, and try it in a drill.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    let mut needed_by: BTreeMap<&str, Vec<Statement>> = BTreeMap::new();
    for (policy_name, policy) in &subject.plan.backups {
        for (index, needs) in policy.needs.iter().enumerate() {
            needed_by.entry(needs).or_default().push(subject.statement(
                Place::of("backups").then(policy_name).then("needs").then(index),
                format!("backup {policy_name} cannot be read without {needs}"),
                &policy.place,
            ));
        }
    }
    for (name, component) in &subject.plan.components {
        if component.kind != ComponentKind::Secret || !subject.backups_of(name).is_empty() {
            continue;
        }
        let at = Place::of("components").then(name).then("title");
        let statement = subject.statement(
            at,
            format!("{name}: {}", component.title.as_deref().unwrap_or("a secret")),
            component.place.clone().unwrap_or_default(),
        );
        let needing = needed_by.remove(name.as_str()).unwrap_or_default();
        let draft = if needing.is_empty() {
            Draft::new(name, "a secret that no backup policy names")
                .because("If it is lost it must be issued again, and nothing can be reached or read until then.")
                .advice("back it up apart from what it opens, or write the step that issues it again")
                .assumes("it cannot be issued again in the time that the plan allows")
        } else if decrypts(name, component.title.as_deref().unwrap_or("")) {
            Draft::new(
                name,
                format!(
                    "{} cannot be read without it, and nothing backs it up",
                    counted(needing.len())
                ),
            )
            .because(
                "With the key lost, every backup that it encrypts is lost: the RPO of what they hold has no bound.",
            )
            .advice("keep the key in two places that do not burn together, neither of them the backup")
        } else {
            Draft::new(
                name,
                format!(
                    "{} cannot be reached without it, and nothing backs it up",
                    counted(needing.len())
                ),
            )
            .because("Until somebody issues it again nothing is restored, and no step of the plan says who does.")
            .advice("back it up apart from what it opens, or write the step that issues it again")
            .weighs(Severity::Warn)
        };
        found.push(draft.shows(statement).shows_all(needing));
    }
}

/// Whether backups are encrypted by it, so that nobody can issue it again.
fn decrypts(name: &str, title: &str) -> bool {
    let text = format!("{} {title}", name.replace('_', " "));
    words::has_any(
        &text,
        &[
            "encryption",
            "encrypted",
            "encrypts",
            "decryption",
            "decrypts",
            "fernet",
        ],
    )
}

fn counted(policies: usize) -> String {
    if policies == 1 {
        "a backup".to_owned()
    } else {
        format!("{policies} backups")
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "key-without-backup";

    fn plan(title: &str, backups: &str, needs: &str) -> String {
        format!(
            "components: {{ db: {{ kind: database }}, key: {{ kind: secret, title: {title} }} }}\n\
             backups: {{ d: {{ of: [db], kind: dump, {needs} where: b }}{backups} }}"
        )
    }

    #[test]
    fn a_backup_that_nobody_can_read() {
        assert_eq!(
            found(RULE, &plan("encryption key", "", "needs: [key],")),
            ["error key: a backup cannot be read without it, and nothing backs it up"]
        );
        assert_eq!(
            found(RULE, &plan("tokens", "", "")),
            ["info key: a secret that no backup policy names"]
        );
    }

    #[test]
    fn silent_where_the_key_is_kept() {
        assert!(
            found(
                RULE,
                &plan(
                    "encryption key",
                    ", k: { of: [key], kind: other, where: b }",
                    "needs: [key],"
                )
            )
            .is_empty()
        );
    }
}
