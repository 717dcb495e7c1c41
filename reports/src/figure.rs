//! How figures and words of a verdict are written, the same in every rendering.

use firedrill_core::event::StepEdge;
use firedrill_core::stamp::{Nanos, Stamp};
use firedrill_core::terms::{Comparator, Limit, Status};
use crate::words;
use firedrill_core::verdict::{Achieved, Finding, Outcome, Span, Verdict};

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

/// `<= 5 min` as the plan means it.
pub(crate) fn limit(limit: &Limit) -> String {
    let comparator = match limit.comparator {
        Comparator::Below => "<",
        Comparator::AtMost => "<=",
    };
    if limit.plan == 0 { format!("{comparator} 0") } else { format!("{comparator} {}", words(limit.plan)) }
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
        Achieved::Count { lower, upper: Some(upper) } if lower == upper => lower.to_string(),
        Achieved::Count { lower, upper: Some(upper) } => format!("{lower} .. {upper}"),
        Achieved::Count { lower, upper: None } => format!("at least {lower}"),
        Achieved::Holds(true) => "holds".into(),
        Achieved::Holds(false) => "does not hold".into(),
        Achieved::Nothing => "not measured".into(),
    }
}

/// `13 min 02 s`, negative when missed.
pub(crate) fn margin(finding: &Finding) -> String {
    match finding.margin {
        Some(margin) if margin < 0 => format!("-{}", words(margin.saturating_neg())),
        Some(margin) => words(margin),
        None => String::new(),
    }
}

/// Drill time of a stamp since the strike (or since the first moment): `+ 3.4 s`.
pub(crate) fn since(origin: Nanos, stamp: Stamp) -> String {
    let at = stamp.late - origin;
    if at < 0 { format!("-{}", words(-at)) } else { format!("+{}", words(at)) }
}

/// The origin that times of a report count from: the strike, else the first known moment.
pub(crate) fn origin(verdict: &Verdict) -> Nanos {
    let moments = &verdict.moments;
    moments.struck.or(moments.alerted).or(moments.authorised).map_or(0, |stamp| stamp.early)
}

/// The moments that came, in the order of a drill.
pub(crate) fn moments(verdict: &Verdict) -> Vec<(String, Option<Stamp>)> {
    let moments = &verdict.moments;
    let mut rows: Vec<(String, Option<Stamp>)> = [
        ("struck", moments.struck),
        ("impact", moments.impact),
        ("alerted", moments.alerted),
        ("acknowledged", moments.acknowledged),
        ("authorised", moments.authorised),
    ]
    .map(|(name, stamp)| (name.to_owned(), stamp))
    .into();
    for (level, tier) in &moments.tiers {
        rows.push((format!("tier {level} released"), tier.released));
        rows.push((format!("tier {level} restored"), tier.restored));
    }
    rows.extend(
        [
            ("procedure done", moments.procedure_done),
            ("restored", moments.restored),
            ("confirmed", moments.confirmed),
        ]
        .map(|(name, stamp)| (name.to_owned(), stamp)),
    );
    rows
}

/// How a step ended.
pub(crate) fn step(edge: StepEdge) -> &'static str {
    match edge {
        StepEdge::Begun => "not finished",
        StepEdge::Done => "done",
        StepEdge::Failed => "failed",
        StepEdge::TimedOut => "ran out of time",
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
