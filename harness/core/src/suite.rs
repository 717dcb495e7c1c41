//! A suite: drills that belong together because a calendar wants them at once, and what became of each.
//!
//! It holds what every rendering needs, so that the parts of a suite that ran on several machines can be joined from
//! their `suite.json` alone. Nothing counts as well that did not run: a drill that is missing makes it inconclusive.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::calendar::Cadence;
use crate::past::Trend;
use crate::verdict::{Finding, Limits, Loss, Outcome};

/// Version of `suite.json`.
pub const SUITE_SCHEMA: u32 = 1;
/// Name of the file.
pub const SUITE_FILE: &str = "suite.json";

/// A suite as it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SuiteRun {
    /// Version of this format.
    pub schema: u32,
    /// Program that ran it.
    pub program: String,
    /// Which suite.
    pub suite: Cadence,
    /// Wall-clock time (RFC 3339, UTC).
    pub started: String,
    /// Wall-clock time (RFC 3339, UTC).
    pub ended: String,
    /// Names of the plans whose calendars were looked at.
    pub plans: Vec<String>,
    /// Drills were held to what their scenarios expect, not to their plans' targets.
    pub expected: bool,
    /// The part that this is; `None`: all of it.
    pub shard: Option<Shard>,
    /// Every drill of the suite, of all shards, in order.
    pub wanted: Vec<String>,
    /// Drills that may be skipped.
    pub allowed_skips: BTreeSet<String>,
    /// The drills of this part.
    pub drills: Vec<SuiteDrill>,
    /// Duties of the plans, of this cadence, that no scenario serves.
    pub not_drilled: Vec<NotDrilled>,
    /// Somebody ended it before its time.
    pub interrupted: bool,
}

/// Part `index` of `of`, from 1; written `1/3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// From 1.
    pub index: u32,
    /// How many there are.
    pub of: u32,
}

impl Shard {
    /// Whether a drill belongs here, by its number in the suite from 0.
    #[must_use]
    pub fn holds(self, number: usize) -> bool {
        number % self.of.max(1) as usize + 1 == self.index as usize
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let wrong = || format!("`{text}` is no shard: expected such as `1/3`, the first of three");
        let (index, of) = text.split_once('/').ok_or_else(wrong)?;
        let (index, of) = (index.parse().map_err(|_| wrong())?, of.parse().map_err(|_| wrong())?);
        if index == 0 || index > of || of > 1_000 {
            return Err(wrong());
        }
        Ok(Shard { index, of })
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// A duty that no scenario serves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NotDrilled {
    /// Name of the plan.
    pub plan: String,
    /// What the plan wants done.
    pub what: String,
}

/// One drill of a suite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SuiteDrill {
    /// Its full name.
    pub scenario: String,
    /// Name of the plan.
    pub plan: String,
    /// What happens in it.
    pub summary: String,
    /// The plan's duties that it serves, of this suite's cadence.
    pub duties: Vec<String>,
    /// The exit code that the scenario expects.
    pub expected_exit: u8,
    /// Why it was not run.
    pub skipped: Option<String>,
    /// Each time it was run; an inconclusive drill is run once more.
    pub attempts: Vec<Attempt>,
    /// Held against the run before.
    pub trend: Option<Trend>,
}

/// One run of a drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// Name of its run directory; `None` where none was made.
    pub run: Option<String>,
    /// Wall-clock time (RFC 3339, UTC).
    pub started: String,
    /// How long it took, milliseconds.
    pub millis: u64,
    /// Its exit code; `None`: a signal ended it.
    pub exit: Option<u8>,
    /// Its verdict; `None` where there is none.
    pub outcome: Option<Outcome>,
    /// The verdict's scope.
    pub scope: String,
    /// What spoils the whole run.
    pub spoiled: Vec<String>,
    /// Every judged target.
    pub findings: Vec<Finding>,
    /// What became of the data, per component.
    #[serde(default)]
    pub loss: BTreeMap<String, Loss>,
    /// How far its evidence goes.
    #[serde(default)]
    pub limits: Limits,
    /// What the program said last, where there is no verdict.
    pub said: String,
}

