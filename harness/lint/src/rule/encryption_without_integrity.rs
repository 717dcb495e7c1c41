//! Encryption that does not notice a change.

use std::collections::BTreeMap;

use firedrill_core::document::Place;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings, STATEMENTS_MAX, Statement};
use crate::severity::Severity;
use crate::subject::Subject;

pub(crate) static RULE: Rule = Rule {
    name: "encryption-without-integrity",
    class: Class::Design,
    severity: Severity::Error,
    title: "Encryption that does not notice a change",
    teaches: "\
CBC, CTR and CFB hide content and do not protect it: a flipped bit decrypts to other data without an error, and
`openssl enc` refuses authenticated modes. A backup that rotted or was changed is restored as if it were good.

Looked at are the words of `encryption` of a policy that name such a mode, and commands of disasters that decrypt with
`openssl enc`. A `checksum` of the policy mends it against rot (not against an attacker): with one the rule is silent. Modes
that authenticate (GCM, Fernet, age, GPG) are fine.

Use an authenticated mode, or keep a keyed digest beside each backup and check it before the restore.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    let mut decrypted: BTreeMap<&str, Vec<Statement>> = BTreeMap::new();
    for (name, disaster) in &subject.plan.disasters {
        for command in subject.disaster_commands(name, disaster) {
            if command.text.contains("openssl enc") {
                let statement = subject.statement(command.at, "decrypts without checking", command.section);
                for hit in &disaster.hits {
                    decrypted.entry(hit).or_default().push(statement.clone());
                }
            }
        }
    }
    for (name, policy) in &subject.plan.backups {
        let Some(encryption) = &policy.encryption else { continue };
        if policy.checksum.is_some() || !weak(encryption) {
            continue;
        }
        let mut draft = Draft::new(name, format!("encrypted with {encryption}, and nothing checks the content"))
            .because("This mode hides content and does not protect it; the policy names no checksum. Damage is restored as data.")
            .advice("use an authenticated mode, or check a keyed digest before each restore")
            .shows(subject.statement(
                Place::of("backups").then(name).then("encryption"),
                format!("encryption of backup {name}: {encryption}"),
                &policy.place,
            ));
        for of in &policy.of {
            draft = draft.shows_all(
                decrypted
                    .get(of.as_str())
                    .into_iter()
                    .flatten()
                    .take(STATEMENTS_MAX)
                    .cloned(),
            );
        }
        found.push(draft);
    }
}

fn weak(encryption: &str) -> bool {
    let lower = encryption.to_lowercase();
    let mode = ["cbc", "-ctr", "cfb", "openssl enc", "ecb"]
        .iter()
        .any(|mode| lower.contains(mode));
    let safe = ["gcm", "poly1305", "hmac", "fernet", "gpg", "pgp"]
        .iter()
        .any(|mode| lower.contains(mode));
    mode && !safe
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "encryption-without-integrity";

    fn plan(encryption: &str, more: &str) -> String {
        format!(
            "components: {{ db: {{ kind: database }} }}\n\
             backups: {{ d: {{ of: [db], kind: dump, encryption: {encryption}, {more} where: b }} }}"
        )
    }

    #[test]
    fn cbc_alone_protects_nothing() {
        assert_eq!(
            found(RULE, &plan("AES-256-CBC", "")),
            ["error d: encrypted with AES-256-CBC, and nothing checks the content"]
        );
    }

    #[test]
    fn silent_with_a_checksum_or_an_authenticated_mode() {
        assert!(found(RULE, &plan("AES-256-CBC", "checksum: SHA-256,")).is_empty());
        assert!(found(RULE, &plan("AES-256-GCM", "")).is_empty());
        assert!(found(RULE, &plan("AES-256", "")).is_empty());
    }
}
