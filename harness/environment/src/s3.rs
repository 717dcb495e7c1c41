//! `firedrill s3`: an S3 store on loopback over a directory, by s3s, s3s-fs and listings of its own. Every response tells
//! which life of the store gave it, looked up in the data itself: a store whose data is lost must not pass for the old one.

mod listing;
mod store;
mod tls;

use crate::supervise::sweep::complain;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

pub use tls::TlsFiles;
pub(crate) use tls::make as make_certificate;

/// The header that tells the incarnation, as `ID/EPOCH`; `none` while the data directory is lost.
pub const INCARNATION_HEADER: &str = "x-firedrill-incarnation";
/// The file at the root of the data directory that holds it. Buckets cannot have this name.
pub const INCARNATION_FILE: &str = ".firedrill-incarnation.json";

const CONNECTIONS_MAX: usize = 1024;
const HEADER_DEADLINE: Duration = Duration::from_secs(30);
/// How long requests under way may take after SIGTERM.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// The configuration file of `firedrill s3 --config FILE`. It holds secrets: mode 0600.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Config {
    /// Address to listen on; port 0 for a free one.
    pub listen: SocketAddr,
    /// Written once it listens: `{"address": "..."}`.
    pub ready_file: PathBuf,
    /// Data directory; its subdirectories are the buckets.
    pub root: PathBuf,
    /// The one access key.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
    /// Certificate and key, where it is to speak TLS as well.
    #[serde(default)]
    pub tls: Option<TlsFiles>,
    /// Listen beyond loopback, in a container whose network is the run's own.
    #[serde(default)]
    pub beyond_loopback: bool,
}

impl fmt::Debug for S3Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Config")
            .field("listen", &self.listen)
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

/// Why the store cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum S3Error {
    /// A file or directory.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The configuration cannot be read. Its text is not shown: it holds secrets.
    #[error("{path}, line {line}: not a configuration of `firedrill s3`; it is written by firedrill itself")]
    Config {
        /// The file.
        path: PathBuf,
        /// Where in it.
        line: usize,
    },
    /// It may only listen on loopback.
    #[error("{0} is not a loopback address; the store of a drill listens there only in a container of its own")]
    NotLoopback(SocketAddr),
    /// It cannot listen.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The directory is not usable as a store.
    #[error("cannot serve {path}: {detail}")]
    Store {
        /// The directory.
        path: PathBuf,
        /// Why.
        detail: String,
    },
}

/// One life of a store: a random id that is made with its data, and an epoch that every replacement of data raises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incarnation {
    /// Random, made with the data.
    pub id: String,
    /// From 0.
    pub epoch: u64,
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.id, self.epoch)
    }
}

impl Incarnation {
    pub(crate) fn read(root: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(root.join(INCARNATION_FILE)).ok()?).ok()
    }

    /// Writes it for `owner` (ourselves if none), who reads it at every moment: it changes hands before it takes its name.
    pub(crate) fn write(&self, root: &Path, owner: Option<(u32, u32)>) -> io::Result<()> {
        replace(&root.join(INCARNATION_FILE), &serde_json::to_vec(self)?, owner)
    }
}

/// Runs `s3 --config FILE` to its end.
///
/// # Errors
/// See [`S3Error`].
pub async fn serve_config(path: &Path) -> Result<(), S3Error> {
    let text = fs::read(path).map_err(|source| S3Error::File {
        path: path.into(),
        source,
    })?;
    let config = serde_json::from_slice(&text).map_err(|error: serde_json::Error| S3Error::Config {
        path: path.into(),
        line: error.line(),
    })?;
    serve(config).await
}

/// Runs `s3 --config FILE` as a process of its own.
#[must_use]
pub fn s3_main(args: Vec<String>) -> ExitCode {
    let path = match args.as_slice() {
        [flag, path] if flag == "--config" => PathBuf::from(path),
        _ => {
            complain(format_args!(
                "s3 is started by firedrill itself: expected --config FILE"
            ));
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let served = match runtime {
        Ok(runtime) => runtime.block_on(serve_config(&path)).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("s3: {error}"));
            ExitCode::from(4)
        }
    }
}

