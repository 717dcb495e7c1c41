//! `firedrill suite` and `firedrill report merge`: many drills, one report, one exit code.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use firedrill_core::calendar::Cadence;
use firedrill_core::past::{PastRun, trend};
use firedrill_core::suite::{SUITE_FILE, SUITE_SCHEMA, SuiteDrill, SuiteRun};
use tabled::builder::Builder;

use super::Failure;
use super::output::write_out;
use super::schedule::{drawn, past_runs};
use crate::cli::{Cli, Format, PostgresArguments, Suite};
use crate::run_directory::InUse;
use crate::suite::{Ordered, Progress, Selected, Selection, Told, run_all, select};
use crate::view::say;
use crate::{pipeline, run_directory, runs};

/// No suite report is larger.
const SUITE_BYTES_MAX: u64 = 256 << 20;

/// Runs the command; its exit code is that of the worst drill.
pub fn suite(suite: &Suite, cli: &Cli) -> Result<u8, Failure> {
    printable(cli)?;
    let cadence = Cadence::from(suite.suite);
    let selection = select(cadence, &suite.plans, &suite.scenarios)?;
    let wanted: Vec<String> = selection.drills.iter().map(|drill| drill.name.clone()).collect();
    for name in &suite.allow_skip {
        if !wanted.contains(name) {
            return Err(Failure::Input(miette::miette!(
                help = format!("`firedrill suite {cadence} --list` names its drills"),
                "--allow-skip: the {cadence} suite has no drill `{name}`"
            )));
        }
    }
    if suite.list {
        return list(&selection, suite, cli);
    }
    let mut places = vec![suite.output.clone()];
    places.extend(suite.history.iter().cloned());
    // Before anything is made or run: a place that cannot be read ends the suite here.
    let earlier = past_runs(&places, cli)?;
    let failed = |error| Failure::Harness(miette::miette!("the suite cannot be run: {error}"));
    let (directory, logs) = make_folder(suite, cadence)?;
    let _in_use = InUse::claim(&directory);
    let arguments = passed_on(suite, cli);
    let orders: Vec<(Selected, Ordered)> = selection
        .drills
        .iter()
        .enumerate()
        .filter(|(number, _)| suite.shard.is_none_or(|shard| shard.holds(*number)))
        .map(|(number, drill)| {
            let order = Ordered {
                argument: drill.argument.clone(),
                name: drill.name.clone(),
                arguments: arguments.clone(),
                output: suite.output.clone(),
                log: logs.join(format!("{:02}-{}.log", number + 1, drill.name.replace(['/', ':'], "-"))),
                deadline: Duration::from_secs(u64::from(suite.drill_deadline) * 60),
            };
            (drill.clone(), order)
        })
        .collect();
    let started = run_directory::utc_now();
    // One thread: a drill ends when the thread that started it does, and this one lasts.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let told = telling(cli, orders.len());
    let (mut drills, interrupted) = runtime
        .block_on(run_all(orders, usize::from(suite.jobs), suite.expected, told))
        .map_err(failed)?;
    for drill in &mut drills {
        hold_against_earlier(drill, &suite.output, &earlier);
    }
    let run = SuiteRun {
        schema: SUITE_SCHEMA,
        program: format!("firedrill {}", env!("CARGO_PKG_VERSION")),
        suite: cadence,
        started,
        ended: run_directory::utc_now(),
        plans: selection.plans,
        expected: suite.expected,
        shard: suite.shard,
        wanted,
        allowed_skips: suite.allow_skip.iter().cloned().collect::<BTreeSet<_>>(),
        drills,
        not_drilled: selection.not_drilled,
        interrupted,
    };
    conclude(&run, &directory, cli)?;
    pipeline::tell_suite(&run, &directory, &suite.output);
    if !cli.quiet {
        say(&format!("\nreport: {}", directory.join("report.html").display()));
    }
    Ok(run.exit_code())
}

/// Joins shards; the exit code is that of the whole suite.
pub fn merge(parts: &[PathBuf], output: Option<&Path>, cli: &Cli) -> Result<u8, Failure> {
    let mut read = Vec::new();
    for part in parts {
        let file = if part.is_dir() {
            part.join(SUITE_FILE)
        } else {
            part.clone()
        };
        let unreadable = |why: String| {
            Failure::Input(miette::miette!(
                help = "expected the folder that `firedrill suite --shard` wrote, with its suite.json",
                "{}: {why}",
                file.display()
            ))
        };
        let length = std::fs::metadata(&file)
            .map_err(|error| unreadable(error.to_string()))?
            .len();
        if length > SUITE_BYTES_MAX {
            return Err(unreadable(format!("{length} bytes are more than a suite has")));
        }
        let text = std::fs::read_to_string(&file).map_err(|error| unreadable(error.to_string()))?;
        read.push((part.display().to_string(), SuiteRun::parse(&text).map_err(unreadable)?));
    }
    printable(cli)?;
    let whole = SuiteRun::merge(read).map_err(|why| Failure::Input(miette::miette!("{why}")))?;
    if let Some(output) = output {
        std::fs::create_dir_all(output)
            .map_err(|error| Failure::Input(miette::miette!("{} cannot be made: {error}", output.display())))?;
        write(&whole, output)?;
        // Runs lie where their shards were; the joined report alone can be linked to.
        pipeline::tell_suite(&whole, output, output);
    }
    write_out(&rendered(&whole, cli.format))?;
    Ok(whole.exit_code())
}

