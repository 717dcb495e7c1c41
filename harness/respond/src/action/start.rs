//! Start a service again as it is: its data and its life stay what they were.

use firedrill_core::Event;
use firedrill_core::event::Edge;

use super::ActionError;
use crate::clock::{Stopwatch, instant};
use crate::team::Team;

pub(super) async fn perform(team: &Team, service: &str) -> Result<String, ActionError> {
    let lifecycle = team.lifecycle(service)?;
    let what = format!("start {service} as it is");
    team.observer.observed(
        instant(),
        Event::Repair {
            what: what.clone(),
            edge: Edge::Begun,
        },
    );
    let watch = Stopwatch::start();
    let before = lifecycle.state().await?;
    if before == firedrill_environment::State::Paused {
        lifecycle.resume().await?;
    } else {
        lifecycle.start().await?;
    }
    team.observer.observed(
        watch.stamp(),
        Event::Repair {
            what,
            edge: Edge::Ended,
        },
    );
    Ok(format!("was {before:?}, runs"))
}
