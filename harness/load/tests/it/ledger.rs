//! A recorder that keeps everything, and what must hold of it whatever happened.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;

use firedrill_core::event::{Class, Role};
use firedrill_core::ledger::{Content, OperationKind, OperationOutcome};
use firedrill_core::{FoundRow, Operation};
use firedrill_load::{Sink, Totals};

#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) operations: Mutex<Vec<Operation>>,
    pub(crate) found: Mutex<Vec<FoundRow>>,
    pub(crate) names: Mutex<Vec<String>>,
}

impl Sink for Ledger {
    fn operations(&self, batch: &[Operation]) {
        self.operations.lock().unwrap().extend_from_slice(batch);
    }

    fn found(&self, rows: &[FoundRow]) {
        self.found.lock().unwrap().extend_from_slice(rows);
    }

    fn incarnation(&self, component: &str, name: &str) -> u16 {
        let name = format!("{component} {name}");
        let mut names = self.names.lock().unwrap();
        let at = names.iter().position(|known| *known == name).unwrap_or_else(|| {
            names.push(name);
            names.len() - 1
        });
        at as u16
    }
}

pub(crate) fn class(id: u16, service: &str, role: Role, tier: Option<u8>) -> Class {
    Class {
        id,
        service: service.into(),
        component: "database".into(),
        tier,
        space: if service == "payments" { 1 } else { 2 },
        role,
    }
}

impl Ledger {
    pub(crate) fn take(&self) -> Vec<Operation> {
        self.operations.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, outcome: OperationOutcome) -> usize {
        self.operations
            .lock()
            .unwrap()
            .iter()
            .filter(|operation| operation.outcome == outcome)
            .count()
    }

    /// The totals say what the ledger says.
    pub(crate) fn agrees_with(&self, totals: &Totals) {
        let all = self.take();
        assert_eq!(all.len() as u64, totals.scheduled);
        assert_eq!(self.count(OperationOutcome::Acked) as u64, totals.acked);
        assert_eq!(self.count(OperationOutcome::Refused) as u64, totals.refused);
        assert_eq!(self.count(OperationOutcome::Indeterminate) as u64, totals.indeterminate);
        assert_eq!(self.count(OperationOutcome::NotSent) as u64, totals.not_sent);
        for operation in &all {
            assert!(
                operation.scheduled <= operation.sent && operation.sent <= operation.done,
                "{operation:?}"
            );
            assert!(
                (totals.began..=totals.ended).contains(&operation.scheduled),
                "{operation:?}"
            );
        }
    }

    /// What the final read found is explained by the ledger: everything acknowledged is kept, nothing that was refused
    /// or never sent is there.
    pub(crate) fn explains(&self, space: u16, classes: &[u16]) {
        let mut writes: BTreeMap<u64, Vec<Operation>> = BTreeMap::new();
        let mut once = HashSet::new();
        for operation in self.take() {
            if operation.kind != OperationKind::Read && classes.contains(&operation.class) {
                assert!(
                    once.insert((operation.key, operation.version)),
                    "a version was used twice: {operation:?}"
                );
                writes.entry(operation.key).or_default().push(operation);
            }
        }
        let mut found: HashMap<u64, u32> = HashMap::new();
        for row in self.found.lock().unwrap().iter().filter(|row| row.space == space) {
            assert_eq!(row.content, Content::Genuine, "{row:?}");
            assert!(
                found.insert(row.key, row.version).is_none(),
                "two rows for a key: {row:?}"
            );
            let known = writes
                .get(&row.key)
                .and_then(|all| all.iter().find(|write| write.version == row.version));
            let write = known.unwrap_or_else(|| panic!("a row that nobody wrote: {row:?}"));
            assert!(
                matches!(write.outcome, OperationOutcome::Acked | OperationOutcome::Indeterminate),
                "refused and yet found: {write:?}"
            );
            assert_ne!(write.kind, OperationKind::Delete, "a deletion has no row: {write:?}");
        }
        for (key, mut all) in writes {
            all.sort_by_key(|write| write.version);
            let acked = all.iter().rev().find(|write| write.outcome == OperationOutcome::Acked);
            let Some(acked) = acked else { continue };
            match found.get(&key) {
                Some(version) => assert!(*version >= acked.version, "acked and lost: {acked:?}, found {version}"),
                None => {
                    let deleted = all.iter().any(|write| {
                        write.kind == OperationKind::Delete
                            && write.version >= acked.version
                            && matches!(write.outcome, OperationOutcome::Acked | OperationOutcome::Indeterminate)
                    });
                    assert!(deleted, "acked and absent: {acked:?}");
                }
            }
        }
    }
}
