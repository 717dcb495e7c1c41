//! The application as its operators reach it: admin requests, health, and journeys a client would make.
//!
//! Admin requests are idempotent, so one whose answer was lost is made again; the stamp then reaches from the first
//! request to the answer, since any of them may have taken effect.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use firedrill_backup::Database;
use firedrill_core::Stamp;
use firedrill_environment::Secret;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::clock::{self, Stopwatch};
use crate::http::{Ask, NoAnswer, ask};

/// One request.
const REQUEST_MAX: Duration = Duration::from_secs(2);
/// How long an admin request that gets no answer is tried again.
const ADMIN_MAX: Duration = Duration::from_secs(10);
const RETRY_EVERY: Duration = Duration::from_millis(100);
/// Characters of an answer that go into an error.
const ANSWER_CHARS_MAX: usize = 200;
/// Rows of broken-off journeys that are remembered for removal.
const LEFTOVERS_MAX: usize = 1024;

/// Health of one tier, as the application tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierHealth {
    /// It serves.
    pub ok: bool,
    /// An operator holds it.
    pub held: bool,
    /// Why it does not serve.
    pub reason: String,
}

/// Why a request to the application did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum ApplicationError {
    /// No answer in time.
    #[error("application `{application}`: {what}: {reason}")]
    NoAnswer {
        /// Which.
        application: String,
        /// What was asked.
        what: String,
        /// What happened instead.
        reason: String,
    },
    /// Another answer than wanted.
    #[error("application `{application}`: {what}: found {status} {answer}, expected 200")]
    Refused {
        /// Which.
        application: String,
        /// What was asked.
        what: String,
        /// HTTP status.
        status: u16,
        /// The beginning of its text.
        answer: String,
    },
    /// A journey read back something else than it wrote.
    #[error("application `{application}`: {service}: {found}, expected what the journey wrote")]
    Differs {
        /// Which.
        application: String,
        /// The service.
        service: String,
        /// What was read.
        found: String,
    },
}

/// An application under the team's care.
#[derive(Debug)]
pub struct Application {
    name: String,
    address: SocketAddr,
    token: Secret,
    services: BTreeMap<u8, Vec<String>>,
    /// For each request of a journey.
    patience: Duration,
    last_key: AtomicI64,
    leftovers: Mutex<Vec<(String, i64)>>,
}

impl ApplicationError {
    /// Whether the application answered, and wrongly. One that does not answer in time, or says itself that it cannot serve
    /// now (503, 504), has said nothing about its data.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        match self {
            ApplicationError::NoAnswer { .. } => false,
            ApplicationError::Refused { status, .. } => ![503, 504].contains(status),
            ApplicationError::Differs { .. } => true,
        }
    }
}

impl Application {
    /// An application at an address, with its admin token and its services by tier.
    #[must_use]
    pub fn new(name: &str, address: SocketAddr, token: String, services: BTreeMap<u8, Vec<String>>) -> Application {
        Application {
            name: name.into(),
            address,
            token: Secret::new(token),
            services,
            patience: REQUEST_MAX,
            last_key: AtomicI64::new(0),
            leftovers: Mutex::new(Vec::new()),
        }
    }

    /// Waits for each request of a journey as long as a client may have to by the plan's thresholds; never for less than
    /// other requests are waited for.
    #[must_use]
    pub fn patient(mut self, response: Duration) -> Application {
        self.patience = response.max(REQUEST_MAX);
        self
    }

    /// Its services by tier.
    #[must_use]
    pub fn services(&self) -> &BTreeMap<u8, Vec<String>> {
        &self.services
    }

    /// Holds a tier back from traffic. The stamp: when that took effect.
    ///
    /// # Errors
    /// No answer within 10 s, or another one than 200.
    pub async fn hold(&self, tier: u8) -> Result<Stamp, ApplicationError> {
        self.admin(&format!("/admin/tiers/{tier}/hold"), None).await
    }

    /// Lets a tier to traffic. The stamp: when that took effect.
    ///
    /// # Errors
    /// No answer within 10 s, or another one than 200.
    pub async fn release(&self, tier: u8) -> Result<Stamp, ApplicationError> {
        self.admin(&format!("/admin/tiers/{tier}/release"), None).await
    }

    /// Sets the mode: normal, read_only, maintenance.
    ///
    /// # Errors
    /// No answer within 10 s, or another one than 200.
    pub async fn set_mode(&self, mode: &str) -> Result<Stamp, ApplicationError> {
        self.admin("/admin/mode", Some(json!({ "mode": mode }))).await
    }

    /// Points it at a database.
    ///
    /// # Errors
    /// No answer within 10 s, or another one than 200.
    pub async fn repoint(&self, database: &Database) -> Result<Stamp, ApplicationError> {
        let body = json!({
            "host": database.host,
            "port": database.port,
            "user": database.user,
            "password": database.password,
            "dbname": database.dbname,
        });
        self.admin("/admin/database", Some(body)).await
    }

