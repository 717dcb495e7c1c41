//! A scenario: one drill as data. Which disaster of which plan, on what, under what load, broken how, recovered how,
//! and what is expected to come of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::{Duration, Share};
use crate::terms::StandIn;
use crate::verdict::Outcome;

/// A drill, as its file says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name; the full name is `PLAN/SCENARIO`.
    pub scenario: String,
    /// A shipped plan's name, or a path relative to this file (it ends in `.yaml`).
    pub plan: String,
    /// The disaster of the plan that is drilled.
    pub disaster: String,
    /// What happens, in a sentence or two.
    pub summary: String,
    /// Plan seconds per drill second while the calendar sets the pace.
    #[serde(default = "one")]
    pub calendar_scale: u32,
    /// The services of the drill by name.
    pub services: BTreeMap<String, Service>,
    /// The clients' traffic.
    pub load: Load,
    /// The backups that run while the drill does.
    #[serde(default)]
    pub backup: Backup,
    /// How long load runs before the strike, in plan time.
    pub steady: Duration,
    /// When the striking fault is injected, after `steady`.
    #[serde(default)]
    pub strike: Strike,
    /// What breaks. Exactly one fault has `strikes: true`.
    pub faults: Vec<Fault>,
    /// The recovery.
    pub procedure: Procedure,
    /// Plan time after the strike at which the drill gives up.
    pub give_up: Duration,
    /// Windows, thresholds and checks that differ from their defaults.
    #[serde(default)]
    pub judging: Judging,
    /// What stands in for what the plan names.
    #[serde(default)]
    pub stand_ins: Vec<StandIn>,
    /// What this drill does not cover.
    #[serde(default)]
    pub not_covered: Vec<String>,
    /// What a run must end with; CI holds it to this.
    pub expect: Expectation,
    /// Sabotaged (or mended) variants, run as `PLAN/SCENARIO:TWIN`.
    #[serde(default)]
    pub twins: BTreeMap<String, Twin>,
}

fn one() -> u32 {
    1
}

/// A service of the drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Service {
    /// A Postgres server.
    Postgres(PostgresService),
    /// An S3 object store.
    S3(S3Service),
    /// The sample application.
    Application(ApplicationService),
}

/// A Postgres server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresService {
    /// The plan's component whose data it holds.
    #[serde(default)]
    pub component: Option<String>,
    /// A bare host: nothing runs until a restore makes a cluster there.
    #[serde(default)]
    pub empty: bool,
    /// Site it stands in.
    #[serde(default)]
    pub site: Option<String>,
    /// Settings of postgresql.conf.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

/// An S3 object store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct S3Service {
    /// The plan's component whose data it holds.
    #[serde(default)]
    pub component: Option<String>,
    /// Site it stands in.
    #[serde(default)]
    pub site: Option<String>,
}

/// The sample application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplicationService {
    /// The Postgres service it uses.
    pub database: String,
    /// The S3 service for its files.
    #[serde(default)]
    pub store: Option<String>,
    /// Site it stands in.
    #[serde(default)]
    pub site: Option<String>,
}

/// The clients' traffic: open loop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// The service that clients talk to.
    pub application: String,
    /// Operations per second of drill time by application service (`payments: 60`); at least 40 per tier.
    pub rates: BTreeMap<String, u32>,
    /// Canary writes per second of drill time; raised to 20 per RPO of plan time where that is more.
    #[serde(default = "canary_default")]
    pub canary: u32,
    /// Rows per service loaded in prepare.
    #[serde(default = "preload_default")]
    pub preload: u32,
    /// MiB of rows that nobody writes, compared by digest at the end.
    #[serde(default = "bulk_default")]
    pub bulk_mib: u32,
    /// Clients' own deadline.
    #[serde(default)]
    pub deadline: Option<Duration>,
    /// Measure capacity by a ramp before and after.
    #[serde(default)]
    pub capacity: bool,
}

fn canary_default() -> u32 {
    40
}
fn preload_default() -> u32 {
    1000
}
fn bulk_default() -> u32 {
    8
}

/// The backups that run while the drill does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// The Postgres service that is backed up.
    #[serde(default)]
    pub database: Option<String>,
    /// The S3 service that holds the backups.
    #[serde(default)]
    pub store: Option<String>,
    /// Base backups: cadence in plan time (one is taken in prepare).
    #[serde(default)]
    pub base: Option<Cadence>,
    /// WAL shipping.
    #[serde(default)]
    pub wal: Option<Wal>,
    /// Dumps: cadence in plan time (one is taken in prepare).
    #[serde(default)]
    pub dump: Option<Cadence>,
    /// Copies of the application's bucket.
    #[serde(default)]
    pub files: Option<Cadence>,
    /// Sabotage: the base backup or dump in the repository is one of an empty cluster.
    #[serde(default)]
    pub of_empty_cluster: bool,
}

/// How often, in plan time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cadence {
    /// Interval.
    pub every: Duration,
}

/// WAL shipping.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wal {
    /// archive_timeout in plan time; where plan and scenario are silent: RPO/5, marked assumed.
    #[serde(default)]
    pub archive_timeout: Option<Duration>,
    /// Sabotage: archiving stops (archive_command = /bin/true) this much plan time after steady begins.
    #[serde(default)]
    pub broken_after: Option<Duration>,
}

/// When the striking fault is injected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strike {
    /// Just before the next restorable point is complete.
    #[default]
    WorstForRpo,
    /// Just before the next base backup.
    WorstForRto,
    /// At an instant that the seed chooses within one backup cycle.
    Random,
    /// This much plan time after steady began.
    At(Duration),
}

