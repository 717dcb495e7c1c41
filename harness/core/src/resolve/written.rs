//! What makes a range of objects unsound: one that holds no time, or a time that has not come when it is used.

use crate::document::{Mistake, Place};
use crate::scenario::{Action, ConditionTime, Fault, Strike, Written};
use crate::stamp::{Nanos, SECOND};

use super::drill::Drill;
use super::soundness::fixed;

/// Mistakes of a range of objects that a fault spoils or a step puts back.
pub(super) fn mistakes(drill: &Drill, found: &mut Vec<Mistake>, at: &Place, written: &Written) {
    let from = fixed(found, &at.then("from"), written.from);
    let until = fixed(found, &at.then("until"), written.until);
    let (Some(from), Some(until)) = (from, until) else {
        return;
    };
    let scale = drill.scenario.calendar_scale.max(1);
    if until <= from {
        found.push(Mistake::new(
            at.then("until"),
            format!(
                "the range begins at {} and ends at {}: nothing is written in it",
                written.from, written.until
            ),
            "no later than `from`",
            format!("end it later than {}, at which it begins", written.from),
        ));
    } else if (until - from) / Nanos::from(scale) < SECOND {
        found.push(Mistake::new(
            at.clone(),
            format!(
                "from {} until {} is less than a second of drill time at scale {scale}",
                written.from, written.until
            ),
            "too short for anything to be written",
            format!("let it last at least {scale} s of plan time; better ten times that"),
        ));
    }
    if let Some((strike, said)) = strike(drill)
        && until > strike
    {
        found.push(Mistake::new(
            at.then("until"),
            format!(
                "the range ends at {}, and the strike may come at {said}: later objects are not written yet",
                written.until
            ),
            "after the strike",
            format!(
                "both count from the start of the steady state: end the range at {said} or before, or strike later"
            ),
        ));
    }
}

/// A range of a condition that comes before anything is written in it.
pub(super) fn placed(found: &mut Vec<Mistake>, at: &Place, fault: &Fault) {
    if !fault.strikes && fault.when == ConditionTime::Prepare {
        found.push(Mistake::new(
            at.clone(),
            "the condition is injected before the steady state, from which the range counts",
            "nothing is written yet",
            "add `when: before_strike` to the fault, or leave `written` out",
        ));
    }
}

/// The earliest instant of the strike on the plan clock, from the start of the steady state, as number and in words.
fn strike(drill: &Drill) -> Option<(Nanos, String)> {
    let scenario = &drill.scenario;
    let steady = (scenario.steady.nanos()?, scenario.steady.to_string());
    Some(match &scenario.strike {
        Strike::At(instant) => steady.max((instant.nanos()?, instant.to_string())),
        Strike::WorstForRpo | Strike::WorstForRto | Strike::Random => steady,
    })
}

