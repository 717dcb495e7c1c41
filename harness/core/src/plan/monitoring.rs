//! How a plan notices: checks, and the rules that turn unhealthy checks into a call.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Duration, Figure, Share};

/// How the plan notices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
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
    /// What the plan says it watches and no check above can ask: drills leave it out.
    #[serde(default)]
    pub watched: Vec<Watched>,
    /// What a healthy service keeps to.
    #[serde(default)]
    pub targets: Vec<Watched>,
    /// Channels that alerts go to.
    #[serde(default)]
    pub by: Vec<String>,
    /// Time after which an alert that nobody answered goes up a level by itself.
    #[serde(default)]
    pub escalates_after: Option<Figure<Duration>>,
}

/// Something that the plan watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Watched {
    /// What.
    pub what: String,
    /// The component it is about.
    #[serde(default)]
    pub of: Option<String>,
    /// From which figure on it calls, or what is aimed at.
    #[serde(default)]
    pub figure: Option<Threshold>,
    /// Which statistic the figure is: `average`.
    #[serde(default)]
    pub statistic: Option<String>,
    /// How long it must be so.
    #[serde(default)]
    pub lasting: Option<Figure<Duration>>,
    /// How often it is looked at.
    #[serde(default)]
    pub every: Option<Figure<Duration>>,
    /// As the plan says: critical, warning.
    #[serde(default)]
    pub severity: Option<String>,
    /// How soon a person responds.
    #[serde(default)]
    pub response: Option<Figure<Duration>>,
    /// The section it is from.
    #[serde(rename = "where")]
    pub place: String,
}

/// A check of the monitor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    /// GET this path of the application; healthy below status 400.
    Http(String),
    /// Connect to the component's database and run SELECT 1.
    DatabaseConnect(String),
    /// Share of failed requests among the monitor's own, one to each service at each check, over a window of at least
    /// three times as many requests as make one failure the share that an alert names.
    ErrorRate,
    /// Age of the newest restorable point.
    BackupAge,
    /// Pages whose checksum did not fit, as the component's database counts them: healthy while there are none.
    ChecksumFailures(String),
    /// The log of the component's database since the last look: healthy without a word of a damaged page or file.
    DamageInLog(String),
    /// The log of the component's database since the last look: healthy without a statement that failed on the
    /// server's side (its own errors, not its clients').
    FailedQueries(String),
    /// amcheck over every table and B-tree of the component's database.
    Amcheck(String),
    /// The newest complete backup, read through as a restore would.
    BackupVerification,
    /// Rows of the component's database. What is too few, the rule that watches it says: `share`, the most they may fall by
    /// from when that rule last found them well; or `rows`, a count.
    RowCount(CountedRows),
}

/// Rows that a check counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CountedRows {
    /// The component whose database holds them.
    pub component: String,
    /// The table of the schema `public`; unset: all of them together.
    #[serde(default)]
    pub table: Option<String>,
}

impl ProbeKind {
    /// The component whose database it looks at, for those that look at one.
    #[must_use]
    pub fn component(&self) -> Option<&str> {
        match self {
            ProbeKind::DatabaseConnect(component)
            | ProbeKind::ChecksumFailures(component)
            | ProbeKind::DamageInLog(component)
            | ProbeKind::FailedQueries(component)
            | ProbeKind::Amcheck(component) => Some(component),
            ProbeKind::RowCount(rows) => Some(&rows.component),
            ProbeKind::Http(_) | ProbeKind::ErrorRate | ProbeKind::BackupAge | ProbeKind::BackupVerification => None,
        }
    }

    /// Its name as a plan writes it.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            ProbeKind::Http(_) => "http",
            ProbeKind::DatabaseConnect(_) => "database_connect",
            ProbeKind::ErrorRate => "error_rate",
            ProbeKind::BackupAge => "backup_age",
            ProbeKind::ChecksumFailures(_) => "checksum_failures",
            ProbeKind::DamageInLog(_) => "damage_in_log",
            ProbeKind::FailedQueries(_) => "failed_queries",
            ProbeKind::Amcheck(_) => "amcheck",
            ProbeKind::BackupVerification => "backup_verification",
            ProbeKind::RowCount(_) => "row_count",
        }
    }
}

/// What makes the monitor call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
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
    /// How long the plan wants it to be so before it calls; a drill's monitor counts failures in a row.
    #[serde(default)]
    pub lasting: Option<Figure<Duration>>,
    /// As the plan says: critical, warning.
    #[serde(default)]
    pub severity: Option<String>,
    /// How soon a person responds.
    #[serde(default)]
    pub response: Option<Figure<Duration>>,
    /// The section it is from.
    #[serde(rename = "where", default)]
    pub place: Option<String>,
}

/// A plain count.
pub type Count = u32;

/// A threshold of a measuring check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Threshold {
    /// A share above this; of a check that counts rows: the share that they fell by.
    Share(Figure<Share>),
    /// A duration above this.
    Duration(Figure<Duration>),
    /// Rows below this.
    Rows(Figure<Count>),
}
