//! `firedrill schedule`: what the plans' own calendars want, held against what was run.

mod icalendar;

use std::collections::BTreeMap;
use std::path::PathBuf;

use firedrill_core::calendar::{Occurrence, Rhythm, Span, Standing, State, Step, days_between, standing};
use firedrill_core::past::PastRun;
use firedrill_core::plan::{CivilDay, DrillDuty, Figure, TimeOfDay};
use firedrill_core::verdict::Outcome;
use firedrill_core::{Plan, calendar};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Style, Width};

use super::Failure;
use super::output::write_out;
use crate::cli::{Cli, Format, Past, Schedule};
use crate::history::{self, Place};
use crate::run_directory;
use crate::suite::{load, rhythm};
use crate::view::say;

/// One duty of one plan.
pub(super) struct Row {
    pub(super) plan: String,
    pub(super) kind: &'static str,
    pub(super) duty: DrillDuty,
    pub(super) rhythm: Option<Rhythm>,
    /// Scenarios that serve it, by full name.
    pub(super) scenarios: Vec<String>,
    /// Runs of those that count, newest first.
    pub(super) held: Vec<PastRun>,
    pub(super) standing: Standing,
}

/// Everything that is looked at.
pub(super) struct Looked {
    pub(super) today: Date,
    pub(super) rows: Vec<Row>,
    /// All runs up to today of the plans that are looked at, newest first.
    pub(super) runs: Vec<PastRun>,
    pub(super) plans: Vec<Plan>,
}

/// Runs the command.
pub fn schedule(schedule: &Schedule, cli: &Cli) -> Result<u8, Failure> {
    let looked = look(&schedule.past, cli)?;
    if schedule.ics {
        write_out(&icalendar::render(&looked))?;
        return Ok(0);
    }
    match cli.format {
        Format::Text => {
            write_out(&format!("{}\n{}\n", drawn(table(&looked)), counted(&looked)))?;
        }
        Format::Json => write_out(&format!("{:#}\n", json(&looked)))?,
        other => return Err(unfit("schedule", other)),
    }
    Ok(0)
}

