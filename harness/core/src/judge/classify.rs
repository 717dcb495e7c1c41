//! The ledger, classified: for every acked version whether the final read shows that it was kept.
//!
//! The one idea: never sort the operations themselves. They are dealt into buckets by a hash of their key, each small
//! enough for the cache, and each bucket is sorted and settled for itself. Most keys are one acked write and at most one
//! row: those are settled at a glance, all others by their whole chain. Beside the operations it takes fifteen bytes
//! for each of them.

mod deal;

use std::collections::BTreeMap;

use crate::ledger::{Content, FoundRow, NO_INCARNATION, Operation, OperationKind, OperationOutcome, flag};
use crate::stamp::Nanos;

pub use super::ground::Ground;
use super::key::{Fate, KeyCounts, Version, settle};
use crate::terms::Domain;
use deal::{Card, Dealt, Scatter};

/// What the ledger of one component comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ComponentCounts {
    /// Acked versions.
    pub acked: u64,
    /// Of those, found or grown into what was found.
    pub kept: u64,
    /// Of the kept, versions of keys that are absent after a delete.
    pub kept_absent: u64,
    /// Of those, newer than what was found, or jumped over by what replaced them.
    pub lost: u64,
    /// Of those, possibly overwritten after they were lost.
    pub possibly_lost: u64,
    /// Keys whose value is an indeterminate version.
    pub recovered: u64,
    /// Keys with content nobody attempted.
    pub mutated: u64,
    /// Keys or versions found that were never sent, refused or not sent.
    pub unexpected: u64,
    /// Keys with two rows.
    pub duplicated: u64,
    /// Rows whose object is lost, wrong or absent.
    pub dangling: u64,
    /// Rows that the serving final read brought.
    pub rows: u64,
    /// Holes within keys, where each key is its own recovery domain.
    pub key_holes: u64,
}

/// A classified ledger.
#[derive(Clone, Debug, Default)]
pub struct Classified {
    /// By operation.
    fates: Vec<u8>,
    /// Operations whose version was acked by a read before, or instead of, its own answer. Sorted.
    by_read: Vec<(u32, Nanos)>,
    /// By component.
    pub(crate) components: Vec<ComponentCounts>,
    /// By incarnation: when a write that it acked in its present life was first read back from it.
    pub(crate) read_back: BTreeMap<u16, Nanos>,
    /// The same where it is open whether the write belongs to the present life, or came after the strike.
    pub(crate) read_back_possibly: BTreeMap<u16, Nanos>,
    /// Operations of a class that no event names.
    pub(crate) unknown_class: u64,
    /// Rows of a space that no class names.
    pub(crate) unknown_space: u64,
    /// Version numbers that two writes share.
    pub(crate) reused: u64,
    /// More operations than can be told apart.
    pub(crate) oversized: bool,
}

/// An acked write and what became of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckedWrite<'a> {
    pub(crate) operation: &'a Operation,
    pub(crate) fate: Fate,
    pub(crate) acked: Nanos,
}

impl Classified {
    /// What became of each component, by name.
    #[must_use]
    pub fn by_component(&self, ground: &Ground) -> BTreeMap<String, ComponentCounts> {
        ground
            .parts
            .iter()
            .zip(&self.components)
            .map(|(part, counts)| (part.name.clone(), *counts))
            .collect()
    }

    pub(crate) fn fate(&self, index: usize) -> Fate {
        match self.fates.get(index) {
            Some(1) => Fate::Kept,
            Some(2) => Fate::Lost,
            Some(3) => Fate::Possibly,
            Some(4) => Fate::Presumed,
            _ => Fate::Open,
        }
    }

