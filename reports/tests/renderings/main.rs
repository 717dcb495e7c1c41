//! Each rendering of judged runs as it reads, and what none of them may do: hide, soften or break.

#![forbid(unsafe_code)]

mod evidence;
mod sample;
mod suite;

use firedrill_core::event::StepEdge;
use firedrill_core::verdict::{Achieved, Finding, Outcome};
use sample::Sample;

/// What a fault or a tool might say to break a page, a table, a terminal or an XML reader.
const HOSTILE: &str = "a|b</td><script>alert(1)</script>\u{1b}[2J\u{1b}]0;x\u{7}\u{0}\u{ffff}\u{202e}]]>&'\"`*_[x](https://e.example)\r\n# top\n- item www.e.example";

fn hostile() -> Sample {
    let mut sample = sample::fail();
    let verdict = &mut sample.verdict;
    for text in [
        &mut verdict.run,
        &mut verdict.plan,
        &mut verdict.scenario,
        &mut verdict.disaster,
        &mut verdict.scope,
        &mut verdict.program,
    ] {
        *text = HOSTILE.to_owned();
    }
    verdict.sealed_by_another = true;
    for finding in &mut verdict.findings {
        (finding.id, finding.title, finding.because) = (HOSTILE.into(), HOSTILE.into(), HOSTILE.into());
        if let Some(limit) = &mut finding.limit {
            (limit.text, limit.source.place) = (HOSTILE.into(), HOSTILE.into());
        }
    }
    for list in [
        &mut verdict.about_plan,
        &mut verdict.assumptions,
        &mut verdict.not_covered,
    ] {
        *list = vec![HOSTILE.into()];
    }
    (verdict.summary, verdict.twin) = (HOSTILE.into(), Some(HOSTILE.into()));
    (verdict.alerts[0].rule, verdict.alerts[0].kind) = (HOSTILE.into(), "kind".into());
    if let Some(chosen) = &mut verdict.tool.chosen {
        chosen.name = HOSTILE.into();
    }
    (verdict.decisions[0].what, verdict.decisions[0].says) = (HOSTILE.into(), HOSTILE.into());
    verdict.notes[0].text = HOSTILE.into();
    verdict.deviations = [(HOSTILE.to_owned(), HOSTILE.to_owned())].into();
    verdict.stand_ins[0].planned = HOSTILE.into();
    verdict.stand_ins[0].drilled = HOSTILE.into();
    let step = &mut verdict.steps[0];
    (step.name, step.action, step.detail) = (HOSTILE.into(), HOSTILE.into(), HOSTILE.into());
    verdict.faults[0].name = HOSTILE.into();
    verdict.faults[0].detail = [(HOSTILE.to_owned(), HOSTILE.to_owned())].into();
    verdict.phases[0].name = HOSTILE.into();
    verdict.loss = [(HOSTILE.to_owned(), verdict.loss["database"].clone())].into();
    verdict.services = [(HOSTILE.to_owned(), verdict.tally)].into();
    let inputs = &mut sample.inputs;
    for text in [
        &mut inputs.run,
        &mut inputs.started,
        &mut inputs.environment,
        &mut inputs.plan.name,
        &mut inputs.terms.tiers[0].services[0],
    ] {
        *text = HOSTILE.to_owned();
    }
    inputs.settings = [(HOSTILE.to_owned(), HOSTILE.to_owned())].into();
    inputs.versions = inputs.settings.clone();
    sample
}

fn sealed() -> Sample {
    let mut sample = sample::pass();
    sample.verdict.sealed_by_another = true;
    sample.verdict.program = "other-harness 3".into();
    sample.verdict.deviations = [("fsync".to_owned(), "off".to_owned())].into();
    sample
}

