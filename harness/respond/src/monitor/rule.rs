//! An alert rule: so many unhealthy checks in a row raise it, a healthy one clears it. Pure.
//!
//! A share is taken over a window of requests, as monitors of real traffic take it: a check asks a handful of paths, and
//! one slow answer among eight would be 12 %.

use std::collections::VecDeque;

use firedrill_core::plan::{AlertRule, ProbeKind, Threshold, Written};
use firedrill_core::stamp::Nanos;

use super::probe::{Measure, Seen};
use crate::figure;

/// What a check did to a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Raised,
    Cleared,
}

/// A limit beyond which a measuring check is unhealthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// Parts per million.
    Share { ppm: u32, reaching: bool },
    /// Nanoseconds: of drill time for an answer (never scaled), of plan time for a backup's age.
    Duration { nanos: Nanos, reaching: bool },
    /// Rows fell by this share, parts per million, from when the rule last found them well.
    Fall { ppm: u32, reaching: bool },
    /// Fewer rows than this.
    Rows { least: u64 },
}

/// A window of a share holds at least so many times the requests at which one failure alone would reach the share.
const WINDOW_OF_SINGLES: u32 = 3;
/// No window holds more requests.
const WINDOW_MAX: u32 = 1_000;

impl Bound {
    /// How many requests a share is taken over at least; 0 for what is no share.
    fn window(self) -> u32 {
        match self {
            Bound::Share { ppm, .. } => 1_000_000_u32
                .div_ceil(ppm.max(1))
                .saturating_mul(WINDOW_OF_SINGLES)
                .min(WINDOW_MAX),
            Bound::Duration { .. } | Bound::Fall { .. } | Bound::Rows { .. } => 0,
        }
    }

    /// `well` is how many rows there were when the rule last found them well.
    fn is_beyond(self, measure: Option<Measure>, well: Option<u64>) -> bool {
        let over = |found: i128, limit: i128, reaching: bool| found > limit || (reaching && found == limit);
        match (self, measure) {
            (Bound::Share { ppm, reaching }, Some(Measure::Share { failed, of })) => over(
                i128::from(failed) * 1_000_000,
                i128::from(ppm) * i128::from(of),
                reaching,
            ),
            (Bound::Duration { nanos, reaching }, Some(Measure::Took(took))) => {
                over(took.into(), nanos.into(), reaching)
            }
            (Bound::Duration { nanos, reaching }, Some(Measure::Age(age))) => over(age, nanos.into(), reaching),
            (Bound::Fall { ppm, reaching }, Some(Measure::Rows(rows))) => well.is_some_and(|well| {
                let fallen = i128::from(well) - i128::from(rows);
                fallen > 0 && over(fallen * 1_000_000, i128::from(ppm) * i128::from(well), reaching)
            }),
            (Bound::Rows { least }, Some(Measure::Rows(rows))) => rows < least,
            // Nothing was measured: the check itself said healthy or not.
            _ => false,
        }
    }
}

/// One rule and how far it has come.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) failures: u32,
    pub(crate) bound: Option<Bound>,
    /// Failed and asked of the latest checks, the newest last: only as many as the window needs.
    window: VecDeque<(u32, u32)>,
    /// Rows there were when it last found them well.
    well: Option<u64>,
    in_a_row: u32,
    timed_out_in_a_row: u32,
    raised: bool,
}

