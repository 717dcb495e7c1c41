//! What can go wrong on an environment, said so that the reader knows what to do.

use std::io;
use std::path::Path;
use std::time::Duration;

/// Why an environment could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// The operating system refused.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A service did not come up.
    #[error("{service} did not start: {reason}\nthe end of its log:\n{log}")]
    Start {
        /// Name of the service.
        service: String,
        /// Why, as far as known.
        reason: String,
        /// The last lines of the service's log.
        log: String,
    },
    /// Something did not happen in time.
    #[error("{what} did not finish within {deadline:?}")]
    Deadline {
        /// What was waited for.
        what: String,
        /// How long.
        deadline: Duration,
    },
    /// A command that belongs to an operation failed.
    #[error("{what} failed: {detail}")]
    Command {
        /// What was being done.
        what: String,
        /// What the command said.
        detail: String,
    },
    /// The supervising process is gone, or does not do its work.
    #[error("the supervisor of this run {0}")]
    Supervisor(String),
    /// The supervising process could not do what was asked, such as start a program.
    #[error("the supervisor of this run refused: {0}")]
    Refused(String),
    /// The machine lacks something; the text says what to do.
    #[error("{0}")]
    Missing(String),
    /// A path that leads out of where it must stay, a name that cannot be used, and the like.
    #[error("{0}")]
    Invalid(String),
    /// The database answered with an error.
    #[error("{what}: {detail}")]
    Database {
        /// What was being done.
        what: String,
        /// What the database said.
        detail: String,
    },
}

impl EnvironmentError {
    /// Whether the harness itself lacks what every drill needs of it: its supervisor, or room on its disk. No plan answers
    /// for that.
    #[must_use]
    pub fn is_lack(&self) -> bool {
        match self {
            Self::Supervisor(_) => true,
            Self::Io { source, .. } => is_lack_of_room(source),
            _ => false,
        }
    }

    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    pub(crate) fn path(doing: &str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        Self::io(format!("cannot {doing} {}", path.display()))
    }
}

/// Whether a file could not be written since no room is left for it.
#[must_use]
pub fn is_lack_of_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

pub(crate) type Result<T, E = EnvironmentError> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_harness_lacks_is_told_from_what_went_wrong() {
        let refused = |number| EnvironmentError::io("cannot write a file")(io::Error::from_raw_os_error(number));
        // ENOSPC and EDQUOT; EACCES.
        assert!(refused(28).is_lack() && refused(122).is_lack());
        assert!(!refused(13).is_lack());
        assert!(EnvironmentError::Supervisor("is gone".into()).is_lack());
        assert!(!EnvironmentError::Refused("cannot start restore.sh".into()).is_lack());
    }
}
