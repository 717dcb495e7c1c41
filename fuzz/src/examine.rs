//! What is done with one text, and what must hold whatever it is.

use std::sync::LazyLock;

use firedrill_core::calendar::{Rhythm, standing};
use firedrill_core::document::{Holds, Mistakes, Parsed, Source, holds, parse_plan, parse_scenario};
use firedrill_core::plan::Figure;
use firedrill_core::resolve::{examine as doubt, resolve};
use firedrill_core::{Plan, Scenario, Terms};
use jiff::civil::{Date, date};
use miette::{GraphicalReportHandler, GraphicalTheme};

/// Between a plan and the scenario that drills it, on a line of its own.
pub const BETWEEN: &str = "%%%%";
/// Twins resolved of one scenario: each is a drill of its own.
const TWINS_MAX: usize = 8;

/// Plans for scenarios that come without one.
static SHIPPED: LazyLock<Vec<Parsed<Plan>>> = LazyLock::new(|| {
    [
        include_str!("../../fixtures/plans/samia-tarot-failover.yaml"),
        include_str!("../../fixtures/plans/samia-tarot.yaml"),
    ]
    .into_iter()
    .map(|text| parse_plan(Source::new("shipped.yaml", text)).unwrap_or_else(|mistakes| panic!("{mistakes:?}")))
    .collect()
});

/// Reads a plan, a scenario, or a plan and a scenario with [`BETWEEN`] between them, and does with it all that commands do
/// which run nothing.
///
/// # Panics
/// Something does not hold that must.
pub fn examine(text: &str) {
    if let Some((plan, scenario)) = text.split_once(&format!("\n{BETWEEN}\n")) {
        let plan = read_plan(plan);
        if let Some(scenario) = read_scenario(scenario) {
            drill(plan.as_ref().unwrap_or(&SHIPPED[0]), &scenario);
        }
        return;
    }
    let source = Source::new("text.yaml", text);
    if holds(&source) == Holds::Scenario {
        if let Some(scenario) = read_scenario(text) {
            let named = SHIPPED.iter().find(|plan| plan.value.plan == scenario.value.plan);
            drill(named.unwrap_or(&SHIPPED[0]), &scenario);
        }
    } else {
        read_plan(text);
    }
}

fn read_plan(text: &str) -> Option<Parsed<Plan>> {
    let parsed = match parse_plan(Source::new("plan.yaml", text)) {
        Ok(parsed) => parsed,
        Err(mistakes) => {
            told(&mistakes);
            return None;
        }
    };
    for figure in parsed.value.figures() {
        let span = parsed.places.span(&figure.path);
        assert!(text.get(span).is_some(), "{} stands outside the text", figure.path);
    }
    let json = serde_json::to_string(&parsed.value).expect("a plan can be printed as JSON");
    let read: Plan = serde_json::from_str(&json).expect("a plan reads what it printed");
    assert_eq!(read, parsed.value, "a plan survives its own JSON");
    look(&parsed);
    // JSON is YAML on one line, however long: so do programs write plans.
    if text.len().is_multiple_of(4) {
        match parse_plan(Source::new("plan.json", json)) {
            Ok(parsed) => look(&parsed),
            Err(mistakes) => told(&mistakes),
        }
    }
    Some(parsed)
}

/// What `plan show`, `plan lint` and `schedule` do.
fn look(parsed: &Parsed<Plan>) {
    let _ = parsed.value.outline();
    let today = day(&parsed.source.text);
    calendar(&parsed.value, today);
    let company = |plan: &&Parsed<Plan>| plan.value.company.is_some() && plan.value.company == parsed.value.company;
    let mut plans = vec![parsed.clone()];
    plans.extend(SHIPPED.iter().filter(company).cloned());
    match firedrill_lint::lint(&plans, today, &[]) {
        Ok(report) => {
            let handler = handler().with_context_lines(0);
            let _ = firedrill_lint::terminal(&report, &handler).expect("findings can be drawn");
            let _ = firedrill_lint::json(&report);
            let _ = firedrill_lint::sarif(&report);
            let _ = firedrill_lint::markdown(&report);
        }
        Err(mistakes) => told(&mistakes),
    }
}

fn read_scenario(text: &str) -> Option<Parsed<Scenario>> {
    parse_scenario(Source::new("scenario.yaml", text))
        .map_err(|mistakes| told(&mistakes))
        .ok()
}

/// What `scenario check` and `scenario show` do, and what a run writes down of it.
fn drill(plan: &Parsed<Plan>, scenario: &Parsed<Scenario>) {
    let found = doubt(&plan.value, &scenario.value);
    if !found.is_empty() {
        told(&scenario.draw(found));
    }
    let twins = scenario
        .value
        .twins
        .keys()
        .take(TWINS_MAX)
        .map(|name| Some(name.as_str()));
    for twin in std::iter::once(None).chain(twins) {
        match resolve(&plan.value, &scenario.value, twin) {
            Ok((drilled, terms)) => {
                let json = serde_json::to_string(&terms).expect("terms can be written");
                let read: Terms = serde_json::from_str(&json).expect("terms read what was written");
                assert_eq!(read, terms, "terms survive their own file");
                let json = serde_json::to_string(&drilled).expect("a scenario can be written");
                let read: Scenario = serde_json::from_str(&json).expect("a scenario reads what was written");
                assert_eq!(read, drilled, "a scenario survives its own JSON");
            }
            Err(unsound) if unsound.plan.is_empty() => told(&scenario.draw(unsound.scenario)),
            Err(unsound) => told(&plan.draw(unsound.plan)),
        }
    }
}

/// What `schedule` reckons.
fn calendar(plan: &Plan, today: Date) {
    for duty in plan.drills.iter().chain(&plan.reviews) {
        let every = duty.every.as_ref().and_then(Figure::value).copied();
        let rule = duty.when.and_then(|when| when.rule().ok());
        let rhythm = Rhythm::of(every, rule).ok().flatten();
        let _ = duty.at.as_ref().map(|at| (at.time_zone(), at.instant(today)));
        let _ = standing(rhythm, duty.last.map(|day| day.first()), duty.next, today);
    }
}

/// The day that a plan is looked at on: now and then the first or the last that can be written.
fn day(text: &str) -> Date {
    match text.len() % 16 {
        0 => Date::MAX,
        1 => date(1, 1, 1),
        _ => date(2026, 12, 7),
    }
}

fn told(mistakes: &Mistakes) {
    assert!(!mistakes.drawn.is_empty(), "refused without a word");
    let mut text = String::new();
    handler()
        .render_report(&mut text, mistakes)
        .expect("mistakes can be drawn");
    assert!(text.len() > mistakes.file.len(), "nothing was drawn");
}

fn handler() -> GraphicalReportHandler {
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(110)
}
