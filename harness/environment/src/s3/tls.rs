//! TLS of the store, for clients that speak nothing else: a certificate made for the run, on the port that also takes
//! plain HTTP. The first byte of a connection tells which of the two it is.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// First byte of a TLS handshake record; no HTTP method begins with it.
const HANDSHAKE: u8 = 22;
/// How long a client may take to say its first byte, and to shake hands.
const PATIENCE: Duration = Duration::from_secs(30);
/// What the certificate is made out to.
const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// Where certificate and key lie, in PEM.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate, self-signed: clients trust it itself.
    pub certificate: PathBuf,
    /// Its key: mode 0600.
    pub key: PathBuf,
}

/// A certificate for loopback and these addresses, and its key, in PEM.
pub(crate) fn make(more: &[IpAddr]) -> Result<(String, String), String> {
    let more = more.iter().map(ToString::to_string);
    let names: BTreeSet<String> = NAMES.map(str::to_owned).into_iter().chain(more).collect();
    let made =
        rcgen::generate_simple_self_signed(names.into_iter().collect::<Vec<_>>()).map_err(|error| error.to_string())?;
    Ok((made.cert.pem(), made.signing_key.serialize_pem()))
}

/// What accepts connections by the certificate of these files.
pub(super) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, String> {
    let unreadable = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let certificate =
        CertificateDer::from_pem_file(&files.certificate).map_err(|error| unreadable(&files.certificate, &error))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unreadable(&files.key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .map_err(|error| error.to_string())?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A connection of either kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Shakes hands where the client begins to; a client that says nothing in time is let go.
pub(super) async fn greeted(stream: TcpStream, acceptor: Option<TlsAcceptor>) -> io::Result<Box<dyn Stream>> {
    let Some(acceptor) = acceptor else {
        return Ok(Box::new(stream));
    };
    let mut first = [0];
    let seen = tokio::time::timeout(PATIENCE, stream.peek(&mut first)).await??;
    if seen == 1 && first[0] == HANDSHAKE {
        return Ok(Box::new(
            tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await??,
        ));
    }
    Ok(Box::new(stream))
}
