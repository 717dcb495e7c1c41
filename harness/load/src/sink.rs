//! Where operations and found rows go: the recorder.

use firedrill_core::{FoundRow, Operation};

/// What takes operations and found rows. Called from threads that must not wait: an implementation is cheap and does
/// no I/O in the caller.
pub trait Sink: Send + Sync {
    /// Operations that ended, in no particular order; handed over at most 100 ms after they did.
    fn operations(&self, batch: &[Operation]);
    /// Rows that a final read found.
    fn found(&self, rows: &[FoundRow]);
    /// The index of an incarnation by its name, given on first sight (see `Event::Incarnation`).
    fn incarnation(&self, component: &str, name: &str) -> u16;
}
