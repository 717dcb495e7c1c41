//! The account of the ledger: how many operations ended how, per service, and when each component was last written.

use std::collections::BTreeMap;

use crate::event::{Class, Role};
use crate::ledger::{Operation, OperationKind, OperationOutcome};
use crate::stamp::Nanos;
use crate::verdict::Tally;

use super::ground::Ground;

/// What one pass over the ledger tells without judging anything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    /// Workload and canary.
    pub(crate) tally: Tally,
    pub(crate) services: BTreeMap<String, Tally>,
    /// Every operation, whatever its role, by outcome: what the closing event counts.
    pub(crate) all: Tally,
    /// By component.
    pub(crate) parts: Vec<PartAccount>,
    /// First and last scheduled start of the workload.
    pub(crate) workload: Option<(Nanos, Nanos)>,
}

/// What one pass tells of one component.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PartAccount {
    /// When the last write that was sent ended, preload included.
    pub(crate) last_write_done: Option<Nanos>,
    /// When the last read was sent.
    pub(crate) last_read_sent: Option<Nanos>,
}

impl Account {
    pub(crate) fn of(ground: &Ground, classes: &[Class], operations: &[Operation]) -> Account {
        let mut account = Account {
            parts: vec![PartAccount::default(); ground.parts.len()],
            ..Account::default()
        };
        let mut by_class: Vec<Tally> = vec![Tally::default(); ground.slots.len()];
        for operation in operations {
            count(&mut account.all, operation.outcome);
            let Some(slot) = ground.slot(operation.class) else {
                continue;
            };
            count(&mut by_class[usize::from(operation.class)], operation.outcome);
            if slot.role == Role::Workload {
                let (first, last) = account.workload.unwrap_or((operation.scheduled, operation.scheduled));
                account.workload = Some((first.min(operation.scheduled), last.max(operation.scheduled)));
            }
            if operation.outcome == OperationOutcome::NotSent {
                continue;
            }
            let Some(part) = account.parts.get_mut(usize::from(slot.component)) else {
                continue;
            };
            if operation.kind == OperationKind::Read {
                part.last_read_sent = part.last_read_sent.max(Some(operation.sent));
            } else {
                part.last_write_done = part.last_write_done.max(Some(operation.done));
            }
        }
        for class in classes {
            if !matches!(class.role, Role::Workload | Role::Canary) {
                continue;
            }
            let Some(tally) = by_class.get_mut(usize::from(class.id)).map(std::mem::take) else {
                continue;
            };
            add(&mut account.tally, tally);
            add(account.services.entry(class.service.clone()).or_default(), tally);
        }
        account
    }
}

fn count(tally: &mut Tally, outcome: OperationOutcome) {
    tally.scheduled += 1;
    match outcome {
        OperationOutcome::Acked => tally.acked += 1,
        OperationOutcome::Refused => tally.refused += 1,
        OperationOutcome::Indeterminate => tally.indeterminate += 1,
        OperationOutcome::NotSent => tally.not_sent += 1,
    }
}

fn add(sum: &mut Tally, more: Tally) {
    sum.scheduled += more.scheduled;
    sum.acked += more.acked;
    sum.refused += more.refused;
    sum.indeterminate += more.indeterminate;
    sum.not_sent += more.not_sent;
}
