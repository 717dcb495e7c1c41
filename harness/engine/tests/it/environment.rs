//! The local environment against the real thing: a Postgres, a store, and a harness that is killed. What a test starts
//! is looked for afterwards in the process table, in System V shared memory, in /dev/shm and on the disk.

use firedrill_environment::clean::{Filter, clean};
use firedrill_environment::process::{self, Identity};
use firedrill_environment::{
    Account, Endpoints, Exec, Files, Invocation, Lifecycle, Local, LocalOptions, Postgres, PostgresChoice,
    PostgresOptions, Source, State,
};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const BINARY: &str = env!("CARGO_BIN_EXE_firedrill");
/// Where the helper process writes what it brought up.
const REPORT: &str = "FIREDRILL_TEST_REPORT";
/// Generous: a test fails by this only if something never happens.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the product promises: gone ten seconds after the harness.
const GONE_WITHIN: Duration = Duration::from_secs(10);

fn until(what: &str, within: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + within;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {within:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

async fn query(postgres: &Postgres, sql: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let (client, driver) = postgres
        .connection()
        .unwrap()
        .config()
        .connect(tokio_postgres::NoTls)
        .await?;
    let driver = tokio::spawn(driver);
    let rows = client.simple_query(sql).await;
    driver.abort();
    Ok(rows?
        .into_iter()
        .filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        })
        .collect())
}

async fn server(local: &Local, name: &str) -> Postgres {
    let postgres = local.postgres(name, PostgresOptions::default()).unwrap();
    postgres.initdb().await.unwrap();
    postgres.start().await.unwrap();
    postgres
}

/// What a run has on the machine, noted while it lives.
struct Traces {
    runtime: PathBuf,
    processes: Vec<Identity>,
    segments: Vec<String>,
    shared: Vec<PathBuf>,
}

impl Traces {
    fn of(runtime: &Path, postmaster: i32, data: &Path) -> Self {
        let inside = |pid: i32| {
            std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|directory| directory.starts_with(runtime))
        };
        let processes = process::all()
            .into_iter()
            .map(|status| status.identity)
            .filter(|identity| inside(identity.pid))
            .collect();
        let lock = std::fs::read_to_string(data.join("postmaster.pid")).unwrap();
        let segment = lock
            .lines()
            .nth(6)
            .unwrap()
            .split_ascii_whitespace()
            .nth(1)
            .unwrap()
            .to_owned();
        let maps = std::fs::read_to_string(format!("/proc/{postmaster}/maps")).unwrap();
        let mut shared: Vec<PathBuf> = maps
            .lines()
            .filter_map(|line| line.split_ascii_whitespace().nth(5))
            .filter(|path| path.starts_with("/dev/shm/PostgreSQL."))
            .map(PathBuf::from)
            .collect();
        shared.dedup();
        let traces = Self {
            runtime: runtime.to_path_buf(),
            processes,
            segments: vec![segment],
            shared,
        };
        assert!(
            traces.processes.len() > 3 && !traces.shared.is_empty(),
            "the test would see nothing"
        );
        assert!(traces.left().len() > 4, "{:?}", traces.left());
        traces
    }

    /// What of it is still there.
    fn left(&self) -> Vec<String> {
        let mut left: Vec<String> = self
            .processes
            .iter()
            .filter(|identity| identity.is_alive())
            .map(|one| format!("{one:?}"))
            .collect();
        let table = std::fs::read_to_string("/proc/sysvipc/shm").unwrap();
        let known: Vec<&str> = table
            .lines()
            .filter_map(|line| line.split_ascii_whitespace().nth(1))
            .collect();
        left.extend(
            self.segments
                .iter()
                .filter(|id| known.contains(&id.as_str()))
                .map(|id| format!("segment {id}")),
        );
        left.extend(
            self.shared
                .iter()
                .filter(|path| path.exists())
                .map(|path| path.display().to_string()),
        );
        if self.runtime.exists() {
            left.push(self.runtime.display().to_string());
        }
        left
    }
}

/// A harness in a process of its own, with a Postgres and a store up.
struct Harness {
    child: Child,
    runtime: PathBuf,
    data: PathBuf,
    postmaster: i32,
    _directory: tempfile::TempDir,
}

impl Harness {
    fn start(keep: bool) -> Self {
        Self::start_as(keep, None)
    }

