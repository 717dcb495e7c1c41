//! The command line: names, defaults and the help that teaches them.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use firedrill_core::calendar::Cadence;
use firedrill_core::event::Phase;
use firedrill_core::plan::CivilDay;
use firedrill_core::suite::Shard;

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
  2    bad usage, a bad input file, or altered evidence
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
    /// Runs of the past: list, prune.
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

/// Where Postgres comes from.
#[derive(Args, Clone, Debug)]
pub struct PostgresArguments {
    /// Where Postgres comes from: auto, system, fetch, or a directory that holds bin/postgres.
    #[arg(long, default_value = "auto", value_name = "SOURCE", env = "FIREDRILL_POSTGRES")]
    pub postgres: String,

    /// Major version of Postgres, 15 to 18.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(15..=18), env = "FIREDRILL_PG_VERSION")]
    pub pg_version: Option<u32>,

    /// Fetch nothing from anywhere.
    #[arg(long, env = "FIREDRILL_OFFLINE")]
    pub offline: bool,
}

/// How a drill is conducted, once or several times.
#[derive(Args, Clone, Debug)]
pub struct Conduct {
    /// Folder of run directories.
    #[arg(long, default_value = "firedrill-runs", value_name = "DIR", env = "FIREDRILL_OUTPUT")]
    pub output: PathBuf,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub postgres: PostgresArguments,

    /// End in order after that phase; the verdict is inconclusive.
    #[arg(long, value_name = "PHASE", value_parser = PossibleValuesParser::new(PHASES).map(phase))]
    pub until: Option<Phase>,

    /// Pause after that phase and tell how to connect with psql and S3 clients; the verdict is inconclusive.
    #[arg(long, value_name = "PHASE", value_parser = PossibleValuesParser::new(PHASES).map(phase))]
    pub pause_at: Vec<Phase>,

    /// Go on after this time (`90s`, `10m`) instead of when Enter is pressed.
    #[arg(long, value_name = "TIME", requires = "pause_at", value_parser = pause_time)]
    pub pause_for: Option<Duration>,

    /// Run it N times, each a run of its own; the worst verdict counts.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000), conflicts_with = "keep")]
    pub repeat: u32,

    /// Leave everything running at the end, until `firedrill clean RUN`.
    #[arg(long)]
    pub keep: bool,

    /// Compare the result with what the scenario expects and exit 0 only if it is that.
    #[arg(long)]
    pub expected: bool,
}

/// The phases that a person may stop a drill after; there is none that fails back, and nothing runs after `conclude`.
const PHASES: [&str; 7] = [
    "prepare", "steady", "disrupt", "detect", "decide", "recover", "validate",
];

#[allow(clippy::needless_pass_by_value)]
fn phase(name: String) -> Phase {
    Phase::ALL
        .into_iter()
        .find(|phase| phase.name() == name)
        .unwrap_or(Phase::Conclude)
}

fn pause_time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| format!("{error}; expected such as `90s` or `10m`"))?;
    if time > crate::drill::PAUSE_MAX {
        return Err("expected at most 24h".to_owned());
    }
    Ok(time)
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("expected KEY=VALUE, such as `load.canary=80`".to_owned()),
    }
}

/// `firedrill run`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  firedrill run samia-tarot-failover/database-failure
  firedrill run samia-tarot-failover/database-failure:archive-off     a sabotaged twin, which must fail
  firedrill run ./scenario.yaml --pg-version 17 --format json
  firedrill run ./scenario.yaml --pause-at disrupt                     look at what is broken, then press Enter
  firedrill run ./scenario.yaml --set backup.wal.archive_timeout=\"2 min\" --repeat 5")]
pub struct Run {
    /// A shipped scenario (`firedrill scenario list`) or a file; `:TWIN` picks one of its twins.
    pub scenario: String,

    /// What the drill runs on: `local` starts processes on this machine.
    #[arg(
        long,
        default_value = "local",
        value_name = "ENVIRONMENT",
        env = "FIREDRILL_ENVIRONMENT"
    )]
    pub environment: String,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub conduct: Conduct,

    /// Seed of schedules and choices; a random one is drawn and recorded otherwise.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Put a value in place of the scenario's own: a dotted place (items of a list by number or name), the value as the
    /// file would hold it. Recorded with the run, and said with its verdict.
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    pub set: Vec<(String, String)>,
}

/// `firedrill replay`
#[derive(Args, Debug)]
#[command(after_help = "\
What was recorded is used again: plan, scenario, settings, seed, the instant of the strike and what faults chose. The
order in which processes take their turns is not reproduced, and the report says so.")]
pub struct Replay {
    /// The run directory.
    pub run: PathBuf,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub conduct: Conduct,
}

