//! The classifier against an independent one that knows no buckets, and its cost.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use crate::event::{Class, Role};
use crate::judge::classify::{ComponentCounts, Ground, classify};
use crate::ledger::{Content, FoundRow, Operation, OperationKind, OperationOutcome, UNSTATED};

fn ground() -> Ground {
    let class = Class {
        id: 0,
        service: "s".to_owned(),
        component: "database".to_owned(),
        tier: None,
        space: 1,
        role: Role::Workload,
    };
    Ground::new(&[class], &BTreeMap::from([("database".to_owned(), 0)]))
}

/// Straight from the words of the definitions: for each key, each acked version, one at a time, quadratic.
fn slowly(operations: &[Operation], found: &[FoundRow]) -> ComponentCounts {
    let mut counts = ComponentCounts {
        rows: found.len() as u64,
        ..ComponentCounts::default()
    };
    let mut keys: Vec<u64> = operations
        .iter()
        .map(|it| it.key)
        .chain(found.iter().map(|row| row.key))
        .collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        let writes: Vec<&Operation> = operations
            .iter()
            .filter(|it| it.key == key && it.kind != OperationKind::Read)
            .collect();
        let returned = |version: u32| {
            operations.iter().any(|it| {
                it.key == key
                    && it.kind == OperationKind::Read
                    && it.outcome == OperationOutcome::Acked
                    && it.version == version
            })
        };
        let acked = |it: &Operation| {
            it.outcome == OperationOutcome::Acked
                || (it.outcome == OperationOutcome::Indeterminate && returned(it.version))
        };
        let maybe = |it: &Operation| acked(it) || it.outcome == OperationOutcome::Indeterminate;
        let rows: Vec<&FoundRow> = found.iter().filter(|row| row.key == key).collect();
        let attempt = |version: u32| writes.iter().copied().find(|it| it.version == version && maybe(it));
        let is_genuine = |row: &&&FoundRow| {
            row.content != Content::Mutated && attempt(row.version).is_some_and(|it| it.kind != OperationKind::Delete)
        };
        counts.acked += writes.iter().filter(|it| acked(it)).count() as u64;
        counts.duplicated += u64::from(rows.len() > 1);
        counts.dangling += rows.iter().filter(|row| row.content == Content::Dangling).count() as u64;
        let deleted = |row: &&&FoundRow| attempt(row.version).is_some_and(|it| it.kind == OperationKind::Delete);
        counts.mutated += u64::from(rows.iter().any(|row| row.content == Content::Mutated || deleted(&row)));
        counts.unexpected += u64::from(
            rows.iter()
                .any(|row| row.content != Content::Mutated && attempt(row.version).is_none()),
        );
        let newest = rows.iter().filter(is_genuine).map(|row| row.version).max();
        if newest.is_none() && !rows.is_empty() {
            continue;
        }
        let gone = |below: u32| {
            let deletes = writes.iter().filter(|it| it.kind == OperationKind::Delete && maybe(it));
            deletes.map(|it| it.version).filter(|version| *version < below).max()
        };
        let found_version = newest.or_else(|| gone(u32::MAX));
        if let Some(version) = found_version {
            counts.recovered += u64::from(attempt(version).is_some_and(|it| !acked(it)));
        }
        // The set of versions that the one found grew from, followed link by link.
        let (mut grown, mut unknown_below) = (Vec::new(), 0);
        let mut at = found_version;
        while let Some(version) = at {
            grown.push(version);
            let write = writes.iter().find(|it| it.version == version);
            if write.is_none() {
                // A read saw it, nobody is known to have written it: what it grew from is open.
                unknown_below = version;
                break;
            }
            let replaced = write
                .filter(|it| it.outcome == OperationOutcome::Acked)
                .map_or(UNSTATED, |it| it.replaced);
            at = if replaced == UNSTATED || replaced >= version {
                // One life only: what was acked before is what it grew from.
                writes
                    .iter()
                    .filter(|it| it.version < version && acked(it))
                    .map(|it| it.version)
                    .max()
            } else if replaced == 0 {
                gone(version)
            } else if operations.iter().any(|it| {
                it.key == key
                    && it.version == replaced
                    && (it.kind != OperationKind::Read || it.outcome == OperationOutcome::Acked)
            }) {
                Some(replaced)
            } else {
                unknown_below = replaced;
                None
            };
        }
        for write in writes.iter().filter(|it| acked(it)) {
            if grown.contains(&write.version) {
                counts.kept += 1;
                counts.kept_absent += u64::from(rows.is_empty());
            } else if write.version < unknown_below {
                counts.possibly_lost += 1;
            } else {
                counts.lost += 1;
            }
        }
    }
    counts
}

