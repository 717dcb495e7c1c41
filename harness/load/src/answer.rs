//! What a client asks and what it was told: the seam between the schedule and a protocol.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use firedrill_core::ledger::{OperationKind, OperationOutcome, UNSTATED};

/// A write to send.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// The service it belongs to: a path of the application, a table of the database.
    pub service: &'a str,
    /// The key, below 2^63.
    pub key: u64,
    /// The version it makes, from 1 to 2^31-1.
    pub version: u32,
    /// Insert, update or delete; a read is no write.
    pub kind: OperationKind,
    /// The content; empty for a delete.
    pub body: &'a str,
}

/// What became of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How it ended; never `NotSent`.
    pub outcome: OperationOutcome,
    /// The version that a read found, 0 for an absent key; 0 for writes.
    pub version: u32,
    /// The version that an acked write says it replaced: 0 for none, `UNSTATED` where it does not say.
    pub replaced: u32,
    /// The incarnation that answered, `SYSTEM/TIMELINE/EPOCH`.
    pub incarnation: Option<Arc<str>>,
    /// The content that a read found.
    pub body: Option<String>,
    /// Bits of [`firedrill_core::ledger::flag`].
    pub flags: u8,
    /// Why it was not acked, as far as it was told: the beginning of the answer, or that none came.
    pub why: Option<Box<str>>,
}

/// Characters of an answer that are kept as a reason.
const WHY_CHARS_MAX: usize = 200;

impl Answer {
    /// An answer that tells nothing but how it ended.
    #[must_use]
    pub fn bare(outcome: OperationOutcome, flags: u8) -> Answer {
        Answer {
            outcome,
            version: 0,
            replaced: UNSTATED,
            incarnation: None,
            body: None,
            flags,
            why: None,
        }
    }

    /// The same, with the reason.
    #[must_use]
    pub fn because(mut self, why: &str) -> Answer {
        self.why = Some(why.chars().take(WHY_CHARS_MAX).collect::<String>().into());
        self
    }
}

/// Makes connections to one service. Making one does no I/O: it connects when it is opened or with its first request,
/// and again whenever its connection has ended.
pub trait Client: Send + Sync {
    /// A connection of its own for one worker.
    fn session(&self) -> Box<dyn Session>;
}

/// One connection: one request at a time, never retried. Each call ends within `deadline` and then gives up, closing
/// the connection, so that no answer that arrives later is ever taken for the next one.
#[async_trait]
pub trait Session: Send {
    /// Connects ahead of the first request, so that the schedule does not begin with the time that logins take. A
    /// service that cannot be reached is no error here: the first request will say so.
    async fn open(&mut self, deadline: Duration);
    /// Sends a write.
    async fn write(&mut self, write: &Write<'_>, deadline: Duration) -> Answer;
    /// Reads a key.
    async fn read(&mut self, service: &str, key: u64, deadline: Duration) -> Answer;
}
