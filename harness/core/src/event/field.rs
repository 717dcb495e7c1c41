//! What the fields of events hold: phases, edges, outcomes, coverage.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stamp::Stamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Phase {
    Prepare,
    Steady,
    Disrupt,
    Detect,
    Decide,
    Recover,
    Validate,
    Failback,
    Conclude,
}

impl Phase {
    /// All of them, in the order of a drill.
    pub const ALL: [Phase; 9] = [
        Phase::Prepare,
        Phase::Steady,
        Phase::Disrupt,
        Phase::Detect,
        Phase::Decide,
        Phase::Recover,
        Phase::Validate,
        Phase::Failback,
        Phase::Conclude,
    ];

    /// Its name, as it stands in the history.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Phase::Prepare => "prepare",
            Phase::Steady => "steady",
            Phase::Disrupt => "disrupt",
            Phase::Detect => "detect",
            Phase::Decide => "decide",
            Phase::Recover => "recover",
            Phase::Validate => "validate",
            Phase::Failback => "failback",
            Phase::Conclude => "conclude",
        }
    }
}

/// Start or end of something that lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Edge {
    Begun,
    Ended,
}

/// What a class of operations is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The clients' traffic: counts for goodput, errors, latency.
    Workload,
    /// Steady, dense writes that place the loss exactly; its reads read back what it wrote. Not part of goodput.
    Canary,
    /// Rows and objects loaded in prepare, acked there.
    Preload,
    /// A ramp to saturation; outside every window.
    Capacity,
}

/// One class of operations of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// Index that operations carry.
    pub id: u16,
    /// The service, e.g. `payments`.
    pub service: String,
    /// The component of the plan whose data it writes.
    pub component: String,
    /// The tier its clients belong to; `None` for preload, canary without a tier, capacity.
    pub tier: Option<u8>,
    /// The space of keys (table or bucket) it works in; found rows name it.
    pub space: u16,
    /// What it is for.
    pub role: Role,
}

/// How far a fault has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FaultEdge {
    /// The harness is about to break it; the stamp is when.
    Invoked,
    /// The harness's own probe saw it broken.
    Proved,
    /// The probe did not.
    NotProved,
    /// The proof still holds when recovery starts.
    Holding,
    /// The proof no longer holds when recovery starts: it healed itself, or was overwritten.
    NotHolding,
    /// Healed by the harness (after the judged part), or by what the procedure did.
    Healed,
}

/// How a step of the procedure ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum StepEdge {
    Begun,
    Done,
    Failed,
    TimedOut,
    /// A step it depends on did not succeed.
    Skipped,
}

/// What a check said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum CheckOutcome {
    Passed,
    Failed,
    /// It could not run, or covered nothing.
    NotRun,
}

/// How much a check looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Coverage {
    pub relations: u64,
    pub rows: u64,
    pub bytes: u64,
}

/// Up to where the recovery tool says it brought the data back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// A position in the source's WAL; placed in time by the samples of [`Event::Lsn`](super::Event::Lsn).
    Lsn(u64),
    /// An instant bracketed onto the harness's clock.
    Time(Stamp),
    /// The tool declares none (it never knew); the line about the declared point is then not judged, and said so.
    Undeclared,
}

/// What a scaled phase added to the quantum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DelayKind {
    /// A WAL segment on its way to the archive.
    Push,
    /// A probe of the monitor.
    Probe,
    /// A timer that fired late.
    Scheduling,
    /// A backup, from start to complete.
    Backup,
    /// Replication.
    Replication,
    /// From a fault's invocation to its proof, while the monitor kept its scaled pace.
    Proof,
    /// What rounding up to a second or to a floor added.
    Rounding,
}
