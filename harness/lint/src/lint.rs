//! Running the rules over plans.

use std::collections::BTreeMap;

use firedrill_core::Plan;
use firedrill_core::document::{Mistakes, Parsed};

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

/// Runs every rule over every plan; plans of one company are compared.
///
/// `as_of` is the day (`2026-12-07`) that reviews, drills and acceptances are held against.
///
/// # Errors
/// The first plan whose `accepted` names no rule or no day, with all such mistakes of it.
pub fn lint<'a>(plans: &'a [Parsed<Plan>], as_of: &str, proofs: &[Proof]) -> Result<Report<'a>, Mistakes> {
    for parsed in plans {
        let mistakes = acceptance::mistakes(&parsed.value);
        if !mistakes.is_empty() {
            return Err(parsed.draw(mistakes));
        }
    }
    let subjects: Vec<Subject<'_>> = plans
        .iter()
        .enumerate()
        .map(|(index, parsed)| Subject::of(index, parsed, as_of))
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
    acceptance::mark(plans, &mut findings, as_of);
    Ok(Report::new(plans, findings, as_of.to_owned()))
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
