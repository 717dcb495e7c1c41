//! Where things run: sites, and what stands at each.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Duration, Figure};

/// A site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Its part: `production`, `standby`.
    pub role: String,
    /// Where it is; of what stands elsewhere, the part says so.
    #[serde(default)]
    pub region: Option<String>,
    /// How far its copy of the data is behind.
    #[serde(default)]
    pub replica_lag: Option<Figure<Duration>>,
    /// How traffic gets there: `DNS switches by itself`.
    #[serde(default)]
    pub failover: Option<String>,
    /// Class of cost, in the plan's words.
    #[serde(default)]
    pub cost: Option<String>,
    /// What stands there, by name: `database`, `cache`.
    #[serde(default)]
    pub parts: BTreeMap<String, SitePart>,
    /// The section it is from.
    #[serde(rename = "where")]
    pub place: String,
}

/// Something that stands at a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SitePart {
    /// In the plan's words.
    pub what: String,
    /// The component that it is, or is a copy of.
    #[serde(default)]
    pub component: Option<String>,
    /// Who runs it: a name of `providers`.
    #[serde(default)]
    pub provider: Option<String>,
    /// Where it is, if the plan says so of the part.
    #[serde(default)]
    pub region: Option<String>,
    /// `standby`, `replicated`, `automatic`.
    #[serde(default)]
    pub role: Option<String>,
}
