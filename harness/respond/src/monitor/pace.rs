//! How fast a check runs in drill time, and what the floors under it add.
//!
//! A plan's interval and timeout shrink with the calendar, but not below what a real probe needs. Whatever the floors
//! add is told in drill nanoseconds, so that the verdict can be widened by it.

use std::time::Duration;

use firedrill_core::stamp::{MILLISECOND, Nanos};

/// No probe is given less than this of drill time.
pub const TIMEOUT_FLOOR: Nanos = 250 * MILLISECOND;
/// No check runs more often than this in drill time.
pub const INTERVAL_FLOOR: Nanos = 50 * MILLISECOND;

/// A check's figures at one scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// From start to start, drill nanoseconds.
    pub(crate) interval: Nanos,
    /// How long one probe waits, drill nanoseconds.
    pub(crate) timeout: Nanos,
    /// What the floor added to each interval.
    interval_added: Nanos,
    /// What the floor added to each timeout.
    timeout_added: Nanos,
}

impl Pace {
    /// From the plan's figures (plan nanoseconds) at `scale` plan nanoseconds per drill nanosecond.
    pub(crate) fn at(scale: u32, every: Nanos, timeout: Nanos) -> Pace {
        let scale = Nanos::from(scale.max(1));
        let (exact_interval, exact_timeout) = (every / scale, timeout / scale);
        let interval = exact_interval.max(INTERVAL_FLOOR);
        let timeout = exact_timeout.max(TIMEOUT_FLOOR);
        Pace {
            interval,
            timeout,
            interval_added: interval - exact_interval,
            timeout_added: timeout - exact_timeout,
        }
    }

    /// The most that the floors can have added to the time until `failures` unhealthy checks in a row are seen, when
    /// `timed_out` of them waited their timeout out. Probes follow each other, so no more than one interval and one
    /// timeout per failure.
    pub(crate) fn added(&self, failures: u32, timed_out: u32) -> Nanos {
        self.interval_added
            .saturating_mul(Nanos::from(failures))
            .saturating_add(self.timeout_added.saturating_mul(Nanos::from(timed_out.min(failures))))
    }

    /// The part of a probe's real duration that stands for no figure of the plan: all of it, but for the timeout that
    /// the plan itself grants a probe that gets no answer.
    pub(crate) fn unplanned(&self, took: Nanos, timed_out: bool) -> Nanos {
        if timed_out { (took - self.timeout).max(0) } else { took }
    }

    pub(crate) fn interval(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.interval).unwrap_or(0))
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.timeout).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firedrill_core::stamp::SECOND;

    #[test]
    fn at_rate_one_the_plan_is_followed_to_the_letter() {
        let pace = Pace::at(1, 30 * SECOND, 5 * SECOND);
        assert_eq!((pace.interval, pace.timeout), (30 * SECOND, 5 * SECOND));
        assert_eq!(pace.added(3, 3), 0);
        assert_eq!(Pace::at(0, SECOND, SECOND).interval, SECOND, "a rate of 0 is none");
    }

    #[test]
    fn a_timeout_below_the_floor_is_counted_only_where_it_was_waited_out() {
        let pace = Pace::at(60, 30 * SECOND, 5 * SECOND);
        assert_eq!(pace.interval, 500 * MILLISECOND);
        assert_eq!(pace.timeout, 250 * MILLISECOND);
        assert_eq!(pace.added(3, 0), 0);
        assert_eq!(pace.added(3, 2), 2 * (250 * MILLISECOND - 5 * SECOND / 60));
        assert_eq!(pace.added(3, 9), pace.added(3, 3), "no more timeouts count than checks");
    }

    #[test]
    fn an_interval_below_the_floor_is_counted_for_each_check() {
        let pace = Pace::at(2160, 30 * SECOND, 1000 * SECOND);
        assert_eq!(pace.interval, INTERVAL_FLOOR);
        assert_eq!(pace.added(3, 0), 3 * (INTERVAL_FLOOR - 30 * SECOND / 2160));
    }

    #[test]
    fn a_probe_s_own_time_is_a_delay_unless_the_plan_grants_it() {
        let pace = Pace::at(60, 30 * SECOND, 60 * SECOND);
        assert_eq!(pace.unplanned(7, false), 7);
        assert_eq!(pace.unplanned(pace.timeout, true), 0);
        assert_eq!(pace.unplanned(pace.timeout + 9, true), 9);
    }
}
