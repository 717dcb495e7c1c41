//! What an earlier run resolved to concrete values, to be used again in place of fresh choices: the instant of its
//! strike, and what its faults chose. How processes took their turns is in no record, and is not reproduced.

use std::collections::BTreeMap;

use firedrill_core::event::{Edge, Event, FaultEdge, Phase, Record};
use firedrill_core::stamp::Nanos;

use super::Drill;

/// Concrete values of an earlier run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recalled {
    /// Its name.
    pub run: String,
    /// Drill time from the start of the steady state to the strike; none where nothing struck.
    pub strike_after: Option<Nanos>,
    /// What each fault said of itself, by the fault's name: the last value of each key counts.
    pub faults: BTreeMap<String, BTreeMap<String, String>>,
}

impl Recalled {
    /// Gathers them from a history.
    #[must_use]
    pub fn of(run: &str, records: &[Record]) -> Recalled {
        let mut recalled = Recalled {
            run: run.to_owned(),
            ..Recalled::default()
        };
        let mut steady = None;
        for record in records {
            match &record.event {
                Event::Phase {
                    phase: Phase::Steady,
                    edge: Edge::Begun,
                } => steady = Some(record.stamp.early),
                Event::Fault {
                    name,
                    strikes,
                    edge,
                    detail,
                } => {
                    recalled.faults.entry(name.clone()).or_default().extend(detail.clone());
                    if *strikes && *edge == FaultEdge::Invoked && recalled.strike_after.is_none() {
                        recalled.strike_after = steady.map(|from| record.stamp.early - from);
                    }
                }
                _ => {}
            }
        }
        recalled
    }
}

impl Drill {
    /// Gives the faults their recorded values back, and writes down which values are used again.
    pub(super) fn recall(&mut self) {
        let Some(recalled) = self.script.recalled.clone() else {
            return;
        };
        let mut values = BTreeMap::new();
        if let Some(after) = recalled.strike_after {
            values.insert("strike.after_ns".to_owned(), after.to_string());
        }
        for fault in &mut self.faults {
            let Some(recorded) = recalled.faults.get(fault.name()) else {
                continue;
            };
            for key in fault.recall(recorded) {
                if let Some(value) = recorded.get(&key) {
                    values.insert(format!("{}.{key}", fault.name()), value.clone());
                }
            }
        }
        self.recorder.record_now(Event::Recalled {
            run: recalled.run,
            values,
        });
    }
}

#[cfg(test)]
mod tests {
    use firedrill_core::stamp::Stamp;

    use super::*;

    #[test]
    fn the_strike_counts_from_steady_and_a_later_value_of_a_fault_wins() {
        let record = |at: Nanos, event| Record {
            seq: 0,
            prev: String::new(),
            stamp: Stamp::at(at),
            event,
        };
        let fault = |name: &str, strikes, edge, page: &str| Event::Fault {
            name: name.into(),
            strikes,
            edge,
            detail: [("page".to_owned(), page.to_owned())].into(),
        };
        let steady = Event::Phase {
            phase: Phase::Steady,
            edge: Edge::Begun,
        };
        let records = [
            record(5, fault("condition", false, FaultEdge::Invoked, "1")),
            record(10, steady),
            record(70, fault("strike", true, FaultEdge::Invoked, "not chosen yet")),
            record(75, fault("strike", true, FaultEdge::Proved, "1201")),
        ];
        let recalled = Recalled::of("earlier", &records);
        assert_eq!(recalled.strike_after, Some(60));
        assert_eq!(recalled.faults["strike"]["page"], "1201");
        assert_eq!(recalled.faults["condition"]["page"], "1");
        assert_eq!(Recalled::of("empty", &[]).strike_after, None);
    }
}
