//! The history as the judge reads it: stamps widened, moments of people and procedure, and the ground of the ledger.

use std::collections::BTreeSet;

use crate::event::{Class, Closing, Edge, Event, FaultEdge, Record};
use crate::ledger::{FoundRow, Operation};
use crate::stamp::Stamp;
use crate::terms::{Domain, Terms};

use super::account::Account;
use super::calendar::Calendar;
use super::final_read::{self, Read};
use super::ground::Ground;
use super::lives::Lineage;
use super::stalls::Stalls;

/// Everything that is known before the ledger is classified.
pub(crate) struct Facts<'a> {
    pub(crate) terms: &'a Terms,
    pub(crate) records: &'a [Record],
    pub(crate) stalls: Stalls,
    pub(crate) calendar: Calendar,
    /// In the recorder's order, stamps widened.
    pub(crate) events: Vec<(Stamp, &'a Event)>,
    /// Invoked .. proved of the striking fault.
    pub(crate) struck: Option<Stamp>,
    pub(crate) closing: Option<&'a Closing>,
    pub(crate) ground: Ground,
    pub(crate) account: Account,
    /// Found rows in the ledger.
    pub(crate) found: u64,
    /// By component of the ground: rows that the final read found and that point at objects; `None` where nobody was
    /// to write any.
    pub(crate) pointing: Vec<Option<u64>>,
    /// By component of the ground: the final read that counts, or why there is none.
    pub(crate) reads: Vec<Result<Read, String>>,
}

impl<'a> Facts<'a> {
    pub(crate) fn of(
        terms: &'a Terms,
        records: &'a [Record],
        operations: &[Operation],
        found: &[FoundRow],
    ) -> Facts<'a> {
        let stalls = Stalls::of(records);
        let calendar = Calendar::of(records, &stalls, terms.calendar_scale);
        let events: Vec<_> = records
            .iter()
            .map(|record| (stalls.widen(record.stamp), &record.event))
            .collect();
        let classes: Vec<_> = records
            .iter()
            .filter_map(|record| match &record.event {
                Event::Class(class) => Some(class.clone()),
                _ => None,
            })
            .collect();
        let mut ground = Ground::new(&classes, &Default::default());
        for name in terms.components.keys() {
            let _ = ground.component(name);
        }
        for part in &mut ground.parts {
            part.domain = terms
                .components
                .get(&part.name)
                .map(|term| term.domain)
                .unwrap_or_default();
            part.lineage = Lineage::of(&part.name, records, &stalls);
        }
        let struck = strike(&events);
        let account = Account::of(&ground, &classes, operations);
        let reads = final_read::of(&ground, &account, &events, found);
        for (part, read) in ground.parts.iter_mut().zip(&reads) {
            part.serving = read.as_ref().ok().map(|read| read.incarnation);
        }
        if let Some(struck) = struck {
            for part in &ground.parts {
                for incarnation in &part.lineage.incarnations {
                    let began = part.lineage.life_began(*incarnation);
                    let from = latest(began.into_iter().chain([struck])).unwrap_or(struck);
                    ground.proves_from.insert(*incarnation, from);
                }
            }
        }
        let pointing = pointing(&ground, &classes, found);
        let closing = match records.last().map(|record| &record.event) {
            Some(Event::Closed(closing)) => Some(closing),
            _ => None,
        };
        Facts {
            terms,
            records,
            stalls,
            calendar,
            events,
            struck,
            closing,
            ground,
            account,
            found: found.len() as u64,
            pointing,
            reads,
        }
    }

    /// When the first event that `wanted` accepts came after the strike. One that may lie before the strike makes
    /// the early edge early and leaves the late edge to those that certainly do not.
    pub(crate) fn first(&self, wanted: impl Fn(&Event) -> bool) -> Option<Stamp> {
        let struck = self.struck?;
        let late = self.events[self.first_at(&wanted)?].0.late;
        let accepted = self.after(struck, &wanted);
        let early = accepted.map(|(_, stamp)| stamp.early).min()?.max(struck.early);
        Some(Stamp::new(early, late))
    }

    /// The place in the history of the event that settles it by when the first that `wanted` accepts came: of those
    /// certainly after the strike the first, else of those that may be.
    pub(crate) fn first_at(&self, wanted: impl Fn(&Event) -> bool) -> Option<usize> {
        let struck = self.struck?;
        self.after(struck, &wanted)
            .min_by_key(|(_, stamp)| (stamp.early < struck.early, stamp.late))
            .map(|(place, _)| place)
    }

    /// Places and stamps of events that may lie after the strike.
    fn after(&self, struck: Stamp, wanted: &impl Fn(&Event) -> bool) -> impl Iterator<Item = (usize, Stamp)> {
        let events = self.events.iter().enumerate();
        events
            .filter(move |(_, (stamp, event))| stamp.late >= struck.early && wanted(event))
            .map(|(place, (stamp, _))| (place, *stamp))
    }

    /// When the last event that `wanted` accepts came.
    pub(crate) fn last(&self, wanted: impl Fn(&Event) -> bool) -> Option<Stamp> {
        latest(
            self.events
                .iter()
                .filter(|(_, event)| wanted(event))
                .map(|(stamp, _)| *stamp),
        )
    }

    pub(crate) fn authorised(&self) -> Option<Stamp> {
        self.first(|event| matches!(event, Event::Authorised { .. }))
    }

    /// Declared; authorised where the plan does not separate the two.
    pub(crate) fn declared(&self) -> Option<Stamp> {
        self.declaration().or_else(|| self.authorised())
    }

    /// Declared in so many words.
    pub(crate) fn declaration(&self) -> Option<Stamp> {
        self.first(|event| matches!(event, Event::Declared { .. }))
    }

    pub(crate) fn procedure_begun(&self) -> Option<Stamp> {
        self.first(|event| matches!(event, Event::Procedure { edge: Edge::Begun, .. }))
    }

    pub(crate) fn procedure_ended(&self) -> Option<Stamp> {
        let begun = self.procedure_begun()?;
        let ended = self.events.iter().filter(|(stamp, event)| {
            stamp.late >= begun.early && matches!(event, Event::Procedure { edge: Edge::Ended, .. })
        });
        latest(ended.map(|(stamp, _)| *stamp))
    }

    /// The procedure ended and told that not every step succeeded.
    pub(crate) fn procedure_failed(&self) -> bool {
        let failed = |event: &Event| {
            matches!(
                event,
                Event::Procedure {
                    edge: Edge::Ended,
                    succeeded: Some(false)
                }
            )
        };
        self.events.iter().any(|(_, event)| failed(event))
    }

    /// The monitor was silent and the harness ordered the recovery.
    pub(crate) fn ordered_by_harness(&self) -> Option<Stamp> {
        self.last(|event| matches!(event, Event::OrderedByHarness {}))
    }

    pub(crate) fn load_stopped(&self) -> Option<Stamp> {
        self.last(|event| matches!(event, Event::LoadStopped {}))
    }

    /// From when service may be called restored: the first takeover after the strike, or the end of the first
    /// repair in place; where neither is recorded, the end of the procedure.
    pub(crate) fn recovered_from(&self) -> Option<Stamp> {
        let struck = self.struck?;
        let ended = self.procedure_ended();
        let change = |event: &Event| matches!(event, Event::Takeover { .. } | Event::Repair { edge: Edge::Ended, .. });
        let Some(first) = self.first(change) else { return ended };
        let certain = self
            .events
            .iter()
            .any(|(stamp, event)| stamp.early >= struck.early && change(event));
        match ended {
            // The only one may lie before the strike: then the end of the procedure is what is left.
            Some(ended) if !certain => Some(first.hull(ended)),
            _ => Some(first),
        }
    }
}

