//! Findings and the verdict: what a run achieved, held against its terms.
//!
//! A finding is met only if its upper bound meets the target, missed only if its lower bound misses it, else
//! inconclusive; only then does the worst finding win.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::{Coverage, DelayKind, StepEdge};
use crate::stamp::{Nanos, Stamp};
use crate::terms::{Limit, Source, StandIn};

/// pass < inconclusive < fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Met.
    Pass,
    /// The evidence does not decide.
    Inconclusive,
    /// Missed.
    Fail,
}

impl Outcome {
    /// PASS, INCONCLUSIVE, FAIL: as every report writes it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Fail => "FAIL",
        }
    }
}

/// An interval of plan time in nanoseconds; `upper` `None` is infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// At least this.
    pub lower: Nanos,
    /// At most this; `None`: no bound is known.
    pub upper: Option<Nanos>,
}

/// What a finding measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Achieved {
    /// A duration of plan time.
    Duration(Span),
    /// A count with bounds (`upper` `None`: unknown).
    Count {
        /// At least.
        lower: u64,
        /// At most.
        upper: Option<u64>,
    },
    /// Yes or no.
    Holds(bool),
    /// Not measured.
    Nothing,
}

/// One judged target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Stable name: `rto`, `rpo.database`, `tier.0`, `order`, `detection`, `recovery`, `hole.database`, `check.amcheck`, ...
    /// A second figure for the same target ends in `#2`.
    pub id: String,
    /// For people, e.g. `RPO of database`.
    pub title: String,
    /// Met, missed, undecided.
    pub outcome: Outcome,
    /// The limit it is held against, when there is one.
    pub limit: Option<Limit>,
    /// What was measured.
    pub achieved: Achieved,
    /// The interval before the quantum widened it, plan nanoseconds; `None` where nothing was widened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unwidened: Option<Span>,
    /// Nothing is demanded of it: the figure is shown, and counts neither as met nor as missed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shown: bool,
    /// Limit less upper bound, plan nanoseconds; negative when missed; `None` where there is none to give.
    pub margin: Option<Nanos>,
    /// Why, in plain words with the figures.
    pub because: String,
    /// What the check looked at, for checks.
    pub coverage: Option<Coverage>,
    /// Where the demand is from.
    pub source: Option<Source>,
    /// How many of what is counted could not be placed, and were let pass: the count is of the others.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unordered: u64,
}

/// What says nothing is left out of the file.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The moments of a run, as stamps of drill time; `None`: never came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Moments {
    pub struck: Option<Stamp>,
    pub impact: Option<Stamp>,
    pub alerted: Option<Stamp>,
    pub acknowledged: Option<Stamp>,
    pub declared: Option<Stamp>,
    pub authorised: Option<Stamp>,
    pub procedure_done: Option<Stamp>,
    pub restored: Option<Stamp>,
    pub confirmed: Option<Stamp>,
    pub failed_back: Option<Stamp>,
    /// Per tier level.
    pub tiers: BTreeMap<u8, TierMoments>,
}

/// Impact and restoration of one tier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct TierMoments {
    pub impact: Option<Stamp>,
    pub released: Option<Stamp>,
    pub restored: Option<Stamp>,
    /// It never missed its thresholds: there is nothing that was restored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untouched: bool,
}

/// One phase as measured: from moment to moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PhaseSpan {
    /// detect, respond, decide, recover, confirm.
    pub name: String,
    /// Drill time it began.
    pub from: Stamp,
    /// Drill time it ended.
    pub until: Stamp,
    /// Its length in plan time.
    pub plan: Span,
    /// Its end came before its beginning, so that it has no length: in words, `acknowledged before alerted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_order: Option<String>,
    /// Nobody took part in it though it is about people: what stood in for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stood_in: Option<StoodIn>,
}

/// What stood in for people in a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StoodIn {
    /// Nothing: the drill went on at once, so that the phase has no length worth a figure.
    Automatic,
    /// The time that the plan grants them.
    Credited,
}

/// An alert of the plan's monitor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AlertRun {
    /// The rule that raised it.
    pub rule: String,
    /// Its kind.
    pub kind: String,
    /// Number of the event that raised it.
    pub seq: u64,
    /// When it was raised.
    pub raised: Stamp,
    /// When it was cleared; `None`: it stood to the end.
    pub cleared: Option<Stamp>,
    /// What it is to the detection of the fault.
    pub part: AlertPart,
}

