//! The terms of a drill: what plan and scenario together demand, resolved to figures.
//!
//! The judge reads terms and history, nothing else. Every figure carries where it is from, so that a report can
//! point at the sentence of the plan that was kept or broken.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stamp::Nanos;

/// How an achieved figure is held against its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Comparator {
    /// `<`: reaching the limit misses it.
    Below,
    /// `<=`: reaching the limit meets it. Meant where a plan writes no comparator.
    AtMost,
}

/// Whether a figure stands in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The plan writes it.
    Stated,
    /// It follows from what the plan writes.
    Derived,
    /// The plan is silent; a default stands in and every report says so.
    Assumed,
}

/// Where a figure is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The section of the plan, or of the scenario, in words.
    pub place: String,
    /// Stated, derived or assumed.
    pub status: Status,
}

/// A limit on a duration of plan time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// `<` or `<=`.
    pub comparator: Comparator,
    /// Plan time, nanoseconds. 0 for an RPO means: judged by count.
    pub plan: Nanos,
    /// As the plan writes it, for people: `5 minutes`, `< 4 hours`.
    pub text: String,
    /// Where it is from.
    pub source: Source,
}

/// When the RTO starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RtoFrom {
    /// The striking fault takes effect.
    #[default]
    Fault,
    /// The client's path first misses its thresholds.
    Impact,
    /// The disaster is declared.
    Declared,
}

/// When the RTO ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RtoUntil {
    /// Service is back for clients and stays.
    #[default]
    Restored,
    /// All required checks have passed as well.
    Confirmed,
}

/// The RTO of the disaster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RtoTerm {
    /// Each distinct figure the plan gives; every one is judged.
    pub limits: Vec<Limit>,
    /// From when it is counted.
    pub from: RtoFrom,
    /// Until when.
    pub until: RtoUntil,
}

/// How a component's data is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// One order over all keys (a database).
    #[default]
    Store,
    /// Each key for itself (objects).
    Key,
    /// One key whose versions are releases (an artefact); canary, 1.5 x RPO and cycles do not apply.
    Artefact,
}

/// What one component of the plan is held to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ComponentTerm {
    /// RPO: each distinct figure; empty when the plan gives none (loss is then shown, not judged).
    pub rpo: Vec<Limit>,
    /// How its data is ordered.
    pub domain: Domain,
    /// The longest planned interval between restorable points, plan nanoseconds; `None` where nothing is backed up.
    pub backup_cycle: Option<Nanos>,
}

/// What one tier is held to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TierTerm {
    /// The lower, the more urgent.
    pub level: u8,
    /// For people.
    pub services: Vec<String>,
    /// Maximum downtime from the tier's own impact; every one is judged.
    pub max_downtime: Vec<Limit>,
    /// The plan's thresholds for the client's path.
    pub thresholds: Thresholds,
}

/// When a 500 ms window of a tier counts as served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// An operation acked later than this after its scheduled start does not count as goodput; p99 must not exceed it. Nanoseconds of drill time, never scaled.
    pub response: Nanos,
    /// Where the response threshold is from.
    pub response_source: Source,
    /// Share of operations that may fail, in parts per million of a window.
    pub errors_ppm: u32,
    /// Where the error threshold is from.
    pub errors_source: Source,
}

/// Who should notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DetectorTerm {
    /// Alerts of these kinds count as noticing; silent until the deadline fails `detection`.
    Alerts {
        /// Kinds of alert that the striking fault can cause.
        kinds: Vec<String>,
        /// Plan time from the strike within which the plan wants the alert; `None`: only silence to the end fails.
        deadline: Option<Limit>,
    },
    /// No plan could notice; stated by the fault. RTO is judged only from `declared`.
    None,
}

/// A demand that has no figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Demanded {
    /// Nothing that services of these tiers acknowledged may be lost.
    NoLoss {
        /// Levels.
        tiers: Vec<u8>,
    },
    /// At the end the monitor watches, and every alert that it raised is cleared.
    MonitoringRestored,
}

