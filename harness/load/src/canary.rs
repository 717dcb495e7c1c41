//! The canary: steady, dense writes to keys of its own that place a loss exactly, each read back.

use std::sync::Arc;
use std::time::Duration;

use firedrill_core::event::Class;
use firedrill_core::stamp::Nanos;

use crate::answer::Client;
use crate::error::LoadError;
use crate::sink::Sink;
use crate::spec::{Arrivals, ClassSpec, Mix, WorkloadSpec, first_key};
use crate::tally::{Live, Totals};
use crate::workload::Workload;

/// What a canary does.
#[derive(Clone, Debug)]
pub struct CanarySpec {
    /// Its class, role canary.
    pub class: Class,
    /// Writes per second of drill time, new keys and updates alternately; as many reads come on top.
    pub writes_per_second: u32,
    /// Where its keys begin: [`first_key::CANARY`], and something else for a second canary in the same space.
    pub first_key: u64,
    /// Seed of its schedule.
    pub seed: u64,
    /// Seed of contents.
    pub content_seed: u64,
    /// Connections.
    pub connections: usize,
    /// From sending to giving up.
    pub deadline: Duration,
}

impl CanarySpec {
    /// Eight connections, the usual keys, one seed.
    #[must_use]
    pub fn new(class: Class, writes_per_second: u32, seed: u64, deadline: Duration) -> CanarySpec {
        CanarySpec {
            class,
            writes_per_second,
            first_key: first_key::CANARY,
            seed,
            content_seed: seed,
            connections: 8,
            deadline,
        }
    }
}

/// A canary at work.
pub struct Canary(Workload);

impl Canary {
    /// Starts it at once.
    ///
    /// # Errors
    /// As [`Workload::start`].
    pub fn start(spec: CanarySpec, client: Arc<dyn Client>, sink: Arc<dyn Sink>) -> Result<Canary, LoadError> {
        let class = ClassSpec {
            class: spec.class,
            per_second: spec.writes_per_second.saturating_mul(2),
            mix: Mix::ReadBack,
            first_key: spec.first_key,
            preloaded: 0..0,
        };
        let workload = WorkloadSpec {
            classes: vec![class],
            seed: spec.seed,
            content_seed: spec.content_seed,
            connections: spec.connections,
            deadline: spec.deadline,
            lag: spec.deadline,
            arrivals: Arrivals::Even,
        };
        Workload::start(workload, client, sink).map(Canary)
    }

    /// How it goes.
    #[must_use]
    pub fn live(&self) -> Live {
        self.0.live()
    }

    /// As [`Workload::halt`].
    pub fn halt(&self) -> Nanos {
        self.0.halt()
    }

    /// As [`Workload::stop`].
    ///
    /// # Errors
    /// As [`Workload::stop`].
    pub async fn stop(self) -> Result<Totals, LoadError> {
        self.0.stop().await
    }
}
