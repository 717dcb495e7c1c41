//! Who saw that the striking fault broke something.
//!
//! A built-in fault is proved by the harness's own probe. One of the scenario's own is proved by another command of the
//! scenario's own: if neither clients, nor the plan's monitor, nor the ledger saw anything, and nothing was restored, then
//! no target was put to the test.

use crate::verdict::{Finding, Outcome};

use super::detection;
use super::facts::Facts;
use super::finding::unless;
use super::loss::PartLoss;
use super::restoration::Restoration;

const NOBODY: &str = "nothing was broken that anyone but its own command saw: no impact on clients, no alert, no takeover, \
                      nothing lost or altered";

/// Turns what was met into inconclusive where nobody else saw the fault; a proved miss is a sight of its own.
pub(crate) fn hold_back(findings: &mut [Finding], facts: &Facts<'_>, seen: &Seen<'_>) {
    if !facts.terms.own_fault || seen.by_anyone(facts) || findings.iter().any(|it| it.outcome == Outcome::Fail) {
        return;
    }
    let rests_on_it = |id: &str| {
        let kind = id.split(['.', '#']).next().unwrap_or(id);
        ["rto", "rpo", "tier", "order", "recovery"].contains(&kind)
    };
    for finding in findings.iter_mut().filter(|finding| rests_on_it(&finding.id)) {
        unless(finding, NOBODY.to_owned());
    }
}

/// What may have been seen.
pub(crate) struct Seen<'a> {
    pub(crate) overall: &'a Restoration,
    pub(crate) tiers: &'a [Restoration],
    pub(crate) losses: &'a [PartLoss],
}

impl Seen<'_> {
    fn by_anyone(&self, facts: &Facts<'_>) -> bool {
        let Some(struck) = facts.struck else { return false };
        let clients = std::iter::once(self.overall)
            .chain(self.tiers)
            .any(|service| service.impact().is_some());
        let taken_over = facts.ground.parts.iter().any(|part| {
            let mut takeovers = part.lineage.takeovers.iter();
            takeovers.any(|takeover| takeover.stamp.late >= struck.early)
        });
        let ledger = self.losses.iter().any(|part| {
            let loss = &part.loss;
            let altered = [loss.mutated, loss.unexpected, loss.duplicated, loss.dangling];
            loss.lost > 0 || altered.iter().any(|count| *count > 0)
        });
        clients || taken_over || ledger || detection::alerted(facts).is_some()
    }
}