/// The body of the page without its style and charts, whose figures snapshots would only copy.
fn words_of(html: &str) -> String {
    let mut rest = html;
    let mut out = String::new();
    for (open, close) in std::iter::once(("<style>", "</style>")).chain(std::iter::repeat(("<svg", "</svg>"))) {
        let Some((before, after)) = rest.split_once(open) else {
            break;
        };
        out.push_str(before);
        out.push_str("[cut]");
        rest = after.split_once(close).map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out.replace("<tr", "\n<tr")
        .replace("<li>", "\n<li>")
        .replace("<dt>", "\n<dt>")
        .replace("<h", "\n<h")
}

#[test]
fn renderings_read_as_they_should() {
    for (name, sample) in [
        ("pass", sample::pass()),
        ("fail", sample::fail()),
        ("spoiled", sample::spoiled()),
        ("sealed", sealed()),
    ] {
        for (format, rendering) in sample.renderings() {
            let rendering = if format == "html" {
                words_of(&rendering)
            } else {
                rendering
            };
            insta::assert_snapshot!(format!("{name}_{format}"), rendering);
        }
    }
}

#[test]
fn a_figure_inside_its_demand_never_leads_a_miss() {
    let sample = sample::fail();
    let headline = "RTO: back in time (40 s .. 47 s, demanded <= 15 min), but hole.database failed";
    for (format, rendering) in sample.renderings() {
        let words = rendering.replace("&lt;", "<").replace("\\", "");
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(headline), "{format}:\n{rendering}");
    }
    // A check by its name, and a target whose end never came.
    let mut sample = sample;
    let rto = &mut sample.verdict.findings[0];
    rto.because = "x; confirmation failed: check.static_tables (two rows differ; more)".into();
    rto.achieved = Achieved::Duration(firedrill_core::verdict::Span { lower: 40, upper: None });
    let junit = firedrill_reports::junit(&sample.report());
    assert!(
        junit.contains("RTO: check static_tables failed (at least 40 ns, demanded &lt;= 15 min)"),
        "{junit}"
    );
}

#[test]
fn a_target_held_to_two_figures_is_missed_once_and_checks_are_counted_apart() {
    let mut sample = sample::fail();
    let mut second = sample.verdict.findings[1].clone();
    second.id = "rpo.database#2".into();
    sample.verdict.findings.push(second);
    let counted = "4 targets judged: 3 missed, 0 undecided, 1 met (1 is held to more than one figure, counted once by the worse); \
                   2 checks: 1 failed, 0 undecided, 1 passed";
    for (format, rendering) in sample.renderings().into_iter().filter(|(format, _)| *format != "junit") {
        let words = rendering.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(counted), "{format}:\n{rendering}");
    }
}

#[test]
fn the_margin_of_a_miss_is_what_is_proved() {
    let sample = sample::fail();
    let text = firedrill_reports::text(&sample.report());
    // Lost 5 h 12 min .. 5 h 40 min where 5 min are allowed: no more than 5 h 07 min of it is proved.
    assert!(
        text.contains("-5 h 07 min or") && !text.contains("-5 h 35 min"),
        "{text}"
    );
}

#[test]
fn nobody_is_said_to_have_taken_part_who_did_not() {
    let mut sample = sample::pass();
    for (format, rendering) in sample.renderings().into_iter().filter(|(format, _)| *format != "junit") {
        assert!(!rendering.contains("973 ns"), "{format}:\n{rendering}");
        assert!(!rendering.contains("declared: never") && !rendering.contains("the disaster was declared"));
    }
    let html = firedrill_reports::html(&sample.report());
    assert!(html.contains("no length: automatic, nobody took part"), "{html}");
    assert!(
        html.contains("where people would have responded; nobody took part"),
        "{html}"
    );
    sample.verdict.without_people = false;
    sample.verdict.moments.declared = sample.verdict.moments.authorised;
    let html = firedrill_reports::html(&sample.report());
    assert!(html.contains("somebody, or the automation, responded") && html.contains("the disaster was declared"));
}