    fn start_as(keep: bool, user: Option<&Account>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let report = directory.path().join("report");
        let mut command = Command::new(std::env::current_exe().unwrap());
        if let Some(user) = user {
            std::os::unix::fs::chown(directory.path(), Some(user.uid), Some(user.gid)).unwrap();
            command
                .uid(user.uid)
                .gid(user.gid)
                .env("TMPDIR", "/tmp")
                .env("HOME", directory.path());
        }
        let mut child = command
            .args([
                "--exact",
                "environment::harness_to_be_killed",
                "--ignored",
                "--nocapture",
            ])
            .env(REPORT, &report)
            .env("FIREDRILL_TEST_KEEP", if keep { "1" } else { "0" })
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        until("the helper is up", PATIENCE, || {
            assert!(child.try_wait().unwrap().is_none(), "the helper ended");
            report.exists()
        });
        let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
        let path = |name: &str| PathBuf::from(report[name].as_str().unwrap());
        let postmaster = i32::try_from(report["postmaster"].as_i64().unwrap()).unwrap();
        Self {
            child,
            runtime: path("runtime"),
            data: path("data"),
            postmaster,
            _directory: directory,
        }
    }

    fn traces(&self) -> Traces {
        Traces::of(&self.runtime, self.postmaster, &self.data)
    }

    fn supervisor(&self) -> Identity {
        Identity::of(process::status(self.postmaster).unwrap().parent).unwrap()
    }

    fn stop_a_backend(&self) {
        let backend = process::descendants(self.postmaster).pop().unwrap().identity;
        assert!(backend.signal(Signal::STOP).unwrap());
        until("the backend is stopped", PATIENCE, || {
            backend.status().is_some_and(|status| status.is_stopped())
        });
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Not a test: the process that the tests below kill.
#[test]
#[ignore = "started by other tests, to be killed by them"]
fn harness_to_be_killed() {
    let Some(report) = std::env::var_os(REPORT).map(PathBuf::from) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut options = LocalOptions::new(BINARY);
        options.keep = std::env::var("FIREDRILL_TEST_KEEP").is_ok_and(|keep| keep == "1");
        let local = Local::open(options).await.unwrap();
        let postgres = server(&local, "database").await;
        query(
            &postgres,
            "create table kept (n int); insert into kept select generate_series(1, 1000)",
        )
        .await
        .unwrap();
        let store = local.store("store").unwrap();
        store.start().await.unwrap();
        let told = serde_json::json!({
            "runtime": local.runtime_directory(),
            "data": postgres.data_directory(),
            "postmaster": postgres.main_process().unwrap().pid,
        });
        let new = report.with_extension("new");
        std::fs::write(&new, told.to_string()).unwrap();
        std::fs::rename(&new, &report).unwrap();
        tokio::time::sleep(PATIENCE * 2).await;
    });
}

#[test]
fn a_killed_harness_leaves_nothing_though_a_backend_is_stopped() {
    let mut harness = Harness::start(false);
    let traces = harness.traces();
    harness.stop_a_backend();
    harness.kill();
    until("nothing is left", GONE_WITHIN, || traces.left().is_empty());
}

#[test]
fn nothing_is_left_either_when_the_postmaster_was_killed_and_its_data_removed_before() {
    let mut harness = Harness::start(false);
    let traces = harness.traces();
    harness.stop_a_backend();
    let postmaster = Identity::of(harness.postmaster).unwrap();
    assert!(postmaster.signal(Signal::KILL).unwrap());
    until("the postmaster is dead", PATIENCE, || !postmaster.is_alive());
    std::fs::remove_dir_all(&harness.data).unwrap();
    harness.kill();
    until("nothing is left", GONE_WITHIN, || traces.left().is_empty());
}

