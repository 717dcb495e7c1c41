//! An alert rule: so many unhealthy checks in a row raise it, a healthy one clears it. Pure.
//!
//! A share is taken over a window of requests, as monitors of real traffic take it: a check asks a handful of paths, and
//! one slow answer among eight would be 12 %.

use std::collections::VecDeque;

use firedrill_core::plan::{AlertRule, ProbeKind, Threshold};
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
            Bound::Duration { .. } => 0,
        }
    }

    fn is_beyond(self, measure: Option<Measure>) -> bool {
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
            (None, ProbeKind::ErrorRate | ProbeKind::BackupAge) => {
                return Err(format!(
                    "alert `{name}`: check `{}` measures, so the rule needs a threshold (`when`), found none",
                    rule.check
                ));
            }
            (None, _) => None,
            (Some(Threshold::Share(figure)), ProbeKind::ErrorRate) => {
                let share = figure::value(figure).ok_or_else(|| {
                    format!("alert `{name}`: found no figure in `when`, expected a share such as `5 %`")
                })?;
                Some(Bound::Share {
                    ppm: share.ppm,
                    reaching: figure::reaching_is_beyond(figure),
                })
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
            in_a_row,
            timed_out_in_a_row,
            raised,
        })
    }

    /// Whether the rule takes this for healthy, after what it has seen before.
    pub(crate) fn is_healthy(&self, seen: &Seen) -> bool {
        let Some(bound) = self.bound else { return seen.healthy };
        let Some(Measure::Share { failed, of }) = seen.measure else {
            return seen.healthy && !bound.is_beyond(seen.measure);
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
        !bound.is_beyond(Some(Measure::Share {
            failed: all_failed,
            of: all.max(bound.window()),
        }))
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

    /// Checks of the present row of unhealthy ones that waited their timeout out.
    pub(crate) fn timed_out_in_a_row(&self) -> u32 {
        self.timed_out_in_a_row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firedrill_core::stamp::{HOUR, SECOND};

    fn rule(failures: u32, bound: Option<Bound>) -> Rule {
        Rule {
            name: "r".into(),
            kind: "k".into(),
            failures,
            bound,
            window: VecDeque::new(),
            in_a_row: 0,
            timed_out_in_a_row: 0,
            raised: false,
        }
    }

    fn seen(healthy: bool, measure: Option<Measure>) -> Seen {
        Seen {
            healthy,
            timed_out: false,
            mute: false,
            measure,
            text: String::new(),
        }
    }

    fn changes(rule: &mut Rule, pattern: &str) -> String {
        pattern
            .chars()
            .map(|c| match rule.observe(&seen(c == 'h', None)) {
                Some(Change::Raised) => 'R',
                Some(Change::Cleared) => 'C',
                None => '.',
            })
            .collect()
    }

    #[test]
    fn so_many_in_a_row_raise_once_and_one_healthy_clears() {
        assert_eq!(changes(&mut rule(3, None), "hhuuhuuuuuhhuuu"), ".......R..C...R");
        assert_eq!(changes(&mut rule(1, None), "uhuuh"), "RCR.C");
    }

    #[test]
    fn a_healthy_system_never_alerts() {
        assert!(!changes(&mut rule(1, None), &"h".repeat(1000)).contains('R'));
        assert!(
            !changes(&mut rule(2, None), &"hu".repeat(1000)).contains('R'),
            "never two in a row"
        );
    }

    #[test]
    fn thresholds_are_exact() {
        let share = |failed, of| seen(true, Some(Measure::Share { failed, of }));
        let above = rule(
            1,
            Some(Bound::Share {
                ppm: 50_000,
                reaching: false,
            }),
        );
        assert!(above.is_healthy(&share(5, 100)), "5 % is not above 5 %");
        assert!(!above.is_healthy(&share(6, 100)));
        let at_least = rule(
            1,
            Some(Bound::Share {
                ppm: 50_000,
                reaching: true,
            }),
        );
        assert!(!at_least.is_healthy(&share(5, 100)));
        let old = rule(
            1,
            Some(Bound::Duration {
                nanos: 24 * HOUR,
                reaching: false,
            }),
        );
        assert!(old.is_healthy(&seen(true, Some(Measure::Age(i128::from(24 * HOUR))))));
        assert!(!old.is_healthy(&seen(true, Some(Measure::Age(i128::from(24 * HOUR) + 1)))));
        let slow = rule(
            1,
            Some(Bound::Duration {
                nanos: 3 * SECOND,
                reaching: false,
            }),
        );
        assert!(slow.is_healthy(&seen(true, Some(Measure::Took(3 * SECOND)))));
        assert!(!slow.is_healthy(&seen(true, Some(Measure::Took(3 * SECOND + 1)))));
        assert!(
            !slow.is_healthy(&seen(false, Some(Measure::Took(1)))),
            "a failed check is not fast"
        );
    }

    #[test]
    fn a_share_is_taken_over_a_window_and_not_over_one_handful() {
        let share = |failed| seen(failed < 8, Some(Measure::Share { failed, of: 8 }));
        let bound = Bound::Share {
            ppm: 50_000,
            reaching: false,
        };
        let mut rule = rule(2, Some(bound));
        let pattern = |rule: &mut Rule, failed: &[u32]| -> String {
            let told = failed.iter().map(|failed| match rule.observe(&share(*failed)) {
                Some(Change::Raised) => 'R',
                Some(Change::Cleared) => 'C',
                None => '.',
            });
            told.collect()
        };
        // One slow answer in each of two checks, and nothing for long: 2 of 60 are no 5 %.
        assert_eq!(pattern(&mut rule, &[1, 1, 0, 0, 0, 0, 0, 0]), "........");
        // All fail: the second check in a row raises, as without a window, and the first good one clears.
        assert_eq!(pattern(&mut rule, &[8, 8, 8, 0]), ".R.C");
        // One of eight fails for good: 4 of 60 are beyond 5 %, and so is what follows.
        let mut rule = self::rule(2, Some(bound));
        assert_eq!(pattern(&mut rule, &[0, 1, 1, 1, 1, 1, 1]), ".....R.");
    }

    #[test]
    fn a_window_is_bounded_whatever_the_checks_ask() {
        let bound = Bound::Share { ppm: 1, reaching: true };
        let mut rule = rule(1, Some(bound));
        for of in [0, 1, 8, 5_000, 0, 3] {
            for _ in 0..2_000 {
                rule.observe(&seen(true, Some(Measure::Share { failed: 0, of })));
            }
        }
        assert!(rule.window.len() <= 1_000, "{}", rule.window.len());
    }

    #[test]
    fn a_look_that_could_not_be_taken_neither_raises_nor_clears() {
        let mut rule = rule(2, None);
        let mute = Seen {
            mute: true,
            ..seen(true, None)
        };
        assert_eq!(rule.observe(&seen(false, None)), None);
        assert_eq!(rule.observe(&mute), None);
        assert_eq!(rule.observe(&seen(false, None)), Some(Change::Raised));
        assert_eq!(rule.observe(&mute), None);
        assert_eq!(rule.observe(&seen(true, None)), Some(Change::Cleared));
    }

    #[test]
    fn timeouts_are_counted_within_the_row() {
        let mut rule = rule(3, None);
        let timed_out = Seen {
            timed_out: true,
            ..seen(false, None)
        };
        rule.observe(&timed_out);
        rule.observe(&seen(false, None));
        rule.observe(&timed_out);
        assert_eq!(rule.timed_out_in_a_row(), 2);
        rule.observe(&seen(true, None));
        assert_eq!(rule.timed_out_in_a_row(), 0);
    }
}
