//! How much each component lost: first and last lost write, what was kept before them, and the interval in plan time.
//!
//! rho is the latest instant up to which everything acknowledged was kept, E the later of the strike and the last lost
//! acknowledgement; the loss is E - rho, and both bounds come from acknowledgements alone.

use crate::event::{Event, Role};
use crate::ledger::{NO_INCARNATION, Operation, OperationKind, OperationOutcome, flag};
use crate::stamp::{Nanos, Stamp};
use crate::terms::Domain;
use crate::verdict::Loss;

use super::bounds::Bounds;
use super::classify::{AckedWrite, Classified};
use super::facts::Facts;
use super::key::Fate;
use super::lives::Life;

/// What one component lost, and what its findings need besides.
#[derive(Clone, Debug, Default)]
pub(crate) struct PartLoss {
    pub(crate) loss: Loss,
    pub(crate) first_lost: Option<Stamp>,
    pub(crate) last_lost: Option<Stamp>,
    /// Lost or possibly lost.
    first_doubt: Option<Nanos>,
    last_doubt: Option<Nanos>,
    /// The latest kept acknowledgement before the first doubt, or before the strike where there is none.
    kept_before: Option<Nanos>,
    /// First acknowledged write that is not preload.
    pub(crate) first_write: Option<Nanos>,
    /// Not widened by the quantum.
    pub(crate) bounds: Option<Bounds>,
    /// Where nothing was lost: plan time from the last kept write before the strike to the strike.
    pub(crate) gap: Option<i128>,
    /// By incarnation: the last acknowledgement it gave.
    last_acks: Vec<(u16, Nanos)>,
    /// By life: when the latest kept write was invoked.
    kept_sent: Vec<(Life, Nanos)>,
    /// A person's time was credited while the abandoned incarnation could still acknowledge.
    pub(crate) credited_until: Option<Stamp>,
}

/// The losses of all components of the ground, in its order.
pub(crate) fn of(facts: &Facts<'_>, classified: &Classified, operations: &[Operation]) -> Vec<PartLoss> {
    let mut losses: Vec<PartLoss> = classified
        .components
        .iter()
        .map(|counts| PartLoss {
            loss: Loss {
                acked: counts.acked,
                kept: counts.kept,
                kept_absent: counts.kept_absent,
                lost: counts.lost,
                possibly_lost: counts.possibly_lost,
                recovered: counts.recovered,
                mutated: counts.mutated,
                unexpected: counts.unexpected,
                duplicated: counts.duplicated,
                holes: counts.key_holes,
                dangling: counts.dangling,
                ..Loss::default()
            },
            ..PartLoss::default()
        })
        .collect();
    for write in classified.writes(operations) {
        let Some(slot) = facts.ground.slot(write.operation.class) else {
            continue;
        };
        let part = &facts.ground.parts[usize::from(slot.component)];
        let loss = &mut losses[usize::from(slot.component)];
        loss.take(&write, slot.role);
        if write.fate == Fate::Kept
            && write.operation.outcome == OperationOutcome::Acked
            && write.operation.incarnation != NO_INCARNATION
            && write.operation.flags & flag::QUEUED == 0
            && let Some(life) = part.lineage.life(write.operation)
        {
            raise(&mut loss.kept_sent, life, write.operation.sent);
        }
    }
    let limits: Vec<Option<Nanos>> = losses.iter().map(|loss| loss.kept_limit(facts)).collect();
    for write in classified.writes(operations) {
        let Some(slot) = facts.ground.slot(write.operation.class) else {
            continue;
        };
        let component = usize::from(slot.component);
        losses[component].take_again(&write, facts, component, limits[component]);
    }
    for (component, loss) in losses.iter_mut().enumerate() {
        loss.conclude(facts, component);
    }
    losses
}

