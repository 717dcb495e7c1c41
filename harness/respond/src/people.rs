//! The people of the plan: who responds to an alert, who decides, and how long the plan allows them.
//!
//! Time for people is credited, not slept. Where the plan calls the disaster automated nobody is waited for and nothing
//! is credited.

use firedrill_core::Event;
use firedrill_core::plan::{Automation, Disaster, Figure, Plan};
use firedrill_core::stamp::Nanos;

use crate::clock::instant;
use crate::figure;
use crate::observer::Observer;

/// Plan time granted to people for one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Plan nanoseconds.
    pub plan: Nanos,
    /// What for, with the plan's section.
    pub what: String,
}

/// Who acts on an alert, and what the plan grants them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct People {
    responder: String,
    decider: String,
    respond: Option<Allowance>,
    decide: Option<Allowance>,
}

impl People {
    /// The people of one disaster of the plan.
    ///
    /// # Errors
    /// An allowance is written in a unit without fixed length; the text says which and what to write.
    pub fn of(plan: &Plan, disaster: &Disaster) -> Result<People, String> {
        if disaster.automated == Automation::Yes {
            return Ok(People::automation());
        }
        let level = |index: usize| plan.escalation.get(index).map(|level| level.who.clone());
        let responder = level(0).unwrap_or_else(|| "on call".into());
        Ok(People {
            decider: level(1).unwrap_or_else(|| responder.clone()),
            responder,
            respond: disaster
                .respond
                .as_ref()
                .map(|figure| allowance(figure, "respond"))
                .transpose()?,
            decide: disaster
                .decide
                .as_ref()
                .map(|figure| allowance(figure, "decide"))
                .transpose()?,
        })
    }

    /// Nobody: automation acknowledges and authorises at once.
    #[must_use]
    pub fn automation() -> People {
        let who = String::from("automation");
        People {
            responder: who.clone(),
            decider: who,
            respond: None,
            decide: None,
        }
    }

    /// Whether any time is granted.
    #[must_use]
    pub fn are_credited(&self) -> bool {
        self.respond.is_some() || self.decide.is_some()
    }

    /// An alert has been raised: credits the time to respond, then tells that it was acknowledged. `credit` records the
    /// allowance (an [`Event::Credit`]) before it returns, so that the acknowledgement counts after it.
    pub fn acknowledge(&self, observer: &dyn Observer, credit: &mut dyn FnMut(&Allowance)) {
        if let Some(allowance) = &self.respond {
            credit(allowance);
        }
        observer.observed(
            instant(),
            Event::Acknowledged {
                who: self.responder.clone(),
            },
        );
    }

    /// Credits the time to decide, then tells that recovery may start.
    pub fn authorise(&self, observer: &dyn Observer, credit: &mut dyn FnMut(&Allowance)) {
        if let Some(allowance) = &self.decide {
            credit(allowance);
        }
        observer.observed(
            instant(),
            Event::Authorised {
                who: self.decider.clone(),
            },
        );
    }
}

fn allowance(figure: &Figure<firedrill_core::plan::Duration>, what: &str) -> Result<Allowance, String> {
    let plan = figure::nanos(figure, &format!("time to {what} ({})", figure.place))?;
    Ok(Allowance {
        plan,
        what: format!("time for people to {what}, {}", figure.place),
    })
}
