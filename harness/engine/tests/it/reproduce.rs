//! What an engineer does with a drill that failed: stop it on its way and look, change one thing, run it again. On real
//! services; no verdict here depends on how fast they are.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::drills::{firedrill, runs, said};
use crate::turn::turn;

const SCENARIO: &str = "samia-tarot-failover/database-failure";
/// Short: nothing here is about what the drill measures.
const STEADY: &str = "steady=2 min";

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

fn file(run: &Path, name: &str) -> String {
    std::fs::read_to_string(run.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn events(run: &Path) -> Vec<Value> {
    file(run, "events.jsonl")
        .lines()
        .map(|line| json(line.as_bytes()))
        .collect()
}

/// The events of a kind, in order.
fn of_kind(run: &Path, tag: &str) -> Vec<Value> {
    let events = events(run).into_iter();
    events.filter_map(|record| record["event"].get(tag).cloned()).collect()
}

fn only_run(folder: &Path) -> PathBuf {
    let [run] = &runs(folder)[..] else {
        panic!("expected one run, found {:?}", runs(folder))
    };
    run.clone()
}

fn shell(command: &str) -> Output {
    Command::new("bash").args(["-c", command]).output().expect("a shell")
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_paused_drill_tells_how_to_connect_ends_where_it_was_asked_to_and_can_be_replayed() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().display().to_string();
    let mut drill = Command::new(env!("CARGO_BIN_EXE_firedrill"))
        .args([
            "run", SCENARIO, "--set", STEADY, "--output", &output, "--color", "never",
        ])
        .args(["--pause-at", "prepare", "--pause-for", "30s", "--until", "disrupt"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut told = Vec::new();
    let mut lines = BufReader::new(drill.stderr.take().expect("a pipe")).lines();
    for line in lines.by_ref() {
        let line = line.expect("text");
        told.push(line.clone());
        if line.starts_with("logs in ") {
            break;
        }
    }
    let pasted: Vec<String> = told
        .iter()
        .map(|line| line.trim().to_owned())
        .filter(|line| line.starts_with("PGPASSFILE=") || line.starts_with("curl "))
        .collect();
    assert!(pasted.iter().any(|line| line.contains("psql")), "{told:?}");
    assert!(
        pasted.iter().filter(|line| line.contains("list-type=2")).count() >= 4,
        "{told:?}"
    );
    for command in &pasted {
        if let Some(psql) = command.contains("psql").then(|| shell("command -v psql"))
            && !psql.status.success()
        {
            println!("skipped, there is no psql here: {command}");
            continue;
        }
        let asked = if command.contains("psql") {
            format!("{command} -Atc 'SELECT count(*) >= 0 FROM payments'")
        } else {
            command.replacen("curl ", "curl --fail ", 1)
        };
        let answer = shell(&asked);
        assert!(answer.status.success(), "{asked}\n{}", said(&answer));
        assert!(!answer.stdout.is_empty(), "{asked}");
    }
    let pgpass = pasted[0].split(['=', ' ']).nth(1).expect("a path").to_owned();
    let secrets = Path::new(&pgpass).parent().expect("a folder");
    assert_eq!(
        std::fs::metadata(secrets).expect("there").permissions().mode() & 0o777,
        0o700
    );
    let mut kept = 0;
    for entry in std::fs::read_dir(secrets).expect("a folder") {
        let path = entry.expect("an entry").path();
        assert_eq!(
            std::fs::metadata(&path).expect("there").permissions().mode() & 0o777,
            0o600
        );
        let text = std::fs::read_to_string(&path).expect("text");
        // The last word of each file is the secret of it.
        let secret = text
            .split([':', ' ', '"', '\n'])
            .rfind(|word| word.len() >= 16)
            .expect("a secret");
        assert!(told.iter().all(|line| !line.contains(secret)), "a secret was printed");
        kept += 1;
    }
    assert!(kept >= 4);
    for line in lines {
        told.push(line.expect("text"));
    }
    assert_eq!(drill.wait().expect("it ends").code(), Some(3), "{told:?}");
    assert!(!secrets.exists(), "secrets go with the run");

    let run = only_run(folder.path());
    let verdict = json(file(&run, "verdict.json").as_bytes());
    assert_eq!(verdict["outcome"], "inconclusive");
    let spoiled = verdict["spoiled"].to_string();
    assert!(
        spoiled.contains("paused after `prepare`") && spoiled.contains("end after `disrupt`"),
        "{spoiled}"
    );
    assert!(
        verdict["altered"][0]
            .as_str()
            .is_some_and(|line| line.starts_with(STEADY.split('=').next().expect("a key")))
    );
    assert!(
        verdict["scope"]
            .as_str()
            .is_some_and(|scope| scope.contains("altered for this run"))
    );
    let path = run.display().to_string();
    assert_eq!(firedrill(&["judge", &path]).status.code(), Some(3));

    let again = tempfile::tempdir().expect("a folder");
    let output = again.path().display().to_string();
    let replayed = firedrill(&["replay", &path, "--until", "disrupt", "--output", &output]);
    assert_eq!(replayed.status.code(), Some(3), "{}", said(&replayed));
    assert!(
        said(&replayed).contains("interleaving not reproduced"),
        "{}",
        said(&replayed)
    );
    let second = only_run(again.path());
    let [recalled] = &of_kind(&second, "recalled")[..] else {
        panic!("no recalled values")
    };
    assert_eq!(recalled["run"].as_str(), run.file_name().and_then(|name| name.to_str()));
    let after: i64 = recalled["values"]["strike.after_ns"]
        .as_str()
        .expect("a value")
        .parse()
        .expect("a number");
    let steady = events(&run)
        .into_iter()
        .find(|record| record["event"]["phase"] == serde_json::json!({"phase": "steady", "edge": "begun"}))
        .expect("steady")["stamp"][0]
        .as_i64()
        .expect("a stamp");
    let struck = events(&run)
        .into_iter()
        .find(|record| record["event"]["fault"]["edge"] == "invoked")
        .expect("a strike")["stamp"][0]
        .as_i64()
        .expect("a stamp");
    assert_eq!(after, struck - steady);
    let (first, second_inputs) = (
        json(file(&run, "run.json").as_bytes()),
        json(file(&second, "run.json").as_bytes()),
    );
    for same in ["seed", "settings", "plan_text", "scenario_text", "terms"] {
        assert_eq!(first[same], second_inputs[same], "{same}");
    }

    // Evidence that does not fit is not played again.
    let events = run.join("events.jsonl");
    let mut bytes = std::fs::read(&events).expect("a history");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&events, bytes).expect("written");
    let refused = firedrill(&["replay", &path, "--output", &output]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
}

#[test]
fn a_kept_drill_goes_on_without_the_harness_until_clean_names_its_run() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().display().to_string();
    let kept = firedrill(&["run", SCENARIO, "--until", "prepare", "--keep", "--output", &output]);
    assert_eq!(kept.status.code(), Some(3), "{}", said(&kept));
    let run = only_run(folder.path()).display().to_string();
    let told = said(&kept);
    assert!(told.contains(&format!("firedrill clean {run}")), "{told}");
    // Directly, since the links ended with the harness: its health looks at database and store.
    let health = told
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with("curl ") && line.ends_with("/health"))
        .expect("a command");
    let answer = shell(&format!(
        "for i in $(seq 50); do {health} | grep -q '\"ok\":true' && break; sleep 0.2; done; {health}"
    ));
    let answer = json(&answer.stdout);
    assert_eq!(
        (&answer["database"]["ok"], &answer["store"]["ok"]),
        (&true.into(), &true.into()),
        "{answer}"
    );

    // What the services write from now on is no evidence: it does not alter what was sealed.
    let whole = || {
        let judged = firedrill(&["judge", &run]);
        assert_eq!(judged.status.code(), Some(3), "{}", said(&judged));
        assert!(said(&judged).contains("evidence whole"), "{}", said(&judged));
    };
    let logs = told.lines().find_map(|line| line.trim().strip_prefix("logs in "));
    let logs = PathBuf::from(logs.expect("the place of the logs"));
    let sealed = file(Path::new(&run), "logs/database.log");
    let runtime = logs.parent().expect("a runtime directory");
    let postmaster = file(runtime, "database/data/postmaster.pid");
    let postmaster = postmaster.lines().next().expect("a process");
    assert!(shell(&format!("kill -HUP {postmaster}")).status.success());
    until("the server writes a line", || file(&logs, "database.log") != sealed);
    whole();
    // WAL goes to the store itself.
    let repository = json(file(runtime, "database/repository.json").as_bytes());
    let endpoint = repository["endpoint"].as_str().expect("an endpoint");
    let address = endpoint.trim_start_matches("http://");
    assert!(
        std::net::TcpStream::connect(address).is_ok(),
        "nobody listens at {endpoint}"
    );

    let listed = firedrill(&["runs", "list", "--output", &output, "--format", "json"]);
    assert!(
        json(&listed.stdout)[0]["note"]
            .as_str()
            .is_some_and(|note| note.contains("its services run"))
    );
    let pruned = firedrill(&["runs", "prune", "--output", &output, "--keep", "0", "--yes"]);
    assert!(pruned.status.success() && Path::new(&run).exists(), "{}", said(&pruned));

    let cleaned = firedrill(&["clean", &run]);
    assert_eq!(cleaned.status.code(), Some(0), "{}", said(&cleaned));
    assert_eq!(
        firedrill(&["clean", &run]).status.code(),
        Some(2),
        "nothing of it is left"
    );
    whole();
    let pruned = firedrill(&["runs", "prune", "--output", &output, "--keep", "0"]);
    assert!(
        said(&pruned).contains("1 run") && Path::new(&run).exists(),
        "a dry run: {}",
        said(&pruned)
    );
    let pruned = firedrill(&["runs", "prune", "--output", &output, "--keep", "0", "--yes"]);
    assert!(
        pruned.status.success() && !Path::new(&run).exists(),
        "{}",
        said(&pruned)
    );
}

/// Neither whoever ends it nor whoever prunes knows where its runtime directory lies, but by its run.
#[test]
fn a_drill_kept_under_another_tmpdir_is_spared_by_prune_and_ended_by_its_run() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let elsewhere = tempfile::Builder::new()
        .prefix("k")
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir_in("/tmp")
        .expect("a folder");
    let output = folder.path().display().to_string();
    let kept = Command::new(env!("CARGO_BIN_EXE_firedrill"))
        .args(["run", SCENARIO, "--until", "prepare", "--keep", "--output", &output])
        .env("TMPDIR", elsewhere.path())
        .output()
        .expect("the binary starts");
    assert_eq!(kept.status.code(), Some(3), "{}", said(&kept));
    let run = only_run(folder.path());
    let left = || std::fs::read_dir(elsewhere.path()).expect("a folder").count();
    assert_eq!(left(), 1, "its runtime directory");

    let here = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_firedrill"))
            .args(arguments)
            .env("TMPDIR", "/tmp")
            .output()
            .expect("the binary starts")
    };
    let listed = here(&["runs", "list", "--output", &output, "--format", "json"]);
    let note = json(&listed.stdout)[0]["note"].to_string();
    assert!(note.contains("firedrill clean"), "{note}");
    let pruned = here(&["runs", "prune", "--output", &output, "--keep", "0", "--yes"]);
    assert!(pruned.status.success() && run.exists(), "{}", said(&pruned));
    let unnamed = here(&["clean", "no-such-run"]);
    let words = said(&unnamed).replace('│', " ");
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("it is not in /tmp"), "{words}");
    // Without the note, the lock of its supervisor still speaks for it.
    let note = run.join("runtime");
    let noted = std::fs::read(&note).expect("a note");
    std::fs::remove_file(&note).expect("removed");
    let pruned = here(&["runs", "prune", "--output", &output, "--keep", "0", "--yes"]);
    assert!(said(&pruned).contains("in use") && run.exists(), "{}", said(&pruned));
    std::fs::write(&note, noted).expect("written");

    let cleaned = here(&["clean", &run.display().to_string()]);
    assert_eq!(cleaned.status.code(), Some(0), "{}", said(&cleaned));
    assert_eq!(left(), 0);
    let judged = here(&["judge", &run.display().to_string()]);
    assert!(said(&judged).contains("evidence whole"), "{}", said(&judged));
    let pruned = here(&["runs", "prune", "--output", &output, "--keep", "0", "--yes"]);
    assert!(pruned.status.success() && !run.exists(), "{}", said(&pruned));
}

#[test]
fn repeated_runs_are_all_kept_and_the_worst_counts() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().display().to_string();
    let repeated = firedrill(&[
        "run", SCENARIO, "--until", "prepare", "--repeat", "2", "--output", &output, "--format", "json", "--quiet",
    ]);
    assert_eq!(repeated.status.code(), Some(3), "{}", said(&repeated));
    let table = json(&repeated.stdout);
    assert_eq!(
        (&table["outcome"], table["runs"].as_array().map(Vec::len)),
        (&"inconclusive".into(), Some(2))
    );
    assert_ne!(table["runs"][0]["seed"], table["runs"][1]["seed"]);
    assert_eq!(runs(folder.path()).len(), 2);
}

#[test]
fn every_fault_is_injected_proved_noticed_and_healed() {
    let _turn = turn();
    let proved = firedrill(&["fault", "prove"]);
    println!("{}", said(&proved));
    assert_eq!(proved.status.code(), Some(0), "{}", said(&proved));
    assert!(said(&proved).contains("lose_data"), "{}", said(&proved));
    let unknown = firedrill(&["fault", "prove", "kil"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(said(&unknown).contains("did you mean `kill`"), "{}", said(&unknown));
}