#[test]
fn every_alert_stands_in_the_report_with_what_it_counts_for() {
    let sample = sample::pass();
    for (format, rendering) in sample.renderings().into_iter().filter(|(format, _)| *format != "junit") {
        let words = rendering
            .replace('\\', "")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        for needle in [
            "backup_old",
            "not counted: raised before the strike, and stood when it struck",
            "counted: detection is measured to it",
        ] {
            assert!(words.contains(needle), "{format} lacks {needle}:\n{rendering}");
        }
    }
    let mut silent = sample;
    silent.verdict.alerts.clear();
    assert!(firedrill_reports::html(&silent.report()).contains("It raised none."));
}

#[test]
fn the_backup_that_was_restored_is_the_one_named() {
    let mut sample = sample::pass();
    let named =
        "2 base backups taken in 450 ms .. 2.1 s; the recovery chose base 20260102T030400Z-base, taken in 450 ms";
    for (format, rendering) in sample.renderings().into_iter().filter(|(format, _)| *format != "junit") {
        let words = rendering.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(named), "{format}:\n{rendering}");
    }
    sample.verdict.tool.chosen = None;
    let text = firedrill_reports::text(&sample.report()).replace("\n  ", " ");
    assert!(
        text.contains("which backup the recovery chose is not recorded"),
        "{text}"
    );
    assert!(!text.contains("20260102T030400Z-base"), "{text}");
}

#[test]
fn a_run_says_what_its_drill_is_and_what_its_twin_changes() {
    let mut sample = sample::pass();
    sample.verdict.scenario = "acme/database-lost:archive-off".into();
    sample.verdict.twin = Some("No WAL is shipped.".into());
    for (format, rendering) in sample.renderings() {
        let rendering = rendering
            .replace("&#39;", "'")
            .replace("&apos;", "'")
            .replace("\n  ", " ");
        for needle in [
            "The database's host is lost, data directory and all.",
            "The twin archive-off changes: No WAL is shipped.",
        ] {
            assert!(rendering.contains(needle), "{format} lacks {needle}:\n{rendering}");
        }
    }
    let html = firedrill_reports::html(&sample.report());
    let (_, broken) = html.split_once("<h2>What was broken</h2>").expect("a section");
    assert!(broken.contains("The twin archive-off changes"), "{broken}");
}

#[test]
fn what_was_let_pass_stands_in_the_figure() {
    let mut sample = sample::pass();
    sample.verdict.findings[4].id = "declared_point.database".into();
    sample.verdict.findings[4].unordered = 109;
    for (format, rendering) in sample.renderings().into_iter().filter(|(format, _)| *format != "junit") {
        let words = rendering.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("0 lost writes, 109 not"), "{format}:\n{rendering}");
    }
    let junit = firedrill_reports::junit(&sample.report());
    assert!(junit.contains("0 lost writes, 109 not orderable"), "{junit}");
}

#[test]
fn the_page_says_what_would_make_each_of_its_findings_wrong() {
    let html = firedrill_reports::html(&sample::pass().report());
    let kinds = ["rto", "rpo", "tier", "order", "hole", "check"];
    for kind in kinds {
        assert!(
            html.contains(&format!("<dt><code>{kind}</code></dt><dd>wrong if ")),
            "{kind}: {html}"
        );
    }
    assert_eq!(html.matches("<dd>wrong if ").count(), kinds.len(), "{html}");
}

#[test]
fn what_is_not_covered_stands_in_the_text() {
    let text = firedrill_reports::text(&sample::pass().report());
    assert!(text.contains("Not covered:\n- power loss: killing a process"), "{text}");
}

#[test]
fn runs_stand_side_by_side() {
    let (reference, mut other) = (sample::pass(), sample::fail());
    other.verdict.tool.name = "pgBackRest".into();
    other.verdict.tool.restore = None;
    other
        .inputs
        .versions
        .insert("postgres".into(), "17.2, of this machine".into());
    let reports = [reference.report(), other.report()];
    insta::assert_snapshot!("compare_text", firedrill_reports::compare_text(&reports));
    insta::assert_snapshot!("compare_markdown", firedrill_reports::compare_markdown(&reports));
    let mut hostile = hostile();
    hostile.verdict.tool.name = HOSTILE.into();
    let reports = [hostile.report(), hostile.report()];
    for text in [
        firedrill_reports::compare_text(&reports),
        firedrill_reports::compare_markdown(&reports),
        firedrill_reports::text(&hostile.report()),
        firedrill_reports::markdown(&hostile.report()),
    ] {
        assert!(!text.contains('\u{1b}') && !text.contains('\u{0}'), "{text:?}");
    }
}

