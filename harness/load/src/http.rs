//! Connections to the application: HTTP/1.1 with keep-alive, one request at a time.
//!
//! What the application's answers look like is mirrored here, and only what the ledger needs of it. An answer counts
//! when it has arrived whole and speaks of this very request.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use firedrill_core::ledger::{OperationKind, OperationOutcome, UNSTATED, flag};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Deserializer, Serialize};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::answer::{Answer, Client, Session, Write};
use crate::driven::Driven;

/// An answer longer than this is cut off: it is none of the application's.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// A connection idle for longer is replaced: servers end idle ones, and a request that meets that end is lost.
const IDLE_MAX: Duration = Duration::from_secs(2);

/// Makes connections to a `firedrill app`, or to whatever speaks like it.
#[derive(Clone, Debug)]
pub struct HttpClient {
    address: SocketAddr,
    host: HeaderValue,
}

impl HttpClient {
    /// For the application (or the link in front of it) at an address.
    #[must_use]
    pub fn new(address: SocketAddr) -> HttpClient {
        HttpClient {
            address,
            host: HeaderValue::from_str(&address.to_string()).expect("an address is a header value"),
        }
    }
}

impl Client for HttpClient {
    fn session(&self) -> Box<dyn Session> {
        Box::new(HttpSession {
            client: self.clone(),
            open: None,
            incarnation: None,
        })
    }
}

struct HttpSession {
    client: HttpClient,
    open: Option<Open>,
    /// The incarnation of the last answer: nearly always that of the next.
    incarnation: Option<Arc<str>>,
}

struct Open {
    driven: Driven,
    sender: SendRequest<Full<Bytes>>,
    used: Instant,
}

/// How far a request came.
enum Exchange {
    /// No byte of it left.
    Unsent,
    /// It left, in part or whole, and no whole answer came back.
    Lost,
    /// The whole answer.
    Answered(StatusCode, Bytes),
}

impl HttpSession {
    /// Sends a request and takes its answer; says also whether the deadline ended it.
    async fn exchange(&mut self, request: Request<Full<Bytes>>, deadline: Duration) -> (Exchange, u8) {
        let until = Instant::now() + deadline;
        let mut request = Some(request);
        if let Some(open) = self.reusable().await {
            let (exchange, flags) = self.attempt(open, &mut request, until).await;
            // A kept connection that had ended took nothing: the request still has to be made, on a new one.
            if !(matches!(exchange, Exchange::Unsent) && flags == 0 && request.is_some()) {
                return (exchange, flags);
            }
        }
        match timeout_at(until, self.client.connect()).await {
            Ok(Ok(open)) => self.attempt(open, &mut request, until).await,
            Ok(Err(_)) => (Exchange::Unsent, 0),
            Err(_) => (Exchange::Unsent, flag::GAVE_UP),
        }
    }

    /// The kept connection, unless it has ended or stood idle so long that the server may be about to end it.
    async fn reusable(&mut self) -> Option<Open> {
        let mut open = self.open.take()?;
        let usable = open.used.elapsed() < IDLE_MAX && open.driven.is_open().await;
        usable.then_some(open)
    }

    async fn attempt(
        &mut self,
        mut open: Open,
        request: &mut Option<Request<Full<Bytes>>>,
        until: Instant,
    ) -> (Exchange, u8) {
        let Open { driven, sender, .. } = &mut open;
        let mut handed_over = false;
        let work = async {
            if sender.ready().await.is_err() {
                return Exchange::Unsent;
            }
            let Some(taken) = request.take() else {
                return Exchange::Unsent;
            };
            handed_over = true;
            match sender.try_send_request(taken).await {
                Ok(response) => whole(response).await,
                // The library gives the request back only when it never began to write it.
                Err(mut error) => match error.take_message() {
                    Some(back) => {
                        *request = Some(back);
                        Exchange::Unsent
                    }
                    None => Exchange::Lost,
                },
            }
        };
        match timeout_at(until, driven.run(work)).await {
            Ok(Exchange::Answered(status, body)) => {
                open.used = Instant::now();
                self.open = Some(open);
                (Exchange::Answered(status, body), 0)
            }
            // The connection is dropped: an answer that comes later belongs to nobody.
            Ok(other) => (other, 0),
            Err(_) if handed_over => (Exchange::Lost, flag::GAVE_UP),
            Err(_) => (Exchange::Unsent, flag::GAVE_UP),
        }
    }

    fn request(&self, method: Method, path: String, body: Bytes) -> Option<Request<Full<Bytes>>> {
        let uri = Uri::try_from(path).ok()?;
        Request::builder()
            .method(method)
            .uri(uri)
            .header(HOST, &self.client.host)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(Full::new(body))
            .ok()
    }

    fn named(&mut self, name: &str) -> Arc<str> {
        match &self.incarnation {
            Some(known) if **known == *name => known.clone(),
            _ => self.incarnation.insert(Arc::from(name)).clone(),
        }
    }
}

impl HttpClient {
    async fn connect(&self) -> Result<Open, std::io::Error> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
        let driven = Driven::new(async move {
            // How it ended is seen by the request that it fails.
            let _ = connection.await;
        });
        Ok(Open {
            driven,
            sender,
            used: Instant::now(),
        })
    }
}

async fn whole(response: Response<hyper::body::Incoming>) -> Exchange {
    let status = response.status();
    let mut body = response.into_body();
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Exchange::Lost };
        if let Some(data) = frame.data_ref() {
            if bytes.len() + data.len() > ANSWER_BYTES_MAX {
                return Exchange::Lost;
            }
            bytes.extend_from_slice(data);
        }
    }
    Exchange::Answered(status, bytes.freeze())
}