/// A table whose last column alone may wrap: the others hold what one compares.
pub(super) fn drawn(table: Builder) -> String {
    let mut table = table.build();
    table.with(Style::blank());
    table.modify(Columns::last(), Width::wrap(70).keep_words(true));
    let mut text = String::new();
    for line in table.to_string().lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A format that a command does not have.
pub(super) fn unfit(command: &str, format: Format) -> Failure {
    Failure::Input(miette::miette!(
        help = "leave --format out, or say `--format json`",
        "`{command}` prints text or json, not {}",
        format!("{format:?}").to_lowercase()
    ))
}

/// Reads plans, scenarios and runs.
pub(super) fn look(past: &Past, cli: &Cli) -> Result<Looked, Failure> {
    let today = match past.as_of {
        Some(day) => day.last(),
        None => calendar::day_of(&run_directory::utc_now(), &TimeZone::UTC)
            .ok_or_else(|| Failure::Harness(miette::miette!("this machine's clock tells no day of the calendar")))?,
    };
    let (plans, candidates) = load(&past.plans, &past.scenarios)?;
    let mut all = past_runs(&past.history, cli)?;
    for broken in all.iter().filter(|run| run.problem.is_some()) {
        say(&format!(
            "firedrill: run {} does not count: {}",
            broken.run,
            broken.problem.as_deref().unwrap_or_default()
        ));
    }
    all.retain(|run| {
        plans.iter().any(|plan| plan.plan == run.plan) && run.day(&TimeZone::UTC).is_some_and(|day| day <= today)
    });
    let mut rows = Vec::new();
    for plan in &plans {
        let duties = plan.drills.iter().map(|duty| ("drill", duty));
        for (kind, duty) in duties.chain(plan.reviews.iter().map(|duty| ("review", duty))) {
            let scenarios: Vec<String> = candidates
                .iter()
                .filter(|(_, loaded)| {
                    kind == "drill"
                        && loaded.twin.is_none()
                        && loaded.plan.value.plan == plan.plan
                        && loaded.scenario.value.duties.contains(&duty.what)
                })
                .map(|(_, loaded)| format!("{}/{}", plan.plan, loaded.scenario.value.scenario))
                .collect();
            rows.push(row(plan, kind, duty, scenarios, &all, today));
        }
    }
    rows.sort_by(|a, b| {
        let key = |row: &Row| {
            let next = row.standing.next.map(|one| one.due);
            (row.standing.state, row.standing.since.or(next), row.plan.clone())
        };
        key(a).cmp(&key(b)).then_with(|| a.duty.what.cmp(&b.duty.what))
    });
    Ok(Looked {
        today,
        rows,
        runs: all,
        plans,
    })
}

/// The runs of several places.
pub(super) fn past_runs(places: &[PathBuf], cli: &Cli) -> Result<Vec<PastRun>, Failure> {
    let mut all = Vec::new();
    for named in places {
        let place = Place::of(named)?;
        let read = history::read(&place, cli.quiet)?;
        if read.left_out > 0 {
            say(&format!(
                "firedrill: {place} holds too much; the {} oldest were left out",
                read.left_out
            ));
        }
        all.extend(read.runs.into_iter().map(|run| run.past));
    }
    Ok(each_once(all))
}

/// A run that lies in two places, as one that was pushed does, is one run; a whole copy goes before a broken one. Two that
/// tell different things under one name count for nothing: which of them is the run is not for this to choose.
fn each_once(runs: Vec<PastRun>) -> Vec<PastRun> {
    let mut copies: BTreeMap<String, Vec<PastRun>> = BTreeMap::new();
    for run in runs {
        copies.entry(run.run.clone()).or_default().push(run);
    }
    let mut runs: Vec<PastRun> = copies.into_values().filter_map(one_of).collect();
    runs.sort_by(|a, b| (&b.started, &b.run).cmp(&(&a.started, &a.run)));
    runs
}

fn one_of(mut copies: Vec<PastRun>) -> Option<PastRun> {
    // Stable: without a whole one, the first that was named.
    copies.sort_by_key(|run| run.problem.is_some());
    let mut copies = copies.into_iter();
    let mut one = copies.next()?;
    if copies.any(|other| other.problem.is_none() && other != one) {
        one.outcome = None;
        one.problem = Some("it lies in two places with different evidence".to_owned());
    }
    Some(one)
}

fn row(
    plan: &Plan,
    kind: &'static str,
    duty: &DrillDuty,
    scenarios: Vec<String>,
    runs: &[PastRun],
    today: Date,
) -> Row {
    let zone = zone(duty);
    let held: Vec<PastRun> = runs
        .iter()
        .filter(|run| run.held() && scenarios.contains(&run.scenario))
        .cloned()
        .collect();
    let rhythm = rhythm(duty);
    let done = held
        .first()
        .and_then(|run| run.day(&zone))
        .max(duty.last.map(CivilDay::first))
        .filter(|day| *day <= today);
    Row {
        plan: plan.plan.clone(),
        kind,
        standing: standing(rhythm, done, duty.next, today),
        duty: duty.clone(),
        rhythm,
        scenarios,
        held,
    }
}

/// The zone that the plan counts the days of a duty in.
pub(super) fn zone(duty: &DrillDuty) -> TimeZone {
    duty.at.as_ref().map_or(TimeZone::UTC, TimeOfDay::time_zone)
}

/// What the plan demands, in words.
pub(super) fn demanded(row: &Row) -> String {
    let mut text = match row.rhythm {
        Some(Rhythm::Calendar(_, Some(rule))) => rule.to_string(),
        _ => row.duty.every.as_ref().and_then(Figure::value).map_or_else(
            || "no calendar stated".to_owned(),
            |every| format!("every {}", every.in_words()),
        ),
    };
    if let Some(at) = &row.duty.at {
        text.push_str(&format!(" at {at}"));
    }
    if let Some(environment) = &row.duty.environment {
        text.push_str(&format!(", {environment}"));
    }
    text
}

fn state(standing: &Standing) -> &'static str {
    match standing.state {
        State::Overdue => "OVERDUE",
        State::Due => "due",
        State::Kept => "kept",
        State::Unscheduled => "no calendar",
    }
}

/// `2026-12-07`, or `2026-11-01 .. 2026-11-30` where any day of them will do.
fn days(one: &Occurrence) -> String {
    let day = |day: Date| CivilDay::Day(day).to_string();
    if one.from == one.due {
        day(one.due)
    } else {
        format!("{} .. {}", day(one.from), day(one.due))
    }
}

fn since(looked: &Looked, standing: &Standing) -> String {
    match standing.since {
        Some(since) => format!(
            "{} ({} d, {} missed)",
            CivilDay::Day(since),
            days_between(since, looked.today),
            standing.missed
        ),
        None => String::new(),
    }
}

fn last(row: &Row) -> (String, String) {
    let stated = row
        .duty
        .last
        .map(|day| (day.first(), format!("{day}, says the plan"), String::new()));
    let run = row.held.first().map(|run| {
        let verdict = match run.outcome {
            Some(Outcome::Pass) => "PASS",
            Some(Outcome::Fail) => "FAIL",
            _ => "",
        };
        let day = run.day(&zone(&row.duty)).unwrap_or(Date::MIN);
        (day, CivilDay::Day(day).to_string(), verdict.to_owned())
    });
    match run.max(stated) {
        Some((_, day, verdict)) => (day, verdict),
        None => ("never".into(), String::new()),
    }
}

