//! `firedrill backup` against a real Postgres and a real `firedrill s3`: what it restores is what was there, and what it
//! refuses leaves nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use firedrill_backup::{Database, Repository, RepositoryConfig};
use firedrill_environment::{Lifecycle, Local, LocalOptions, Postgres, PostgresOptions, Store};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio_postgres::Client;

const BINARY: &str = env!("CARGO_BIN_EXE_firedrill");
const KEY: &str = "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e";
/// Generous: a test fails by this only if something never happens.
const PATIENCE: Duration = Duration::from_secs(60);

struct Bench {
    local: Local,
    store: Store,
    source: Postgres,
    config: RepositoryConfig,
    /// Where restores go: below a directory that the server's user owns.
    place: PathBuf,
}

impl Bench {
    async fn open() -> Self {
        let local = Local::open(LocalOptions::new(BINARY)).await.expect("an environment");
        let store = local.store("store").expect("a store");
        store.start().await.expect("the store starts");
        store.create_bucket("backups").expect("a bucket");
        let config = RepositoryConfig {
            endpoint: format!("http://{}", store.address().expect("an address")),
            bucket: "backups".into(),
            prefix: "one".into(),
            access_key: store.access_key().into(),
            secret_key: store.secret_key().reveal().into(),
            region: store.region().into(),
            plain_http: false,
            key: KEY.into(),
        };
        let source = local.postgres("source", PostgresOptions::default()).expect("a host");
        source.initdb().await.expect("a cluster");
        let text = serde_json::to_vec(&config).expect("plain data");
        let file = source.place_file("repository.json", &text).expect("a file");
        let push = format!("{} wal-push --config {} %p", local.binary().display(), file.display());
        source
            .write_settings(&[("archive_mode", "on"), ("archive_command", &push)])
            .expect("settings");
        source.start().await.expect("the server starts");
        let place = local.runtime_directory().join("restored");
        std::fs::create_dir(&place).expect("a directory");
        if let Some(account) = local.account() {
            std::os::unix::fs::chown(&place, Some(account.uid), Some(account.gid)).expect("root gives away");
        }
        Self {
            local,
            store,
            source,
            config,
            place,
        }
    }

    /// `firedrill backup`, with the place by flags and the secrets in the environment.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.local.binary());
        command
            .arg("backup")
            .args(arguments)
            .args([
                "--endpoint",
                &self.config.endpoint,
                "--bucket",
                "backups",
                "--prefix",
                "one",
            ])
            .env("AWS_ACCESS_KEY_ID", &self.config.access_key)
            .env("AWS_SECRET_ACCESS_KEY", &self.config.secret_key)
            .env("FIREDRILL_BACKUP_KEY", KEY);
        command
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        told(self.command(arguments).output().expect("the command starts"))
    }

    /// What lies where restores go.
    fn left(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.place).expect("the place is there");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Starts a server on a restored directory and asks it; the directory goes with it.
    async fn keys(&self, name: &str, restored: &Path) -> String {
        let host = self.local.postgres(name, PostgresOptions::default()).expect("a host");
        host.adopt_data_directory(restored).await.expect("a data directory");
        host.start().await.expect("the server recovers");
        host.promoted(PATIENCE).await.expect("the server promotes");
        let keys = ask(
            &connect(&host).await,
            "SELECT string_agg(key::text, ',' ORDER BY key) FROM t",
        )
        .await;
        host.stop().await.expect("the server stops");
        keys
    }
}

fn told(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let told = (output.status.code(), text(&output.stdout), text(&output.stderr));
    assert!(
        !told.1.contains(KEY) && !told.2.contains(KEY),
        "the master key is told: {told:?}"
    );
    told
}

async fn connect(host: &Postgres) -> Client {
    let config = host.connection().expect("an address").config();
    let (client, driver) = config.connect(tokio_postgres::NoTls).await.expect("it takes a session");
    tokio::spawn(driver);
    client
}

async fn ask(client: &Client, statement: &str) -> String {
    client.query_one(statement, &[]).await.expect("an answer").get(0)
}

