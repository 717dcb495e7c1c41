//! Postgres itself: which build runs, where it came from, how to log in and how to write its settings.

mod build;
pub mod connection;
pub mod discover;
pub mod fetch;
pub(crate) mod settings;

pub use build::{Build, Origin};

use crate::error::{EnvironmentError, Result};
use crate::local::Progress;
use std::path::PathBuf;

/// The majors that drills run on.
pub const MAJORS: std::ops::RangeInclusive<u32> = 15..=18;
/// The major that is fetched where none is asked for.
pub const MAJOR_DEFAULT: u32 = 17;

/// Where Postgres is to come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The machine's where it has the asked major, else fetched.
    #[default]
    Auto,
    /// The machine's, or an error.
    System,
    /// Fetched, or from the cache of what was fetched.
    Fetch,
    /// The build in this directory (its `bin`, or the directory above).
    Directory(PathBuf),
}

/// Which Postgres a run wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostgresChoice {
    /// Where from.
    pub source: Source,
    /// Which major; any of [`MAJORS`] if none.
    pub major: Option<u32>,
    /// Whether the network may not be used.
    pub offline: bool,
}

/// Finds or fetches the build that `choice` asks for.
///
/// # Errors
/// There is none; the text says what to install or which option to change.
pub async fn choose(choice: &PostgresChoice, progress: Option<&Progress>) -> Result<Build> {
    match at_hand(choice)? {
        Some(build) => Ok(build),
        None => fetch::fetch(choice.major.unwrap_or(MAJOR_DEFAULT), progress).await,
    }
}

/// The build that `choice` asks for where it is on this machine; `None` where it would be fetched.
///
/// # Errors
/// There is none, and it may not be fetched; the text says what to install or which option to change.
pub fn at_hand(choice: &PostgresChoice) -> Result<Option<Build>> {
    if let Some(major) = choice.major.filter(|major| !MAJORS.contains(major)) {
        return Err(EnvironmentError::Invalid(format!(
            "Postgres {major}: expected one of 15, 16, 17 and 18"
        )));
    }
    match &choice.source {
        Source::Directory(directory) => {
            let build = discover::at(directory, build::Origin::Given)?;
            match choice.major.filter(|major| *major != build.major) {
                Some(major) => Err(EnvironmentError::Invalid(format!(
                    "{} holds Postgres {}, and {major} was asked for",
                    directory.display(),
                    build.version
                ))),
                None => Ok(Some(build)),
            }
        }
        Source::System => found(choice.major)?
            .ok_or_else(|| missing(choice.major, "was not found on this machine"))
            .map(Some),
        Source::Auto => match found(choice.major)? {
            Some(build) => Ok(Some(build)),
            None => cached(choice),
        },
        Source::Fetch => cached(choice),
    }
}

fn found(major: Option<u32>) -> Result<Option<Build>> {
    let builds = discover::installed()
        .into_iter()
        .filter(|build| major.is_none_or(|major| build.major == major));
    builds.max_by_key(|build| build.major).map(Build::digested).transpose()
}

fn cached(choice: &PostgresChoice) -> Result<Option<Build>> {
    let major = choice.major.unwrap_or(MAJOR_DEFAULT);
    match fetch::cached(major)? {
        None if choice.offline => Err(missing(
            Some(major),
            "is neither on this machine nor in the cache, and --offline forbids fetching it",
        )),
        cached => Ok(cached),
    }
}

fn missing(major: Option<u32>, why: &str) -> EnvironmentError {
    let wanted = major.map_or_else(|| "Postgres 15 to 18".to_owned(), |major| format!("Postgres {major}"));
    let package = major.map_or_else(|| "postgresql".to_owned(), |major| format!("postgresql-{major}"));
    EnvironmentError::Missing(format!(
        "{wanted} {why}; install it (Debian and Ubuntu: apt-get install {package}), name its directory with \
         --postgres DIR, or let it be fetched with --postgres fetch"
    ))
}
