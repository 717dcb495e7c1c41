//! What came of a target in a few words, and how many there were: a target that the plan gives two figures for is one
//! target, and a check is none.

use std::collections::BTreeMap;

use firedrill_core::judge::duration::count;
use firedrill_core::terms::{Comparator, Limit};
use firedrill_core::verdict::{Achieved, Finding, Outcome, Span, Verdict};

use crate::figure::{achieved, counts_as, is_shown};
use crate::words;

/// Whether a finding is a check of the data, not a target of the plan.
pub(crate) fn is_check(finding: &Finding) -> bool {
    // A demand of the plan without a figure is a target all the same.
    let demanded = finding.id.starts_with("criterion.");
    finding.coverage.is_some()
        || (!demanded && finding.limit.is_none() && matches!(finding.achieved, Achieved::Count { .. }))
}

/// How many came to what: of targets, and of checks apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    targets: [u64; 3],
    checks: [u64; 3],
    /// Figures that nothing is demanded of.
    shown: u64,
    /// Targets held to more than one figure.
    twice: u64,
}

impl Counted {
    /// Each target once, by the worst of the figures that it is held to.
    pub(crate) fn of(findings: &[Finding], counts_as: impl Fn(&Finding) -> Outcome) -> Counted {
        let mut counted = Counted::default();
        let mut targets: BTreeMap<&str, (Outcome, u64)> = BTreeMap::new();
        for finding in findings {
            let outcome = counts_as(finding);
            if is_shown(finding) {
                counted.shown += 1;
            } else if is_check(finding) {
                counted.checks[outcome as usize] += 1;
            } else {
                let id = finding.id.split('#').next().unwrap_or_default();
                let (worst, figures) = targets.entry(id).or_insert((outcome, 0));
                *worst = outcome.max(*worst);
                *figures += 1;
            }
        }
        for (outcome, figures) in targets.into_values() {
            counted.targets[outcome as usize] += 1;
            counted.twice += u64::from(figures > 1);
        }
        counted
    }

    /// `7 targets judged: 1 missed, 0 undecided, 6 met; 8 checks: 0 failed, 0 undecided, 8 passed`.
    pub(crate) fn words(&self) -> String {
        let mut parts = Vec::new();
        let [met, undecided, missed] = self.targets;
        let number = count(met + undecided + missed, "target", "targets");
        let mut targets = format!("{number} judged: {missed} missed, {undecided} undecided, {met} met");
        if self.twice > 0 {
            targets.push_str(&format!(
                " ({}, counted once by the worse)",
                count(
                    self.twice,
                    "is held to more than one figure",
                    "are held to more than one figure each"
                )
            ));
        }
        parts.push(targets);
        let [passed, undecided, failed] = self.checks;
        if passed + undecided + failed > 0 {
            let number = count(passed + undecided + failed, "check", "checks");
            parts.push(format!(
                "{number}: {failed} failed, {undecided} undecided, {passed} passed"
            ));
        }
        parts.extend(self.shown());
        parts.join("; ")
    }

    /// `7 targets and 8 checks met`, where nothing else came of any.
    pub(crate) fn met(&self) -> String {
        let targets = count(self.targets[Outcome::Pass as usize], "target", "targets");
        let checks = match self.checks[Outcome::Pass as usize] {
            0 => String::new(),
            checks => format!(" and {}", count(checks, "check", "checks")),
        };
        let shown = self.shown().map(|shown| format!(", {shown}")).unwrap_or_default();
        format!("{targets}{checks} met{shown}")
    }

    fn shown(&self) -> Option<String> {
        (self.shown > 0).then(|| format!("{} shown without a limit", count(self.shown, "figure", "figures")))
    }
}