fn list(selection: &Selection, suite: &Suite, cli: &Cli) -> Result<u8, Failure> {
    let mut table = Builder::new();
    table.push_record(["drill", "runs here", "keeps"]);
    let mut rows = Vec::new();
    for (number, drill) in selection.drills.iter().enumerate() {
        let here = suite.shard.is_none_or(|shard| shard.holds(number));
        let keeps = if drill.duties.is_empty() {
            "named by the scenario".to_owned()
        } else {
            drill.duties.join("; ")
        };
        table.push_record([
            drill.name.as_str(),
            if here { "yes" } else { "other shard" },
            keeps.as_str(),
        ]);
        rows.push(serde_json::json!({
            "scenario": drill.name, "run": here, "plan": drill.plan, "duties": drill.duties,
        }));
    }
    let json = cli.format == Format::Json;
    let value = serde_json::json!({ "drills": rows, "not_drilled": selection.not_drilled });
    let mut text = if json { format!("{value:#}\n") } else { drawn(table) };
    if !json && !selection.not_drilled.is_empty() {
        text.push_str("\nWanted by the plans, and no scenario drills it:\n");
        for duty in &selection.not_drilled {
            text.push_str(&format!("- {}: {}\n", duty.plan, duty.what));
        }
    }
    write_out(&text)?;
    Ok(0)
}

/// The suite's own folder, and the one for the drills' lines in it.
fn make_folder(suite: &Suite, cadence: Cadence) -> Result<(PathBuf, PathBuf), Failure> {
    let directory = suite.report.clone().unwrap_or_else(|| {
        let name = run_directory::run_name(&format!("suite-{cadence}"), std::process::id() as u16);
        suite.output.join(name)
    });
    let logs = directory.join("logs");
    std::fs::create_dir_all(&logs).map_err(|error| {
        Failure::Input(miette::miette!(
            help = "choose a folder that can be written with --output DIR or --report DIR",
            "the suite's folder {} cannot be made: {error}",
            directory.display()
        ))
    })?;
    Ok((directory, logs))
}

/// What every drill is told on its command line.
fn passed_on(suite: &Suite, cli: &Cli) -> Vec<OsString> {
    let PostgresArguments {
        postgres,
        pg_version,
        offline,
    } = &suite.postgres;
    let mut arguments: Vec<OsString> = vec!["--postgres".into(), postgres.into()];
    if let Some(version) = pg_version {
        arguments.extend(["--pg-version".into(), version.to_string().into()]);
    }
    if let Some(config) = &cli.config {
        arguments.extend(["--config".into(), config.into()]);
    }
    if *offline {
        arguments.push("--offline".into());
    }
    if suite.expected {
        arguments.push("--expected".into());
    }
    arguments
}

fn telling(cli: &Cli, all: usize) -> Told {
    let quiet = cli.quiet;
    let order = std::sync::Mutex::new(VecDeque::<String>::new());
    Arc::new(move |name, _, progress| {
        if quiet {
            return;
        }
        // The number in order of starting, whatever the shard.
        let number = {
            let mut order = order.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if !order.iter().any(|known| known == name) {
                order.push_back(name.to_owned());
            }
            order.iter().position(|known| known == name).unwrap_or(0) + 1
        };
        let what = match progress {
            Progress::Begins { again: false } => "begins".to_owned(),
            Progress::Begins { again: true } => "was inconclusive and is run once more".to_owned(),
            Progress::Skipped(why) => format!("is skipped: {why}"),
            Progress::Ended(attempt) => {
                let code = match attempt.exit {
                    Some(code) => format!("exit {code}"),
                    None => "ended by a signal".to_owned(),
                };
                let scope = if attempt.scope.is_empty() {
                    &attempt.said
                } else {
                    &attempt.scope
                };
                format!("{code} after {} s: {scope}", attempt.millis.div_ceil(1000))
            }
        };
        say(&format!("[{number}/{all}] {name} {what}"));
    })
}

/// Holds the run that counts against the one before it.
fn hold_against_earlier(drill: &mut SuiteDrill, output: &Path, earlier: &[PastRun]) {
    let now = drill
        .deciding()
        .and_then(|attempt| attempt.run.as_ref())
        .and_then(|run| runs::read_run(&output.join(run)));
    drill.trend = now.and_then(|now| trend(&now.past, earlier));
}

/// Writes all renderings and prints the one that was asked for.
fn conclude(run: &SuiteRun, directory: &Path, cli: &Cli) -> Result<(), Failure> {
    write(run, directory)?;
    write_out(&rendered(run, cli.format))
}

fn write(run: &SuiteRun, directory: &Path) -> Result<(), Failure> {
    for (name, format) in [
        (SUITE_FILE, Format::Json),
        ("report.txt", Format::Text),
        ("report.md", Format::Markdown),
        ("report.html", Format::Html),
        ("junit.xml", Format::Junit),
    ] {
        run_directory::write(directory, name, rendered(run, format).as_bytes()).map_err(|error| {
            Failure::Harness(miette::miette!(
                "{} cannot be written: {error}",
                directory.join(name).display()
            ))
        })?;
    }
    Ok(())
}

/// Refuses a format that suites have not before anything is run.
fn printable(cli: &Cli) -> Result<(), Failure> {
    if cli.format == Format::Sarif {
        return Err(Failure::Input(miette::miette!(
            help = "use --format text, json, markdown, junit or html; `plan lint` writes SARIF",
            "a suite has no lines of a file to annotate: there is no SARIF of it"
        )));
    }
    Ok(())
}

fn rendered(run: &SuiteRun, format: Format) -> String {
    match format {
        Format::Text | Format::Sarif => firedrill_reports::suite_text(run),
        Format::Json => run.to_json(),
        Format::Markdown => firedrill_reports::suite_markdown(run),
        Format::Junit => firedrill_reports::suite_junit(run),
        Format::Html => firedrill_reports::suite_html(run),
    }
}
