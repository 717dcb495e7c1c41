//! Recover: the plan's procedure, run by the team with what the team can see.

use std::sync::Arc;
use std::time::Duration;

use firedrill_core::stamp::{Nanos, SECOND};
use firedrill_load::now;
use firedrill_respond::Runbook;
use tokio_util::sync::CancellationToken;

use super::{Drill, DrillError};

/// So many acknowledged operations stand for a service that went on while people took their time.
const GOES_ON_OPERATIONS: u64 = 40;
/// The longest wait for them.
const GOES_ON_MAX: Nanos = SECOND;

impl Drill {
    /// Runs the procedure to its end or deadline; returns when it ended.
    pub(super) async fn recover(&mut self) -> Result<Nanos, DrillError> {
        self.set_rate(1);
        self.look_again().await;
        self.let_service_go_on().await;
        let team = self
            .team
            .clone()
            .ok_or_else(|| DrillError::Other("no team was gathered".into()))?;
        let (gate, mut arriving) = self.gate();
        let runbook = Runbook::new(&self.scenario().procedure, &team)?.past(Arc::new(gate));
        // The runbook keeps its own deadline; this one only guards against a step that cannot be ended.
        let guard = self.script.terms.procedure_deadline + 60 * SECOND;
        let running = runbook.run(Arc::clone(&team), CancellationToken::new());
        tokio::pin!(running);
        let until = tokio::time::Instant::now() + Duration::from_nanos(guard.max(0).unsigned_abs());
        loop {
            tokio::select! {
                outcome = &mut running => {
                    let ended = now();
                    self.lacked_nothing(&outcome)?;
                    self.tell_missed_points();
                    return Ok(ended);
                }
                Some(arrival) = arriving.recv() => self.meet(arrival).await?,
                () = tokio::time::sleep(Duration::from_millis(500)) => {
                    self.still_recording()?;
                    if tokio::time::Instant::now() > until {
                        return Err(DrillError::Other("the procedure could not be ended a minute after its deadline".into()));
                    }
                }
            }
        }
    }

    /// The time that people took is credited and not slept, but a service that still answered would have gone on through
    /// it. Some operations at its end are waited for, so that what the recovery keeps of them is seen and not supposed;
    /// where nothing answers, the wait ends by itself.
    async fn let_service_go_on(&self) {
        let acknowledged = || {
            let live = self.live_now();
            live.map_or(0, |live| live.tiers.iter().map(|tier| tier.acked).sum::<u64>())
        };
        let before = acknowledged();
        let until = now() + GOES_ON_MAX;
        while now() < until && acknowledged() < before + GOES_ON_OPERATIONS {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
