//! Commands that follow calendars: `suite`, `schedule` and `kpis`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use firedrill_core::calendar::Cadence;
use firedrill_core::plan::CivilDay;
use firedrill_core::suite::Shard;

use super::PostgresArguments;
use crate::history::folder;

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
    #[arg(long, default_value = "firedrill-runs", value_name = "DIR", env = "FIREDRILL_OUTPUT", value_parser = folder())]
    pub output: PathBuf,

    /// More past runs that new ones are held against: a folder, or s3://BUCKET/PREFIX; may be repeated.
    #[arg(long, value_name = "PLACE")]
    pub history: Vec<PathBuf>,

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

    /// Folder of run directories, or s3://BUCKET/PREFIX; may be repeated.
    #[arg(
        long,
        default_value = "firedrill-runs",
        value_name = "PLACE",
        env = "FIREDRILL_OUTPUT"
    )]
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
