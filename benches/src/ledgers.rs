//! Ledgers to measure with: as many operations as asked for, in the order in which clients would have sent them.

use std::collections::BTreeMap;

use firedrill_core::event::{Class, Role};
use firedrill_core::judge::classify::Ground;
use firedrill_core::ledger::{Content, FoundRow, Operation, OperationKind, OperationOutcome};

/// Keys as clients make them look to a sort: in no order, others in each round.
#[must_use]
pub fn key(index: u64, round: u64) -> u64 {
    (index + 1).wrapping_mul(0xD134_2543_DE82_EF95 ^ (round << 32)) >> 8
}

/// The one component that the operations are of.
#[must_use]
pub fn ground() -> Ground {
    let class = Class {
        id: 0,
        service: "payments".into(),
        component: "database".into(),
        tier: Some(1),
        space: 1,
        role: Role::Workload,
    };
    Ground::new(&[class], &BTreeMap::from([("database".to_owned(), 0)]))
}

/// Every key is written once; where `found`, nine in ten are found and the rest are lost.
#[must_use]
pub fn ledger(count: u64, round: u64, found: bool) -> (Vec<Operation>, Vec<FoundRow>) {
    let write = |index: u64| Operation {
        scheduled: index as i64,
        sent: index as i64,
        done: index as i64 + 10,
        key: key(index, round),
        version: 1,
        replaced: 0,
        incarnation: 0,
        class: 0,
        kind: OperationKind::Insert,
        outcome: OperationOutcome::Acked,
        flags: 0,
        attempts: 1,
    };
    let row = |index: u64| FoundRow {
        key: key(index, round),
        version: 1,
        space: 1,
        incarnation: 0,
        content: Content::Genuine,
    };
    let rows = if found { count - count / 10 } else { 0 };
    ((0..count).map(write).collect(), (0..rows).map(row).collect())
}
