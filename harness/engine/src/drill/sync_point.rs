//! Sync points: a step of the procedure waits, bounded, until the conditions that were to meet it there are injected and
//! proved. One that is never reached makes the run inconclusive: what it was to show was not seen.

use std::time::Duration;

use async_trait::async_trait;
use firedrill_core::event::Event;
use firedrill_core::scenario::{ConditionTime, Fault, StepSide};
use firedrill_respond::Gate;
use tokio::sync::{mpsc, oneshot};

use super::{Drill, DrillError};

/// No step is held for longer: a fault is injected, and proved or given up, well before.
const HELD_MAX: Duration = Duration::from_secs(15);

/// A side of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SyncPoint {
    step: String,
    side: StepSide,
}

impl SyncPoint {
    fn of(fault: &Fault) -> Option<SyncPoint> {
        match &fault.when {
            ConditionTime::AtStep { name, side } if !fault.strikes => Some(SyncPoint {
                step: name.clone(),
                side: *side,
            }),
            _ => None,
        }
    }

    fn told(&self, reached: bool) -> Event {
        Event::SyncPoint {
            name: format!("{} {}", self.side, self.step),
            reached,
        }
    }
}

/// A step that waits.
pub(super) struct Arrival {
    at: SyncPoint,
    /// Dropped or used, it lets the step go on.
    go: oneshot::Sender<()>,
}

/// Holds the steps that conditions wait for.
#[derive(Debug)]
pub(super) struct StepGate {
    points: Vec<SyncPoint>,
    arrivals: mpsc::Sender<Arrival>,
}

#[async_trait]
impl Gate for StepGate {
    async fn pass(&self, step: &str, side: StepSide) {
        let at = SyncPoint {
            step: step.to_owned(),
            side,
        };
        if !self.points.contains(&at) {
            return;
        }
        let (go, gone) = oneshot::channel();
        if self.arrivals.send(Arrival { at, go }).await.is_ok() {
            let _ = tokio::time::timeout(HELD_MAX, gone).await;
        }
    }
}

impl Drill {
    /// The gate that the procedure passes, and who arrives there.
    pub(super) fn gate(&self) -> (StepGate, mpsc::Receiver<Arrival>) {
        let points: Vec<SyncPoint> = self.scenario().faults.iter().filter_map(SyncPoint::of).collect();
        let (arrivals, arriving) = mpsc::channel(points.len().max(1));
        (StepGate { points, arrivals }, arriving)
    }

    /// Injects what waits for this step, and lets it go on.
    pub(super) async fn meet(&mut self, arrival: Arrival) -> Result<(), DrillError> {
        let Arrival { at, go } = arrival;
        self.recorder.record_now(at.told(true));
        let when = ConditionTime::AtStep {
            name: at.step,
            side: at.side,
        };
        self.inject_conditions(when).await?;
        // A step that was given up meanwhile waits no more.
        let _ = go.send(());
        Ok(())
    }

    /// When the procedure has ended: the points that no step came to.
    pub(super) fn tell_missed_points(&self) {
        for (index, fault) in self.scenario().faults.iter().enumerate() {
            if let Some(point) = SyncPoint::of(fault)
                && !self.injected.contains(&index)
            {
                self.recorder.record_now(point.told(false));
            }
        }
    }
}