    async fn admin(&self, path: &str, body: Option<Value>) -> Result<Stamp, ApplicationError> {
        let body = body.map(|body| body.to_string().into_bytes());
        let watch = Stopwatch::start();
        let until = Instant::now() + ADMIN_MAX;
        loop {
            let method = Method::POST;
            let request = Ask {
                address: self.address,
                method,
                path,
                token: Some(&self.token),
                body: body.clone(),
            };
            let error = match self.answer(&format!("POST {path}"), request).await {
                Ok((StatusCode::OK, _)) => return Ok(watch.stamp()),
                Ok((status, answer)) => {
                    let refused = self.refused(&format!("POST {path}"), status, &answer);
                    if status.is_client_error() {
                        return Err(refused);
                    }
                    refused
                }
                Err(error) => error,
            };
            if Instant::now() >= until {
                return Err(error);
            }
            sleep(RETRY_EVERY).await;
        }
    }

    async fn answer(&self, what: &str, request: Ask<'_>) -> Result<(StatusCode, Vec<u8>), ApplicationError> {
        self.answer_within(REQUEST_MAX, what, request).await
    }

    async fn answer_within(
        &self,
        patience: Duration,
        what: &str,
        request: Ask<'_>,
    ) -> Result<(StatusCode, Vec<u8>), ApplicationError> {
        let failed = |reason: String| ApplicationError::NoAnswer {
            application: self.name.clone(),
            what: what.into(),
            reason,
        };
        match timeout(patience, ask(request)).await {
            Ok(Ok((status, body))) => Ok((status, body.to_vec())),
            Ok(Err(error)) => Err(failed(NoAnswer::to_string(&error))),
            Err(_) => Err(failed(format!("no answer within {} ms", patience.as_millis()))),
        }
    }

    fn refused(&self, what: &str, status: StatusCode, answer: &[u8]) -> ApplicationError {
        ApplicationError::Refused {
            application: self.name.clone(),
            what: what.into(),
            status: status.as_u16(),
            answer: String::from_utf8_lossy(answer).chars().take(ANSWER_CHARS_MAX).collect(),
        }
    }

    /// Health by tier. An application that is not well answers 503 and tells all the same.
    ///
    /// # Errors
    /// No answer within 2 s, or one without tiers.
    pub async fn health(&self) -> Result<BTreeMap<u8, TierHealth>, ApplicationError> {
        let what = "GET /health";
        let (status, body) = self.answer(what, Ask::get(self.address, "/health")).await?;
        let tiers = tiers(&body);
        if tiers.is_empty() {
            return Err(self.refused(what, status, &body));
        }
        Ok(tiers)
    }

    /// Writes a row of its own through a service, reads it back, compares, and removes it. Its key is negative: keys
    /// below 0 are nobody's data. Some words on what was seen.
    ///
    /// # Errors
    /// Any of the three did not answer as it should within 2 s, or the time that [`Application::patient`] gives.
    pub async fn journey(&self, service: &str) -> Result<String, ApplicationError> {
        self.remove_leftovers().await;
        let key = self.fresh_key();
        let path = format!("/v1/{service}/{key}");
        let text = format!("a journey of the operations team, {key}");
        let took = Stopwatch::start();
        // Remembered before the write: it may take effect though no answer comes.
        self.remember(service, key);
        let body = Some(json!({ "version": 1, "body": text }).to_string().into_bytes());
        let put = Ask {
            address: self.address,
            method: Method::PUT,
            path: &path,
            token: None,
            body,
        };
        let what = format!("PUT {path}");
        let (status, answer) = self.answer_within(self.patience, &what, put).await?;
        if status != StatusCode::OK {
            return Err(self.refused(&what, status, &answer));
        }
        let (status, answer) = self
            .answer_within(self.patience, &format!("GET {path}"), Ask::get(self.address, &path))
            .await?;
        if status != StatusCode::OK {
            return Err(self.refused(&format!("GET {path}"), status, &answer));
        }
        let found: Value = serde_json::from_slice(&answer).unwrap_or(Value::Null);
        if found["version"] != json!(1) || found["body"] != json!(text) {
            return Err(ApplicationError::Differs {
                application: self.name.clone(),
                service: service.into(),
                found: format!("read back version {}, with {} body", found["version"], {
                    if found["body"] == json!(text) {
                        "the same"
                    } else {
                        "another"
                    }
                }),
            });
        }
        self.remove(service, key).await?;
        self.forget(service, key);
        let milliseconds = took.elapsed() / firedrill_core::stamp::MILLISECOND;
        Ok(format!("{service} written and read back in {milliseconds} ms"))
    }

    /// Removes a journey's row; one that is not there is removed.
    async fn remove(&self, service: &str, key: i64) -> Result<(), ApplicationError> {
        let path = format!("/v1/{service}/{key}?version=2");
        let what = format!("DELETE {path}");
        let delete = Ask {
            address: self.address,
            method: Method::DELETE,
            path: &path,
            token: None,
            body: None,
        };
        let (status, answer) = self.answer_within(self.patience, &what, delete).await?;
        match status {
            StatusCode::OK | StatusCode::NOT_FOUND => Ok(()),
            _ => Err(self.refused(&what, status, &answer)),
        }
    }

