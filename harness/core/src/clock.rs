//! The plan clock: drill time read in the plan's own hours.
//!
//! A drill has little time and plans have calendars. The clock is a piecewise-linear map: while the calendar sets
//! the pace a second of drill counts for `rate` seconds of plan, while work is done for exactly one, and time that
//! people would have taken is credited at an instant instead of being slept.

use crate::stamp::{Nanos, Stamp};

/// From `from` on, one nanosecond of drill time is `rate` nanoseconds of plan time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Drill time, nanoseconds.
    pub from: Nanos,
    /// Plan nanoseconds per drill nanosecond, at least 1.
    pub rate: u32,
}

/// Plan time granted at an instant for what people would have done; it counts from that instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    /// Drill time, nanoseconds.
    pub at: Nanos,
    /// Plan time granted, nanoseconds.
    pub plan: Nanos,
}

/// The map from drill time to plan time. Plan time is counted in nanoseconds from the first rate's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanClock {
    rates: Vec<Rate>,
    credits: Vec<Credit>,
}

impl PlanClock {
    /// A clock from its changes of rate and its credits, in any order; rate 1 before the first change.
    #[must_use]
    pub fn new(mut rates: Vec<Rate>, mut credits: Vec<Credit>) -> PlanClock {
        rates.sort_by_key(|rate| rate.from);
        credits.sort_by_key(|credit| credit.at);
        PlanClock { rates, credits }
    }

    /// The rate in force at an instant of drill time.
    #[must_use]
    pub fn rate_at(&self, at: Nanos) -> u32 {
        self.rates
            .iter()
            .rev()
            .find(|rate| rate.from <= at)
            .map_or(1, |rate| rate.rate)
    }

    /// Plan time at an instant of drill time, credits up to and including it counted. In 128 bits, since a rate
    /// of a few thousand over hours of drill leaves 64.
    #[must_use]
    pub fn plan_at(&self, at: Nanos) -> i128 {
        self.scaled_at(at)
            + self
                .credits
                .iter()
                .take_while(|credit| credit.at <= at)
                .map(|credit| i128::from(credit.plan))
                .sum::<i128>()
    }

    /// Plan time at an instant, credits left out.
    #[must_use]
    pub fn scaled_at(&self, at: Nanos) -> i128 {
        let Some(first) = self.rates.first() else {
            return i128::from(at);
        };
        if at <= first.from {
            return i128::from(at) - i128::from(first.from);
        }
        let mut plan = 0;
        for (index, rate) in self.rates.iter().enumerate() {
            if rate.from >= at {
                break;
            }
            let until = self.rates.get(index + 1).map_or(at, |next| next.from.min(at));
            plan += (i128::from(until) - i128::from(rate.from)) * i128::from(rate.rate);
        }
        plan
    }

    /// The plan time of both edges of a stamp.
    #[must_use]
    pub fn plan_of(&self, stamp: Stamp) -> (i128, i128) {
        (self.plan_at(stamp.early), self.plan_at(stamp.late))
    }
}
