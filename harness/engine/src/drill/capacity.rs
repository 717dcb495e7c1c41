//! Capacity: what the application acknowledges per second at most, found by a short ramp before and after the drill,
//! outside every window that is judged.

use std::sync::Arc;
use std::time::Duration;

use firedrill_core::event::{Event, Role};
use firedrill_core::stamp::{SECOND, Stamp};
use firedrill_load::{CapacitySpec, ClassSpec, Mix, capacity, first_key};

use super::{Drill, DrillError};

/// How long each step of the ramp lasts.
const STEP: Duration = Duration::from_millis(500);
/// Each step offers twice as much as the one before: the last of eight is 128 times the drill's own load.
const STEPS: u32 = 8;
const CONNECTIONS: usize = 32;
/// Keys of two ramps lie this far apart.
const RAMP_KEYS: u64 = 1_000_000_000;

/// Which ramp of the drill.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ramp {
    Before,
    After,
}

impl Drill {
    /// Runs a ramp where the scenario asks for it: new keys only, through the clients' path, in the ledger as any write.
    pub(super) async fn ramp(&self, ramp: Ramp) -> Result<(), DrillError> {
        let scenario = self.scenario();
        if !scenario.load.capacity {
            return Ok(());
        }
        let (offset, name) = match ramp {
            Ramp::Before => (0, "before"),
            Ramp::After => (1, "after"),
        };
        let threshold = self
            .script
            .terms
            .tiers
            .iter()
            .map(|tier| tier.thresholds.response)
            .min()
            .unwrap_or(SECOND);
        let threshold = Duration::from_nanos(threshold.unsigned_abs());
        let mut classes = Vec::new();
        for (service, rate) in &scenario.load.rates {
            let class = self.class_of(service, Role::Capacity);
            if offset == 0 {
                self.recorder.class(class.clone());
            }
            classes.push(ClassSpec {
                class,
                per_second: *rate,
                mix: Mix::inserts(),
                first_key: first_key::CAPACITY + offset * RAMP_KEYS,
                preloaded: 0..0,
            });
        }
        let spec = CapacitySpec {
            classes,
            seed: self.script.seed ^ (0xca9a << 32) ^ offset,
            content_seed: self.script.seed,
            connections: CONNECTIONS,
            deadline: threshold * 2,
            step: STEP,
            threshold,
            steps: STEPS,
        };
        let report = capacity(&spec, self.clients_client()?, Arc::new(self.recorder.clone())).await?;
        self.recorder.record(
            Stamp::new(report.began, report.ended),
            Event::Capacity {
                per_second: report.per_second,
            },
        );
        let bound = if report.saturated {
            "it could not keep up with the last step"
        } else {
            "it kept up with every step, so it can do more"
        };
        self.recorder.record_now(Event::Note {
            text: format!(
                "capacity {name}: {} operations acknowledged per second within {threshold:?} at the best of {} steps; {bound}",
                report.per_second,
                report.steps.len()
            ),
        });
        Ok(())
    }
}
