//! How figures and words of a verdict are written, the same in every rendering.

use std::collections::BTreeMap;

use firedrill_core::event::{Coverage, StepEdge};
use firedrill_core::judge::duration::{bytes, count};
use firedrill_core::terms::{Comparator, Domain, Limit, RtoFrom, RtoUntil, Status};
use firedrill_core::verdict::{Achieved, Finding, Loss, Outcome, PhaseSpan, Span, StoodIn, Tally, Verdict};

pub(crate) use crate::caveat::{caveats, caveats_of};
pub(crate) use crate::moment::{edges, moments, origin, since};
pub(crate) use crate::target::{Counted, headline, is_check, margin};
pub(crate) use crate::tool::{backups, tool};
use crate::{Report, words};

/// met, undecided, MISSED: what a finding says of its target.
pub(crate) fn met(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "met",
        Outcome::Inconclusive => "undecided",
        Outcome::Fail => "MISSED",
    }
}

/// What a finding says where it stands: a figure that no limit is set for is shown, and nothing was met by it.
pub(crate) fn says(outcome: Outcome, finding: &Finding) -> &'static str {
    if outcome == Outcome::Pass && is_shown(finding) {
        "shown"
    } else {
        met(outcome)
    }
}

/// Whether a finding is a figure that nothing demands: it is shown, and counts for nothing.
pub(crate) fn is_shown(finding: &Finding) -> bool {
    finding.shown
}

/// What a finding counts for: in a spoiled run nothing passes and nothing fails.
pub(crate) fn counts_as(verdict: &Verdict, finding: &Finding) -> Outcome {
    if verdict.spoiled.is_empty() {
        finding.outcome
    } else {
        Outcome::Inconclusive
    }
}

/// The scope without the verdict's own word before it: `AT DRILL SIZE (12 MiB), reference tool, ...`.
pub(crate) fn scope(verdict: &Verdict) -> &str {
    verdict
        .scope
        .strip_prefix(verdict.outcome.word())
        .map_or(verdict.scope.as_str(), str::trim_start)
}

/// What the drill is about, and what its twin changes of it, in the scenario's own words.
pub(crate) fn about(verdict: &Verdict) -> Vec<String> {
    let drill = Some(verdict.summary.clone()).filter(|summary| !summary.is_empty());
    drill.into_iter().chain(twin(verdict)).collect()
}

/// `The twin archive-off changes: No WAL is shipped.`
pub(crate) fn twin(verdict: &Verdict) -> Option<String> {
    let changes = verdict.twin.as_ref()?;
    let name = verdict.scenario.rsplit_once(':').map_or("", |(_, name)| name);
    Some(format!("The twin {name} changes: {changes}"))
}

/// What became of each component's acknowledged writes, one line each: a verdict must not hide that data is gone.
pub(crate) fn data(losses: &BTreeMap<String, Loss>) -> Vec<String> {
    let written = losses.iter().filter(|(_, loss)| loss.acked > 0);
    written
        .map(|(component, loss)| {
            let acked = format!("{component}: {} acknowledged", count(loss.acked, "write", "writes"));
            if !was_looked_up(loss) {
                return format!("{acked}; NOT KNOWN what became of them");
            }
            let mut text = format!("{acked}, {} kept{}, {} lost", loss.kept, of_deleted(loss), loss.lost);
            if loss.possibly_lost > 0 {
                text.push_str(&format!(", {} possibly lost", loss.possibly_lost));
            }
            text
        })
        .collect()
}

/// How much of what was kept shows by its absence alone: a store that holds nothing would look the same.
pub(crate) fn of_deleted(loss: &Loss) -> String {
    match loss.kept_absent {
        0 => String::new(),
        absent => format!(" ({absent} of them of deleted keys, absent as they would be from an empty store)"),
    }
}

/// `<= 5 min` as the plan means it.
pub(crate) fn limit(limit: &Limit) -> String {
    let comparator = match limit.comparator {
        Comparator::Below => "<",
        Comparator::AtMost => "<=",
    };
    if limit.plan == 0 {
        format!("{comparator} 0")
    } else {
        format!("{comparator} {}", words(limit.plan))
    }
}

