//! Bringing a server up: on a port of its own, until it answers; and waiting until it has left recovery.

use super::Postgres;
use crate::capability::State;
use crate::error::{EnvironmentError, Result};
use crate::postgres::connection::Session;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often another port is tried when someone was faster.
const PORT_TRIES: u32 = 5;
/// Where the server of a container listens.
pub(super) const PORT: u16 = 5432;

impl Postgres {
    /// Waits until the server has left recovery, then issues the CHECKPOINT without which `archive_timeout` is not
    /// honoured. For a start that replays and promotes.
    ///
    /// # Errors
    /// It dies, or is still in recovery at the deadline.
    pub async fn promoted(&self, deadline: Duration) -> Result<()> {
        let until = Instant::now() + deadline;
        let what = || EnvironmentError::Deadline {
            what: format!("promotion of {}", self.service.name),
            deadline,
        };
        loop {
            if self.service.state().await? == State::Down {
                return Err(self.service.failed("it ended during recovery"));
            }
            let connection = self.connection().ok_or_else(what)?;
            let look = async {
                let session = Session::open(&connection).await?;
                if session.in_recovery().await? {
                    Ok(false)
                } else {
                    session.checkpoint_if_archiving().await.map(|()| true)
                }
            };
            if let Ok(Ok(true)) = tokio::time::timeout_at(until, look).await {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(what());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub(super) async fn start_locked(&self) -> Result<()> {
        let data = self.service.data();
        if !data.join("PG_VERSION").is_file() {
            return Err(self.service.failed(format!(
                "there is no cluster in {}; initdb or restore first",
                data.display()
            )));
        }
        let owner = std::os::unix::fs::MetadataExt::uid(
            &data
                .join("PG_VERSION")
                .metadata()
                .map_err(EnvironmentError::path("look at", &data))?,
        );
        if self
            .service
            .site
            .account
            .as_ref()
            .is_some_and(|account| account.uid != owner)
        {
            self.own_data()?;
        }
        let mut tried = self.port();
        for _ in 0..PORT_TRIES {
            let port = match tried.take() {
                Some(port) => port,
                // A container has all ports to itself.
                None if self.service.is_contained() => PORT,
                None => free_port()?,
            };
            let log_start = self.service.log().metadata().map_or(0, |metadata| metadata.len());
            match self.start_at(port).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    self.service.kill_all().await?;
                    let log = fs::read(self.service.log()).unwrap_or_default();
                    let said = String::from_utf8_lossy(log.get(log_start as usize..).unwrap_or_default()).into_owned();
                    if !said.contains("could not bind") && !said.contains("could not create any TCP/IP sockets") {
                        return Err(error);
                    }
                }
            }
        }
        Err(self.service.failed(format!(
            "{PORT_TRIES} ports in a row were taken by others before it could listen"
        )))
    }

    async fn start_at(&self, port: u16) -> Result<()> {
        let place = |name: &str, value: String| ["-c".to_owned(), format!("{name}={value}")];
        let directory = &self.service.directory;
        // On the command line stands only where it lives: this beats what a restored cluster brings with it.
        let mut args = vec!["-D".to_owned(), self.service.data().display().to_string()];
        args.extend(place("config_file", directory.join("host.conf").display().to_string()));
        args.extend(place("hba_file", directory.join("pg_hba.conf").display().to_string()));
        args.extend(place("listen_addresses", self.service.address().to_string()));
        args.extend(place("port", port.to_string()));
        args.extend(place("unix_socket_directories", listed(directory)));
        args.extend(place("logging_collector", "off".into()));
        let address = SocketAddr::from((self.service.address(), port));
        let running = self
            .service
            .spawn(self.service.site.build.directory.join("postgres"), args)
            .await?;
        *self.port.lock().unwrap_or_else(PoisonError::into_inner) = Some(port);
        let upstream = self.upstream.clone();
        let watched = running.clone();
        tokio::spawn(async move {
            // The port of a dead server may be given to a stranger: lead nowhere from then on.
            watched.wait().await;
            upstream.clear_if(address);
        });
        let connection = self.connection_at(port);
        let until = Instant::now() + self.options.start_deadline;
        let mut last = String::from("nothing yet");
        loop {
            if let Some(exit) = running.exited() {
                return Err(self.service.failed(exit.to_string()));
            }
            // The server has the port for itself once its lock file says "ready"; before, a stranger may answer there.
            let ready = async {
                let session = Session::open(&connection).await?;
                if !session.in_recovery().await? {
                    session.checkpoint_if_archiving().await?;
                }
                Ok::<(), EnvironmentError>(())
            };
            match tokio::time::timeout_at(until, ready).await {
                Ok(Ok(())) => break,
                Ok(Err(error)) => last = error.to_string(),
                Err(_) => {}
            }
            if Instant::now() >= until {
                let deadline = self.options.start_deadline;
                return Err(self.service.failed(format!(
                    "it did not answer within {deadline:?}; the last answer: {last}"
                )));
            }
            sleep(Duration::from_millis(10)).await;
        }
        self.upstream.set(Some(address));
        if running.exited().is_some() {
            self.upstream.clear_if(address);
        }
        self.service.site.supervisor.observe().await
    }
}

/// A directory as the one entry of a setting that is a list.
fn listed(directory: &Path) -> String {
    format!("\"{}\"", directory.display().to_string().replace('"', "\"\""))
}

fn free_port() -> Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(EnvironmentError::io("cannot find a free port on 127.0.0.1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_a_comma_is_one_directory() {
        assert_eq!(listed(Path::new("/tmp/a, b/fd")), "\"/tmp/a, b/fd\"");
        assert_eq!(listed(Path::new("/tmp/\"c\"")), "\"/tmp/\"\"c\"\"\"");
    }
}
