//! Alerts of the plan's monitor, each with what it is to the detection of the fault.

use firedrill_core::verdict::{AlertPart, AlertRun, Verdict};

use crate::figure::{origin, since};

/// What each alert tells, by columns: rule and kind, raised, cleared, what it counts for.
pub(crate) const COLUMNS: [&str; 4] = ["alert", "raised", "cleared", "counts"];

/// A row for each alert, in the order in which they were raised.
pub(crate) fn rows(verdict: &Verdict) -> Vec<[String; 4]> {
    let (origin, _) = origin(verdict);
    let row = |alert: &AlertRun| {
        let name = if alert.rule == alert.kind {
            alert.rule.clone()
        } else {
            format!("{} ({})", alert.rule, alert.kind)
        };
        let cleared = alert
            .cleared
            .map_or_else(|| "never".to_owned(), |cleared| since(origin, cleared));
        [name, since(origin, alert.raised), cleared, part(verdict, alert)]
    };
    verdict.alerts.iter().map(row).collect()
}

fn part(verdict: &Verdict, alert: &AlertRun) -> String {
    match alert.part {
        AlertPart::Counted => "counted: detection is measured to it",
        AlertPart::SameKind => "not counted: of a kind that this fault causes, but not the first that counts",
        AlertPart::OtherKind => "not counted: of a kind that this fault does not cause",
        AlertPart::BeforeStrike => {
            let struck = verdict.moments.struck;
            let stood = struck.is_some_and(|struck| alert.cleared.is_none_or(|cleared| cleared.early > struck.late));
            if stood {
                "not counted: raised before the strike, and stood when it struck"
            } else {
                "not counted: raised before the strike, with nothing broken"
            }
        }
    }
    .to_owned()
}

/// One line each: `backup_old: raised -40 s, cleared -20 s; not counted: ...`.
pub(crate) fn lines(verdict: &Verdict) -> Vec<String> {
    rows(verdict)
        .into_iter()
        .map(|[name, raised, cleared, counts]| format!("{name}: raised {raised}, cleared {cleared}; {counts}"))
        .collect()
}
