//! The machine's clock as the team reads it: `CLOCK_BOOTTIME` for stamps, wall-clock time for what catalogues say.

/// Wall-clock times, for catalogues and recovery targets, never for judging.
pub use firedrill_backup::{unix_ms, utc};
use firedrill_core::Stamp;
use firedrill_core::stamp::{Nanos, SECOND};
use rustix::time::{ClockId, clock_gettime};

/// `CLOCK_BOOTTIME` in nanoseconds: counts on while the machine sleeps, never steps.
#[must_use]
pub fn now() -> Nanos {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec * SECOND + time.tv_nsec
}

/// From a first reading of the clock on.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    /// The first reading, nanoseconds.
    pub begun: Nanos,
}

impl Stopwatch {
    /// Reads the clock.
    #[must_use]
    pub fn start() -> Stopwatch {
        Stopwatch { begun: now() }
    }

    /// Reads it again: the thing happened in between.
    #[must_use]
    pub fn stamp(self) -> Stamp {
        Stamp::new(self.begun, now())
    }

    /// Nanoseconds since the first reading.
    #[must_use]
    pub fn elapsed(self) -> Nanos {
        now() - self.begun
    }
}

/// An instant of now.
#[must_use]
pub fn instant() -> Stamp {
    Stamp::at(now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopwatch_s_edges_are_in_order() {
        let watch = Stopwatch::start();
        let stamp = watch.stamp();
        assert!(stamp.early <= stamp.late && stamp.early > 0);
    }
}