#[test]
fn hostile_text_reads_as_text() {
    for (format, rendering) in hostile()
        .renderings()
        .into_iter()
        .filter(|(format, _)| *format != "html")
    {
        insta::assert_snapshot!(format!("hostile_{format}"), rendering);
    }
}

#[test]
fn scope_and_caveats_stand_in_every_rendering() {
    for sample in [sample::pass(), sample::fail(), sample::spoiled(), sealed()] {
        for (format, rendering) in sample.renderings() {
            let outcome = match sample.verdict.outcome {
                Outcome::Pass => "PASS",
                Outcome::Fail => "FAIL",
                Outcome::Inconclusive => "INCONCLUSIVE",
            };
            for needle in [outcome, "AT DRILL SIZE (", "reference tool", "human time credited"] {
                assert!(rendering.contains(needle), "{format} lacks {needle}:\n{rendering}");
            }
            let said =
                rendering.contains("Sealed by another program (other-harness 3)") && rendering.contains("fsync = off");
            assert_eq!(said, sample.verdict.sealed_by_another, "{format}:\n{rendering}");
        }
    }
}

#[test]
fn a_pass_never_hides_what_was_lost() {
    let sample = sample::pass();
    for (format, rendering) in sample.renderings() {
        assert!(
            rendering.contains("database: 14059 writes acknowledged, 14022 kept, 37 lost"),
            "{format}:\n{rendering}"
        );
        for needle in ["2026-01-02T03:04:05Z", "acme", "database_lost"] {
            let needle = if format == "markdown" {
                needle.replace('_', "\\_")
            } else {
                needle.to_owned()
            };
            assert!(rendering.contains(&needle), "{format} lacks {needle}:\n{rendering}");
        }
    }
    for (format, rendering) in sample::spoiled().renderings() {
        assert!(
            rendering.contains("NOT KNOWN what became of them"),
            "{format}:\n{rendering}"
        );
    }
}

#[test]
fn objects_reached_through_rows_are_not_told_to_be_unwritten() {
    let mut sample = sample::pass();
    let mut dangling = sample.verdict.findings[4].clone();
    dangling.id = "dangling.database".into();
    sample.verdict.findings.push(dangling);
    sample.verdict.loss.insert("storage".into(), Default::default());
    let mut term = sample.inputs.terms.components["database"].clone();
    (term.domain, term.rpo) = (firedrill_core::terms::Domain::Key, Vec::new());
    sample.inputs.terms.components.insert("storage".into(), term);
    let told = "clients reach it only through rows, and dangling.database judges those (";
    let nothing = "nothing is said about its data";
    for rendering in [
        firedrill_reports::text(&sample.report()).replace("\n  ", " "),
        firedrill_reports::html(&sample.report()),
    ] {
        assert!(rendering.contains(told) && !rendering.contains(nothing), "{rendering}");
    }
    sample.verdict.findings.pop();
    for rendering in [
        firedrill_reports::text(&sample.report()),
        firedrill_reports::html(&sample.report()),
    ] {
        assert!(
            !rendering.contains("through rows") && rendering.contains(nothing),
            "{rendering}"
        );
    }
}