/// The demand of a finding, empty where it is a yes or no.
pub(crate) fn demanded(report: &Report<'_>, finding: &Finding) -> String {
    match (&finding.limit, finding.id.as_str()) {
        (Some(figure), _) => limit(figure),
        (None, "recovery") => format!("within {} of drill time", words(report.inputs.terms.settle)),
        (None, "detection") => "an alert".to_owned(),
        (None, "criterion.no_loss") => "0 lost".to_owned(),
        (None, _) if is_shown(finding) => "no limit given".to_owned(),
        (None, _) => String::new(),
    }
}

/// `1 min 12 s .. 2 min 03 s`, or one figure where the bounds agree.
pub(crate) fn span(span: &Span) -> String {
    match span.upper {
        Some(upper) if upper == span.lower => words(upper),
        Some(upper) => format!("{} .. {}", words(span.lower), words(upper)),
        None => format!("at least {}", words(span.lower)),
    }
}

/// What a finding measured.
pub(crate) fn achieved(finding: &Finding) -> String {
    let figure = match &finding.achieved {
        Achieved::Duration(value) => span(value),
        Achieved::Count {
            lower,
            upper: Some(upper),
        } if lower == upper => counted(finding, *upper),
        Achieved::Count {
            lower,
            upper: Some(upper),
        } => format!("{lower} .. {}", counted(finding, *upper)),
        Achieved::Count { lower, upper: None } => format!("at least {}", counted(finding, *lower)),
        Achieved::Holds(true) => "holds".into(),
        Achieved::Holds(false) => "does not hold".into(),
        Achieved::Nothing => "not measured".into(),
    };
    match finding.unordered {
        0 => figure,
        unordered => format!("{figure}, {unordered} not orderable"),
    }
}

/// A count with what was counted.
fn counted(finding: &Finding, number: u64) -> String {
    let kind = finding.id.split(['.', '#']).next().unwrap_or_default();
    let (one, many) = match kind {
        "rpo" | "criterion" | "hole" | "declared_point" | "remedy" => ("lost write", "lost writes"),
        "mutated" | "unexpected" | "duplicated" => ("key", "keys"),
        "dangling" => ("row", "rows"),
        "revenant" => ("operation", "operations"),
        _ => return number.to_string(),
    };
    count(number, one, many)
}

/// What a finding about a tier says of a durable queue: no downtime by a queue is not the service of a database.
pub(crate) fn queued(finding: &Finding) -> Option<&str> {
    let parts = || finding.because.split("; ");
    let about_tier = finding.id.starts_with("tier.") && !finding.id.contains('#');
    parts().find(|part| about_tier && part.contains("answered by the durable queue"))
}

/// How long a phase took in plan time, or that it lies the wrong way round.
pub(crate) fn phase_length(phase: &PhaseSpan) -> String {
    match (&phase.out_of_order, phase.stood_in) {
        (Some(order), _) => format!("out of order: {order}"),
        (None, Some(StoodIn::Automatic)) => "no length: automatic, nobody took part".to_owned(),
        (None, Some(StoodIn::Credited)) => format!("{}, credited: nobody took part", span(&phase.plan)),
        (None, None) => span(&phase.plan),
    }
}

/// Whether a phase has a length that was measured.
pub(crate) fn has_length(phase: &PhaseSpan) -> bool {
    phase.out_of_order.is_none() && phase.stood_in != Some(StoodIn::Automatic)
}

/// A phase of the drill by the moments between which it lies.
pub(crate) fn phase(name: &str) -> &'static str {
    match name {
        "detect" => "struck to alerted",
        "respond" => "alerted to acknowledged",
        "decide" => "acknowledged to authorised",
        "recover" => "authorised to restored",
        "confirm" => "restored to confirmed",
        _ => "",
    }
}

