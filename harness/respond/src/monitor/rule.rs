//! An alert rule: so many unhealthy checks in a row raise it, a healthy one clears it. Pure.

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

impl Bound {
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
            well: None,
            in_a_row,
            timed_out_in_a_row,
            raised,
        })
    }

    /// Whether the rule takes this for healthy.
    pub(crate) fn is_healthy(&self, seen: &Seen) -> bool {
        seen.healthy && !self.bound.is_some_and(|bound| bound.is_beyond(seen.measure, self.well))
    }

    /// Takes one check in.
    pub(crate) fn observe(&mut self, seen: &Seen) -> Option<Change> {
        if seen.mute {
            return None;
        }
        if self.is_healthy(seen) {
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
            well: None,
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
        assert!(above.is_healthy(&share(1, 20)), "5 % is not above 5 %");
        assert!(!above.is_healthy(&share(2, 20)));
        let at_least = rule(
            1,
            Some(Bound::Share {
                ppm: 50_000,
                reaching: true,
            }),
        );
        assert!(!at_least.is_healthy(&share(1, 20)));
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
    fn rows_that_fall_are_held_against_what_was_last_well() {
        let mut rule = rule(
            2,
            Some(Bound::Fall {
                ppm: 300_000,
                reaching: false,
            }),
        );
        let mut after = |rows| rule.observe(&seen(true, Some(Measure::Rows(rows))));
        // The first look has nothing to be held against; growth and a small fall are well.
        for rows in [0, 900, 1_000, 700] {
            assert_eq!(after(rows), None, "{rows}");
        }
        // 490 of 700 is a fall by 30 %, which is not above 30 %.
        assert_eq!(after(490), None);
        assert_eq!(after(100), None);
        assert_eq!(after(120), Some(Change::Raised), "still against 490, not against 100");
        assert_eq!(after(342), None);
        assert_eq!(after(343), Some(Change::Cleared));
    }

    #[test]
    fn too_few_rows_are_too_few_from_the_first_look_on() {
        let mut rule = rule(1, Some(Bound::Rows { least: 1_000 }));
        let mut after = |rows| rule.observe(&seen(true, Some(Measure::Rows(rows))));
        assert_eq!(after(999), Some(Change::Raised));
        assert_eq!(after(1_000), Some(Change::Cleared));
    }

    #[test]
    fn a_rule_for_rows_takes_a_share_or_a_least_count() {
        use firedrill_core::plan::CountedRows;
        let made = |when: &str| {
            let text = format!(r#"{{"kind":"rows_missing","check":"rows","failures":{{"is":1,"where":"w"}}{when}}}"#);
            let rule: AlertRule = serde_json::from_str(&text).unwrap();
            let probe = ProbeKind::RowCount(CountedRows {
                component: "database".into(),
                table: None,
            });
            Rule::new("r", &rule, &probe).map(|rule| rule.bound)
        };
        let share = r#","when":{"share":{"at_least":"30 %","where":"w"}}"#;
        let wanted = Bound::Fall {
            ppm: 300_000,
            reaching: true,
        };
        assert_eq!(made(share), Ok(Some(wanted)));
        let rows = |figure: &str| made(&format!(r#","when":{{"rows":{{"{figure}":1000,"where":"w"}}}}"#));
        assert_eq!(rows("below"), Ok(Some(Bound::Rows { least: 1_000 })));
        assert_eq!(rows("at_most"), Ok(Some(Bound::Rows { least: 1_001 })));
        assert!(rows("above").is_err());
        assert!(made("").unwrap_err().contains("needs a threshold"));
        assert!(
            made(r#","when":{"duration":{"is":"5 s","where":"w"}}"#)
                .unwrap_err()
                .contains("counts rows")
        );
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
