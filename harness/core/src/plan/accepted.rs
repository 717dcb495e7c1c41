//! What a company knows is wrong with its plan and lives with, for now.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CivilDay;

/// A finding of `firedrill plan lint` that the plan accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The rule, such as `backup-rarer-than-rpo`.
    pub rule: String,
    /// What the finding is about, such as `database`; unset: whatever the rule finds in this plan.
    #[serde(default)]
    pub about: Option<String>,
    /// Why it is accepted.
    pub reason: String,
    /// The last day on which it is, such as `2027-03-31` (of a month its last); the finding comes back on the next.
    pub until: CivilDay,
}
