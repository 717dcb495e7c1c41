//! The keys of one class: which exist, which are in use, and the highest version of each.
//!
//! Two laws hold here and nowhere else: a key has one operation in flight, and a version number is handed out once,
//! whatever becomes of it.

use std::collections::VecDeque;
use std::ops::Range;

use firedrill_core::ledger::{OperationKind, OperationOutcome};

use crate::random::Random;
use crate::spec::Mix;

/// Keys of a class that are remembered for later updates, deletes and reads; further ones are written once.
pub(crate) const SLOTS_MAX: usize = 1 << 20;
/// How often a random slot is tried before an insert stands in.
const TRIES: usize = 16;
/// Written keys that a canary remembers.
const WRITTEN_MAX: usize = 64;
/// Keys of a canary, used in turn.
const CANARY_SLOTS: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Present,
    Absent,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    key: u64,
    highest: u32,
    presence: Presence,
    in_flight: bool,
    /// A write of unknown fate may still be applied. A store that keeps no tombstones could bring it back after a
    /// delete, so such a key is never deleted.
    doubtful: bool,
}

/// What an operation was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// To hand back with [`Keyspace::end`]; `None` for a key that is used once.
    pub(crate) slot: Option<u32>,
    pub(crate) key: u64,
    /// The version it makes; 0 for a read.
    pub(crate) version: u32,
    pub(crate) kind: OperationKind,
}

#[derive(Debug)]
pub(crate) struct Keyspace {
    mix: Mix,
    slots: Vec<Slot>,
    slots_max: usize,
    /// Slots whose key was deleted (or never came to be), for inserts.
    absent: VecDeque<u32>,
    /// Slots whose write was acknowledged last, newest at the back; kept for read-back only.
    written: VecDeque<u32>,
    next_key: u64,
    next_slot: usize,
    turn: u64,
    random: Random,
}

impl Keyspace {
    pub(crate) fn new(mix: Mix, first_key: u64, preloaded: Range<u64>, random: Random) -> Keyspace {
        let slots = preloaded
            .take(SLOTS_MAX)
            .map(|key| Slot {
                key,
                highest: 1,
                presence: Presence::Present,
                in_flight: false,
                doubtful: false,
            })
            .collect();
        Keyspace {
            mix,
            slots,
            slots_max: if mix == Mix::ReadBack { CANARY_SLOTS } else { SLOTS_MAX },
            absent: VecDeque::new(),
            written: VecDeque::new(),
            next_key: first_key,
            next_slot: 0,
            turn: 0,
            random,
        }
    }

    /// The next operation, its key marked as in flight.
    pub(crate) fn begin(&mut self) -> Choice {
        let kind = self.mix.pick(self.turn, &mut self.random);
        self.turn += 1;
        let slot = match kind {
            OperationKind::Insert => None,
            _ if self.mix == Mix::ReadBack => self.newest_written(),
            _ => self.any_free(kind),
        };
        match slot {
            Some(slot) => self.take(slot, kind),
            None => self.insert(),
        }
    }

    /// What became of it.
    pub(crate) fn end(&mut self, choice: Choice, outcome: OperationOutcome) {
        let Some(index) = choice.slot else { return };
        let slot = &mut self.slots[index as usize];
        assert!(slot.in_flight, "a key ends an operation it never began");
        slot.in_flight = false;
        if choice.kind == OperationKind::Read {
            return;
        }
        let before = slot.presence;
        match (outcome, choice.kind) {
            (OperationOutcome::Acked, OperationKind::Delete) => slot.presence = Presence::Absent,
            (OperationOutcome::Acked, _) => slot.presence = Presence::Present,
            (OperationOutcome::Indeterminate, kind) => {
                slot.doubtful = true;
                if kind != OperationKind::Delete {
                    slot.presence = Presence::Present;
                }
            }
            (OperationOutcome::Refused | OperationOutcome::NotSent, _) => {}
        }
        let now_absent = slot.presence == Presence::Absent;
        let reusable = self.mix != Mix::ReadBack;
        if reusable && now_absent && (before == Presence::Present || choice.kind == OperationKind::Insert) {
            self.absent.push_back(index);
        }
        if self.mix == Mix::ReadBack && outcome == OperationOutcome::Acked {
            self.written.push_back(index);
            if self.written.len() > WRITTEN_MAX {
                self.written.pop_front();
            }
        }
    }

    fn take(&mut self, index: u32, kind: OperationKind) -> Choice {
        let slot = &mut self.slots[index as usize];
        assert!(!slot.in_flight, "a key has one operation in flight");
        slot.in_flight = true;
        let version = if kind == OperationKind::Read {
            0
        } else {
            slot.highest += 1;
            slot.highest
        };
        Choice {
            slot: Some(index),
            key: slot.key,
            version,
            kind,
        }
    }

    fn usable(&self, index: u32, kind: OperationKind) -> bool {
        let slot = &self.slots[index as usize];
        !slot.in_flight
            && slot.presence == Presence::Present
            && slot.highest < i32::MAX as u32
            && !(kind == OperationKind::Delete && slot.doubtful)
    }

    fn any_free(&mut self, kind: OperationKind) -> Option<u32> {
        for _ in 0..TRIES {
            let index = self.random.below(self.slots.len() as u64) as u32;
            if !self.slots.is_empty() && self.usable(index, kind) {
                return Some(index);
            }
        }
        None
    }

