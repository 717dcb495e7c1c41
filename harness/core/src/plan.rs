//! A DR plan as data: what a company promised itself. Figures keep comparator, place and status; one stated twice is
//! kept twice.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::terms::{RtoFrom, RtoUntil};

mod figure;
mod listing;
mod monitoring;
mod organisation;
mod quantity;
mod soundness;

pub use figure::{Figure, Written};
pub use listing::Listed;
pub use monitoring::{AlertRule, Check, Count, Monitoring, ProbeKind, Threshold};
pub use organisation::{Communication, Demand, DrillDuty, Escalation, Metric, Role, Site};
pub use quantity::{Duration, Share, Unit};
pub(crate) use soundness::unfixed;

/// A DR plan, as its file says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Its short name.
    pub plan: String,
    /// Its title.
    pub title: String,
    /// The document it encodes.
    #[serde(default)]
    pub document: Option<Document>,
    /// Whose plan it is; plans of one company are compared.
    #[serde(default)]
    pub company: Option<String>,
    /// RTO for any disaster; judged beside the disaster's own.
    #[serde(default)]
    pub rto: Vec<Figure<Duration>>,
    /// RPO for any disaster; judged beside the disaster's own.
    #[serde(default)]
    pub rpo: Vec<Figure<Duration>>,
    /// What the plan protects, by name.
    pub components: BTreeMap<String, Component>,
    /// Service tiers, most urgent first.
    #[serde(default)]
    pub tiers: Vec<Tier>,
    /// What it prepares for, by name.
    pub disasters: BTreeMap<String, Disaster>,
    /// What is backed up, how often, where to.
    #[serde(default)]
    pub backups: BTreeMap<String, BackupPolicy>,
    /// How it notices.
    #[serde(default)]
    pub monitoring: Monitoring,
    /// Yearly availability.
    #[serde(default)]
    pub availability: Vec<Figure<Share>>,
    /// Sites.
    #[serde(default)]
    pub sites: BTreeMap<String, Site>,
    /// Who is called when.
    #[serde(default)]
    pub escalation: Vec<Escalation>,
    /// Drills the plan demands.
    #[serde(default)]
    pub drills: Vec<DrillDuty>,
    /// Share of the data that must be sound after recovery.
    #[serde(default)]
    pub integrity: Vec<Figure<Share>>,
    /// The incident team.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// Who is told.
    #[serde(default)]
    pub communication: Vec<Communication>,
    /// Security, privacy, audit.
    #[serde(default)]
    pub compliance: Vec<Demand>,
    /// The way back home.
    #[serde(default)]
    pub failback: Vec<PlannedStep>,
    /// What is done after an incident.
    #[serde(default)]
    pub aftermath: Vec<PlannedStep>,
    /// When the plan itself is gone over.
    #[serde(default)]
    pub reviews: Vec<DrillDuty>,
    /// Key figures over many incidents, by name.
    #[serde(default)]
    pub metrics: BTreeMap<String, Metric>,
}

/// The document that a plan encodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Document {
    pub title: String,
    #[serde(default)]
    pub version: Option<String>,
    #[serde(default)]
    pub updated: Option<String>,
    #[serde(default)]
    pub owner: Option<String>,
}

/// Something the plan protects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// What it is.
    pub kind: ComponentKind,
    /// For people.
    #[serde(default)]
    pub title: Option<String>,
    /// RPO where the plan gives one for the component.
    #[serde(default)]
    pub rpo: Vec<Figure<Duration>>,
    /// RTO likewise.
    #[serde(default)]
    pub rto: Vec<Figure<Duration>>,
}

/// What a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum ComponentKind {
    Database,
    Objects,
    Artefact,
    Service,
    External,
}

/// A service tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// The lower, the more urgent.
    pub level: u8,
    /// As the plan names them.
    pub services: Vec<String>,
    /// Maximum downtime.
    #[serde(default)]
    pub max_downtime: Vec<Figure<Duration>>,
    /// Window in which the plan recovers it, after the start: from.
    #[serde(default)]
    pub recovered_from: Option<Figure<Duration>>,
    /// Window: until.
    #[serde(default)]
    pub recovered_until: Option<Figure<Duration>>,
}

/// A disaster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disaster {
    /// For people.
    pub title: String,
    /// As the plan says.
    #[serde(default)]
    pub likelihood: Option<String>,
    /// As the plan says.
    #[serde(default)]
    pub impact: Option<String>,
    /// RTO.
    #[serde(default)]
    pub rto: Vec<Figure<Duration>>,
    /// RPO.
    #[serde(default)]
    pub rpo: Vec<Figure<Duration>>,
    /// From when the RTO counts; from the fault where nothing is written, which a disaster that can stay unseen must be.
    #[serde(default)]
    pub rto_from: Option<RtoFrom>,
    /// Until when.
    #[serde(default)]
    pub rto_until: RtoUntil,
    /// Whether people take part.
    pub automated: Automation,
    /// Where it is recovered to.
    #[serde(default)]
    pub recovery_site: Option<String>,
    /// What it hits: names of components.
    #[serde(default)]
    pub hits: Vec<String>,
    /// Names of alert rules that the plan counts on to notice it.
    #[serde(default)]
    pub detection: Vec<String>,
    /// Time allowed from strike to alert, where the plan says.
    #[serde(default)]
    pub detection_deadline: Option<Figure<Duration>>,
    /// Time for people to respond after the alert.
    #[serde(default)]
    pub respond: Option<Figure<Duration>>,
    /// Time for people to decide after that.
    #[serde(default)]
    pub decide: Option<Figure<Duration>>,
    /// The steps of the plan with their windows, for people and for lint.
    #[serde(default)]
    pub steps: Vec<PlannedStep>,
}

/// Whether people take part in a recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Automation {
    Yes,
    Partial,
    Manual,
    Unstated,
}

/// A step as the plan has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct PlannedStep {
    pub what: String,
    #[serde(default)]
    pub from: Option<Duration>,
    #[serde(default)]
    pub until: Option<Duration>,
    #[serde(default)]
    pub command: Option<String>,
    #[serde(rename = "where")]
    pub place: String,
}

/// A backup policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct BackupPolicy {
    /// Names of components.
    pub of: Vec<String>,
    pub kind: BackupKind,
    #[serde(default)]
    pub every: Option<Figure<Duration>>,
    #[serde(default)]
    pub retention: Vec<Figure<Duration>>,
    #[serde(default)]
    pub places: Vec<String>,
    #[serde(default)]
    pub encryption: Option<String>,
    #[serde(default)]
    pub compression: Option<String>,
    #[serde(default)]
    pub checksum: Option<String>,
    #[serde(default)]
    pub verified_every: Option<Figure<Duration>>,
    /// How often a restore is tried.
    #[serde(default)]
    pub restored_every: Option<Figure<Duration>>,
    /// Where no interval is written: `on change`, `continuous`.
    #[serde(default)]
    pub on: Option<String>,
    #[serde(rename = "where")]
    pub place: String,
}

/// What kind of backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum BackupKind {
    Dump,
    Base,
    Wal,
    Replica,
    Files,
    Other,
}
