//! A suite of drills in one report: a table of all drills first, then for each why it is not met.

mod html;
mod junit;
mod markdown;
mod text;

use std::collections::BTreeSet;

use firedrill_core::suite::{Attempt, Fate, SuiteDrill, SuiteRun};
use firedrill_core::verdict::{Finding, Limits, Outcome};

pub use html::suite_html;
pub use junit::suite_junit;
pub use markdown::suite_markdown;
pub use text::suite_text;

use crate::figure;

/// The whole in a word: that of its worst drill.
fn headline(suite: &SuiteRun) -> &'static str {
    match (suite.exit_code(), suite.expected) {
        (0, false) => "PASS",
        (0, true) => "AS EXPECTED",
        (3, _) => "INCONCLUSIVE",
        (1, false) => "FAIL",
        (1, true) => "NOT AS EXPECTED",
        (130, _) => "INTERRUPTED",
        _ => "NO VERDICT",
    }
}

/// How it is coloured.
fn shade(code: u8) -> Outcome {
    match code {
        0 => Outcome::Pass,
        1 => Outcome::Fail,
        _ => Outcome::Inconclusive,
    }
}

/// `weekly suite, shard 1/2`.
fn title(suite: &SuiteRun) -> String {
    match suite.shard {
        Some(shard) => format!("{} suite, shard {shard}", suite.suite),
        None => format!("{} suite", suite.suite),
    }
}

/// `4 drills: 2 PASS, 1 FAIL, 1 SKIPPED`; the worst first.
fn counted(suite: &SuiteRun) -> String {
    let fates = suite.fates();
    let drills: usize = fates.values().sum();
    let each: Vec<String> = fates
        .iter()
        .rev()
        .map(|(fate, number)| format!("{number} {}", fate.word(suite.expected)))
        .collect();
    let drills = firedrill_core::judge::duration::count(drills as u64, "drill", "drills");
    if each.is_empty() {
        drills
    } else {
        format!("{drills}: {}", each.join(", "))
    }
}

/// What has to stand beside the whole verdict.
fn caveats(suite: &SuiteRun) -> Vec<String> {
    let mut caveats = Vec::new();
    if suite.interrupted {
        caveats.push("Somebody ended the suite before its time".to_owned());
    }
    if suite.expected {
        caveats.push(
            "Drills were held to what their scenarios expect, not to their plans' targets: a drill that is as expected \
             may have missed them"
                .to_owned(),
        );
    }
    for name in suite.missing() {
        caveats.push(format!("{name} belongs to the suite and was not run"));
    }
    if suite.wanted.is_empty() {
        caveats.push(format!(
            "No scenario belongs to the {} suite: nothing was drilled",
            suite.suite
        ));
    } else if suite.is_empty() {
        caveats.push("Nothing was drilled".to_owned());
    }
    for drill in &suite.drills {
        if let Some(trend) = drill.trend.as_ref().filter(|trend| trend.warning) {
            caveats.push(format!("{}: {}", drill.scenario, trend.says));
        }
    }
    caveats
}

/// What has to stand beside each drill: its scope, and what lets its verdict say less than it seems to.
fn beside(drill: &SuiteDrill) -> Vec<String> {
    let Some(attempt) = drill.deciding().filter(|attempt| attempt.outcome.is_some()) else {
        return Vec::new();
    };
    let word = attempt.outcome.map_or("", Outcome::word);
    let scope = attempt.scope.strip_prefix(word).unwrap_or(&attempt.scope).trim_start();
    let caveats = figure::caveats_of(&attempt.limits, &attempt.findings);
    std::iter::once(scope.to_owned())
        .chain(caveats.into_iter().map(|caveat| format!("NOTE: {caveat}")))
        .filter(|line| !line.is_empty())
        .collect()
}

/// A cell for each column of the table: verdict, drill, took, why.
fn row(suite: &SuiteRun, drill: &SuiteDrill) -> [String; 4] {
    let fate = drill.fate(&suite.allowed_skips);
    let millis: u64 = drill.attempts.iter().map(|attempt| attempt.millis).sum();
    let took = match drill.attempts.len() {
        0 => String::new(),
        1 => format!("{} s", millis.div_ceil(1000)),
        number => format!("{} s, {number} runs", millis.div_ceil(1000)),
    };
    [
        fate.word(suite.expected).to_owned(),
        drill.scenario.clone(),
        took,
        brief(suite, drill, fate),
    ]
}

