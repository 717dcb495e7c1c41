//! Schedule, key figures and suites over folders of runs, made by hand and by real drills.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use firedrill::run_directory;
use firedrill_core::suite::SuiteRun;
use serde_json::{Value, json};

use crate::buckets::{PLACE, Shop};
use crate::undetected::Written::{Nothing, Unnoticed};
use crate::undetected::store;

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_firedrill"));
    command.args(arguments);
    for name in ["GITHUB_STEP_SUMMARY", "GITHUB_ACTIONS", "GITLAB_CI", "FIREDRILL_OUTPUT"] {
        command.env_remove(name);
    }
    command
}

fn firedrill(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the binary starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

const DRILL: &str = "samia-tarot/database-failure-as-written";

fn duty<'a>(schedule: &'a Value, what: &str) -> &'a Value {
    schedule["duties"]
        .as_array()
        .expect("duties")
        .iter()
        .find(|duty| duty["what"] == what)
        .unwrap_or_else(|| panic!("no duty `{what}` in {schedule:#}"))
}

#[test]
fn the_schedule_tells_what_is_kept_due_and_overdue() {
    let history = tempfile::tempdir().expect("a folder");
    let schedule = |as_of: &str| -> Value {
        let arguments = ["schedule", "--plan", "samia-tarot", "--history", path(history.path())];
        let output = firedrill(&[&arguments[..], &["--as-of", as_of, "--format", "json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        serde_json::from_str(&stdout(&output)).expect("JSON")
    };
    // Nothing was run: the week that passed was missed, and nobody knows of more.
    let empty = schedule("2026-12-07");
    let weekly = duty(&empty, "restore of a database backup");
    assert_eq!(
        (weekly["state"].as_str(), weekly["missed"].as_u64()),
        (Some("overdue"), Some(1))
    );
    assert_eq!(weekly["overdue_since"], "2026-12-06");

    store(history.path(), "2026-12-02T02:00:00Z", DRILL, None, Unnoticed);
    // None of these keeps anything.
    store(history.path(), "2026-12-05T02:00:00Z", DRILL, None, Nothing);
    store(
        history.path(),
        "2026-12-05T03:00:00Z",
        DRILL,
        Some("wal-shipped"),
        Unnoticed,
    );
    // Nor what is still to come.
    store(history.path(), "2027-01-01T02:00:00Z", DRILL, None, Unnoticed);
    let kept = schedule("2026-12-06");
    assert_eq!(duty(&kept, "restore of a database backup")["state"], "kept");
    let monday = schedule("2026-12-07");
    let weekly = duty(&monday, "restore of a database backup");
    assert_eq!(
        (weekly["state"].as_str(), weekly["last"]["outcome"].as_str()),
        (Some("due"), Some("fail"))
    );
    assert_eq!(weekly["next"]["due"], "2026-12-13");
    let later = schedule("2026-12-28");
    let weekly = duty(&later, "restore of a database backup");
    assert_eq!(
        (weekly["missed"].as_u64(), weekly["overdue_since"].as_str()),
        (Some(3), Some("2026-12-13"))
    );
    // A duty that no scenario serves stays overdue whatever is run.
    assert_eq!(duty(&monday, "communication")["state"], "overdue");

    let text = firedrill(&["schedule", "--as-of", "2026-12-07", "--history", path(history.path())]);
    assert_eq!(text.status.code(), Some(0), "{}", stderr(&text));
    assert!(stdout(&text).contains("as of 2026-12-07"), "{}", stdout(&text));
    let refused = firedrill(&["schedule", "--format", "junit", "--history", path(history.path())]);
    assert_eq!(refused.status.code(), Some(2));
    let no_day = firedrill(&["schedule", "--as-of", "tomorrow"]);
    assert_eq!(no_day.status.code(), Some(2));
}

#[test]
fn the_calendar_file_is_one() {
    let history = tempfile::tempdir().expect("a folder");
    let output = firedrill(&[
        "schedule",
        "--ics",
        "--as-of",
        "2026-12-07",
        "--history",
        path(history.path()),
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.starts_with("BEGIN:VCALENDAR\r\n") && text.ends_with("END:VCALENDAR\r\n"));
    let count = |line: &str| text.split("\r\n").filter(|found| *found == line).count();
    assert!(count("BEGIN:VEVENT") > 20);
    assert_eq!(count("BEGIN:VEVENT"), count("END:VEVENT"));
    assert!(text.split("\r\n").all(|line| line.len() <= 75), "{text}");
    let unfolded = text.replace("\r\n ", "");
    let ids: Vec<&str> = unfolded.lines().filter(|line| line.starts_with("UID:")).collect();
    let starts = unfolded.lines().filter(|line| line.starts_with("DTSTART")).count();
    assert_eq!(ids.len(), starts);
}

#[test]
fn key_figures_are_those_of_the_runs() {
    let history = tempfile::tempdir().expect("a folder");
    store(history.path(), "2026-11-23T02:00:00Z", DRILL, None, Unnoticed);
    store(history.path(), "2026-12-02T02:00:00Z", DRILL, None, Unnoticed);
    store(
        history.path(),
        "2026-12-05T03:00:00Z",
        DRILL,
        Some("wal-shipped"),
        Unnoticed,
    );
    let output = firedrill(&[
        "kpis",
        "--plan",
        "samia-tarot",
        "--history",
        path(history.path()),
        "--as-of",
        "2026-12-07",
        "--format",
        "json",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let value: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    let plan = &value["plans"][0];
    assert_eq!(plan["kpis"]["success"], json!({ "of": 2, "good": 0 }));
    assert_eq!(plan["trends"][0]["says"], "neither recovery came to an end");
    let text = firedrill(&["kpis", "--history", path(history.path()), "--as-of", "2026-12-07"]);
    assert!(stdout(&text).contains("0 of 2 (0.0 %)"), "{}", stdout(&text));
}

/// A verdict that was rewritten together with the manifest that lists it keeps no calendar.
#[test]
fn a_verdict_that_the_evidence_does_not_lead_to_counts_for_nothing() {
    let history = tempfile::tempdir().expect("a folder");
    let run = store(history.path(), "2026-12-02T02:00:00Z", DRILL, None, Unnoticed);
    let figures = || -> Value {
        let arguments = [
            "kpis",
            "--plan",
            "samia-tarot",
            "--history",
            path(history.path()),
            "--as-of",
            "2026-12-07",
            "--format",
            "json",
        ];
        let output = firedrill(&arguments);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let value: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
        value["plans"][0]["kpis"].clone()
    };
    let honest = figures();
    assert_eq!(
        (&honest["success"], &honest["undecided"]),
        (&json!({ "of": 1, "good": 0 }), &json!(0))
    );

    let read =
        |name: &str| -> Value { serde_json::from_slice(&fs::read(run.join(name)).expect("a file")).expect("JSON") };
    let mut verdict = read("verdict.json");
    assert_eq!(verdict["outcome"], "fail");
    verdict["outcome"] = json!("pass");
    for finding in verdict["findings"].as_array_mut().expect("findings") {
        finding["outcome"] = json!("pass");
    }
    fs::write(run.join("verdict.json"), verdict.to_string()).expect("the lie");
    fs::remove_file(run.join("manifest.json")).expect("the manifest");
    run_directory::write_manifest(&run).expect("one that lists the lie");
    let forged = figures();
    assert_eq!(
        (&forged["success"], &forged["undecided"]),
        (&json!({ "of": 0, "good": 0 }), &json!(1))
    );
    let listed = firedrill(&["runs", "list", "--output", path(history.path()), "--format", "json"]);
    let listed: Value = serde_json::from_str(&stdout(&listed)).expect("JSON");
    let note = listed[0]["note"].as_str().expect("a note");
    assert!(
        listed[0]["outcome"].is_null() && note.contains("not what the evidence leads to"),
        "{listed:#}"
    );
}

#[test]
fn a_suite_is_what_data_say() {
    let list = |arguments: &[&str]| -> Value {
        let output = firedrill(&[arguments, &["--list", "--format", "json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        serde_json::from_str(&stdout(&output)).expect("JSON")
    };
    let names = |suite: &Value| -> Vec<String> {
        let drills = suite["drills"].as_array().expect("drills");
        drills
            .iter()
            .map(|drill| drill["scenario"].as_str().expect("a name").to_owned())
            .collect()
    };
    let weekly = list(&["suite", "weekly", "--plan", "samia-tarot"]);
    assert!(names(&weekly).contains(&DRILL.to_owned()), "{weekly:#}");
    assert!(
        weekly["not_drilled"]
            .as_array()
            .is_some_and(|duties| duties.iter().any(|duty| duty["what"] == "health checks"))
    );
    let quarterly = list(&["suite", "quarterly", "--plan", "samia-tarot-failover"]);
    assert!(
        names(&quarterly).contains(&"samia-tarot-failover/database-failure".to_owned()),
        "{quarterly:#}"
    );
    // Shards deal out each drill once.
    let here = |shard: &str| -> usize {
        let part = list(&["suite", "quarterly", "--shard", shard]);
        part["drills"]
            .as_array()
            .expect("drills")
            .iter()
            .filter(|drill| drill["run"] == true)
            .count()
    };
    let all = names(&list(&["suite", "quarterly"])).len();
    assert!(all > 1);
    assert_eq!(here("1/2") + here("2/2"), all);
    let typo = firedrill(&["suite", "weekly", "--allow-skip", "samia-tarot/no-such-drill", "--list"]);
    assert_eq!(typo.status.code(), Some(2), "{}", stderr(&typo));
}

#[test]
fn every_duty_that_a_shipped_scenario_names_is_one_of_its_plan() {
    for shipped in firedrill::library::SCENARIOS {
        let loaded = firedrill::library::load(shipped.name).unwrap_or_else(|_| panic!("{}", shipped.name));
        for duty in &loaded.scenario.value.duties {
            let known: Vec<&str> = loaded
                .plan
                .value
                .drills
                .iter()
                .map(|known| known.what.as_str())
                .collect();
            assert!(
                known.contains(&duty.as_str()),
                "{}: `{duty}` is none of {known:?}",
                shipped.name
            );
        }
    }
}

#[test]
fn shards_join_and_a_missing_one_is_no_pass() {
    let folder = tempfile::tempdir().expect("a folder");
    let part = |index: u32, exit: u8, outcome: &str| {
        let wanted = ["p/a", "p/b"];
        let name = wanted[index as usize - 1];
        let suite = json!({
            "schema": 1, "program": "firedrill", "suite": "weekly", "started": "2026-01-05T02:00:00Z",
            "ended": "2026-01-05T02:10:00Z", "plans": ["p"], "expected": false, "shard": { "index": index, "of": 2 },
            "wanted": wanted, "allowed_skips": [], "not_drilled": [], "interrupted": false,
            "drills": [{
                "scenario": name, "plan": "p", "summary": "", "duties": [], "expected_exit": 0, "skipped": null,
                "trend": null, "attempts": [{
                    "run": "r", "started": "2026-01-05T02:00:00Z", "millis": 5, "exit": exit, "outcome": outcome,
                    "scope": "", "spoiled": [], "findings": [], "said": "",
                }],
            }],
        });
        let directory = folder.path().join(index.to_string());
        fs::create_dir_all(&directory).expect("a folder");
        fs::write(directory.join("suite.json"), suite.to_string()).expect("a file");
        directory
    };
    let (one, two) = (part(1, 0, "pass"), part(2, 1, "fail"));
    let whole = folder.path().join("whole");
    let joined = firedrill(&["report", "merge", path(&one), path(&two), "--output", path(&whole)]);
    assert_eq!(joined.status.code(), Some(1), "{}", stderr(&joined));
    assert!(
        stdout(&joined).contains("2 drills: 1 FAIL, 1 PASS"),
        "{}",
        stdout(&joined)
    );
    for file in ["suite.json", "report.html", "report.md", "report.txt", "junit.xml"] {
        assert!(whole.join(file).is_file(), "{file}");
    }
    let alone = firedrill(&["report", "merge", path(&one)]);
    assert_eq!(alone.status.code(), Some(3));
    assert!(
        stdout(&alone).contains("p/b belongs to the suite and was not run"),
        "{}",
        stdout(&alone)
    );
    let twice = firedrill(&["report", "merge", path(&one), path(&one)]);
    assert_eq!(twice.status.code(), Some(2));
    let nothing = firedrill(&["report", "merge", path(folder.path())]);
    assert_eq!(nothing.status.code(), Some(2));
    // The page of one run is still asked for in the same way.
    assert_eq!(firedrill(&["report"]).status.code(), Some(2));
}

/// A suite of real drills, held against a run that only a bucket has.
#[tokio::test(flavor = "multi_thread")]
async fn a_suite_runs_its_drills_and_tells_the_pipeline() {
    let folder = tempfile::tempdir().expect("a folder");
    let (runs, report) = (folder.path().join("runs"), folder.path().join("report"));
    let summary = folder.path().join("summary.md");
    let shop = Shop::open(false).await;
    let before = store(
        &folder.path().join("before"),
        "2025-01-06T02:00:00Z",
        DRILL,
        None,
        Unnoticed,
    );
    let pushed = shop.run(&["runs", "push", path(&before), "--to", PLACE]);
    assert_eq!(pushed.status.code(), Some(0), "{}", stderr(&pushed));
    let output = command(&["suite", "weekly", "--plan", "samia-tarot", "--expected"])
        .args(["--output", path(&runs), "--report", path(&report), "--history", PLACE])
        .envs(shop.variables())
        .env("GITHUB_STEP_SUMMARY", &summary)
        .env("GITHUB_ACTIONS", "true")
        .output()
        .expect("the binary starts");
    let suite = SuiteRun::parse(&fs::read_to_string(report.join("suite.json")).expect("a suite")).expect("a suite");
    assert_eq!(
        output.status.code(),
        Some(i32::from(suite.exit_code())),
        "{}",
        stderr(&output)
    );
    assert_eq!(suite.drills.len(), suite.wanted.len());
    for drill in &suite.drills {
        let attempt = drill.deciding().expect("it ran");
        let run = attempt.run.as_ref().expect("a run");
        let decided = attempt
            .outcome
            .is_some_and(|outcome| outcome != firedrill_core::Outcome::Inconclusive);
        assert_eq!(
            drill.trend.is_some(),
            decided && drill.scenario == DRILL,
            "{:?}",
            drill.trend
        );
        assert!(runs.join(run).join("verdict.json").is_file());
        assert!(drill.attempts.len() == 1 || drill.attempts[0].outcome == Some(firedrill_core::Outcome::Inconclusive));
        // Whatever the machine did to the measurement, the verdict is the one that the evidence leads to.
        let judged = firedrill(&["judge", path(&runs.join(run)), "--format", "json"]);
        let code = attempt.outcome.map_or(9, |outcome| match outcome {
            firedrill_core::Outcome::Pass => 0,
            firedrill_core::Outcome::Fail => 1,
            firedrill_core::Outcome::Inconclusive => 3,
        });
        assert_eq!(judged.status.code(), Some(code), "{}", stderr(&judged));
    }
    let told = fs::read_to_string(&summary).expect("a summary");
    assert_eq!(
        told.matches("weekly suite").count(),
        1,
        "the drills do not write a summary each: {told}"
    );
    let junit = fs::read_to_string(report.join("junit.xml")).expect("JUnit");
    assert!(junit.contains(DRILL), "{junit}");
}

/// Ended from outside, a suite ends its drill in order, runs no further one, and says so.
#[test]
fn a_suite_that_is_interrupted_leaves_nothing_running() {
    let folder = tempfile::tempdir().expect("a folder");
    let (runs, report) = (folder.path().join("runs"), folder.path().join("report"));
    let mut child = command(&["suite", "quarterly", "--plan", "samia-tarot-failover"])
        .args(["--output", path(&runs), "--report", path(&report)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let deadline = Instant::now() + Duration::from_secs(120);
    // It listens for signals by the time that it tells its first phase.
    let begun = || {
        let logs = fs::read_dir(report.join("logs")).into_iter().flatten().flatten();
        logs.into_iter()
            .any(|log| fs::read_to_string(log.path()).is_ok_and(|text| text.contains("prepare")))
    };
    while !begun() {
        assert!(Instant::now() < deadline, "no drill began");
        std::thread::sleep(Duration::from_millis(100));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(130));
    let suite = SuiteRun::parse(&fs::read_to_string(report.join("suite.json")).expect("a suite")).expect("a suite");
    assert!(
        suite.interrupted && suite.drills.len() == 1 && !suite.missing().is_empty(),
        "{suite:?}"
    );
    assert_eq!(suite.drills[0].deciding().and_then(|attempt| attempt.exit), Some(130));
}

#[test]
fn the_folder_that_init_writes_is_a_folder_of_scenarios() {
    let folder = tempfile::tempdir().expect("a folder");
    let own = folder.path().join("my-drill");
    let init = firedrill(&["init", path(&own)]);
    assert!(init.status.success(), "{}", stderr(&init));
    let plan = own.join("plan.yaml");
    let history = path(folder.path());
    for arguments in [
        &["suite", "monthly", path(&own), "--list"][..],
        &[
            "schedule",
            "--plan",
            path(&plan),
            "--scenario",
            path(&own),
            "--history",
            history,
        ],
    ] {
        let output = firedrill(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
    }
    let named = firedrill(&["suite", "monthly", path(&plan), "--list"]);
    assert_eq!(named.status.code(), Some(2), "{}", stderr(&named));
}
