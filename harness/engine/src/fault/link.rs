//! Faults of a link: cut (refused, or silently dropped) and delayed. The probe is a client of its own that greets
//! the far side through the link and waits for the first byte of an answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use firedrill_environment::{Capability, Shape};
use firedrill_proxy::Cut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Fault, FaultError, Proof};

/// How long the probe waits for the first byte over a link that may be cut.
const PATIENCE: Duration = Duration::from_millis(500);

/// What is spoken over the link, so that the probe knows how to greet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Greeted with SSLRequest, answered by one byte.
    Postgres,
    /// Greeted with a HEAD request.
    Http,
}

/// What is done to the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// Nothing passes.
    Cut(Cut),
    /// Each direction is this much slower.
    Delay(Duration),
}

/// A fault of one link, or of all links that together are the way between two services.
pub struct LinkFault {
    name: String,
    between: [String; 2],
    harm: Harm,
    protocol: Protocol,
    link: Arc<dyn Shape>,
    address: SocketAddr,
}

impl LinkFault {
    /// A fault of the link that listens at `address`.
    #[must_use]
    pub fn new(
        name: &str,
        between: &[String; 2],
        harm: Harm,
        protocol: Protocol,
        link: Arc<dyn Shape>,
        address: SocketAddr,
    ) -> LinkFault {
        LinkFault {
            name: name.to_owned(),
            between: between.clone(),
            harm,
            protocol,
            link,
            address,
        }
    }

    /// The time from connecting to the first byte of an answer, or why none came.
    async fn greet(&self, patience: Duration) -> Result<Duration, String> {
        let begun = Instant::now();
        let greeting: &[u8] = match self.protocol {
            Protocol::Postgres => &[0, 0, 0, 8, 4, 210, 22, 47],
            Protocol::Http => b"HEAD / HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n",
        };
        let exchange = async {
            let mut stream = TcpStream::connect(self.address)
                .await
                .map_err(|error| error.to_string())?;
            stream.write_all(greeting).await.map_err(|error| error.to_string())?;
            let mut first = [0];
            match stream.read(&mut first).await {
                Ok(0) => Err("closed without an answer".to_owned()),
                Ok(_) => Ok(begun.elapsed()),
                Err(error) => Err(error.to_string()),
            }
        };
        match tokio::time::timeout(patience, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!("no answer within {} ms", patience.as_millis())),
        }
    }
}

#[async_trait]
impl Fault for LinkFault {
    fn name(&self) -> &str {
        &self.name
    }

    fn needs(&self) -> Vec<Capability> {
        vec![Capability::Shape]
    }

    fn detail(&self) -> BTreeMap<String, String> {
        let harm = match self.harm {
            Harm::Cut(Cut::Refused) => "cut: connections are refused and reset".to_owned(),
            Harm::Cut(Cut::Dropped) => "cut: bytes vanish".to_owned(),
            Harm::Delay(by) => format!("each direction delayed by {} ms", by.as_millis()),
        };
        BTreeMap::from([("link".into(), self.between.join(" - ")), ("harm".into(), harm)])
    }

    async fn inject(&self) -> Result<(), FaultError> {
        let done = match self.harm {
            Harm::Cut(cut) => self.link.cut(cut).await,
            Harm::Delay(by) => self.link.delay(by).await,
        };
        done.map_err(|error| self.failed(&error))
    }

    async fn prove(&self) -> Proof {
        match self.harm {
            Harm::Cut(_) => match self.greet(PATIENCE).await {
                Ok(_) => Proof {
                    broken: false,
                    seen: "an answer came through the link".into(),
                },
                Err(why) => Proof {
                    broken: true,
                    seen: why,
                },
            },
            Harm::Delay(by) => match self.greet(by * 4 + PATIENCE).await {
                Ok(took) => Proof {
                    broken: took >= by * 2,
                    seen: format!("answered after {} ms", took.as_millis()),
                },
                Err(why) => Proof {
                    broken: false,
                    seen: why,
                },
            },
        }
    }

    async fn heal(&self) -> Result<(), FaultError> {
        self.link.heal().await.map_err(|error| self.failed(&error))
    }
}
