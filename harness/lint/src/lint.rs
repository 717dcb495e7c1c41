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
    /// The drill, as `PLAN/SCENARIO`.
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