fn table(looked: &Looked) -> Builder {
    let mut table = Builder::new();
    table.push_record(["state", "since", "next", "last", "verdict", "plan", "demanded", "what"]);
    for row in &looked.rows {
        let (last, verdict) = last(row);
        let by = match (row.kind, row.scenarios.is_empty()) {
            ("review", _) => "a review, by people".to_owned(),
            (_, true) => "no scenario".to_owned(),
            (_, false) => row.scenarios.join(", "),
        };
        table.push_record([
            state(&row.standing),
            &since(looked, &row.standing),
            &row.standing.next.as_ref().map(days).unwrap_or_default(),
            &last,
            &verdict,
            &row.plan,
            &demanded(row),
            &format!("{} ({by})", row.duty.what),
        ]);
    }
    table
}

fn counted(looked: &Looked) -> String {
    let of = |state: State| looked.rows.iter().filter(|row| row.standing.state == state).count();
    format!(
        "as of {}: {} overdue, {} due, {} kept, {} without a calendar; {} runs looked at",
        CivilDay::Day(looked.today),
        of(State::Overdue),
        of(State::Due),
        of(State::Kept),
        of(State::Unscheduled),
        looked.runs.len()
    )
}

fn json(looked: &Looked) -> serde_json::Value {
    let day = |day: Date| CivilDay::Day(day).to_string();
    let rows: Vec<serde_json::Value> = looked
        .rows
        .iter()
        .map(|row| {
            let newest = row.held.first();
            serde_json::json!({
                "plan": row.plan,
                "kind": row.kind,
                "what": row.duty.what,
                "where": row.duty.place,
                "demanded": demanded(row),
                "cadence": row.rhythm.map(Rhythm::cadence),
                "scenarios": row.scenarios,
                "state": match row.standing.state {
                    State::Overdue => "overdue",
                    State::Due => "due",
                    State::Kept => "kept",
                    State::Unscheduled => "unscheduled",
                },
                "overdue_since": row.standing.since.map(day),
                "missed": row.standing.missed,
                "next": row.standing.next.map(|one| serde_json::json!({
                    "opens": day(one.opens), "from": day(one.from), "due": day(one.due),
                })),
                "last": newest.map(|run| serde_json::json!({
                    "run": run.run, "started": run.started, "scenario": run.scenario, "outcome": run.outcome,
                })),
                "last_stated": row.duty.last,
            })
        })
        .collect();
    serde_json::json!({ "as_of": day(looked.today), "runs": looked.runs.len(), "duties": rows })
}

/// The occurrences of a year from today on.
pub(super) fn coming(row: &Row, today: Date) -> Vec<Occurrence> {
    let Ok(end) = today.checked_add(jiff::ToSpan::year(1)) else {
        return Vec::new();
    };
    let mut all = match row.rhythm {
        Some(rhythm @ Rhythm::Calendar(Span::Week | Span::Months(_), _)) => rhythm.occurrences(today, end),
        // What rolls is known up to the next time: after that it depends on when that was.
        Some(Rhythm::Rolling(Step::Days(_) | Step::Months(_))) | None => Vec::new(),
    };
    // What is kept already is not owed again; a date that the plan names stands for its span.
    match row.standing.next {
        Some(next) => {
            all.retain(|one| one.due > next.due && one.opens > next.opens);
            all.insert(0, next);
        }
        None => all.clear(),
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_in_two_places_counts_once_and_a_whole_copy_goes_first() {
        let run = |name: &str, started: &str, problem: Option<&str>| PastRun {
            run: name.into(),
            started: started.into(),
            problem: problem.map(str::to_owned),
            ..PastRun::default()
        };
        let all = each_once(vec![
            run("a", "2026-01-01T00:00:00Z", None),
            run("b", "", Some("was not fetched")),
            run("c", "2026-01-03T00:00:00Z", Some("altered")),
            run("b", "2026-01-02T00:00:00Z", None),
            run("a", "2026-01-01T00:00:00Z", None),
            run("c", "2026-01-03T00:00:00Z", Some("no manifest")),
        ]);
        let told: Vec<_> = all
            .iter()
            .map(|run| (run.run.as_str(), run.problem.is_some()))
            .collect();
        assert_eq!(told, [("c", true), ("b", false), ("a", false)]);
        assert_eq!(all[0].problem.as_deref(), Some("altered"));
    }

    #[test]
    fn two_runs_of_one_name_count_for_nothing() {
        let run = |outcome| PastRun {
            run: "a".into(),
            outcome: Some(outcome),
            ..PastRun::default()
        };
        let (pass, fail) = (run(Outcome::Pass), run(Outcome::Fail));
        for copies in [
            vec![pass.clone(), fail.clone()],
            vec![fail.clone(), pass.clone(), pass.clone()],
            vec![pass.clone(), pass, fail],
        ] {
            let all = each_once(copies);
            assert!(all.len() == 1 && all[0].outcome.is_none() && !all[0].held(), "{all:?}");
            assert!(
                all[0]
                    .problem
                    .as_deref()
                    .is_some_and(|why| why.contains("different evidence"))
            );
        }
    }
}
