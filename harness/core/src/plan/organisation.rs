//! People and duties of a plan: what a drill does not judge by itself but a plan holds.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CivilDay, Count, Duration, Figure, PlannedAction, PlannedStep, Share, TimeOfDay, When};

/// A level of escalation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Escalation {
    pub level: String,
    pub who: String,
    /// For incidents of this class only: a level of `severities`.
    #[serde(default)]
    pub severity: Option<String>,
    /// One of several ladders: `technical`, `business`.
    #[serde(default)]
    pub ladder: Option<String>,
    /// By which channels, where the plan says.
    #[serde(default)]
    pub by: Vec<String>,
    #[serde(default)]
    pub from: Option<Duration>,
    #[serde(default)]
    pub until: Option<Duration>,
    #[serde(rename = "where")]
    pub place: String,
}

/// A drill, or a review of the plan, that the plan demands. What its text leaves open stays unset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
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
    /// What it is to show, in the plan's words.
    #[serde(default)]
    pub objective: Option<String>,
    /// On which occasion, where no interval is written.
    #[serde(default)]
    pub on: Option<String>,
    /// Names of the disasters that it rehearses, as far as the plan says.
    #[serde(default)]
    pub rehearses: Vec<String>,
    /// Commands as the plan writes them.
    #[serde(default)]
    pub commands: Vec<PlannedAction>,
    #[serde(rename = "where")]
    pub place: String,
}

/// A role of the incident team; persons are never named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Role {
    pub role: String,
    #[serde(default)]
    pub primary: Option<String>,
    #[serde(default)]
    pub backup: Option<String>,
    /// Who stands in for both.
    #[serde(default)]
    pub tertiary: Option<String>,
    #[serde(default)]
    pub duties: Vec<String>,
    #[serde(rename = "where")]
    pub place: String,
}

/// Who is told, by which means, how soon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Communication {
    pub audience: String,
    #[serde(default)]
    pub by: Vec<String>,
    /// The role that tells them.
    #[serde(default)]
    pub sender: Option<String>,
    #[serde(default)]
    pub within: Option<Figure<Duration>>,
    /// How often while an incident lasts.
    #[serde(default)]
    pub every: Option<Figure<Duration>>,
    /// On which occasion, where no interval is written.
    #[serde(default)]
    pub on: Option<String>,
    /// A public address, such as that of a status page.
    #[serde(default)]
    pub address: Option<String>,
    #[serde(rename = "where")]
    pub place: String,
}

/// A message that is prepared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The plan's name for it.
    pub name: String,
    /// Who gets it.
    #[serde(default)]
    pub audience: Option<String>,
    /// For incidents of this class only.
    #[serde(default)]
    pub severity: Option<String>,
    /// What it tells, field by field.
    #[serde(default)]
    pub fields: Vec<String>,
    /// How soon it promises the next one.
    #[serde(default)]
    pub next_update: Option<Figure<Duration>>,
    /// When it says that service will be back.
    #[serde(default)]
    pub restored_in: Option<Figure<Duration>>,
    /// The command that sends it, as the plan writes it.
    #[serde(default)]
    pub command: Option<String>,
    /// The section it is from.
    #[serde(rename = "where")]
    pub place: String,
}

/// How a role is reached. Persons and addresses stay in the document; of a telephone number the last digits are kept,
/// so that one number for two roles, or two for one role, can be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// The role.
    pub role: String,
    /// Who holds it, as a position.
    #[serde(default)]
    pub holder: Option<String>,
    /// The last digits of the telephone number.
    #[serde(default)]
    pub telephone_ends: Option<String>,
    /// Channels that the document gives.
    #[serde(default)]
    pub by: Vec<String>,
    /// The document has a place for the contact and nothing in it.
    #[serde(default)]
    pub blank: bool,
    /// The section it is from.
    #[serde(rename = "where")]
    pub place: String,
}

/// Something the plan demands without a figure: security, privacy, audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Demand {
    pub what: String,
    /// Of whom, where the plan says.
    #[serde(default)]
    pub who: Option<String>,
    #[serde(default)]
    pub standards: Vec<String>,
    /// A deadline.
    #[serde(default)]
    pub within: Option<Figure<Duration>>,
    /// How often.
    #[serde(default)]
    pub every: Option<Figure<Duration>>,
    /// On which occasion, where no interval is written.
    #[serde(default)]
    pub on: Option<String>,
    /// The command as the plan writes it.
    #[serde(default)]
    pub command: Option<String>,
    #[serde(rename = "where")]
    pub place: String,
}

/// A key figure by which the plan measures itself over many incidents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Metric {
    Share(Figure<Share>),
    Duration(Figure<Duration>),
    Count(Figure<Count>),
    /// Measured, with no target set.
    Untargeted(Untargeted),
}

/// A key figure without a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Untargeted {
    /// From when to when, or of what, where the plan says.
    #[serde(default)]
    pub what: Option<String>,
    /// The section it is from.
    #[serde(rename = "where")]
    pub place: String,
}