async fn archived(client: &Client) {
    let segment = ask(client, "SELECT pg_walfile_name(pg_switch_wal())").await;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let done = ask(client, "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver").await;
        if done.get(..24).is_some_and(|done| done >= segment.as_str()) {
            return;
        }
        assert!(Instant::now() < deadline, "{segment} is not archived; last {done}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn database(host: &Postgres) -> Database {
    let connection = host.connection().expect("an address");
    Database {
        host: connection.host.clone(),
        port: connection.port,
        user: connection.user.clone(),
        password: connection.password.reveal().to_owned(),
        dbname: connection.database.clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_listed_verified_and_restored_to_each_kind_of_target() {
    let bench = Bench::open().await;
    let (code, out, _) = bench.run(&["list"]);
    assert_eq!((code, out.as_str()), (Some(0), "no complete backup here\n"));
    assert_eq!(bench.run(&["verify"]).0, Some(1), "nothing is not good");

    let client = connect(&bench.source).await;
    client
        .batch_execute("CREATE TABLE t (key int PRIMARY KEY); INSERT INTO t VALUES (1)")
        .await
        .expect("a table");
    let repository = Repository::open(&bench.config).expect("a repository");
    let before = ask(&client, "SELECT (clock_timestamp() - interval '1 hour')::text").await;
    let record = repository
        .base_backup(&database(&bench.source), "first", &|_| {})
        .await
        .expect("a base backup");
    let dump = repository
        .dump(&database(&bench.source), None, &|_| {})
        .await
        .expect("a dump");
    let step = async |statement: &str| client.batch_execute(statement).await.expect("it runs");
    step("INSERT INTO t VALUES (2)").await;
    // Apart: a point within the transaction would lie before its commit.
    step("SELECT pg_create_restore_point('here')").await;
    step("INSERT INTO t VALUES (3)").await;
    let lsn = ask(&client, "SELECT pg_current_wal_insert_lsn()::text").await;
    step("INSERT INTO t VALUES (4)").await;
    let time = ask(&client, "SELECT clock_timestamp()::text").await;
    step("INSERT INTO t VALUES (5)").await;
    archived(&client).await;

    let (code, out, _) = bench.run(&["list", "--format", "json"]);
    let list: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(code, Some(0));
    assert_eq!(list[0]["id"], record.id.as_str());
    assert_eq!(list[1]["id"], dump.id.as_str());
    let (code, out, _) = bench.run(&["list", "--kind", "base"]);
    assert!(
        code == Some(0) && out.contains(&record.id) && !out.contains(&dump.id),
        "{out}"
    );
    let (code, out, errors) = bench.run(&["verify"]);
    assert!(code == Some(0) && out.matches(": good;").count() == 2, "{out}{errors}");

    let id = record.id.as_str();
    for (at, (arguments, expected)) in [
        (vec![], "1,2,3,4,5"),
        (vec!["--to-time", &time], "1,2,3,4"),
        (vec!["--to-lsn", &lsn], "1,2,3"),
        (vec![id, "--to-name", "here"], "1,2"),
        (vec![id, "--to-end-of-backup"], "1"),
    ]
    .into_iter()
    .enumerate()
    {
        let into = bench.place.join(format!("data {at}"));
        let path = into.display().to_string();
        let mut words = vec!["restore", "--into", &path, "--format", "json"];
        words.extend(arguments);
        let (code, out, errors) = bench.run(&words);
        assert_eq!(code, Some(0), "{words:?}: {errors}");
        assert!(
            errors.contains("restoring") && errors.contains("bytes written"),
            "{errors}"
        );
        let told: Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!(told["restored"]["backup"], id);
        let config = PathBuf::from(told["wal_config"].as_str().expect("a path"));
        let mode = std::os::unix::fs::PermissionsExt::mode(&config.metadata().expect("it is there").permissions());
        assert_eq!(mode & 0o777, 0o600);
        // The very same again: what is there is never written over.
        let (code, _, errors) = bench.run(&words);
        assert_eq!(code, Some(2), "{errors}");
        assert!(errors.contains("is there already"), "{errors}");
        assert_eq!(bench.keys(&format!("restored{at}"), &into).await, expected, "{words:?}");
        std::fs::remove_file(config).expect("it is ours");
    }
    let late = bench.place.join("late").display().to_string();
    let (code, _, errors) = bench.run(&["restore", "--into", &late, "--to-time", &before]);
    assert!(code == Some(2) && errors.contains("the earliest was at"), "{errors}");
    assert!(bench.left().is_empty(), "{:?}", bench.left());

    // The dump goes into a new database of the same server.
    step("CREATE DATABASE again").await;
    let login = database(&bench.source);
    let mut command = bench.command(&["restore", &dump.id, "--into-database", "again"]);
    command
        .env("PGHOST", &login.host)
        .env("PGPORT", login.port.to_string())
        .env("PGUSER", &login.user)
        .env("PGPASSWORD", &login.password);
    let (code, out, errors) = told(command.output().expect("the command starts"));
    assert!(code == Some(0) && out.contains("1 tables"), "{out}{errors}");
    let mut config = bench.source.connection().expect("an address").config();
    config.dbname("again");
    let (again, driver) = config.connect(tokio_postgres::NoTls).await.expect("a session");
    tokio::spawn(driver);
    assert_eq!(ask(&again, "SELECT string_agg(key::text, ',') FROM t").await, "1");
    drop((again, client));
    bench.local.close().await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_trusted_is_refused_with_the_reason_and_leaves_nothing() {
    let bench = Bench::open().await;
    let client = connect(&bench.source).await;
    client
        .batch_execute("CREATE TABLE t AS SELECT key FROM generate_series(1, 1000) key")
        .await
        .expect("a table");
    let repository = Repository::open(&bench.config).expect("a repository");
    let record = repository
        .base_backup(&database(&bench.source), "first", &|_| {})
        .await
        .expect("a base backup");
    let into = bench.place.join("data").display().to_string();

    let mut wrong = bench.command(&["restore", "--into", &into]);
    wrong.env("FIREDRILL_BACKUP_KEY", "ff".repeat(32));
    let (code, _, errors) = told(wrong.output().expect("the command starts"));
    assert!(code == Some(1) && errors.contains("HMAC"), "{code:?} {errors}");
    for (arguments, reason) in [
        (
            &["restore", "20260131T000000Z-base-00000000", "--into", &into][..],
            "no complete backup",
        ),
        (
            &["restore", "../../etc", "--into", &into],
            "letters, digits and hyphens",
        ),
        (&["restore", "--into", &into, "--to-time", "yesterday"], "with its zone"),
        (&["restore", "--into", &into, "--to-lsn", "soon"], "0/3000148"),
        (&["restore", "--into", &into, "--to-name", "here"], "BACKUP"),
        (&["restore", &record.id, "--into-database", "x"], "of kind base"),
        (&["verify", "20260131T000000Z-base-00000000"], "no complete backup"),
        (&["restore"], "--into"),
    ] {
        let (code, out, errors) = bench.run(arguments);
        assert!(
            code == Some(2) && errors.contains(reason) && out.is_empty(),
            "{arguments:?}: {errors}"
        );
    }
    let mut bare = Command::new(bench.local.binary());
    bare.args(["backup", "list", "--endpoint", "http://127.0.0.1:9", "--bucket", "b"])
        .env_remove("AWS_ACCESS_KEY_ID");
    let (code, _, errors) = told(bare.output().expect("the command starts"));
    assert!(code == Some(2) && errors.contains("AWS_ACCESS_KEY_ID"), "{errors}");
    let (code, _, errors) = bench.run(&["list", "--endpoint", "http://example.org"]);
    assert_eq!(code, Some(2), "an endpoint twice, or one without TLS: {errors}");

    let occupied = bench.place.join("occupied");
    std::fs::create_dir(&occupied).expect("a directory");
    std::fs::write(occupied.join("precious"), "mine").expect("a file");
    let (code, _, errors) = bench.run(&["restore", "--into", &occupied.display().to_string()]);
    assert!(code == Some(2) && errors.contains("precious"), "{errors}");
    assert_eq!(bench.left(), ["occupied"]);

    let archive = bench
        .store
        .data_directory()
        .join(format!("backups/one/backups/{}/base.tar", record.id));
    let whole = std::fs::read(&archive).expect("the object is a file");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for (spoiled, reason) in [
        (&flipped[..], "does not decrypt"),
        (&whole[..whole.len() - 1], "cut or altered"),
    ] {
        std::fs::write(&archive, spoiled).expect("it can be spoiled");
        let (code, _, errors) = bench.run(&["restore", "--into", &into]);
        assert!(code == Some(1) && errors.contains(reason), "{code:?} {errors}");
        assert_eq!(bench.left(), ["occupied"], "no directory and no repository file");
        let (code, out, _) = bench.run(&["verify"]);
        assert!(
            code == Some(1) && out.contains("WOULD NOT RESTORE") && out.contains(reason),
            "{out}"
        );
    }
    std::fs::write(&archive, &whole).expect("it can be mended");
    assert_eq!(bench.run(&["verify"]).0, Some(0));

    bench.store.kill().await.expect("the store dies");
    let (code, _, errors) = bench.run(&["verify"]);
    assert!(code == Some(3) && errors.contains("cannot tell"), "{code:?} {errors}");
    assert_eq!(bench.run(&["list"]).0, Some(4));
    drop(client);
    bench.local.close().await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_is_cut_off_can_be_done_again() {
    let bench = Bench::open().await;
    let client = connect(&bench.source).await;
    let rows = "CREATE TABLE t AS SELECT key, sha512(key::text::bytea) AS body FROM generate_series(1, 1000000) key";
    client.batch_execute(rows).await.expect("a table that takes a while");
    let repository = Repository::open(&bench.config).expect("a repository");
    repository
        .base_backup(&database(&bench.source), "first", &|_| {})
        .await
        .expect("a base backup");
    let into = bench.place.join("data").display().to_string();
    for (signal, ends, left) in [(Signal::HUP, Some(130), 0), (Signal::KILL, None, 1)] {
        let mut command = bench.command(&["restore", "--into", &into]);
        let mut restore = command.stderr(Stdio::null()).spawn().expect("the command starts");
        let deadline = Instant::now() + PATIENCE;
        while bench.left().is_empty() {
            assert!(Instant::now() < deadline, "it does not begin");
            std::thread::sleep(Duration::from_millis(1));
        }
        bench.store.pause().await.expect("the store stands still");
        let begun = bench.left();
        assert!(
            begun.len() == 1 && begun[0].starts_with(".data.restoring-"),
            "no secret lies there: {begun:?}"
        );
        let pid = Pid::from_raw(restore.id().cast_signed()).expect("a process");
        kill_process(pid, signal).expect("it runs");
        assert_eq!(restore.wait().expect("it ends").code(), ends);
        assert_eq!(bench.left().len(), left, "{:?}", bench.left());
        bench.store.resume().await.expect("the store goes on");
    }
    let (code, _, errors) = bench.run(&["restore", "--into", &into]);
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(bench.left(), ["data", "data.repository.json"]);
    drop(client);
    bench.local.close().await.expect("it ends");
}
