//! Literal plans for the rules' tests.

use firedrill_core::Plan;
use firedrill_core::document::{Parsed, Source, parse_plan};

use crate::lint::lint;
use crate::report::Report;
use crate::rule::RULES;

/// The day on which the tests' plans are looked at.
pub(crate) fn today() -> jiff::civil::Date {
    jiff::civil::date(2026, 12, 7)
}

/// A plan from the sections that matter; the rest is filled in.
pub(crate) fn plan(text: &str) -> Parsed<Plan> {
    let mut whole = String::new();
    for (key, filler) in [
        ("plan:", "plan: a-plan\n"),
        ("title:", "title: A plan\n"),
        ("components:", "components: { anything: { kind: service } }\n"),
        (
            "disasters:",
            "disasters: { anything: { title: Anything, automated: unstated } }\n",
        ),
    ] {
        if !text.lines().any(|line| line.starts_with(key)) {
            whole.push_str(filler);
        }
    }
    whole.push_str(text);
    parse_plan(Source::new("plan.yaml", whole)).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

/// What one rule finds in a plan: `SEVERITY ABOUT: SAYS`.
pub(crate) fn found(rule: &str, text: &str) -> Vec<String> {
    found_in(rule, &[plan(text)])
}

/// What one rule finds in several plans.
pub(crate) fn found_in(rule: &str, plans: &[Parsed<Plan>]) -> Vec<String> {
    assert!(RULES.iter().any(|one| one.name == rule), "no rule {rule}");
    let report = lint(plans, today(), &[]).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    said(&report, rule)
}

fn said(report: &Report<'_>, rule: &str) -> Vec<String> {
    report
        .findings
        .iter()
        .filter(|finding| finding.rule.name == rule)
        .map(|finding| format!("{} {}: {}", finding.severity, finding.about, finding.says))
        .collect()
}
