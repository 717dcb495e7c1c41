//! Why a drill could not be played to its end.

use crate::stage::StageError;

/// Why the harness could not play a drill to its end. Not a verdict.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// The stage could not be set or kept.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The environment failed.
    #[error(transparent)]
    Environment(#[from] firedrill_environment::EnvironmentError),
    /// The reference backup tool failed while preparing.
    #[error("the backup that the plan would have taken cannot be taken: {0}")]
    Backup(#[from] firedrill_backup::Error),
    /// The load could not run.
    #[error(transparent)]
    Load(#[from] firedrill_load::LoadError),
    /// The monitor could not be set up as the plan writes it.
    #[error(transparent)]
    Monitor(#[from] firedrill_respond::MonitorError),
    /// The procedure cannot be run as it is written.
    #[error(transparent)]
    Procedure(#[from] firedrill_respond::ProcedureError),
    /// A fault could not be injected.
    #[error(transparent)]
    Fault(#[from] crate::fault::FaultError),
    /// Postgres refused the harness.
    #[error("{what}: {}", firedrill_environment::said(error))]
    Database {
        /// What was asked of it.
        what: String,
        /// What it said.
        error: tokio_postgres::Error,
    },
    /// The harness lost what the drill stands on, or lacked it: its supervisor, or room for its services. No fault of the
    /// plan's.
    #[error("{0}")]
    Ground(String),
    /// The evidence cannot be written.
    #[error("{0}")]
    Recorder(String),
    /// A command of the user's own failed while the drill was being prepared.
    #[error("{what} of yours failed: {error}")]
    Own {
        /// What it was to do.
        what: String,
        /// Its log in the run directory.
        log: String,
        /// What became of it.
        error: Box<firedrill_respond::OwnError>,
    },
    /// A command of the user's own says that it cannot run here: no fault of anyone's.
    #[error("{0}")]
    CannotRun(String),
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

impl DrillError {
    /// The log of the scenario's own command that failed, where that is why: a mistake in an input, and not of the harness.
    #[must_use]
    pub fn own_log(&self) -> Option<&str> {
        match self {
            DrillError::Own { log, .. } => Some(log),
            DrillError::Fault(error) => error.own.as_deref(),
            _ => None,
        }
    }

    pub(super) fn database(what: &str) -> impl FnOnce(tokio_postgres::Error) -> DrillError + use<> {
        let what = what.to_owned();
        move |error| DrillError::Database { what, error }
    }
}