/// What an alert is to the detection of the striking fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlertPart {
    /// The one that detection counts from.
    Counted,
    /// Of a kind that the fault can cause, and not the one that counts.
    SameKind,
    /// Of a kind that the fault cannot cause: it tells nothing of it.
    OtherKind,
    /// Raised before the strike: nothing was broken then.
    BeforeStrike,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // As serde calls it.
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// What became of one component's data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// Acked versions, preload included.
    pub acked: u64,
    /// Acked versions found, or grown into what was found.
    pub kept: u64,
    /// Of the kept, versions of keys that are absent after an acknowledged delete: a store that holds nothing would look
    /// the same.
    #[serde(default, skip_serializing_if = "is_none")]
    pub kept_absent: u64,
    /// Acked versions newer than what was found, a lost delete too.
    pub lost: u64,
    /// Of those, acked before the strike's early edge.
    pub lost_before_strike: u64,
    /// Older versions that another incarnation may have overwritten after losing them.
    pub possibly_lost: u64,
    /// Keys whose value equals an indeterminate version.
    pub recovered: u64,
    /// Keys with content nobody attempted.
    pub mutated: u64,
    /// Versions found that were never sent, refused or not sent.
    pub unexpected: u64,
    /// Keys with two rows.
    pub duplicated: u64,
    /// Lost writes acked before a kept write of the same incarnation and domain was invoked.
    pub holes: u64,
    /// Acked by an incarnation after another took over.
    pub astray: u64,
    /// Kept rows whose object is lost, wrong or absent.
    pub dangling: u64,
    /// rho: the latest instant such that every write acked up to it is kept; `None`: nothing acked is kept.
    pub rho: Option<Stamp>,
    /// E: the later of struck and the ack of the last lost write.
    pub end: Option<Stamp>,
    /// Loss in plan time; `None` where nothing could be judged.
    pub span: Option<Span>,
    /// Part of the loss before the strike, and after it, plan nanoseconds of the upper bound.
    pub before_strike: Option<Span>,
    /// See `before_strike`.
    pub after_strike: Option<Span>,
}

/// How the scheduled operations ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Tally {
    pub scheduled: u64,
    pub acked: u64,
    pub refused: u64,
    pub indeterminate: u64,
    pub not_sent: u64,
}

/// One step of the procedure as it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct StepRun {
    pub name: String,
    pub action: String,
    pub begun: Option<Stamp>,
    pub ended: Option<Stamp>,
    pub outcome: StepEdge,
    pub detail: String,
}

/// Backups and the restore, in drill time and bytes: shown so that tools can be put side by side, never judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ToolRun {
    /// The tool that took the backups and restored them; empty where there was none.
    pub name: String,
    /// Base backups and dumps, in the order in which they were complete.
    pub backups: Vec<BackupTaken>,
    /// The backup that the recovery chose, where its choice names one that the history knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<BackupTaken>,
    /// From the choice of the target until the restored database served, drill time.
    pub restore: Option<Span>,
    /// Bytes that the backups took up when the load had stopped.
    pub stored: Option<u64>,
}

/// One backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BackupTaken {
    /// `base`, `dump` or `files`.
    pub kind: String,
    /// Its name in the tool's own catalogue.
    pub name: String,
    /// From its start until it was complete, drill nanoseconds.
    pub took: Nanos,
}

/// A real delay of a scaled phase, as it stands in the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DelayRun {
    /// What was late.
    pub kind: DelayKind,
    /// How long, drill nanoseconds.
    pub drill: Nanos,
    /// Number of the event.
    pub seq: u64,
    /// When.
    pub at: Stamp,
}

/// One event that something was decided by: the alert that counts, a recovery target with its inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// What was decided.
    pub what: String,
    /// Number of the event.
    pub seq: u64,
    /// When.
    pub at: Stamp,
    /// How, and from what.
    pub says: String,
}

/// A note of the harness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Noted {
    /// Number of the first event that says so.
    pub seq: u64,
    /// What it says.
    pub text: String,
    /// How often.
    pub times: u64,
}

/// How far the evidence of a run goes, as it is gathered over a suite.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// What every interval on the plan clock was widened by, nanoseconds.
    pub quantum: Nanos,
    /// What stood in for what.
    pub stand_ins: Vec<StandIn>,
    /// What is assumed.
    pub assumptions: Vec<String>,
    /// What was not covered.
    pub not_covered: Vec<String>,
    /// Plan seconds per drill second while the calendar set the pace; 0 where an older program wrote this.
    #[serde(default, skip_serializing_if = "is_default")]
    pub calendar_scale: u32,
    /// The longest delay of each kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delays: Vec<DelayRun>,
    /// Steps of the procedure that did not succeed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_steps: Vec<StepRun>,
    /// Settings that touch durability and deviate.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deviations: BTreeMap<String, String>,
    /// How the run differs from the drill that its scenario describes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub altered: Vec<String>,
    /// The program that wrote the evidence, where it was sealed afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_by_another: Option<String>,
}

