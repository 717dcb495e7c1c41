//! The engine: reaching it, and saying what to do where it cannot be reached.

use crate::error::{EnvironmentError, Result};
use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, Docker};
use std::io;
use std::time::Duration;

/// Where engines listen, unless `DOCKER_HOST` says otherwise.
const SOCKET: &str = "/var/run/docker.sock";
/// Longest wait for one answer of the engine; making a container on a busy disk takes seconds.
const ANSWER_SECONDS_MAX: u64 = 60;
/// How long the first answer may take.
const GREETING_MAX: Duration = Duration::from_secs(10);

/// The socket of the engine that the environment names.
pub(super) fn socket() -> Result<String> {
    match std::env::var("DOCKER_HOST") {
        Ok(host) if !host.is_empty() => host.strip_prefix("unix://").map(str::to_owned).ok_or_else(|| {
            EnvironmentError::Missing(format!(
                "DOCKER_HOST is `{host}`: expected unix://PATH; the files of a drill lie on this machine, and so must its engine"
            ))
        }),
        _ => Ok(SOCKET.into()),
    }
}

/// Connects to the engine at a socket, and agrees on a version of its API; tells the engine's own.
pub(super) async fn connect(socket: &str) -> Result<(Docker, String)> {
    let docker = Docker::connect_with_unix(socket, ANSWER_SECONDS_MAX, API_DEFAULT_VERSION)
        .map_err(|error| unreachable_engine(socket, &error))?;
    let greeted = tokio::time::timeout(GREETING_MAX, async {
        let docker = docker.negotiate_version().await?;
        let version = docker.version().await?;
        Ok((docker, version.version.unwrap_or_else(|| "unknown".into())))
    });
    greeted
        .await
        .map_err(|_| {
            EnvironmentError::Missing(format!(
                "the container engine at {socket} did not answer within {GREETING_MAX:?}"
            ))
        })?
        .map_err(|error: Error| unreachable_engine(socket, &error))
}

fn unreachable_engine(socket: &str, error: &Error) -> EnvironmentError {
    let advice = match kind(error) {
        Some(io::ErrorKind::PermissionDenied) => {
            "you may not use it: join its group (usermod -aG docker USER, then log in again), or run firedrill as root"
        }
        _ => {
            "start one (on Debian `ci/setup --containers` installs and starts it), or name its socket: DOCKER_HOST=unix://PATH"
        }
    };
    EnvironmentError::Missing(format!(
        "no container engine answers at {socket}: {}; {advice}",
        told(error)
    ))
}

fn kind(error: &Error) -> Option<io::ErrorKind> {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        source = error.source();
    }
    None
}

/// The words of an error of the engine, its causes included.
pub(super) fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// What the engine refused.
pub(super) fn refused(what: impl Into<String>) -> impl FnOnce(Error) -> EnvironmentError {
    let what = what.into();
    move |error| EnvironmentError::Command {
        what,
        detail: told(&error),
    }
}

/// Whether the engine has no such thing (any more), or is at it already: whoever wanted it gone has what was wanted.
pub(super) fn is_gone(error: &Error) -> bool {
    match error {
        Error::DockerResponseServerError { status_code: 404, .. } => true,
        Error::DockerResponseServerError {
            status_code: 409,
            message,
        } => message.contains("is already in progress") || message.contains("is not running"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn where_no_engine_is_it_is_said_what_to_do() {
        let place = tempfile::tempdir().unwrap();
        let socket = place.path().join("none.sock").display().to_string();
        let told = connect(&socket).await.unwrap_err().to_string();
        assert!(
            told.contains(&socket) && told.contains("ci/setup --containers"),
            "{told}"
        );
    }
}
