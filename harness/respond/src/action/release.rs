//! Let tiers to traffic, the most urgent first as the procedure gives them.
//!
//! The next tier waits until this one has really served for a while: health good and a write read back through the
//! application, without a miss in between. Traffic of a later tier must not hit a system that is not up for the earlier.

use std::time::Duration;

use firedrill_core::Event;
use tokio::time::{Instant, sleep};

use super::{ActionError, Waiting};
use crate::application::Application;
use crate::team::Team;

/// How long a tier must have served without a miss.
const SETTLED: Duration = Duration::from_millis(1500);
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(super) async fn perform(team: &Team, tiers: &[u8], waiting: &Waiting) -> Result<String, ActionError> {
    let application = team.the_application()?;
    for tier in tiers {
        let stamp = application.release(*tier).await?;
        team.observer.observed(stamp, Event::Released { tier: *tier });
        settle(&application, *tier, waiting).await;
    }
    Ok(format!(
        "{} released, each served for {} ms before the next",
        tiers.len(),
        SETTLED.as_millis()
    ))
}

/// Returns once the tier has served for [`SETTLED`]; the step's deadline bounds the wait.
async fn settle(application: &Application, tier: u8, waiting: &Waiting) {
    waiting.on(format!("tier {tier} to serve for {} ms", SETTLED.as_millis()));
    let mut good_since = None;
    loop {
        let looked = Instant::now();
        match serves(application, tier).await {
            Ok(()) => {
                let since = *good_since.get_or_insert(looked);
                if looked.duration_since(since) >= SETTLED {
                    return;
                }
            }
            Err(why) => {
                good_since = None;
                waiting.on(format!(
                    "tier {tier} to serve for {} ms; last: {why}",
                    SETTLED.as_millis()
                ));
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn serves(application: &Application, tier: u8) -> Result<(), String> {
    let health = application.health().await.map_err(|error| error.to_string())?;
    match health.get(&tier) {
        Some(health) if health.ok && !health.held => {}
        Some(health) => return Err(format!("ok {}, held {} {}", health.ok, health.held, health.reason)),
        None => return Err("the application tells no health of it".into()),
    }
    for service in application.services().get(&tier).into_iter().flatten() {
        application.journey(service).await.map_err(|error| error.to_string())?;
    }
    Ok(())
}
