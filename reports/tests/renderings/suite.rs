//! A suite in each rendering: nothing looks better than it was, and no text breaks a page.

use firedrill_core::calendar::Cadence;
use firedrill_core::suite::{Attempt, NotDrilled, SuiteDrill, SuiteRun};
use firedrill_core::verdict::Outcome;
use firedrill_reports::{suite_html, suite_junit, suite_markdown, suite_text};

use crate::sample::{self, Sample};
use crate::{HOSTILE, hostile};

fn attempt(sample: &Sample, exit: u8) -> Attempt {
    let verdict = &sample.verdict;
    Attempt {
        run: Some(verdict.run.clone()),
        started: "2026-01-05T02:00:00Z".into(),
        millis: 35_200,
        exit: Some(exit),
        outcome: Some(verdict.outcome),
        scope: verdict.scope.clone(),
        spoiled: verdict.spoiled.clone(),
        findings: verdict.findings.clone(),
        loss: verdict.loss.clone(),
        limits: verdict.limits(),
        said: String::new(),
    }
}

fn drill(name: &str, attempts: Vec<Attempt>) -> SuiteDrill {
    SuiteDrill {
        scenario: name.into(),
        plan: "plan".into(),
        summary: "What happens.".into(),
        duties: vec!["restore".into()],
        expected_exit: 0,
        skipped: None,
        attempts,
        trend: None,
    }
}

fn suite(drills: Vec<SuiteDrill>) -> SuiteRun {
    SuiteRun {
        schema: 1,
        program: "firedrill 0".into(),
        suite: Cadence::Monthly,
        started: "2026-01-05T02:00:00Z".into(),
        ended: "2026-01-05T02:10:00Z".into(),
        plans: vec!["plan".into()],
        expected: false,
        shard: None,
        wanted: drills.iter().map(|drill| drill.scenario.clone()).collect(),
        allowed_skips: Default::default(),
        drills,
        not_drilled: vec![NotDrilled {
            plan: "plan".into(),
            what: "training of stakeholders".into(),
        }],
        interrupted: false,
    }
}

fn renderings(suite: &SuiteRun) -> [String; 4] {
    [
        suite_text(suite),
        suite_markdown(suite),
        suite_html(suite),
        suite_junit(suite),
    ]
}

#[test]
fn every_rendering_shows_what_went_wrong() {
    let (pass, fail, spoiled) = (sample::pass(), sample::fail(), sample::spoiled());
    let mut broken = attempt(&pass, 4);
    (broken.outcome, broken.said) = (None, "the drill could not be played".into());
    broken.findings.clear();
    let skipped = SuiteDrill {
        skipped: Some("it needs programs that are not here".into()),
        ..drill("plan/e", Vec::new())
    };
    let mut one = suite(vec![
        drill("plan/a", vec![attempt(&pass, 0)]),
        drill("plan/b", vec![attempt(&fail, 1)]),
        drill("plan/c", vec![attempt(&spoiled, 3), attempt(&pass, 0)]),
        drill("plan/d", vec![broken]),
        skipped,
    ]);
    one.wanted.push("plan/f".into());
    for (number, rendering) in renderings(&one).iter().enumerate() {
        for needed in [
            "plan/a",
            "plan/b",
            "plan/e",
            "the drill could not be played",
            "it needs programs that are not here",
            "plan/f",
        ] {
            assert!(
                rendering.contains(needed),
                "rendering {number} lacks `{needed}`:\n{rendering}"
            );
        }
    }
    let [text, markdown, html, junit] = renderings(&one);
    assert!(text.starts_with("NO VERDICT monthly suite, 6 drills: 1 NO VERDICT, 1 FAIL, 1 NOT RUN, 1 SKIPPED, 2 PASS"));
    assert!(text.contains("the first run was inconclusive") && markdown.contains("training of stakeholders"));
    assert!(html.contains("Run 1 of 2: INCONCLUSIVE") && html.contains("Run 2 of 2: PASS"));
    let missed = fail
        .verdict
        .findings
        .iter()
        .filter(|finding| finding.outcome == Outcome::Fail)
        .count();
    assert_eq!(junit.matches("<failure").count(), missed, "{junit}");
    // Broken, skipped without leave, and the one that is missing.
    let undecided = fail
        .verdict
        .findings
        .iter()
        .filter(|finding| finding.outcome == Outcome::Inconclusive)
        .count();
    assert_eq!(junit.matches("<error").count(), undecided + 3, "{junit}");
}

