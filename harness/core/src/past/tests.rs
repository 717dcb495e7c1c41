//! Histories as literals, and the figures over them.

use jiff::civil::date;

use super::*;
use crate::plan::{Nth, Period, Rule, Weekday};

const SECOND: Nanos = 1_000_000_000;

fn span(lower: Nanos, upper: Nanos) -> Option<Span> {
    Some(Span {
        lower: lower * SECOND,
        upper: Some(upper * SECOND),
    })
}

fn run(name: &str, started: &str, outcome: Option<Outcome>) -> PastRun {
    PastRun {
        run: name.into(),
        started: format!("{started}T02:00:00Z"),
        scenario: "plan/drill".into(),
        scenario_sha256: "same".into(),
        environment: "local".into(),
        outcome,
        ..PastRun::default()
    }
}

fn finding(id: &str, outcome: Outcome) -> PastFinding {
    PastFinding { id: id.into(), outcome }
}

#[test]
fn only_what_decides_counts() {
    let mut passed = run("a", "2026-01-01", Some(Outcome::Pass));
    passed.findings = vec![
        finding("rto", Outcome::Pass),
        finding("rpo.database", Outcome::Pass),
        finding("rpo.files#2", Outcome::Pass),
        finding("check.amcheck", Outcome::Pass),
    ];
    (passed.detected, passed.restored) = (span(1, 20), span(100, 200));
    let mut failed = run("b", "2026-02-01", Some(Outcome::Fail));
    failed.findings = vec![
        finding("rto", Outcome::Inconclusive),
        finding("rpo.database", Outcome::Fail),
    ];
    failed.detected = Some(Span { lower: 5, upper: None });
    failed.restored = span(300, 401);
    let mut sabotaged = run("c", "2026-03-01", Some(Outcome::Fail));
    sabotaged.twin = Some("archive-off".into());
    let mut altered = run("d", "2026-03-01", Some(Outcome::Pass));
    altered.altered = true;
    let runs = [
        passed,
        failed,
        sabotaged,
        altered,
        run("e", "2026-04-01", Some(Outcome::Inconclusive)),
        run("f", "2026-05-01", None),
    ];
    let found = kpis(&runs);
    assert_eq!((found.runs, found.undecided), (4, 2));
    assert_eq!(found.success, Part { of: 2, good: 1 });
    assert_eq!(found.success.permille(), Some(500));
    assert_eq!(found.rto, Part { of: 1, good: 1 });
    assert_eq!(found.rpo, Part { of: 3, good: 2 });
    assert_eq!((found.detected.of, found.detected.never), (1, 1));
    assert_eq!(found.detected.mean, Some(20 * SECOND));
    assert_eq!(found.restored.mean, Some(300 * SECOND + SECOND / 2));
    assert_eq!(found.restored.longest, Some(401 * SECOND));
    assert_eq!(kpis(&[]).success.permille(), None);
}

#[test]
fn a_recovery_is_slower_only_if_the_measurements_leave_no_doubt() {
    let mut before = run("before", "2026-01-01", Some(Outcome::Pass));
    before.recovery = span(9, 10);
    let mut now = run("now", "2026-02-01", Some(Outcome::Pass));
    now.recovery = span(14, 15);
    let found = trend(&now, &[before.clone()]).expect("a run before");
    assert!(
        found.warning && found.says.contains("at least 40 % slower"),
        "{}",
        found.says
    );
    // 13 s is 30 % more than 10 s, and not more.
    now.recovery = span(13, 20);
    assert!(!trend(&now, &[before.clone()]).expect("a run before").warning);
    // From pass to fail is a warning by itself; so is a recovery that no longer ends.
    now.outcome = Some(Outcome::Fail);
    assert!(trend(&now, &[before.clone()]).expect("a run before").warning);
    now.outcome = Some(Outcome::Pass);
    now.recovery = None;
    assert!(trend(&now, &[before.clone()]).expect("a run before").warning);
}

#[test]
fn only_the_like_is_compared() {
    let now = run("now", "2026-02-01", Some(Outcome::Pass));
    let alike = run("alike", "2026-01-01", Some(Outcome::Pass));
    let older = run("older", "2025-01-01", Some(Outcome::Fail));
    let later = run("later", "2026-03-01", Some(Outcome::Pass));
    let changes: [fn(&mut PastRun); 5] = [
        |run| run.scenario = "plan/other".into(),
        |run| run.scenario_sha256 = "changed since".into(),
        |run| run.environment = "containers".into(),
        |run| run.twin = Some("mended".into()),
        |run| run.outcome = Some(Outcome::Inconclusive),
    ];
    for change in changes {
        let mut other = run("other", "2026-01-15", Some(Outcome::Pass));
        change(&mut other);
        assert_eq!(trend(&now, &[other, now.clone(), later.clone()]), None);
    }
    let found = trend(&now, &[older, alike, later]).expect("a run before");
    assert_eq!(found.before, "alike");
}

#[test]
fn duties_are_counted_by_their_own_days() {
    let first_monday = Rule::Nth(Nth::Number(1), Weekday::Monday, Period::Month);
    let rhythm = Rhythm::of(None, Some(first_monday)).expect("sound").expect("a rhythm");
    // 5 January, 2 February, 2 March 2026; the one of February came two weeks late.
    let held = [date(2026, 1, 5), date(2026, 2, 16), date(2026, 3, 1)];
    let found = frequency(rhythm, &held, date(2026, 1, 1), date(2026, 3, 31));
    assert_eq!(found, Part { of: 3, good: 2 });
    let fortnight = Rhythm::Rolling(Step::Days(14));
    assert_eq!(
        frequency(fortnight, &held, date(2026, 1, 1), date(2026, 2, 25)),
        Part { of: 4, good: 2 }
    );
}
