//! Help that is called when the RTO is already over.

use std::collections::BTreeMap;

use firedrill_core::document::Place;
use firedrill_core::plan::Escalation;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::{Placed, Subject, listed, tightest};

pub(crate) static RULE: Rule = Rule {
    name: "escalation-after-rto",
    class: Class::Arithmetic,
    severity: Severity::Warn,
    title: "Help that is called when the RTO is already over",
    teaches: "\
An escalation that begins at or after the RTO cannot help to keep it. Held against the tightest RTO of the plan is, in each
ladder, the second level: the first help that whoever started can get. Later levels may well be for other things than
recovery, and are left alone; of ladders for classes of incidents only that of the worst class counts.

Silent where the second level begins before the tightest RTO.

Let the second level begin while there is still time to use its help: at half of the RTO at the latest.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    let plan = subject.plan;
    let mut targets: Vec<Placed<'_, _>> = listed(&Place::of("rto"), &plan.rto, "RTO of the plan");
    for (name, component) in &plan.components {
        let at = Place::of("components").then(name).then("rto");
        targets.extend(listed(&at, &component.rto, &format!("RTO of {name}")));
    }
    for (name, disaster) in &plan.disasters {
        let at = Place::of("disasters").then(name).then("rto");
        targets.extend(listed(&at, &disaster.rto, &format!("RTO after {name}")));
    }
    for (index, tier) in plan.tiers.iter().enumerate() {
        let at = Place::of("tiers").then(index).then("rto");
        let name = tier.title.clone().unwrap_or_else(|| format!("tier {}", tier.level));
        targets.extend(listed(&at, &tier.rto, &format!("RTO of {name}")));
    }
    let Some(rto) = tightest(&targets) else { return };
    let Some(allowed) = length::of(rto.figure) else { return };
    for ((ladder, severity), levels) in ladders(subject) {
        // Only the worst incidents are bound to be as urgent as the tightest RTO.
        let worst = plan.severities.first().map(|severity| severity.level.as_str());
        if severity.is_some() && worst.is_some() && severity != worst {
            continue;
        }
        let Some((index, second, begins)) = levels.get(1).copied() else {
            continue;
        };
        if begins < allowed {
            continue;
        }
        let of = match (ladder, severity) {
            (Some(ladder), _) => format!("{ladder} escalation"),
            (None, Some(severity)) => format!("escalation of {severity}"),
            (None, None) => "escalation".to_owned(),
        };
        found.push(
            Draft::new(
                of,
                format!(
                    "{} is called after {}, the RTO is {}",
                    second.who,
                    length::words(begins),
                    rto.figure
                ),
            )
            .because(format!(
                "{} ({}) begins at {}; {}: {}. The help comes when the target is already missed.",
                second.level,
                second.who,
                length::words(begins),
                rto.of,
                rto.figure
            ))
            .advice(format!(
                "let it begin after {} at the latest",
                length::words(allowed / 2)
            ))
            .shows(subject.statement(
                Place::of("escalation").then(index).then("from"),
                format!("{}: {} from {}", second.level, second.who, length::words(begins)),
                &second.place,
            ))
            .shows(subject.placed(rto)),
        );
    }
}

/// A level with its index and when it begins.
pub(super) type Level<'a> = (usize, &'a Escalation, i64);

/// The ladders of a plan, by name and class of incident, each in the order of time.
pub(super) fn ladders<'a>(subject: &Subject<'a>) -> BTreeMap<(Option<&'a str>, Option<&'a str>), Vec<Level<'a>>> {
    let mut ladders: BTreeMap<_, Vec<Level<'a>>> = BTreeMap::new();
    for (index, level) in subject.plan.escalation.iter().enumerate() {
        let Some(from) = level.from else { continue };
        ladders
            .entry((level.ladder.as_deref(), level.severity.as_deref()))
            .or_default()
            .push((index, level, length::least(from)));
    }
    for levels in ladders.values_mut() {
        levels.sort_by_key(|(index, _, from)| (*from, *index));
    }
    ladders
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "escalation-after-rto";

    fn plan(second: &str) -> String {
        format!(
            "rto: [{{ is: 15 min, where: t }}]\nescalation: [{{ level: L1, who: on call, from: 0 min, where: e }}, \
             {{ level: L2, who: lead, from: {second}, where: e }}]"
        )
    }

    #[test]
    fn help_after_the_target_is_missed() {
        assert_eq!(
            found(RULE, &plan("15 min")),
            ["warn escalation: lead is called after 15 min, the RTO is 15 minutes"]
        );
    }

    #[test]
    fn silent_where_help_comes_in_time() {
        assert!(found(RULE, &plan("5 min")).is_empty());
    }
}