#[test]
fn clean_does_the_work_of_a_killed_supervisor_and_spares_the_living() {
    let mut dead = Harness::start(false);
    let mut living = Harness::start(false);
    let (dead_traces, living_traces) = (dead.traces(), living.traces());
    dead.stop_a_backend();
    // Asked to clean a run that lives: refuses.
    assert_eq!(clean(&Filter::Run(dead.runtime.clone())), []);
    let supervisor = dead.supervisor();
    assert!(supervisor.signal(Signal::KILL).unwrap());
    until("the supervisor is dead", PATIENCE, || !supervisor.is_alive());
    dead.kill();
    assert!(!dead_traces.left().is_empty());
    let living_before = living_traces.left();
    // A stranger inside the directory is not ours to kill.
    let mut stranger = Command::new("sleep")
        .arg("120")
        .current_dir(dead.runtime.join("bin"))
        .spawn()
        .unwrap();
    let cleaned = clean(&Filter::Run(dead.runtime.clone()));
    assert!(stranger.try_wait().unwrap().is_none());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert_eq!(cleaned.len(), 1);
    assert!(cleaned[0].complete && cleaned[0].processes > 3, "{cleaned:?}");
    assert_eq!(dead_traces.left(), Vec::<String>::new());
    assert_eq!(living_traces.left(), living_before);
    living.kill();
    until("nothing is left", GONE_WITHIN, || living_traces.left().is_empty());
}

/// Root cleans up after others, but only what they could clean up themselves.
#[test]
fn root_cleans_what_the_dead_run_of_another_user_left() {
    let other = Account::choose().unwrap();
    let Some(other) = other.filter(|other| {
        let programs = [std::env::current_exe().unwrap(), PathBuf::from(BINARY)];
        programs.iter().all(|program| other.can_reach(program))
    }) else {
        println!("SKIPPED: not root, or the tests lie where no other user can run them");
        return;
    };
    let mut dead = Harness::start_as(false, Some(&other));
    let traces = dead.traces();
    assert_eq!(std::fs::metadata(&dead.runtime).unwrap().uid(), other.uid);
    let supervisor = dead.supervisor();
    assert!(supervisor.signal(Signal::KILL).unwrap());
    until("the supervisor is dead", PATIENCE, || !supervisor.is_alive());
    dead.kill();
    assert!(!traces.left().is_empty());
    // A journal that claims a directory which its owner cannot touch, and a process of somebody else.
    let precious = tempfile::tempdir().unwrap();
    let mut stranger = Command::new("sleep").arg("120").spawn().unwrap();
    let identity = Identity::of(stranger.id().cast_signed()).unwrap();
    let mut journal = std::fs::OpenOptions::new()
        .append(true)
        .open(dead.runtime.join("journal"))
        .unwrap();
    for entry in [
        serde_json::json!({"directory": {"path": precious.path()}}),
        serde_json::json!({"process": {"identity": identity}}),
    ] {
        writeln!(journal, "{entry}").unwrap();
    }
    let refused = std::thread::spawn({
        let runtime = dead.runtime.clone();
        move || clean(&Filter::Run(runtime))
    });
    // It waits for the stranger's end, which it cannot bring about.
    std::thread::sleep(Duration::from_secs(2));
    assert!(stranger.try_wait().unwrap().is_none() && precious.path().exists());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    let refused = refused.join().unwrap();
    assert!(refused.len() == 1 && !refused[0].complete, "{refused:?}");
    assert!(precious.path().exists());
    drop(precious);
    let cleaned = clean(&Filter::Run(dead.runtime.clone()));
    assert!(cleaned.len() == 1 && cleaned[0].complete, "{cleaned:?}");
    assert_eq!(traces.left(), Vec::<String>::new());
}

