//! Where the harness itself did not look: stalls, and how they widen what they touch.
//!
//! A stamp that touches a stall, ends included, becomes the hull of both; one widening never leads to the next.

use crate::event::{Event, Record};
use crate::stamp::{MILLISECOND, Nanos, Stamp};

/// A gap between beats longer than this is a stall.
const GAP: Nanos = 250 * MILLISECOND;

/// The stalls of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stalls {
    /// Sorted by their early edge.
    pub(crate) list: Vec<Stamp>,
    /// First and last beat, where any was recorded.
    pub(crate) beaten: Option<Stamp>,
}

impl Stalls {
    /// Stalls as recorded, and those that the heartbeat betrays although nobody recorded them.
    pub(crate) fn of(records: &[Record]) -> Stalls {
        let mut list: Vec<Stamp> = records
            .iter()
            .filter(|record| matches!(record.event, Event::Stall {}))
            .map(|record| Stamp::new(record.stamp.early, record.stamp.late))
            .collect();
        let recorded = list.len();
        let mut beats: Vec<(Nanos, Stamp, Nanos)> = Vec::new();
        for record in records {
            if let Event::Beats { from, gap_max, .. } = record.event {
                beats.push((
                    from,
                    Stamp::new(from, record.stamp.early.min(record.stamp.late)),
                    gap_max,
                ));
            }
        }
        beats.sort_unstable_by_key(|beat| (beat.0, beat.1));
        let known = |list: &[Stamp], span: Stamp| list[..recorded].iter().any(|stall| stall.touches(span));
        let mut last: Option<Nanos> = None;
        for (from, span, gap_max) in &beats {
            if *gap_max > GAP && !known(&list, *span) {
                list.push(*span);
            }
            if let Some(last) = last {
                let gap = Stamp::new(last, *from);
                if i128::from(*from) - i128::from(last) > i128::from(GAP) && !known(&list, gap) {
                    list.push(gap);
                }
            }
            last = Some(last.map_or(span.late, |last| last.max(span.late)));
        }
        list.sort_unstable();
        list.dedup();
        let beaten = beats.first().zip(last).map(|(first, last)| Stamp::new(first.0, last));
        Stalls { list, beaten }
    }

    /// The hull of a stamp and of every stall that it touches.
    pub(crate) fn widen(&self, stamp: Stamp) -> Stamp {
        let stamp = Stamp::new(stamp.early, stamp.late);
        self.list
            .iter()
            .filter(|stall| stall.touches(stamp))
            .fold(stamp, |hull, stall| hull.hull(*stall))
    }

    /// An instant, widened.
    pub(crate) fn at(&self, instant: Nanos) -> Stamp {
        self.widen(Stamp::at(instant))
    }

    /// The first instant whose widened late edge is no longer before `edge`: all instants below it are.
    pub(crate) fn certainly_before(&self, edge: Nanos) -> Nanos {
        self.list
            .iter()
            .filter(|stall| stall.late >= edge)
            .map(|stall| stall.early)
            .fold(edge, Nanos::min)
    }
}
