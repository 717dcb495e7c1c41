//! What would make each kind of finding on the page wrong: it stands here since the page travels without the definitions.

use std::collections::BTreeSet;

use super::super::escape;
use super::section;
use crate::Report;

/// By the first word of a finding's id, in the order of `docs/definitions.md`.
const WRONG_IF: [(&str, &str); 20] = [
    (
        "rto",
        "load stops before the stability window is over, or the client's path is not the one that users take",
    ),
    (
        "tier",
        "the sample application's services do not stand for the tier's own; traffic too thin to fill windows leaves it open",
    ),
    ("order", "releases are recorded by something that does not gate traffic"),
    (
        "detection",
        "the monitor of the drill does not watch what the plan's own watches, by the same rules and as often",
    ),
    ("dwell", "an alert of the fault's kind was raised by something else"),
    ("recovery", "load stops before the time to settle is over"),
    (
        "rpo",
        "writes do not span what the plan's backups go through, an answer names the wrong life of the data, or backups are taken at another cadence than the plan's",
    ),
    (
        "criterion",
        "the services or alerts that the plan means are not those of the drill",
    ),
    ("hole", "an answer names the wrong life of the data"),
    ("mutated", "the reader does not check the digest of what it reads"),
    (
        "unexpected",
        "the reader does not check the digest of what it reads, or another program writes to the same keys",
    ),
    ("duplicated", "the final read is of more than one snapshot"),
    (
        "dangling",
        "the rows that point at objects are not those that users have",
    ),
    (
        "declared_point",
        "the tool declares an earlier point than it restored: that costs nothing here, but shows in the RPO",
    ),
    (
        "remedy",
        "the look at what is left of the damage sees less than the ledger of writes",
    ),
    ("revenant", "an answer names the wrong life of the data"),
    ("stale", "reads may by design lag behind, as those of a replica do"),
    ("component", "the plan has a component of another name for this data"),
    (
        "check",
        "what the check does not look at is damaged; its coverage says what it looked at",
    ),
    ("outage", "the client's path is not the one that users take"),
];

/// One line for each kind of finding that the page has.
pub(in crate::html) fn wrong_if(report: &Report<'_>) -> String {
    let kinds: BTreeSet<&str> = report
        .verdict
        .findings
        .iter()
        .map(|finding| finding.id.split(['.', '#']).next().unwrap_or_default())
        .collect();
    let lines: Vec<String> = WRONG_IF
        .iter()
        .filter(|(kind, _)| kinds.contains(kind))
        .map(|(kind, wrong)| format!("<dt><code>{kind}</code></dt><dd>wrong if {}</dd>", escape(wrong)))
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    section(
        "What would make these findings wrong",
        &format!(
            "<dl>{}</dl><p class=\"soft\">All of them are wrong if the clock of a stamp is not the machine&#39;s boot clock, if a delay of a scaled phase was not measured, or if what stood in for a part of the plan does not behave as that part does.</p>",
            lines.concat()
        ),
    )
}
