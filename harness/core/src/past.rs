//! What runs of the past say together: key figures over them, and one run held against the one before.
//!
//! A run whose verdict is missing or undecided never counts as a success, and never as a failure either; both are
//! counted and shown beside.

use jiff::civil::Date;
use jiff::tz::TimeZone;
#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::calendar::{Rhythm, Step, day_of, days_between};
use crate::judge::duration::words;
use crate::stamp::Nanos;
use crate::verdict::{Achieved, Outcome, Span, Verdict};

/// A run of the past, as far as figures over many need it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PastRun {
    /// Name of the run directory.
    pub run: String,
    /// Wall-clock time of the start (RFC 3339, UTC); empty where it is not known.
    pub started: String,
    /// Name of the plan.
    pub plan: String,
    /// Full name of the scenario, `:TWIN` with it.
    pub scenario: String,
    /// Which twin of the scenario, if one.
    pub twin: Option<String>,
    /// SHA-256 of the scenario's text.
    pub scenario_sha256: String,
    /// The environment.
    pub environment: String,
    /// Altered by the command line: values set, a phase paused at.
    pub altered: bool,
    /// The verdict that the evidence leads to; `None` where there is none.
    pub outcome: Option<Outcome>,
    /// The verdict's scope.
    pub scope: String,
    /// Findings in number: judged, not met.
    pub findings: Vec<PastFinding>,
    /// From strike to alert, plan time; `None` where it was not measured.
    pub detected: Option<Span>,
    /// What the RTO is about, as its finding says; else impact to restored; plan time.
    pub restored: Option<Span>,
    /// The recovery itself, authorised to restored, drill time: work that a change of the procedure makes longer.
    pub recovery: Option<Span>,
    /// Sealed by another program.
    pub sealed_by_another: bool,
    /// What is wrong with the directory, where something is.
    pub problem: Option<String>,
}

/// A finding of a run of the past.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PastFinding {
    /// See [`crate::verdict::Finding::id`].
    pub id: String,
    /// What it counts for; in a spoiled run nothing passes and nothing fails.
    pub outcome: Outcome,
}

impl PastRun {
    /// Takes over what a verdict says.
    #[must_use]
    pub fn with(mut self, verdict: &Verdict) -> PastRun {
        self.outcome = Some(verdict.outcome);
        self.scope.clone_from(&verdict.scope);
        self.sealed_by_another = verdict.sealed_by_another;
        self.findings = verdict
            .findings
            .iter()
            .map(|finding| PastFinding {
                id: finding.id.clone(),
                outcome: if verdict.spoiled.is_empty() {
                    finding.outcome
                } else {
                    Outcome::Inconclusive
                },
            })
            .collect();
        let phase = |name: &str| verdict.phases.iter().find(|phase| phase.name == name);
        let finding = |id: &str| verdict.findings.iter().find(|finding| finding.id == id);
        let missed = |id: &str| {
            finding(id)
                .filter(|finding| finding.outcome == Outcome::Fail)
                .map(|_| Span { lower: 0, upper: None })
        };
        self.detected = phase("detect").map(|phase| phase.plan).or_else(|| missed("detection"));
        self.recovery = phase("recover").map(|phase| Span {
            lower: phase.until.early.saturating_sub(phase.from.late).max(0),
            upper: Some(phase.until.late.saturating_sub(phase.from.early).max(0)),
        });
        let achieved = finding("rto").and_then(|finding| match &finding.achieved {
            Achieved::Duration(span) => Some(*span),
            _ => None,
        });
        self.restored = achieved.or(verdict.outage).or_else(|| missed("recovery"));
        self
    }

    /// Whether the run counts as a drill that was held: it is of a scenario itself, as it is written, and its verdict
    /// decides. An inconclusive run keeps no calendar, and neither does one that another program wrote: what it says is that
    /// program's word.
    #[must_use]
    pub fn held(&self) -> bool {
        self.twin.is_none()
            && !self.altered
            && !self.sealed_by_another
            && matches!(self.outcome, Some(Outcome::Pass | Outcome::Fail))
    }

    /// The day on which it was started.
    #[must_use]
    pub fn day(&self, zone: &TimeZone) -> Option<Date> {
        day_of(&self.started, zone)
    }
}

/// A part of a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[allow(missing_docs)]
pub struct Part {
    pub of: u64,
    pub good: u64,
}

impl Part {
    fn count(&mut self, good: bool) {
        self.of += 1;
        self.good += u64::from(good);
    }

    /// In per mille, rounded down; `None` of nothing.
    #[must_use]
    pub fn permille(self) -> Option<u64> {
        (self.good * 1000).checked_div(self.of)
    }
}

/// A duration over several runs, by its upper bounds: what was certainly kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Mean {
    /// Runs with a known upper bound.
    pub of: u64,
    /// Runs that were measured and never came to it.
    pub never: u64,
    /// The mean, plan nanoseconds, rounded down.
    pub mean: Option<Nanos>,
    /// The longest.
    pub longest: Option<Nanos>,
}

impl Mean {
    fn of(spans: impl Iterator<Item = Span>) -> Mean {
        let mut mean = Mean::default();
        let mut sum: i128 = 0;
        for span in spans {
            match span.upper {
                Some(upper) => {
                    mean.of += 1;
                    sum += i128::from(upper);
                    mean.longest = mean.longest.max(Some(upper));
                }
                None => mean.never += 1,
            }
        }
        mean.mean = sum
            .checked_div(i128::from(mean.of))
            .and_then(|mean| Nanos::try_from(mean).ok());
        mean
    }
}

