//! A DR plan as data: what a company promised itself. Figures keep comparator, place and status; one stated twice is
//! kept twice.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::terms::{RtoFrom, RtoUntil, Status};

mod quantity;

pub use quantity::{Duration, Share, Unit};

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

/// A figure with its comparator, place and status. Exactly one of `below`, `at_most`, `at_least`, `above`, `is` is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[serde(bound(deserialize = "T: Deserialize<'de>", serialize = "T: Serialize"))]
pub struct Figure<T> {
    /// `<`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<T>,
    /// `<=`, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<T>,
    /// `>=`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<T>,
    /// `>`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<T>,
    /// Written without a comparator; a limit is then meant as `<=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<T>,
    /// The section it is from.
    #[serde(rename = "where")]
    pub place: String,
    /// Stated unless said otherwise.
    #[serde(default = "stated")]
    pub status: Status,
}

fn stated() -> Status {
    Status::Stated
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
    /// From when the RTO counts.
    #[serde(default)]
    pub rto_from: RtoFrom,
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

/// How the plan notices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Monitoring {
    /// Where the monitor stands: a site, or `external`.
    #[serde(default)]
    pub site: Option<String>,
    /// What it looks at, by name.
    #[serde(default)]
    pub checks: BTreeMap<String, Check>,
    /// What makes it call, by name.
    #[serde(default)]
    pub alerts: BTreeMap<String, AlertRule>,
    /// Response time beyond which the plan calls the service slow.
    #[serde(default)]
    pub slow: Vec<Figure<Duration>>,
    /// Error rate beyond which it calls the service failing.
    #[serde(default)]
    pub errors: Vec<Figure<Share>>,
}

/// A check of the monitor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What it asks.
    pub probe: ProbeKind,
    /// How often, plan time.
    pub every: Figure<Duration>,
    /// How long it waits, plan time (at least 250 ms of drill time).
    pub timeout: Figure<Duration>,
}

/// What a check asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    /// GET this path of the application; healthy below status 400.
    Http(String),
    /// Connect to the component's database and run SELECT 1.
    DatabaseConnect(String),
    /// Share of failed requests that the application reports.
    ErrorRate,
    /// Age of the newest restorable point.
    BackupAge,
}

/// What makes the monitor call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertRule {
    /// Kind of the alert: what it means, e.g. `database_unreachable`, `application_failing`, `backup_old`.
    pub kind: String,
    /// The check it watches.
    pub check: String,
    /// So many unhealthy checks in a row.
    pub failures: Figure<Count>,
    /// Threshold for checks that measure.
    #[serde(default)]
    pub when: Option<Threshold>,
    /// As the plan says: critical, warning.
    #[serde(default)]
    pub severity: Option<String>,
    /// How soon a person responds.
    #[serde(default)]
    pub response: Option<Figure<Duration>>,
}

/// A plain count.
pub type Count = u32;

/// A threshold of a measuring check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Threshold {
    /// A share above this.
    Share(Figure<Share>),
    /// A duration above this.
    Duration(Figure<Duration>),
}

/// A site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Site {
    pub role: String,
    #[serde(default)]
    pub region: Option<String>,
    #[serde(default)]
    pub replica_lag: Option<Figure<Duration>>,
    #[serde(rename = "where")]
    pub place: String,
}

/// A level of escalation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Escalation {
    pub level: String,
    pub who: String,
    #[serde(default)]
    pub from: Option<Duration>,
    #[serde(default)]
    pub until: Option<Duration>,
    #[serde(rename = "where")]
    pub place: String,
}

/// A drill that the plan demands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct DrillDuty {
    pub what: String,
    #[serde(default)]
    pub every: Option<Figure<Duration>>,
    /// Success criteria by name.
    #[serde(default)]
    pub criteria: Vec<String>,
    #[serde(rename = "where")]
    pub place: String,
}
