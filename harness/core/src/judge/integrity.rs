//! Integrity: what the final read and the checks say of the data, each a finding of its own, and what confirms.

use std::collections::BTreeMap;

use crate::event::{CheckOutcome, Coverage, Event};
use crate::stamp::Stamp;
use crate::terms::Domain;
use crate::verdict::{Achieved, Finding, Outcome};

use super::classify::ComponentCounts;
use super::duration::{bytes, count};
use super::facts::{Facts, latest};
use super::finding::plain;
use super::loss::PartLoss;
use super::rpo::is_exercised;

/// Whether all required checks passed, and when the last of them did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Confirmation {
    pub(crate) failed: Option<String>,
    pub(crate) missing: Option<String>,
    pub(crate) confirmed: Option<Stamp>,
}

/// The findings that the ledger and the final read give for each component.
pub(crate) fn ledger(
    facts: &Facts<'_>,
    counts: &[ComponentCounts],
    losses: &[PartLoss],
    about: &mut Vec<String>,
) -> Vec<Finding> {
    let objects: Vec<&str> = facts
        .ground
        .parts
        .iter()
        .filter(|part| part.domain == Domain::Key)
        .map(|part| part.name.as_str())
        .collect();
    if !objects.is_empty() && facts.pointing.iter().all(Option::is_none) {
        about.push(format!(
            "{}: clients wrote no row that points at an object, so no row was looked at for a missing one",
            objects.join(", ")
        ));
    }
    let mut findings = Vec::new();
    for (component, part) in facts.ground.parts.iter().enumerate() {
        let Some(term) = facts.terms.components.get(&part.name) else {
            continue;
        };
        // Objects that clients reach only through rows are judged with those.
        if (term.rpo.is_empty() || term.domain == Domain::Key) && !is_exercised(facts, component) {
            continue;
        }
        let loss = &losses[component].loss;
        let artefact = term.domain == Domain::Artefact;
        let mut kinds = vec![
            (
                "mutated",
                "Nothing mutated",
                loss.mutated,
                "key with content that nobody attempted",
                "keys with content that nobody attempted",
            ),
            (
                "unexpected",
                "Nothing unexpected",
                loss.unexpected,
                "key found that nobody wrote so",
                "keys found that nobody wrote so",
            ),
            (
                "duplicated",
                "Nothing duplicated",
                loss.duplicated,
                "key with more than one row",
                "keys with more than one row",
            ),
        ];
        if !artefact {
            kinds.insert(
                0,
                (
                    "hole",
                    "No hole",
                    loss.holes,
                    "lost write that is older than a kept one of its life",
                    "lost writes that are older than a kept one of their life",
                ),
            );
        }
        // Only rows that point at objects can tell that one is missing.
        let pointing = facts.pointing[component];
        if pointing.is_some() || loss.dangling > 0 {
            kinds.push((
                "dangling",
                "No row without its object",
                loss.dangling,
                "kept row whose object is lost, wrong or absent",
                "kept rows whose object is lost, wrong or absent",
            ));
        }
        for (id, title, bad, one, many) in kinds {
            let (rows, among) = match (id, pointing) {
                ("dangling", Some(rows)) => (rows, " that point at an object"),
                _ => (counts[component].rows, ""),
            };
            let (outcome, because) = match &facts.reads[component] {
                Err(why) => (Outcome::Inconclusive, why.clone()),
                Ok(_) if bad > 0 => (
                    Outcome::Fail,
                    format!("{} among {rows} rows{among}", count(bad, one, many)),
                ),
                Ok(_) if id == "dangling" && rows == 0 => (
                    Outcome::Inconclusive,
                    "no row was found that points at an object: nothing was covered".to_owned(),
                ),
                Ok(_) if loss.acked == 0 => (
                    Outcome::Inconclusive,
                    "no write of it was ever acknowledged: nothing was covered".to_owned(),
                ),
                Ok(_) => (
                    Outcome::Pass,
                    format!("{} among {rows} rows{among}", count(bad, one, many)),
                ),
            };
            let achieved = match facts.reads[component] {
                Ok(_) => Achieved::Count {
                    lower: bad,
                    upper: Some(bad),
                },
                Err(_) => Achieved::Nothing,
            };
            let title = format!("{title} in {}", part.name);
            let mut finding = plain(format!("{id}.{}", part.name), title, outcome, achieved, because);
            finding.coverage = Some(Coverage {
                relations: 0,
                rows,
                bytes: 0,
            });
            findings.push(finding);
        }
    }
    findings
}

