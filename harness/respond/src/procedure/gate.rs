//! Gates: where a step waits, for a moment, for somebody who has to be there when it begins or has just succeeded.
//!
//! Who that is and what is done meanwhile is no business of the team: it sees a step that took a little longer.

use async_trait::async_trait;
use firedrill_core::scenario::StepSide;

/// Somebody who may hold a step.
#[async_trait]
pub trait Gate: std::fmt::Debug + Send + Sync {
    /// Returns when the step may go on; at once where nobody waits for it. Bounded by whoever holds it.
    async fn pass(&self, step: &str, side: StepSide);
}