    /// Every acked write with its fate, in the order of the ledger.
    pub(crate) fn writes<'a>(&'a self, operations: &'a [Operation]) -> impl Iterator<Item = AckedWrite<'a>> {
        let mut by_read = self.by_read.iter().peekable();
        operations.iter().enumerate().filter_map(move |(index, operation)| {
            while by_read.next_if(|(of, _)| (*of as usize) < index).is_some() {}
            if operation.kind == OperationKind::Read {
                return None;
            }
            let read = by_read
                .next_if(|(of, _)| *of as usize == index)
                .map(|(_, acked)| *acked);
            let own = (operation.outcome == OperationOutcome::Acked).then_some(operation.done);
            let acked = read.or(own)?;
            Some(AckedWrite {
                operation,
                fate: self.fate(index),
                acked,
            })
        })
    }
}

/// One operation or found row within its bucket.
#[derive(Clone, Copy)]
struct Entry {
    key: u64,
    /// Version above, index below.
    tail: u64,
    space: u16,
}

impl Entry {
    fn order(&self) -> (u64, u16, u64) {
        (self.key, self.space, self.tail)
    }

    fn version(&self) -> u32 {
        (self.tail >> 32) as u32
    }

    fn index(&self) -> u32 {
        self.tail as u32
    }
}

/// Classifies a ledger on a ground: the fate of each acked version and the counts of each component.
#[must_use]
pub fn classify(ground: &Ground, operations: &[Operation], found: &[FoundRow]) -> Classified {
    let mut classified = Classified {
        components: vec![ComponentCounts::default(); ground.parts.len()],
        ..Classified::default()
    };
    if operations.len() >= u32::MAX as usize || found.len() >= u32::MAX as usize {
        classified.oversized = true;
        return classified;
    }
    let scatter = Scatter::of(operations.len().max(found.len()));
    let unknown_class = std::cell::Cell::new(0_u64);
    let mut dealt = Dealt::deal(scatter, operations.len(), |index| {
        let operation = &operations[index];
        let Some(slot) = ground.slot(operation.class) else {
            unknown_class.set(unknown_class.get() + 1);
            return None;
        };
        let counts = operation.kind != OperationKind::Read
            || (operation.outcome == OperationOutcome::Acked && operation.version > 0);
        let plain = matches!(operation.kind, OperationKind::Insert | OperationKind::Update)
            && operation.outcome == OperationOutcome::Acked
            && operation.version == 1;
        counts.then(|| Card::new(slot.space, operation.key, plain.then_some(operation.class)))
    });
    // Dealing looks at each operation twice.
    classified.unknown_class = unknown_class.get() / 2;
    let mut rows = Dealt::deal(scatter, found.len(), |index| {
        let row = &found[index];
        let part = ground.part(*ground.spaces.get(&row.space)?)?;
        let plain = row.content == Content::Genuine && row.version == 1;
        (part.serving == Some(row.incarnation)).then(|| Card::new(row.space, row.key, plain.then_some(row.space)))
    });
    classified.unknown_space = found
        .iter()
        .filter(|row| !ground.spaces.contains_key(&row.space))
        .count() as u64;
    classified.fates = vec![0; operations.len()];

    let homes = ground.slots.iter().map(|slot| {
        let space = (*slot)?.space;
        let component = *ground.spaces.get(&space)?;
        ground.part(component)?.serving.map(|_| Home { component, space })
    });
    let homes: Vec<Option<Home>> = homes.collect();
    let mut keys = Keys {
        ground,
        operations,
        found,
        versions: Vec::new(),
        contents: Vec::new(),
    };
    let (mut chains, mut chain_rows) = (Vec::new(), Vec::new());
    let (mut entries, mut row_entries) = (Vec::new(), Vec::new());
    for bucket in 0..scatter.buckets() {
        chains.clear();
        chain_rows.clear();
        deal::by_key(dealt.bucket(bucket), rows.bucket(bucket), |own, own_rows| {
            if !settle_at_a_glance(&homes, own, own_rows, &mut classified) {
                chains.extend(own.iter().map(|card| card.index()));
                chain_rows.extend(own_rows.iter().map(|card| card.index()));
            }
        });
        // In the order of memory: the operations themselves are far apart.
        chains.sort_unstable();
        chain_rows.sort_unstable();
        entries.clear();
        entries.extend(chains.iter().map(|index| {
            let operation = &operations[*index as usize];
            let space = ground.slot(operation.class).map_or(0, |slot| slot.space);
            entry(space, operation.key, operation.version, *index)
        }));
        entries.sort_unstable_by_key(Entry::order);
        row_entries.clear();
        row_entries.extend(chain_rows.iter().map(|index| {
            let row = &found[*index as usize];
            entry(row.space, row.key, row.version, *index)
        }));
        row_entries.sort_unstable_by_key(Entry::order);
        keys.settle_bucket(&entries, &row_entries, &mut classified);
    }
    classified.by_read.sort_unstable();
    classified
}

