//! The command line: exit codes, what goes to which stream, and that a mistake is told with what to do about it.

use std::process::{Command, Output};

fn firedrill(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_firedrill"))
        .args(arguments)
        .output()
        .expect("the binary starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn help_teaches_exit_codes_and_where_to_start() {
    let help = firedrill(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for needed in ["inconclusive", "130", "firedrill init", "doctor", "judge"] {
        assert!(
            stdout(&help).contains(needed),
            "{needed} is missing in\n{}",
            stdout(&help)
        );
    }
}

#[test]
fn a_name_that_is_nearly_right_is_suggested() {
    let run = firedrill(&["run", "samia-tarot-failover/database-falure"]);
    assert_eq!(run.status.code(), Some(2));
    assert!(
        stderr(&run).contains("samia-tarot-failover/database-failure"),
        "{}",
        stderr(&run)
    );
    assert_eq!(stdout(&run), "");
}

#[test]
fn an_unknown_twin_is_an_input_error_that_names_the_known_ones() {
    let run = firedrill(&["run", "samia-tarot-failover/database-failure:archive-of"]);
    assert_eq!(run.status.code(), Some(2), "{}", stderr(&run));
    assert!(stderr(&run).contains("archive-off"), "{}", stderr(&run));
}

#[test]
fn what_is_not_built_is_not_offered() {
    let run = firedrill(&["run", "samia-tarot-failover/database-failure", "--environment", "moon"]);
    assert_eq!(run.status.code(), Some(2));
    assert!(stderr(&run).contains("local"), "{}", stderr(&run));
}

#[test]
fn a_folder_that_is_no_run_is_refused_or_open_never_passed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    let judged = firedrill(&["judge", &path]);
    assert!(
        matches!(judged.status.code(), Some(2 | 3)),
        "{:?}\n{}",
        judged.status,
        stderr(&judged)
    );
    let nowhere = firedrill(&["judge", "/no/such/run"]);
    assert_eq!(nowhere.status.code(), Some(2), "{}", stderr(&nowhere));
}

#[test]
fn lists_pipe_as_json_and_the_rest_of_the_shipped_commands_answer() {
    for arguments in [&["plan", "list"][..], &["scenario", "list"], &["doctor"]] {
        let mut with_format = arguments.to_vec();
        with_format.extend(["--format", "json"]);
        let output = firedrill(&with_format);
        let parsed: Result<serde_json::Value, _> = serde_json::from_slice(&output.stdout);
        assert!(
            parsed.is_ok(),
            "{arguments:?}: {}\n{}",
            stdout(&output),
            stderr(&output)
        );
    }
    for arguments in [&["completions", "bash"][..], &["man"]] {
        let output = firedrill(arguments);
        assert!(
            output.status.success() && output.stdout.len() > 500,
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn the_plan_and_scenario_that_init_writes_are_sound_and_are_not_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let own = folder.path().join("my drill");
    let path = own.display().to_string();
    let init = firedrill(&["init", &path]);
    assert!(init.status.success(), "{}", stderr(&init));
    let check = firedrill(&["scenario", "check", &own.join("scenario.yaml").display().to_string()]);
    assert!(check.status.success(), "{}\n{}", stdout(&check), stderr(&check));
    let again = firedrill(&["init", &path]);
    assert_eq!(again.status.code(), Some(2), "{}", stderr(&again));
}

#[test]
fn lint_finds_what_a_plan_cannot_keep_and_names_the_drill_that_proves_it() {
    let lint = firedrill(&["plan", "lint", "samia-tarot", "--as-of", "2026-12-07"]);
    assert_eq!(lint.status.code(), Some(1), "{}", stderr(&lint));
    for part in [
        "backup-rarer-than-rpo (error)",
        "fixtures/plans/samia-tarot.yaml:",
        "firedrill run samia-tarot/database-failure-as-written",
        "as of 2026-12-07",
    ] {
        assert!(stdout(&lint).contains(part), "{part} is missing in\n{}", stdout(&lint));
    }
    let sarif = firedrill(&[
        "plan",
        "lint",
        "samia-tarot",
        "samia-tarot-failover",
        "--format",
        "sarif",
    ]);
    assert_eq!(sarif.status.code(), Some(1), "{}", stderr(&sarif));
    let log: serde_json::Value = serde_json::from_str(&stdout(&sarif)).expect("SARIF is JSON");
    assert_eq!(log["version"], "2.1.0");
    assert!(
        log["runs"][0]["results"]
            .as_array()
            .is_some_and(|results| results.len() > 10)
    );
}

#[test]
fn lint_explains_its_rules_and_refuses_what_is_none() {
    let explain = firedrill(&["plan", "lint", "--explain", "backup-rarer-than-rpo"]);
    assert_eq!(explain.status.code(), Some(0), "{}", stderr(&explain));
    assert!(
        stdout(&explain).contains("Worst") || stdout(&explain).contains("worst"),
        "{}",
        stdout(&explain)
    );
    let unknown = firedrill(&["plan", "lint", "--explain", "backup-rarer-than-rto"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        stderr(&unknown).contains("backup-rarer-than-rpo"),
        "{}",
        stderr(&unknown)
    );
    for bad in [
        &["plan", "lint"][..],
        &["plan", "lint", "samia-tarot", "--as-of", "2026-13-01"],
        &["plan", "lint", "samia-tarot", "--deny", "everything"],
        &["plan", "lint", "samia-tarot", "--format", "junit"],
        &["plan", "lint", "no-such-plan"],
    ] {
        assert_eq!(firedrill(bad).status.code(), Some(2), "{bad:?}");
    }
}
