//! People of the plan in a drill: nobody takes part where time is credited to them or automation stands for them. What is
//! done then is done in their name, and no report may read as if they had signed it.

use crate::event::Event;
use crate::stamp::Stamp;
use crate::terms::PEOPLE;
use crate::verdict::StoodIn;

use super::facts::Facts;

/// Who a drill calls what acts at once in the place of people.
const AUTOMATION: &str = "automation";
/// Who a drill calls itself.
const HARNESS: &str = "harness";

/// Whether the evidence says that nobody took part.
pub(crate) fn none_took_part(facts: &Facts<'_>) -> bool {
    let stood_in = |planned: &str| planned == PEOPLE;
    let credited = |event: &Event| matches!(event, Event::Credit { .. });
    facts.terms.automated
        || facts.terms.stand_ins.iter().any(|stand_in| stood_in(&stand_in.planned))
        || facts.events.iter().any(|(_, event)| credited(event))
}

/// Who did what an event tells, in words.
pub(crate) fn by(facts: &Facts<'_>, who: &str) -> String {
    match who {
        HARNESS => "by the harness".to_owned(),
        AUTOMATION => format!("by {AUTOMATION}; nobody took part"),
        _ if none_took_part(facts) => format!("in the name of {who}; nobody took part"),
        _ => format!("by {who}"),
    }
}

/// What stood in for people in a phase that is about them.
pub(crate) fn in_phase(facts: &Facts<'_>, phase: &str, from: Stamp, until: Stamp) -> Option<StoodIn> {
    if !matches!(phase, "respond" | "decide") || !none_took_part(facts) {
        return None;
    }
    let credited = facts.events.iter().any(|(stamp, event)| {
        matches!(event, Event::Credit { plan, .. } if *plan > 0) && stamp.late > from.early && stamp.early <= until.late
    });
    Some(if credited {
        StoodIn::Credited
    } else {
        StoodIn::Automatic
    })
}
