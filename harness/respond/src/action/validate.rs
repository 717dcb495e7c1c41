//! Check that the application serves every tier that is not held: a write, read back and compared, through each service.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{ActionError, Waiting};
use crate::team::Team;

/// How long a service that fails its journey is tried again.
const PATIENCE: Duration = Duration::from_secs(10);
const RETRY_EVERY: Duration = Duration::from_millis(200);

pub(super) async fn perform(team: &Team, application: &str, waiting: &Waiting) -> Result<String, ActionError> {
    let application = team.application(application)?;
    let health = application.health().await?;
    let (mut served, mut held) = (0, 0);
    let until = Instant::now() + PATIENCE;
    for (tier, services) in application.services() {
        if health.get(tier).is_some_and(|health| health.held) {
            held += 1;
            continue;
        }
        for service in services {
            waiting.on(format!("a journey through {service} of tier {tier}"));
            loop {
                match application.journey(service).await {
                    Ok(_) => break,
                    Err(error) if Instant::now() >= until => return Err(error.into()),
                    Err(error) => waiting.on(format!("a journey through {service} of tier {tier}; last: {error}")),
                }
                sleep(RETRY_EVERY).await;
            }
            served += 1;
        }
    }
    Ok(format!("{served} services written and read back; {held} tiers held"))
}
