//! Encryption named in two ways that cannot both hold.

use std::collections::BTreeMap;

use firedrill_core::document::Place;
use firedrill_core::plan::BackupPolicy;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::severity::Severity;
use crate::subject::Subject;
use crate::words;

pub(crate) static RULE: Rule = Rule {
    name: "encryption-two-ways",
    class: Class::Contradiction,
    severity: Severity::Error,
    title: "Encryption named in two ways that cannot both hold",
    teaches: "\
Fernet is a fixed recipe: AES with a key of 128 bits in CBC mode, authenticated by HMAC-SHA256; its key has 256 bits, of which
one half signs and the other encrypts. \"AES-256 with Fernet\" therefore names two things of which at most one is done. It
matters when somebody must decrypt a backup with other tools in the night, and when an auditor asks for AES-256.

Looked at are the words of `encryption` of each backup policy and the standards of the plan's demands about backups.
Silent where only one of the two is named.

Find out which of the two is done, and name that one.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    let mut by_text: BTreeMap<&str, Vec<(&String, &BackupPolicy)>> = BTreeMap::new();
    for (name, policy) in &subject.plan.backups {
        if let Some(encryption) = policy.encryption.as_deref().filter(|text| both(text)) {
            by_text.entry(encryption).or_default().push((name, policy));
        }
    }
    for (encryption, policies) in by_text {
        found.push(
            draft(policies[0].0, encryption).shows_all(policies.iter().map(|(name, policy)| {
                subject.statement(
                    Place::of("backups").then(name).then("encryption"),
                    format!("encryption of backup {name}: {encryption}"),
                    &policy.place,
                )
            })),
        );
    }
    for (index, demand) in subject.plan.compliance.iter().enumerate() {
        let whole = format!("{} {}", demand.what, demand.standards.join(" "));
        if both(&whole) {
            found.push(draft(&demand.what, &whole).shows(subject.statement(
                Place::of("compliance").then(index),
                format!("demand: {whole}"),
                &demand.place,
            )));
        }
    }
}

fn draft(about: &str, text: &str) -> Draft {
    Draft::new(about, "Fernet and AES-256, which cannot both hold")
        .because(format!(
            "Found: {text}. Fernet encrypts with AES of 128 bits; AES-256 has keys of 256 bits."
        ))
        .advice("find out which of the two is done, and name that one")
}

fn both(text: &str) -> bool {
    let text = text.to_lowercase();
    words::has_word(&text, "fernet")
        && (text.contains("aes-256") || text.contains("aes256") || text.contains("aes 256"))
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "encryption-two-ways";

    fn plan(encryption: &str) -> String {
        format!(
            "components: {{ f: {{ kind: objects }} }}\n\
             backups: {{ f: {{ of: [f], kind: files, encryption: {encryption}, where: b }} }}"
        )
    }

    #[test]
    fn fernet_is_no_aes_256() {
        assert_eq!(
            found(RULE, &plan("AES-256 (Fernet)")),
            ["error f: Fernet and AES-256, which cannot both hold"]
        );
    }

    #[test]
    fn either_alone_is_fine() {
        assert!(found(RULE, &plan("AES-256 in GCM mode")).is_empty());
        assert!(found(RULE, &plan("Fernet")).is_empty());
    }
}
