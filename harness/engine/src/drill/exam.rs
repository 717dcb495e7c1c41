//! The exam of one fault: in a small environment under load it is injected, proved, noticed and healed, and each of
//! the four is looked at. No recovery runs and nothing is judged: this is the harness examining itself.

use std::collections::BTreeSet;
use std::time::Duration;

use firedrill_core::event::{Event, FaultEdge};
use firedrill_core::stamp::{Nanos, SECOND, Stamp};
use firedrill_core::terms::DetectorTerm;
use firedrill_environment::Capability;
use firedrill_load::now;
use tokio::sync::mpsc::UnboundedReceiver;

use super::{Drill, DrillError};
use crate::fault::catalogue::Healing;

/// How long a monitor is watched that is not expected to notice.
const SILENCE: Duration = Duration::from_secs(4);
/// How long other rules get to notice too, once one has.
const OTHERS: Duration = Duration::from_secs(2);
/// How long what was healed may take to be whole, and to serve its clients, again.
const HEALED_MAX: Nanos = 30 * SECOND;

/// What the exam of one fault showed. Each `Err` says why it is not so.
#[derive(Clone, Debug)]
pub struct Examined {
    /// What the built fault says that it needs.
    pub needs: Vec<Capability>,
    /// It could be injected.
    pub injected: Result<(), String>,
    /// The harness's own probe saw it, and what it saw.
    pub proved: Result<String, String>,
    /// Rules of the monitor that raised an alert after the strike, with their kinds.
    pub noticed: BTreeSet<(String, String)>,
    /// It was healed, and healing it once more did nothing; and how far.
    pub healed: Result<&'static str, String>,
}

impl Drill {
    /// Examines the striking fault of the scenario.
    ///
    /// # Errors
    /// When the harness could not go on; what the fault itself did not do stands in the result. The drill must be taken
    /// down all the same.
    pub async fn examine(&mut self, healing: Healing) -> Result<Examined, DrillError> {
        let mut events = self.recorder.watch();
        self.set_stage().await?;
        let at = self.steady().await?;
        let index = self
            .scenario()
            .faults
            .iter()
            .position(|fault| fault.strikes)
            .unwrap_or(0);
        let needs = self.faults[index].needs();
        let begun = now();
        let injected = match self.disrupt(at).await {
            Err(DrillError::Fault(error)) => Err(error.to_string()),
            other => other.map(|()| Ok(()))?,
        };
        // What was only half injected is no strike: nothing it raises or leaves is looked at.
        if injected.is_err() {
            return Ok(Examined {
                needs,
                injected,
                proved: Err("it was not injected".into()),
                noticed: BTreeSet::new(),
                healed: Err("it was not injected".into()),
            });
        }
        match &self.script.terms.detector {
            DetectorTerm::Alerts { .. } => {
                if self.wait_for_alert().await? {
                    tokio::time::sleep(OTHERS).await;
                }
            }
            DetectorTerm::None => tokio::time::sleep(SILENCE).await,
        }
        self.look_again().await;
        let struck = self.struck.unwrap_or(Stamp::at(begun));
        let (proved, noticed) = seen(&mut events, struck);
        let healed = self.heal_and_look(index, healing).await?;
        Ok(Examined {
            needs,
            injected,
            proved,
            noticed,
            healed,
        })
    }

    async fn heal_and_look(
        &mut self,
        index: usize,
        healing: Healing,
    ) -> Result<Result<&'static str, String>, DrillError> {
        self.injected.retain(|other| *other != index);
        let fault = self.faults[index].as_ref();
        for time in ["", "a second time, "] {
            if let Err(error) = fault.heal().await {
                return Ok(Err(format!("{time}{error}")));
            }
        }
        let event = super::disrupt::fault_event(fault, self.scenario(), FaultEdge::Healed, "");
        self.recorder.record_now(event);
        if healing == Healing::Recovery {
            return Ok(Ok("by recovery"));
        }
        let until = now() + HEALED_MAX;
        loop {
            self.still_recording()?;
            let proof = fault.prove().await;
            if !proof.broken && self.all_good() {
                return Ok(Ok("yes"));
            }
            if now() > until {
                return Ok(Err(if proof.broken {
                    format!("still broken: {}", proof.seen)
                } else {
                    "whole again, but clients are not served".to_owned()
                }));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// What the history says of the striking fault's proof, and of alerts since the strike.
fn seen(
    events: &mut UnboundedReceiver<(Stamp, Event)>,
    struck: Stamp,
) -> (Result<String, String>, BTreeSet<(String, String)>) {
    let mut proved = Err("no probe looked".to_owned());
    let mut noticed = BTreeSet::new();
    while let Ok((stamp, event)) = events.try_recv() {
        match event {
            Event::Fault {
                strikes: true,
                edge,
                detail,
                ..
            } => {
                let seen = detail.get("seen").cloned().unwrap_or_default();
                match edge {
                    FaultEdge::Proved => proved = Ok(seen),
                    FaultEdge::NotProved => proved = Err(seen),
                    FaultEdge::NotHolding => proved = Err(format!("proved at first, then no longer: {seen}")),
                    FaultEdge::Invoked | FaultEdge::Holding | FaultEdge::Healed => {}
                }
            }
            Event::Alert {
                rule,
                kind,
                raised: true,
                ..
            } if stamp.late >= struck.early => {
                noticed.insert((rule, kind));
            }
            _ => {}
        }
    }
    (proved, noticed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_alerts_since_the_strike_noticed_it_and_a_proof_must_still_hold() {
        let (sender, mut events) = tokio::sync::mpsc::unbounded_channel();
        let alert = |rule: &str| Event::Alert {
            rule: rule.into(),
            kind: "database_unreachable".into(),
            raised: true,
            failures: Vec::new(),
        };
        let fault = |edge| Event::Fault {
            name: "exam".into(),
            strikes: true,
            edge,
            detail: [("seen".to_owned(), "down".to_owned())].into(),
        };
        for (at, event) in [(5, alert("early")), (10, fault(FaultEdge::Proved)), (12, alert("late"))] {
            sender.send((Stamp::at(at), event)).expect("open");
        }
        let (proved, noticed) = seen(&mut events, Stamp::at(9));
        assert_eq!(proved, Ok("down".to_owned()));
        assert_eq!(noticed.into_iter().map(|(rule, _)| rule).collect::<Vec<_>>(), ["late"]);
        for edge in [FaultEdge::Proved, FaultEdge::NotHolding] {
            sender.send((Stamp::at(20), fault(edge))).expect("open");
        }
        assert!(seen(&mut events, Stamp::at(9)).0.is_err());
    }
}