#[test]
fn nothing_in_a_spoiled_run_is_met_or_missed() {
    for (format, rendering) in sample::spoiled().renderings() {
        assert!(
            rendering.contains("no closing event"),
            "{format} does not say what spoils the run"
        );
        assert!(
            !rendering.contains("MISSED") && !rendering.contains(">met<"),
            "{format}:\n{rendering}"
        );
        for word in [", 0 lost", "\n met ", "| met |"] {
            assert!(!rendering.contains(word), "{format} holds `{word}`:\n{rendering}");
        }
    }
    let junit = firedrill_reports::junit(&sample::spoiled().report());
    assert_eq!(junit.matches("<testcase").count(), 7, "{junit}");
    assert_eq!(junit.matches("<error").count(), 7, "{junit}");
    assert_eq!(junit.matches("<failure").count(), 0, "{junit}");
}

#[test]
fn a_pipeline_never_sees_an_inconclusive_run_as_green() {
    let mut sample = sample::pass();
    sample.verdict.outcome = Outcome::Inconclusive;
    let junit = firedrill_reports::junit(&sample.report());
    assert!(
        junit.contains("<testcase name=\"run\"") && junit.contains("<error"),
        "{junit}"
    );
    sample.verdict.findings.clear();
    for (format, rendering) in sample.renderings() {
        assert!(
            rendering.to_lowercase().contains("no target was judged"),
            "{format}:\n{rendering}"
        );
    }
}

#[test]
fn a_target_missed_for_another_reason_shows_no_margin() {
    let sample = sample::fail();
    let (rto, text) = (&sample.verdict.findings[0], firedrill_reports::text(&sample.report()));
    assert!(rto.outcome == Outcome::Fail && rto.margin.is_some_and(|margin| margin > 0));
    let row = text
        .lines()
        .find(|line| line.contains("MISSED") && line.contains(" RTO "))
        .expect("a row of the table");
    assert!(row.trim_end().ends_with("47 s"), "{row}");
    assert!(text.contains("-33 min or worse"), "{text}");
}

#[test]
fn hostile_text_breaks_no_rendering() {
    let sample = hostile();
    for (format, rendering) in sample.renderings() {
        for c in ['\u{1b}', '\u{7}', '\u{0}', '\u{ffff}', '\u{202e}', '\r', '\t'] {
            assert!(!rendering.contains(c), "{format} holds {c:?}");
        }
        if format != "text" && format != "junit" {
            assert!(!rendering.contains("<script"), "{format} holds markup");
        }
    }
    let [(_, text), (_, markdown), (_, junit), (_, html)] = sample.renderings();
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
    }
    let header = markdown
        .lines()
        .position(|line| line == "|---|---|---|---|---|")
        .expect("a table");
    for row in markdown.lines().skip(header + 1).take(sample.verdict.findings.len()) {
        let cells = row.replace("\\\\", "").replace("\\|", "").matches('|').count();
        assert_eq!(cells, 6, "{row}");
    }
    assert!(
        markdown
            .lines()
            .all(|line| !line.starts_with("# ") && (!line.contains("[x](") || line.contains("`firedrill judge"))),
        "{markdown}"
    );
    for tag in [
        "html", "body", "main", "section", "table", "tbody", "tr", "td", "th", "svg", "div", "p", "ul", "li", "dl",
        "dd", "b", "code", "span",
    ] {
        let (open, close) = (
            html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count(),
            html.matches(&format!("</{tag}>")).count(),
        );
        assert_eq!(open, close, "<{tag}> in the page");
    }
    assert_eq!(junit.matches("<testcase").count(), sample.verdict.findings.len());
    assert_eq!(
        junit.matches("<![CDATA[").count(),
        0,
        "character data is escaped, so that nothing can end it"
    );
}

#[test]
fn every_line_of_text_fits_a_hundred_columns() {
    for sample in [sample::pass(), sample::fail(), sample::spoiled(), sealed()] {
        let mut sample = sample;
        let long = "a word that people write ".repeat(40);
        let Finding { title, because, .. } = &mut sample.verdict.findings[0];
        (*title, *because) = (long.clone(), long.clone());
        sample.verdict.spoiled.push(long);
        for line in firedrill_reports::text(&sample.report()).lines() {
            assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
        }
    }
}