impl PartLoss {
    fn take(&mut self, write: &AckedWrite<'_>, role: Role) {
        let acked = write.acked;
        if role != Role::Preload {
            self.first_write = Some(self.first_write.map_or(acked, |first| first.min(acked)));
        }
        let operation = write.operation;
        if operation.outcome == OperationOutcome::Acked && operation.incarnation != NO_INCARNATION {
            raise(&mut self.last_acks, operation.incarnation, operation.done);
        }
        if write.fate == Fate::Lost {
            let own = Stamp::at(acked);
            self.first_lost = Some(self.first_lost.map_or(own, |first| Stamp::at(first.early.min(acked))));
            self.last_lost = Some(self.last_lost.map_or(own, |last| Stamp::at(last.early.max(acked))));
        }
        if matches!(write.fate, Fate::Lost | Fate::Possibly) {
            self.first_doubt = Some(self.first_doubt.map_or(acked, |first| first.min(acked)));
            self.last_doubt = Some(self.last_doubt.map_or(acked, |last| last.max(acked)));
        }
    }

    /// Acknowledgements below this instant lie certainly before the first doubt, or before the strike.
    fn kept_limit(&self, facts: &Facts<'_>) -> Option<Nanos> {
        let edge = match self.first_doubt {
            Some(first) => facts.stalls.at(first).early,
            None => facts.struck?.early,
        };
        Some(facts.stalls.certainly_before(edge))
    }

    fn take_again(&mut self, write: &AckedWrite<'_>, facts: &Facts<'_>, component: usize, limit: Option<Nanos>) {
        let operation = write.operation;
        let part = &facts.ground.parts[component];
        if write.fate == Fate::Kept && limit.is_some_and(|limit| write.acked < limit) {
            self.kept_before = self.kept_before.max(Some(write.acked));
        }
        let stated = operation.outcome == OperationOutcome::Acked && operation.incarnation != NO_INCARNATION;
        if stated
            && operation.flags & flag::QUEUED == 0
            && part
                .lineage
                .superseded(operation.incarnation)
                .is_some_and(|since| since < operation.done)
        {
            self.loss.astray += 1;
        }
        if write.fate != Fate::Lost {
            return;
        }
        if facts
            .struck
            .is_some_and(|struck| facts.stalls.at(write.acked).late < struck.early)
        {
            self.loss.lost_before_strike += 1;
        }
        if part.domain == Domain::Key {
            return;
        }
        // Order is causal here, an answer received before a request was made, so a stall cannot blur it.
        let Some(life) = part.lineage.life(operation) else {
            return;
        };
        let serves = part.lineage.last_life() == Some(life);
        let later = self
            .kept_sent
            .iter()
            .any(|(of, sent)| *of == life && write.acked < *sent);
        if later || serves {
            self.loss.holes += 1;
        }
    }

    fn conclude(&mut self, facts: &Facts<'_>, component: usize) {
        let (Some(struck), Ok(_)) = (facts.struck, &facts.reads[component]) else {
            return;
        };
        self.first_lost = self.first_lost.map(|stamp| facts.stalls.widen(stamp));
        self.last_lost = self.last_lost.map(|stamp| facts.stalls.widen(stamp));
        let last_doubt = self.last_doubt.map(|acked| facts.stalls.at(acked));
        let kept = self.kept_before.map(|acked| facts.stalls.at(acked));
        self.credited_until = self.credited(facts, component, struck);
        let mut end = struck;
        if let Some(last) = last_doubt {
            end.late = end.late.max(last.late);
        }
        if let Some(last) = self.last_lost {
            end.early = end.early.max(last.early);
        }
        if let Some(takeover) = self.credited_until {
            end.late = end.late.max(takeover.late);
        }
        self.loss.end = Some(end);
        let first_early = self.first_doubt.map(|acked| facts.stalls.at(acked).early);
        self.loss.rho = match (kept, self.first_lost) {
            (_, None) if self.first_doubt.is_none() => Some(struck),
            (Some(kept), first) => Some(Stamp::new(kept.early, first.map_or(struck.late, |first| first.late))),
            (None, _) => None,
        };
        let lower = self
            .first_lost
            .map_or(0, |first| facts.calendar.at_least(first.late, end.early));
        let upper = if first_early.is_none() && self.credited_until.is_none() {
            Some(0)
        } else {
            kept.map(|kept| facts.calendar.at_most(kept.early, end.late))
        };
        let bounds = Bounds { lower, upper };
        self.bounds = Some(bounds);
        self.gap = kept.map(|kept| facts.calendar.at_most(kept.early, struck.late));
        self.loss.span = Some(bounds.span());
        if let (Some(first), Some(early)) = (self.first_lost, first_early) {
            let early = kept.map_or(early, |kept| kept.early);
            let before = Bounds {
                lower: facts.calendar.at_least(first.late, struck.early),
                upper: kept.map(|_| facts.calendar.at_most(early, struck.late)),
            };
            self.loss.before_strike = Some(before.span());
            self.loss.after_strike = Some(facts.calendar.between(struck, end).span());
        }
    }