/// Where the keys of a class are settled: its component, whose final read counts.
#[derive(Clone, Copy)]
struct Home {
    component: u16,
    space: u16,
}

/// One acked insert or update to version 1, alone with its key, and no row or just this one: there is no chain to walk.
/// Says whether it was that; if not, nothing was counted.
fn settle_at_a_glance(homes: &[Option<Home>], own: &[Card], rows: &[Card], out: &mut Classified) -> bool {
    let [write] = own else { return false };
    let home = write
        .plain()
        .and_then(|class| homes.get(usize::from(class)).copied().flatten());
    let Some(home) = home else { return false };
    let fate = match rows {
        [] => Fate::Lost,
        [row] if row.plain() == Some(home.space) && row.hash() == write.hash() => Fate::Kept,
        _ => return false,
    };
    let sum = &mut out.components[usize::from(home.component)];
    sum.acked += 1;
    sum.kept += u64::from(fate == Fate::Kept);
    sum.lost += u64::from(fate == Fate::Lost);
    sum.rows += rows.len() as u64;
    out.fates[write.index() as usize] = fate as u8;
    true
}

fn entry(space: u16, key: u64, version: u32, index: u32) -> Entry {
    Entry {
        key,
        tail: u64::from(version) << 32 | u64::from(index),
        space,
    }
}

/// Takes a sorted bucket key by key.
struct Keys<'a> {
    ground: &'a Ground,
    operations: &'a [Operation],
    found: &'a [FoundRow],
    versions: Vec<Version>,
    contents: Vec<(u32, Content)>,
}