#[test]
fn a_passed_drill_shows_its_scope_its_figures_and_what_it_does_not_say() {
    let mut hasty = sample::pass();
    hasty.verdict.quantum *= 100;
    let one = suite(vec![drill("plan/a", vec![attempt(&hasty, 0)])]);
    for (number, rendering) in renderings(&one).iter().enumerate() {
        let rendering = rendering.replace("&lt;", "<");
        let words = rendering.split_whitespace().collect::<Vec<_>>().join(" ");
        // A table of text breaks lines inside its cells: there the words stand apart.
        for needle in ["DRILL SIZE", "(52 MiB)", "haste", "60 times as fast as", "100.0 %"] {
            assert!(words.contains(needle), "{number} lacks {needle}:\n{rendering}");
        }
    }
    let [text, markdown, html, junit] = renderings(&one);
    let row = markdown
        .lines()
        .find(|line| line.contains("| plan/a |"))
        .expect("a row");
    for needle in [
        "RTO: 40 s .. 47 s, demanded &lt;= 15 min; RPO of database: 28 s .. 31 s, demanded &lt;= 5 min; 4 targets and 2 checks met",
        "<br>AT DRILL SIZE (52 MiB), reference tool",
        "<br>NOTE: The drill's own haste decides much",
    ] {
        assert!(row.contains(needle), "lacks {needle}: {row}");
    }
    let (_, table) = html.split_once("<h2>Drills</h2>").expect("a table");
    let (table, _) = table.split_once("</table>").expect("its end");
    assert!(
        table.contains("<b>AT DRILL SIZE (52 MiB)") && table.contains("<b>NOTE: The drill"),
        "{table}"
    );
    assert!(text.contains("40 s .. 47 s"), "{text}");
    for property in ["scope", "widening", "note 1"] {
        assert!(
            junit.contains(&format!("<property name=\"{property}\"")),
            "{property}: {junit}"
        );
    }
}

#[test]
fn a_missed_target_says_why_where_a_pipeline_looks() {
    let fail = sample::fail();
    let junit = suite_junit(&suite(vec![drill("plan/a", vec![attempt(&fail, 1)])]));
    let (_, failure) = junit
        .split_once("<failure message=\"RTO: back in time")
        .expect("a failure");
    let (failure, _) = failure.split_once("</failure>").expect("with a text");
    assert!(failure.contains("but hole.database failed") && failure.contains("confirmation failed: hole.database"));
}

#[test]
fn a_run_that_is_spoiled_passes_nothing_anywhere() {
    let spoiled = sample::spoiled();
    let one = suite(vec![drill("plan/a", vec![attempt(&spoiled, 3), attempt(&spoiled, 3)])]);
    let [text, _, html, junit] = renderings(&one);
    assert!(text.starts_with("INCONCLUSIVE") && !html.contains("tag pass"), "{html}");
    let all = junit.matches("<testcase").count();
    assert_eq!(junit.matches("<error").count(), all, "{junit}");
}

#[test]
fn held_to_expectations_a_suite_says_so() {
    let fail = sample::fail();
    let mut as_expected = suite(vec![drill("plan/a", vec![attempt(&fail, 0)])]);
    as_expected.expected = true;
    for (number, rendering) in renderings(&as_expected).iter().enumerate() {
        assert!(rendering.contains("AS EXPECTED"), "{number}: {rendering}");
    }
    let [text, _, _, junit] = renderings(&as_expected);
    assert!(
        text.contains("may have missed them") && !junit.contains("<failure"),
        "{text}"
    );
    let mut nothing = suite(Vec::new());
    nothing.not_drilled.clear();
    for rendering in renderings(&nothing) {
        assert!(rendering.contains("INCONCLUSIVE"), "{rendering}");
    }
}

#[test]
fn hostile_text_stays_text() {
    let sample = hostile();
    let mut one = suite(vec![drill(HOSTILE, vec![attempt(&sample, 1)])]);
    one.drills[0].summary = HOSTILE.into();
    one.drills[0].duties = vec![HOSTILE.into()];
    one.not_drilled[0].what = HOSTILE.into();
    one.plans = vec![HOSTILE.into()];
    let [text, markdown, html, junit] = renderings(&one);
    for rendering in [&text, &markdown, &html, &junit] {
        assert!(
            !rendering.contains('\u{1b}') && !rendering.contains('\u{202e}'),
            "{rendering}"
        );
    }
    assert!(!html.contains("<script") && !markdown.contains("<script") && !junit.contains("<script"));
    assert!(markdown.lines().all(|line| !line.starts_with("# top")), "{markdown}");
}

#[test]
fn a_suite_states_the_limits_of_its_evidence_once() {
    let mut other = sample::pass();
    other.verdict.not_covered.push("a whole region".into());
    let suite = suite(vec![
        drill("plan/one", vec![attempt(&sample::pass(), 0)]),
        drill("plan/two", vec![attempt(&other, 0)]),
    ]);
    for (index, text) in renderings(&suite).into_iter().enumerate() {
        let text = text.replace("\n  ", " ");
        for needle in [
            "power loss: killing a process",
            "response time of the client",
            "a whole region",
            "37 lost",
        ] {
            assert!(text.contains(needle), "{index} lacks {needle}:\n{text}");
        }
        let once = text.matches("power loss: killing a process").count();
        // In JUnit each drill is a suite of its own, and bears its own.
        assert_eq!(once, if text.starts_with("<?xml") { 2 } else { 1 }, "{text}");
    }
    assert!(
        suite_text(&suite).contains("a whole region (1 of 2 drills)"),
        "{}",
        suite_text(&suite)
    );
}
