//! Set the application's mode.

use super::ActionError;
use crate::team::Team;

/// Modes that an operator may set.
pub(super) const MODES: [&str; 3] = ["normal", "read_only", "maintenance"];

pub(super) async fn perform(team: &Team, application: &str, mode: &str) -> Result<String, ActionError> {
    team.application(application)?.set_mode(mode).await?;
    Ok(format!("{application} is {mode}"))
}
