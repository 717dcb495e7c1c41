//! `firedrill plan lint`: findings on plans, in the shape asked for, and the exit code that goes with them.

use std::io::IsTerminal;
use std::time::SystemTime;

use clap::Args;
use firedrill_core::Plan;
use firedrill_core::document::{Parsed, Source, parse_scenario};
use firedrill_core::plan::CivilDay;
use firedrill_lint::{Proof, Report, Severity, explain, unknown_rule};
use miette::{GraphicalReportHandler, GraphicalTheme};

use crate::cli::{Cli, Color, Format};
use crate::command::Failure;
use crate::command::output::write_out;
use crate::library::{self, SCENARIOS};

/// `firedrill plan lint`
#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes: 0 nothing found at or above the level of --deny; 1 something is; 2 bad usage or a bad plan.

Examples:
  firedrill plan lint ./plan.yaml --deny warn
  firedrill plan lint samia-tarot samia-tarot-failover     plans of one company are compared
  firedrill plan lint ./plan.yaml --format sarif > plan.sarif
  firedrill plan lint --explain backup-rarer-than-rpo")]
pub struct Lint {
    /// Files, or names of shipped plans; those of one company are compared with each other.
    #[arg(required_unless_present = "explain")]
    plans: Vec<String>,
    /// The lightest finding that makes the exit code 1: error, warn or info.
    #[arg(long, value_name = "SEVERITY", default_value = "error")]
    deny: Severity,
    /// The day that reviews, drills and acceptances are held against; today if not given.
    #[arg(long, value_name = "YYYY-MM-DD")]
    as_of: Option<CivilDay>,
    /// What a rule finds, why it matters and what to do; no plan is read.
    #[arg(long, value_name = "RULE", conflicts_with = "plans")]
    explain: Option<String>,
}

/// Runs the command.
pub(super) fn run(arguments: &Lint, cli: &Cli) -> Result<u8, Failure> {
    if let Some(rule) = &arguments.explain {
        let text = explain(rule).ok_or_else(|| {
            let (what, help) = unknown_rule(rule);
            Failure::Input(miette::miette!(help = help, "{what}"))
        })?;
        write_out(&text)?;
        return Ok(0);
    }
    let mut plans: Vec<Parsed<Plan>> = Vec::new();
    for name in &arguments.plans {
        let plan = library::load_plan(name)?;
        // The same file twice would contradict itself in every figure.
        if !plans.iter().any(|known| known.source == plan.source) {
            plans.push(plan);
        }
    }
    let as_of = match arguments.as_of {
        Some(day) => day,
        None => today()?,
    };
    let report =
        firedrill_lint::lint(&plans, as_of.last(), &proofs()?).map_err(|mistakes| Failure::Input(mistakes.into()))?;
    write_out(&format!("{}\n", rendered(&report, cli)?.trim_end()))?;
    Ok(u8::from(report.reaches(arguments.deny)))
}

fn rendered(report: &Report<'_>, cli: &Cli) -> Result<String, Failure> {
    match cli.format {
        Format::Text => firedrill_lint::terminal(report, &handler(cli.color))
            .map_err(|error| Failure::Harness(miette::miette!("the findings cannot be drawn: {error}"))),
        Format::Json => Ok(format!("{:#}", firedrill_lint::json(report))),
        Format::Sarif => Ok(format!("{:#}", firedrill_lint::sarif(report))),
        Format::Markdown => Ok(firedrill_lint::markdown(report)),
        Format::Junit | Format::Html => Err(Failure::Input(miette::miette!(
            help = "use --format text, json, sarif or markdown",
            "findings on a plan have no such rendering"
        ))),
    }
}

/// Standard output may be a pipe where standard error is a terminal: the colour follows the former.
fn handler(color: Color) -> GraphicalReportHandler {
    let colored = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    };
    let theme = if colored {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    GraphicalReportHandler::new_themed(theme)
        .with_width(110)
        .with_context_lines(0)
}

/// The shipped drills that prove findings, by what their files say.
fn proofs() -> Result<Vec<Proof>, Failure> {
    let mut proofs = Vec::new();
    for shipped in SCENARIOS {
        let source = Source::new(shipped.path, shipped.text);
        let scenario = parse_scenario(source)
            .map_err(|mistakes| Failure::Input(mistakes.into()))?
            .value;
        proofs.extend(scenario.proofs().map(|(drill, proved)| Proof::of(&drill, proved)));
    }
    Ok(proofs)
}

fn today() -> Result<CivilDay, Failure> {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    now.split('T')
        .next()
        .unwrap_or("")
        .parse::<CivilDay>()
        .map_err(|error| Failure::Harness(miette::miette!("the clock tells no day ({error}): use --as-of")))
}
