//! Commands that play a drill, and how it is conducted: `run` and `replay`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use firedrill_core::event::Phase;

use crate::history::folder;

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

/// What services that are containers are made of.
#[derive(Args, Clone, Debug)]
pub struct ContainerArguments {
    /// Image of Postgres for `--environment containers`; `{major}` stands for the major version.
    #[arg(long, value_name = "IMAGE", env = "FIREDRILL_POSTGRES_IMAGE")]
    pub postgres_image: Option<String>,

    /// Image of the application and the store for `--environment containers`.
    #[arg(long, value_name = "IMAGE", env = "FIREDRILL_APP_IMAGE")]
    pub app_image: Option<String>,

    /// Who carries the links of `--environment containers`: firedrill itself, or a Toxiproxy in a container.
    #[arg(long, value_name = "LINKS", default_value = "firedrill", value_parser = ["firedrill", "toxiproxy"], env = "FIREDRILL_LINKS")]
    pub links: String,

    /// Image of Toxiproxy for `--links toxiproxy`.
    #[arg(long, value_name = "IMAGE", env = "FIREDRILL_TOXIPROXY_IMAGE")]
    pub toxiproxy_image: Option<String>,
}

/// How a drill is conducted, once or several times.
#[derive(Args, Clone, Debug)]
pub struct Conduct {
    /// Folder of run directories.
    #[arg(long, default_value = "firedrill-runs", value_name = "DIR", env = "FIREDRILL_OUTPUT", value_parser = folder())]
    pub output: PathBuf,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub postgres: PostgresArguments,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub containers: ContainerArguments,

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

    /// What the drill runs on: `local` starts processes on this machine, `containers` containers of an engine on it.
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
    /// The run directory, or its bare name in the folder of runs.
    pub run: PathBuf,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub conduct: Conduct,
}
