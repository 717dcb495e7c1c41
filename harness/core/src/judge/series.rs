//! What charts are drawn from: each tier's windows and latencies.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stamp::Nanos;

/// What a window says of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WindowState {
    /// Within all thresholds.
    Good,
    /// Certainly not.
    Bad,
    /// Too few samples, a stall, a capacity ramp, or queued entries that nobody verified.
    Unknown,
}

/// One window of 500 ms of one tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WindowPoint {
    /// Start, drill nanoseconds.
    pub from: Nanos,
    /// Start on the plan clock, nanoseconds.
    pub plan: Nanos,
    /// Operations scheduled in it.
    pub scheduled: u32,
    /// Of those, acknowledged within the threshold, not degraded.
    pub good: u32,
    /// Of those, answered by a durable queue that kept them.
    pub queued: u32,
    /// Of those, not acknowledged.
    pub errors: u32,
    /// Median latency of the acknowledged, from the scheduled start; 0 without any.
    pub p50_ns: Nanos,
    /// 99th percentile (nearest rank).
    pub p99_ns: Nanos,
    /// Slowest.
    pub max_ns: Nanos,
    /// What it says.
    pub state: WindowState,
}

/// Latencies of one tier's acknowledged operations over the whole run, in buckets that double.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Latencies {
    /// Acknowledged operations.
    pub count: u64,
    /// Fastest, nanoseconds.
    pub min_ns: Nanos,
    /// Slowest, nanoseconds.
    pub max_ns: Nanos,
    /// Upper edge of a bucket in nanoseconds (a power of two, included) and how many lie in it. Empty ones left out.
    pub buckets: Vec<(Nanos, u64)>,
}

/// One tier's course.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TierSeries {
    /// Level of the tier.
    pub tier: u8,
    /// Its windows without gaps, from the first operation to the end of the load.
    pub windows: Vec<WindowPoint>,
    /// Its latencies.
    pub latencies: Latencies,
}

/// The courses of all tiers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// By level.
    pub tiers: Vec<TierSeries>,
    /// What the tiers leave out of the account of all operations.
    pub left_out: LeftOut,
}

/// Acknowledged operations in no window of any tier; with those of the tiers they make up what was acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// The canary's: they place a loss in time and are no clients' traffic.
    pub canary: u64,
    /// Clients' own, due after the last whole window, or of services that belong to no tier.
    pub outside: u64,
}