/// `firedrill judge`
#[derive(Args, Debug)]
pub struct Judge {
    /// The run directory.
    pub run: PathBuf,
    /// Write the verdict and all renderings there as well.
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// `firedrill report`
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Report {
    /// The run directory.
    #[arg(required = true)]
    pub run: Option<PathBuf>,
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

/// Which suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum SuiteName {
    Weekly,
    Monthly,
    Quarterly,
    Annual,
}

impl From<SuiteName> for Cadence {
    fn from(name: SuiteName) -> Cadence {
        match name {
            SuiteName::Weekly => Cadence::Weekly,
            SuiteName::Monthly => Cadence::Monthly,
            SuiteName::Quarterly => Cadence::Quarterly,
            SuiteName::Annual => Cadence::Annual,
        }
    }
}

/// `firedrill suite`
#[derive(Args, Debug)]
#[command(after_help = "\
A scenario belongs to a suite if a duty of its plan that it names under `duties` recurs so often, or if it names the
suite under `suites`. The exit code is that of the worst drill; a drill that was wanted and skipped makes it 3.

Examples:
  firedrill suite weekly
  firedrill suite monthly --plan samia-tarot --shard 1/2     half of it; `firedrill report merge` joins the halves
  firedrill suite weekly ./drills/ --list                    what would be run")]
pub struct Suite {
    /// How often it is meant to be run.
    #[arg(value_enum)]
    pub suite: SuiteName,

    /// Scenarios to choose from: files, folders of them, names; all shipped ones by default.
    pub scenarios: Vec<String>,

    /// Only drills of this plan (a shipped name or a file); may be repeated.
    #[arg(long = "plan", value_name = "PLAN")]
    pub plans: Vec<String>,

    /// Drills at a time. Two on a small machine stall each other, and stalls make drills inconclusive.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub jobs: u8,

    /// Only part `i` of `n`, such as `1/3`.
    #[arg(long, value_name = "i/n")]
    pub shard: Option<Shard>,

    /// A drill that may be skipped where it cannot run; may be repeated.
    #[arg(long = "allow-skip", value_name = "SCENARIO")]
    pub allow_skip: Vec<String>,

    /// Hold drills to what their scenarios expect instead of to their plans' targets.
    #[arg(long)]
    pub expected: bool,

    /// Print what would be run, and run nothing.
    #[arg(long)]
    pub list: bool,

    /// End a drill that runs longer than this many minutes.
    #[arg(long, value_name = "MINUTES", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1440))]
    pub drill_deadline: u32,

    /// Folder of run directories, and of past runs that new ones are held against.
    #[arg(long, default_value = "firedrill-runs", value_name = "DIR", env = "FIREDRILL_OUTPUT")]
    pub output: PathBuf,

    /// Folder of the suite's own report; a new one in the folder of run directories by default.
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub postgres: PostgresArguments,
}

/// Where past runs are, and as of when they are looked at.
#[derive(Args, Clone, Debug)]
pub struct Past {
    /// Only this plan (a shipped name or a file); may be repeated.
    #[arg(long = "plan", value_name = "PLAN")]
    pub plans: Vec<String>,

    /// Scenarios that serve the plans' duties: files, folders, names; all shipped ones by default.
    #[arg(long = "scenario", value_name = "SCENARIO")]
    pub scenarios: Vec<String>,

    /// Folder of run directories; may be repeated.
    #[arg(long, default_value = "firedrill-runs", value_name = "DIR", env = "FIREDRILL_OUTPUT")]
    pub history: Vec<PathBuf>,

    /// The day that counts as today, such as 2026-12-07; runs after it are left out.
    #[arg(long, value_name = "DATE")]
    pub as_of: Option<CivilDay>,
}

/// `firedrill schedule`
#[derive(Args, Debug)]
pub struct Schedule {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub past: Past,

    /// The coming twelve months as a calendar file (iCalendar) instead of a table.
    #[arg(long)]
    pub ics: bool,
}

/// `firedrill kpis`
#[derive(Args, Debug)]
pub struct Kpis {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub past: Past,

    /// The first day that counts; that of the first run by default.
    #[arg(long, value_name = "DATE")]
    pub since: Option<CivilDay>,
}

/// `firedrill compare`
#[derive(Args, Debug)]
pub struct Compare {
    /// Run directories.
    #[arg(required = true, num_args = 1..=32)]
    pub runs: Vec<PathBuf>,
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