    fn newest_written(&self) -> Option<u32> {
        self.written
            .iter()
            .rev()
            .copied()
            .find(|index| self.usable(*index, OperationKind::Update))
    }

    fn insert(&mut self) -> Choice {
        let kind = OperationKind::Insert;
        // One insert in four brings a deleted key back, where there is one.
        if self.mix != Mix::ReadBack && !self.absent.is_empty() && self.random.below(4) == 0 {
            let index = self.absent.pop_front().expect("not empty");
            return self.take(index, kind);
        }
        let fresh = Slot {
            key: self.next_key,
            highest: 0,
            presence: Presence::Absent,
            in_flight: false,
            doubtful: false,
        };
        self.next_key += 1;
        if !self.mix.revisits() {
            return once(fresh.key);
        }
        if self.slots.len() < self.slots_max {
            self.slots.push(fresh);
            return self.take((self.slots.len() - 1) as u32, kind);
        }
        if self.mix != Mix::ReadBack {
            return once(fresh.key);
        }
        // A canary forgets its oldest key.
        let index = self.next_slot;
        self.next_slot = (self.next_slot + 1) % self.slots.len();
        if self.slots[index].in_flight {
            return once(fresh.key);
        }
        self.written.retain(|written| *written as usize != index);
        self.slots[index] = fresh;
        self.take(index as u32, kind)
    }
}

fn once(key: u64) -> Choice {
    Choice {
        slot: None,
        key,
        version: 1,
        kind: OperationKind::Insert,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use proptest::prelude::*;

    use super::*;

    fn outcome(number: u8) -> OperationOutcome {
        match number % 4 {
            0 => OperationOutcome::Acked,
            1 => OperationOutcome::Refused,
            2 => OperationOutcome::Indeterminate,
            _ => OperationOutcome::NotSent,
        }
    }

    fn mixes() -> impl Strategy<Value = Mix> {
        prop_oneof![
            Just(Mix::ReadBack),
            Just(Mix::inserts()),
            Just(Mix::of("payments")),
            Just(Mix::Shares {
                insert: 0,
                update: 1,
                delete: 1,
                read: 1
            }),
        ]
    }

    proptest! {
        #[test]
        fn a_version_is_used_once_and_a_key_has_one_operation_in_flight(
            mix in mixes(), rows in 0u64..5, steps in prop::collection::vec((any::<bool>(), any::<u8>(), any::<u8>()), 1..400), seed: u64,
        ) {
            let mut keys = Keyspace::new(mix, 1000, 1..1 + rows, Random::new(seed, 0));
            let mut open: Vec<Choice> = Vec::new();
            let mut used: HashSet<(u64, u32)> = (1..=rows).map(|key| (key, 1)).collect();
            let mut highest: HashMap<u64, u32> = (1..=rows).map(|key| (key, 1)).collect();
            let mut doubtful: HashSet<u64> = HashSet::new();
            for (begin, which, how) in steps {
                if begin || open.is_empty() {
                    let choice = keys.begin();
                    prop_assert!(open.iter().all(|other| other.key != choice.key), "two in flight");
                    if choice.kind != OperationKind::Read {
                        prop_assert!(used.insert((choice.key, choice.version)), "a version used twice");
                        let last = highest.insert(choice.key, choice.version).unwrap_or(0);
                        prop_assert_eq!(choice.version, last + 1);
                    }
                    if choice.kind == OperationKind::Delete {
                        prop_assert!(!doubtful.contains(&choice.key));
                    }
                    open.push(choice);
                } else {
                    let choice = open.swap_remove(usize::from(which) % open.len());
                    let outcome = outcome(how);
                    if outcome == OperationOutcome::Indeterminate && choice.kind != OperationKind::Read {
                        doubtful.insert(choice.key);
                    }
                    keys.end(choice, outcome);
                }
            }
        }
    }

    #[test]
    fn the_canary_reads_back_what_it_wrote_last() {
        let mut keys = Keyspace::new(Mix::ReadBack, 10, 0..0, Random::new(1, 0));
        let mut seen = Vec::new();
        for _ in 0..8 {
            let choice = keys.begin();
            keys.end(choice, OperationOutcome::Acked);
            seen.push((choice.kind, choice.key, choice.version));
        }
        use OperationKind::{Insert, Read, Update};
        assert_eq!(
            seen,
            [
                (Insert, 10, 1),
                (Read, 10, 0),
                (Update, 10, 2),
                (Read, 10, 0),
                (Insert, 11, 1),
                (Read, 11, 0),
                (Update, 11, 2),
                (Read, 11, 0),
            ]
        );
    }

    #[test]
    fn a_canary_in_an_outage_inserts_and_never_reads_what_was_not_acknowledged() {
        let mut keys = Keyspace::new(Mix::ReadBack, 10, 0..0, Random::new(1, 0));
        for _ in 0..3 * CANARY_SLOTS {
            let choice = keys.begin();
            assert_eq!(choice.kind, OperationKind::Insert);
            keys.end(choice, OperationOutcome::Refused);
        }
        assert!(keys.slots.len() <= CANARY_SLOTS);
        assert!(keys.absent.is_empty());
    }
}