/// One fault as it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct FaultRun {
    pub name: String,
    pub strikes: bool,
    pub invoked: Option<Stamp>,
    pub proved: Option<Stamp>,
    pub held_until_recovery: Option<bool>,
    pub detail: BTreeMap<String, String>,
}

/// The whole run, judged. Everything a report prints is in here or in [`crate::terms::Terms`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Version of this format.
    pub schema: u32,
    /// Version of the definitions it was judged under.
    pub definitions: u32,
    /// The run directory's name.
    pub run: String,
    /// Name of the plan.
    pub plan: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the disaster.
    pub disaster: String,
    /// What the drill is about, in the scenario's own words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// What the twin that was drilled changes of it, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin: Option<String>,
    /// The worst finding, or inconclusive where something spoils the whole run.
    pub outcome: Outcome,
    /// In one line, e.g. `PASS AT DRILL SIZE (12 MiB), reference tool, no human time credited`.
    pub scope: String,
    /// What spoils the whole run, in words; empty for a sound run.
    pub spoiled: Vec<String>,
    /// Every judged target.
    pub findings: Vec<Finding>,
    /// Findings about the plan itself that the drill met on its way, in words.
    pub about_plan: Vec<String>,
    /// When things happened.
    pub moments: Moments,
    /// From moment to moment.
    pub phases: Vec<PhaseSpan>,
    /// q: what every interval on the plan clock was widened by, nanoseconds.
    pub quantum: Nanos,
    /// The longest delay of each kind, the longest first: the quantum is made of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delays: Vec<DelayRun>,
    /// Plan seconds per drill second while the calendar set the pace; 0 where an older program wrote this.
    #[serde(default, skip_serializing_if = "is_default")]
    pub calendar_scale: u32,
    /// Alerts of the monitor, in the order in which they were raised.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<AlertRun>,
    /// Nobody took part: what people would have done was done in their name, at once or after a time credited to them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub without_people: bool,
    /// What was decided from what, in the order of the history.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decision>,
    /// What the harness noted beside; never judged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Noted>,
    /// Outage (impact to restored) in plan time.
    pub outage: Option<Span>,
    /// Share of the yearly availability budget that the outage used, parts per thousand of its upper bound.
    pub budget_permille: Option<u64>,
    /// Per component.
    pub loss: BTreeMap<String, Loss>,
    /// All scheduled workload and canary operations.
    pub tally: Tally,
    /// Per service.
    pub services: BTreeMap<String, Tally>,
    /// Capacity before and after, operations per second.
    pub capacity: Vec<u64>,
    /// Faults and their proofs.
    pub faults: Vec<FaultRun>,
    /// Steps of the procedure.
    pub steps: Vec<StepRun>,
    /// Backups and the restore.
    #[serde(default)]
    pub tool: ToolRun,
    /// Stalls of the harness.
    pub stalls: Vec<Stamp>,
    /// Settings that touch durability and deviate.
    pub deviations: BTreeMap<String, String>,
    /// What stood in for what.
    pub stand_ins: Vec<StandIn>,
    /// What is assumed.
    pub assumptions: Vec<String>,
    /// What was not covered.
    pub not_covered: Vec<String>,
    /// How this run differs from the drill that its scenario describes: values set for it, values of an earlier run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub altered: Vec<String>,
    /// Written by another program and sealed afterwards.
    pub sealed_by_another: bool,
    /// Program that recorded.
    pub program: String,
}

impl Verdict {
    /// How far the evidence goes.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            quantum: self.quantum,
            stand_ins: self.stand_ins.clone(),
            assumptions: self.assumptions.clone(),
            not_covered: self.not_covered.clone(),
            calendar_scale: self.calendar_scale,
            delays: self.delays.clone(),
            failed_steps: self
                .steps
                .iter()
                .filter(|step| !matches!(step.outcome, StepEdge::Begun | StepEdge::Done))
                .cloned()
                .collect(),
            deviations: self.deviations.clone(),
            altered: self.altered.clone(),
            sealed_by_another: self.sealed_by_another.then(|| self.program.clone()),
        }
    }

    /// The exit code: 0 all met, 1 one missed, 3 undecided.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.outcome {
            Outcome::Pass => 0,
            Outcome::Fail => 1,
            Outcome::Inconclusive => 3,
        }
    }
}
