//! What a sceptical reader looks for in each rendering: what a queue did, what was widened by what, which event decided, and
//! that a figure without a limit is met by nothing.

use firedrill_core::judge::series::WindowState;
use firedrill_core::stamp::{MINUTE, SECOND};
use firedrill_core::verdict::{Achieved, Outcome, Span};

use crate::sample::{self, Sample};

/// Text without the breaks of its lines.
fn flowing(text: &str) -> String {
    text.replace("\n  ", " ")
}

#[test]
fn a_queue_that_answered_is_told_in_text_and_chart() {
    let mut sample = sample::pass();
    let tier = &mut sample.verdict.findings[2];
    tier.achieved = Achieved::Duration(Span {
        lower: 0,
        upper: Some(0),
    });
    tier.because = "tier 1 (payments) never missed its thresholds from the strike on; downtime: 0 s, which meets <= 15 minutes; from the strike on 152 writes were answered by the durable queue, all found by the final read".into();
    if let Some(moments) = sample.verdict.moments.tiers.get_mut(&1) {
        (moments.impact, moments.restored) = (None, None);
    }
    for window in &mut sample.series.tiers[0].windows {
        if window.good == 0 {
            (window.good, window.queued, window.errors, window.state) = (19, 19, 0, WindowState::Good);
        }
    }
    let told = "from the strike on 152 writes were answered by the durable queue, all found by the final read";
    for (format, rendering) in sample.renderings() {
        assert!(flowing(&rendering).contains(told), "{format}:\n{rendering}");
    }
    let html = firedrill_reports::html(&sample.report());
    assert!(
        html.contains("no outage: a durable queue answered where the database did not"),
        "{html}"
    );
    assert_eq!(
        html.matches("<rect class=\"queued\"").count(),
        17,
        "one bar for each window of the queue"
    );
    let plain = firedrill_reports::html(&sample::pass().report());
    assert!(!plain.contains("<rect class=\"queued\"") && !plain.contains("answered where the database"));
}

fn wide() -> Sample {
    let mut sample = sample::pass();
    sample.verdict.quantum = 40 * SECOND;
    sample
}

#[test]
fn widening_that_decides_much_stands_beside_the_verdict() {
    // Twice 40 s is 8.8 % of 15 min and 26.6 % of 5 min.
    let warned = "the widening of 40 s on both sides is 26.6 % of RPO of database <= 5 min";
    for (format, rendering) in wide().renderings() {
        let read = flowing(&rendering).replace("&lt;", "<");
        assert!(read.contains(warned), "{format}:\n{rendering}");
    }
    let text = flowing(&firedrill_reports::text(&wide().report()));
    assert!(
        text.contains("lost by a probe of the monitor (event 42) + 5 ms of drill time lost by rounding"),
        "{text}"
    );
    for (format, rendering) in sample::pass().renderings() {
        assert!(!rendering.contains("own haste decides much"), "{format}:\n{rendering}");
    }
    // What was measured stands beside it: 28 s .. 31 s, widened by 1.5 s.
    let html = firedrill_reports::html(&sample::pass().report());
    assert!(html.contains("not widened: 29.5 s<"), "{html}");
}

#[test]
fn decisions_name_their_events_and_the_definitions() {
    let sample = sample::pass();
    for rendering in [
        firedrill_reports::markdown(&sample.report()),
        firedrill_reports::html(&sample.report()),
    ] {
        for needle in [
            "the alert that counts",
            "database",
            "wal",
            "docs/definitions.md",
            "version 1",
            "(3 times)",
        ] {
            assert!(rendering.contains(needle), "no {needle}:\n{rendering}");
        }
        assert!(
            rendering.contains("event 77") || rendering.contains("<td class=\"n\">77</td>"),
            "{rendering}"
        );
    }
    let html = firedrill_reports::html(&sample.report());
    for rule in [
        "at least 95 % of the share",
        "at least 20 operations",
        "read back from it",
    ] {
        assert!(html.contains(rule), "no {rule}:\n{html}");
    }
}

#[test]
fn the_account_of_acknowledged_operations_adds_up() {
    let sample = sample::pass();
    let html = firedrill_reports::html(&sample.report());
    let left_out = sample.series.left_out;
    let sum = sample.series.tiers[0].latencies.count + left_out.canary + left_out.outside;
    assert_eq!(sum, sample.verdict.tally.acked);
    assert!(
        html.contains(&format!(
            "all acknowledged, as in the table below</td><td class=\"n\">{sum}</td>"
        )),
        "{html}"
    );
}

#[test]
fn a_figure_without_a_limit_is_shown_and_not_met() {
    let mut sample = sample::pass();
    let mut dwell = sample.verdict.findings[3].clone();
    (dwell.id, dwell.title) = ("dwell".into(), "Dwell: time unseen".into());
    dwell.shown = true;
    dwell.achieved = Achieved::Duration(Span {
        lower: MINUTE,
        upper: Some(2 * MINUTE),
    });
    let mut recovery = sample.verdict.findings[3].clone();
    (recovery.id, recovery.title) = ("recovery".into(), "Service after the procedure".into());
    let mut criterion = sample.verdict.findings[4].clone();
    (criterion.id, criterion.title, criterion.coverage) =
        ("criterion.no_loss".into(), "No loss for tiers 0, 1".into(), None);
    (criterion.outcome, criterion.achieved) = (
        Outcome::Fail,
        Achieved::Count {
            lower: 1_143,
            upper: Some(1_143),
        },
    );
    sample.verdict.findings.extend([dwell, recovery, criterion]);
    let settle = "within 10 s of drill time";
    sample.inputs.terms.settle = 10 * SECOND;
    let text = flowing(&firedrill_reports::text(&sample.report()));
    let markdown = firedrill_reports::markdown(&sample.report());
    let html = firedrill_reports::html(&sample.report());
    assert!(
        text.contains("\n shown ") && markdown.contains("| shown |"),
        "{text}{markdown}"
    );
    assert!(html.contains("<span class=\"tag shown\">shown</span>"), "{html}");
    assert!(
        html.contains(
            "6 targets judged: 1 missed, 0 undecided, 5 met; 2 checks: 0 failed, 0 undecided, 2 passed; 1 figure shown without a limit."
        ),
        "{html}"
    );
    for rendering in [&markdown, &html] {
        assert!(
            rendering.contains(settle) && rendering.contains("1143 lost writes"),
            "{rendering}"
        );
    }
    let targets = html
        .split("<h2>Targets</h2>")
        .nth(1)
        .and_then(|rest| rest.split("</section>").next());
    assert!(
        targets.is_some_and(|targets| targets.contains("criterion.no_loss")),
        "{html}"
    );
}

#[test]
fn every_sheet_of_paper_says_whose_it_is() {
    let html = firedrill_reports::html(&sample::fail().report());
    assert!(
        html.contains("@bottom-left { content: \"FAIL, acme/database-lost, run 20260102T030405Z-database-lost-0001\""),
        "{html}"
    );
    let hostile = firedrill_reports::html(&crate::hostile().report());
    let style = hostile
        .split("<style>")
        .nth(1)
        .and_then(|rest| rest.split("</style>").next());
    let foot = style
        .and_then(|style| style.split("@bottom-left").nth(1))
        .expect("a foot");
    assert_eq!(
        foot.matches('"').count(),
        4,
        "nothing ends the string of the foot: {foot}"
    );
    assert!(!foot.contains('<') && !foot.contains('\\'), "{foot}");
}
