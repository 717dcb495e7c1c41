//! Point the application at a database, by a route.
//!
//! Where the database still lives the life it had, this is the repair itself and is told as one; after a restore the new
//! life's takeover has been told already.

use firedrill_core::Event;
use firedrill_core::event::Edge;
use firedrill_core::scenario::Route;

use super::ActionError;
use crate::clock::instant;
use crate::team::Team;

pub(super) async fn perform(
    team: &Team,
    application: &str,
    database: &str,
    route: Route,
) -> Result<String, ActionError> {
    let address = team.route(application, database, route)?;
    let restored = team.life_of(database).is_some_and(|(.., restored)| restored);
    let what = format!(
        "point {application} at {database} by the {} route",
        format!("{route:?}").to_lowercase()
    );
    if !restored {
        team.observer.observed(
            instant(),
            Event::Repair {
                what: what.clone(),
                edge: Edge::Begun,
            },
        );
    }
    let stamp = team.application(application)?.repoint(address).await?;
    if !restored {
        team.observer.observed(
            stamp,
            Event::Repair {
                what,
                edge: Edge::Ended,
            },
        );
    }
    Ok(format!("{application} uses {}:{}", address.host, address.port))
}
