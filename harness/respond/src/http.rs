//! One HTTP/1.1 request on a connection of its own, as a health checker or `curl` in a runbook would make it.
//!
//! Everything here that asks the application over HTTP does it so, but for the clients under load, which keep theirs. No pool: a monitor that reuses a connection would not notice that new ones are refused. The caller sets the deadline;
//! dropping the future closes the connection.

use std::net::SocketAddr;

use bytes::Bytes;
use firedrill_environment::Secret;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// An answer larger than this is refused; health and status are some hundred bytes.
const ANSWER_BYTES_MAX: usize = 256 << 10;

/// Ends a task that must not outlive the request it serves.
pub(crate) struct Ending<T>(pub(crate) JoinHandle<T>);

impl<T> Drop for Ending<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is asked, of whom.
pub struct Ask<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) token: Option<&'a Secret>,
    pub(crate) body: Option<Vec<u8>>,
}

impl<'a> Ask<'a> {
    /// A plain GET.
    #[must_use]
    pub fn get(address: SocketAddr, path: &'a str) -> Ask<'a> {
        Ask {
            address,
            method: Method::GET,
            path,
            token: None,
            body: None,
        }
    }

    /// A POST of JSON.
    #[must_use]
    pub fn post(address: SocketAddr, path: &'a str, body: &serde_json::Value) -> Ask<'a> {
        Ask {
            method: Method::POST,
            body: Some(body.to_string().into_bytes()),
            ..Ask::get(address, path)
        }
    }

    /// The same by one who holds this token.
    #[must_use]
    pub fn with(self, token: &'a Secret) -> Ask<'a> {
        Ask {
            token: Some(token),
            ..self
        }
    }
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// Nobody listens there, or nobody who could be reached.
    #[error("no connection to {address}: {source}")]
    Connect {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Its path or a header is none.
    #[error("the request cannot be made: {0}")]
    Request(#[from] hyper::http::Error),
    /// It was reached, and then it was not.
    #[error("the connection broke before the answer was complete: {0}")]
    Broken(#[from] hyper::Error),
    /// The answer began, and that is all.
    #[error("the answer broke off or is larger than {ANSWER_BYTES_MAX} bytes: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
}

/// Asks and reads the whole answer: its status and body, whatever the status is.
///
/// # Errors
/// When there is no answer, or not a whole one.
pub async fn ask(ask: Ask<'_>) -> Result<(StatusCode, Bytes), NoAnswer> {
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
    if let Some(token) = ask.token {
        request = request.header(AUTHORIZATION, format!("Bearer {}", token.reveal()));
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
