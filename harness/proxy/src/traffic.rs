//! What went through a link: counters, and the places that connections occupy.

use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

/// What a link has carried so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes delivered from clients to the service.
    pub bytes_up: u64,
    /// Bytes delivered from the service to clients.
    pub bytes_down: u64,
    /// Connections open now, those held by a dropping cut included.
    pub connections_open: u64,
    /// Connections accepted since the link was opened.
    pub connections_total: u64,
}

/// How many connections are in which condition; watched by whoever waits for a change to have taken effect.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Places {
    pub(crate) passing: u64,
    pub(crate) held: u64,
    pub(crate) total: u64,
}

#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) up: AtomicU64,
    pub(crate) down: AtomicU64,
    pub(crate) places: watch::Sender<Places>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            places: watch::Sender::new(Places::default()),
        }
    }

    pub(crate) fn traffic(&self) -> Traffic {
        let places = *self.places.borrow();
        Traffic {
            bytes_up: self.up.load(Ordering::Relaxed),
            bytes_down: self.down.load(Ordering::Relaxed),
            connections_open: places.passing + places.held,
            connections_total: places.total,
        }
    }
}
