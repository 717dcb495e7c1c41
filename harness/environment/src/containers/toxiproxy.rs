//! Links through a real Toxiproxy: one container a run, one proxy a link, told over its HTTP interface what to do.
//!
//! A proxy leads to an address that stays: a service's container keeps its own from life to life. What is nobody's at the
//! moment is out of reach then, as a machine that is gone.

use super::container::{Container, Sink};
use super::quarters::Shared;
use crate::capability::{Shape, Wire};
use crate::error::{EnvironmentError, Result};
use async_trait::async_trait;
use bollard::models::{ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, NetworkingConfig};
use firedrill_proxy::Cut;
use http_body_util::BodyExt;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

const SERVICE: &str = "toxiproxy";
const CONTROL_PORT: u16 = 8474;
/// Where the ports of links begin.
const PORT_FIRST: u16 = 20_000;
/// How long it may take to answer for the first time.
const READY_MAX: Duration = Duration::from_secs(30);
/// How long one order may take.
const ORDER_MAX: Duration = Duration::from_secs(10);
/// An answer longer than this is none of Toxiproxy's.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// The streams of a connection, as Toxiproxy names them.
const STREAMS: [&str; 2] = ["upstream", "downstream"];

/// The Toxiproxy of a run.
pub(super) struct Toxiproxy {
    address: Ipv4Addr,
    next: AtomicU16,
}

