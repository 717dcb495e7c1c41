//! A DR plan as data: what a company promised itself. Figures keep comparator, place and status; one stated twice is
//! kept twice.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod accepted;
mod backup;
mod civil;
mod component;
mod disaster;
mod figure;
mod listing;
mod monitoring;
mod organisation;
mod outline;
mod quantity;
mod references;
mod rhythm;
mod site;
mod soundness;
mod step;
mod tree;

pub use accepted::Accepted;
pub use backup::{BackupKind, BackupPolicy, Generation, Store};
pub use civil::{CivilDay, TimeOfDay};
pub use component::{Component, ComponentKind, DataClass, Provider, Tier};
pub use disaster::{Automation, Decision, Disaster, Impact, Severity};
pub use figure::{Figure, Written};
pub use listing::Listed;
pub use monitoring::{AlertRule, Check, Count, CountedRows, Monitoring, ProbeKind, Threshold, Watched};
pub use organisation::{Communication, Contact, Demand, DrillDuty, Escalation, Metric, Role, Template, Untargeted};
pub use outline::Outlined;
pub use quantity::{Duration, Share, Unit};
pub use rhythm::{Nth, Period, Position, Rule, Weekday, When};
pub use site::{Site, SitePart};
pub(crate) use soundness::unfixed;
pub use step::{Degradation, EmergencyAccess, PlannedAction, PlannedProcedure, PlannedStep, Switched, Takes};

/// A DR plan, as its file says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
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
    /// Classes of data.
    #[serde(default)]
    pub data_classes: Vec<DataClass>,
    /// Who runs what for the company, by name.
    #[serde(default)]
    pub providers: BTreeMap<String, Provider>,
    /// Service tiers, most urgent first.
    #[serde(default)]
    pub tiers: Vec<Tier>,
    /// What it prepares for, by name.
    pub disasters: BTreeMap<String, Disaster>,
    /// Classes of incidents.
    #[serde(default)]
    pub severities: Vec<Severity>,
    /// The decision matrix.
    #[serde(default)]
    pub decisions: Vec<Decision>,
    /// Procedures that belong to no disaster in particular, by name.
    #[serde(default)]
    pub procedures: BTreeMap<String, PlannedProcedure>,
    /// What is switched so that the rest goes on.
    #[serde(default)]
    pub degradation: Vec<Degradation>,
    /// What an outage costs beside time and data.
    #[serde(default)]
    pub impacts: Vec<Impact>,
    /// What is backed up, how often, where to.
    #[serde(default)]
    pub backups: BTreeMap<String, BackupPolicy>,
    /// Places where backups are kept, by the name that `backups` use.
    #[serde(default)]
    pub stores: BTreeMap<String, Store>,
    /// How it notices.
    #[serde(default)]
    pub monitoring: Monitoring,
    /// Yearly availability.
    #[serde(default)]
    pub availability: Vec<Figure<Share>>,
    /// Yearly downtime that the plan derives from it.
    #[serde(default)]
    pub downtime_per_year: Vec<Figure<Duration>>,
    /// Sites.
    #[serde(default)]
    pub sites: BTreeMap<String, Site>,
    /// Who is called when.
    #[serde(default)]
    pub escalation: Vec<Escalation>,
    /// Drills the plan demands.
    #[serde(default)]
    pub drills: Vec<DrillDuty>,
    /// When any of them counts as passed.
    #[serde(default)]
    pub drill_criteria: Vec<Demand>,
    /// Share of the data that must be sound after recovery.
    #[serde(default)]
    pub integrity: Vec<Figure<Share>>,
    /// The incident team.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// How roles are reached.
    #[serde(default)]
    pub contacts: Vec<Contact>,
    /// Who is told.
    #[serde(default)]
    pub communication: Vec<Communication>,
    /// Messages that are prepared.
    #[serde(default)]
    pub templates: Vec<Template>,
    /// Access that is granted in an emergency only.
    #[serde(default)]
    pub emergency_access: Vec<EmergencyAccess>,
    /// Who learns what, how often.
    #[serde(default)]
    pub training: Vec<Demand>,
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
    /// Other documents that the plan refers to.
    #[serde(default)]
    pub references: Vec<Demand>,
    /// Key figures over many incidents, by name.
    #[serde(default)]
    pub metrics: BTreeMap<String, Metric>,
    /// Findings of `plan lint` that the company accepts, each with its reason and for a time.
    #[serde(default)]
    pub accepted: Vec<Accepted>,
}

/// The document that a plan encodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Document {
    pub title: String,
    #[serde(default)]
    pub version: Option<String>,
    /// A day or a month.
    #[serde(default)]
    pub updated: Option<CivilDay>,
    #[serde(default)]
    pub owner: Option<String>,
    #[serde(default)]
    pub approved_by: Vec<String>,
    #[serde(default)]
    pub classification: Option<String>,
    /// Who gets it.
    #[serde(default)]
    pub distribution: Vec<String>,
}
