//! Whether the strike came when most would have been lost. Where it did not, and a later one could have missed an RPO that
//! was met, that is told: the figure stands, and what it does not show is named.

use crate::event::Event;
use crate::verdict::{Achieved, Finding, Outcome};

use super::bounds::{Bounds, limit_words};
use super::duration::words;
use super::facts::Facts;

/// What met RPOs leave untried, in words; empty where the strike came late enough in the cycle of backups.
pub(crate) fn untried(facts: &Facts<'_>, findings: &[Finding]) -> Vec<String> {
    let parts = facts.ground.parts.iter().map(|part| part.name.as_str());
    parts
        .flat_map(|name| {
            let own = findings.iter().filter(move |finding| is_rpo(finding, name));
            own.filter_map(move |finding| line(facts, name, finding))
        })
        .collect()
}

fn is_rpo(finding: &Finding, component: &str) -> bool {
    let id = finding.id.strip_prefix("rpo.");
    id.is_some_and(|id| id.split('#').next() == Some(component))
}

fn line(facts: &Facts<'_>, component: &str, finding: &Finding) -> Option<String> {
    let struck = facts.struck?;
    let limit = finding.limit.as_ref().filter(|limit| limit.plan > 0)?;
    let (Outcome::Pass, Achieved::Duration(loss)) = (finding.outcome, &finding.achieved) else {
        return None;
    };
    let cycle = i128::from(facts.terms.components.get(component)?.backup_cycle?);
    let newest = facts
        .events
        .iter()
        .rev()
        .find(|(stamp, event)| {
            matches!(event, Event::Restorable { component: of, .. } if of == component) && stamp.late <= struck.early
        })
        .map(|(stamp, _)| *stamp)?;
    let since = facts.calendar.between(newest, struck);
    let left = cycle - since.upper?;
    // The last tenth is what finding the moment takes.
    if left * 10 <= cycle {
        return None;
    }
    let lost = i128::from(finding.unwidened.as_ref().unwrap_or(loss).upper?);
    let worst = Bounds {
        lower: 0,
        upper: Some(lost + left),
    };
    (worst.held_to(limit) != Outcome::Pass).then(|| {
        format!(
            "{} at its worst moment: it struck {} of plan time after the newest restorable point, and one is due every {}; \
             struck just before the next, up to {} would be lost, where {} is demanded",
            finding.title,
            since.words(),
            words(cycle),
            words(lost + left),
            limit_words(limit)
        )
    })
}
