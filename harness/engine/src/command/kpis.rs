//! `firedrill kpis`: figures over the runs of the past, per plan, beside what the plan sets itself.

use firedrill_core::judge::duration::words;
use firedrill_core::past::{self, Mean, Part, PastRun, Trend};
use firedrill_core::plan::{CivilDay, Figure, Metric};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tabled::builder::Builder;

use super::Failure;
use super::output::write_out;
use super::schedule::{Looked, drawn, look, unfit, zone};
use crate::cli::{Cli, Format, Kpis};

/// The figures of one plan.
struct Of {
    plan: String,
    since: Option<Date>,
    kpis: past::Kpis,
    /// Times that duties were kept, of those they were owed.
    frequency: Part,
    /// Duties that no scenario serves: their times are owed and never kept here.
    by_people: usize,
    /// What the plan writes about itself.
    metrics: Vec<(String, String)>,
    trends: Vec<(String, Trend)>,
}

/// Runs the command.
pub fn kpis(kpis: &Kpis, cli: &Cli) -> Result<u8, Failure> {
    let looked = look(&kpis.past, cli)?;
    let all: Vec<Of> = looked
        .plans
        .iter()
        .map(|plan| of(&looked, plan, kpis.since.map(CivilDay::first)))
        .collect();
    match cli.format {
        Format::Text => {
            let told: Vec<String> = all.iter().map(told).collect();
            write_out(&told.join("\n"))?;
        }
        Format::Json => {
            let rows: Vec<serde_json::Value> = all.iter().map(json).collect();
            let value = serde_json::json!({ "as_of": CivilDay::Day(looked.today), "plans": rows });
            write_out(&format!("{value:#}\n"))?;
        }
        other => return Err(unfit("kpis", other)),
    }
    Ok(0)
}

fn of(looked: &Looked, plan: &firedrill_core::Plan, since: Option<Date>) -> Of {
    let runs: Vec<&PastRun> = looked.runs.iter().filter(|run| run.plan == plan.plan).collect();
    let day = |run: &PastRun| run.day(&TimeZone::UTC);
    let since = since.or_else(|| runs.iter().filter_map(|run| day(run)).min());
    let runs: Vec<&PastRun> = runs
        .into_iter()
        .filter(|run| since.is_none_or(|since| day(run).is_some_and(|day| day >= since)))
        .collect();
    let mut frequency = Part::default();
    let mut by_people = 0;
    for row in looked
        .rows
        .iter()
        .filter(|row| row.plan == plan.plan && row.kind == "drill")
    {
        let (Some(rhythm), Some(since)) = (row.rhythm, since) else {
            continue;
        };
        if row.scenarios.is_empty() {
            by_people += 1;
            continue;
        }
        let held: Vec<Date> = row.held.iter().filter_map(|run| run.day(&zone(&row.duty))).collect();
        let part = past::frequency(rhythm, &held, since, looked.today);
        frequency.of += part.of;
        frequency.good += part.good;
    }
    let mut scenarios: Vec<&str> = runs.iter().map(|run| run.scenario.as_str()).collect();
    scenarios.sort_unstable();
    scenarios.dedup();
    let trends = scenarios
        .into_iter()
        .filter_map(|name| {
            let of_it: Vec<PastRun> = looked.runs.iter().filter(|run| run.scenario == name).cloned().collect();
            let newest = of_it.iter().find(|run| run.held())?;
            Some((name.to_owned(), past::trend(newest, &of_it)?))
        })
        .collect();
    Of {
        plan: plan.plan.clone(),
        since,
        kpis: past::kpis(runs),
        frequency,
        by_people,
        metrics: plan
            .metrics
            .iter()
            .map(|(name, metric)| (name.clone(), stated(metric)))
            .collect(),
        trends,
    }
}

fn stated(metric: &Metric) -> String {
    fn of<T>(figure: &Figure<T>) -> String
    where
        Figure<T>: std::fmt::Display,
    {
        format!("{figure} ({})", figure.place)
    }
    match metric {
        Metric::Share(figure) => of(figure),
        Metric::Duration(figure) => of(figure),
        Metric::Count(figure) => of(figure),
        Metric::Untargeted(_) => "measured, and no target is set".to_owned(),
    }
}

fn told(of: &Of) -> String {
    let since = of.since.map_or_else(
        || "no run".to_owned(),
        |since| format!("since {}", CivilDay::Day(since)),
    );
    let kpis = &of.kpis;
    let mut table = Builder::new();
    let mut row = |name: &str, value: String| table.push_record(["  ", name, &value]);
    row(
        "runs",
        format!("{}, {} of them undecided or broken", kpis.runs, kpis.undecided),
    );
    row("passed, of those that decide", part(kpis.success));
    row("RTO met, of those that decide", part(kpis.rto));
    row("RPO met, of those that decide", part(kpis.rpo));
    row("time to detect (upper bounds)", mean(kpis.detected));
    row("time to recover (upper bounds)", mean(kpis.restored));
    row(
        "drills held in time, of those owed",
        format!("{}; {} duties have no scenario", part(of.frequency), of.by_people),
    );
    for (name, text) in &of.metrics {
        row(&format!("the plan's own: {name}"), text.clone());
    }
    for (name, trend) in &of.trends {
        let mark = if trend.warning { "WARNING: " } else { "" };
        row(name, format!("{mark}{} ({})", trend.says, trend.before));
    }
    format!("{} ({since})\n{}", of.plan, drawn(table))
}

fn part(part: Part) -> String {
    match part.permille() {
        Some(permille) => format!("{} of {} ({}.{} %)", part.good, part.of, permille / 10, permille % 10),
        None => "none yet".to_owned(),
    }
}

fn mean(mean: Mean) -> String {
    match (mean.mean, mean.longest) {
        (Some(average), Some(longest)) => {
            let never = if mean.never > 0 {
                format!(", {} never", mean.never)
            } else {
                String::new()
            };
            format!(
                "mean {}, longest {}, of {}{never}",
                words(average.into()),
                words(longest.into()),
                mean.of
            )
        }
        _ if mean.never > 0 => format!("never, in {} runs", mean.never),
        _ => "none yet".to_owned(),
    }
}

fn json(of: &Of) -> serde_json::Value {
    serde_json::json!({
        "plan": of.plan,
        "since": of.since.map(CivilDay::Day),
        "kpis": of.kpis,
        "frequency": of.frequency,
        "duties_without_scenario": of.by_people,
        "metrics": of.metrics,
        "trends": of.trends.iter().map(|(name, trend)| serde_json::json!({
            "scenario": name, "before": trend.before, "says": trend.says, "warning": trend.warning,
        })).collect::<Vec<_>>(),
    })
}