#[test]
fn a_kept_run_outlives_its_harness_until_it_is_released() {
    let mut harness = Harness::start(true);
    let traces = harness.traces();
    harness.kill();
    std::thread::sleep(Duration::from_millis(300));
    assert!(process::status(harness.postmaster).is_some_and(|status| !status.is_ended()));
    assert!(
        firedrill_environment::clean::kept()
            .iter()
            .any(|kept| kept.runtime == harness.runtime)
    );
    let cleaned = clean(&Filter::Run(harness.runtime.clone()));
    assert!(cleaned.len() == 1 && cleaned[0].complete, "{cleaned:?}");
    assert_eq!(traces.left(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_killed_paused_robbed_and_reborn_beside_another_run() {
    let local = Local::open(LocalOptions::new(BINARY)).await.unwrap();
    let other = Local::open(LocalOptions::new(BINARY)).await.unwrap();
    let (postgres, neighbour) = tokio::join!(server(&local, "database"), server(&other, "database"));
    let traces = Traces::of(
        local.runtime_directory(),
        postgres.main_process().unwrap().pid,
        &postgres.data_directory(),
    );
    query(
        &postgres,
        "create table kept (n int); insert into kept select generate_series(1, 1000)",
    )
    .await
    .unwrap();
    assert_eq!(query(&postgres, "show data_checksums").await.unwrap(), ["on"]);
    assert_eq!(query(&postgres, "show fsync").await.unwrap(), ["on"]);
    assert!(
        postgres
            .connection()
            .map(|mut login| {
                login.password = firedrill_environment::Secret::new("wrong");
                login
            })
            .unwrap()
            .config()
            .connect(tokio_postgres::NoTls)
            .await
            .is_err()
    );

    // Killed: what was committed is there in the next life, and the link's upstream follows.
    let upstream = postgres.upstream();
    assert_eq!(
        upstream.get(),
        postgres.endpoint("postgres").map(|endpoint| endpoint.address)
    );
    for _ in 0..2 {
        postgres.kill().await.unwrap();
        assert_eq!(postgres.state().await.unwrap(), State::Down);
        assert_eq!(upstream.get(), None);
    }
    postgres.start().await.unwrap();
    assert!(upstream.get().is_some());
    assert_eq!(query(&postgres, "select count(*) from kept").await.unwrap(), ["1000"]);

    // Paused: no answer; resumed: the same life answers.
    let life = postgres.main_process();
    for _ in 0..2 {
        postgres.pause().await.unwrap();
        assert_eq!(postgres.state().await.unwrap(), State::Paused);
    }
    assert!(postgres.start().await.is_err());
    assert!(
        tokio::time::timeout(Duration::from_millis(300), query(&postgres, "select 1"))
            .await
            .is_err()
    );
    for _ in 0..2 {
        postgres.resume().await.unwrap();
    }
    assert_eq!(query(&postgres, "select count(*) from kept").await.unwrap(), ["1000"]);
    assert_eq!(postgres.main_process(), life);

    // Paused and stopped: it is killed, and starts again.
    postgres.pause().await.unwrap();
    postgres.stop().await.unwrap();
    assert_eq!(postgres.state().await.unwrap(), State::Down);
    postgres
        .write_settings(&[("archive_timeout", "60"), ("work_mem", "5MB")])
        .unwrap();
    postgres.start().await.unwrap();
    assert_eq!(query(&postgres, "show work_mem").await.unwrap(), ["5MB"]);

    // Robbed of its data: it does not start, says why, keeps its settings and its log, and takes new data.
    assert!(postgres.exists(Path::new("global/pg_control")).await.unwrap());
    postgres.kill().await.unwrap();
    for _ in 0..2 {
        postgres.remove(Path::new("")).await.unwrap();
    }
    assert!(!postgres.exists(Path::new("global/pg_control")).await.unwrap());
    let error = postgres.start().await.unwrap_err().to_string();
    assert!(
        error.contains("initdb or restore first") && error.contains("checkpoint"),
        "{error}"
    );
    postgres.initdb().await.unwrap();
    postgres.start().await.unwrap();
    assert_eq!(query(&postgres, "show work_mem").await.unwrap(), ["5MB"]);
    assert!(query(&postgres, "select count(*) from kept").await.is_err());

    // A setting that Postgres refuses is told with the server's own words.
    postgres.stop().await.unwrap();
    postgres.write_settings(&[("work_mem", "much")]).unwrap();
    let error = postgres.start().await.unwrap_err().to_string();
    assert!(error.contains("work_mem"), "{error}");

    // Commands run as the services' user, and are killed at their deadline.
    let run = |script: &str| Invocation {
        program: "sh".into(),
        args: vec!["-c".into(), script.into()],
        env: BTreeMap::from([("SECRET".to_owned(), "open sesame".to_owned())]),
    };
    let outcome = postgres
        .run(run("id -u; echo $SECRET >&2; exit 3"), PATIENCE)
        .await
        .unwrap();
    assert_eq!(
        (outcome.code, outcome.stderr.as_slice()),
        (Some(3), b"open sesame\n".as_slice())
    );
    if let Some(account) = local.account() {
        assert_eq!(
            String::from_utf8(outcome.stdout).unwrap().trim(),
            account.uid.to_string()
        );
    }
    let late = postgres
        .run(run("echo begun; sleep 100"), Duration::from_millis(300))
        .await
        .unwrap();
    assert_eq!((late.late, late.code), (true, None));
    assert_eq!(String::from_utf8(late.stdout).unwrap(), "begun\n");

    local.close().await.unwrap();
    assert_eq!(traces.left(), Vec::<String>::new());
    assert_eq!(query(&neighbour, "select 1").await.unwrap(), ["1"]);
    other.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_keeps_its_address_and_tells_its_life() {
    let ask = |address: std::net::SocketAddr| {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        write!(stream, "GET / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.to_lowercase()
    };
    let local = Local::open(LocalOptions::new(BINARY)).await.unwrap();
    let runtime = local.runtime_directory().to_path_buf();
    let store = local.store("store").unwrap();
    store.start().await.unwrap();
    let address = store.address().unwrap();
    let life = store.incarnation().unwrap();
    store.create_bucket("files").unwrap();
    let answer = ask(address);
    assert!(answer.starts_with("http/1.1 403"), "{answer}");
    assert!(answer.contains(&format!("x-firedrill-incarnation: {life}")), "{answer}");
    store.kill().await.unwrap();
    assert_eq!(store.state().await.unwrap(), State::Down);
    store.start().await.unwrap();
    assert_eq!(store.address(), Some(address));
    assert_eq!(store.incarnation().as_ref(), Some(&life));
    let epoch = store.begin_epoch().unwrap();
    assert!(ask(address).contains(&format!("incarnation: {epoch}")));
    // Its data lost, it must not pass for the old one; started again it is another.
    store.remove(Path::new("")).await.unwrap();
    assert!(ask(address).contains("x-firedrill-incarnation: none"));
    store.stop().await.unwrap();
    store.start().await.unwrap();
    assert_ne!(store.incarnation().unwrap().id, life.id);
    local.close().await.unwrap();
    assert!(!runtime.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetched_postgres_runs_as_the_unprivileged_user() {
    let mut options = LocalOptions::new(BINARY);
    options.postgres = PostgresChoice {
        source: Source::Fetch,
        major: Some(17),
        offline: false,
    };
    let local = match Local::open(options).await {
        Ok(local) => local,
        Err(error) => {
            println!("SKIPPED: Postgres 17 could not be fetched: {error}");
            return;
        }
    };
    assert_eq!(local.build().major, 17);
    assert_eq!(local.build().sha256.len(), 64);
    let postgres = server(&local, "database").await;
    assert!(query(&postgres, "show server_version").await.unwrap()[0].starts_with("17."));
    local.close().await.unwrap();
}

/// A harness killed while services start: what each has in shared memory is made at this very moment.
#[test]
fn a_harness_killed_while_servers_start_leaves_nothing() {
    // Spread over supervisor, initdb with its own servers, and the first seconds of a postmaster. Wherever the kill
    // falls, the outcome is the same.
    for milliseconds in [0, 15, 60, 150, 300, 500, 800, 1100, 1500] {
        let place = tempfile::Builder::new()
            .prefix("k")
            .permissions(std::fs::Permissions::from_mode(0o711))
            .tempdir_in("/tmp")
            .unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "environment::harness_to_be_killed",
                "--ignored",
                "--nocapture",
            ])
            .env(REPORT, place.path().join("report"))
            // The runtime directory lies here, and all processes of the run have it in their command line or beneath them.
            .env("TMPDIR", place.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        let below: Vec<Identity> = process::descendants(child.id().cast_signed())
            .into_iter()
            .map(|status| status.identity)
            .collect();
        child.kill().unwrap();
        child.wait().unwrap();
        let left = || -> Vec<String> {
            let mut left: Vec<String> = below
                .iter()
                .filter(|identity| identity.is_alive())
                .map(|identity| format!("{identity:?}"))
                .collect();
            let directories = std::fs::read_dir(place.path()).unwrap().flatten();
            left.extend(
                directories
                    .map(|entry| entry.path())
                    .filter(|path| path.is_dir())
                    .map(|path| path.display().to_string()),
            );
            let pids: Vec<String> = below.iter().map(|identity| identity.pid.to_string()).collect();
            let table = std::fs::read_to_string("/proc/sysvipc/shm").unwrap();
            left.extend(
                table
                    .lines()
                    .filter(|line| {
                        line.split_ascii_whitespace()
                            .nth(4)
                            .is_some_and(|creator| pids.iter().any(|pid| pid == creator))
                    })
                    .map(|line| format!("segment {line}")),
            );
            left
        };
        until("nothing is left", PATIENCE, || left().is_empty());
    }
}