impl Attempt {
    /// What a finding counts for: in a spoiled run nothing passes and nothing fails.
    #[must_use]
    pub fn counts_as(&self, finding: &Finding) -> Outcome {
        if self.spoiled.is_empty() {
            finding.outcome
        } else {
            Outcome::Inconclusive
        }
    }
}

/// What became of a drill, in a word; the later, the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// All targets met; or, where the suite holds drills to what they expect, just that.
    Passed,
    /// Skipped, and that was allowed by name.
    MaySkip,
    /// Undecided.
    Inconclusive,
    /// Skipped although the suite requires it.
    Skipped,
    /// Not run at all: the suite ended before, or its shard is missing.
    NotRun,
    /// A target was missed; or not what the scenario expects.
    Failed,
    /// The drill itself failed: bad input, the harness, a guard, an interruption.
    Broken,
}

impl Fate {
    /// In capitals, as verdicts are written.
    #[must_use]
    pub fn word(self, expected: bool) -> &'static str {
        match (self, expected) {
            (Fate::Passed, false) => "PASS",
            (Fate::Passed, true) => "AS EXPECTED",
            (Fate::MaySkip, _) => "SKIPPED (allowed)",
            (Fate::Inconclusive, _) => "INCONCLUSIVE",
            (Fate::Skipped, _) => "SKIPPED",
            (Fate::NotRun, _) => "NOT RUN",
            (Fate::Failed, false) => "FAIL",
            (Fate::Failed, true) => "NOT AS EXPECTED",
            (Fate::Broken, _) => "NO VERDICT",
        }
    }
}

impl SuiteDrill {
    /// The attempt that counts: the last one.
    #[must_use]
    pub fn deciding(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// The exit code that it contributes.
    #[must_use]
    pub fn exit_code(&self, allowed_skips: &BTreeSet<String>) -> u8 {
        match (&self.skipped, self.deciding()) {
            (Some(_), _) if allowed_skips.contains(&self.scenario) => 0,
            (Some(_), _) | (None, None) => 3,
            (None, Some(attempt)) => match (attempt.exit, attempt.outcome) {
                // A drill that ended well without a verdict has not shown anything.
                (Some(0), None) => 3,
                (Some(exit), _) => exit,
                (None, _) => 4,
            },
        }
    }

    /// What became of it.
    #[must_use]
    pub fn fate(&self, allowed_skips: &BTreeSet<String>) -> Fate {
        match (&self.skipped, self.deciding().is_some(), self.exit_code(allowed_skips)) {
            (Some(_), _, 0) => Fate::MaySkip,
            (Some(_), _, _) => Fate::Skipped,
            (None, false, _) => Fate::NotRun,
            (None, true, 0) => Fate::Passed,
            (None, true, 1) => Fate::Failed,
            (None, true, 3) => Fate::Inconclusive,
            (None, true, _) => Fate::Broken,
        }
    }
}

impl SuiteRun {
    /// Drills that were wanted and are not here although they should be: of a missing shard, or not come to.
    #[must_use]
    pub fn missing(&self) -> Vec<&str> {
        let here: BTreeSet<&str> = self.drills.iter().map(|drill| drill.scenario.as_str()).collect();
        self.wanted
            .iter()
            .enumerate()
            .filter(|(number, name)| {
                self.shard.is_none_or(|shard| shard.holds(*number)) && !here.contains(name.as_str())
            })
            .map(|(_, name)| name.as_str())
            .collect()
    }

    /// Whether nothing at all was drilled in a suite that is whole.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shard.is_none() && self.drills.iter().all(|drill| drill.attempts.is_empty())
    }

