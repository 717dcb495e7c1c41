//! Which final read of a component counts, and why none does.
//!
//! A read that is not complete, or that something followed, would make kept writes look lost: it counts for nothing.

use std::collections::BTreeMap;

use crate::event::{Edge, Event};
use crate::ledger::FoundRow;
use crate::stamp::Stamp;

use super::account::Account;
use super::duration::count;
use super::ground::Ground;

/// A complete final read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) incarnation: u16,
    pub(crate) begun: Stamp,
    pub(crate) ended: Stamp,
}

/// By component of the ground: the newest serving read that ended, where it is complete.
pub(crate) fn of(
    ground: &Ground,
    account: &Account,
    events: &[(Stamp, &Event)],
    found: &[FoundRow],
) -> Vec<Result<Read, String>> {
    let mut rows: BTreeMap<(u16, u16), u64> = BTreeMap::new();
    for row in found {
        if let Some(component) = ground.spaces.get(&row.space) {
            *rows.entry((*component, row.incarnation)).or_default() += 1;
        }
    }
    let stopped = events
        .iter()
        .rev()
        .find(|(_, event)| matches!(event, Event::LoadStopped {}))
        .map(|(stamp, _)| *stamp);
    ground
        .parts
        .iter()
        .enumerate()
        .map(|(index, part)| {
            let (read, counted, arrived) = newest(&part.name, events)?;
            let found = rows.get(&(index as u16, read.incarnation)).copied().unwrap_or(0);
            let (Some(counted), Some(arrived)) = (counted, arrived) else {
                return Err("the final read ended without a count of its rows".to_owned());
            };
            if counted != arrived || arrived != found {
                return Err(format!(
                    "the final read is not complete: the store counted {}, {arrived} arrived, the ledger holds {found}",
                    count(counted, "row", "rows")
                ));
            }
            match stopped {
                Some(stopped) if stopped.early <= read.begun.early => {}
                Some(_) => return Err("the final read began before the load had stopped".to_owned()),
                None => return Err("no event says that the load stopped before the final read".to_owned()),
            }
            if account.parts[index]
                .last_write_done
                .is_some_and(|done| done > read.begun.early)
            {
                return Err("a write was still open when the final read began".to_owned());
            }
            if part.lineage.last().is_some_and(|last| last != read.incarnation) {
                return Err(format!(
                    "the final read is of incarnation {}, but {} serves at the end",
                    read.incarnation,
                    part.lineage.last().unwrap_or_default()
                ));
            }
            if part
                .lineage
                .last_change()
                .is_some_and(|change| change.late > read.begun.early)
            {
                return Err("the incarnation changed after the final read began".to_owned());
            }
            Ok(read)
        })
        .collect()
}

type Newest = (Read, Option<u64>, Option<u64>);

fn newest(component: &str, events: &[(Stamp, &Event)]) -> Result<Newest, String> {
    let mut begun: BTreeMap<u16, Stamp> = BTreeMap::new();
    let mut newest = None;
    for (stamp, event) in events {
        let Event::FinalRead {
            component: of,
            incarnation,
            edge,
            serving: true,
            counted,
            arrived,
        } = event
        else {
            continue;
        };
        if of != component {
            continue;
        }
        match edge {
            Edge::Begun => {
                begun.insert(*incarnation, *stamp);
            }
            Edge::Ended => {
                let Some(begun) = begun.remove(incarnation) else {
                    return Err("a final read ended that never began".to_owned());
                };
                newest = Some((
                    Read {
                        incarnation: *incarnation,
                        begun,
                        ended: *stamp,
                    },
                    *counted,
                    *arrived,
                ));
            }
        }
    }
    if !begun.is_empty() {
        return Err("a final read began and never ended".to_owned());
    }
    newest.ok_or_else(|| "there is no final read".to_owned())
}