    async fn remove_leftovers(&self) {
        let leftovers = self.leftovers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (service, key) in leftovers {
            if self.remove(&service, key).await.is_err() {
                return;
            }
            self.forget(&service, key);
        }
    }

    fn remember(&self, service: &str, key: i64) {
        let mut leftovers = self.leftovers.lock().unwrap_or_else(PoisonError::into_inner);
        if leftovers.len() < LEFTOVERS_MAX {
            leftovers.push((service.into(), key));
        }
    }

    fn forget(&self, service: &str, key: i64) {
        let mut leftovers = self.leftovers.lock().unwrap_or_else(PoisonError::into_inner);
        leftovers.retain(|(other, left)| (other.as_str(), *left) != (service, key));
    }

    /// Negative, and never the same twice on this machine: the clock does not step back.
    fn fresh_key(&self) -> i64 {
        let now = clock::now().max(1);
        let step = |last: i64| Some(now.max(last.saturating_add(1)));
        let last = self
            .last_key
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, step)
            .unwrap_or(now);
        -now.max(last.saturating_add(1))
    }
}

fn tiers(body: &[u8]) -> BTreeMap<u8, TierHealth> {
    let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let Some(object) = value.as_object() else {
        return BTreeMap::new();
    };
    let tier = |(level, health): (&String, &Value)| {
        let health = TierHealth {
            ok: health.get("ok")?.as_bool()?,
            held: health.get("held")?.as_bool()?,
            reason: health.get("reason").and_then(Value::as_str).unwrap_or_default().into(),
        };
        Some((level.parse().ok()?, health))
    };
    object.iter().filter_map(tier).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_read_tier_by_tier() {
        let found = tiers(
            br#"{"0":{"ok":true,"held":false},"3":{"ok":false,"held":true,"reason":"held"},"database":{"ok":true},"mode":"normal"}"#,
        );
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), [0, 3]);
        assert!(found[&0].ok && found[&3].held);
        assert!(tiers(b"<html>").is_empty());
    }

    /// Answers one request after another: 200 to all, what was PUT to each GET, a PUT only after `slow`.
    async fn slow_service(slow: Duration) -> SocketAddr {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut stored = String::from("{}");
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut read = Vec::new();
                let request = loop {
                    let mut piece = [0; 4096];
                    let count = stream.read(&mut piece).await.unwrap_or(0);
                    read.extend_from_slice(&piece[..count]);
                    let text = String::from_utf8_lossy(&read).into_owned();
                    let length = |head: &str| {
                        let line = head
                            .lines()
                            .find_map(|line| line.to_lowercase().strip_prefix("content-length:").map(str::to_owned));
                        line.and_then(|line| line.trim().parse::<usize>().ok()).unwrap_or(0)
                    };
                    match text.split_once("\r\n\r\n") {
                        Some((head, body)) if body.len() >= length(head) => break text,
                        _ if count == 0 => break String::new(),
                        _ => {}
                    }
                };
                if request.starts_with("PUT") {
                    sleep(slow).await;
                    stored = request
                        .split_once("\r\n\r\n")
                        .map_or(String::new(), |(_, body)| body.to_owned());
                }
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{stored}",
                    stored.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        address
    }

    #[tokio::test]
    async fn a_journey_waits_as_long_as_the_plan_lets_a_client_wait() {
        let slow = REQUEST_MAX + Duration::from_millis(200);
        let application = |address| Application::new("a", address, "secret".into(), BTreeMap::new());
        let hasty = application(slow_service(slow).await).journey("bookings").await;
        let hasty = hasty.expect_err("it waits for 2 s");
        assert!(!hasty.is_wrong(), "a time is no wrong answer: {hasty}");
        let patient = application(slow_service(slow).await).patient(Duration::from_secs(30));
        patient.journey("bookings").await.expect("slow, and right");
    }

    #[test]
    fn what_cannot_serve_now_has_not_answered_wrongly() {
        let refused = |status| ApplicationError::Refused {
            application: "a".into(),
            what: "PUT".into(),
            status,
            answer: String::new(),
        };
        assert_eq!(
            [200, 404, 409, 500, 503, 504].map(|status| refused(status).is_wrong()),
            [true, true, true, true, false, false]
        );
    }

    #[test]
    fn keys_of_journeys_are_negative_and_never_repeat() {
        let application = Application::new("a", ([127, 0, 0, 1], 1).into(), "secret".into(), BTreeMap::new());
        let mut keys: Vec<i64> = (0..10_000).map(|_| application.fresh_key()).collect();
        assert!(keys.iter().all(|key| *key < 0));
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 10_000);
        assert!(!format!("{application:?}").contains("secret"));
    }
}
