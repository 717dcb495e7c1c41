//! Which incarnation served when: the lives of each component's data.
//!
//! A life is an incarnation between two replacements of its data. Two writes may be compared for order only within
//! one life, so where evidence leaves open which life a write belongs to, it belongs to none.

use crate::event::{Event, Record};
use crate::ledger::{NO_INCARNATION, Operation, OperationOutcome, flag};
use crate::stamp::{Nanos, Stamp};

use super::facts::latest;
use super::stalls::Stalls;

/// An incarnation and how often its data was replaced in place before.
pub(crate) type Life = (u16, u16);

/// A takeover of one component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Takeover {
    pub(crate) stamp: Stamp,
    pub(crate) incarnation: u16,
    /// The incarnation in force until then.
    pub(crate) before: Option<u16>,
}

/// The lives of one component.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lineage {
    /// Incarnation at the start.
    initial: Option<u16>,
    /// By their stamps.
    pub(crate) takeovers: Vec<Takeover>,
    /// Replacements in place: incarnation and when.
    boundaries: Vec<(u16, Stamp)>,
    /// Only one life is known.
    single: bool,
    /// Its incarnations.
    pub(crate) incarnations: Vec<u16>,
}

impl Lineage {
    /// One life from beginning to end.
    pub(crate) fn one_life() -> Lineage {
        Lineage {
            single: true,
            ..Lineage::default()
        }
    }

    pub(crate) fn of(component: &str, records: &[Record], stalls: &Stalls) -> Lineage {
        let mut lineage = Lineage::default();
        let mut points = Vec::new();
        for record in records {
            match &record.event {
                Event::Incarnation { id, component: of, .. } if of == component => lineage.incarnations.push(*id),
                Event::Takeover {
                    component: of,
                    incarnation,
                    ..
                } if of == component => {
                    let takeover = Takeover {
                        stamp: stalls.widen(record.stamp),
                        incarnation: *incarnation,
                        before: None,
                    };
                    lineage.takeovers.push(takeover);
                }
                Event::RecoveryPoint {
                    component: of, source, ..
                } if of == component => {
                    points.push((*source, stalls.widen(record.stamp)));
                }
                _ => {}
            }
        }
        lineage.initial = lineage.incarnations.first().copied();
        lineage
            .takeovers
            .sort_by_key(|takeover| (takeover.stamp.late, takeover.stamp.early));
        let mut before = lineage.initial;
        for takeover in &mut lineage.takeovers {
            takeover.before = before;
            if before == Some(takeover.incarnation) {
                lineage.boundaries.push((takeover.incarnation, takeover.stamp));
            }
            before = Some(takeover.incarnation);
            lineage.incarnations.push(takeover.incarnation);
        }
        lineage.incarnations.sort_unstable();
        lineage.incarnations.dedup();
        for (source, stamp) in points {
            // Declared without a takeover by another: the data was replaced in place.
            if before == Some(source)
                && !lineage
                    .takeovers
                    .iter()
                    .any(|takeover| takeover.stamp.late >= stamp.early)
            {
                lineage.boundaries.push((source, stamp));
            }
        }
        lineage.single = lineage.incarnations.len() <= 1 && lineage.boundaries.is_empty();
        lineage
    }

    /// The incarnation in force through a span; `None` where a takeover touches it.
    pub(crate) fn in_force(&self, span: Stamp) -> Option<u16> {
        let mut current = self.initial;
        for takeover in &self.takeovers {
            if takeover.stamp.touches(span) {
                return None;
            }
            if takeover.stamp.late < span.early {
                current = Some(takeover.incarnation);
            }
        }
        current
    }

    /// The incarnation in force at the end.
    pub(crate) fn last(&self) -> Option<u16> {
        self.takeovers
            .last()
            .map(|takeover| takeover.incarnation)
            .or(self.initial)
    }

    /// The life that a write belongs to, where that is certain.
    pub(crate) fn life(&self, operation: &Operation) -> Option<Life> {
        if self.single {
            return Some((
                self.initial
                    .or(self.incarnations.first().copied())
                    .unwrap_or(NO_INCARNATION),
                0,
            ));
        }
        if operation.flags & flag::QUEUED != 0 {
            return None;
        }
        let stated = operation.outcome == OperationOutcome::Acked && operation.incarnation != NO_INCARNATION;
        let incarnation = if stated {
            operation.incarnation
        } else {
            self.in_force(Stamp::at(operation.sent))?
        };
        if self.boundaries.is_empty() {
            return Some((incarnation, 0));
        }
        let span = Stamp::new(operation.sent, operation.done);
        let mut epoch: u16 = 0;
        for (of, stamp) in &self.boundaries {
            if *of != incarnation {
                continue;
            }
            if stamp.touches(span) {
                return None;
            }
            if stamp.late < span.early {
                epoch = epoch.saturating_add(1);
            }
        }
        Some((incarnation, epoch))
    }

    /// The life at the end: what the final read sees.
    pub(crate) fn last_life(&self) -> Option<Life> {
        let last = self.last()?;
        let replaced = self.boundaries.iter().filter(|(of, _)| *of == last).count();
        Some((last, u16::try_from(replaced).unwrap_or(u16::MAX)))
    }

    /// When another incarnation had certainly taken over from this one for good.
    pub(crate) fn superseded(&self, incarnation: u16) -> Option<Nanos> {
        let own = self
            .takeovers
            .iter()
            .rposition(|takeover| takeover.incarnation == incarnation);
        self.takeovers[own.map_or(0, |index| index + 1)..]
            .iter()
            .find(|takeover| takeover.incarnation != incarnation)
            .map(|takeover| takeover.stamp.late)
    }

    /// The last change of incarnation or replacement in place.
    pub(crate) fn last_change(&self) -> Option<Stamp> {
        let takeover = self.takeovers.iter().map(|takeover| takeover.stamp);
        takeover
            .chain(self.boundaries.iter().map(|(_, stamp)| *stamp))
            .max_by_key(|stamp| stamp.late)
    }

    /// When the present life of an incarnation began.
    pub(crate) fn life_began(&self, incarnation: u16) -> Option<Stamp> {
        let takeovers = self
            .takeovers
            .iter()
            .filter(|takeover| takeover.incarnation == incarnation);
        let boundaries = self.boundaries.iter().filter(|(of, _)| *of == incarnation);
        latest(
            takeovers
                .map(|takeover| takeover.stamp)
                .chain(boundaries.map(|(_, stamp)| *stamp)),
        )
    }
}