impl Rule {
    /// From the plan's rule for a check of this kind. The error says what was found and expected.
    pub(crate) fn new(name: &str, rule: &AlertRule, probe: &ProbeKind) -> Result<Rule, String> {
        let failures = figure::value(&rule.failures)
            .filter(|failures| *failures > 0)
            .ok_or_else(|| format!("alert `{name}`: found no failures in a row, expected a count of at least 1"))?;
        let bound = match (&rule.when, probe) {
            (None, ProbeKind::ErrorRate | ProbeKind::BackupAge | ProbeKind::RowCount(_)) => {
                return Err(format!(
                    "alert `{name}`: check `{}` measures, so the rule needs a threshold (`when`), found none",
                    rule.check
                ));
            }
            (None, _) => None,
            (Some(Threshold::Share(figure)), ProbeKind::ErrorRate | ProbeKind::RowCount(_)) => {
                let share = figure::value(figure).ok_or_else(|| {
                    format!("alert `{name}`: found no figure in `when`, expected a share such as `5 %`")
                })?;
                let (ppm, reaching) = (share.ppm, figure::reaching_is_beyond(figure));
                Some(if matches!(probe, ProbeKind::RowCount(_)) {
                    Bound::Fall { ppm, reaching }
                } else {
                    Bound::Share { ppm, reaching }
                })
            }
            (Some(Threshold::Rows(figure)), ProbeKind::RowCount(_)) => {
                let least = match figure.written() {
                    Some((Written::Below | Written::Bare, rows)) => u64::from(*rows),
                    Some((Written::AtMost, rows)) => u64::from(*rows) + 1,
                    Some((Written::Above | Written::AtLeast, _)) | None => {
                        return Err(format!(
                            "alert `{name}`: found no least number of rows in `when`, expected one such as `rows: {{ below: 1000 }}`"
                        ));
                    }
                };
                Some(Bound::Rows { least })
            }
            (Some(Threshold::Rows(_)), _) => {
                return Err(format!(
                    "alert `{name}`: found a number of rows in `when`, but check `{}` counts none",
                    rule.check
                ));
            }
            (
                Some(Threshold::Duration(figure)),
                ProbeKind::Http(_) | ProbeKind::DatabaseConnect(_) | ProbeKind::BackupAge,
            ) => {
                let nanos = figure::nanos(figure, &format!("alert `{name}`, `when`"))?;
                Some(Bound::Duration {
                    nanos,
                    reaching: figure::reaching_is_beyond(figure),
                })
            }
            (
                Some(_),
                ProbeKind::ChecksumFailures(_)
                | ProbeKind::DamageInLog(_)
                | ProbeKind::FailedQueries(_)
                | ProbeKind::Amcheck(_)
                | ProbeKind::BackupVerification,
            ) => {
                return Err(format!(
                    "alert `{name}`: found a threshold in `when`, but check `{}` says yes or no and measures nothing: \
                     expected none",
                    rule.check
                ));
            }
            (Some(Threshold::Share(_)), _) => {
                return Err(format!(
                    "alert `{name}`: found a share in `when`, but check `{}` measures time: expected a duration",
                    rule.check
                ));
            }
            (Some(Threshold::Duration(_)), ProbeKind::RowCount(_)) => {
                return Err(format!(
                    "alert `{name}`: found a duration in `when`, but check `{}` counts rows: expected `share` or `rows`",
                    rule.check
                ));
            }
            (Some(Threshold::Duration(_)), ProbeKind::ErrorRate) => {
                return Err(format!(
                    "alert `{name}`: found a duration in `when`, but check `{}` measures a share: expected one such as `5 %`",
                    rule.check
                ));
            }
        };
        let (in_a_row, timed_out_in_a_row, raised) = (0, 0, false);
        Ok(Rule {
            name: name.into(),
            kind: rule.kind.clone(),
            failures,
            bound,
            window: VecDeque::new(),
            well: None,
            in_a_row,
            timed_out_in_a_row,
            raised,
        })
    }

    /// Whether the rule takes this for healthy, after what it has seen before.
    pub(crate) fn is_healthy(&self, seen: &Seen) -> bool {
        let Some(bound) = self.bound else { return seen.healthy };
        let Some(Measure::Share { failed, of }) = seen.measure else {
            return seen.healthy && !bound.is_beyond(seen.measure, self.well);
        };
        // Nothing failed now: what failed before is over. Everything failed: no window makes that better.
        if failed == 0 || !seen.healthy {
            return failed == 0 && seen.healthy;
        }
        let (mut all_failed, mut all) = (failed, of);
        for (failed, of) in &self.window {
            all_failed = all_failed.saturating_add(*failed);
            all = all.saturating_add(*of);
        }
        // A window that is not full yet counts what it lacks as answered: a few requests prove no share.
        let share = Measure::Share {
            failed: all_failed,
            of: all.max(bound.window()),
        };
        !bound.is_beyond(Some(share), self.well)
    }

    /// Keeps a share for the checks that follow, and no more of them than the window needs beside the next one.
    fn keep(&mut self, seen: &Seen) {
        let (Some(bound), Some(Measure::Share { failed, of })) = (self.bound, seen.measure) else {
            return;
        };
        self.window.push_back((failed, of));
        let mut held: u64 = self.window.iter().map(|(_, of)| u64::from(*of)).sum();
        // Checks ask the same number of paths each time, so the next one adds what this one did.
        while held + u64::from(of) > u64::from(bound.window()) || self.window.len() > WINDOW_MAX as usize {
            let Some((_, oldest)) = self.window.pop_front() else {
                break;
            };
            held -= u64::from(oldest);
        }
    }

    /// Takes one check in.
    pub(crate) fn observe(&mut self, seen: &Seen) -> Option<Change> {
        if seen.mute {
            return None;
        }
        let healthy = self.is_healthy(seen);
        self.keep(seen);
        if healthy {
            self.in_a_row = 0;
            self.timed_out_in_a_row = 0;
            if let Some(Measure::Rows(rows)) = seen.measure {
                self.well = Some(rows);
            }
            return std::mem::take(&mut self.raised).then_some(Change::Cleared);
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.timed_out_in_a_row = self.timed_out_in_a_row.saturating_add(u32::from(seen.timed_out));
        if self.raised || self.in_a_row < self.failures {
            return None;
        }
        self.raised = true;
        Some(Change::Raised)
    }

    /// Unhealthy checks in a row, up to now.
    pub(crate) fn in_a_row(&self) -> u32 {
        self.in_a_row
    }

    /// Checks of the present row of unhealthy ones that waited their timeout out.
    pub(crate) fn timed_out_in_a_row(&self) -> u32 {
        self.timed_out_in_a_row
    }
}

#[cfg(test)]
mod tests;
