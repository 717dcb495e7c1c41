//! What can keep the load from doing its work. Answers of a broken service are not errors: they are outcomes.

use std::time::Duration;

/// Why something of the load could not be done.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The specification cannot be run.
    #[error("load: {what} is {found}; expected {expected}")]
    Spec {
        /// Which figure.
        what: String,
        /// What it is.
        found: String,
        /// What it may be.
        expected: String,
    },
    /// Postgres could not be reached or refused.
    #[error("load: {what} failed: {}; check that Postgres serves at {address}", said(source))]
    Sql {
        /// What was tried.
        what: String,
        /// Host and port.
        address: String,
        /// What Postgres or its client said.
        source: tokio_postgres::Error,
    },
    /// Postgres answered with something that makes no sense here.
    #[error("load: {what}: found {found}, expected {expected}")]
    Unexpected {
        /// What was looked at.
        what: String,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// The object store could not be asked.
    #[error("load: object store: {what} failed: {reason}")]
    Store {
        /// What was tried.
        what: String,
        /// What it said.
        reason: String,
    },
    /// A deadline passed.
    #[error("load: {what} did not end within {deadline:?}")]
    Deadline {
        /// What was waited for.
        what: String,
        /// How long.
        deadline: Duration,
    },
    /// A thread could not be started, or ended before its time.
    #[error("load: {what}: {reason}")]
    Thread {
        /// Which.
        what: String,
        /// Why.
        reason: String,
    },
}

impl LoadError {
    pub(crate) fn spec(what: impl Into<String>, found: impl ToString, expected: impl Into<String>) -> LoadError {
        LoadError::Spec {
            what: what.into(),
            found: found.to_string(),
            expected: expected.into(),
        }
    }
}

/// What Postgres or its client said: the client's own words for an error of the server are only "db error".
fn said(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(server) => format!("{} ({})", server.message(), server.code().code()),
        // The client keeps what matters in the source.
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}
