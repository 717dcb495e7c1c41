//! Compression of what is already encrypted.

use firedrill_core::document::Place;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::severity::Severity;
use crate::subject::Subject;

pub(crate) static RULE: Rule = Rule {
    name: "compression-after-encryption",
    class: Class::Design,
    severity: Severity::Warn,
    title: "Compression of what is already encrypted",
    teaches: "\
Encrypted data look like noise, and noise does not shrink. A file that is encrypted first and compressed then costs the time
of the compression and keeps its size: transfers and restores take as long as without, and figures reckoned with a compressed
size are wrong.

The endings of a policy's `file_name` tell the order: each step adds one, the last step last (`.sql.gz.enc` is right,
`.sql.encrypted.gz` is not). Silent for any other order.

Compress first, then encrypt.",
    look: Look::Plan(look),
};

const ENCRYPTED: &[&str] = &["enc", "encrypted", "aes", "gpg", "pgp", "age", "fernet", "crypt"];
const COMPRESSED: &[&str] = &["gz", "gzip", "zst", "bz2", "xz", "zip", "lz4"];

fn look(subject: &Subject<'_>, found: &mut Findings) {
    for (name, policy) in &subject.plan.backups {
        let Some(file) = &policy.file_name else { continue };
        let Some((before, after)) = wrong_order(file) else {
            continue;
        };
        let base = file.rsplit('/').next().unwrap_or(file);
        found.push(
            Draft::new(name, format!("encrypted first (.{before}), compressed then (.{after})"))
                .because(format!(
                    "Endings of {base}, in the order of the steps: .{before}, .{after}. Ciphertext does not shrink."
                ))
                .advice("compress first, then encrypt")
                .shows(subject.statement(
                    Place::of("backups").then(name).then("file_name"),
                    format!("file of backup {name}: {base}"),
                    &policy.place,
                )),
        );
    }
}

/// The ending of the encryption and that of the compression behind it.
fn wrong_order(file: &str) -> Option<(String, String)> {
    let endings: Vec<String> = file
        .rsplit('/')
        .next()?
        .split('.')
        .skip(1)
        .map(str::to_lowercase)
        .collect();
    let encrypted = endings.iter().position(|ending| ENCRYPTED.contains(&ending.as_str()))?;
    let compressed = endings
        .iter()
        .rposition(|ending| COMPRESSED.contains(&ending.as_str()))?;
    (encrypted < compressed).then(|| (endings[encrypted].clone(), endings[compressed].clone()))
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "compression-after-encryption";

    fn plan(file: &str) -> String {
        format!(
            "components: {{ db: {{ kind: database }} }}\n\
             backups: {{ d: {{ of: [db], kind: dump, file_name: {file}, where: b }} }}"
        )
    }

    #[test]
    fn noise_does_not_shrink() {
        assert_eq!(
            found(RULE, &plan("backups/db_2024.sql.encrypted.gz")),
            ["warn d: encrypted first (.encrypted), compressed then (.gz)"]
        );
    }

    #[test]
    fn silent_the_other_way_round() {
        for file in ["db.sql.gz.enc", "db.sql.enc", "db.sql.gz"] {
            assert!(found(RULE, &plan(file)).is_empty(), "{file}");
        }
    }
}
