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
fn a_reader_that_has_had_enough_is_no_failure_and_a_full_disk_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let runs = folder.path().to_str().expect("UTF-8");
    for arguments in [
        &["fault", "list"][..],
        &["scenario", "list"],
        &["scenario", "show", "samia-tarot/object-lost"],
        &["plan", "list"],
        &["plan", "show", "samia-tarot"],
        &["plan", "check", "samia-tarot"],
        &["runs", "list", "--output", runs],
        &["completions", "bash"],
        &["man"],
        &["clean", "--format", "json"],
    ] {
        let told = |stdout: std::process::Stdio| {
            Command::new(env!("CARGO_BIN_EXE_firedrill"))
                .args(arguments)
                .stdout(stdout)
                .stderr(std::process::Stdio::piped())
                .spawn()
                .expect("the binary starts")
                .wait_with_output()
                .expect("it ends")
        };
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let closed = told(writer.into());
        assert_eq!(closed.status.code(), Some(0), "{arguments:?}: {}", stderr(&closed));
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("/dev/full");
        let full = told(full.into());
        assert_eq!(full.status.code(), Some(4), "{arguments:?}: {}", stderr(&full));
        assert!(stderr(&full).contains("standard output"), "{}", stderr(&full));
    }
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
    assert!(
        stderr(&nowhere).contains("runs list") && !stderr(&nowhere).contains("readable"),
        "{}",
        stderr(&nowhere)
    );
}

#[test]
fn lists_pipe_as_json_and_the_rest_of_the_shipped_commands_answer() {
    for arguments in [
        &["plan", "list"][..],
        &["scenario", "list"],
        &["doctor"],
        &["fault", "list"],
        &["runs", "list"],
    ] {
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
fn the_shipped_plans_are_sound_and_show_each_figure_with_its_section() {
    let plans = ["bmf001", "cibozer", "concierge", "samia-tarot", "samia-tarot-failover"];
    let mut check = vec!["plan", "check"];
    check.extend(plans);
    let checked = firedrill(&check);
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    for plan in plans {
        let figures = firedrill(&["plan", "show", plan, "--where", "--format", "json"]);
        let figures: Vec<serde_json::Value> = serde_json::from_slice(&figures.stdout).expect("a list of figures");
        assert!(figures.len() > 50, "{plan}: {}", figures.len());
        for figure in &figures {
            // What has no section stands in the document's own header or footer.
            let placed = figure["where"] != "" || figure["path"] == "document.updated";
            assert!(placed && figure["value"] != "?", "{plan}: {figure}");
        }
        assert!(
            stdout(&firedrill(&["plan", "show", plan])).lines().count() > 100,
            "{plan}"
        );
    }
}

#[test]
fn a_format_that_a_command_does_not_print_is_refused() {
    for command in [
        &["plan", "list"][..],
        &["scenario", "list"],
        &["fault", "list"],
        &["runs", "list"],
        &["doctor"],
    ] {
        for format in ["html", "junit"] {
            let mut arguments = command.to_vec();
            arguments.extend(["--format", format]);
            let output = firedrill(&arguments);
            assert_eq!(output.status.code(), Some(2), "{arguments:?}");
            assert_eq!(stdout(&output), "", "{arguments:?}");
            assert!(stderr(&output).contains(format), "{}", stderr(&output));
        }
    }
}

#[test]
fn mistakes_without_number_are_counted_for_programs_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = folder.path().join("plan.yaml");
    let mut text = String::from("plan: p\ntitle: P\ndisasters: { d: { title: D, automated: manual } }\ncomponents:\n");
    for n in 0..150 {
        text.push_str(&format!("  part{n}: {{ kind: service, depends_on: [nothing{n}] }}\n"));
    }
    std::fs::write(&plan, text).expect("a plan");
    let check = firedrill(&["plan", "check", &plan.display().to_string(), "--format", "json"]);
    assert_eq!(check.status.code(), Some(2), "{}", stderr(&check));
    let told: serde_json::Value = serde_json::from_slice(&check.stdout).expect("JSON");
    let shown = told[0]["mistakes"].as_array().map(Vec::len);
    assert_eq!((shown, &told[0]["left_out"]), (Some(100), &serde_json::json!(50)));
}

#[test]
fn a_plan_is_no_scenario_and_a_scenario_no_plan() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    assert!(firedrill(&["init", &path]).status.success());
    let plan = folder.path().join("plan.yaml").display().to_string();
    let scenario = folder.path().join("scenario.yaml").display().to_string();
    for (arguments, needed) in [
        (["run", plan.as_str()].to_vec(), "is a plan, not a scenario"),
        (["run", "samia-tarot"].to_vec(), "is a plan, not a scenario"),
        (
            ["plan", "check", scenario.as_str()].to_vec(),
            "is a scenario, not a plan",
        ),
    ] {
        let output = firedrill(&arguments);
        let said = stderr(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(needed), "{arguments:?}: {said}");
    }
}

#[test]
fn a_setting_or_a_pause_that_cannot_be_is_refused_before_anything_runs() {
    let scenario = "samia-tarot-failover/database-failure";
    for (arguments, needed) in [
        (&["--set", "load.canray=50"][..], "did you mean `canary`"),
        (&["--set", "load.canary=50", "--set", "load.canary=60"], "given twice"),
        (&["--set", "expect.exit=1"], "cannot be set"),
        (&["--set", "load.canary"], "KEY=VALUE"),
        (&["--pause-at", "disrupt"], "--pause-for"),
        (&["--pause-at", "lunch"], "prepare"),
        (&["--until", "conclude"], "validate"),
        (&["--repeat", "2", "--keep"], "--keep"),
    ] {
        let mut all = vec!["run", scenario];
        all.extend(arguments);
        let output = Command::new(env!("CARGO_BIN_EXE_firedrill"))
            .args(&all)
            .stdin(std::process::Stdio::null())
            .output()
            .expect("the binary starts");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(needed), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn the_config_file_sets_defaults_and_its_mistakes_have_a_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("firedrill.yaml");
    let list = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_firedrill"))
            .args(["plan", "list"])
            .args(arguments)
            .current_dir(folder.path())
            .env_remove("FIREDRILL_FORMAT")
            .env_remove("FIREDRILL_CONFIG")
            .output()
            .expect("the binary starts")
    };
    std::fs::write(&file, "# mine\nformat: json\n").expect("written");
    assert!(stdout(&list(&[])).starts_with('['), "{}", stderr(&list(&[])));
    assert!(!stdout(&list(&["--format", "text"])).starts_with('['));
    assert!(!stdout(&list(&["--config", "/dev/null"])).starts_with('['));
    std::fs::write(&file, "formt: json\n").expect("written");
    let refused = list(&[]);
    assert_eq!(refused.status.code(), Some(2));
    let said = stderr(&refused);
    assert!(
        said.contains("firedrill.yaml") && said.contains("did you mean `format`"),
        "{said}"
    );
    let missing = list(&["--config", "nowhere.yaml"]);
    assert_eq!(missing.status.code(), Some(2), "{}", stderr(&missing));
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