/// All runs of one check.
#[derive(Default)]
struct Runs {
    outcome: Option<Outcome>,
    coverage: Coverage,
    words: Vec<String>,
    stamps: Vec<Stamp>,
}

/// The findings of the checks, required ones that never ran included.
pub(crate) fn checks(facts: &Facts<'_>) -> (Vec<Finding>, Option<Stamp>) {
    let mut by_name: BTreeMap<&str, Runs> = BTreeMap::new();
    for name in &facts.terms.required_checks {
        by_name.entry(name).or_default();
    }
    for (stamp, event) in &facts.events {
        let Event::Check {
            name,
            component,
            outcome,
            coverage,
            detail,
        } = event
        else {
            continue;
        };
        let part = facts.ground.parts.iter().find(|part| part.name == *component);
        let change = part.and_then(|part| part.lineage.last_change());
        // A check that ran before the last change of incarnation looked at what no longer serves.
        if change.is_some_and(|change| stamp.late < change.early) {
            continue;
        }
        let unsure = change.is_some_and(|change| stamp.early < change.late);
        let runs = by_name.entry(name).or_default();
        let empty = coverage.relations == 0 && coverage.rows == 0 && coverage.bytes == 0;
        let (verdict, words) = match outcome {
            CheckOutcome::Failed if !unsure => (Outcome::Fail, detail.clone()),
            CheckOutcome::Passed if !unsure && !empty => (Outcome::Pass, detail.clone()),
            CheckOutcome::Passed if !unsure => (Outcome::Inconclusive, format!("it covered nothing; {detail}")),
            CheckOutcome::NotRun => (Outcome::Inconclusive, format!("it could not run: {detail}")),
            _ => (
                Outcome::Inconclusive,
                format!("it may have run before the last takeover; {detail}"),
            ),
        };
        runs.outcome = Some(runs.outcome.map_or(verdict, |worst| worst.max(verdict)));
        runs.coverage.relations = runs.coverage.relations.saturating_add(coverage.relations);
        runs.coverage.rows = runs.coverage.rows.saturating_add(coverage.rows);
        runs.coverage.bytes = runs.coverage.bytes.saturating_add(coverage.bytes);
        runs.words.push(if component.is_empty() {
            words
        } else {
            format!("{component}: {words}")
        });
        runs.stamps.push(*stamp);
    }
    let last = latest(by_name.values().flat_map(|runs| runs.stamps.iter().copied()));
    let findings = by_name
        .into_iter()
        .map(|(name, runs)| {
            let outcome = runs.outcome.unwrap_or(Outcome::Inconclusive);
            let achieved = match outcome {
                Outcome::Pass => Achieved::Holds(true),
                Outcome::Fail => Achieved::Holds(false),
                Outcome::Inconclusive => Achieved::Nothing,
            };
            let because = if runs.words.is_empty() {
                "required, and it never ran on what serves at the end".to_owned()
            } else {
                runs.words.join("; ")
            };
            let title = format!("Check {}", name.replace('_', " "));
            let mut finding = plain(format!("check.{name}"), title, outcome, achieved, because);
            finding.coverage = Some(runs.coverage);
            finding
        })
        .collect();
    (findings, last)
}

/// What all integrity findings together confirm; `checked` is when the last check ran.
pub(crate) fn confirmation(
    facts: &Facts<'_>,
    findings: &[Finding],
    checked: Option<Stamp>,
    restored: Option<Stamp>,
) -> Confirmation {
    let name = |outcome: Outcome| {
        findings
            .iter()
            .find(|finding| finding.outcome == outcome)
            .map(|finding| format!("{} ({})", finding.id, finding.because))
    };
    let mut confirmation = Confirmation {
        failed: name(Outcome::Fail),
        missing: name(Outcome::Inconclusive),
        confirmed: None,
    };
    if findings.is_empty() {
        confirmation.missing = Some("no check covered anything".to_owned());
    }
    if confirmation.failed.is_none() && confirmation.missing.is_none() {
        let reads = facts.reads.iter().flatten().map(|read| read.ended);
        confirmation.confirmed =
            restored.and_then(|restored| latest(reads.chain(checked).chain(std::iter::once(restored))));
    }
    confirmation
}

/// How much data the drill had: what was measured before the steady state, never the reach of a check.
pub(crate) fn size(facts: &Facts<'_>) -> String {
    let mut by_component: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, event) in &facts.events {
        if let Event::DataSize { component, bytes } = event {
            by_component.insert(component, *bytes);
        }
    }
    match by_component
        .values()
        .fold(0_u64, |sum, bytes| sum.saturating_add(*bytes))
    {
        0 => "size unknown".to_owned(),
        size => bytes(size),
    }
}
