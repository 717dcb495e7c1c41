//! What has to stand beside a verdict: whatever lets it say less than it seems to.

use std::collections::BTreeMap;

use firedrill_core::event::StepEdge;
use firedrill_core::verdict::{Finding, Limits, StepRun};

use crate::{Report, widening};

/// Characters of a failed step's words beside the verdict; the page and the logs have all of them.
const STEP_MAX: usize = 400;

/// What has to stand beside the verdict wherever it is printed.
pub(crate) fn caveats(report: &Report<'_>) -> Vec<String> {
    let mut limits = report.verdict.limits();
    limits.calendar_scale = report.inputs.terms.calendar_scale;
    let mut caveats = caveats_of(&limits, &report.verdict.findings);
    if limits.altered.is_empty() && !report.inputs.settings.is_empty() {
        caveats.push(format!(
            "Set for this run in place of the scenario's own: {}",
            pairs(&report.inputs.settings)
        ));
    }
    caveats
}

fn pairs(map: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = map.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    pairs.join(", ")
}

/// The same of a run of which no more is at hand than its findings and how far its evidence goes.
pub(crate) fn caveats_of(limits: &Limits, findings: &[Finding]) -> Vec<String> {
    let mut caveats = Vec::new();
    if let Some(program) = &limits.sealed_by_another {
        caveats.push(format!(
            "Sealed by another program ({}): the evidence is whole, but what it says is that program's word",
            if program.is_empty() {
                "it gives no name"
            } else {
                program
            }
        ));
    }
    caveats.extend(failed_steps(&limits.failed_steps));
    caveats.extend(widening::caveat(limits, findings));
    if !limits.deviations.is_empty() {
        caveats.push(format!(
            "Settings that touch durability deviate: {}",
            pairs(&limits.deviations)
        ));
    }
    if !limits.altered.is_empty() {
        caveats.push(format!(
            "Altered for this run, so that the verdict is not about the scenario as it is written: {}",
            limits.altered.join("; ")
        ));
    }
    caveats
}

/// The steps of the procedure that did not succeed, with what they said: the cause of most of what follows from it.
fn failed_steps(steps: &[StepRun]) -> impl Iterator<Item = String> {
    steps.iter().filter_map(|step| {
        let how = match step.outcome {
            StepEdge::Failed => "failed",
            StepEdge::TimedOut => "ran out of time",
            StepEdge::Skipped => "was skipped",
            StepEdge::Begun | StepEdge::Done => return None,
        };
        let words: Vec<&str> = step.detail.split_whitespace().collect();
        let mut said = words.join(" ");
        if let Some((end, _)) = said.char_indices().nth(STEP_MAX) {
            said.truncate(end);
            said.push_str(" ...");
        }
        let said = if said.is_empty() { said } else { format!(": {said}") };
        Some(format!("Step {} of the procedure {how}{said}", step.name))
    })
}
