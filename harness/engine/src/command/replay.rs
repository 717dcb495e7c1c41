//! `firedrill replay`: a drill again, with what an earlier run recorded in place of fresh choices.

use firedrill_core::document::{Source, parse_plan, parse_scenario};
use firedrill_core::evidence::{Evidence, EvidenceError, RunInputs};
use firedrill_core::resolve::{TWIN, resolve_altered};

use super::Failure;
use super::named_run;
use super::run::{conduct, conductable, images};
use crate::cli::{Cli, Replay};
use crate::drill::Recalled;
use crate::library;
use crate::matrix;
use crate::rehearsal::{Rehearsal, find_ground};
use crate::run_directory::DirectoryFiles;
use crate::view::say;

/// Runs the command; its exit code is the new run's.
pub fn replay(replay: &Replay, cli: &Cli) -> Result<u8, Failure> {
    let (stops, wanted) = conductable(&replay.conduct, cli)?;
    let directory = named_run::directory(&replay.run, &replay.conduct.output)?;
    let shown = directory.display();
    let evidence = Evidence::check(&DirectoryFiles::new(&directory)).map_err(|error| {
        let help = match &error {
            EvidenceError::Open(_) => "only a run that was closed can be played again",
            _ => "`firedrill judge` tells what a run directory must hold",
        };
        Failure::Input(miette::miette!(help = help, "{shown}: {error}"))
    })?;
    let inputs = evidence.inputs;
    if inputs.plan_text.is_empty() || inputs.scenario_text.is_empty() {
        return Err(Failure::Input(miette::miette!(
            help = "another program wrote it; run the scenario's file itself",
            "{shown} holds no text of its plan and scenario"
        )));
    }
    let (plan, scenario) = texts(&inputs)?;
    let twin = inputs.settings.get(TWIN).map(String::as_str);
    let (scenario_value, terms) = resolve_altered(&plan, &scenario, twin, &inputs.settings)
        .map_err(|error| unreadable(&inputs, &error.to_string()))?;
    let recalled = Recalled::of(&inputs.run, &evidence.history.records);
    if terms != inputs.terms {
        say(
            "firedrill: this version of firedrill reads other terms from the recorded plan and scenario than that run had",
        );
    }
    let tools = library::kept(&directory)?;
    let environment = matrix::named(&inputs.environment)?;
    matrix::can_run(&scenario_value, environment)?;
    let (build, containers) = find_ground(
        environment,
        &wanted,
        &images(&replay.conduct.containers),
        &scenario_value.needs,
        cli,
    )?;
    let recorded = inputs.versions.get("postgres").cloned().unwrap_or_default();
    if !recorded.starts_with(&build.version.to_string()) {
        say(&format!(
            "firedrill: that run had Postgres {recorded}; this one has {}",
            build.version
        ));
    }
    let rehearsal = Rehearsal {
        plan,
        plan_text: inputs.plan_text,
        scenario: scenario_value,
        scenario_text: inputs.scenario_text,
        terms,
        settings: inputs.settings,
        tools,
        environment: inputs.environment,
        build,
        containers,
        offline: wanted.offline,
        output: replay.conduct.output.clone(),
        keep: replay.conduct.keep,
        stops,
        recalled: Some(recalled),
    };
    conduct(&rehearsal, Some(inputs.seed), &replay.conduct, cli)
}

fn texts(inputs: &RunInputs) -> Result<(firedrill_core::Plan, firedrill_core::Scenario), Failure> {
    let plan = parse_plan(Source::new(inputs.plan.name.clone(), inputs.plan_text.clone()));
    let plan = plan.map_err(|mistakes| unreadable(inputs, &mistakes.to_string()))?;
    let scenario = parse_scenario(Source::new(inputs.scenario.name.clone(), inputs.scenario_text.clone()));
    let scenario = scenario.map_err(|mistakes| unreadable(inputs, &mistakes.to_string()))?;
    Ok((plan.value, scenario.value))
}

fn unreadable(inputs: &RunInputs, why: &str) -> Failure {
    let program = inputs.versions.get("firedrill").cloned().unwrap_or_default();
    Failure::Input(miette::miette!(
        help = format!("it was recorded by firedrill {program}; play it again with that version"),
        "the recorded plan and scenario make no drill here: {why}"
    ))
}
