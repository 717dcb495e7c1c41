//! The containers environment against a real engine: the same drill comes to the same, and nothing of it is left, whatever
//! became of the harness. Where no engine answers, or its images are not made, each test is skipped by name; not where
//! nothing may be skipped.

use std::process::Command;

use crate::drills::said;

#[cfg(not(feature = "containers"))]
#[test]
fn a_build_without_the_feature_names_it() {
    let output = crate::drills::firedrill(&[
        "run",
        "samia-tarot-failover/database-failure",
        "--environment",
        "containers",
    ]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    // However it is broken into lines.
    let text: Vec<String> = said(&output)
        .replace('│', " ")
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    assert!(text.join(" ").contains("--features containers"), "{}", said(&output));
}

#[test]
fn a_socket_that_is_not_there_is_told_with_what_to_do() {
    if cfg!(not(feature = "containers")) {
        return;
    }
    let output = Command::new(env!("CARGO_BIN_EXE_firedrill"))
        .args([
            "run",
            "samia-tarot-failover/database-failure",
            "--environment",
            "containers",
        ])
        .env("DOCKER_HOST", "unix:///nowhere/engine.sock")
        .output()
        .expect("the binary starts");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let text = said(&output).replace(['\n', '│'], " ");
    assert!(
        text.contains("/nowhere/engine.sock") && text.contains("DOCKER_HOST"),
        "{text}"
    );
}

#[cfg(feature = "containers")]
mod with_an_engine {
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use firedrill_environment::containers::{ImageNames, choose};
    use firedrill_environment::{
        Containers, Endpoints, Exec, Files, Invocation, Lifecycle, Local, LocalOptions, PostgresChoice,
        PostgresOptions, State,
    };

    use crate::drills::{firedrill, run, said};
    use crate::turn::turn;

    const BINARY: &str = env!("CARGO_BIN_EXE_firedrill");
    const SCENARIO: &str = "samia-tarot-failover/database-failure";
    const LABEL: &str = "org.firedrill.run";
    /// What the product promises: gone ten seconds after the harness.
    const GONE_WITHIN: Duration = Duration::from_secs(10);

    /// The engine and its images; none, said aloud, where the machine lacks them.
    async fn at_hand(test: &str) -> Option<Containers> {
        let choice = PostgresChoice {
            offline: true,
            ..PostgresChoice::default()
        };
        match choose(&ImageNames::default(), &[], &choice, None).await {
            Ok(containers) => Some(containers),
            Err(error) => {
                assert!(
                    std::env::var_os("FIREDRILL_TEST_NO_SKIPS").is_none(),
                    "{test} must not be skipped here: {error}"
                );
                println!("{test} is skipped: {error}");
                None
            }
        }
    }

    fn has_engine(test: &str) -> bool {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(at_hand(test)).is_some()
    }

    /// What the engine holds of the run of a runtime directory, or of any below a folder.
    fn held_below(folder: &Path) -> Vec<String> {
        let mut held = Vec::new();
        let format = format!("{{{{.ID}}}} {{{{.Label \"{LABEL}\"}}}}");
        for arguments in [
            vec!["ps", "-a", "--filter", "label=org.firedrill.run", "--format", &format],
            vec![
                "network",
                "ls",
                "--filter",
                "label=org.firedrill.run",
                "--format",
                &format,
            ],
            vec![
                "volume",
                "ls",
                "--filter",
                "label=org.firedrill.run",
                "--format",
                "{{.Name}} {{.Label \"org.firedrill.run\"}}",
            ],
        ] {
            let output = Command::new("docker")
                .args(&arguments)
                .output()
                .expect("the engine's own client");
            assert!(output.status.success(), "{}", said(&output));
            let lines = String::from_utf8_lossy(&output.stdout).into_owned();
            let of_it = lines.lines().filter(|line| {
                let run = line.split_once(' ').map_or("", |(_, run)| run);
                Path::new(run).starts_with(folder)
            });
            held.extend(of_it.map(|line| format!("{}: {line}", arguments[0])));
        }
        held
    }

    /// A folder for runtime directories: short, and open to the user that services run as.
    fn place() -> tempfile::TempDir {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::Builder::new()
            .prefix("fdc")
            .tempdir_in("/tmp")
            .expect("a folder");
        std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o711)).expect("it can be opened");
        place
    }

    fn findings(directory: &Path) -> BTreeMap<String, String> {
        let verdict: serde_json::Value =
            serde_json::from_slice(&std::fs::read(directory.join("verdict.json")).expect("a verdict")).expect("JSON");
        let findings = verdict["findings"].as_array().expect("findings");
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        findings
            .iter()
            .map(|finding| (text(&finding["id"]), text(&finding["outcome"])))
            .collect()
    }

    fn same_on_both(scenario: &str) {
        if !has_engine(scenario) {
            return;
        }
        let _turn = turn();
        let folder = tempfile::tempdir().expect("a folder");
        let mut found = Vec::new();
        for environment in ["local", "containers"] {
            let options = ["--environment", environment];
            let (mut output, mut directory): (_, PathBuf) = run(scenario, &options, folder.path());
            // A machine that was too busy says nothing of the environment, in a finding that nobody expects either.
            if findings(&directory).values().any(|outcome| outcome == "inconclusive") {
                println!(
                    "{scenario} was undecided on {environment} and is run once more:\n{}",
                    said(&output)
                );
                (output, directory) = run(scenario, &options, folder.path());
            }
            assert!(
                output.status.success(),
                "{scenario} on {environment}:\n{}",
                said(&output)
            );
            found.push(findings(&directory));
        }
        assert!(found[0].len() > 5, "{found:?}");
        assert_eq!(found[0], found[1], "local and containers differ");
        assert_eq!(held_below(&std::env::temp_dir()), Vec::<String>::new());
    }

    #[test]
    fn the_first_drill_comes_to_the_same_in_containers() {
        same_on_both(SCENARIO);
    }

    #[test]
    fn its_sabotaged_twin_fails_in_containers_too() {
        same_on_both("samia-tarot-failover/database-failure:archive-off");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_server_in_a_container_lives_is_frozen_dies_and_lives_again_by_the_same_address() {
        let Some(containers) = at_hand("a server in a container").await else {
            return;
        };
        let local = Local::open(LocalOptions {
            containers: Some(containers),
            ..LocalOptions::new(BINARY)
        })
        .await
        .unwrap();
        let runtime = local.runtime_directory().to_owned();
        let host = local.postgres("database", PostgresOptions::default()).unwrap();
        assert_eq!(host.state().await.unwrap(), State::Down);
        host.initdb().await.unwrap();
        host.start().await.unwrap();
        let address = host.endpoint("postgres").unwrap().address;
        assert!(!address.ip().is_loopback(), "{address}");
        assert!(host.exists(Path::new("PG_VERSION")).await.unwrap());

        // A command beside the server is where the server is: it reaches it by its socket, and sees its processes.
        let shell = |script: &str| Invocation {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            env: BTreeMap::from([("SECRET".to_owned(), "in the environment".to_owned())]),
        };
        let seen = host
            .run(
                shell("echo \"$SECRET\"; tr '\\0' ' ' </proc/1/cmdline; id -u >&2; exit 7"),
                Duration::from_secs(30),
            )
            .await
            .unwrap();
        let stdout = String::from_utf8_lossy(&seen.stdout);
        assert_eq!((seen.code, seen.late), (Some(7), false), "{stdout}");
        assert!(
            stdout.starts_with("in the environment\n") && stdout.contains("/postgres -D "),
            "{stdout}"
        );
        assert_ne!(String::from_utf8_lossy(&seen.stderr).trim(), "0", "not as root");
        let begun = Instant::now();
        let late = host.run(shell("sleep 300"), Duration::from_secs(1)).await.unwrap();
        assert!(
            late.late && late.code.is_none() && begun.elapsed() < Duration::from_secs(20),
            "{late:?}"
        );

        host.pause().await.unwrap();
        assert_eq!(host.state().await.unwrap(), State::Paused);
        assert!(host.start().await.is_err(), "a paused server is not started");
        host.resume().await.unwrap();
        host.resume().await.unwrap();
        assert_eq!(host.state().await.unwrap(), State::Running);

        host.kill().await.unwrap();
        host.kill().await.unwrap();
        assert_eq!(host.state().await.unwrap(), State::Down);
        assert!(host.reload().await.is_err());
        assert_eq!(host.upstream().get(), None);
        // Where the server is down a command still runs on its host.
        let alone = host
            .run(shell("cat data/PG_VERSION"), Duration::from_secs(30))
            .await
            .unwrap();
        assert_eq!(alone.code, Some(0), "{alone:?}");
        host.start().await.unwrap();
        assert_eq!(host.endpoint("postgres").unwrap().address, address);
        assert_eq!(host.upstream().get(), Some(address));
        host.reload().await.unwrap();
        let log = std::fs::read_to_string(host.log()).unwrap();
        assert!(log.contains("database system was not properly shut down"), "{log}");
        host.stop().await.unwrap();
        assert_eq!(host.state().await.unwrap(), State::Down);

        assert!(!held_below(&runtime).is_empty(), "the test would see nothing");
        drop(host);
        local.close().await.unwrap();
        assert_eq!(held_below(&runtime), Vec::<String>::new());
        assert!(!runtime.exists());
    }

    /// A drill whose harness is killed after a time, and how long its containers and its network stay.
    fn killed_after(delay: Duration) {
        let (place, runs) = (place(), tempfile::tempdir().expect("a folder"));
        let mut harness = Command::new(BINARY)
            .args(["run", SCENARIO, "--environment", "containers", "--quiet", "--output"])
            .arg(runs.path())
            .env("TMPDIR", place.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        std::thread::sleep(delay);
        let before = held_below(place.path());
        harness.kill().expect("it can be killed");
        harness.wait().expect("it ends");
        let killed = Instant::now();
        // Never at once: what the engine was making must have time to appear.
        std::thread::sleep(Duration::from_secs(2));
        loop {
            let left = held_below(place.path());
            let directories = std::fs::read_dir(place.path()).expect("the folder").count();
            if left.is_empty() && directories == 0 {
                println!(
                    "killed after {delay:?} with {} held: gone after {:?}",
                    before.len(),
                    killed.elapsed()
                );
                return;
            }
            assert!(
                killed.elapsed() < GONE_WITHIN,
                "after {delay:?}: {left:?}, {directories} directories"
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    #[test]
    fn a_killed_harness_leaves_no_container_and_no_network() {
        if !has_engine("a killed harness") {
            return;
        }
        let _turn = turn();
        // While the network is made, servers start, clients are at work.
        for millis in [900, 2500, 6000, 15_000] {
            killed_after(Duration::from_millis(millis));
        }
    }

    #[test]
    fn clean_takes_what_a_dead_run_left_and_nothing_else() {
        if !has_engine("clean") {
            return;
        }
        let _turn = turn();
        let docker = |arguments: &[&str]| {
            let output = Command::new("docker")
                .args(arguments)
                .output()
                .expect("the engine's own client");
            assert!(output.status.success(), "{}", said(&output));
        };
        let (dead, living) = (place(), place());
        // Its directory is gone, as after a reboot with a TMPDIR in memory; the other's is there and its lease not free to us.
        let gone = dead.path().join("fd-00000000");
        let alive = living.path().join("fd-11111111");
        std::fs::create_dir(&alive).expect("a directory");
        docker(&[
            "network",
            "create",
            "--label",
            &format!("{LABEL}={}", gone.display()),
            "fdc-test-gone",
        ]);
        docker(&[
            "network",
            "create",
            "--label",
            &format!("{LABEL}={}", alive.display()),
            "fdc-test-alive",
        ]);
        docker(&["network", "create", "--label", "org.example=theirs", "fdc-test-theirs"]);
        let cleaned = firedrill(&["clean"]);
        let names = Command::new("docker")
            .args(["network", "ls", "--format", "{{.Name}}"])
            .output()
            .expect("docker");
        let names = String::from_utf8_lossy(&names.stdout).into_owned();
        for name in ["fdc-test-gone", "fdc-test-alive", "fdc-test-theirs"] {
            let _ = Command::new("docker").args(["network", "rm", name]).output();
        }
        assert!(said(&cleaned).contains("fd-00000000"), "{}", said(&cleaned));
        assert!(!names.contains("fdc-test-gone"), "{names}");
        assert!(
            names.contains("fdc-test-alive") && names.contains("fdc-test-theirs"),
            "{names}"
        );
    }
}
