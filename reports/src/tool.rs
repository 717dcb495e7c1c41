//! The backup tool in a line: what it took, which of that the recovery chose, how long the restore was.

use std::collections::BTreeMap;

use firedrill_core::judge::duration::{bytes, count};
use firedrill_core::verdict::{BackupTaken, Span, Verdict};

use crate::figure::span;
use crate::words;

/// The tool that took the backups and restored them, with what that took.
pub(crate) fn tool(verdict: &Verdict) -> Option<String> {
    let tool = &verdict.tool;
    if tool.name.is_empty() {
        return None;
    }
    let mut text = tool.name.clone();
    if let Some(taken) = backups(&tool.backups) {
        text.push_str(&format!(", {taken}"));
    }
    if let Some(backup) = &tool.chosen {
        text.push_str(&format!(
            "; the recovery chose {} {}, taken in {}",
            backup.kind,
            backup.name,
            words(backup.took)
        ));
    } else if tool.restore.is_some() {
        text.push_str("; which backup the recovery chose is not recorded");
    }
    if let Some(restore) = &tool.restore {
        text.push_str(&format!(", restored in {}", span(restore)));
    }
    if let Some(stored) = tool.stored {
        text.push_str(&format!(", {} stored", bytes(stored)));
    }
    Some(text)
}

/// `3 dumps taken in 400 ms .. 2.1 s`.
pub(crate) fn backups(taken: &[BackupTaken]) -> Option<String> {
    let took = || taken.iter().map(|backup| backup.took);
    let (least, most) = (took().min()?, took().max()?);
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for backup in taken {
        *kinds.entry(&backup.kind).or_default() += 1;
    }
    let kinds: Vec<String> = kinds
        .into_iter()
        .map(|(kind, number)| match kind {
            "base" => count(number, "base backup", "base backups"),
            "dump" => count(number, "dump", "dumps"),
            kind => count(number, kind, kind),
        })
        .collect();
    let time = span(&Span {
        lower: least,
        upper: Some(most),
    });
    Some(format!("{} taken in {time}", kinds.join(" and ")))
}
