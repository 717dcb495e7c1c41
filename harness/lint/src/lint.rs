//! Running the rules over plans.

use std::collections::BTreeMap;

use firedrill_core::Plan;
use firedrill_core::document::{Mistakes, Parsed};

use jiff::civil::Date;

use crate::acceptance;
use crate::finding::{Finding, Findings};
use crate::report::Report;
use crate::rule::{Look, RULES};
use crate::subject::Subject;

/// A drill that proves a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The plan it drills, by name.
    pub plan: String,
    /// The rule whose finding it proves.
    pub rule: String,
    /// What the finding is about; unset: whatever the rule finds in the plan.
    pub about: Option<String>,
    /// The drill, as `PLAN/SCENARIO` or `PLAN/SCENARIO:TWIN`.
    pub drill: String,
}

impl Proof {
    /// From what a scenario says that it proves: `RULE`, or `RULE/ABOUT`.
    #[must_use]
    pub fn of(drill: &str, proved: &str) -> Proof {
        let (rule, about) = match proved.split_once('/') {
            Some((rule, about)) => (rule, Some(about.to_owned())),
            None => (proved, None),
        };
        Proof {
            plan: drill.split('/').next().unwrap_or(drill).to_owned(),
            rule: rule.to_owned(),
            about,
            drill: drill.to_owned(),
        }
    }
}

/// Runs every rule over every plan; plans of one company are compared.
///
/// `today` is the day that reviews, drills and acceptances are held against.
///
/// # Errors
/// The first plan whose `accepted` names no rule or no reason, with all such mistakes of it.
pub fn lint<'a>(plans: &'a [Parsed<Plan>], today: Date, proofs: &[Proof]) -> Result<Report<'a>, Mistakes> {
    for parsed in plans {
        let mistakes = acceptance::mistakes(&parsed.value);
        if !mistakes.is_empty() {
            return Err(parsed.draw(mistakes));
        }
    }
    let subjects: Vec<Subject<'_>> = plans
        .iter()
        .enumerate()
        .map(|(index, parsed)| Subject::of(index, parsed, today))
        .collect();
    let mut findings = Vec::new();
    for rule in RULES {
        let mut found = Findings::of(rule);
        match rule.look {
            Look::Plan(look) => subjects.iter().for_each(|subject| look(subject, &mut found)),
            Look::Company(look) => companies(&subjects).for_each(|company| look(&company, &mut found)),
        }
        findings.extend(found.into_found());
    }
    prove(plans, &mut findings, proofs);
    acceptance::mark(plans, &mut findings, today);
    Ok(Report::new(plans, findings, today))
}

/// Plans of one company together; a plan that names none is compared with itself alone.
fn companies<'s, 'a>(subjects: &'s [Subject<'a>]) -> impl Iterator<Item = Vec<&'s Subject<'a>>> {
    let mut companies: BTreeMap<(Option<&str>, usize), Vec<&Subject<'a>>> = BTreeMap::new();
    for subject in subjects {
        let company = subject.plan.company.as_deref();
        let alone = if company.is_some() { 0 } else { subject.index + 1 };
        companies.entry((company, alone)).or_default().push(subject);
    }
    companies.into_values()
}

fn prove(plans: &[Parsed<Plan>], findings: &mut [Finding], proofs: &[Proof]) {
    let mut known: BTreeMap<(&str, &str), Vec<&Proof>> = BTreeMap::new();
    for proof in proofs {
        known.entry((&proof.plan, &proof.rule)).or_default().push(proof);
    }
    for finding in findings {
        let Some(first) = finding.statements.first() else {
            continue;
        };
        let plan = plans[first.plan].value.plan.as_str();
        for proof in known.get(&(plan, finding.rule.name)).into_iter().flatten() {
            if proof.about.as_ref().is_none_or(|about| *about == finding.about) {
                finding.drills.push(proof.drill.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use firedrill_core::document::Parsed;

    use super::*;
    use crate::fixture::{plan, today};
    use crate::severity::Severity;

    const TWICE: &str = "rto: [{ is: 4 h, where: a }, { is: 2 h, where: b }]\n";

    fn standing(text: &str) -> (usize, usize, Vec<String>) {
        let plans = [plan(&format!("{TWICE}{text}"))];
        let report = lint(&plans, today(), &[]).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        let expired = report
            .findings
            .iter()
            .filter_map(|finding| finding.expired.clone())
            .collect();
        let of_rule = |finding: &&Finding| finding.rule.name == "target-stated-twice";
        (report.standing().filter(of_rule).count(), report.accepted(), expired)
    }

    #[test]
    fn an_accepted_finding_rests_until_its_last_day() {
        let accepted = |about: &str, until: &str| {
            format!("accepted: [{{ rule: target-stated-twice, {about} reason: we know, until: {until} }}]")
        };
        assert_eq!(standing(""), (1, 0, vec![]));
        // The tests look at plans on 2026-12-07.
        assert_eq!(standing(&accepted("", "2026-12-07")), (0, 1, vec![]));
        assert_eq!(standing(&accepted("", "2026-12")), (0, 1, vec![]));
        assert_eq!(
            standing(&accepted("about: RTO of the plan,", "2026-12-31")),
            (0, 1, vec![])
        );
        assert_eq!(standing(&accepted("about: another,", "2026-12-31")), (1, 0, vec![]));
        let (back, none, expired) = standing(&accepted("", "2026-12-06"));
        assert_eq!((back, none), (1, 0));
        assert_eq!(expired, ["was accepted until 2026-12-06: we know"]);
    }

    #[test]
    fn an_acceptance_of_no_rule_is_a_mistake_in_the_plan() {
        let plans = [plan(
            "accepted: [{ rule: target-stated-twise, reason: r, until: 2027-01 }]",
        )];
        let mistakes = lint(&plans, today(), &[]).expect_err("no such rule");
        assert!(
            mistakes.drawn[0].mistake.help.contains("target-stated-twice"),
            "{mistakes:?}"
        );
        let plans = [plan("accepted: [{ rule: telephone, reason: ' ', until: 2027-01 }]")];
        assert!(lint(&plans, today(), &[]).is_err());
    }

    #[test]
    fn a_drill_is_named_where_it_proves_what_was_found() {
        let plans: [Parsed<Plan>; 1] = [plan(TWICE)];
        let proofs = [
            Proof::of("a-plan/one", "target-stated-twice"),
            Proof::of("a-plan/two", "target-stated-twice/RTO of the plan"),
            Proof::of("a-plan/three", "target-stated-twice/something else"),
            Proof::of("another/one", "target-stated-twice"),
        ];
        let report = lint(&plans, today(), &proofs).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        let finding = report
            .findings
            .iter()
            .find(|one| one.rule.name == "target-stated-twice")
            .expect("found");
        assert_eq!(finding.drills, ["a-plan/one", "a-plan/two"]);
        assert!(report.reaches(Severity::Error));
    }

    #[test]
    fn rules_are_listed_by_class_and_name_and_teach_something() {
        for pair in RULES.windows(2) {
            let key = |rule: &crate::rule::Rule| (rule.class, rule.name);
            assert!(
                key(pair[0]) < key(pair[1]),
                "{} stands before {}",
                pair[0].name,
                pair[1].name
            );
        }
        for rule in RULES {
            assert!(
                rule.teaches.contains("ilent") || rule.teaches.contains("fine"),
                "{} does not say when it is silent",
                rule.name
            );
            assert!(!rule.title.ends_with('.'), "{}", rule.name);
            assert!(rule.name.len() <= 40, "{}", rule.name);
        }
    }
}
