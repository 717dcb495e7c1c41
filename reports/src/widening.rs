//! By how much intervals of plan time were widened, from which delays, and what that comes to for each target.
//!
//! A drill runs faster than the plan's calendar; what it was late by is stretched with it. A reader has to see how much
//! of an interval was measured and how much of it is that haste.

use firedrill_core::event::DelayKind;
use firedrill_core::stamp::Nanos;
use firedrill_core::verdict::{Achieved, Finding, Limits, Span, Verdict};

use crate::figure::{limit, span};
use crate::{Report, words};

/// What was measured before the widening by the quantum: the rest of an interval is the drill's own haste. `None`
/// where nothing was widened.
pub(crate) fn measured(verdict: &Verdict, finding: &Finding) -> Option<String> {
    widened(verdict.quantum, finding)?;
    finding.unwidened.as_ref().map(span)
}

/// The interval of a finding that the quantum has widened.
fn widened(quantum: Nanos, finding: &Finding) -> Option<&Span> {
    match &finding.achieved {
        // Downtime that never was is not stretched.
        Achieved::Duration(span) if quantum > 0 && (span.lower, span.upper) != (0, Some(0)) => Some(span),
        _ => None,
    }
}

/// What the widening comes to for each target: twice the quantum in thousandths of it, the largest first.
fn shares(quantum: Nanos, findings: &[Finding]) -> Vec<(String, i128)> {
    let mut shares: Vec<(String, i128)> = Vec::new();
    for finding in findings {
        let (Some(target), Some(_)) = (&finding.limit, widened(quantum, finding)) else {
            continue;
        };
        if target.plan > 0 {
            let share = 2_000 * i128::from(quantum) / i128::from(target.plan);
            shares.push((format!("{} {}", finding.title, limit(target)), share));
        }
    }
    shares.sort_by_key(|(_, share)| std::cmp::Reverse(*share));
    shares
}

/// Thousandths as per cent: `51.8 %`.
fn per_cent(permille: i128) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}

/// More thousandths of a target than this decide too much of it.
const SHARE_WARNED: i128 = 100;

/// What has to stand beside the verdict where the widening decides much of a target.
pub(crate) fn caveat(limits: &Limits, findings: &[Finding]) -> Option<String> {
    let wide: Vec<String> = shares(limits.quantum, findings)
        .into_iter()
        .filter(|(_, share)| *share > SHARE_WARNED)
        .map(|(target, share)| format!("{} of {target}", per_cent(share)))
        .collect();
    // A suite that an older program wrote does not tell the scale.
    let fast = match limits.calendar_scale {
        0 => "faster than the plan's".to_owned(),
        scale => format!("{scale} times as fast as the plan's"),
    };
    (!wide.is_empty()).then(|| {
        format!(
            "The drill's own haste decides much (its calendar runs {fast}; a lower `calendar_scale` narrows this): the \
             widening of {} on both sides is {}",
            words(limits.quantum),
            wide.join(", ")
        )
    })
}

/// By how much intervals are widened, what that is made of, and what it comes to for each target.
pub(crate) fn lines(report: &Report<'_>) -> Vec<String> {
    let mut limits = report.verdict.limits();
    limits.calendar_scale = report.inputs.terms.calendar_scale;
    lines_of(&limits, &report.verdict.findings)
}

/// The same of a run of which no more is at hand than its findings and how far its evidence goes.
pub(crate) fn lines_of(limits: &Limits, findings: &[Finding]) -> Vec<String> {
    if limits.quantum == 0 && limits.calendar_scale > 1 {
        return vec![
            "by how much intervals would have to be widened is not known: the calendar is scaled and no delay was measured"
                .to_owned(),
        ];
    }
    if limits.quantum == 0 {
        return vec!["nothing is widened: no phase of this drill ran faster than the plan's calendar".to_owned()];
    }
    let longest = |rounding: bool| {
        let mut delays = limits.delays.iter();
        delays.find(|delay| (delay.kind == DelayKind::Rounding) == rounding)
    };
    let parts: Vec<String> = [longest(false), longest(true)]
        .into_iter()
        .flatten()
        .map(|delay| {
            format!(
                "{} of drill time lost by {} (event {})",
                words(delay.drill),
                delay_kind(delay.kind),
                delay.seq
            )
        })
        .collect();
    let made = if parts.is_empty() {
        String::new()
    } else {
        format!(": {} x ({})", limits.calendar_scale, parts.join(" + "))
    };
    let mut lines = vec![format!(
        "every interval of plan time is widened by {} on both sides{made}; a downtime of 0 s and what is counted are not",
        words(limits.quantum)
    )];
    let shares: Vec<String> = shares(limits.quantum, findings)
        .into_iter()
        .map(|(target, share)| format!("{} of {target}", per_cent(share)))
        .collect();
    if !shares.is_empty() {
        lines.push(format!("both sides together are {}", shares.join(", ")));
    }
    lines
}

fn delay_kind(kind: DelayKind) -> &'static str {
    match kind {
        DelayKind::Push => "a WAL segment on its way to the archive",
        DelayKind::Probe => "a probe of the monitor",
        DelayKind::Scheduling => "a timer that fired late",
        DelayKind::Backup => "a backup",
        DelayKind::Replication => "replication",
        DelayKind::Proof => "the proof of a fault",
        DelayKind::Rounding => "rounding up to a floor or whole seconds",
    }
}
