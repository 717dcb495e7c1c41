//! A scenario: one drill as data. Which disaster of which plan, on what, under what load, broken how, recovered how,
//! and what is expected to come of it.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::{Duration, Share};
use crate::terms::{Demanded, StandIn};
use crate::verdict::Outcome;

mod backup;
mod damage;
mod fault;
mod own;
mod procedure;
mod service;
mod written;

pub use backup::{Backup, Cadence, Wal};
pub use damage::{HurtBackup, ObjectDamage, PageDamage, WalDamage};
pub use fault::{ConditionTime, CutManner, DataHarm, Detector, Fault, FaultKind, ObjectHarm, StepSide};
pub use own::{CommandLine, OwnCheck, OwnFault, OwnStep, TOOLS_FOLDER};
pub use procedure::{Action, BackupRule, Procedure, RestoreFrom, Route, Step, TargetRule, WalOperation, WalSearch};
pub use service::{ApplicationService, PostgresService, S3Service, Service};
pub use written::{Opening, Written};

/// A drill, as its file says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
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
    /// Drills that the plan demands (each by its `what`) and that a run of this one is.
    #[serde(default)]
    pub duties: Vec<String>,
    /// Suites that it belongs to besides those that its duties put it in.
    #[serde(default)]
    pub suites: Vec<crate::calendar::Cadence>,
    /// Plan seconds per drill second while the calendar sets the pace.
    #[serde(default = "one")]
    pub calendar_scale: u32,
    /// The services of the drill by name.
    pub services: BTreeMap<String, Service>,
    /// Components that the disaster hits and that have an RPO, yet no service of the drill holds: each with why.
    #[serde(default)]
    pub leaves_out: BTreeMap<String, String>,
    /// The clients' traffic.
    pub load: Load,
    /// Services of the application by the plan's tier; unset: as the sample application has them.
    #[serde(default)]
    pub tiers: BTreeMap<u8, Vec<String>>,
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
    /// Sabotage: checks of the plan's monitor that do not run, with the alerts that rest on them.
    #[serde(default)]
    pub monitor_without: Vec<String>,
    /// The recovery.
    pub procedure: Procedure,
    /// Plan time after the strike at which the drill gives up.
    pub give_up: Duration,
    /// Windows, thresholds and checks that differ from their defaults.
    #[serde(default)]
    pub judging: Judging,
    /// Checks of your own, by name, besides the built-in ones; each must have passed.
    #[serde(default)]
    pub checks: BTreeMap<String, OwnCheck>,
    /// Programs that own commands need on the machine; without them the drill is skipped.
    #[serde(default)]
    pub needs: Vec<String>,
    /// What stands in for what the plan names.
    #[serde(default)]
    pub stand_ins: Vec<StandIn>,
    /// What this drill does not cover.
    #[serde(default)]
    pub not_covered: Vec<String>,
    /// Findings of `firedrill plan lint` on the plan that this drill proves: `RULE`, or `RULE/ABOUT`.
    #[serde(default)]
    pub proves: Vec<String>,
    /// What a run must end with; CI holds it to this.
    pub expect: Expectation,
    /// Sabotaged (or mended) variants, run as `PLAN/SCENARIO:TWIN`.
    #[serde(default)]
    pub twins: BTreeMap<String, Twin>,
}

impl Scenario {
    /// Every command of the user's own, twins left aside.
    #[must_use]
    pub fn commands(&self) -> Vec<&CommandLine> {
        let backups = self.backup.own().into_iter().map(|(_, command)| command);
        let steps = self.procedure.steps.iter().filter_map(|step| match &step.action {
            Action::Run(own) => Some(&own.command),
            _ => None,
        });
        let faults = self.faults.iter().flat_map(|fault| match &fault.inject {
            FaultKind::Run(own) => [Some(&own.command), Some(&own.prove), own.heal.as_ref()],
            _ => [None; 3],
        });
        let checks = self.checks.values().map(|check| &check.run);
        backups.chain(steps).chain(faults.flatten()).chain(checks).collect()
    }

    /// What it and its twins prove: the drill as `PLAN/SCENARIO` or `PLAN/SCENARIO:TWIN`, and the finding.
    pub fn proofs(&self) -> impl Iterator<Item = (String, &str)> {
        let name = format!("{}/{}", self.plan, self.scenario);
        let twins = self.twins.iter().map({
            let name = name.clone();
            move |(twin, of)| (format!("{name}:{twin}"), &of.proves)
        });
        std::iter::once((name, &self.proves))
            .chain(twins)
            .flat_map(|(drill, proved)| proved.iter().map(move |proved| (drill.clone(), proved.as_str())))
    }
}

fn one() -> u32 {
    1
}

/// The clients' traffic: open loop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
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

/// When the striking fault is injected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
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

/// What differs from the defaults of judging.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
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
    /// What the plan demands of such a drill beside its figures, each judged as a finding of its own.
    #[serde(default)]
    pub criteria: Vec<Criterion>,
}

/// A demand of the plan without a figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Criterion {
    /// What is demanded.
    pub demand: Demanded,
    /// Where the plan demands it.
    #[serde(rename = "where")]
    pub place: String,
}

/// What a run must end with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The exit code.
    pub exit: u8,
    /// Findings by id.
    #[serde(default)]
    pub findings: BTreeMap<String, Outcome>,
}

/// A variant of the scenario: whole sections replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Twin {
    /// What is different.
    pub summary: String,
    /// The sections that replace the scenario's.
    pub instead: Instead,
    /// See [`Scenario::proves`]; what the twin proves, which the scenario itself need not.
    #[serde(default)]
    pub proves: Vec<String>,
    /// What a run must end with.
    pub expect: Expectation,
}

/// The sections that a twin may replace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Instead {
    /// As `backup` of the scenario.
    #[serde(default)]
    pub backup: Option<Backup>,
    /// As `procedure` of the scenario.
    #[serde(default)]
    pub procedure: Option<Procedure>,
    /// As `faults` of the scenario.
    #[serde(default)]
    pub faults: Option<Vec<Fault>>,
    /// As `monitor_without` of the scenario.
    #[serde(default)]
    pub monitor_without: Option<Vec<String>>,
    /// As `services` of the scenario.
    #[serde(default)]
    pub services: Option<BTreeMap<String, Service>>,
    /// As `calendar_scale` of the scenario.
    #[serde(default)]
    pub calendar_scale: Option<u32>,
    /// As `steady` of the scenario.
    #[serde(default)]
    pub steady: Option<Duration>,
    /// As `strike` of the scenario.
    #[serde(default)]
    pub strike: Option<Strike>,
    /// As `give_up` of the scenario.
    #[serde(default)]
    pub give_up: Option<Duration>,
    /// As `judging` of the scenario.
    #[serde(default)]
    pub judging: Option<Judging>,
    /// As `stand_ins` of the scenario.
    #[serde(default)]
    pub stand_ins: Option<Vec<StandIn>>,
}
