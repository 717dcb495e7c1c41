//! What a plan accepts: its findings are kept, marked with the reason, until the day named.

use std::collections::BTreeMap;

use firedrill_core::Plan;
use firedrill_core::document::{Mistake, Parsed, Place};
use firedrill_core::plan::CivilDay;
use jiff::civil::Date;

use crate::finding::Finding;
use crate::rule::RULES;

/// Entries of `accepted` that name no rule, or no reason.
pub(crate) fn mistakes(plan: &Plan) -> Vec<Mistake> {
    let mut found = Vec::new();
    for (index, accepted) in plan.accepted.iter().enumerate() {
        let at = Place::of("accepted").then(index);
        if !RULES.iter().any(|rule| rule.name == accepted.rule) {
            let known = RULES.iter().map(|rule| rule.name);
            found.push(Mistake::unknown(at.then("rule"), "rule", &accepted.rule, known));
        }
        if accepted.reason.trim().is_empty() {
            found.push(Mistake::new(
                at.then("reason"),
                "accepted without a reason",
                "empty",
                "say why the company lives with it",
            ));
        }
    }
    found
}

/// What it is about, until when, and why.
type Acceptance<'a> = (Option<&'a str>, CivilDay, &'a str);

/// Marks the findings that plans accept on this day; of what is no longer accepted it is said that it once was.
pub(crate) fn mark(plans: &[Parsed<Plan>], findings: &mut [Finding], today: Date) {
    // By plan and rule, so that many acceptances and many findings meet in one pass.
    let mut known: BTreeMap<(usize, &str), Vec<Acceptance<'_>>> = BTreeMap::new();
    for (index, parsed) in plans.iter().enumerate() {
        for accepted in &parsed.value.accepted {
            known.entry((index, accepted.rule.as_str())).or_default().push((
                accepted.about.as_deref(),
                accepted.until,
                &accepted.reason,
            ));
        }
    }
    for finding in findings {
        let Some(first) = finding.statements.first() else {
            continue;
        };
        let Some(entries) = known.get(&(first.plan, finding.rule.name)) else {
            continue;
        };
        for (about, until, reason) in entries {
            if about.is_some_and(|about| about != finding.about) {
                continue;
            }
            if until.last() >= today {
                finding.accepted = Some(format!("accepted until {until}: {reason}"));
            } else {
                finding.expired = Some(format!("was accepted until {until}: {reason}"));
            }
        }
        if finding.accepted.is_some() {
            finding.expired = None;
        }
    }
}
