//! What a plan prepares for: disasters, how they are told apart, and what they cost.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Duration, Figure, PlannedStep};
use crate::terms::{RtoFrom, RtoUntil};

/// A disaster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Disaster {
    /// For people.
    pub title: String,
    /// The section that names it.
    #[serde(rename = "where", default)]
    pub place: Option<String>,
    /// As the plan says.
    #[serde(default)]
    pub likelihood: Option<String>,
    /// As the plan says.
    #[serde(default)]
    pub impact: Option<String>,
    /// Which is recovered first when several strike, 1 for the first.
    #[serde(default)]
    pub priority: Option<u8>,
    /// The role that answers for it.
    #[serde(default)]
    pub owner: Option<String>,
    /// What brings it about.
    #[serde(default)]
    pub causes: Vec<String>,
    /// What it does to users and data.
    #[serde(default)]
    pub effects: Vec<String>,
    /// What is there to prevent or soften it.
    #[serde(default)]
    pub mitigation: Vec<String>,
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
    /// What else tells of it, where no alert rule of this file does: `users report it`.
    #[serde(default)]
    pub signs: Vec<String>,
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
    /// Names of `procedures` that the plan applies besides.
    #[serde(default)]
    pub procedures: Vec<String>,
}

/// Whether people take part in a recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Automation {
    Yes,
    Partial,
    Manual,
    Unstated,
}

/// What an outage costs beside time and data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Impact {
    /// What suffers: `reputation`.
    pub what: String,
    /// How much, in the plan's word.
    #[serde(default)]
    pub level: Option<String>,
    /// From which length of an outage on.
    #[serde(default)]
    pub after: Option<Figure<Duration>>,
    /// The section it is from.
    #[serde(rename = "where")]
    pub place: String,
}

/// A class of incidents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Severity {
    /// Its name: `P1`.
    pub level: String,
    /// In a word: `critical`.
    #[serde(default)]
    pub title: Option<String>,
    /// What counts as such.
    pub means: Vec<String>,
    /// The section it is from.
    #[serde(rename = "where")]
    pub place: String,
}

/// One row of the decision matrix: what is found, and what is done then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Conditions that must all hold.
    pub when: Vec<String>,
    /// What is done.
    pub then: String,
    /// The disaster of this plan whose steps are meant.
    #[serde(default)]
    pub disaster: Option<String>,
    /// The section it is from.
    #[serde(rename = "where")]
    pub place: String,
}
