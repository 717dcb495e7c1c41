//! What stands where this was built without containers: each says so.

use super::{Contained, Containers, ImageNames, Quarters, not_built};
use crate::error::Result;
use crate::local::Progress;
use crate::postgres::PostgresChoice;
use crate::supervisor::Supervisor;
use crate::user::Account;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Finds the engine and the images of a run.
///
/// # Errors
/// Always: this build has no containers.
#[allow(clippy::unused_async)]
pub async fn choose(_: &ImageNames, _: &[String], _: &PostgresChoice, _: Option<&Progress>) -> Result<Containers> {
    Err(not_built())
}

#[allow(clippy::unused_async)]
pub(crate) async fn open(
    _: &Containers,
    _: &Path,
    _: &Path,
    _: Option<&Account>,
    _: &Supervisor,
) -> Result<Arc<dyn Quarters>> {
    Err(not_built())
}

/// Another build has made them: it has to remove them, too.
pub(crate) fn remove(_: &Contained) -> Result<()> {
    Err(not_built())
}

pub(crate) fn sweep() -> Vec<(PathBuf, bool)> {
    Vec::new()
}