/// Something that breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Its name in the history.
    pub name: String,
    /// The one that strikes; the others are conditions, injected before it.
    #[serde(default)]
    pub strikes: bool,
    /// What it does.
    pub inject: FaultKind,
    /// Kinds of alert it can cause; `none` states that no plan could notice.
    #[serde(default)]
    pub detector: Option<Detector>,
}

/// Who should notice; the fault's own default where the scenario says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Detector {
    /// No plan could.
    None,
    /// Alerts of these kinds.
    Alerts(Vec<String>),
}

/// The built-in faults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// kill -9 of the service's main process.
    Kill {
        /// Which service.
        service: String,
    },
    /// SIGSTOP of the service's processes.
    Pause {
        /// Which service.
        service: String,
    },
    /// kill -9, and its data directory is gone.
    LoseData {
        /// Which service.
        service: String,
    },
    /// A link passes nothing.
    Cut {
        /// The two services it joins: client side, server side.
        link: [String; 2],
        /// How clients see it.
        #[serde(default)]
        manner: CutManner,
    },
    /// A link delays each direction.
    Delay {
        /// The two services it joins: client side, server side.
        link: [String; 2],
        /// One way, drill time.
        by: Duration,
    },
}

/// How a cut link looks to its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CutManner {
    /// Connections are refused and open ones reset.
    #[default]
    Refused,
    /// Bytes vanish silently.
    Dropped,
}

/// The recovery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Procedure {
    /// Deadline of the whole, drill time.
    pub deadline: Duration,
    /// Its steps; one starts when those it is `after` are done (default: the one before it).
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Unique in the procedure.
    pub name: String,
    /// Steps that must be done first; unset: the one before it.
    #[serde(default)]
    pub after: Option<Vec<String>>,
    /// Deadline, drill time; unset: the procedure's.
    #[serde(default)]
    pub deadline: Option<Duration>,
    /// What it does.
    #[serde(rename = "do")]
    pub action: Action,
}

/// The built-in actions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Hold tiers back from traffic.
    Hold {
        /// Levels.
        tiers: Vec<u8>,
    },
    /// Let tiers to traffic, in the order given; each waits until its health is good for `settled`.
    Release {
        /// Levels.
        tiers: Vec<u8>,
    },
    /// Make sure that what failed cannot acknowledge any more: the service's processes are killed.
    Fence {
        /// Which service.
        service: String,
    },
    /// Restore base backup and WAL, or a dump, into a Postgres service and start it.
    Restore {
        /// Into which service.
        into: String,
        /// From what.
        from: RestoreFrom,
        /// How far.
        #[serde(default)]
        target: TargetRule,
    },
    /// Start a service again as it is.
    Start {
        /// Which service.
        service: String,
    },
    /// Point the application at a database.
    Repoint {
        /// Which application service.
        application: String,
        /// Which Postgres service.
        database: String,
        /// The route it takes: `direct` avoids the link that the application used before.
        #[serde(default)]
        route: Route,
    },
    /// Set the application's mode.
    Mode {
        /// Which application service.
        application: String,
        /// normal, read_only, maintenance.
        mode: String,
    },
    /// Check that the application serves every tier that is not held.
    Validate {
        /// Which application service.
        application: String,
    },
}

/// What a restore is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RestoreFrom {
    /// Base backup and WAL.
    BaseAndWal,
    /// The last dump.
    Dump,
}

/// The rule that chooses the recovery target; recorded with its inputs before the restore starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetRule {
    /// As far as the archive (or the last backup) goes.
    #[default]
    EndOfArchive,
    /// The alert's wall-clock time less a margin of drill time.
    BeforeAlert(Duration),
}

/// How the application reaches a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// The usual link.
    #[default]
    Primary,
    /// A second link that the plan keeps for this.
    Alternate,
}

/// What differs from the defaults of judging.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Judging {
    /// Stability window, drill time; 5 s.
    #[serde(default)]
    pub stability: Option<Duration>,
    /// Settle time, drill time; 30 s.
    #[serde(default)]
    pub settle: Option<Duration>,
    /// Response threshold where the plan states none; 3 s.
    #[serde(default)]
    pub response: Option<Duration>,
    /// Error threshold where the plan states none; 5 %.
    #[serde(default)]
    pub errors: Option<Share>,
    /// Checks that must have passed, besides those derived from the ledger; the environment's all by default.
    #[serde(default)]
    pub checks: Option<Vec<String>>,
}

/// What a run must end with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The exit code.
    pub exit: u8,
    /// Findings by id.
    #[serde(default)]
    pub findings: BTreeMap<String, Outcome>,
}

/// A variant of the scenario: whole sections replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Twin {
    /// What is different.
    pub summary: String,
    /// The sections that replace the scenario's.
    pub instead: Instead,
    /// What a run must end with.
    pub expect: Expectation,
}

/// The sections that a twin may replace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Instead {
    /// See [`Scenario::backup`].
    #[serde(default)]
    pub backup: Option<Backup>,
    /// See [`Scenario::procedure`].
    #[serde(default)]
    pub procedure: Option<Procedure>,
    /// See [`Scenario::faults`].
    #[serde(default)]
    pub faults: Option<Vec<Fault>>,
    /// See [`Scenario::services`].
    #[serde(default)]
    pub services: Option<BTreeMap<String, Service>>,
    /// See [`Scenario::calendar_scale`].
    #[serde(default)]
    pub calendar_scale: Option<u32>,
    /// See [`Scenario::steady`].
    #[serde(default)]
    pub steady: Option<Duration>,
    /// See [`Scenario::give_up`].
    #[serde(default)]
    pub give_up: Option<Duration>,
}
