//! Capacity: how much the service acknowledges per second at most, found by a short open-loop ramp.

use std::sync::Arc;
use std::time::Duration;

use firedrill_core::stamp::{Nanos, SECOND};

use crate::answer::Client;
use crate::clock::now;
use crate::error::LoadError;
use crate::sink::Sink;
use crate::spec::{ClassSpec, WorkloadSpec};
use crate::tally::Totals;
use crate::workload::Workload;

/// Keys between two steps of a ramp.
const STEP_KEYS: u64 = 10_000_000;
/// A ramp longer than this is none.
const STEPS_MAX: u32 = 16;

/// A ramp: each step offers twice the rate of the one before, until a step's share of acknowledged operations falls
/// below nine tenths.
#[derive(Clone, Debug)]
pub struct CapacitySpec {
    /// Classes with role capacity; `per_second` is the rate of the first step. No preloaded keys.
    pub classes: Vec<ClassSpec>,
    /// Seed of schedules.
    pub seed: u64,
    /// Seed of contents.
    pub content_seed: u64,
    /// Connections per tier.
    pub connections: usize,
    /// From sending to giving up.
    pub deadline: Duration,
    /// How long a step lasts.
    pub step: Duration,
    /// An operation counts as acknowledged only within this time of its scheduled start.
    pub threshold: Duration,
    /// Steps at most, 1 to 16.
    pub steps: u32,
}

/// What a ramp came to.
#[derive(Clone, Debug)]
pub struct CapacityReport {
    /// Acknowledged in time per second, at the best step.
    pub per_second: u64,
    /// Whether a step was reached that the service could not keep up with; else it can do more.
    pub saturated: bool,
    /// Operations offered and acknowledged in time per second, by step.
    pub steps: Vec<(u64, u64)>,
    /// When the ramp began and its last operation had ended: outside every window.
    pub began: Nanos,
    /// See `began`.
    pub ended: Nanos,
    /// Operations of all steps by outcome.
    pub operations: u64,
}

/// Runs a ramp to saturation.
///
/// # Errors
/// As [`Workload::start`] and [`Workload::stop`].
pub async fn capacity(
    spec: &CapacitySpec,
    client: Arc<dyn Client>,
    sink: Arc<dyn Sink>,
) -> Result<CapacityReport, LoadError> {
    if !(1..=STEPS_MAX).contains(&spec.steps) {
        return Err(LoadError::spec("steps of the capacity ramp", spec.steps, "1 to 16"));
    }
    if spec.step < Duration::from_millis(100) || spec.step > Duration::from_secs(60) {
        return Err(LoadError::spec(
            "step of the capacity ramp",
            format!("{:?}", spec.step),
            "100 ms to 60 s",
        ));
    }
    let mut report = CapacityReport {
        per_second: 0,
        saturated: false,
        steps: Vec::new(),
        began: now(),
        ended: now(),
        operations: 0,
    };
    for step in 0..spec.steps {
        let classes = spec.classes.iter().map(|class| ClassSpec {
            per_second: class.per_second.saturating_mul(1 << step).min(1_000_000),
            first_key: class.first_key + u64::from(step) * STEP_KEYS,
            preloaded: 0..0,
            ..class.clone()
        });
        let load = WorkloadSpec {
            content_seed: spec.content_seed,
            lag: spec.threshold.clamp(Duration::from_millis(1), spec.deadline),
            ..WorkloadSpec::new(classes.collect(), spec.seed, spec.connections, spec.deadline)
        };
        let workload = Workload::start(load, client.clone(), sink.clone())?;
        tokio::time::sleep(spec.step).await;
        let totals = workload.stop().await?;
        let in_time = in_time(&totals, spec.threshold);
        let lasted = (totals.ended - totals.began).max(1);
        let rate = |count: u64| (u128::from(count) * SECOND as u128 / lasted as u128) as u64;
        report.steps.push((rate(totals.scheduled), rate(in_time)));
        report.operations += totals.scheduled;
        report.per_second = report.per_second.max(rate(in_time));
        if in_time * 10 < totals.scheduled * 9 {
            report.saturated = true;
            break;
        }
    }
    report.ended = now();
    Ok(report)
}

fn in_time(totals: &Totals, threshold: Duration) -> u64 {
    let bound = threshold.as_nanos() as u64;
    totals
        .tiers
        .iter()
        .map(|tier| tier.latency.count_between(0, bound))
        .sum()
}
