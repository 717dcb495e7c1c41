//! What load to run: classes, their rates and mixes, and where their keys begin.

use std::ops::Range;
use std::time::Duration;

use firedrill_core::event::Class;
use firedrill_core::ledger::OperationKind;

use crate::error::LoadError;
use crate::random::Random;

/// Where the keys of each role begin, so that no two classes of one space meet. Ranges hold a thousand million keys each.
pub mod first_key {
    /// Rows loaded in prepare.
    pub const PRELOAD: u64 = 1;
    /// New keys of the clients' traffic.
    pub const WORKLOAD: u64 = 1_000_000_000;
    /// New keys of canaries.
    pub const CANARY: u64 = 2_000_000_000;
    /// New keys of the first capacity ramp; a second one begins another thousand million higher.
    pub const CAPACITY: u64 = 10_000_000_000;
}

/// Shares of operations of a class, in any unit. Where no key is free for an update, delete or read, an insert stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// Drawn by seed with these weights.
    Shares {
        /// New keys, and now and then a deleted one.
        insert: u32,
        /// Next version of a key.
        update: u32,
        /// Absence of a key.
        delete: u32,
        /// Reads of a key.
        read: u32,
    },
    /// In turn: a new key, its read-back, an update of it, its read-back.
    ReadBack,
}

impl Mix {
    /// The usual mix of a service of the sample application: emergency calls are always new.
    #[must_use]
    pub fn of(service: &str) -> Mix {
        match service {
            "emergency" => Mix::inserts(),
            "files" => Mix::Shares {
                insert: 60,
                update: 20,
                delete: 0,
                read: 20,
            },
            _ => Mix::Shares {
                insert: 40,
                update: 30,
                delete: 5,
                read: 25,
            },
        }
    }

    /// Nothing but new keys.
    #[must_use]
    pub fn inserts() -> Mix {
        Mix::Shares {
            insert: 1,
            update: 0,
            delete: 0,
            read: 0,
        }
    }

    /// Whether keys are used again.
    pub(crate) fn revisits(self) -> bool {
        !matches!(
            self,
            Mix::Shares {
                update: 0,
                delete: 0,
                read: 0,
                ..
            }
        )
    }

    pub(crate) fn pick(self, turn: u64, random: &mut Random) -> OperationKind {
        match self {
            Mix::ReadBack => match turn % 4 {
                0 => OperationKind::Insert,
                2 => OperationKind::Update,
                _ => OperationKind::Read,
            },
            Mix::Shares {
                insert,
                update,
                delete,
                read,
            } => {
                let [insert, update, delete, read] = [insert, update, delete, read].map(u64::from);
                let drawn = random.below(insert + update + delete + read);
                if drawn < insert {
                    OperationKind::Insert
                } else if drawn < insert + update {
                    OperationKind::Update
                } else if drawn < insert + update + delete {
                    OperationKind::Delete
                } else {
                    OperationKind::Read
                }
            }
        }
    }
}

/// How operations follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arrivals {
    /// Evenly: every window of a tier holds its rate exactly (goodput is judged in bins of 500 ms).
    #[default]
    Even,
    /// Exponential gaps, as `pgbench -R` has them.
    Poisson,
    /// As fast as answers come: the backlog never runs dry and rates are shares only. For measuring throughput, never in
    /// a drill: an operation is scheduled when it is sent.
    Saturating,
}

/// One class of operations and its traffic.
#[derive(Clone, Debug)]
pub struct ClassSpec {
    /// What operations of it carry.
    pub class: Class,
    /// Operations per second of drill time, at least 1.
    pub per_second: u32,
    /// What they are.
    pub mix: Mix,
    /// New keys are counted from here (see [`first_key`]).
    pub first_key: u64,
    /// Keys that were loaded at version 1 and may be used; at most 1,048,576.
    pub preloaded: Range<u64>,
}

/// A load to run.
#[derive(Clone, Debug)]
pub struct WorkloadSpec {
    /// Classes; those of one role and tier share a schedule, a queue and connections, so that one tier's outage does
    /// not hold up another's clients.
    pub classes: Vec<ClassSpec>,
    /// Fixes schedule, kinds and keys.
    pub seed: u64,
    /// The seed of contents (see [`crate::body()`]); the same for preload, load and final read of a run.
    pub content_seed: u64,
    /// Connections per tier, 1 to 1,024.
    pub connections: usize,
    /// From an operation's sending to giving up.
    pub deadline: Duration,
    /// An operation not sent this long after its scheduled start ends as not sent; usually the deadline.
    pub lag: Duration,
    /// How operations follow each other.
    pub arrivals: Arrivals,
}

impl WorkloadSpec {
    /// Even arrivals, lag as long as the deadline, one seed for everything.
    #[must_use]
    pub fn new(classes: Vec<ClassSpec>, seed: u64, connections: usize, deadline: Duration) -> WorkloadSpec {
        WorkloadSpec {
            classes,
            seed,
            content_seed: seed,
            connections,
            deadline,
            lag: deadline,
            arrivals: Arrivals::Even,
        }
    }

    pub(crate) fn check(&self) -> Result<(), LoadError> {
        if self.classes.is_empty() || self.classes.len() > 1024 {
            return Err(LoadError::spec("number of classes", self.classes.len(), "1 to 1024"));
        }
        if !(1..=1024).contains(&self.connections) {
            return Err(LoadError::spec("connections", self.connections, "1 to 1024"));
        }
        let longest = Duration::from_secs(600);
        for (what, value) in [("deadline", self.deadline), ("lag", self.lag)] {
            if value < Duration::from_millis(1) || value > longest {
                return Err(LoadError::spec(what, format!("{value:?}"), "1 ms to 10 min"));
            }
        }
        for class in &self.classes {
            let name = &class.class.service;
            if !(1..=1_000_000).contains(&class.per_second) {
                return Err(LoadError::spec(
                    format!("rate of {name}"),
                    class.per_second,
                    "1 to 1000000 per second",
                ));
            }
            if let Mix::Shares {
                insert,
                update,
                delete,
                read,
            } = class.mix
                && u64::from(insert) + u64::from(update) + u64::from(delete) + u64::from(read) == 0
            {
                return Err(LoadError::spec(format!("mix of {name}"), "empty", "a share above 0"));
            }
            let rows = class.preloaded.end.saturating_sub(class.preloaded.start);
            if rows > crate::keyspace::SLOTS_MAX as u64 || class.preloaded.contains(&class.first_key) {
                return Err(LoadError::spec(
                    format!("preloaded keys of {name}"),
                    format!("{:?}, new keys from {}", class.preloaded, class.first_key),
                    "at most 1048576 keys, none of them a new one",
                ));
            }
        }
        Ok(())
    }
}