impl Toxiproxy {
    /// Starts it in the run's network, and waits until it answers.
    pub(super) async fn start(shared: &Arc<Shared>, image: &str, address: Ipv4Addr) -> Result<Arc<Self>> {
        let network = shared.network.name.clone();
        let endpoint = EndpointSettings {
            ipam_config: Some(EndpointIpamConfig {
                ipv4_address: Some(address.to_string()),
                ..EndpointIpamConfig::default()
            }),
            ..EndpointSettings::default()
        };
        let body = ContainerCreateBody {
            image: Some(image.into()),
            hostname: Some(SERVICE.into()),
            cmd: Some(vec!["-host=0.0.0.0".into()]),
            labels: Some(shared.labels(SERVICE)),
            host_config: Some(HostConfig {
                network_mode: Some(network.clone()),
                cap_drop: Some(vec!["ALL".into()]),
                security_opt: Some(vec!["no-new-privileges".into()]),
                ..HostConfig::default()
            }),
            networking_config: Some(NetworkingConfig {
                endpoints_config: Some(HashMap::from([(network, endpoint)])),
            }),
            ..ContainerCreateBody::default()
        };
        let container = Container::make(&shared.docker, &shared.name_of(SERVICE), body).await?;
        let listener = container.start(Sink::Memory).await?;
        let toxiproxy = Arc::new(Self {
            address,
            next: AtomicU16::new(PORT_FIRST),
        });
        let deadline = Instant::now() + READY_MAX;
        loop {
            let asked = toxiproxy.order(Method::GET, "/version", None).await;
            let Err(error) = asked else { return Ok(toxiproxy) };
            if listener.is_finished() || Instant::now() >= deadline {
                let said = listener.is_finished().then_some(listener);
                let said = match said {
                    Some(listener) => listener.await.unwrap_or_default(),
                    None => super::container::Said::default(),
                };
                return Err(EnvironmentError::Start {
                    service: SERVICE.into(),
                    reason: error.to_string(),
                    log: String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned(),
                });
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Opens a link that leads to `to`.
    pub(super) async fn open(self: &Arc<Self>, name: &str, to: SocketAddr) -> Result<ToxicLink> {
        let port = self.next.fetch_add(1, Ordering::Relaxed);
        let proxy =
            json!({"name": name, "listen": format!("0.0.0.0:{port}"), "upstream": to.to_string(), "enabled": true});
        self.order(Method::POST, "/proxies", Some(proxy)).await?;
        Ok(ToxicLink {
            toxiproxy: Arc::clone(self),
            name: name.into(),
            address: SocketAddr::from((self.address, port)),
            cut: tokio::sync::Mutex::new(false),
        })
    }

    async fn order(&self, method: Method, path: &str, body: Option<Value>) -> Result<StatusCode> {
        let what = format!("{method} {path}");
        let failed = |detail: String| EnvironmentError::Command {
            what: format!("telling Toxiproxy {what}"),
            detail,
        };
        let exchange = async {
            let stream = TcpStream::connect((self.address, CONTROL_PORT))
                .await
                .map_err(|error| error.to_string())?;
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
                .await
                .map_err(|error| error.to_string())?;
            let driver = tokio::spawn(connection);
            let request = Request::builder()
                .method(method.clone())
                .uri(path)
                .header("host", format!("{}:{CONTROL_PORT}", self.address))
                .header("content-type", "application/json")
                .body(body.map(|body| body.to_string()).unwrap_or_default())
                .map_err(|error| error.to_string())?;
            let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
            let status = answer.status();
            let told = http_body_util::Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
                .collect()
                .await;
            driver.abort();
            let told = told.map_err(|error| error.to_string())?.to_bytes();
            if status.is_success() || (method == Method::DELETE && status == StatusCode::NOT_FOUND) {
                return Ok(status);
            }
            Err(format!("{status}: {}", String::from_utf8_lossy(&told).trim()))
        };
        match tokio::time::timeout(ORDER_MAX, exchange).await {
            Ok(outcome) => outcome.map_err(failed),
            Err(_) => Err(failed(format!("no answer within {ORDER_MAX:?}"))),
        }
    }
}

/// One link: a proxy of Toxiproxy's.
pub(super) struct ToxicLink {
    toxiproxy: Arc<Toxiproxy>,
    name: String,
    address: SocketAddr,
    /// Whether it is cut. One change at a time.
    cut: tokio::sync::Mutex<bool>,
}

impl ToxicLink {
    async fn enable(&self, enabled: bool) -> Result<()> {
        let path = format!("/proxies/{}", self.name);
        let change = Some(json!({ "enabled": enabled }));
        self.toxiproxy.order(Method::POST, &path, change).await.map(drop)
    }

    /// Puts a toxic on both streams, in place of one of that name.
    async fn poison(&self, kind: &str, attributes: &Value) -> Result<()> {
        for stream in STREAMS {
            let name = format!("{kind}-{stream}");
            self.cure(&name).await?;
            let toxic =
                json!({"name": name, "type": kind, "stream": stream, "toxicity": 1.0, "attributes": attributes});
            let path = format!("/proxies/{}/toxics", self.name);
            self.toxiproxy.order(Method::POST, &path, Some(toxic)).await?;
        }
        Ok(())
    }

    async fn cure(&self, toxic: &str) -> Result<()> {
        let path = format!("/proxies/{}/toxics/{toxic}", self.name);
        self.toxiproxy.order(Method::DELETE, &path, None).await.map(drop)
    }

    async fn cure_all(&self, kind: &str) -> Result<()> {
        for stream in STREAMS {
            self.cure(&format!("{kind}-{stream}")).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Shape for ToxicLink {
    async fn cut(&self, cut: Cut) -> Result<()> {
        let mut is_cut = self.cut.lock().await;
        *is_cut = true;
        match cut {
            // Without its listener the port refuses; open connections end.
            Cut::Refused => {
                self.enable(false).await?;
                self.cure_all("timeout").await
            }
            // A timeout of 0 swallows all and never ends a connection.
            Cut::Dropped => {
                self.poison("timeout", &json!({ "timeout": 0 })).await?;
                self.enable(true).await
            }
        }
    }

    async fn delay(&self, one_way: Duration) -> Result<()> {
        let _turn = self.cut.lock().await;
        let millis = u64::try_from(one_way.as_millis()).unwrap_or(u64::MAX);
        self.poison("latency", &json!({ "latency": millis, "jitter": 0 })).await
    }

    async fn heal(&self) -> Result<()> {
        let mut is_cut = self.cut.lock().await;
        if *is_cut {
            // Connections that lived through the cut end here, so that nothing is delivered late.
            self.enable(false).await?;
            self.cure_all("timeout").await?;
        }
        self.cure_all("latency").await?;
        if *is_cut {
            self.enable(true).await?;
            *is_cut = false;
        }
        Ok(())
    }
}

#[async_trait]
impl Wire for ToxicLink {
    fn address(&self) -> SocketAddr {
        self.address
    }

    async fn close(&self) {
        let path = format!("/proxies/{}", self.name);
        let _ = self.toxiproxy.order(Method::DELETE, &path, None).await;
    }
}