/// What is left of the demand, or by how much it is missed, as far as that is proved: demand less upper bound of a target
/// that is met, demand less lower bound of one that is missed. Empty where it would speak against the verdict: a figure
/// inside its demand is no margin of a target that is missed, or undecided, for another reason.
pub(crate) fn margin(verdict: &Verdict, finding: &Finding) -> String {
    match (counts_as(verdict, finding), finding.margin) {
        (Outcome::Pass, Some(margin)) => words(margin),
        (Outcome::Fail, _) => proved_miss(finding).unwrap_or_default(),
        _ => String::new(),
    }
}

/// `-4 min 26 s or worse`, where the figure itself misses its demand.
fn proved_miss(finding: &Finding) -> Option<String> {
    let (Achieved::Duration(span), Some(limit)) = (&finding.achieved, &finding.limit) else {
        return None;
    };
    let by = limit.plan.checked_sub(span.lower)?;
    let missed = by < 0 || (by == 0 && limit.comparator == Comparator::Below);
    let or_worse = if span.upper == Some(span.lower) {
        ""
    } else {
        " or worse"
    };
    missed.then(|| format!("{}{or_worse}", words(by)))
}

/// What decides against a target whose figure does not: `check static_tables failed`, without what it said.
fn failed_beside(finding: &Finding) -> Option<String> {
    const BEGINS: &str = "; confirmation failed: ";
    if finding.outcome != Outcome::Fail || finding.limit.is_none() || proved_miss(finding).is_some() {
        return None;
    }
    let (_, failed) = finding.because.split_once(BEGINS)?;
    let id = failed.split([' ', ';']).next().unwrap_or(failed);
    Some(match id.split_once('.') {
        Some(("check", name)) => format!("check {name} failed"),
        _ => format!("{id} failed"),
    })
}

/// What came of a target beside its demand, so that the two do not read against the verdict: `RTO: 40 s .. 47 s, demanded
/// <= 15 min`; `RTO: back in time (...), but check static_tables failed`.
pub(crate) fn headline(finding: &Finding, demanded: &str) -> String {
    let held = if demanded.is_empty() {
        achieved(finding)
    } else {
        format!("{}, demanded {demanded}", achieved(finding))
    };
    let in_time = |limit: &Limit| match &finding.achieved {
        Achieved::Duration(Span { upper: Some(upper), .. }) => match limit.comparator {
            Comparator::Below => *upper < limit.plan,
            Comparator::AtMost => *upper <= limit.plan,
        },
        _ => false,
    };
    match (failed_beside(finding), &finding.limit) {
        (Some(failed), Some(limit)) if in_time(limit) => {
            format!("{}: back in time ({held}), but {failed}", finding.title)
        }
        (Some(failed), _) => format!("{}: {failed} ({held})", finding.title),
        (None, _) => format!("{}: {held}", finding.title),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(id: &str, is_check: bool, outcome: Outcome) -> Finding {
        let figure = if is_check {
            serde_json::json!({"count": {"lower": 0, "upper": 0}})
        } else {
            serde_json::json!("nothing")
        };
        serde_json::from_value(serde_json::json!({
            "id": id, "title": id, "outcome": outcome, "limit": null, "achieved": figure, "margin": null, "because": "",
            "coverage": null, "source": null,
        }))
        .expect("a finding")
    }

    #[test]
    fn a_target_with_two_figures_is_one_target_and_a_check_is_none() {
        let findings = [
            finding("rto", false, Outcome::Pass),
            finding("rpo.database", false, Outcome::Fail),
            finding("rpo.database#2", false, Outcome::Inconclusive),
            finding("hole.database", true, Outcome::Pass),
        ];
        let counted = Counted::of(&findings, |finding| finding.outcome);
        assert_eq!(
            counted.words(),
            "2 targets judged: 1 missed, 0 undecided, 1 met (1 is held to more than one figure, counted once by the worse); \
             1 check: 0 failed, 0 undecided, 1 passed"
        );
        let met = Counted::of(&findings, |_| Outcome::Pass);
        assert_eq!(met.met(), "2 targets and 1 check met");
    }
}
