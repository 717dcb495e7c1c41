//! Commands of the user's own, run for real where services live: what they are told, what becomes of what they say, and
//! that no secret stays behind.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use firedrill_environment::{Local, LocalOptions, PostgresOptions};
use firedrill_respond::OwnCommands;
use firedrill_respond::own::{CommandSite, Kind, StoreAccess, Surroundings, Task};

const BINARY: &str = env!("CARGO_BIN_EXE_firedrill");
const PASSWORD: &str = "the-password-of-the-run";
const KEY: &str = "the-secret-key-of-the-store";
const DEADLINE: Duration = Duration::from_secs(60);

struct Bed {
    local: Local,
    own: OwnCommands,
    logs: tempfile::TempDir,
}

impl Bed {
    async fn new() -> Bed {
        let logs = tempfile::tempdir().unwrap();
        let local = Local::open(LocalOptions {
            logs: Some(logs.path().to_owned()),
            ..LocalOptions::new(BINARY)
        })
        .await
        .unwrap();
        let host = Arc::new(local.postgres("database", PostgresOptions::default()).unwrap());
        let script: &[u8] = b"#!/bin/sh\necho \"tool says $1 in $DRILL_VAULT\"\n";
        let tools = local.lay_out_tools([(Path::new("deep/say.sh"), script)]).unwrap();
        assert!(local.lay_out_tools([(Path::new("../out.sh"), script)]).is_err());
        let store = StoreAccess {
            bucket: "backups".into(),
            access_key: "the-access-key".into(),
            secret_key: KEY.into(),
            region: "us-east-1".into(),
            certificate: None,
            reached: BTreeMap::from([("database".to_owned(), SocketAddr::from(([127, 0, 0, 1], 4321)))]),
        };
        let own = OwnCommands::new(Surroundings {
            component: "database".into(),
            home: "database".into(),
            sites: BTreeMap::from([(
                "database".to_owned(),
                CommandSite {
                    host: host as _,
                    name: "database".into(),
                },
            )]),
            stores: BTreeMap::from([("cold-store".to_owned(), store)]),
            applications: BTreeMap::new(),
            tools,
            tool_files: BTreeSet::from([PathBuf::from("deep/say.sh")]),
            vault: local.vault().unwrap(),
            programs: local.build().directory.clone(),
            password: PASSWORD.into(),
            logs: logs.path().to_owned(),
        });
        Bed { local, own, logs }
    }

    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.logs.path().join(format!("own-{name}.log"))).unwrap()
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn task<'a>(name: &'a str, command: &'a [String]) -> Task<'a> {
    Task {
        kind: Kind::Step,
        name,
        on: "database",
        command,
        deadline: DEADLINE,
        restores: None,
        truth: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_are_told_what_a_team_sees_and_their_output_is_kept_without_secrets() {
    let bed = Bed::new().await;
    let script = "umask 077; id -u; env; cat \"$DRILL_FACTS\"; cat \"$PGPASSFILE\" >&2; \
                  ls -l \"$DRILL_FACTS\" \"$DRILL_VARIABLES\" \"$PGPASSFILE\" | cut -c 1-10; \
                  . \"$DRILL_VARIABLES\"; test \"$DRILL_COLD_STORE_SECRET_KEY\" = the-secret-key-of-the-store; \
                  touch \"$DRILL_VAULT/mine\" \"$TMPDIR/mine\"";
    let command = words(&["sh", "-e", "-c", script]);
    bed.own.run(&task("look", &command)).await.unwrap();
    let log = bed.log("look");
    for part in [
        "DRILL_KIND=step",
        "DRILL_ON=database",
        "DRILL_COLD_STORE_ENDPOINT=http://127.0.0.1:4321",
        "DRILL_COLD_STORE_SECRET_KEY=[redacted]",
        "\"state\": \"down\"",
        "*:*:*:*:[redacted]",
        "-rw-------",
        "exit code 0",
    ] {
        assert!(log.contains(part), "no {part} in:\n{log}");
    }
    for part in [PASSWORD, KEY, "truth", "TRUTH", "CARGO", "-rw-r"] {
        assert!(!log.contains(part), "{part} in:\n{log}");
    }
    let home = bed.local.runtime_directory().join("database");
    assert!(log.contains(&format!("HOME={}\n", home.display())), "{log}");
    if let Some(account) = bed.local.account() {
        assert!(log.contains(&format!("-- output\n{}\n", account.uid)), "{log}");
    }
    let vault = bed.local.vault().unwrap();
    assert_eq!(vault.metadata().unwrap().permissions().mode() & 0o777, 0o700);

    // A tool is found by its place beside the scenario, whichever word it is.
    let command = words(&["sh", "tools/deep/say.sh", "hello"]);
    bed.own.run(&task("tool", &command)).await.unwrap();
    assert!(bed.log("tool").contains("tool says hello in "), "{}", bed.log("tool"));

    // Only what the harness itself runs may know of faults.
    let command = words(&["sh", "-c", "echo $DRILL_TRUTH_FAULT"]);
    let told = Task {
        truth: Some(serde_json::json!({ "fault": "database-lost" })),
        ..task("broken", &command)
    };
    bed.own.run(&told).await.unwrap();
    assert!(bed.log("broken").contains("database-lost"), "{}", bed.log("broken"));
    bed.local.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_wrong_is_told_with_the_last_lines() {
    let bed = Bed::new().await;
    for (script, how, cannot_run) in [
        ("echo out; echo cause >&2; exit 3", "exit code 3", false),
        ("echo not here >&2; exit 77", "exit code 77", true),
        ("echo '{\"backup\": 7}'", "result line", false),
        ("echo '{\"bakcup\": \"x\"}'", "bakcup", false),
        ("kill -9 $$", "signal", false),
    ] {
        let command = words(&["sh", "-c", script]);
        let error = bed.own.run(&task("wrong", &command)).await.unwrap_err();
        assert!(error.to_string().contains(how), "{script}: {error}");
        assert_eq!(error.cannot_run, cannot_run, "{script}");
    }
    let command = words(&["sh", "-c", "echo \"$DRILL_COLD_STORE_SECRET_KEY\"; echo cause; exit 1"]);
    let error = bed.own.run(&task("wrong", &command)).await.unwrap_err().to_string();
    assert!(error.contains("[redacted] | cause") && !error.contains(KEY), "{error}");

    let command = words(&["sh", "-c", "echo begun; sleep 1000 & wait"]);
    let late = Task {
        deadline: Duration::from_secs(1),
        ..task("late", &command)
    };
    let error = bed.own.run(&late).await.unwrap_err();
    assert!(
        error.late && error.to_string().contains("its last lines: begun"),
        "{error}"
    );

    let command = words(&["no-such-program"]);
    let error = bed.own.run(&task("none", &command)).await.unwrap_err().to_string();
    assert!(error.contains("no-such-program"), "{error}");
    bed.local.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_command_finds_its_variables_and_leaves_postgres_its_own_marks() {
    let bed = Bed::new().await;
    let line = bed
        .own
        .archive_command("database", &words(&["tools/deep/say.sh", "%f's %%"]))
        .await
        .unwrap();
    // As Postgres does it.
    let line = line
        .replace("%%", "\u{0}")
        .replace("%f", "segment")
        .replace('\u{0}', "%");
    let output = std::process::Command::new("sh")
        .arg("-c")
        .arg(&line)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .output();
    let output = String::from_utf8(output.unwrap().stdout).unwrap();
    let vault = bed.local.vault().unwrap();
    assert_eq!(
        output,
        format!("tool says segment's % in {}\n", vault.display()),
        "{line}"
    );
    assert!(!line.contains(PASSWORD) && !line.contains(KEY), "{line}");
    bed.local.close().await.unwrap();
}

/// Text without blanks and the marks of a message drawn over several lines.
fn flat(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '│').collect()
}

fn firedrill(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = std::process::Command::new(BINARY)
        .args(arguments)
        .current_dir(folder)
        .env_remove("FIREDRILL_OUTPUT")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// What `init` writes, with backups and the restore by scripts of one's own; `backup.sh` is the caller's.
fn scripted(backup: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = firedrill(folder.path(), &["init", "."]);
    assert_eq!(code, Some(0), "{said}");
    let file = folder.path().join("scenario.yaml");
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.truncate(text.find("# A drill that cannot fail").unwrap());
    for (old, new) in [
        ("  store: backups\n", "  tool: scripts\n"),
        ("base: { every: 1 d }", "base: { every: 1 d, run: [tools/backup.sh] }"),
        (
            "wal: { archive_timeout: 2 min }",
            "wal: { archive_timeout: 2 min, run: [tools/archive.sh, \"%p\", \"%f\"] }",
        ),
        (
            "restore: { into: standby, from: base_and_wal, target: end_of_archive }",
            "run: { command: [tools/restore.sh], restores: standby, from: base_and_wal }",
        ),
    ] {
        assert!(text.contains(old), "{old} is not in\n{text}");
        text = text.replacen(old, new, 1);
    }
    std::fs::write(&file, text).unwrap();
    let tools = folder.path().join("tools");
    std::fs::create_dir(&tools).unwrap();
    for (name, script) in [
        ("backup.sh", backup),
        ("archive.sh", "#!/bin/sh\nexit 0\n"),
        ("restore.sh", "#!/bin/sh\nexit 1\n"),
    ] {
        std::fs::write(tools.join(name), script).unwrap();
    }
    folder
}

#[test]
fn a_first_backup_of_one_s_own_that_fails_is_no_failure_of_the_harness() {
    for (script, needed) in [
        ("#!/bin/sh\necho no room >&2\nexit 3\n", "its last lines: no room"),
        (
            "#!/no/such/interpreter\n",
            "the interpreter that its first line names is not",
        ),
    ] {
        let folder = scripted(script);
        let (code, said) = firedrill(folder.path(), &["run", "scenario.yaml"]);
        assert_eq!(code, Some(2), "{said}");
        for needed in [needed, "the first base backup of yours failed", "own-base.log"] {
            assert!(flat(&said).contains(&flat(needed)), "no {needed} in:\n{said}");
        }
    }
}

#[test]
fn a_script_that_cannot_be_started_is_refused_before_anything_is() {
    for (old, new, needed) in [
        ("[tools/backup.sh]", "[backup.sh]", "did you mean `tools/backup.sh`?"),
        (
            "[tools/restore.sh]",
            "[tools/restor.sh]",
            "did you mean `tools/restore.sh`?",
        ),
        (
            "[tools/restore.sh]",
            "[\"tools/restore.sh --newest\"]",
            "write `[tools/restore.sh, --newest]`",
        ),
        (", \"%p\", \"%f\"", "", "neither %p nor %f"),
    ] {
        let folder = scripted("#!/bin/sh\nexit 0\n");
        let file = folder.path().join("scenario.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(old), "{old}");
        std::fs::write(&file, text.replacen(old, new, 1)).unwrap();
        let line = 1 + text.lines().position(|line| line.contains(old)).unwrap();
        let (code, said) = firedrill(folder.path(), &["scenario", "check", "scenario.yaml"]);
        assert_eq!(code, Some(2), "{new}: {said}");
        assert!(flat(&said).contains(&flat(needed)), "no {needed} in:\n{said}");
        assert!(
            said.contains(&format!("scenario.yaml:{line}:")),
            "not at line {line}:\n{said}"
        );
        let (code, said) = firedrill(folder.path(), &["run", "scenario.yaml"]);
        assert_eq!(code, Some(2), "{new}: {said}");
        assert!(flat(&said).contains(&flat(needed)), "no {needed} in:\n{said}");
        assert!(!folder.path().join("firedrill-runs").exists(), "{new}: a run was begun");
    }
}
