//! How figures and words of a verdict are written, the same in every rendering.

use firedrill_core::event::{Coverage, StepEdge};
use firedrill_core::judge::duration::{bytes, count};
use firedrill_core::stamp::{MILLISECOND, Nanos, Stamp};
use firedrill_core::terms::{Comparator, Limit, RtoFrom, RtoUntil, Status};
use firedrill_core::verdict::{Achieved, Finding, Loss, Outcome, PhaseSpan, Span, Tally, Verdict};

use crate::{Report, words};

/// PASS, FAIL, INCONCLUSIVE.
pub(crate) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "PASS",
        Outcome::Inconclusive => "INCONCLUSIVE",
        Outcome::Fail => "FAIL",
    }
}

/// met, undecided, MISSED: what a finding says of its target.
pub(crate) fn met(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "met",
        Outcome::Inconclusive => "undecided",
        Outcome::Fail => "MISSED",
    }
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
        .strip_prefix(outcome(verdict.outcome))
        .map_or(verdict.scope.as_str(), str::trim_start)
}

/// What has to stand beside the verdict wherever it is printed.
pub(crate) fn caveats(report: &Report<'_>) -> Vec<String> {
    let verdict = report.verdict;
    let mut caveats = Vec::new();
    if verdict.sealed_by_another {
        caveats.push(format!(
            "Sealed by another program ({}): the evidence is whole, but what it says is that program's word",
            if verdict.program.is_empty() {
                "it gives no name"
            } else {
                &verdict.program
            }
        ));
    }
    let pairs = |map: &std::collections::BTreeMap<String, String>| {
        map.iter()
            .map(|(name, value)| format!("{name} = {value}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    if !verdict.deviations.is_empty() {
        caveats.push(format!(
            "Settings that touch durability deviate: {}",
            pairs(&verdict.deviations)
        ));
    }
    if !verdict.altered.is_empty() {
        caveats.push(format!(
            "Altered for this run, so that the verdict is not about the scenario as it is written: {}",
            verdict.altered.join("; ")
        ));
    } else if !report.inputs.settings.is_empty() {
        caveats.push(format!(
            "Set for this run in place of the scenario's own: {}",
            pairs(&report.inputs.settings)
        ));
    }
    caveats
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
pub(crate) fn demanded(finding: &Finding) -> String {
    finding.limit.as_ref().map(limit).unwrap_or_default()
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
    match &finding.achieved {
        Achieved::Duration(value) => span(value),
        Achieved::Count {
            lower,
            upper: Some(upper),
        } if lower == upper => lower.to_string(),
        Achieved::Count {
            lower,
            upper: Some(upper),
        } => format!("{lower} .. {upper}"),
        Achieved::Count { lower, upper: None } => format!("at least {lower}"),
        Achieved::Holds(true) => "holds".into(),
        Achieved::Holds(false) => "does not hold".into(),
        Achieved::Nothing => "not measured".into(),
    }
}

/// Demand less upper bound: `13 min 02 s`, negative when missed. Empty where it would speak against the verdict: a
/// figure inside its demand is no margin of a target that is missed, or undecided, for another reason.
pub(crate) fn margin(verdict: &Verdict, finding: &Finding) -> String {
    let lower = match (&finding.achieved, &finding.limit) {
        (Achieved::Duration(span), Some(limit)) => limit.plan.checked_sub(span.lower).filter(|margin| *margin <= 0),
        _ => None,
    };
    match (counts_as(verdict, finding), finding.margin, lower) {
        (Outcome::Pass, Some(margin), _) => words(margin),
        (Outcome::Fail, Some(margin), _) if margin < 0 => words(margin),
        (Outcome::Fail, None, Some(lower)) => format!("{} or worse", words(lower)),
        _ => String::new(),
    }
}

/// Milliseconds as seconds with three places, signed: `+1.204`.
fn seconds(millis: Nanos) -> String {
    let (sign, millis) = (if millis < 0 { '-' } else { '+' }, millis.unsigned_abs());
    format!("{sign}{}.{:03}", millis / 1_000, millis % 1_000)
}

/// Edges of a stamp in seconds of drill time since the origin, rounded outwards to the millisecond.
pub(crate) fn edges(origin: Nanos, stamp: Stamp) -> (String, String) {
    let early = stamp.early.saturating_sub(origin).div_euclid(MILLISECOND);
    let late = stamp.late.saturating_sub(origin);
    let late = late.div_euclid(MILLISECOND) + Nanos::from(late.rem_euclid(MILLISECOND) > 0);
    (seconds(early), seconds(late))
}

/// `+0.609 .. +0.645 s` of drill time since the origin.
pub(crate) fn since(origin: Nanos, stamp: Stamp) -> String {
    let (early, late) = edges(origin, stamp);
    if early == late {
        format!("{late} s")
    } else {
        format!("{early} .. {late} s")
    }
}

/// The origin that times of a report count from, and its name: the strike's early edge, else the first known moment.
pub(crate) fn origin(verdict: &Verdict) -> (Nanos, &'static str) {
    let moments = &verdict.moments;
    [
        (moments.struck, "the strike"),
        (moments.alerted, "the alert"),
        (moments.authorised, "recovery was authorised"),
    ]
    .into_iter()
    .find_map(|(stamp, name)| stamp.map(|stamp| (stamp.early, name)))
    .unwrap_or((0, "the machine's start"))
}

/// The moments in the order of a drill, each with its meaning; `None`: never came.
pub(crate) fn moments(verdict: &Verdict) -> Vec<(String, &'static str, Option<Stamp>)> {
    let moments = &verdict.moments;
    let mut rows: Vec<(String, &'static str, Option<Stamp>)> = [
        ("struck", "the striking fault took effect", moments.struck),
        ("impact", "clients first missed their thresholds", moments.impact),
        (
            "alerted",
            "the plan's monitor raised an alert of the fault's kind",
            moments.alerted,
        ),
        (
            "acknowledged",
            "somebody, or the automation, responded",
            moments.acknowledged,
        ),
        ("declared", "the disaster was declared", moments.declared),
        ("authorised", "recovery was allowed to start", moments.authorised),
    ]
    .map(|(name, what, stamp)| (name.to_owned(), what, stamp))
    .into();
    for (level, tier) in &moments.tiers {
        if tier.impact.is_some() {
            rows.push((
                format!("tier {level} impact"),
                "its clients first missed their thresholds",
                tier.impact,
            ));
        }
        if tier.released.is_some() {
            rows.push((
                format!("tier {level} released"),
                "the procedure let traffic in",
                tier.released,
            ));
        }
        // What was never out was not restored either.
        if !tier.untouched {
            rows.push((
                format!("tier {level} restored"),
                "served within its thresholds from here on",
                tier.restored,
            ));
        }
    }
    rows.extend(
        [
            (
                "procedure done",
                "the last step ended (an annotation)",
                moments.procedure_done,
            ),
            (
                "restored",
                "all tiers served within their thresholds from here on",
                moments.restored,
            ),
            ("confirmed", "all required checks had passed", moments.confirmed),
        ]
        .map(|(name, what, stamp)| (name.to_owned(), what, stamp)),
    );
    if moments.failed_back.is_some() {
        rows.push(("failed back".to_owned(), "served at home again", moments.failed_back));
    }
    rows
}

/// How long a phase took in plan time, or that it lies the wrong way round.
pub(crate) fn phase_length(phase: &PhaseSpan) -> String {
    match &phase.out_of_order {
        Some(order) => format!("out of order: {order}"),
        None => span(&phase.plan),
    }
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

/// Operations that ended in each way, in one line.
pub(crate) fn tally(tally: &Tally) -> String {
    format!(
        "{} scheduled: {} acknowledged, {} refused, {} indeterminate, {} not sent",
        tally.scheduled, tally.acked, tally.refused, tally.indeterminate, tally.not_sent
    )
}

/// The tool that took the backups and restored them, with what that took.
pub(crate) fn tool(verdict: &Verdict) -> Option<String> {
    let tool = &verdict.tool;
    if tool.name.is_empty() {
        return None;
    }
    let mut text = tool.name.clone();
    if let Some(backup) = tool.backups.first() {
        text.push_str(&format!(
            ", {} backup {} in {}",
            backup.kind,
            backup.name,
            words(backup.took)
        ));
    }
    if let Some(restore) = &tool.restore {
        text.push_str(&format!(", restored in {}", span(restore)));
    }
    if let Some(stored) = tool.stored {
        text.push_str(&format!(", {} stored", bytes(stored)));
    }
    Some(text)
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
    fn stamps_are_rounded_outwards() {
        assert_eq!(since(0, Stamp::new(609_802_000, 644_608_001)), "+0.609 .. +0.645 s");
        assert_eq!(
            since(1_000_000_000, Stamp::new(-500_000, 1_000_000_000)),
            "-1.001 .. +0.000 s"
        );
        assert_eq!(since(0, Stamp::at(61_000_000_000)), "+61.000 s");
        assert!(!since(i64::MAX, Stamp::new(i64::MIN + 1, i64::MAX)).is_empty());
    }

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
