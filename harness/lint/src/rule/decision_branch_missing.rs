//! A decision matrix without a branch for what the plan lists.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_core::document::Place;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::severity::Severity;
use crate::subject::Subject;
use crate::words;

pub(crate) static RULE: Rule = Rule {
    name: "decision-branch-missing",
    class: Class::Coverage,
    severity: Severity::Warn,
    title: "A decision matrix without a branch for what the plan lists",
    teaches: "\
A decision matrix is read when nobody has time to think. A disaster without a branch, or a branch with two conditions of which
the second fails, ends the reading where the need begins: \"the database is down and backups can be reached\" leaves out the
worse half.

Listed are disasters that no branch leads to, and branches with several conditions for which no branch begins with the same
first condition alone or with another second one. Silent in plans without a matrix.

Add a branch for each disaster, and one for everything else.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    let plan = subject.plan;
    if plan.decisions.is_empty() {
        return;
    }
    let reached: BTreeSet<&str> = plan
        .decisions
        .iter()
        .filter_map(|decision| decision.disaster.as_deref())
        .collect();
    let without: Vec<&str> = plan
        .disasters
        .keys()
        .map(String::as_str)
        .filter(|name| !reached.contains(name))
        .collect();
    let otherwise = plan.decisions.iter().any(|decision| {
        decision
            .when
            .iter()
            .any(|when| words::has_any(when, &["otherwise", "else", "anything", "any", "none"]))
    });
    if !without.is_empty() && !otherwise && !reached.is_empty() {
        let mut draft = Draft::new(
            &plan.plan,
            format!(
                "the decision matrix leads to {} of {} disasters",
                reached.len(),
                plan.disasters.len()
            ),
        )
        .because(format!(
            "No branch for {}; and none for everything else.",
            words::row(without.iter().copied())
        ))
        .advice("add a branch for each disaster, and one for everything else")
        .shows_all(plan.decisions.iter().enumerate().map(|(index, decision)| {
            let at = Place::of("decisions").then(index).then("then");
            subject.statement(at, format!("branch: {}", decision.when.join(" and ")), &decision.place)
        }))
        .shows_all(without.iter().map(|name| subject.disaster(name)));
        if plan.decisions.iter().any(|decision| decision.disaster.is_none()) {
            draft = draft.assumes("branches that name no disaster lead to none of these");
        }
        found.push(draft);
    }
    let mut begun: BTreeMap<&str, usize> = BTreeMap::new();
    for first in plan.decisions.iter().filter_map(|decision| decision.when.first()) {
        *begun.entry(first).or_default() += 1;
    }
    for (index, decision) in plan.decisions.iter().enumerate() {
        let [first, others @ ..] = decision.when.as_slice() else {
            continue;
        };
        if others.is_empty() || otherwise {
            continue;
        }
        if begun.get(first.as_str()).is_some_and(|count| *count > 1) {
            continue;
        }
        let missing = words::row(others.iter().map(String::as_str));
        found.push(
            Draft::new(first, format!("no branch for when \"{missing}\" does not hold"))
                .because(format!(
                    "The only branch for \"{first}\" also needs \"{missing}\". Where that fails, the matrix says nothing."
                ))
                .advice("add the branch: what is done when it does not hold")
                .shows(subject.statement(
                    Place::of("decisions").then(index).then("when"),
                    format!("branch: {}", decision.when.join(" and ")),
                    &decision.place,
                )),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "decision-branch-missing";

    fn plan(more: &str) -> String {
        format!(
            "disasters: {{ a: {{ title: A, automated: manual }}, b: {{ title: B, automated: manual }} }}\n\
             decisions: [{{ when: [database is down, backups are there], then: restore, disaster: a, where: d }}{more}]"
        )
    }

    #[test]
    fn what_the_matrix_leaves_out() {
        assert_eq!(
            found(RULE, &plan("")),
            [
                "warn a-plan: the decision matrix leads to 1 of 2 disasters",
                "warn database is down: no branch for when \"backups are there\" does not hold",
            ]
        );
    }

    #[test]
    fn silent_where_every_end_is_tied() {
        let more = ", { when: [database is down, no backups], then: rebuild, disaster: b, where: d }";
        assert!(found(RULE, &plan(more)).is_empty());
        assert!(found(RULE, &plan(", { when: [anything else], then: call, where: d }")).is_empty());
    }
}