    /// The worst of its drills. From better to worse: 0, 3 (undecided, skipped, missing, or nothing drilled at all), 1
    /// (a target was missed), 2, 4, 5 (a drill came to no verdict), 130 (interrupted).
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let lacking = if !self.missing().is_empty() || self.is_empty() {
            3
        } else {
            0
        };
        self.drills
            .iter()
            .map(|drill| drill.exit_code(&self.allowed_skips))
            .chain([lacking, if self.interrupted { 130 } else { 0 }])
            .max_by_key(|code| severity(*code))
            .unwrap_or(3)
    }

    /// Drills by what became of them.
    #[must_use]
    pub fn fates(&self) -> BTreeMap<Fate, usize> {
        let mut fates = BTreeMap::new();
        for drill in &self.drills {
            *fates.entry(drill.fate(&self.allowed_skips)).or_default() += 1;
        }
        let missing = self.missing().len();
        if missing > 0 {
            *fates.entry(Fate::NotRun).or_default() += missing;
        }
        fates
    }

    /// The bytes of `suite.json`.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings, numbers, lists: printing them cannot fail.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads `suite.json`.
    ///
    /// # Errors
    /// What does not fit, in a sentence.
    pub fn parse(text: &str) -> Result<SuiteRun, String> {
        let value: serde_json::Value = serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
        match value.get("schema").and_then(serde_json::Value::as_u64) {
            Some(schema) if schema == u64::from(SUITE_SCHEMA) => {}
            found => {
                let found = found.map_or("none".into(), |found| found.to_string());
                return Err(format!(
                    "schema {found}: expected {SUITE_SCHEMA}, the one this program knows"
                ));
            }
        }
        serde_json::from_value(value).map_err(|error| format!("not as suite.json is: {error}"))
    }

    /// Joins the shards of one suite. One that is missing stays missing: its drills count as not run.
    ///
    /// # Errors
    /// Parts that do not belong together, each named by what is in front of it.
    pub fn merge(parts: Vec<(String, SuiteRun)>) -> Result<SuiteRun, String> {
        let mut parts = parts.into_iter();
        let (first_name, mut whole) = parts.next().ok_or("nothing to join: name at least one part")?;
        let of = whole.shard.map(|shard| shard.of);
        let mut indexes: BTreeMap<u32, String> = BTreeMap::new();
        if let Some(shard) = whole.shard {
            indexes.insert(shard.index, first_name.clone());
        }
        for (name, part) in parts {
            let differs = [
                ("suite", part.suite == whole.suite),
                ("drills that are wanted", part.wanted == whole.wanted),
                ("plans", part.plans == whole.plans),
                ("drills that may be skipped", part.allowed_skips == whole.allowed_skips),
                ("`--expected`", part.expected == whole.expected),
                ("program", part.program == whole.program),
            ]
            .into_iter()
            .find(|(_, same)| !same);
            if let Some((what, _)) = differs {
                return Err(format!(
                    "{name} and {first_name} are not parts of one suite: they differ in the {what}"
                ));
            }
            let (Some(shard), Some(of)) = (part.shard, of) else {
                return Err(format!(
                    "{name} and {first_name} cannot be joined: one of them is no shard but a whole suite"
                ));
            };
            if shard.of != of {
                return Err(format!("{name} is shard {shard}, and {first_name} one of {of}"));
            }
            if let Some(other) = indexes.insert(shard.index, name.clone()) {
                return Err(format!(
                    "{name} and {other} are both shard {shard}: which of them counts?"
                ));
            }
            whole.started = whole.started.min(part.started);
            whole.ended = whole.ended.max(part.ended);
            whole.interrupted |= part.interrupted;
            whole.drills.extend(part.drills);
        }
        whole.shard = None;
        let order: BTreeMap<&String, usize> = whole.wanted.iter().zip(0..).collect();
        if let Some(stray) = whole.drills.iter().find(|drill| !order.contains_key(&drill.scenario)) {
            return Err(format!("`{}` was run, and the suite does not want it", stray.scenario));
        }
        whole.drills.sort_by_key(|drill| order.get(&drill.scenario).copied());
        if let Some(twice) = whole
            .drills
            .windows(2)
            .find(|pair| pair[0].scenario == pair[1].scenario)
        {
            return Err(format!(
                "`{}` is in two shards: which of them counts?",
                twice[0].scenario
            ));
        }
        Ok(whole)
    }
}

/// How bad an exit code is among those of several drills.
#[must_use]
pub fn severity(code: u8) -> u8 {
    match code {
        0 => 0,
        3 => 1,
        1 => 2,
        2 => 3,
        4 => 4,
        5 => 5,
        130 => 7,
        _ => 6,
    }
}

#[cfg(test)]
mod tests;
