//! When the operations of one tier are due: fixed by the seed before the first is sent, whatever the service does.

use firedrill_core::stamp::{Nanos, SECOND};

use crate::random::Random;
use crate::spec::Arrivals;

/// The schedule of a stream of classes that share connections.
#[derive(Debug)]
pub(crate) struct Schedule {
    start: Nanos,
    per_second: u64,
    arrivals: Arrivals,
    count: u64,
    next: Nanos,
    turns: Turns,
    random: Random,
}

impl Schedule {
    /// As [`Schedule::new`] and [`Schedule::begin`].
    #[cfg(test)]
    pub(crate) fn starting(start: Nanos, rates: &[u32], arrivals: Arrivals, random: Random) -> Schedule {
        let mut schedule = Schedule::new(rates, arrivals, random);
        schedule.begin(start);
        schedule
    }

    /// Moves a schedule that has given out nothing yet to its beginning: the first operation is due within one interval
    /// after `start`, at a phase that the seed chooses.
    pub(crate) fn begin(&mut self, start: Nanos) {
        self.start += start;
        self.next += start;
    }

    /// A schedule that begins at 0.
    pub(crate) fn new(rates: &[u32], arrivals: Arrivals, mut random: Random) -> Schedule {
        let per_second: u64 = rates.iter().map(|rate| u64::from(*rate)).sum();
        let phase = random.below(SECOND as u64 / per_second) as Nanos;
        Schedule {
            start: phase,
            per_second,
            arrivals,
            count: 0,
            next: phase,
            turns: Turns::new(rates),
            random,
        }
    }

    /// When the next operation is due.
    pub(crate) fn due(&self) -> Nanos {
        self.next
    }

    /// Takes the next operation: when it was due, and the position of its class.
    pub(crate) fn take(&mut self) -> (Nanos, usize) {
        let due = self.next;
        self.count += 1;
        self.next = match self.arrivals {
            Arrivals::Poisson => {
                let gap = -self.random.unit().ln() / self.per_second as f64;
                due + (gap * SECOND as f64) as Nanos
            }
            // From the count, not from the last one: rounding must not add up.
            _ => self.start + (u128::from(self.count) * SECOND as u128 / u128::from(self.per_second)) as Nanos,
        };
        (due, self.turns.take())
    }
}

/// Gives turns in proportion to weights, as evenly as possible (smooth weighted round robin).
#[derive(Debug)]
struct Turns {
    weights: Vec<i64>,
    credit: Vec<i64>,
    total: i64,
}

impl Turns {
    fn new(rates: &[u32]) -> Turns {
        let weights: Vec<i64> = rates.iter().map(|rate| i64::from(*rate)).collect();
        Turns {
            credit: vec![0; weights.len()],
            total: weights.iter().sum(),
            weights,
        }
    }

    fn take(&mut self) -> usize {
        let mut best = 0;
        for (at, weight) in self.weights.iter().enumerate() {
            self.credit[at] += weight;
            if self.credit[at] > self.credit[best] {
                best = at;
            }
        }
        self.credit[best] -= self.total;
        best
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_half_second_of_an_even_schedule_holds_its_rate(
            rates in prop::collection::vec(1u32..200, 1..4), seed: u64, from in 0i64..2_000_000_000, start in 0i64..1_000_000_000_000,
        ) {
            let total: u32 = rates.iter().sum();
            let mut schedule = Schedule::starting(start, &rates, Arrivals::Even, Random::new(seed, 1));
            let all: Vec<(Nanos, usize)> = (0..total * 4).map(|_| schedule.take()).collect();
            prop_assert!(all[0].0 >= start);
            prop_assert!(all.windows(2).all(|pair| pair[0].0 <= pair[1].0));
            let from = start + SECOND / i64::from(total) + 1 + from % SECOND;
            let held = all.iter().filter(|(due, _)| (from..from + SECOND / 2).contains(due)).count();
            prop_assert!(held >= (total / 2) as usize && held <= (total / 2 + 1) as usize, "{held} of {total}");
            for (class, rate) in rates.iter().enumerate() {
                prop_assert_eq!(all.iter().filter(|(_, of)| *of == class).count(), *rate as usize * 4);
            }
        }

        #[test]
        fn a_seed_fixes_the_schedule(seed: u64) {
            let make = || {
                let mut schedule = Schedule::starting(5, &[40, 7], Arrivals::Poisson, Random::new(seed, 1));
                (0..100).map(|_| schedule.take()).collect::<Vec<_>>()
            };
            prop_assert_eq!(make(), make());
        }
    }

    #[test]
    fn poisson_keeps_its_rate() {
        let mut schedule = Schedule::starting(0, &[1000], Arrivals::Poisson, Random::new(7, 0));
        let last = (0..100_000).map(|_| schedule.take().0).last().unwrap();
        assert!((95 * SECOND..105 * SECOND).contains(&last), "{last}");
    }
}
