//! The pipeline templates that users copy: their shape, and that every command in them is one this program takes.
//!
//! No code host is at hand. What can be shown without one is: the files are YAML of the right shape, each block is sound
//! shell, and, run as written with the program replaced by one that writes down its arguments, calls commands that exist.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser as _;
use firedrill::cli::Cli;
use serde_json::Value;

/// A place in a bucket, as users set it.
const HISTORY: &str = "s3://evidence/drills";

fn template(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ci").join(name);
    let text = fs::read_to_string(&path).expect("the template is there");
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name} is no YAML: {error}"))
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A folder in which blocks run: stand-ins on the path, what shards leave behind.
struct Workspace {
    folder: tempfile::TempDir,
    environment: BTreeMap<String, String>,
}

impl Workspace {
    fn new() -> Workspace {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |path: &str| folder.path().join(path);
        for path in [
            "bin",
            "calls",
            "shards/drills-1/suite-report",
            "shards/drills-1/firedrill-runs",
            "shards/drills-2/suite-report",
            "shards/drills-2/firedrill-runs",
        ] {
            fs::create_dir_all(at(path)).expect("a folder");
        }
        let record = "#!/bin/bash\nprintf '%s\\0' \"$@\" > \"$CALLS/$(basename \"$0\")-$(ls \"$CALLS\" | wc -l)\"\n";
        for program in ["firedrill", "cargo"] {
            fs::write(at("bin").join(program), record).expect("a program");
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(at("bin").join(program), mode).expect("a program");
        }
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", at("bin").display());
        let environment = [("PATH", path), ("CALLS", at("calls").display().to_string())]
            .map(|(name, value)| (name.to_owned(), value))
            .into();
        Workspace { folder, environment }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    fn run(&self, name: &str, block: &str, more: &BTreeMap<String, String>) {
        let bash = |arguments: &[&str]| {
            Command::new("bash")
                .args(arguments)
                .arg(block)
                .current_dir(self.folder.path())
                .env_clear()
                .envs(&self.environment)
                .envs(more)
                .output()
                .expect("bash is there")
        };
        for arguments in [&["-n", "-c"][..], &["-euo", "pipefail", "-c"]] {
            let output = bash(arguments);
            assert!(
                output.status.success(),
                "{name}, bash {arguments:?}: {}\n{block}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }

    /// What `firedrill` was called with, each held against the real command line.
    fn calls(&self) -> Vec<Vec<String>> {
        let mut calls = Vec::new();
        for entry in fs::read_dir(self.at("calls")).expect("calls") {
            let entry = entry.expect("a call");
            if !entry.file_name().to_string_lossy().starts_with("firedrill-") {
                continue;
            }
            let bytes = fs::read(entry.path()).expect("a call");
            let words: Vec<String> = String::from_utf8(bytes)
                .expect("text")
                .split_terminator('\0')
                .map(str::to_owned)
                .collect();
            let line = std::iter::once("firedrill".to_owned()).chain(words.iter().cloned());
            if let Err(error) = Cli::try_parse_from(line) {
                panic!("firedrill {words:?}: {error}");
            }
            calls.push(words);
        }
        calls
    }
}

fn called<'a>(calls: &'a [Vec<String>], beginning: &[&str]) -> Vec<&'a Vec<String>> {
    calls
        .iter()
        .filter(|call| call.starts_with(&beginning.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()))
        .collect()
}

#[test]
fn the_github_workflow_calls_what_there_is() {
    let workflow = template("github-workflow.yml");
    for key in ["name", "on", "permissions", "jobs"] {
        assert!(workflow.get(key).is_some(), "`{key}` is missing");
    }
    let crons: Vec<String> = workflow["on"]["schedule"]
        .as_array()
        .expect("a schedule")
        .iter()
        .map(|one| text(&one["cron"]))
        .collect();
    assert!(crons.iter().all(|cron| cron.split(' ').count() == 5), "{crons:?}");
    let shards = workflow["jobs"]["drills"]["strategy"]["matrix"]["shard"]
        .as_array()
        .expect("shards");
    assert_eq!(
        text(&workflow["env"]["SHARDS"]),
        shards.len().to_string(),
        "SHARDS and matrix.shard"
    );

    let suites = [
        ("", "weekly", ""),
        (crons[1].as_str(), "monthly", HISTORY),
        (crons[2].as_str(), "quarterly", ""),
        (crons[3].as_str(), "annual", HISTORY),
    ];
    for (cron, suite, history) in suites {
        let mut workspace = Workspace::new();
        let home = workspace.at("").display().to_string();
        workspace.set("HOME", &home);
        for file in ["GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"] {
            let path = workspace.at(file).display().to_string();
            workspace.set(file, &path);
        }
        for (name, value) in workflow["env"].as_object().expect("env") {
            workspace.set(name, &text(value));
        }
        workspace.set("DRILLS", "drills/ more.yaml");
        workspace.set("HISTORY", history);
        for (job, of) in workflow["jobs"].as_object().expect("jobs") {
            for key in ["runs-on", "timeout-minutes", "steps"] {
                assert!(of.get(key).is_some(), "job {job}: `{key}` is missing");
            }
            for step in of["steps"].as_array().expect("steps") {
                assert!(
                    step.get("run").is_some() != step.get("uses").is_some(),
                    "job {job}: a step runs or uses something: {step}"
                );
                let Some(block) = step.get("run").and_then(Value::as_str) else {
                    let uses = text(&step["uses"]);
                    assert!(uses.starts_with("actions/") && uses.contains("@v"), "{uses}");
                    continue;
                };
                // Text from outside comes by variables: an expression in a block would be code.
                assert!(!block.contains("${{"), "job {job}: an expression in a block: {block}");
                let only_with_history = step
                    .get("if")
                    .is_some_and(|when| text(when).contains("env.HISTORY != ''"));
                if only_with_history && history.is_empty() {
                    continue;
                }
                let mut more = BTreeMap::new();
                for (name, value) in step.get("env").and_then(Value::as_object).into_iter().flatten() {
                    let value = match text(value).as_str() {
                        "${{ matrix.shard }}" => "2".to_owned(),
                        "${{ inputs.suite }}" => String::new(),
                        "${{ github.event.schedule }}" => cron.to_owned(),
                        secret if secret == format!("${{{{ secrets.{name} }}}}") => "secret".to_owned(),
                        other => panic!("job {job}: {name} is {other}"),
                    };
                    more.insert(name.clone(), value);
                }
                workspace.run(job, block, &more);
                let set = fs::read_to_string(workspace.at("GITHUB_ENV")).unwrap_or_default();
                for (name, value) in set.lines().filter_map(|line| line.split_once('=')) {
                    workspace.set(name, value);
                }
            }
        }
        let calls = workspace.calls();
        let suites = called(&calls, &["suite"]);
        assert_eq!(suites.len(), 1, "{calls:?}");
        assert_eq!(
            suites[0][..6],
            ["suite", suite, "drills/", "more.yaml", "--shard", "2/2"]
        );
        assert_eq!(
            called(&calls, &["report", "merge"])[0][2..4],
            ["shards/drills-1/suite-report", "shards/drills-2/suite-report"]
        );
        assert_eq!(called(&calls, &["schedule"]).len(), 1);
        assert_eq!(called(&calls, &["kpis"]).len(), 1);
        keeps_history(&calls, history);
    }
}

/// Whether runs are pushed to the place of the history, and read from there, where there is one.
fn keeps_history(calls: &[Vec<String>], history: &str) {
    let pushes = called(calls, &["runs", "push"]);
    assert_eq!(pushes.len(), usize::from(!history.is_empty()), "{calls:?}");
    for push in pushes {
        assert_eq!(push[2..], ["--output", "firedrill-runs", "--to", history]);
    }
    for command in ["suite", "schedule", "kpis"] {
        let call = called(calls, &[command])[0];
        let read = call.windows(2).any(|pair| pair == ["--history", HISTORY]);
        assert_eq!(read, !history.is_empty(), "{call:?}");
    }
}

#[test]
fn the_gitlab_template_calls_what_there_is() {
    let template = template("gitlab-ci.yml");
    let stages: Vec<String> = template["stages"]
        .as_array()
        .expect("stages")
        .iter()
        .map(text)
        .collect();
    for history in ["", HISTORY] {
        the_gitlab_jobs_call_what_there_is(&template, &stages, history);
    }
}

fn the_gitlab_jobs_call_what_there_is(template: &Value, stages: &[String], history: &str) {
    let base = &template[".firedrill"];
    let mut workspace = Workspace::new();
    let project = workspace.at("").display().to_string();
    for (name, value) in template["variables"].as_object().expect("variables") {
        workspace.set(name, &text(value.get("value").unwrap_or(value)));
    }
    for (name, value) in [
        ("CI_PROJECT_DIR", project.as_str()),
        ("CI_NODE_INDEX", "1"),
        ("CI_NODE_TOTAL", "2"),
        ("CARGO_HOME", &format!("{project}/.cargo")),
        ("DRILLS", "drills/"),
        ("HISTORY", history),
    ] {
        workspace.set(name, value);
    }
    for job in ["drills", "report"] {
        let of = &template[job];
        assert_eq!(text(&of["extends"]), ".firedrill");
        assert!(stages.contains(&text(&of["stage"])), "job {job}");
        assert!(
            of["artifacts"]["paths"]
                .as_array()
                .is_some_and(|paths| !paths.is_empty())
        );
        let blocks: Vec<String> = [&base["before_script"], &of["script"]]
            .into_iter()
            .flat_map(|list| list.as_array().expect("a list of commands"))
            .map(|block| block.as_str().expect("a command is text").to_owned())
            .collect();
        // The runner feeds them to one shell, one after the other.
        let block = blocks.join("\n").replace("export PATH=", ": PATH=");
        workspace.run(job, &block, &BTreeMap::new());
        // A shell of its own, without what the script has set; where the program was installed to, its stand-in lies.
        for block in of.get("after_script").and_then(Value::as_array).into_iter().flatten() {
            let more = [("CARGO_HOME".to_owned(), project.clone())].into();
            workspace.run(job, block.as_str().expect("a command is text"), &more);
        }
    }
    let calls = workspace.calls();
    assert_eq!(
        called(&calls, &["suite"])[0][..5],
        ["suite", "weekly", "drills/", "--shard", "1/2"]
    );
    assert_eq!(called(&calls, &["report", "merge"]).len(), 1);
    keeps_history(&calls, history);
    assert_eq!(
        text(&template["drills"]["artifacts"]["reports"]["junit"]),
        "shards/*/junit.xml"
    );
}