/// Why a drill is what it is, in a line.
fn brief(suite: &SuiteRun, drill: &SuiteDrill, fate: Fate) -> String {
    if let Some(why) = &drill.skipped {
        return why.clone();
    }
    let Some(attempt) = drill.deciding() else {
        return "the suite ended before".into();
    };
    let again = if drill.attempts.len() > 1 {
        "the first run was inconclusive; "
    } else {
        ""
    };
    let body = if attempt.outcome.is_none() || fate == Fate::Broken {
        if attempt.said.is_empty() {
            exit(attempt)
        } else {
            format!("{}: {}", exit(attempt), attempt.said)
        }
    } else if !attempt.spoiled.is_empty() {
        attempt.spoiled.join("; ")
    } else {
        let worst = attempt
            .outcome
            .filter(|_| fate != Fate::Passed || suite.expected)
            .unwrap_or(Outcome::Pass);
        let open: Vec<String> = attempt
            .findings
            .iter()
            .filter(|finding| worst != Outcome::Pass && finding.outcome == worst)
            .map(headline_of)
            .collect();
        match (open.is_empty(), attempt.outcome) {
            (false, _) => open.join("; "),
            (true, Some(Outcome::Pass)) => {
                let counted = figure::Counted::of(&attempt.findings, |finding| attempt.counts_as(finding));
                let figures = attempt
                    .findings
                    .iter()
                    .filter(|finding| is_time(&finding.id))
                    .map(headline_of);
                figures.chain([counted.met()]).collect::<Vec<_>>().join("; ")
            }
            (true, _) => attempt.scope.clone(),
        }
    };
    let expected = if fate == Fate::Failed && suite.expected {
        format!(" (the scenario expects exit {})", drill.expected_exit)
    } else {
        String::new()
    };
    format!("{again}{body}{expected}")
}

/// Whether a finding is about recovery time or loss; a second figure for the same target measures the same.
fn is_time(id: &str) -> bool {
    id == "rto" || (id.starts_with("rpo.") && !id.contains('#'))
}

/// `RTO: 40 s .. 47 s, demanded <= 15 min`.
fn headline_of(finding: &Finding) -> String {
    let demanded = finding.limit.as_ref().map(figure::limit).unwrap_or_default();
    figure::headline(finding, &demanded)
}

/// `412 ms (demanded <= 5 min)`.
fn achieved(finding: &Finding) -> String {
    match &finding.limit {
        Some(limit) => format!("{} (demanded {})", figure::achieved(finding), figure::limit(limit)),
        None => figure::achieved(finding),
    }
}

fn exit(attempt: &Attempt) -> String {
    match attempt.exit {
        Some(code) => format!("no verdict, exit {code}"),
        None => "no verdict, ended by a signal".to_owned(),
    }
}

/// How far the evidence of the drills goes, each thing once: with the number of drills it holds for where that is not
/// all of them.
fn limits(suite: &SuiteRun) -> Vec<(&'static str, Vec<String>)> {
    let deciding: Vec<&Attempt> = suite.drills.iter().filter_map(SuiteDrill::deciding).collect();
    let union = |of: &dyn Fn(&Limits) -> Vec<String>| {
        let mut items: Vec<(String, usize)> = Vec::new();
        for attempt in &deciding {
            for item in of(&attempt.limits).into_iter().collect::<BTreeSet<_>>() {
                match items.iter_mut().find(|(known, _)| *known == item) {
                    Some((_, drills)) => *drills += 1,
                    None => items.push((item, 1)),
                }
            }
        }
        let said = |(item, drills): (String, usize)| {
            if drills == deciding.len() {
                item
            } else {
                format!("{item} ({drills} of {} drills)", deciding.len())
            }
        };
        items.into_iter().map(said).collect::<Vec<_>>()
    };
    let widest = deciding.iter().max_by_key(|attempt| attempt.limits.quantum);
    let widening = widest.filter(|attempt| attempt.limits.quantum > 0).map(|attempt| {
        format!(
            "intervals of plan time are widened on both sides, by {} at most ({})",
            crate::words(attempt.limits.quantum),
            attempt.run.as_deref().unwrap_or("no run directory")
        )
    });
    [
        ("Not covered", union(&|limits| limits.not_covered.clone())),
        (
            "Assumed, since the plans are silent",
            union(&|limits| limits.assumptions.clone()),
        ),
        (
            "What stood in for what",
            union(&|limits| {
                let pairs = limits.stand_ins.iter();
                pairs.map(|it| format!("{}: {}", it.planned, it.drilled)).collect()
            }),
        ),
        ("Widening of intervals", widening.into_iter().collect()),
    ]
    .into_iter()
    .filter(|(_, items)| !items.is_empty())
    .collect()
}

/// Findings of the attempt that counts which are not met, with why.
fn open(drill: &SuiteDrill) -> Vec<(&Finding, Outcome)> {
    let Some(attempt) = drill.deciding() else {
        return Vec::new();
    };
    attempt
        .findings
        .iter()
        .map(|finding| (finding, attempt.counts_as(finding)))
        .filter(|(_, outcome)| *outcome != Outcome::Pass)
        .collect()
}

/// `not drilled by any scenario: ...`, for each plan.
fn not_drilled(suite: &SuiteRun) -> Vec<String> {
    suite
        .not_drilled
        .iter()
        .map(|duty| format!("{}: {}", duty.plan, duty.what))
        .collect()
}
