//! `firedrill scenario`: the drills that are shipped, what one of them comes to, and whether a file of one's own is sound.

use std::collections::BTreeSet;

use clap::Subcommand;
use firedrill_core::Scenario;
use firedrill_core::document::Severity;
use firedrill_core::resolve::{examine, resolve};
use firedrill_core::terms::{Limit, Status, Terms};
use tabled::builder::Builder;

use super::Failure;
use super::output::out;
use super::plan::{print, told};
use crate::cli::Cli;
use crate::library::{self, SCENARIOS};
use crate::matrix::{ENVIRONMENTS, obstacle};

/// `firedrill scenario`
#[derive(Debug, Subcommand)]
pub enum ScenarioCommand {
    /// The shipped scenarios with their twins.
    List,
    /// What a scenario is judged by, what it assumes, and what it leaves out.
    Show {
        /// A shipped scenario's name, or a file; `:TWIN` picks a twin.
        scenario: String,
    },
    /// Find mistakes in scenarios, and doubts about what they can show; exit code 2 if there are mistakes.
    Check {
        /// Files, or names of shipped scenarios; twins are checked with them.
        #[arg(required = true)]
        scenarios: Vec<String>,
    },
}

/// Runs the command.
pub fn run(command: &ScenarioCommand, cli: &Cli) -> Result<u8, Failure> {
    let json = super::text_or_json(cli, "scenario")?;
    match command {
        ScenarioCommand::List => list(json),
        ScenarioCommand::Show { scenario } => show(scenario, json),
        ScenarioCommand::Check { scenarios } => check(scenarios, json),
    }
}

fn list(json: bool) -> Result<u8, Failure> {
    let mut table = Builder::new();
    table.push_record(["scenario", "expected exit", "runs on", "what"]);
    let mut rows = Vec::new();
    for shipped in SCENARIOS {
        let scenario = library::load(shipped.name)?.scenario.value;
        for (name, drill) in drills(shipped.name, &scenario) {
            let (runs_on, environments) = matrix(&drill);
            table.push_record([&name, &drill.expect.exit.to_string(), &runs_on, &drill.summary]);
            rows.push(serde_json::json!({
                "scenario": name, "exit": drill.expect.exit, "environments": environments, "summary": drill.summary,
            }));
        }
    }
    print(json, &rows.into(), table)?;
    Ok(0)
}

/// Where a drill runs, in words and for programs.
fn matrix(drill: &Scenario) -> (String, serde_json::Value) {
    let mut words = Vec::new();
    let mut values = serde_json::Map::new();
    for environment in ENVIRONMENTS {
        let obstacle = obstacle(drill, environment);
        words.push(match &obstacle {
            None => environment.name.to_owned(),
            Some(why) => format!("not: {why}"),
        });
        let value = serde_json::json!({"runs": obstacle.is_none(), "obstacle": obstacle});
        values.insert(environment.name.to_owned(), value);
    }
    (words.join(", "), values.into())
}

/// A scenario and its twins, by name, as far as what they need goes: a twin that breaks other things needs other things.
pub(super) fn drills(name: &str, scenario: &Scenario) -> Vec<(String, Scenario)> {
    let mut drills = vec![(name.to_owned(), scenario.clone())];
    for (twin, differs) in &scenario.twins {
        let mut drill = scenario.clone();
        drill.summary.clone_from(&differs.summary);
        drill.expect = differs.expect.clone();
        if let Some(faults) = &differs.instead.faults {
            drill.faults.clone_from(faults);
        }
        drills.push((format!("{name}:{twin}"), drill));
    }
    drills
}

fn show(name: &str, json: bool) -> Result<u8, Failure> {
    let loaded = library::load(name)?;
    let (scenario, terms) = resolve(&loaded.plan.value, &loaded.scenario.value, loaded.twin.as_deref())
        .map_err(|unsound| Failure::Input(loaded.draw(unsound)))?;
    if json {
        out!("{:#}", serde_json::json!({"scenario": scenario, "terms": terms}));
        return Ok(0);
    }
    out!("{}\n{}\n", terms.scenario, scenario.summary);
    print(false, &serde_json::Value::Null, targets(&terms))?;
    for (title, lines) in [("Assumed", &terms.assumptions), ("Not covered", &terms.not_covered)] {
        out!("\n{title}");
        for line in lines {
            out!("  - {line}");
        }
    }
    out!("\nWhat stands in for what");
    for stand_in in &terms.stand_ins {
        out!("  - {}: {}", stand_in.planned, stand_in.drilled);
    }
    out!("\nExpected exit code: {}", scenario.expect.exit);
    Ok(0)
}

fn targets(terms: &Terms) -> Builder {
    let mut table = Builder::new();
    table.push_record(["target", "limit", "status", "where"]);
    let mut row = |name: &str, limit: &Limit| {
        let status = match limit.source.status {
            Status::Stated => "stated",
            Status::Derived => "derived",
            Status::Assumed => "assumed",
        };
        table.push_record([name, &limit.text, status, &limit.source.place]);
    };
    for limit in terms.rto.iter().flat_map(|rto| &rto.limits) {
        row("RTO", limit);
    }
    for (name, component) in &terms.components {
        for limit in &component.rpo {
            row(&format!("RPO of {name}"), limit);
        }
    }
    for tier in &terms.tiers {
        for limit in &tier.max_downtime {
            row(
                &format!("downtime of tier {} ({})", tier.level, tier.services.join(", ")),
                limit,
            );
        }
    }
    table
}

fn check(scenarios: &[String], json: bool) -> Result<u8, Failure> {
    let mut code = 0;
    let mut rows = Vec::new();
    let scenarios: BTreeSet<&String> = scenarios.iter().collect();
    for name in scenarios {
        let report = match library::load(name) {
            Ok(loaded) => {
                let mut found = examine(&loaded.plan.value, &loaded.scenario.value);
                if let Err(unsound) = resolve(&loaded.plan.value, &loaded.scenario.value, loaded.twin.as_deref()) {
                    let new: Vec<_> = unsound
                        .scenario
                        .into_iter()
                        .filter(|one| !found.contains(one))
                        .collect();
                    found.extend(new);
                }
                found.extend(library::bad_commands(&loaded));
                if found.iter().any(|mistake| mistake.severity == Severity::Error) {
                    code = 2;
                }
                let twins = loaded.scenario.value.twins.len();
                if found.is_empty() {
                    rows.push(
                        serde_json::json!({"file": name, "sound": true, "twins": twins, "mistakes": [], "left_out": 0}),
                    );
                    if !json {
                        out!("{name}: sound, {twins} twins");
                    }
                    continue;
                }
                let sound = found.iter().all(|mistake| mistake.severity == Severity::Warning);
                if sound && !json {
                    out!("{name}: sound, {twins} twins, with doubts");
                }
                (sound, miette::Report::from(loaded.scenario.draw(found)))
            }
            Err(Failure::Input(report)) => {
                code = 2;
                (false, report)
            }
            Err(other) => return Err(other),
        };
        let (sound, report) = report;
        let (mistakes, left_out) = told(&report);
        rows.push(serde_json::json!({"file": name, "sound": sound, "mistakes": mistakes, "left_out": left_out}));
        if !json {
            eprintln!("{report:?}");
        }
    }
    if json {
        out!("{:#}", serde_json::Value::from(rows));
    }
    Ok(code)
}
