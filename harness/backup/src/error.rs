//! What can go wrong with a backup, said so that a person on call knows what to look at.
//!
//! The one idea: an object that cannot be trusted is named, with the reason, and never read on.

use std::path::PathBuf;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a backup, a restore or a look at the repository did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting cannot be used as it stands.
    #[error("{what}: found {found}, expected {expected}")]
    Config {
        /// Which setting, with its file where it is from one.
        what: String,
        /// What stands there; a secret is never repeated.
        found: String,
        /// What should stand there.
        expected: String,
    },
    /// The object store did not do what it was asked for.
    #[error("object store: {action} {key}: {source}")]
    Store {
        /// What was asked for, for instance "put" or "list".
        action: &'static str,
        /// The object or prefix it was about.
        key: String,
        /// What the client library reported.
        #[source]
        source: object_store::Error,
    },
    /// An object that has to be there is not.
    #[error("object {key} is missing from the repository; {needed_for}")]
    Missing {
        /// The key, relative to the repository's prefix.
        key: String,
        /// Why it has to be there.
        needed_for: String,
    },
    /// An object is there and cannot be trusted: cut, altered, swapped, or sealed with another key.
    #[error("object {key} cannot be trusted: {reason}")]
    Damaged {
        /// The key, relative to the repository's prefix.
        key: String,
        /// What did not fit.
        reason: String,
    },
    /// The object exists with other content; archived WAL is never overwritten.
    #[error(
        "object {key} is in the repository already, with other content ({stored} stored, {offered} offered); archived WAL is never overwritten: give this server a repository prefix of its own"
    )]
    Conflict {
        /// The key, relative to the repository's prefix.
        key: String,
        /// SHA-256 of the content that is stored.
        stored: String,
        /// SHA-256 of the content that was offered.
        offered: String,
    },
    /// Postgres answered with an error.
    #[error("Postgres, {action}: {severity} {code}: {message}")]
    Server {
        /// What was asked of it.
        action: String,
        /// ERROR or FATAL.
        severity: String,
        /// The SQLSTATE.
        code: String,
        /// The message, with detail and hint where given.
        message: String,
    },
    /// A statement on a usual session failed.
    #[error("Postgres, {action}: {}", detailed(source))]
    Query {
        /// What was asked of it.
        action: String,
        /// What the client library reported.
        #[source]
        source: tokio_postgres::Error,
    },
    /// Postgres said something that the protocol does not have in this place.
    #[error("Postgres, {action}: the server's answer does not fit the protocol: {found}")]
    Protocol {
        /// What was asked of it.
        action: String,
        /// What came.
        found: String,
    },
    /// The database holds something that the chosen tool cannot rebuild.
    #[error("this backup would lose {what}; {advice}")]
    NotCovered {
        /// What would be lost.
        what: String,
        /// What to do instead.
        advice: String,
    },
    /// A file or directory could not be used.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The place to restore into is taken.
    #[error("{} cannot be restored into: found {found}, expected a path that is absent or an empty directory", path.display())]
    Occupied {
        /// The directory.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// A program that was started for the backup failed.
    #[error("{program}: {outcome}")]
    Program {
        /// The program's path.
        program: String,
        /// How it ended, with the end of what it printed.
        outcome: String,
    },
    /// The other side did not answer in time.
    #[error("{action}: no progress for {seconds} s; {advice}")]
    Stalled {
        /// What was waited for.
        action: String,
        /// How long, in seconds.
        seconds: u64,
        /// What to look at.
        advice: String,
    },
    /// A limit of this tool was met.
    #[error("{what} is beyond this tool's limit: found {found}, at most {limit}")]
    Limit {
        /// What grew.
        what: String,
        /// How far.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// The work was given up from outside before it was complete.
    #[error("{0} was given up before it was complete")]
    Abandoned(String),
}

impl Error {
    /// The SQLSTATE that the server gave, where it was the server that refused.
    #[must_use]
    pub fn sql_state(&self) -> Option<&str> {
        match self {
            Self::Server { code, .. } => Some(code),
            Self::Query { source, .. } => source.as_db_error().map(|told| told.code().code()),
            _ => None,
        }
    }

    pub(crate) fn damaged(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Damaged {
            key: key.into(),
            reason: reason.into(),
        }
    }

    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn query(action: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Self {
        let action = action.into();
        move |source| Self::Query { action, source }
    }
}

/// tokio_postgres prints "db error" and keeps what matters in the source.
fn detailed(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} {}: {}", db.severity(), db.code().code(), db.message()),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}
