//! What the sample application says of itself to its operator, and takes from one, asked by the harness directly.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// More than any status is long.
const BODY_MAX: usize = 64 * 1024;

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
    let request = to_operator(Request::get("/admin/status"), token, Bytes::new());
    let status = answered(address, request)
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
    let request = Request::post(path).header("content-type", "application/json");
    let request = to_operator(request, token, Bytes::from(body.to_string()));
    answered(address, request)
        .await
        .map(drop)
        .map_err(|why| format!("the application does not take {path}: {why}"))
}

fn to_operator(
    request: hyper::http::request::Builder,
    token: &str,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, String> {
    request
        .header("host", "application")
        .header("authorization", format!("Bearer {token}"))
        .body(Full::new(body))
        .map_err(|error| error.to_string())
}

/// One request and its answer's body, within the deadline.
async fn answered(address: SocketAddr, request: Result<Request<Full<Bytes>>, String>) -> Result<Bytes, String> {
    let request = request?;
    let asked = async {
        let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        let driver = tokio::spawn(async move {
            let _ = connection.await;
        });
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let code = answer.status();
        let body = Limited::new(answer.into_body(), BODY_MAX)
            .collect()
            .await
            .map_err(|error| error.to_string())?
            .to_bytes();
        driver.abort();
        if !code.is_success() {
            return Err(format!("status {code}"));
        }
        Ok(body)
    };
    tokio::time::timeout(ANSWER_MAX, asked)
        .await
        .unwrap_or_else(|_| Err("no answer within 2 s".into()))
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
