//! `firedrill plan`: the plans that are shipped, their figures, and whether a file of one's own is sound.

use std::collections::BTreeSet;

use clap::Subcommand;
use firedrill_core::plan::Plan;
use firedrill_core::terms::Status;
use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Style, Width};

use super::Failure;
use super::output::out;
use crate::cli::Cli;
use crate::library::{self, PLANS};

mod lint;

/// `firedrill plan`
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    /// The shipped plans.
    List,
    /// What a plan says; with --where, every figure with the section of the document that it is from.
    Show {
        /// A shipped plan's name, or a file.
        plan: String,
        /// The figures alone, each with its section, and whether it is stated, derived or assumed.
        #[arg(long = "where")]
        place: bool,
    },
    /// Find the mistakes in plans; exit code 2 if there are any.
    Check {
        /// Files, or names of shipped plans.
        #[arg(required = true)]
        plans: Vec<String>,
    },
    /// Find what plans promise but their own design cannot keep, without running anything.
    Lint(lint::Lint),
}

/// Runs the command.
pub fn run(command: &PlanCommand, cli: &Cli) -> Result<u8, Failure> {
    let json = || super::text_or_json(cli, "plan");
    match command {
        PlanCommand::List => list(json()?),
        PlanCommand::Show { plan, place } => show(plan, *place, json()?),
        PlanCommand::Check { plans } => check(plans, json()?),
        PlanCommand::Lint(arguments) => lint::run(arguments, cli),
    }
}

fn list(json: bool) -> Result<u8, Failure> {
    let mut table = Builder::new();
    table.push_record(["plan", "title", "disasters", "file"]);
    let mut rows = Vec::new();
    for shipped in PLANS {
        let plan = library::load_plan(shipped.name)?.value;
        let disasters: Vec<String> = plan.disasters.keys().cloned().collect();
        table.push_record([shipped.name, &plan.title, &disasters.join(", "), shipped.path]);
        rows.push(serde_json::json!({
            "plan": shipped.name, "title": plan.title, "disasters": disasters, "file": shipped.path,
        }));
    }
    print(json, &rows.into(), table)?;
    Ok(0)
}

fn show(name: &str, place: bool, json: bool) -> Result<u8, Failure> {
    let plan = library::load_plan(name)?.value;
    if json && place {
        let rows: Vec<serde_json::Value> = plan
            .figures()
            .iter()
            .map(|figure| {
                serde_json::json!({
                    "path": figure.path.to_string(), "figure": figure.name, "value": figure.text,
                    "status": figure.status, "where": figure.place,
                })
            })
            .collect();
        out!("{:#}", serde_json::Value::from(rows));
        return Ok(0);
    }
    if json {
        let value = serde_json::to_value(&plan)
            .map_err(|error| Failure::Harness(miette::miette!("the plan cannot be printed as JSON: {error}")))?;
        out!("{value:#}");
        return Ok(0);
    }
    let document = plan
        .document
        .as_ref()
        .map(|document| match &document.version {
            Some(version) => format!(" ({}, version {version})", document.title),
            None => format!(" ({})", document.title),
        })
        .unwrap_or_default();
    out!("{}{document}", plan.title);
    if place {
        out!();
        print(false, &serde_json::Value::Null, figures(&plan))?;
    } else {
        for line in plan.outline() {
            if line.depth == 0 {
                out!();
            }
            out!("{:indent$}{}", "", line.text, indent = line.depth * 2);
        }
    }
    Ok(0)
}

/// Every figure with the section that it is from.
fn figures(plan: &Plan) -> Builder {
    let mut table = Builder::new();
    table.push_record(["in", "figure", "value", "status", "where"]);
    let mut section = String::new();
    for figure in plan.figures() {
        let status = match figure.status {
            Status::Stated => "stated",
            Status::Derived => "derived",
            Status::Assumed => "assumed",
        };
        let place = if figure.place.is_empty() {
            "header or footer of the document"
        } else {
            &figure.place
        };
        // A section is named once, before its first figure.
        let named = if figure.section == section { "" } else { &figure.section };
        table.push_record([named, &figure.name, &figure.text, status, place]);
        section.clone_from(&figure.section);
    }
    table
}

fn check(plans: &[String], json: bool) -> Result<u8, Failure> {
    let mut code = 0;
    let mut rows = Vec::new();
    let plans: BTreeSet<&String> = plans.iter().collect();
    for name in plans {
        match library::load_plan(name) {
            Ok(parsed) => {
                let figures = parsed.value.figures().len();
                rows.push(serde_json::json!({"file": name, "sound": true, "figures": figures}));
                if !json {
                    out!("{name}: sound, {figures} figures");
                }
            }
            Err(Failure::Input(report)) => {
                code = 2;
                let (mistakes, left_out) = told(&report);
                rows.push(
                    serde_json::json!({"file": name, "sound": false, "mistakes": mistakes, "left_out": left_out}),
                );
                if !json {
                    eprintln!("{report:?}");
                }
            }
            Err(other) => return Err(other),
        }
    }
    if json {
        out!("{:#}", serde_json::Value::from(rows));
    }
    Ok(code)
}

/// The mistakes behind a report, for programs, and how many more there are.
pub(super) fn told(report: &miette::Report) -> (serde_json::Value, usize) {
    let Some(mistakes) = report.downcast_ref::<firedrill_core::document::Mistakes>() else {
        return (
            serde_json::json!([{ "severity": "error", "what": report.to_string() }]),
            0,
        );
    };
    let told = mistakes
        .drawn
        .iter()
        .map(|drawn| {
            serde_json::json!({
                "file": mistakes.file,
                "line": drawn.line,
                "column": drawn.column,
                "severity": match drawn.mistake.severity {
                    firedrill_core::document::Severity::Error => "error",
                    firedrill_core::document::Severity::Warning => "warning",
                },
                "what": drawn.mistake.what,
                "help": drawn.mistake.help,
            })
        })
        .collect();
    (told, mistakes.left_out)
}

/// Prints a table, or the same as JSON.
pub(super) fn print(json: bool, value: &serde_json::Value, table: Builder) -> Result<(), Failure> {
    if json {
        out!("{value:#}");
        return Ok(());
    }
    let mut table = table.build();
    // The first columns hold names that one copies; only the last may wrap.
    table.with(Style::blank());
    table.modify(Columns::last(), Width::wrap(70).keep_words(true));
    out!("{table}");
    Ok(())
}