/// What the harness noted, with the number of the event.
pub(crate) fn notes(verdict: &Verdict) -> Vec<String> {
    let note = |note: &firedrill_core::verdict::Noted| {
        let times = if note.times > 1 {
            format!(" ({} times)", note.times)
        } else {
            String::new()
        };
        format!("event {}: {}{times}", note.seq, note.text)
    };
    verdict.notes.iter().map(note).collect()
}

/// From where to where the RTO counts.
pub(crate) fn rto(from: RtoFrom, until: RtoUntil) -> String {
    let from = match from {
        RtoFrom::Fault => "struck",
        RtoFrom::Impact => "impact",
        RtoFrom::Declared => "declared",
    };
    let until = match until {
        RtoUntil::Restored => "restored",
        RtoUntil::Confirmed => "confirmed",
    };
    format!("{from} to {until}")
}

/// How a step ended.
pub(crate) fn step(edge: StepEdge) -> &'static str {
    match edge {
        StepEdge::Begun => "not finished",
        StepEdge::Done => "done",
        StepEdge::Failed => "FAILED",
        StepEdge::TimedOut => "RAN OUT OF TIME",
        StepEdge::Skipped => "skipped",
    }
}

/// Whether a figure stands in the plan.
pub(crate) fn status(status: Status) -> &'static str {
    match status {
        Status::Stated => "stated",
        Status::Derived => "derived",
        Status::Assumed => "assumed",
    }
}

/// What a check looked at; `nothing` where all is zero.
pub(crate) fn coverage(coverage: &Coverage) -> String {
    let mut parts = Vec::new();
    if coverage.relations > 0 {
        parts.push(count(coverage.relations, "relation", "relations"));
    }
    if coverage.rows > 0 {
        parts.push(count(coverage.rows, "row", "rows"));
    }
    if coverage.bytes > 0 {
        parts.push(bytes(coverage.bytes));
    }
    if parts.is_empty() {
        "nothing".to_owned()
    } else {
        parts.join(", ")
    }
}

/// Whether anything is known of what became of a component's acknowledged versions. Zeros that stand for "nobody
/// looked" must not be read as "none lost".
pub(crate) fn was_looked_up(loss: &Loss) -> bool {
    loss.span.is_some() || loss.kept + loss.lost + loss.possibly_lost + loss.recovered > 0
}

/// What is said of a component to which no write was acknowledged. Objects that clients reach only through rows have none
/// of their own: those rows tell what became of them.
pub(crate) fn unwritten(report: &Report<'_>, component: &str) -> String {
    let term = report.inputs.terms.components.get(component);
    let mut through = report.verdict.findings.iter().filter(|f| f.id.starts_with("dangling."));
    match (term.map(|term| term.domain), through.next()) {
        (Some(Domain::Key), Some(rows)) => format!(
            "no write of its own was acknowledged: clients reach it only through rows, and {} judges those ({}, {})",
            rows.id,
            achieved(rows),
            met(counts_as(report.verdict, rows))
        ),
        _ => "no write to it was acknowledged: nothing is said about its data".to_owned(),
    }
}

/// Operations that ended in each way, in one line.
pub(crate) fn tally(tally: &Tally) -> String {
    format!(
        "{} scheduled: {} acknowledged, {} refused, {} indeterminate, {} not sent",
        tally.scheduled, tally.acked, tally.refused, tally.indeterminate, tally.not_sent
    )
}

/// The outage, and its share of a year's budget.
pub(crate) fn outage(verdict: &Verdict) -> Option<String> {
    let outage = verdict.outage.as_ref()?;
    let share = verdict.budget_permille.map(|permille| {
        format!(
            ", at most {}.{} % of the downtime that the plan allows in a year",
            permille / 10,
            permille % 10
        )
    });
    Some(format!("{} of plan time{}", span(outage), share.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_check_looked_at_says_so() {
        assert_eq!(coverage(&Coverage::default()), "nothing");
        assert_eq!(
            coverage(&Coverage {
                relations: 1,
                rows: 2,
                bytes: 4096
            }),
            "1 relation, 2 rows, 4 KiB"
        );
    }
}
