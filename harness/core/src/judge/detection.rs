//! Detection: whether and when the plan's own monitor noticed.

use crate::event::{Edge, Event};
use crate::stamp::Stamp;
use crate::terms::DetectorTerm;
use crate::verdict::{Achieved, Finding, Outcome};

use super::bounds::Bounds;
use super::facts::{Facts, latest};
use super::finding::{note_unwidened, plain, timed};

const TITLE: &str = "Detection by the plan's monitor";

/// What an alert of a kind that the striking fault can cause owes to the strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    /// No check that raised it had failed before the strike, as far as the recorder tells.
    Since,
    /// Some had, others failed since: it would have come all the same, but later.
    Mixed,
    /// Some had, and none that was sent after the strike took part: a false alarm that was told late.
    Before,
}

impl Basis {
    /// Of an alert that these failed checks raised.
    pub(crate) fn of(facts: &Facts<'_>, failures: &[Stamp], struck: Stamp) -> Basis {
        let mut before = failures.iter().map(|stamp| facts.stalls.widen(*stamp));
        // A check that was on its way when it struck may have met the fault.
        if !before.any(|stamp| stamp.late <= struck.early) {
            return Basis::Since;
        }
        match failures.iter().any(|stamp| stamp.early >= struck.early) {
            true => Basis::Mixed,
            false => Basis::Before,
        }
    }
}

/// The first alert after the strike of a kind that the striking fault can cause, and owed to no failure from before it.
pub(crate) fn alerted(facts: &Facts<'_>) -> Option<Stamp> {
    facts.first(|event| notices(facts, event))
}

/// The number of that alert in the history.
pub(crate) fn alert(facts: &Facts<'_>) -> Option<u64> {
    let place = facts.first_at(|event| notices(facts, event))?;
    facts.records.get(place).map(|record| record.seq)
}

/// Whether it is an alert of a kind that the striking fault can cause, and of what has happened since.
fn notices(facts: &Facts<'_>, event: &Event) -> bool {
    basis(facts, event) == Some(Basis::Since)
}

/// Of alerts of a kind that the striking fault can cause.
fn basis(facts: &Facts<'_>, event: &Event) -> Option<Basis> {
    match (&facts.terms.detector, event) {
        (
            DetectorTerm::Alerts { kinds, .. },
            Event::Alert {
                kind,
                raised: true,
                failures,
                ..
            },
        ) if kinds.contains(kind) => Some(Basis::of(facts, failures, facts.struck?)),
        _ => None,
    }
}

/// Where nobody was to notice: an alert that the plan counts on, raised before anybody declared the disaster. The time
/// until then would be part of the RTO, had the fault not stated that no plan could notice it.
pub(crate) fn against_the_statement(facts: &Facts<'_>) -> Option<String> {
    let (DetectorTerm::None, Some(struck), Some(declared)) = (&facts.terms.detector, facts.struck, facts.declared())
    else {
        return None;
    };
    facts.events.iter().find_map(|(stamp, event)| match event {
        Event::Alert {
            rule,
            kind,
            raised: true,
            ..
        } if facts.terms.unexpected_alerts.contains(kind)
            && stamp.late >= struck.early
            && stamp.early < declared.late =>
        {
            Some(format!(
                "the fault states that no plan could notice it, yet alert `{rule}` ({kind}) came before the declaration: \
                 from the strike, the time until it would count"
            ))
        }
        _ => None,
    })
}

/// The finding; `None` where the fault states that no plan could notice.
pub(crate) fn finding(facts: &Facts<'_>, about_plan: &mut Vec<String>) -> Option<Finding> {
    let DetectorTerm::Alerts { deadline, .. } = &facts.terms.detector else {
        about_plan.push(
            "no alert of the plan could notice this fault (detector: none); the RTO counts from the declaration only"
                .to_owned(),
        );
        return None;
    };
    let id = "detection".to_owned();
    let open = |why: &str| {
        Some(plain(
            id.clone(),
            TITLE.to_owned(),
            Outcome::Inconclusive,
            Achieved::Nothing,
            why.to_owned(),
        ))
    };
    let Some(struck) = facts.struck else {
        return open("nothing struck");
    };
    let watch = |wanted: Edge| {
        facts.events.iter().filter_map(move |(stamp, event)| match event {
            Event::Monitor { edge, .. } if *edge == wanted => Some(*stamp),
            _ => None,
        })
    };
    if !watch(Edge::Begun).any(|stamp| stamp.late <= struck.early) {
        return open("the monitor was not watching when it struck");
    }
    if let Some(alerted) = alerted(facts) {
        let found = facts.calendar.between(struck, alerted);
        let bounds = found.widened(facts.calendar.quantum);
        let mut finding = match deadline {
            Some(limit) => timed(
                id,
                TITLE.to_owned(),
                limit,
                bounds,
                "the monitor alerted after the strike within",
            ),
            None => {
                let because = format!("the monitor alerted; from the strike: {}", bounds.words());
                plain(id, TITLE.to_owned(), Outcome::Pass, bounds.achieved(), because)
            }
        };
        note_unwidened(&mut finding, found, facts.calendar.quantum);
        return Some(finding);
    }
    if facts.first(|event| basis(facts, event).is_some()).is_some() {
        return open(
            "the only alerts of a kind that this fault can cause count checks that had failed before the strike: what the \
             monitor would have said of the fault alone is not known",
        );
    }
    // Silent: infinity, as far as it was watched.
    let ordered = facts.ordered_by_harness();
    let ends = watch(Edge::Ended).filter(|stamp| stamp.late >= struck.early);
    let gave_up = facts.last(|event| matches!(event, Event::GaveUp { .. }));
    let Some(watched) = latest(ends.chain(ordered).chain(gave_up).chain(facts.load_stopped())) else {
        return open("no alert, and no record of how long the monitor watched");
    };
    let silent = Bounds {
        lower: facts.calendar.at_least(struck.late, watched.early),
        upper: None,
    };
    let silent = silent.widened(facts.calendar.quantum);
    let story = "never detected: no alert of a kind that this fault can cause came for";
    Some(match deadline {
        Some(limit) => timed(id, TITLE.to_owned(), limit, silent, story),
        None => plain(
            id,
            TITLE.to_owned(),
            Outcome::Fail,
            silent.achieved(),
            format!("{story} {}", silent.words()),
        ),
    })
}