/// Key figures over runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Kpis {
    /// Runs that were looked at, twins and altered ones left out.
    pub runs: u64,
    /// Runs whose verdict decides, and those of them that passed.
    pub success: Part,
    /// Runs that decide nothing: inconclusive, or without a verdict.
    pub undecided: u64,
    /// RTO findings that decide, and those met.
    pub rto: Part,
    /// RPO findings that decide, and those met.
    pub rpo: Part,
    /// Strike to alert.
    pub detected: Mean,
    /// To restored, from where the plan counts its RTO.
    pub restored: Mean,
}

/// Key figures over runs; twins (sabotaged on purpose, or mended) and altered runs are left out.
#[must_use]
pub fn kpis<'a>(runs: impl IntoIterator<Item = &'a PastRun>) -> Kpis {
    let runs: Vec<&PastRun> = runs
        .into_iter()
        .filter(|run| run.twin.is_none() && !run.altered)
        .collect();
    let mut kpis = Kpis {
        runs: runs.len() as u64,
        detected: Mean::of(runs.iter().filter(|run| run.held()).filter_map(|run| run.detected)),
        restored: Mean::of(runs.iter().filter(|run| run.held()).filter_map(|run| run.restored)),
        ..Kpis::default()
    };
    for run in runs {
        if !run.held() {
            kpis.undecided += 1;
            continue;
        }
        kpis.success.count(run.outcome == Some(Outcome::Pass));
        for finding in &run.findings {
            let met = match finding.outcome {
                Outcome::Inconclusive => continue,
                outcome => outcome == Outcome::Pass,
            };
            match finding.id.split(['.', '#']).next() {
                Some("rto") => kpis.rto.count(met),
                Some("rpo") => kpis.rpo.count(met),
                _ => {}
            }
        }
    }
    kpis
}

/// How often a duty was kept of the times it was owed: those due from `since` to `until`, both included, kept by a run
/// between the first day that counts and the last one. A rolling duty is owed once per step.
#[must_use]
pub fn frequency(rhythm: Rhythm, held: &[Date], since: Date, until: Date) -> Part {
    let mut part = Part::default();
    match rhythm {
        Rhythm::Calendar(..) => {
            for one in rhythm.occurrences(since, until) {
                part.count(held.iter().any(|day| one.opens <= *day && *day <= one.due));
            }
        }
        Rhythm::Rolling(step) => {
            let days = match step {
                Step::Days(days) => i64::from(days),
                // The shortest a month can be makes the fewest owed times no fewer than there are.
                Step::Months(months) => i64::from(months) * 31,
            };
            let length = i64::from(days_between(since, until)) + 1;
            let owed = length.max(0).checked_div(days.max(1)).unwrap_or(0);
            let done = held.iter().filter(|day| since <= **day && **day <= until).count() as i64;
            part.of = owed.unsigned_abs();
            part.good = owed.min(done).unsigned_abs();
        }
    }
    part
}

/// A run held against the one before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Trend {
    /// The run before.
    pub before: String,
    /// What the two say, in a sentence.
    pub says: String,
    /// It got worse, beyond what the measurement leaves open.
    pub warning: bool,
}

/// A recovery that takes more than this, in per cent of the one before, is a warning.
pub const SLOWER_PERCENT: i128 = 130;

/// Compares a run with earlier ones of the same scenario: the latest of them that was held on the same text, in the
/// same environment. `None` where there is none.
#[must_use]
pub fn trend(now: &PastRun, earlier: &[PastRun]) -> Option<Trend> {
    if !now.held() {
        return None;
    }
    let before = earlier
        .iter()
        .filter(|run| {
            run.held()
                && run.run != now.run
                && run.started <= now.started
                && run.scenario == now.scenario
                && run.scenario_sha256 == now.scenario_sha256
                && run.environment == now.environment
        })
        .max_by(|a, b| (&a.started, &a.run).cmp(&(&b.started, &b.run)))?;
    let told = |span: Span| match span.upper {
        Some(upper) => format!("{} .. {}", words(span.lower.into()), words(upper.into())),
        None => format!("at least {}", words(span.lower.into())),
    };
    let (says, warning) = match (before.recovery, now.recovery) {
        (Some(was), Some(is)) => {
            let slower = was
                .upper
                .is_some_and(|was| was > 0 && i128::from(is.lower) * 100 > i128::from(was) * SLOWER_PERCENT);
            let verdict = if slower {
                let was = i128::from(was.upper.unwrap_or(1)).max(1);
                let percent = (i128::from(is.lower) - was) * 100 / was;
                format!("at least {percent} % slower")
            } else {
                "not 30 % slower beyond what the measurement leaves open".to_owned()
            };
            (
                format!("the recovery took {}, before {}: {verdict}", told(is), told(was)),
                slower,
            )
        }
        (Some(was), None) => (
            format!("the recovery came to no end; before it took {}", told(was)),
            true,
        ),
        (None, Some(is)) => (
            format!("the recovery took {}; before it came to no end", told(is)),
            false,
        ),
        (None, None) => ("neither recovery came to an end".to_owned(), false),
    };
    let worse = (before.outcome, now.outcome) == (Some(Outcome::Pass), Some(Outcome::Fail));
    Some(Trend {
        before: before.run.clone(),
        says: if worse {
            format!("passed before and fails now; {says}")
        } else {
            says
        },
        warning: warning || worse,
    })
}

#[cfg(test)]
mod tests;
