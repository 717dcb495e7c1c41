//! Rules against literal rows of checks.

use super::*;
use firedrill_core::stamp::{HOUR, SECOND};

fn rule(failures: u32, bound: Option<Bound>) -> Rule {
    Rule {
        name: "r".into(),
        kind: "k".into(),
        failures,
        bound,
        window: VecDeque::new(),
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
