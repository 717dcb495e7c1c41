//! People, places and duties of a plan: what a drill does not judge by itself but a plan holds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CivilDay, Count, Duration, Figure, PlannedStep, Share, TimeOfDay, When};

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
    #[serde(default)]
    pub database: Option<String>,
    #[serde(default)]
    pub storage: Option<String>,
    #[serde(default)]
    pub monitoring: Option<String>,
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

/// A drill, or a review of the plan, that the plan demands. What its text leaves open stays unset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct DrillDuty {
    pub what: String,
    #[serde(default)]
    pub every: Option<Figure<Duration>>,
    /// On which day of the period, where the plan says.
    #[serde(default)]
    pub when: Option<When>,
    /// At what time of that day.
    #[serde(default)]
    pub at: Option<TimeOfDay>,
    /// When it was done last, as the plan says: a day or a month.
    #[serde(default)]
    pub last: Option<CivilDay>,
    /// When it is to be done next, as the plan says.
    #[serde(default)]
    pub next: Option<CivilDay>,
    /// Where it is done: `staging`, `production`, `sandbox`.
    #[serde(default)]
    pub environment: Option<String>,
    #[serde(default)]
    pub lasts: Option<Duration>,
    #[serde(default)]
    pub participants: Vec<String>,
    /// RTO the drill must show.
    #[serde(default)]
    pub rto: Vec<Figure<Duration>>,
    /// RPO the drill must show.
    #[serde(default)]
    pub rpo: Vec<Figure<Duration>>,
    /// What is done when.
    #[serde(default)]
    pub timeline: Vec<PlannedStep>,
    /// Success criteria without a figure.
    #[serde(default)]
    pub criteria: Vec<String>,
    #[serde(rename = "where")]
    pub place: String,
}

/// A role of the incident team; persons are never named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Role {
    pub role: String,
    #[serde(default)]
    pub primary: Option<String>,
    #[serde(default)]
    pub backup: Option<String>,
    #[serde(default)]
    pub duties: Vec<String>,
    #[serde(rename = "where")]
    pub place: String,
}

/// Who is told, by which means, how soon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Communication {
    pub audience: String,
    #[serde(default)]
    pub by: Vec<String>,
    #[serde(default)]
    pub within: Option<Figure<Duration>>,
    #[serde(rename = "where")]
    pub place: String,
}

/// Something the plan demands without a figure: security, privacy, audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Demand {
    pub what: String,
    #[serde(default)]
    pub standards: Vec<String>,
    #[serde(rename = "where")]
    pub place: String,
}

/// A key figure by which the plan measures itself over many incidents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Metric {
    Share(Figure<Share>),
    Duration(Figure<Duration>),
    Count(Figure<Count>),
}
