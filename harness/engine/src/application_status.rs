//! What the sample application says of itself to its operator, and takes from one, asked by the harness directly.

use std::net::SocketAddr;
use std::time::Duration;

use firedrill_environment::Secret;
use firedrill_respond::http::{Ask, ask};

/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// The part that a drill needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationStatus {
    /// Port of the database it uses.
    pub database_port: u16,
    /// Its last attempt to use the database failed.
    pub database_away: bool,
    /// Entries of the durable queue that are not in the database yet.
    pub queued: u64,
}

/// Asks `GET /admin/status`.
///
/// # Errors
/// In words, when there is no answer or it cannot be read.
pub async fn status(address: SocketAddr, token: &str) -> Result<ApplicationStatus, String> {
    let status = answered(Ask::get(address, "/admin/status"), token)
        .await
        .and_then(|body| {
            serde_json::from_slice::<firedrill_app::wire::Status>(&body).map_err(|error| error.to_string())
        })
        .map_err(|why| format!("the application's status cannot be read: {why}"))?;
    Ok(ApplicationStatus {
        database_port: port_of(&status.database)
            .ok_or_else(|| format!("`{}` names no port of a database", status.database))?,
        database_away: status.database_away,
        queued: status.queue.depth,
    })
}

/// Tells the application something as its operator: POST of JSON to a path below `/admin`.
///
/// # Errors
/// In words, when there is no answer, or not one of success.
pub async fn post(address: SocketAddr, token: &str, path: &str, body: &serde_json::Value) -> Result<(), String> {
    answered(Ask::post(address, path, body), token)
        .await
        .map(drop)
        .map_err(|why| format!("the application does not take {path}: {why}"))
}

/// The body of an answer of success to its operator, within the deadline.
async fn answered(asked: Ask<'_>, token: &str) -> Result<Vec<u8>, String> {
    let token = Secret::new(token);
    match tokio::time::timeout(ANSWER_MAX, ask(asked.with(&token))).await {
        Ok(Ok((code, body))) if code.is_success() => Ok(body.to_vec()),
        Ok(Ok((code, _))) => Err(format!("status {code}")),
        Ok(Err(why)) => Err(why.to_string()),
        Err(_) => Err("no answer within 2 s".into()),
    }
}

/// The port in `host:port/dbname`.
fn port_of(database: &str) -> Option<u16> {
    database.split_once('/')?.0.rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_found_behind_any_host() {
        assert_eq!(port_of("127.0.0.1:5432/postgres"), Some(5432));
        assert_eq!(port_of("[::1]:5432/postgres"), Some(5432));
        assert_eq!(port_of("postgres"), None);
    }
}
