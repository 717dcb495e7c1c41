//! Suites as literals, and the exit codes and merged suites they lead to.

use super::*;

fn drill(name: &str, exits: &[Option<u8>]) -> SuiteDrill {
    SuiteDrill {
        scenario: name.into(),
        plan: "plan".into(),
        summary: String::new(),
        duties: Vec::new(),
        expected_exit: 0,
        skipped: None,
        attempts: exits
            .iter()
            .map(|exit| Attempt {
                run: Some(format!("run-of-{name}")),
                started: "2026-01-01T00:00:00Z".into(),
                millis: 1,
                exit: *exit,
                outcome: match exit {
                    Some(0) => Some(Outcome::Pass),
                    Some(1) => Some(Outcome::Fail),
                    Some(3) => Some(Outcome::Inconclusive),
                    _ => None,
                },
                scope: String::new(),
                spoiled: Vec::new(),
                findings: Vec::new(),
                loss: Default::default(),
                limits: Default::default(),
                said: String::new(),
            })
            .collect(),
        trend: None,
    }
}

fn skipped(name: &str) -> SuiteDrill {
    SuiteDrill {
        skipped: Some("no such program".into()),
        ..drill(name, &[])
    }
}

fn suite(shard: Option<Shard>, wanted: &[&str], drills: Vec<SuiteDrill>) -> SuiteRun {
    SuiteRun {
        schema: SUITE_SCHEMA,
        program: "firedrill".into(),
        suite: Cadence::Weekly,
        started: "2026-01-01T00:00:00Z".into(),
        ended: "2026-01-01T00:10:00Z".into(),
        plans: vec!["plan".into()],
        expected: false,
        shard,
        wanted: wanted.iter().map(|name| (*name).to_owned()).collect(),
        allowed_skips: BTreeSet::new(),
        drills,
        not_drilled: Vec::new(),
        interrupted: false,
    }
}

#[test]
fn the_worst_drill_decides() {
    let code = |exits: &[u8]| {
        let names: Vec<String> = (0..exits.len()).map(|number| number.to_string()).collect();
        let wanted: Vec<&str> = names.iter().map(String::as_str).collect();
        let drills = exits
            .iter()
            .zip(&names)
            .map(|(exit, name)| drill(name, &[Some(*exit)]))
            .collect();
        suite(None, &wanted, drills).exit_code()
    };
    assert_eq!(code(&[0, 0]), 0);
    assert_eq!(code(&[0, 3]), 3);
    assert_eq!(
        code(&[3, 1, 0]),
        1,
        "a target that was missed is worse than one undecided"
    );
    assert_eq!(code(&[1, 2]), 2);
    assert_eq!(code(&[4, 1]), 4);
    assert_eq!(code(&[0, 5, 4]), 5);
    assert_eq!(code(&[130, 1]), 130);
    assert_eq!(suite(None, &["a"], vec![drill("a", &[None])]).exit_code(), 4, "killed");
}

#[test]
fn the_second_attempt_counts_and_the_first_is_kept() {
    let again = drill("a", &[Some(3), Some(0)]);
    assert_eq!(again.fate(&BTreeSet::new()), Fate::Passed);
    assert_eq!(again.attempts.len(), 2);
    assert_eq!(drill("a", &[Some(3), Some(3)]).exit_code(&BTreeSet::new()), 3);
    assert_eq!(drill("a", &[Some(3), Some(1)]).exit_code(&BTreeSet::new()), 1);
}

#[test]
fn what_did_not_run_is_no_pass() {
    let mut one = suite(None, &["a", "b"], vec![drill("a", &[Some(0)]), skipped("b")]);
    assert_eq!(one.exit_code(), 3);
    one.allowed_skips.insert("b".into());
    assert_eq!(one.exit_code(), 0);
    assert_eq!(one.fates(), BTreeMap::from([(Fate::Passed, 1), (Fate::MaySkip, 1)]));
    // Allowed or not: where nothing was drilled, nothing was shown.
    let mut all = suite(None, &["b"], vec![skipped("b")]);
    all.allowed_skips.insert("b".into());
    assert_eq!(all.exit_code(), 3);
    assert_eq!(suite(None, &[], vec![]).exit_code(), 3);
    // A drill that was wanted and is not there.
    let lacking = suite(None, &["a", "b"], vec![drill("a", &[Some(0)])]);
    assert_eq!((lacking.exit_code(), lacking.missing()), (3, vec!["b"]));
    // Exit 0 without a verdict.
    let mut silent = drill("a", &[Some(0)]);
    silent.attempts[0].outcome = None;
    assert_eq!(suite(None, &["a"], vec![silent]).exit_code(), 3);
}

#[test]
fn shards_split_a_suite_and_join_to_it() {
    let wanted = ["a", "b", "c"];
    let shard = |text: &str| Some(text.parse::<Shard>().expect("a shard"));
    let first = suite(
        shard("1/2"),
        &wanted,
        vec![drill("a", &[Some(0)]), drill("c", &[Some(1)])],
    );
    let second = suite(shard("2/2"), &wanted, vec![drill("b", &[Some(0)])]);
    assert_eq!(second.exit_code(), 0, "what another shard holds is not missing here");
    let joined =
        SuiteRun::merge(vec![("two".into(), second.clone()), ("one".into(), first.clone())]).expect("one suite");
    let names: Vec<&str> = joined.drills.iter().map(|drill| drill.scenario.as_str()).collect();
    assert_eq!(
        (names, joined.exit_code(), joined.shard),
        (vec!["a", "b", "c"], 1, None)
    );
    // A shard that never came.
    let alone = SuiteRun::merge(vec![("two".into(), second.clone())]).expect("one part");
    assert_eq!((alone.exit_code(), alone.missing()), (3, vec!["a", "c"]));
    // A shard that holds nothing is no fault of the shard.
    let empty = suite(shard("4/4"), &wanted, vec![]);
    assert_eq!(empty.exit_code(), 0);
    // Parts of different suites.
    let twice = SuiteRun::merge(vec![("x".into(), second.clone()), ("y".into(), second.clone())]);
    assert!(twice.is_err_and(|error| error.contains("both shard 2/2")));
    let mut other = first.clone();
    other.suite = Cadence::Monthly;
    assert!(SuiteRun::merge(vec![("x".into(), other), ("y".into(), second.clone())]).is_err());
    let whole = suite(None, &wanted, vec![]);
    assert!(SuiteRun::merge(vec![("x".into(), whole), ("y".into(), second)]).is_err());
    for bad in ["0/2", "3/2", "1", "a/b", "1/0", "1/2000"] {
        assert!(bad.parse::<Shard>().is_err(), "{bad}");
    }
}

#[test]
fn a_suite_survives_its_file() {
    let one = suite("1/2".parse().ok(), &["a"], vec![drill("a", &[Some(3), Some(0)])]);
    assert_eq!(SuiteRun::parse(&one.to_json()), Ok(one.clone()));
    assert!(SuiteRun::parse("{}").is_err_and(|error| error.contains("schema none")));
    assert!(SuiteRun::parse(&one.to_json().replace("\"schema\": 1", "\"schema\": 7")).is_err());
}
