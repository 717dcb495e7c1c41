//! One HTTP/1.1 request on a connection of its own, as a health checker or `curl` in a runbook would make it.
//!
//! No pool: a monitor that reuses a connection would not notice that new ones are refused. The caller sets the deadline;
//! dropping the future closes the connection.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// An answer larger than this is refused; health and status are some hundred bytes.
const ANSWER_BYTES_MAX: usize = 256 << 10;

/// A secret that never prints.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("redacted")
    }
}

/// Ends a task that must not outlive the request it serves.
pub(crate) struct Ending<T>(pub(crate) JoinHandle<T>);

impl<T> Drop for Ending<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What was asked.
pub(crate) struct Ask<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) token: Option<&'a Secret>,
    pub(crate) body: Option<Vec<u8>>,
}

impl<'a> Ask<'a> {
    /// A plain GET.
    pub(crate) fn get(address: SocketAddr, path: &'a str) -> Ask<'a> {
        Ask {
            address,
            method: Method::GET,
            path,
            token: None,
            body: None,
        }
    }
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error("no connection to {address}: {source}")]
    Connect {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("the request cannot be made: {0}")]
    Request(#[from] hyper::http::Error),
    #[error("the connection broke before the answer was complete: {0}")]
    Broken(#[from] hyper::Error),
    #[error("the answer broke off or is larger than {ANSWER_BYTES_MAX} bytes: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
}

/// Asks and reads the whole answer.
pub(crate) async fn ask(ask: Ask<'_>) -> Result<(StatusCode, Bytes), NoAnswer> {
    let address = ask.address;
    let connect = |source| NoAnswer::Connect { address, source };
    let stream = TcpStream::connect(address).await.map_err(connect)?;
    stream.set_nodelay(true).map_err(connect)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let _connection = Ending(tokio::spawn(connection));
    let mut request = Request::builder()
        .method(ask.method)
        .uri(ask.path)
        .header(HOST, address.to_string());
    if let Some(Secret(token)) = ask.token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    if ask.body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    let body = Full::new(Bytes::from(ask.body.unwrap_or_default()));
    let answer = sender.send_request(request.body(body)?).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await
        .map_err(NoAnswer::Body)?;
    Ok((status, body.to_bytes()))
}