prop_compose! {
    fn any_operation()(
        key in 0_u64..12,
        version in 1_u32..6,
        replaced in prop_oneof![Just(UNSTATED), 0_u32..6],
        kind in 0..8_u8,
        outcome in 0..6_u8,
        sent in 0_i64..1_000,
        took in 0_i64..50,
    ) -> Operation {
        Operation {
            scheduled: sent, sent, done: sent + took, key, version, replaced, incarnation: 0, class: 0,
            kind: match kind {
                0..=2 => OperationKind::Insert,
                3..=4 => OperationKind::Update,
                5 => OperationKind::Delete,
                _ => OperationKind::Read,
            },
            outcome: match outcome {
                0..=2 => OperationOutcome::Acked,
                3 => OperationOutcome::Refused,
                4 => OperationOutcome::Indeterminate,
                _ => OperationOutcome::NotSent,
            },
            flags: 0,
            attempts: 1,
        }
    }
}

prop_compose! {
    fn any_row()(key in 0_u64..13, version in 1_u32..7, content in 0..8_u8) -> FoundRow {
        let content = match content {
            0 => Content::Mutated,
            1 => Content::Dangling,
            _ => Content::Genuine,
        };
        FoundRow { key, version, space: 1, incarnation: 0, content }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
    #[test]
    fn agrees_with_brute_force(
        mut operations in prop::collection::vec(any_operation(), 0..60),
        found in prop::collection::vec(any_row(), 0..20),
    ) {
        // A version number is used once.
        let mut used = std::collections::BTreeSet::new();
        operations.retain(|it| it.kind == OperationKind::Read || used.insert((it.key, it.version)));
        let ground = ground();
        let classified = classify(&ground, &operations, &found);
        let counts = classified.by_component(&ground)["database"];
        prop_assert_eq!(counts, slowly(&operations, &found));
    }
}

/// Time on the processor of this thread: a busy machine changes it little.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

/// Against sorting 16-byte keys in the same process. Run with `--ignored --nocapture`.
#[test]
#[ignore = "takes gigabytes and a quiet machine"]
fn cost() {
    for millions in [1_u64, 10] {
        let count = millions * 1_000_000;
        let mix = |index: u64| index.wrapping_mul(0xD134_2543_DE82_EF95) >> 20;
        let mut keys: Vec<(u64, u64)> = (0..count).map(|index| (mix(index), index)).collect();
        let begun = cpu();
        keys.sort_unstable();
        let sorting = cpu() - begun;
        drop(keys);
        let operations: Vec<Operation> = (0..count)
            .map(|index| Operation {
                scheduled: index as i64,
                sent: index as i64,
                done: index as i64 + 10,
                key: mix(index),
                version: 1,
                replaced: 0,
                incarnation: 0,
                class: 0,
                kind: OperationKind::Insert,
                outcome: OperationOutcome::Acked,
                flags: 0,
                attempts: 1,
            })
            .collect();
        let ground = ground();
        let begun = cpu();
        let classified = classify(&ground, &operations, &[]);
        let took = cpu() - begun;
        println!("{millions} M: sort {sorting:?}, classify {took:?}");
        assert_eq!(classified.by_component(&ground)["database"].acked, count);
    }
}