/// Ranges that the newest copy before the strike cannot hold whole.
pub(super) fn doubts(drill: &Drill, found: &mut Vec<Mistake>) {
    let files = drill.scenario.backup.files.as_ref();
    let every = files.and_then(|files| files.every.nanos()).filter(|every| *every > 0);
    let (Some(every), Some((strike, said))) = (every, strike(drill)) else {
        return;
    };
    for (index, step) in drill.scenario.procedure.steps.iter().enumerate() {
        let Action::RestoreFiles {
            written: Some(written), ..
        } = &step.action
        else {
            continue;
        };
        let Some(range) = written.nanos() else { continue };
        // The first is taken before the steady state begins.
        let newest = strike / every * every;
        if range.end > newest {
            let at = drill.at("procedure").then("steps").then(index).then("do");
            found.push(
                Mistake::new(
                    at.then("restore_files").then("written").then("until"),
                    format!(
                        "the range ends at {}, and no copy of the bucket is begun between then and {said}, when the strike \
                         may come",
                        written.until
                    ),
                    "no copy holds all of it",
                    "end the range before the newest copy is taken, copy more often, or strike later",
                )
                .warning(),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::document::{Source, parse_plan, parse_scenario};
    use crate::resolve::{examine, resolve};

    const PLAN: &str = include_str!("../../../../fixtures/plans/cibozer.yaml");
    const SCENARIO: &str = include_str!("../../../../scenarios/cibozer/files-of-a-range.yaml");
    const FAULT: &str = "written: { from: 2 h, until: 5 h } }\n    detector";
    const STEP: &str = "restore_files: { into: files, written: { from: 2 h, until: 5 h } }";

    /// The shipped scenario with `instead` for the first `what`, and without its twins.
    fn altered(what: &str, instead: &str) -> crate::Scenario {
        assert!(SCENARIO.contains(what), "{what} is not in the scenario");
        let text = SCENARIO.replacen(what, instead, 1);
        let (text, _) = text.split_once("twins:\n").expect("it has twins");
        let parsed = parse_scenario(Source::new("scenario.yaml", text));
        parsed.unwrap_or_else(|mistakes| panic!("{mistakes:?}")).value
    }

    fn mistakes(what: &str, instead: &str) -> String {
        let plan = parse_plan(Source::new("plan.yaml", PLAN)).unwrap().value;
        let scenario = altered(what, instead);
        resolve(&plan, &scenario, None).map_or_else(|unsound| unsound.to_string(), |_| String::new())
    }

    fn doubts(what: &str, instead: &str) -> Vec<String> {
        let plan = parse_plan(Source::new("plan.yaml", PLAN)).unwrap().value;
        let found = examine(&plan, &altered(what, instead));
        found
            .into_iter()
            .map(|mistake| format!("{}: {}", mistake.place, mistake.what))
            // The clock of days is coarse, which is told too.
            .filter(|told| !told.starts_with("calendar_scale"))
            .collect()
    }

    #[test]
    fn a_range_holds_some_time_before_the_strike() {
        assert_eq!(mistakes(STEP, STEP), "", "the shipped one is sound");
        for (range, wrong) in [
            ("{ from: 5 h, until: 5 h }", "nothing is written in it"),
            ("{ from: 5 h, until: 2 h }", "nothing is written in it"),
            ("{ from: 2 h, until: 1 month }", "month"),
            (
                "{ from: 2 h, until: 127 min }",
                "less than a second of drill time at scale 480",
            ),
            ("{ from: 2 h, until: 128 min }", ""),
            ("{ from: 7 h, until: 481 min }", "the strike may come at 8 h"),
            ("{ from: 7 h, until: 8 h }", ""),
        ] {
            let fault = mistakes(FAULT, &FAULT.replace("{ from: 2 h, until: 5 h }", range));
            let step = mistakes(STEP, &STEP.replace("{ from: 2 h, until: 5 h }", range));
            for (found, place) in [(&fault, "spoil_objects.written"), (&step, "restore_files.written")] {
                assert!(
                    found.contains(wrong) && (wrong.is_empty() == found.is_empty()),
                    "{range}: {found}"
                );
                assert!(wrong.is_empty() || found.contains(place), "{range}: {found}");
            }
        }
        let found = mistakes("steady: 7 h\nstrike: { at: 8 h }", "steady: 4 h");
        assert!(found.contains("the strike may come at 4 h"), "{found}");
    }

    #[test]
    fn a_condition_of_prepare_finds_nothing_written() {
        let condition = |when: &str| {
            format!(
                "strikes: true\n    inject:\n      spoil_objects: {{ service: files, how: missing }}\n    detector: none\n  \
                 - name: earlier\n{when}    inject:\n      spoil_objects: {{ service: files, how: altered, written: {{ from: 2 h, \
                 until: 5 h }} }}\n  - name: third\n    when: before_strike"
            )
        };
        let found = mistakes("strikes: true", &condition(""));
        assert!(found.contains("before the steady state"), "{found}");
        let found = mistakes("strikes: true", &condition("    when: before_strike\n"));
        assert!(!found.contains("before the steady state"), "{found}");
    }

    #[test]
    fn files_of_a_range_are_restored_where_the_load_writes_them() {
        let found = mistakes(STEP, &STEP.replace("into: files", "into: backups"));
        assert!(found.contains("points at objects in `backups`"), "{found}");
    }

    #[test]
    fn a_range_that_no_copy_holds_whole_is_doubted() {
        assert_eq!(doubts(STEP, STEP), [""; 0]);
        let found = doubts(STEP, &STEP.replace("until: 5 h", "until: 7 h"));
        assert!(
            matches!(&found[..], [only] if only.contains("restore_files.written.until") && only.contains("no copy of the bucket")),
            "{found:?}"
        );
    }

    #[test]
    fn a_database_that_nothing_touches_need_not_be_hit() {
        let wrong = "does not hit `database`";
        let restored = "restore_files: { into: files } }\n    - name: start\n      do: { start: { service: database }";
        let found = mistakes(STEP, restored);
        assert!(found.contains(wrong), "a step may touch it: {found}");
        let condition = "faults:\n  - name: rows\n    when: before_strike\n    inject:\n      spoil_data: { service: database, \
                         table: files, how: delete }";
        let found = mistakes("faults:", condition);
        assert!(found.contains(wrong), "a condition spoils it: {found}");
    }
}