/// One demand without a figure, as it is judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CriterionTerm {
    /// What is demanded.
    pub demand: Demanded,
    /// Where it is from.
    pub source: Source,
}

/// All that the judge needs to know of plan and scenario. Durations without "drill" in their words are plan time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Name of the plan.
    pub plan: String,
    /// Name of the scenario, `plan/scenario`.
    pub scenario: String,
    /// Name of the disaster in the plan.
    pub disaster: String,
    /// RTO of the disaster; `None` when the plan gives none.
    pub rto: Option<RtoTerm>,
    /// Components by name.
    pub components: BTreeMap<String, ComponentTerm>,
    /// Tiers in order of urgency.
    pub tiers: Vec<TierTerm>,
    /// Whether the order of recovery of tiers is judged.
    pub order: bool,
    /// Who should notice.
    pub detector: DetectorTerm,
    /// The plan calls the disaster automated: no time for people is credited.
    pub automated: bool,
    /// Plan nanoseconds per drill nanosecond while the calendar sets the pace.
    pub calendar_scale: u32,
    /// Drill nanoseconds of the stability window.
    pub stability: Nanos,
    /// Drill nanoseconds after the procedure's end within which service must be restored.
    pub settle: Nanos,
    /// Deadline of the whole procedure in drill nanoseconds.
    pub procedure_deadline: Nanos,
    /// Plan nanoseconds from the strike after which the run gives up; an RTO finding needs it above the target.
    pub run_limit: Nanos,
    /// Names of integrity checks that must have passed for `confirmed` (see [`crate::event::Event::Check`]), besides those derived from the ledger.
    pub required_checks: Vec<String>,
    /// Whether the verdict is about the drill's size only (no projection).
    pub at_drill_size: bool,
    /// The tool that took the backups and restored them, where it was not the reference tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Yearly availability of the plan in parts per million (999000 for 99.9 %), with its source.
    pub availability_ppm: Option<(u32, Source)>,
    /// Demands of the plan without a figure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub criteria: Vec<CriterionTerm>,
    /// The striking fault can stay unseen: the time from strike to alert is a finding of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub latent: bool,
    /// What the plan says against itself about this disaster, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about_plan: Vec<String>,
    /// What of the terms is assumed, in words, for the report.
    pub assumptions: Vec<String>,
    /// What stood in for what.
    pub stand_ins: Vec<StandIn>,
    /// What the drill does not cover, in words.
    pub not_covered: Vec<String>,
    /// What the striking fault does to data; `None`: it takes service or servers away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damage: Option<Damage>,
    /// The striking fault is a command of the scenario's own, proved by another: only what somebody else saw of it counts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_fault: bool,
    /// Where no alert is to notice the fault: the kinds that the plan counts on for the disaster. One of them raised before
    /// the declaration tells otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unexpected_alerts: Vec<String>,
    /// Components that the disaster hits and that have an RPO, of which the drill holds nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Values that were put in place of the scenario's own for this run, with what stood there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub altered: Vec<String>,
    /// What the drill is about, in the scenario's own words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// What the twin that is drilled changes of it, in its own words; `None`: the scenario itself is drilled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin: Option<String>,
    /// Backups that the drill takes more often than the plan does: what they save, the plan would lose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denser: Vec<DenserTerm>,
}

/// What stands in for the people of a plan: [`StandIn::planned`].
pub(crate) const PEOPLE: &str = "people who respond and decide";

/// Backups of a component that the drill takes more often than the plan does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DenserTerm {
    /// The component that they are taken of.
    pub component: String,
    /// Both cadences in words: `a dump every 30 min, the plan's every 6 h`.
    pub says: String,
}

/// Whether WAL carries a damage: what decides which recovery is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// It was done by statements: replaying WAL to its end does it again, so recovery must end before it.
    Logged,
    /// It was done to files behind the server's back: replaying WAL to its end repairs it and loses nothing.
    Unlogged,
}

/// One thing of the plan and what played its part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StandIn {
    /// In the plan.
    pub planned: String,
    /// In the drill.
    pub drilled: String,
}
