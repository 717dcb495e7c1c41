//! How findings are made: an interval against a limit, and the rule that an excuse may turn a pass, never a miss.

use crate::terms::Limit;
use crate::verdict::{Achieved, Finding, Outcome};

use super::bounds::{Bounds, limit_words};
use super::duration::words;

/// A finding without a limit.
pub(crate) fn plain(id: String, title: String, outcome: Outcome, achieved: Achieved, because: String) -> Finding {
    Finding {
        id,
        title,
        outcome,
        limit: None,
        achieved,
        unwidened: None,
        shown: false,
        margin: None,
        because,
        coverage: None,
        source: None,
        unordered: 0,
    }
}

/// A finding about a duration, held to its limit.
pub(crate) fn timed(id: String, title: String, limit: &Limit, bounds: Bounds, story: &str) -> Finding {
    let outcome = bounds.held_to(limit);
    let says = match outcome {
        Outcome::Pass => "meets",
        Outcome::Fail => "misses",
        Outcome::Inconclusive => "neither meets nor misses for certain",
    };
    let by = match (outcome, bounds.upper) {
        (Outcome::Pass, Some(upper)) if i128::from(limit.plan) > upper => {
            format!(" by {}", words(i128::from(limit.plan) - upper))
        }
        (Outcome::Fail, _) if bounds.lower > i128::from(limit.plan) => {
            format!(" by at least {}", words(bounds.lower - i128::from(limit.plan)))
        }
        _ => String::new(),
    };
    Finding {
        id,
        title,
        outcome,
        limit: Some(limit.clone()),
        achieved: bounds.achieved(),
        unwidened: None,
        shown: false,
        margin: bounds.margin(limit),
        because: format!("{story}: {}, which {says} {}{by}", bounds.words(), limit_words(limit)),
        coverage: None,
        source: Some(limit.source.clone()),
        unordered: 0,
    }
}

/// Notes the interval before the quantum widened it.
pub(crate) fn note_unwidened(finding: &mut Finding, bounds: Bounds, quantum: i128) {
    if quantum > 0 && matches!(finding.achieved, Achieved::Duration(_)) {
        finding.unwidened = Some(bounds.span());
    }
}

/// Turns a pass into an inconclusive finding; a proved miss stands.
pub(crate) fn unless(finding: &mut Finding, excuse: impl Into<Option<String>>) {
    let Some(excuse) = excuse.into() else { return };
    if finding.outcome == Outcome::Pass {
        finding.outcome = Outcome::Inconclusive;
    }
    finding.because.push_str("; ");
    finding.because.push_str(&excuse);
}

/// Makes a finding inconclusive whatever was measured.
pub(crate) fn undecided(finding: &mut Finding, why: &str) {
    finding.outcome = Outcome::Inconclusive;
    finding.because = format!("{why}; {}", finding.because);
}

/// `rto`, `rto#2`: the name of the finding for the figure at this place among those the plan gives.
pub(crate) fn numbered(id: &str, index: usize) -> String {
    if index == 0 {
        id.to_owned()
    } else {
        format!("{id}#{}", index + 1)
    }
}
