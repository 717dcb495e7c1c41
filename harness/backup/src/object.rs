//! Sealed objects as streams: written in parts, read in ranges.
//!
//! The one idea: compressing runs on one blocking thread and encrypting on another, with short channels before, between
//! and behind them, so that the socket, the processors and the store work at once and memory holds a few parts and no more.

mod pipeline;
mod read;
mod write;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

pub(crate) use read::{Pieces, open};
pub(crate) use write::ObjectWriter;

/// What is handed on at once between threads.
const PIECE_BYTES: usize = 256 << 10;

/// One stored object of a backup, as its record tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredObject {
    /// The key, relative to the repository's prefix.
    pub key: String,
    /// Bytes before compression.
    pub plain_bytes: u64,
    /// Bytes as stored.
    pub stored_bytes: u64,
    /// SHA-256 of the stored bytes, in hex.
    pub sha256: String,
}

/// Runs blocking work and brings its error back typed.
pub(crate) async fn blocking<T: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Error::Abandoned(what.to_owned())),
    }
}