#[derive(Serialize)]
struct Put<'a> {
    version: u32,
    body: &'a str,
}

/// Fields of any answer; which are there depends on its kind.
#[derive(Debug, Deserialize)]
struct Wire<'a> {
    key: Option<u64>,
    version: Option<u32>,
    #[serde(default, deserialize_with = "stated")]
    replaced: Option<Option<u32>>,
    body: Option<String>,
    #[serde(borrow)]
    incarnation: Option<Cow<'a, str>>,
    #[serde(borrow)]
    mode: Option<Cow<'a, str>>,
    #[serde(borrow)]
    via: Option<Cow<'a, str>>,
    #[serde(borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    applied: Option<Cow<'a, str>>,
}

/// A field that is null says something else than a field that is not there.
fn stated<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u32>>, D::Error> {
    Option::<u32>::deserialize(deserializer).map(Some)
}

impl Wire<'_> {
    fn flags(&self) -> u8 {
        let mut flags = 0;
        if self.mode.as_deref().is_some_and(|mode| mode != "normal") {
            flags |= flag::DEGRADED;
        }
        if self.via.as_deref() == Some("queue") {
            flags |= flag::QUEUED;
        }
        flags
    }

    fn replaced(&self) -> u32 {
        match self.replaced {
            Some(Some(version)) => version,
            // A queue does not know what the database holds.
            Some(None) if self.via.as_deref() != Some("queue") => 0,
            _ => UNSTATED,
        }
    }
}

/// Reads an answer; `written` is the version that a write makes.
fn judge(session: &mut HttpSession, exchange: Exchange, flags: u8, key: u64, written: Option<u32>) -> Answer {
    let (status, bytes) = match exchange {
        Exchange::Unsent if flags & flag::GAVE_UP == 0 => {
            return Answer::bare(OperationOutcome::Refused, flags).because("no connection");
        }
        Exchange::Unsent => return Answer::bare(OperationOutcome::Refused, flags).because("no connection in time"),
        Exchange::Lost if flags & flag::GAVE_UP == 0 => {
            return Answer::bare(OperationOutcome::Indeterminate, flags)
                .because("the connection ended without an answer");
        }
        Exchange::Lost => return Answer::bare(OperationOutcome::Indeterminate, flags).because("no answer in time"),
        Exchange::Answered(status, bytes) => (status, bytes),
    };
    let Ok(wire) = serde_json::from_slice::<Wire<'_>>(&bytes) else {
        let said = format!("{status} {}", String::from_utf8_lossy(&bytes));
        return Answer::bare(OperationOutcome::Indeterminate, flags).because(&said);
    };
    let mut answer = Answer::bare(OperationOutcome::Indeterminate, flags | wire.flags());
    answer.incarnation = wire.incarnation.as_deref().map(|name| session.named(name));
    let named = answer.incarnation.is_some();
    match (status, written) {
        (StatusCode::OK, Some(version)) if named && wire.key == Some(key) && wire.version == Some(version) => {
            answer.outcome = OperationOutcome::Acked;
            answer.replaced = wire.replaced();
        }
        (StatusCode::OK, None) if named && wire.key == Some(key) && wire.body.is_some() => {
            answer.outcome = OperationOutcome::Acked;
            answer.version = wire.version.unwrap_or(0);
            answer.body = wire.body;
        }
        (StatusCode::NOT_FOUND, None) if wire.kind.as_deref() == Some("absent") && named => {
            answer.outcome = OperationOutcome::Acked;
        }
        // Only an error can say that nothing was applied.
        (status, _) if !status.is_success() && wire.applied.as_deref() == Some("no") => {
            answer.outcome = OperationOutcome::Refused;
        }
        _ => {}
    }
    if answer.outcome == OperationOutcome::Acked {
        return answer;
    }
    answer.because(&format!("{status} {}", String::from_utf8_lossy(&bytes)))
}

#[async_trait]
impl Session for HttpSession {
    async fn open(&mut self, deadline: Duration) {
        if self.open.is_none()
            && let Ok(Ok(open)) = timeout_at(Instant::now() + deadline, self.client.connect()).await
        {
            self.open = Some(open);
        }
    }

    async fn write(&mut self, write: &Write<'_>, deadline: Duration) -> Answer {
        let Write {
            service,
            key,
            version,
            kind,
            body,
        } = *write;
        let request = match kind {
            OperationKind::Delete => self.request(
                Method::DELETE,
                format!("/v1/{service}/{key}?version={version}"),
                Bytes::new(),
            ),
            _ => {
                let json: Result<Vec<u8>, _> = serde_json::to_vec(&Put { version, body });
                json.ok()
                    .and_then(|json| self.request(Method::PUT, format!("/v1/{service}/{key}"), Bytes::from(json)))
            }
        };
        let Some(request) = request else {
            return Answer::bare(OperationOutcome::Refused, 0);
        };
        let (exchange, flags) = self.exchange(request, deadline).await;
        judge(self, exchange, flags, key, Some(version))
    }

    async fn read(&mut self, service: &str, key: u64, deadline: Duration) -> Answer {
        let Some(request) = self.request(Method::GET, format!("/v1/{service}/{key}"), Bytes::new()) else {
            return Answer::bare(OperationOutcome::Refused, 0);
        };
        let (exchange, flags) = self.exchange(request, deadline).await;
        judge(self, exchange, flags, key, None)
    }
}
