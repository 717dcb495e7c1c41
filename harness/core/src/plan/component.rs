//! What a plan protects: components, classes of data, service tiers, and the parties that it depends on.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Duration, Figure, Share};

/// Something the plan protects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// What it is.
    pub kind: ComponentKind,
    /// For people.
    #[serde(default)]
    pub title: Option<String>,
    /// Priority or criticality, in the plan's word.
    #[serde(default)]
    pub priority: Option<String>,
    /// Who runs it: a name of `providers`.
    #[serde(default)]
    pub provider: Option<String>,
    /// Names of components without which it does not work, as far as the plan says.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// RPO where the plan gives one for the component.
    #[serde(default)]
    pub rpo: Vec<Figure<Duration>>,
    /// RTO likewise.
    #[serde(default)]
    pub rto: Vec<Figure<Duration>>,
    /// Yearly availability where the plan gives one for the component.
    #[serde(default)]
    pub availability: Vec<Figure<Share>>,
    /// The section it is from.
    #[serde(rename = "where", default)]
    pub place: Option<String>,
}

/// What a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ComponentKind {
    /// A database.
    Database,
    /// A bucket, or a tree of files.
    Objects,
    /// What is built and deployed: frontend, functions, configuration, code.
    Artefact,
    /// A key, password or certificate without which something cannot be read or reached.
    Secret,
    /// A service that runs and keeps nothing of its own.
    Service,
    /// Run by somebody else.
    External,
}

/// A class of data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DataClass {
    /// In the plan's word: `critical`.
    pub class: String,
    /// What belongs to it, in the plan's words.
    pub holds: Vec<String>,
    /// Names of components that keep it, as far as the plan says.
    #[serde(default)]
    pub components: Vec<String>,
    /// The section it is from.
    #[serde(rename = "where")]
    pub place: String,
}

/// A service tier, or a class of systems.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// The lower, the more urgent.
    pub level: u8,
    /// The plan's name for it, where it is no number.
    #[serde(default)]
    pub title: Option<String>,
    /// As the plan names them.
    pub services: Vec<String>,
    /// Names of components that belong to it: its RTO holds for a disaster that hits them.
    #[serde(default)]
    pub components: Vec<String>,
    /// Place in the order of recovery, 1 for the first. The order is judged only where a plan states one, here or by the
    /// windows below.
    #[serde(default)]
    pub order: Option<u8>,
    /// Maximum downtime.
    #[serde(default)]
    pub max_downtime: Vec<Figure<Duration>>,
    /// RTO that the plan gives for the whole tier; held against its downtime too.
    #[serde(default)]
    pub rto: Vec<Figure<Duration>>,
    /// What is done with it under pressure: `must be kept up`, `may be switched off`.
    #[serde(default)]
    pub treatment: Option<String>,
    /// Window in which the plan recovers it, after the start: from.
    #[serde(default)]
    pub recovered_from: Option<Figure<Duration>>,
    /// Window: until.
    #[serde(default)]
    pub recovered_until: Option<Figure<Duration>>,
    /// The section it is from.
    #[serde(rename = "where", default)]
    pub place: Option<String>,
}

/// A company that runs something for the plan's owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// For people.
    #[serde(default)]
    pub title: Option<String>,
    /// What it is used for, in the plan's words.
    #[serde(default)]
    pub provides: Vec<String>,
    /// How much depends on it, in the plan's word: `critical`, `important`.
    #[serde(default)]
    pub class: Option<String>,
    /// Another of `providers` whose machines it runs on.
    #[serde(default)]
    pub runs_on: Option<String>,
    /// The plan uses it and no other for this.
    #[serde(default)]
    pub exclusive: bool,
    /// Support that is paid for: `Enterprise`.
    #[serde(default)]
    pub support: Option<String>,
    /// How it is reached: `telephone`, `e-mail`.
    #[serde(default)]
    pub reached_by: Vec<String>,
    /// What stands in when it fails, in the plan's words.
    #[serde(default)]
    pub fallback: Option<String>,
    /// Availability that it promises.
    #[serde(default)]
    pub availability: Vec<Figure<Share>>,
    /// Class of cost, in the plan's words.
    #[serde(default)]
    pub cost: Option<String>,
    /// The section it is from.
    #[serde(rename = "where")]
    pub place: String,
}
