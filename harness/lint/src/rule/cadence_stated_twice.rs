//! One drill with two intervals.

use std::collections::BTreeMap;

use firedrill_core::document::Place;
use firedrill_core::plan::DrillDuty;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::Subject;
use crate::words;

pub(crate) static RULE: Rule = Rule {
    name: "cadence-stated-twice",
    class: Class::Contradiction,
    severity: Severity::Warn,
    title: "One drill with two intervals",
    teaches: "\
A drill that is monthly in one list and quarterly in another is held quarterly, and the list that says monthly is shown to the
auditor. Drills (and reviews) of the same name are compared within a plan.

The same interval twice is fine, and so are drills of different names.

Keep one list.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    for (section, duties) in [("drills", &subject.plan.drills), ("reviews", &subject.plan.reviews)] {
        let mut by_name: BTreeMap<String, Vec<(usize, &DrillDuty)>> = BTreeMap::new();
        for (index, duty) in duties.iter().enumerate() {
            if duty.every.is_some() {
                by_name.entry(duty.what.to_lowercase()).or_default().push((index, duty));
            }
        }
        for all in by_name.values() {
            let mut lengths: Vec<_> = all
                .iter()
                .filter_map(|(_, duty)| duty.every.as_ref().and_then(length::of))
                .collect();
            lengths.sort_unstable();
            lengths.dedup();
            if lengths.len() < 2 {
                continue;
            }
            let texts: Vec<String> = all
                .iter()
                .filter_map(|(_, duty)| duty.every.as_ref().map(ToString::to_string))
                .collect();
            found.push(
                Draft::new(
                    &all[0].1.what,
                    format!("every {}", words::row(texts.iter().map(String::as_str))),
                )
                .because(
                    "The same duty stands in two lists with different intervals; the longer one is what will be done.",
                )
                .advice("keep one list")
                .shows_all(all.iter().filter_map(|(index, duty)| {
                    let at = Place::of(section).then(index).then("every");
                    Some(subject.figure(&at, duty.every.as_ref()?, &format!("{}, every", duty.what)))
                })),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "cadence-stated-twice";

    fn plan(second: &str) -> String {
        format!(
            "drills: [{{ what: failover of DNS, every: {{ is: 1 month, where: a }}, where: a }}, \
             {{ what: Failover of DNS, every: {{ is: {second}, where: b }}, where: b }}]"
        )
    }

    #[test]
    fn monthly_here_and_quarterly_there() {
        assert_eq!(
            found(RULE, &plan("1 quarter")),
            ["warn failover of DNS: every 1 month and 1 quarter"]
        );
    }

    #[test]
    fn silent_where_both_agree() {
        assert!(found(RULE, &plan("1 month")).is_empty());
    }
}
