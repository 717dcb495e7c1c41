//! The commands, one file each; this one maps what they end with to exit codes.

pub mod backup;
pub mod clean;
pub mod compare;
pub mod doctor;
pub mod fault;
pub mod history;
pub mod init;
pub mod judge;
pub mod kpis;
pub mod man;
pub mod named_run;
pub mod output;
pub mod plan;
pub mod replay;
pub mod report;
pub mod run;
pub mod runs;
pub mod scenario;
pub mod schedule;
pub mod suite;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::cli::{Cli, Color, Command, Format};

/// What a command ended with, by the exit code it stands for.
#[derive(Debug)]
pub enum Failure {
    /// Bad usage, a bad input file, a command of the scenario that failed, or altered evidence (2).
    Input(miette::Report),
    /// What was asked for cannot run on this machine: skipped, and never passed (3).
    Skipped(miette::Report),
    /// The harness failed (4).
    Harness(miette::Report),
    /// Interrupted (130).
    Interrupted,
}

impl Failure {
    fn exit_code(&self) -> u8 {
        match self {
            Failure::Input(_) => 2,
            Failure::Skipped(_) => 3,
            Failure::Harness(_) => 4,
            Failure::Interrupted => 130,
        }
    }
}

/// Parses the command line, runs the command, prints what went wrong.
#[must_use]
pub fn main() -> ExitCode {
    crate::interrupts::survive_file_limit();
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().collect();
    let program = match crate::config::configured(Cli::command(), &arguments) {
        Ok(program) => program,
        Err(failure) => return ended(Err(failure)),
    };
    let parsed = program
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    set_color(cli.color);
    let outcome = match &cli.command {
        Command::Run(run) => run::run(run, &cli),
        Command::Replay(replay) => replay::replay(replay, &cli),
        Command::Judge(judge) => judge::judge(judge, &cli),
        Command::Compare(compare) => compare::compare(compare, &cli),
        Command::Report(report) => report::report(report, &cli),
        Command::Plan(command) => plan::run(command, &cli),
        Command::Scenario(command) => scenario::run(command, &cli),
        Command::Runs(command) => runs::run(command, &cli),
        Command::Suite(suite) => suite::suite(suite, &cli),
        Command::Schedule(schedule) => schedule::schedule(schedule, &cli),
        Command::Kpis(kpis) => kpis::kpis(kpis, &cli),
        Command::Fault(command) => fault::run(command, &cli),
        Command::Init(init) => init::run(init),
        Command::Backup(command) => backup::run(command, &cli),
        Command::Doctor(doctor) => doctor::doctor(doctor, &cli),
        Command::Clean(clean) => clean::clean(clean, &cli),
        Command::History(history) => history::history(history),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "firedrill", &mut script);
            output::write_out(&String::from_utf8_lossy(&script)).map(|()| 0)
        }
        Command::Man => man::man(),
    };
    ended(outcome)
}

/// Prints what went wrong, and gives the exit code.
fn ended(outcome: Result<u8, Failure>) -> ExitCode {
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            match &failure {
                Failure::Input(report) | Failure::Skipped(report) | Failure::Harness(report) => {
                    crate::view::say(&format!("{report:?}"))
                }
                Failure::Interrupted => {}
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Refuses a format that a command does not print; it would otherwise print another without a word.
pub(crate) fn text_or_json(cli: &Cli, command: &str) -> Result<bool, Failure> {
    match cli.format {
        Format::Text => Ok(false),
        Format::Json => Ok(true),
        Format::Markdown | Format::Junit | Format::Html | Format::Sarif => Err(Failure::Input(miette::miette!(
            help = "expected `--format text` or `--format json`",
            "`{command}` does not print {}",
            format!("{:?}", cli.format).to_lowercase()
        ))),
    }
}

/// miette follows NO_COLOR and the terminal by itself; `--color` overrules both.
fn set_color(color: Color) {
    let always = match color {
        Color::Auto => return,
        Color::Always => true,
        Color::Never => false,
    };
    let _ = miette::set_hook(Box::new(move |_| {
        Box::new(miette::MietteHandlerOpts::new().color(always).build())
    }));
}
