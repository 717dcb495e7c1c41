//! What is wrong with the result that a scenario expects: one that no verdict has, or that contradicts itself.

use crate::document::Mistake;
use crate::scenario::Scenario;
use crate::verdict::Outcome;

use super::drill::Drill;
use super::limits;

pub(super) fn expectation(drill: &Drill, found: &mut Vec<Mistake>) {
    let at = drill.at("expect");
    let Scenario { expect, .. } = &drill.scenario;
    let fails = expect.findings.values().any(|outcome| *outcome == Outcome::Fail);
    let undecided = expect
        .findings
        .values()
        .any(|outcome| *outcome == Outcome::Inconclusive);
    let contradiction = match expect.exit {
        0 => fails || undecided,
        1 => false,
        3 => fails,
        _ => {
            found.push(Mistake::new(
                at.then("exit"),
                format!("exit code {}", expect.exit),
                "no verdict has this",
                "0: all targets met, 1: one missed, 3: undecided",
            ));
            false
        }
    };
    if contradiction {
        found.push(Mistake::new(
            at.then("findings"),
            format!("findings that are worse than exit code {} allows", expect.exit),
            "contradicts `exit`",
            "the worst finding decides: fail makes 1, inconclusive makes 3",
        ));
    }
    for id in expect.findings.keys() {
        let id_at = at.then("findings").then(id);
        let (root, part) = id.split_once('.').unwrap_or((id, ""));
        let part = part.split('#').next().unwrap_or("");
        if (root == "tier" || root == "rpo") && part.is_empty() {
            found.push(Mistake::new(
                id_at,
                format!("`{id}` does not say of what"),
                "incomplete",
                "write `rpo.COMPONENT` or `tier.LEVEL`",
            ));
        } else if root == "rpo" && drill.disaster().is_none() {
            // Which RPOs there are follows from the disaster, whose name is the mistake.
        } else if root == "rpo" && limits::rpo(drill, part).is_empty() {
            let known = drill
                .components()
                .into_iter()
                .filter(|name| !limits::rpo(drill, name).is_empty())
                .collect::<Vec<_>>();
            found.push(Mistake::unknown(
                id_at,
                "component with an RPO in this drill:",
                part,
                known,
            ));
        } else if root == "tier"
            && !part
                .parse()
                .is_ok_and(|level| drill.scenario.tiers.contains_key(&level))
        {
            let known: Vec<String> = drill.scenario.tiers.keys().map(u8::to_string).collect();
            found.push(Mistake::unknown(id_at, "tier", part, known.iter().map(String::as_str)));
        }
    }
}