#[test]
fn a_step_that_failed_leads_every_rendering_with_its_words() {
    let mut sample = sample::fail();
    let mut skipped = sample.verdict.steps[0].clone();
    let step = &mut sample.verdict.steps[0];
    step.outcome = StepEdge::Failed;
    step.detail = "restore.sh ended with exit code 1\nunbound variable".into();
    skipped.name = "repoint".into();
    skipped.outcome = StepEdge::Skipped;
    skipped.detail = String::new();
    sample.verdict.steps.push(skipped);
    for (format, rendering) in sample.renderings() {
        let words = rendering.split_whitespace().collect::<Vec<_>>().join(" ");
        for said in [
            "Step restore of the procedure failed: restore.sh ended with exit code 1 unbound variable",
            "Step repoint of the procedure was skipped",
        ] {
            assert!(words.contains(said), "{format} lacks {said}:\n{rendering}");
        }
    }
}

#[test]
fn a_page_of_a_long_run_stays_small() {
    let mut sample = sample::pass();
    let windows = &mut sample.series.tiers[0].windows;
    let last = windows[windows.len() - 1];
    windows.extend((1..100_000).map(|index| {
        let mut window = last;
        window.from += index * 500_000_000;
        window
    }));
    let html = firedrill_reports::html(&sample.report());
    assert!(html.len() < 300_000, "{} bytes", html.len());
}

#[test]
fn several_runs_side_by_side_show_the_worst_and_the_spread() {
    use firedrill_core::verdict::Span;
    use firedrill_reports::{Repeat, Repeated};

    let second = 1_000_000_000;
    let mut repeated = Repeated::default();
    for (number, upper) in [
        (1, Some(60 * second)),
        (2, None),
        (3, Some(40 * second)),
        (4, Some(50 * second)),
    ] {
        let mut verdict = sample::pass().verdict;
        verdict.run = format!("run-{number}");
        for finding in verdict.findings.iter_mut().filter(|finding| finding.id == "rto") {
            finding.achieved = Achieved::Duration(Span {
                lower: 30 * second,
                upper,
            });
        }
        if upper.is_none() {
            verdict.outcome = Outcome::Inconclusive;
        }
        repeated.runs.push(Repeat {
            directory: format!("runs/run-{number}"),
            seed: number,
            expected: Some(upper.is_some()),
            verdict,
        });
    }
    assert_eq!((repeated.worst(), repeated.exit_code()), (Outcome::Inconclusive, 3));
    let headline = "INCONCLUSIVE worst of 4 runs of ";
    let counted = "3 passed, 1 inconclusive, 0 failed; 3 of 4 ended as expected";
    for text in [repeated.text(), repeated.markdown()] {
        for needed in [headline, counted, "no bound", "4 of 4", "run-2", "NO"] {
            assert!(text.contains(needed), "{needed} is missing in\n{text}");
        }
    }
    assert!(
        repeated.text().lines().all(|line| line == line.trim_end()),
        "{}",
        repeated.text()
    );
    let json: serde_json::Value = serde_json::from_str(&repeated.json()).expect("JSON");
    assert_eq!(json["over_all"]["rto"]["max_upper"], serde_json::Value::Null);
    assert_eq!(json["over_all"]["rto"]["median_upper"], 60 * second);
    assert_eq!(json["runs"].as_array().map(Vec::len), Some(4));
    assert_eq!(Repeated::default().exit_code(), 3);

    // Those that were not run have not passed.
    repeated.runs.retain(|run| run.verdict.outcome == Outcome::Pass);
    assert_eq!(repeated.exit_code(), 0);
    repeated.cut_short_of = Some(10);
    assert_eq!(repeated.exit_code(), 3);
    for text in [repeated.text(), repeated.markdown()] {
        assert!(text.contains("cut short: 10 runs were asked for"), "{text}");
    }
    let json: serde_json::Value = serde_json::from_str(&repeated.json()).expect("JSON");
    assert_eq!((&json["cut_short_of"], &json["exit"]), (&10.into(), &3.into()));
}