/// Serves until SIGTERM or SIGINT; requests under way are finished.
///
/// # Errors
/// It cannot listen, its directory cannot be used, or the ready file cannot be written.
pub async fn serve(config: S3Config) -> Result<(), S3Error> {
    if !config.beyond_loopback && !config.listen.ip().is_loopback() {
        return Err(S3Error::NotLoopback(config.listen));
    }
    let file = |path: &Path| {
        let path = path.to_path_buf();
        move |source| S3Error::File { path, source }
    };
    fs::create_dir_all(&config.root).map_err(file(&config.root))?;
    if Incarnation::read(&config.root).is_none() {
        let id = crate::secret::random_hex(8).map_err(|error| S3Error::Store {
            path: config.root.clone(),
            detail: error.to_string(),
        })?;
        Incarnation { id, epoch: 0 }
            .write(&config.root, None)
            .map_err(file(&config.root))?;
    }
    let store = store::Store::open(config.root.clone()).map_err(|detail| S3Error::Store {
        path: config.root.clone(),
        detail,
    })?;
    let acceptor = match &config.tls {
        Some(files) => Some(tls::acceptor(files).map_err(|detail| S3Error::Store {
            path: config.root.clone(),
            detail,
        })?),
        None => None,
    };
    let mut builder = S3ServiceBuilder::new(store);
    builder.set_auth(SimpleAuth::from_single(
        config.access_key.clone(),
        config.secret_key.clone(),
    ));
    let service = builder.build();
    let listening = |source| S3Error::Listen {
        address: config.listen,
        source,
    };
    let listener = TcpListener::bind(config.listen).await.map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;
    let mut ends = [SignalKind::terminate(), SignalKind::interrupt()]
        .into_iter()
        .map(signal)
        .collect::<io::Result<Vec<_>>>()
        .map_err(listening)?;
    let ready = serde_json::json!({ "address": address.to_string() });
    replace(&config.ready_file, ready.to_string().as_bytes(), None).map_err(file(&config.ready_file))?;

    let root: Arc<Path> = config.root.into();
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let ending = watch::Sender::new(false);
    let mut connections = JoinSet::new();
    let [terminate, interrupt] = ends.as_mut_slice() else {
        return Ok(());
    };
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            Some(_) = connections.join_next() => {}
            accepted = accept(&listener, &room) => match accepted {
                Ok((permit, stream)) => {
                    let _ = stream.set_nodelay(true);
                    let (service, root, ending) = (service.clone(), Arc::clone(&root), ending.subscribe());
                    let acceptor = acceptor.clone();
                    connections.spawn(async move {
                        converse(stream, acceptor, service, root, ending).await;
                        drop(permit);
                    });
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
        }
    }
    drop(listener);
    ending.send_replace(true);
    let _ = tokio::time::timeout(END_PATIENCE, async { while connections.join_next().await.is_some() {} }).await;
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(tokio::sync::OwnedSemaphorePermit, TcpStream)> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    listener.accept().await.map(|(stream, _)| (permit, stream))
}

async fn converse(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    service: S3Service,
    root: Arc<Path>,
    mut ending: watch::Receiver<bool>,
) {
    // A client that breaks off the handshake is its own affair.
    let Ok(stream) = tls::greeted(stream, acceptor).await else {
        return;
    };
    let answer = service_fn(move |request: hyper::Request<Incoming>| {
        let asked = format!("{} {}", request.method(), request.uri().path());
        let answering = Service::call(&service, request);
        let root = Arc::clone(&root);
        async move {
            let mut response = match answering.await {
                Ok(response) => response,
                Err(error) => {
                    complain(format_args!("s3: {error:?}"));
                    let mut response = hyper::Response::new(s3s::Body::empty());
                    *response.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
                    response
                }
            };
            if response.status().is_server_error() {
                complain(format_args!("s3: {asked}: {}; {}", response.status(), free_room(&root)));
            }
            // Read after the answer was made: it must not claim a life that began, or ended, meanwhile.
            let incarnation = Incarnation::read(&root).map_or_else(|| "none".to_owned(), |life| life.to_string());
            if let Ok(value) = HeaderValue::from_str(&incarnation) {
                response.headers_mut().insert(INCARNATION_HEADER, value);
            }
            Ok::<_, Infallible>(response)
        }
    });
    let mut connection = pin!(
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_DEADLINE)
            .serve_connection(TokioIo::new(stream), answer)
    );
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = ending.wait_for(|ending| *ending) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// What is free where the store lies: the answer to a client does not tell why a write failed.
fn free_room(root: &Path) -> String {
    match rustix::fs::statvfs(root) {
        Ok(system) => format!(
            "{} KiB and {} inodes are free at {}",
            system.f_bavail.saturating_mul(system.f_frsize) / 1024,
            system.f_favail,
            root.display()
        ),
        Err(error) => format!("{}: {error}", root.display()),
    }
}

/// Writes a file in one step: it is there whole or not at all.
fn replace(path: &Path, content: &[u8], owner: Option<(u32, u32)>) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(directory)?;
    file.write_all(content)?;
    if let Some((uid, gid)) = owner {
        std::os::unix::fs::fchown(file.as_file(), Some(uid), Some(gid))?;
    }
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_loopback_is_served_and_no_secret_is_shown() {
        let directory = tempfile::tempdir().unwrap();
        let config = S3Config {
            listen: "0.0.0.0:0".parse().unwrap(),
            ready_file: directory.path().join("ready"),
            root: directory.path().join("data"),
            access_key: "A".into(),
            secret_key: "hunter2".into(),
            tls: None,
            beyond_loopback: false,
        };
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(matches!(serve(config).await, Err(S3Error::NotLoopback(_))));
    }

    #[test]
    fn a_failed_request_is_logged_with_the_room_that_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let text = free_room(directory.path());
        assert!(
            text.contains("KiB and") && text.contains("inodes are free at"),
            "{text}"
        );
        assert!(free_room(&directory.path().join("gone")).contains("No such file"));
    }

    #[test]
    fn an_incarnation_is_read_back() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Incarnation::read(directory.path()), None);
        let life = Incarnation {
            id: "ab".into(),
            epoch: 3,
        };
        life.write(directory.path(), None).unwrap();
        assert_eq!(Incarnation::read(directory.path()).unwrap().to_string(), "ab/3");
    }
}
