//! `firedrill run`: one drill, from its files to its verdict; or the same drill several times.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use firedrill_core::resolve::{AlteredError, TWIN, resolve_altered};
use firedrill_core::scenario::Expectation;
use firedrill_core::verdict::Verdict;
use firedrill_environment::containers::{ImageNames, TOXIPROXY};
use firedrill_environment::{PostgresChoice, Source};
use firedrill_reports::{Repeat, Repeated};

use super::Failure;
use super::output::write_out;
use super::report::print;
use crate::cli::{Cli, Conduct, ContainerArguments, Format, PostgresArguments, Run};
use crate::drill::Stops;
use crate::library::{self, Loaded};
use crate::matrix;
use crate::pipeline;
use crate::rehearsal::{Rehearsal, find_ground, random_u64};
use crate::view::{Telling, say};

/// Runs the command; its exit code is the verdict's.
pub fn run(run: &Run, cli: &Cli) -> Result<u8, Failure> {
    crate::suite::follow_parent();
    let environment = matrix::named(&run.environment)?;
    let (stops, wanted) = conductable(&run.conduct, cli)?;
    let loaded = library::load(&run.scenario)?;
    let mut settings = BTreeMap::new();
    for (key, value) in &run.set {
        if settings.insert(key.clone(), value.clone()).is_some() {
            return Err(Failure::Input(miette::miette!(
                help = "keep one of the two",
                "--set {key} was given twice"
            )));
        }
    }
    settings.remove(TWIN);
    if let Some(twin) = &loaded.twin {
        settings.insert(TWIN.to_owned(), twin.clone());
    }
    let (scenario, terms) = resolve_altered(
        &loaded.plan.value,
        &loaded.scenario.value,
        loaded.twin.as_deref(),
        &settings,
    )
    .map_err(|error| unplayable(&loaded, error))?;
    matrix::can_run(&scenario, environment)?;
    let (build, containers) = find_ground(
        environment,
        &wanted,
        &images(&run.conduct.containers),
        &scenario.needs,
        cli,
    )?;
    let rehearsal = Rehearsal {
        plan: loaded.plan.value.clone(),
        plan_text: loaded.plan.source.text.to_string(),
        scenario,
        scenario_text: loaded.scenario.source.text.to_string(),
        terms,
        settings,
        tools: loaded.tools.clone(),
        environment: run.environment.clone(),
        build,
        containers,
        offline: wanted.offline,
        output: run.conduct.output.clone(),
        keep: run.conduct.keep,
        stops,
        recalled: None,
    };
    conduct(&rehearsal, run.seed, &run.conduct, cli)
}

fn unplayable(loaded: &Loaded, error: AlteredError) -> Failure {
    match error {
        AlteredError::Setting(bad) => {
            Failure::Input(miette::miette!(help = bad.help, "--set {}: {}", bad.key, bad.what))
        }
        AlteredError::Unsound(unsound) => Failure::Input(loaded.draw(unsound)),
    }
}

/// What of the command line can be refused before anything is read.
pub(super) fn conductable(conduct: &Conduct, cli: &Cli) -> Result<(Stops, PostgresChoice), Failure> {
    if matches!(cli.format, Format::Html | Format::Sarif) {
        return Err(Failure::Input(miette::miette!(
            help = "the page is written into the run directory anyway: report.html; SARIF is for `plan lint`",
            "a drill prints text, json, markdown or junit, not html or sarif"
        )));
    }
    if matches!(cli.format, Format::Junit) && conduct.repeat > 1 {
        return Err(Failure::Input(miette::miette!(
            help = "each run has its own junit.xml in its directory",
            "several runs are printed as text, json or markdown, not junit"
        )));
    }
    if !conduct.pause_at.is_empty() && conduct.pause_for.is_none() && !io::stdin().is_terminal() {
        return Err(Failure::Input(miette::miette!(
            help = "say how long: `--pause-for 10m`",
            "--pause-at waits for Enter, and standard input is no terminal"
        )));
    }
    let stops = Stops {
        pause_after: conduct.pause_at.clone(),
        pause_for: conduct.pause_for,
        until: conduct.until,
    };
    Ok((stops, choice(&conduct.postgres)?))
}

