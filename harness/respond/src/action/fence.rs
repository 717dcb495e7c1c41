//! Make sure that what failed cannot acknowledge any more: every process of the service is ended.

use firedrill_core::Event;
use firedrill_environment::State;

use super::ActionError;
use crate::clock::Stopwatch;
use crate::team::Team;

pub(super) async fn perform(team: &Team, service: &str) -> Result<String, ActionError> {
    let lifecycle = team.lifecycle(service)?;
    let watch = Stopwatch::start();
    let before = lifecycle.state().await?;
    // The main process goes at once, so that nothing is given time to end in order; then whatever it left behind, since
    // a session that was at work outlives its server and may still answer.
    lifecycle.kill().await?;
    lifecycle.stop().await?;
    let after = lifecycle.state().await?;
    let stamp = watch.stamp();
    if after != State::Down {
        return Err(ActionError::Database {
            service: service.into(),
            reason: format!("found it {after:?} after it was killed, expected Down"),
        });
    }
    let Some((component, life, _)) = team.life_of(service) else {
        return Ok(format!(
            "was {before:?}, is down; it served no data that the team knows of"
        ));
    };
    let incarnation = team.incarnations.incarnation(&component, &life.name());
    team.observer.observed(stamp, Event::Fenced { incarnation });
    Ok(format!(
        "was {before:?}, is down; {} cannot acknowledge any more",
        life.name()
    ))
}
