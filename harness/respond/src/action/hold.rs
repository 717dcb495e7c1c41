//! Hold tiers back from traffic, all of them, in the order given.

use firedrill_core::Event;

use super::ActionError;
use crate::team::Team;

pub(super) async fn perform(team: &Team, tiers: &[u8]) -> Result<String, ActionError> {
    let application = team.the_application()?;
    for tier in tiers {
        let stamp = application.hold(*tier).await?;
        team.observer.observed(stamp, Event::Held { tier: *tier });
    }
    Ok(format!("{} held", tiers.len()))
}
