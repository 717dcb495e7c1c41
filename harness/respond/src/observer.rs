//! Where all that the team sees and does is told. The team writes no history of its own.

use firedrill_core::{Event, Stamp};

/// Takes the observed facts, in the order in which they were seen. Called from many tasks; must not block for long.
pub trait Observer: Send + Sync {
    /// One fact and when it happened, by `CLOCK_BOOTTIME` read where it happened.
    fn observed(&self, stamp: Stamp, event: Event);
}

/// Gives an incarnation its index in the history; the same name gets the same index.
pub trait Incarnations: Send + Sync {
    /// `name` is `SYSTEM/TIMELINE/EPOCH`.
    fn incarnation(&self, component: &str, name: &str) -> u16;
}

impl<F: Fn(&str, &str) -> u16 + Send + Sync> Incarnations for F {
    fn incarnation(&self, component: &str, name: &str) -> u16 {
        self(component, name)
    }
}