/// Performs a rehearsal as often as was asked for, and prints what came of it.
pub(super) fn conduct(rehearsal: &Rehearsal, seed: Option<u64>, how: &Conduct, cli: &Cli) -> Result<u8, Failure> {
    let draw = || seed.map_or_else(random_u64, Ok);
    if how.repeat == 1 {
        let run = rehearsal.perform(draw()?, telling(cli))?;
        print(&run.judged, cli)?;
        if let Some(failure) = run.failure {
            return Err(failure);
        }
        pipeline::tell_run(&run.judged, &run.directory);
        let verdict = &run.judged.judged.verdict;
        if !cli.quiet {
            say(&format!("\nevidence and report: {}", run.directory.display()));
            say(&format!(
                "judge it again:      firedrill judge {}",
                run.directory.display()
            ));
        }
        if how.expected {
            return Ok(u8::from(!is_expected(verdict, rehearsal.expectation())));
        }
        return Ok(verdict.exit_code());
    }
    let mut repeated = Repeated::default();
    let ended = repeat(rehearsal, draw, how, cli, &mut repeated);
    let asked = how.repeat as usize;
    repeated.cut_short_of = (repeated.runs.len() < asked).then_some(asked);
    let printed = if repeated.runs.is_empty() {
        Ok(())
    } else {
        write_out(&match cli.format {
            Format::Json => repeated.json(),
            Format::Markdown => repeated.markdown(),
            Format::Text | Format::Junit | Format::Html | Format::Sarif => repeated.text(),
        })
    };
    ended?;
    printed?;
    if how.expected {
        let as_expected = repeated.runs.iter().all(|run| run.expected == Some(true));
        return Ok(u8::from(!as_expected));
    }
    Ok(repeated.exit_code())
}

/// Performs the runs one after the other; those before one that fails stay in `repeated`.
fn repeat(
    rehearsal: &Rehearsal,
    draw: impl Fn() -> Result<u64, Failure>,
    how: &Conduct,
    cli: &Cli,
    repeated: &mut Repeated,
) -> Result<(), Failure> {
    for number in 1..=how.repeat {
        if !cli.quiet {
            say(&format!("\nrun {number} of {}", how.repeat));
        }
        let run = rehearsal.perform(draw()?, telling(cli))?;
        if run.failure.is_none() {
            pipeline::tell_run(&run.judged, &run.directory);
        }
        let expected = how
            .expected
            .then(|| is_expected(&run.judged.judged.verdict, rehearsal.expectation()));
        repeated.runs.push(Repeat {
            directory: run.directory.display().to_string(),
            seed: run.judged.inputs.seed,
            expected,
            verdict: run.judged.judged.verdict,
        });
        if let Some(failure) = run.failure {
            return Err(failure);
        }
    }
    Ok(())
}

/// How much is told while a drill runs.
pub(super) fn telling(cli: &Cli) -> Telling {
    match (cli.quiet, cli.verbose) {
        (true, _) => Telling::Quiet,
        (false, 0) => Telling::Story,
        (false, _) => Telling::Everything,
    }
}

/// Whether a run ended as its scenario says; says how not.
fn is_expected(verdict: &Verdict, expectation: &Expectation) -> bool {
    let mut wrong = Vec::new();
    if verdict.exit_code() != expectation.exit {
        wrong.push(format!(
            "exit code {}, expected {}",
            verdict.exit_code(),
            expectation.exit
        ));
    }
    for (id, expected) in &expectation.findings {
        match verdict.findings.iter().find(|finding| finding.id == *id) {
            Some(finding) if finding.outcome == *expected => {}
            Some(finding) => wrong.push(format!("{id}: {:?}, expected {expected:?}", finding.outcome)),
            None => wrong.push(format!("{id}: no such finding, expected {expected:?}")),
        }
    }
    if !wrong.is_empty() {
        say(&format!(
            "firedrill: not what the scenario expects: {}",
            wrong.join("; ")
        ));
    }
    wrong.is_empty()
}

/// Which images containers are made of.
pub(super) fn images(arguments: &ContainerArguments) -> ImageNames {
    let usual = ImageNames::default();
    ImageNames {
        postgres: arguments.postgres_image.clone().unwrap_or(usual.postgres),
        app: arguments.app_image.clone().unwrap_or(usual.app),
        toxiproxy: (arguments.links == "toxiproxy").then(|| {
            arguments
                .toxiproxy_image
                .clone()
                .unwrap_or_else(|| TOXIPROXY.to_owned())
        }),
    }
}

/// Which Postgres is wanted.
pub(super) fn choice(arguments: &PostgresArguments) -> Result<PostgresChoice, Failure> {
    let source = match arguments.postgres.as_str() {
        "auto" => Source::Auto,
        "system" => Source::System,
        "fetch" => Source::Fetch,
        directory if directory.contains('/') || directory == "." => Source::Directory(PathBuf::from(directory)),
        other => {
            return Err(Failure::Input(miette::miette!(
                help = "expected auto, system, fetch, or a directory with a `/` in it that holds bin/postgres",
                "--postgres: found `{other}`"
            )));
        }
    };
    Ok(PostgresChoice {
        source,
        major: arguments.pg_version,
        offline: arguments.offline,
    })
}