/// The service whose rows point at objects.
pub(crate) const OBJECT_SERVICE: &str = "files";

/// Rows of each component that point at objects, as the final read that counts found them.
fn pointing(ground: &Ground, classes: &[Class], found: &[FoundRow]) -> Vec<Option<u64>> {
    let mut pointing = vec![None; ground.parts.len()];
    let spaces: BTreeSet<u16> = classes
        .iter()
        .filter(|class| class.service == OBJECT_SERVICE)
        .map(|class| class.space)
        .collect();
    for space in spaces {
        let component = ground.spaces.get(&space).map(|component| usize::from(*component));
        if let Some((part, rows)) = component.and_then(|at| ground.parts.get(at).zip(pointing.get_mut(at)))
            && part.domain == Domain::Store
        {
            let mine = |row: &&FoundRow| row.space == space && part.serving == Some(row.incarnation);
            *rows = Some(rows.unwrap_or(0) + found.iter().filter(mine).count() as u64);
        }
    }
    pointing
}

/// The latest of several stamps.
pub(crate) fn latest(stamps: impl Iterator<Item = Stamp>) -> Option<Stamp> {
    stamps.reduce(|one, other| Stamp {
        early: one.early.max(other.early),
        late: one.late.max(other.late),
    })
}

/// Invoked .. proved of the striking fault, invoked alone where no proof is recorded.
fn strike(events: &[(Stamp, &Event)]) -> Option<Stamp> {
    let edge = |wanted: FaultEdge| {
        events.iter().find_map(|(stamp, event)| match event {
            Event::Fault {
                strikes: true, edge, ..
            } if *edge == wanted => Some(*stamp),
            _ => None,
        })
    };
    let invoked = edge(FaultEdge::Invoked)?;
    Some(edge(FaultEdge::Proved).map_or(invoked, |proved| {
        Stamp::new(invoked.early, proved.late.max(invoked.late))
    }))
}
