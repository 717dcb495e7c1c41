//! What people and scripts do, as the plan writes it: steps with windows or allowances, commands, procedures.

use std::fmt;
use std::str::FromStr;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Duration, Figure};

/// A step as the plan has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PlannedStep {
    /// What is done.
    pub what: String,
    /// Begin of its window, counted from where the plan counts.
    #[serde(default)]
    pub from: Option<Duration>,
    /// End of its window, or its deadline.
    #[serde(default)]
    pub until: Option<Duration>,
    /// How long the plan allows for it, where it gives a length and no window.
    #[serde(default)]
    pub takes: Option<Takes>,
    /// When, where the plan says it without a figure: `at once`.
    #[serde(default)]
    pub when: Option<String>,
    /// Only under this condition: `the rollback fails`.
    #[serde(default)]
    pub only_if: Option<String>,
    /// One of several ways, of which one is taken: `A`.
    #[serde(default)]
    pub option: Option<String>,
    /// The command as the plan writes it.
    #[serde(default)]
    pub command: Option<String>,
    /// What the step consists of, where window or allowance hold for all of it.
    #[serde(default)]
    pub actions: Vec<PlannedAction>,
    /// The section it is from.
    #[serde(rename = "where")]
    pub place: String,
}

impl PlannedStep {
    /// Its commands, those of its actions too, in order.
    pub fn commands(&self) -> impl Iterator<Item = &str> {
        let actions = self.actions.iter().filter_map(|action| action.command.as_deref());
        self.command.as_deref().into_iter().chain(actions)
    }
}

/// A part of a step, or a command that the plan keeps ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PlannedAction {
    /// What is done.
    pub what: String,
    /// Only under this condition.
    #[serde(default)]
    pub only_if: Option<String>,
    /// The command as the plan writes it.
    #[serde(default)]
    pub command: Option<String>,
}

/// A procedure that belongs to no disaster in particular.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PlannedProcedure {
    /// For people.
    pub title: String,
    /// The class of incidents it is for: a level of `severities`.
    #[serde(default)]
    pub severity: Option<String>,
    /// In order.
    pub steps: Vec<PlannedStep>,
    /// The section it is from.
    #[serde(rename = "where")]
    pub place: String,
}

/// Something that is switched so that the rest goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Degradation {
    /// The flag or mode: `read_only_mode`.
    pub flag: String,
    /// Whether it is switched on or off.
    pub switched: Switched,
    /// What that does, where the plan says.
    #[serde(default)]
    pub what: Option<String>,
    /// Names of disasters that call for it; none listed: any.
    #[serde(default)]
    pub disasters: Vec<String>,
    /// The command as the plan writes it.
    #[serde(default)]
    pub command: Option<String>,
    /// How what piled up meanwhile is worked off, where the plan says.
    #[serde(default)]
    pub drained_by: Option<String>,
    /// The section it is from.
    #[serde(rename = "where")]
    pub place: String,
}

/// Which way a flag goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Switched {
    On,
    Off,
}

/// Access that is granted in an emergency only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EmergencyAccess {
    /// What is done: grant, revoke, go over.
    pub what: String,
    /// How long it is granted, or how far back is looked.
    #[serde(default)]
    pub lasts: Option<Figure<Duration>>,
    /// The command as the plan writes it; names of persons replaced.
    #[serde(default)]
    pub command: Option<String>,
    /// The section it is from.
    #[serde(rename = "where")]
    pub place: String,
}

/// How long a step is allowed: `5 min`, or `30 min to 60 min`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Takes {
    /// At the least.
    pub least: Duration,
    /// At the most; the same where the plan gives one figure.
    pub most: Duration,
}

impl FromStr for Takes {
    type Err = String;

    fn from_str(text: &str) -> Result<Takes, String> {
        match text.split_once(" to ") {
            None => {
                let only: Duration = text.parse()?;
                Ok(Takes {
                    least: only,
                    most: only,
                })
            }
            Some((least, most)) => {
                let (least, most): (Duration, Duration) = (least.parse()?, most.parse()?);
                if let (Some(first), Some(second)) = (least.nanos(), most.nanos())
                    && first > second
                {
                    return Err(format!(
                        "`{text}` begins after its end: expected the shorter length first, such as `30 min to 60 min`"
                    ));
                }
                Ok(Takes { least, most })
            }
        }
    }
}

impl fmt::Display for Takes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.least == self.most {
            write!(f, "{}", self.least)
        } else {
            write!(f, "{} to {}", self.least, self.most)
        }
    }
}

impl TryFrom<String> for Takes {
    type Error = String;
    fn try_from(text: String) -> Result<Takes, String> {
        text.parse()
    }
}

impl From<Takes> for String {
    fn from(takes: Takes) -> String {
        takes.to_string()
    }
}

#[cfg(test)]
impl JsonSchema for Takes {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Takes".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]+ ?[a-z]+( to [0-9]+ ?[a-z]+)?$",
            "description": "A length, or the shortest and the longest: `5 min`, `30 min to 60 min`."
        })
    }
}
