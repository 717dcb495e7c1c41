//! The command line: names, defaults and the help that teaches them.

mod calendar;
mod drill;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use calendar::{Kpis, Past, Schedule, Suite, SuiteName};
pub use drill::{Conduct, ContainerArguments, PostgresArguments, Replay, Run};

/// Rehearses disasters and finds out whether a disaster-recovery plan holds.
///
/// firedrill brings up the systems of a plan, breaks them the way the plan fears, lets the plan's recovery run, and
/// measures what was achieved against what was promised. The verdict can be derived again from the recorded evidence
/// with `firedrill judge`.
#[derive(Debug, Parser)]
#[command(name = "firedrill", version, max_term_width = 100, arg_required_else_help = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// What standard output carries.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text, env = "FIREDRILL_FORMAT")]
    pub format: Format,

    /// No progress; the result alone.
    #[arg(long, short, global = true, env = "FIREDRILL_QUIET")]
    pub quiet: bool,

    /// More of what happens: every event of the history on standard error.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// A file with defaults for options; else ./firedrill.yaml, else ~/.config/firedrill/config.yaml.
    #[arg(long, global = true, value_name = "FILE", env = "FIREDRILL_CONFIG")]
    pub config: Option<PathBuf>,

    /// Colours; `auto` follows the terminal and NO_COLOR.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, env = "FIREDRILL_COLOR")]
    pub color: Color,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    every target was met
  1    a target was missed
  2    bad usage, a bad input file, a command of yours that fails before the recovery, or altered evidence
  3    inconclusive: the evidence does not decide
  4    the harness itself failed
  5    stopped by a safety guard
  130  interrupted

Start with `firedrill run samia-tarot-failover/database-failure`, or `firedrill init` for a plan of your own.";

/// What standard output carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For the summary page of a pipeline (run, judge, report, plan lint).
    Markdown,
    /// For test reporting of a pipeline (run, judge, report).
    Junit,
    /// One self-contained page (report).
    Html,
    /// For code hosts that annotate lines (plan lint).
    Sarif,
}

/// Whether output is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum Color {
    Auto,
    Always,
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[allow(missing_docs)]
pub enum Command {
    /// Run one drill and judge it.
    Run(Box<Run>),
    /// Run a drill again with the concrete values that an earlier run recorded.
    Replay(Box<Replay>),
    /// Derive the verdict again from the evidence of a run, and compare it with what is stored there.
    Judge(Judge),
    /// Print one rendering of a judged run (--format text|json|markdown|junit|html).
    Report(Report),
    /// Put runs side by side: the tool of each, backup and restore time, bytes stored, loss, restored.
    Compare(Compare),
    /// DR plans: list, show, check, lint.
    #[command(subcommand)]
    Plan(crate::command::plan::PlanCommand),
    /// Scenarios: list, show, check.
    #[command(subcommand)]
    Scenario(crate::command::scenario::ScenarioCommand),
    /// Runs of the past: list, push to a bucket, prune.
    #[command(subcommand)]
    Runs(crate::command::runs::RunsCommand),
    /// Run the drills that a calendar wants together, and report on all of them at once.
    Suite(Box<Suite>),
    /// What is due by the plans' own calendars, what is overdue, when each drill was run last.
    Schedule(Schedule),
    /// Key figures over past runs: success, RTO and RPO, time to detect and to recover, drills held of those owed.
    Kpis(Kpis),
    /// Faults: list, prove.
    #[command(subcommand)]
    Fault(crate::command::fault::FaultCommand),
    /// Write a plan and a scenario of your own to start from.
    Init(crate::command::init::Init),
    /// Backups of the reference tool: list, verify, restore.
    #[command(subcommand)]
    Backup(crate::command::backup::BackupCommand),
    /// What this machine can run, what is missing, and what to do about it.
    Doctor(Doctor),
    /// Remove what drills that no longer live have left behind, or end a drill kept with --keep.
    Clean(Clean),
    /// A run directory that another program wrote.
    #[command(subcommand)]
    History(History),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff); read it with `firedrill man | man -l -`.
    Man,
}

/// `firedrill judge`
#[derive(Args, Debug)]
pub struct Judge {
    /// The run directory, its bare name, or s3://BUCKET/PREFIX/RUN.
    pub run: PathBuf,
    /// Write the verdict and all renderings there as well.
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub folder: FolderOfRuns,
}

/// Where a run is looked for that is given by its bare name.
#[derive(Args, Debug)]
pub struct FolderOfRuns {
    /// Folder, or s3://BUCKET/PREFIX, in which runs are looked for by name.
    #[arg(
        id = "folder_of_runs",
        long = "runs",
        default_value = "firedrill-runs",
        value_name = "PLACE",
        env = "FIREDRILL_OUTPUT"
    )]
    pub path: PathBuf,
}

/// `firedrill report`
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Report {
    /// The run directory, its bare name, or s3://BUCKET/PREFIX/RUN.
    #[arg(required = true)]
    pub run: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub folder: FolderOfRuns,
    /// What else can be reported.
    #[command(subcommand)]
    pub of: Option<ReportOf>,
}

/// `firedrill report ...`
#[derive(Debug, Subcommand)]
pub enum ReportOf {
    /// Join the shards of a suite into one report; exits as the whole suite does.
    Merge {
        /// Folders of suites (or their suite.json), one for each shard.
        #[arg(required = true)]
        suites: Vec<PathBuf>,
        /// Write suite.json and all renderings there as well.
        #[arg(long, value_name = "DIR")]
        output: Option<PathBuf>,
    },
}

/// `firedrill compare`
#[derive(Args, Debug)]
pub struct Compare {
    /// Run directories, their bare names, or s3://BUCKET/PREFIX/RUN.
    #[arg(required = true, num_args = 1..=32)]
    pub runs: Vec<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub folder: FolderOfRuns,
}

/// `firedrill doctor`
#[derive(Args, Debug)]
pub struct Doctor {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub postgres: PostgresArguments,
}

/// `firedrill clean`
#[derive(Args, Debug)]
pub struct Clean {
    /// A run kept with --keep; without it, everything that dead drills left.
    pub run: Option<String>,
}

/// `firedrill history`
#[derive(Debug, Subcommand)]
pub enum History {
    /// Chain and close a run directory that another program wrote, so that `judge` accepts it; marked as such ever after.
    Seal {
        /// The directory: run.json, events.jsonl, operations.
        directory: PathBuf,
    },
}