    /// Credited time is loss while an incarnation that is later abandoned could still have acknowledged.
    fn credited(&self, facts: &Facts<'_>, component: usize, struck: Stamp) -> Option<Stamp> {
        let mut until: Option<Stamp> = None;
        for takeover in &facts.ground.parts[component].lineage.takeovers {
            let Some(abandoned) = takeover.before else { continue };
            if takeover.stamp.late <= struck.early {
                continue;
            }
            let fence = facts
                .events
                .iter()
                .filter(|(_, event)| matches!(event, Event::Fenced { incarnation } if *incarnation == abandoned))
                .map(|(stamp, _)| *stamp)
                .min_by_key(|stamp| stamp.late);
            let last = self
                .last_acks
                .iter()
                .find(|(of, _)| *of == abandoned)
                .map(|(_, acked)| *acked);
            let counts = facts.calendar.credits.iter().any(|(credit, plan)| {
                *plan > 0
                    && credit.late > struck.early
                    && credit.early < takeover.stamp.late
                    && fence.is_none_or(|fence| fence.late > credit.early)
                    && last.is_none_or(|last| last <= credit.late)
            });
            if counts {
                until = Some(until.map_or(takeover.stamp, |until| until.hull(takeover.stamp)));
            }
        }
        until
    }
}

/// What was sent shortly before the strike, for the instruments of an RPO finding.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Eve {
    /// Sent within the last RPO/10, lost writes left out.
    pub(crate) sent: u64,
    /// Of those, given up by the client before the strike.
    pub(crate) gave_up: u64,
    /// Acknowledged canary writes within the last RPO.
    pub(crate) canaries: u64,
}

impl Eve {
    /// Counts operations of `component` sent from `share_from`, and its canary's acknowledgements from
    /// `canary_from`, to the strike. Where a component has no canary its workload's writes stand in.
    pub(crate) fn of(
        facts: &Facts<'_>,
        classified: &Classified,
        operations: &[Operation],
        component: usize,
        share_from: Nanos,
        canary_from: Nanos,
    ) -> Eve {
        let mut eve = Eve::default();
        let Some(struck) = facts.struck else { return eve };
        let mine = |class: u16| {
            facts
                .ground
                .slot(class)
                .filter(|slot| usize::from(slot.component) == component)
        };
        let canary = facts
            .ground
            .slots
            .iter()
            .flatten()
            .any(|slot| usize::from(slot.component) == component && slot.role == Role::Canary);
        for (index, operation) in operations.iter().enumerate() {
            let Some(slot) = mine(operation.class) else { continue };
            if matches!(slot.role, Role::Preload | Role::Capacity) || operation.outcome == OperationOutcome::NotSent {
                continue;
            }
            if operation.sent >= share_from && operation.sent < struck.early && classified.fate(index) != Fate::Lost {
                eve.sent += 1;
                eve.gave_up += u64::from(
                    operation.outcome == OperationOutcome::Indeterminate
                        && operation.flags & flag::GAVE_UP != 0
                        && operation.done < struck.early,
                );
            }
            let counts = if canary {
                slot.role == Role::Canary
            } else {
                slot.role == Role::Workload
            };
            if counts
                && operation.kind != OperationKind::Read
                && operation.outcome == OperationOutcome::Acked
                && (canary_from..struck.early).contains(&operation.done)
            {
                eve.canaries += 1;
            }
        }
        eve
    }
}

fn raise<K: PartialEq>(list: &mut Vec<(K, Nanos)>, key: K, value: Nanos) {
    match list.iter_mut().find(|(of, _)| *of == key) {
        Some((_, most)) => *most = value.max(*most),
        None => list.push((key, value)),
    }
}