impl Keys<'_> {
    fn settle_bucket(&mut self, entries: &[Entry], rows: &[Entry], out: &mut Classified) {
        let (mut at, mut row_at) = (0, 0);
        while at < entries.len() || row_at < rows.len() {
            let next = entries.get(at).map(|entry| (entry.key, entry.space));
            let next_row = rows.get(row_at).map(|entry| (entry.key, entry.space));
            let Some(key) = next.into_iter().chain(next_row).min() else {
                return;
            };
            let same = |entry: &&Entry| (entry.key, entry.space) == key;
            let until = at + entries[at..].iter().take_while(same).count();
            let row_until = row_at + rows[row_at..].iter().take_while(same).count();
            self.settle_key(key.1, &entries[at..until], &rows[row_at..row_until], out);
            (at, row_at) = (until, row_until);
        }
    }

    fn settle_key(&mut self, space: u16, entries: &[Entry], rows: &[Entry], out: &mut Classified) {
        let Some(component) = self.ground.spaces.get(&space).copied() else {
            return;
        };
        let Some(part) = self.ground.part(component) else {
            return;
        };
        self.versions.clear();
        for group in entries.chunk_by(|one, other| one.version() == other.version()) {
            let version = self.version(group, component, out);
            self.versions.push(version);
        }
        self.contents.clear();
        self.contents.extend(
            rows.iter()
                .map(|row| (row.version(), self.found[row.index() as usize].content)),
        );
        let counts = if part.serving.is_some() {
            settle(&mut self.versions, &self.contents, part.domain == Domain::Key)
        } else {
            KeyCounts::default()
        };
        let sum = &mut out.components[usize::from(component)];
        sum.rows += rows.len() as u64;
        sum.recovered += counts.recovered;
        sum.mutated += counts.mutated;
        sum.unexpected += counts.unexpected;
        sum.duplicated += counts.duplicated;
        sum.dangling += counts.dangling;
        sum.key_holes += counts.holes;
        for version in &self.versions {
            let (Some(acked), Some(index)) = (version.acked, version.write) else {
                continue;
            };
            sum.acked += 1;
            let kept = matches!(version.fate, Fate::Kept | Fate::Presumed);
            sum.kept += u64::from(kept);
            sum.kept_absent += u64::from(kept && rows.is_empty());
            sum.lost += u64::from(version.fate == Fate::Lost);
            sum.possibly_lost += u64::from(version.fate == Fate::Possibly);
            out.fates[index as usize] = version.fate as u8;
            let operation = &self.operations[index as usize];
            if operation.outcome != OperationOutcome::Acked || operation.done != acked {
                out.by_read.push((index, acked));
            }
        }
    }

    /// All operations that make or return one version of a key, as one.
    fn version(&self, group: &[Entry], component: u16, out: &mut Classified) -> Version {
        let of = |entry: &Entry| &self.operations[entry.index() as usize];
        let writes = group.iter().filter(|entry| of(entry).kind != OperationKind::Read);
        out.reused += (writes.clone().count() as u64).saturating_sub(1);
        // The enum's order is acked, refused, indeterminate, not sent; an attempt that may have worked outweighs a refusal.
        let weight = |entry: &&Entry| match of(entry).outcome {
            OperationOutcome::Acked => (0, of(entry).done),
            OperationOutcome::Indeterminate => (1, 0),
            OperationOutcome::Refused => (2, 0),
            OperationOutcome::NotSent => (3, 0),
        };
        let reads = group.iter().filter(|entry| of(entry).kind == OperationKind::Read);
        let first_read = reads.clone().map(|entry| of(entry).done).min();
        let Some(entry) = writes.min_by_key(weight) else {
            return Version {
                version: group[0].version(),
                write: None,
                outcome: OperationOutcome::NotSent,
                kind: OperationKind::Read,
                acked: None,
                sent: 0,
                replaced: crate::ledger::UNSTATED,
                stated: false,
                life: None,
                fate: Fate::Open,
            };
        };
        let write = of(entry);
        let own = (write.outcome == OperationOutcome::Acked).then_some(write.done);
        let acked = match write.outcome {
            OperationOutcome::Acked => own.into_iter().chain(first_read).min(),
            OperationOutcome::Indeterminate => first_read,
            OperationOutcome::Refused | OperationOutcome::NotSent => None,
        };
        let stated = own.is_some() && write.incarnation != NO_INCARNATION && write.flags & flag::QUEUED == 0;
        if stated {
            let from = self.ground.proves_from.get(&write.incarnation);
            let proof = reads
                .map(of)
                .filter(|read| read.incarnation == write.incarnation && read.sent >= write.done)
                .map(|read| read.done)
                .min();
            if let (Some(from), Some(proof)) = (from, proof) {
                for (edge, read_back) in [
                    (from.late, &mut out.read_back),
                    (from.early, &mut out.read_back_possibly),
                ] {
                    if write.sent > edge {
                        let first = read_back.entry(write.incarnation).or_insert(proof);
                        *first = proof.min(*first);
                    }
                }
            }
        }
        let part = self.ground.part(component);
        Version {
            version: write.version,
            write: Some(entry.index()),
            outcome: write.outcome,
            kind: write.kind,
            acked,
            sent: write.sent,
            replaced: if own.is_some() {
                write.replaced
            } else {
                crate::ledger::UNSTATED
            },
            stated,
            life: part.and_then(|part| part.lineage.life(write)),
            fate: Fate::Open,
        }
    }
}
