//! Runs of the past in a bucket of a real `firedrill s3`, with TLS and without: what is told of them is what is told of
//! the folder that they were pushed from, and nothing that was changed there counts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use firedrill::run_directory;
use firedrill_environment::{Lifecycle, Local, LocalOptions, Store};
use object_store::ObjectStoreExt;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path as Key;
use serde_json::{Value, json};

use crate::undetected::Written::{Nothing, Unnoticed};
use crate::undetected::store;

const BINARY: &str = env!("CARGO_BIN_EXE_firedrill");
const DRILL: &str = "samia-tarot/database-failure-as-written";
const BUCKET: &str = "evidence";
/// Where runs are pushed to.
pub(crate) const PLACE: &str = "s3://evidence/teams/one";

/// A store with a bucket, and a cache of its own.
pub(crate) struct Shop {
    store: Store,
    endpoint: String,
    cache: tempfile::TempDir,
    /// Its services live as long as it does.
    _local: Local,
}

impl Shop {
    pub(crate) async fn open(tls: bool) -> Shop {
        let local = Local::open(LocalOptions::new(BINARY)).await.expect("an environment");
        let store = if tls {
            local.store_with_tls("store")
        } else {
            local.store("store")
        }
        .expect("a store");
        store.start().await.expect("the store starts");
        store.create_bucket(BUCKET).expect("a bucket");
        let address = store.address().expect("an address");
        let scheme = if tls { "https" } else { "http" };
        Shop {
            endpoint: format!("{scheme}://{address}"),
            store,
            cache: tempfile::tempdir().expect("a folder"),
            _local: local,
        }
    }

    /// What a command needs to reach the store.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_REGION", self.store.region().to_owned()),
            ("AWS_ACCESS_KEY_ID", self.store.access_key().to_owned()),
            ("AWS_SECRET_ACCESS_KEY", self.store.secret_key().reveal().to_owned()),
            ("XDG_CACHE_HOME", self.cache.path().display().to_string()),
        ];
        if let Some(certificate) = self.store.certificate() {
            variables.push(("AWS_CA_BUNDLE", certificate.display().to_string()));
        }
        variables
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = plain(arguments);
        command.envs(self.variables());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().expect("the binary starts");
        let secret = self.store.secret_key().reveal();
        assert!(!said(&output).contains(secret), "the secret is told: {}", said(&output));
        output
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--format", "json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Where the store keeps what was pushed.
    fn kept(&self) -> PathBuf {
        self.store.data_directory().join(BUCKET).join("teams/one")
    }

    /// Puts an object as another program would: a store's files belong to its own user, and it knows what it was given.
    async fn put(&self, key: &str, content: Vec<u8>) {
        // Another thread of this process may have done so.
        drop(rustls::crypto::ring::default_provider().install_default());
        let store = AmazonS3Builder::new()
            .with_endpoint(&self.endpoint)
            .with_allow_http(true)
            .with_region(self.store.region())
            .with_bucket_name(BUCKET)
            .with_access_key_id(self.store.access_key())
            .with_secret_access_key(self.store.secret_key().reveal())
            .build()
            .expect("a client");
        let key = Key::from(format!("teams/one/{key}"));
        store.put(&key, content.into()).await.expect("an object");
    }

    /// Files of a name in the cache.
    fn cached(&self, name: &str) -> Vec<PathBuf> {
        let mut open = vec![self.cache.path().to_owned()];
        let mut found = Vec::new();
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(&folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    open.push(path);
                } else if path.file_name().is_some_and(|found| found == name) {
                    found.push(path);
                }
            }
        }
        found
    }
}

/// A command that knows nothing of any store.
fn plain(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(arguments);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("AWS_") || text == "FIREDRILL_OUTPUT" {
            command.env_remove(&name);
        }
    }
    command
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Each run's name, verdict and note.
fn rows(listed: &Value) -> Vec<(String, Value, String)> {
    let rows = listed.as_array().expect("rows").iter();
    rows.map(|row| {
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        (text("run"), row["outcome"].clone(), text("note"))
    })
    .collect()
}

async fn what_a_bucket_tells_is_what_the_folder_tells(tls: bool) {
    let shop = Shop::open(tls).await;
    let folder = tempfile::tempdir().expect("a folder");
    let runs = path(folder.path());
    let first = store(folder.path(), "2026-11-02T02:00:00Z", DRILL, None, Unnoticed);
    store(folder.path(), "2026-11-05T02:00:00Z", DRILL, None, Unnoticed);
    store(folder.path(), "2026-11-06T02:00:00Z", DRILL, None, Nothing);
    // Large enough to be sent in parts.
    let log = first.join("large.txt");
    fs::write(&log, vec![b'x'; 20 << 20]).expect("a file");
    fs::remove_file(first.join("manifest.json")).expect("a manifest");
    run_directory::write_manifest(&first).expect("a manifest");
    let nothing = shop.json(&["runs", "list", "--output", PLACE]);
    assert_eq!(nothing, json!([]));

    let pushed = shop.json(&["runs", "push", "--output", runs, "--to", PLACE]);
    assert!(
        pushed
            .as_array()
            .is_some_and(|rows| rows.len() == 3 && rows.iter().all(|row| row["what"] == "is there now")),
        "{pushed:#}"
    );
    let again = shop.json(&["runs", "push", "--output", runs, "--to", PLACE]);
    assert!(
        again
            .as_array()
            .is_some_and(|rows| rows.iter().all(|row| row["what"] == "was there" && row["bytes"] == 0)),
        "{again:#}"
    );

    let (here, there) = (
        shop.json(&["runs", "list", "--output", runs]),
        shop.json(&["runs", "list", "--output", PLACE]),
    );
    assert_eq!(rows(&here), rows(&there));
    assert_eq!(rows(&there).iter().filter(|row| row.1 == "fail").count(), 2);
    assert_eq!(
        there[2]["directory"],
        format!("{PLACE}/{}", first.file_name().expect("a name").to_string_lossy())
    );
    let cached = fs::read(&shop.cached("large.txt")[0]).expect("in the cache");
    assert!(cached == fs::read(&log).expect("a file"));
    for command in [
        &["schedule", "--plan", "samia-tarot", "--as-of", "2026-11-07"][..],
        &["kpis", "--plan", "samia-tarot", "--as-of", "2026-11-07"],
    ] {
        let of = |place: &str| shop.json(&[command, &["--history", place]].concat());
        let both = shop.json(&[command, &["--history", runs, "--history", PLACE]].concat());
        assert_eq!(of(runs), of(PLACE), "{command:?}");
        assert_eq!(of(runs), both, "{command:?}: a run in two places is one run");
        assert_ne!(of(runs), of("s3://evidence/teams/two"), "{command:?}");
    }
    let run = format!("{PLACE}/{}", first.file_name().expect("a name").to_string_lossy());
    for command in [
        &["judge", "--quiet"][..],
        &["report", "--format", "markdown"],
        &["compare"],
    ] {
        let of = |place: &str| shop.run(&[command, &[place]].concat());
        let (here, there) = (of(path(&first)), of(&run));
        assert_eq!(here.status.code(), there.status.code(), "{}", said(&there));
        assert_eq!(here.stdout, there.stdout, "{command:?}");
    }
    assert_eq!(shop.run(&["judge", &run]).status.code(), Some(1));
    // By its bare name, where the folder of runs is the bucket.
    let name = first.file_name().expect("a name").to_string_lossy();
    let bare = shop.command(&["judge", &name]).env("FIREDRILL_OUTPUT", PLACE).output();
    assert_eq!(bare.expect("the binary starts").status.code(), Some(1));
    let none = shop.run(&["judge", &format!("{PLACE}/no-such-run")]);
    assert_eq!(none.status.code(), Some(2), "{}", said(&none));

    // What the bucket no longer holds goes from the cache.
    assert_eq!(shop.cached("verdict.json").len(), 3);
    fs::remove_dir_all(shop.kept().join(first.file_name().expect("a name"))).expect("a run in the store");
    assert_eq!(rows(&shop.json(&["runs", "list", "--output", PLACE])).len(), 2);
    assert_eq!(shop.cached("verdict.json").len(), 2);
    assert!(shop.cached("large.txt").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_tells_what_the_folder_tells() {
    what_a_bucket_tells_is_what_the_folder_tells(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_behind_tls_tells_what_the_folder_tells() {
    what_a_bucket_tells_is_what_the_folder_tells(true).await;
}

/// Neither what was changed in the bucket nor what was changed in the cache becomes a verdict.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_counts_for_nothing() {
    let shop = Shop::open(false).await;
    let folder = tempfile::tempdir().expect("a folder");
    let run = store(folder.path(), "2026-11-02T02:00:00Z", DRILL, None, Unnoticed);
    let name = run.file_name().expect("a name").to_string_lossy().into_owned();
    let pushed = shop.run(&["runs", "push", path(&run), "--to", PLACE]);
    assert_eq!(pushed.status.code(), Some(0), "{}", said(&pushed));
    let outcome = || rows(&shop.json(&["runs", "list", "--output", PLACE])).remove(0);
    assert_eq!(outcome(), (name.clone(), json!("fail"), String::new()));

    // The cache: the same size, another verdict. It is fetched again.
    let cached = shop.cached("verdict.json").remove(0);
    let honest = fs::read_to_string(&cached).expect("a verdict");
    fs::write(&cached, honest.replace("\"fail\"", "\"pass\"")).expect("the lie");
    assert_eq!(outcome().1, "fail");
    assert_eq!(fs::read_to_string(&cached).expect("a verdict"), honest);
    fs::write(cached.with_file_name("odd.txt"), "odd").expect("a file that nobody pushed");
    assert_eq!(outcome(), (name.clone(), json!("fail"), String::new()));

    // The bucket: a verdict rewritten alone, then together with the manifest that lists it.
    let kept = shop.kept().join(&name);
    let lie = honest.replace("\"fail\"", "\"pass\"");
    shop.put(&format!("{name}/verdict.json"), lie.clone().into_bytes())
        .await;
    // What the cache holds is what the manifest lists: the lie is not even read, until it has to be.
    assert_eq!(outcome(), (name.clone(), json!("fail"), String::new()));
    fs::remove_file(shop.cached("verdict.json").remove(0)).expect("a file of the cache");
    let (_, none, note) = outcome();
    assert!(none.is_null() && note.contains("verdict.json"), "{note}");
    let digest = |of: &Path| run_directory::digest(&of.join("verdict.json")).expect("a digest");
    let listing = fs::read_to_string(kept.join("manifest.json")).expect("a listing");
    let listing = listing.replace(&digest(&run), &digest(&kept)).into_bytes();
    shop.put(&format!("{name}/manifest.json"), listing).await;
    let (_, none, note) = outcome();
    assert!(
        none.is_null() && note.contains("not what the evidence leads to"),
        "{note}"
    );
    let judged = shop.run(&["judge", &format!("{PLACE}/{name}")]);
    assert_eq!(judged.status.code(), Some(2), "{}", said(&judged));

    // What is there is never written over: the honest run has to go elsewhere.
    let refused = shop.run(&["runs", "push", path(&run), "--to", PLACE]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert_eq!(fs::read_to_string(kept.join("verdict.json")).expect("a verdict"), lie);
}

/// A run that came in part, or was never finished, or is none, keeps no calendar; pushed again it is whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_came_in_part_is_none_until_it_is_whole() {
    let shop = Shop::open(false).await;
    let folder = tempfile::tempdir().expect("a folder");
    let run = store(folder.path(), "2026-11-02T02:00:00Z", DRILL, None, Unnoticed);
    let name = run.file_name().expect("a name").to_string_lossy().into_owned();
    for file in ["run.json", "events.jsonl"] {
        let part = fs::read(run.join(file)).expect("a part of the run");
        shop.put(&format!("{name}/{file}"), part).await;
    }
    let (_, none, note) = rows(&shop.json(&["runs", "list", "--output", PLACE])).remove(0);
    assert!(none.is_null() && note.contains("no manifest"), "{note}");
    let pushed = shop.json(&["runs", "push", "--output", path(folder.path()), "--to", PLACE]);
    assert_eq!(pushed[0]["what"], "is there now");
    assert_eq!(rows(&shop.json(&["runs", "list", "--output", PLACE]))[0].1, "fail");

    // In the folder: one that never came to its end stays, and is an error only where it was asked for.
    let unfinished = folder.path().join("20261103T020000Z-unfinished");
    fs::create_dir(&unfinished).expect("a folder");
    fs::copy(run.join("run.json"), unfinished.join("run.json")).expect("a beginning");
    let all = shop.json(&["runs", "push", "--output", path(folder.path()), "--to", PLACE]);
    let stays: Vec<_> = all
        .as_array()
        .expect("rows")
        .iter()
        .filter(|row| row["there"] == false)
        .collect();
    assert!(
        stays.len() == 1 && stays[0]["what"].as_str().is_some_and(|why| why.contains("no manifest")),
        "{all:#}"
    );
    let named = shop.run(&["runs", "push", path(&unfinished), "--to", PLACE]);
    assert_eq!(named.status.code(), Some(2), "{}", said(&named));
    assert!(!shop.kept().join("20261103T020000Z-unfinished").exists());
    // What another run left in part under the same name would make an altered one.
    let other = "s3://evidence/teams/one/other";
    shop.put(&format!("other/{name}/stray"), b"x".to_vec()).await;
    let mixed = shop.run(&["runs", "push", path(&run), "--to", other]);
    assert!(
        mixed.status.code() == Some(2) && said(&mixed).contains("stray"),
        "{}",
        said(&mixed)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reached_is_told_with_what_to_do() {
    let shop = Shop::open(true).await;
    let told = |command: &mut Command, code: i32, needed: &str| {
        let begun = Instant::now();
        let output = command.output().expect("the binary starts");
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(output.status.code(), Some(code), "{command:?}: {text}");
        assert!(text.contains(needed), "{needed}: {text}");
        assert!(!text.contains(shop.store.secret_key().reveal()), "{text}");
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{command:?} took {:?}",
            begun.elapsed()
        );
    };
    let list = ["runs", "list", "--output", PLACE];
    told(
        shop.command(&list)
            .env("AWS_SECRET_ACCESS_KEY", "wrong-secret-of-somebody"),
        2,
        "s3:ListBucket",
    );
    told(
        &mut shop.command(&["kpis", "--history", "s3://no-such-bucket/a"]),
        2,
        "makes no bucket",
    );
    told(
        &mut shop.command(&["schedule", "--history", "s3://No_Bucket"]),
        2,
        "s3://BUCKET/PREFIX",
    );
    // A certificate that nobody trusts, and a port where nobody listens.
    told(shop.command(&list).env_remove("AWS_CA_BUNDLE"), 4, "AWS_CA_BUNDLE");
    told(
        shop.command(&list).env("AWS_CA_BUNDLE", "/dev/null"),
        2,
        "AWS_CA_BUNDLE",
    );
    told(
        shop.command(&list).env("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        4,
        "AWS_ENDPOINT_URL",
    );
    told(
        shop.command(&list).env("AWS_ENDPOINT_URL", "http://192.0.2.1"),
        2,
        "AWS_ALLOW_HTTP",
    );
    told(
        shop.command(&list)
            .env("AWS_ENDPOINT_URL", "https://me:hunter2@localhost"),
        2,
        "AWS_ACCESS_KEY_ID",
    );
    told(shop.command(&list).env("XDG_CACHE_HOME", "/proc"), 4, "XDG_CACHE_HOME");
    // Where drills write, and what removes runs, is a folder.
    told(&mut shop.command(&["run", DRILL, "--output", PLACE]), 2, "runs push");
    told(
        &mut shop.command(&["runs", "prune", "--keep", "1", "--output", PLACE]),
        2,
        "runs push",
    );
    told(
        &mut shop.command(&["runs", "push", "--to", "elsewhere"]),
        2,
        "s3://BUCKET/PREFIX",
    );
    // Read before anything is run.
    let folder = tempfile::tempdir().expect("a folder");
    let suite = [
        "suite",
        "weekly",
        "--plan",
        "samia-tarot",
        "--output",
        path(folder.path()),
    ];
    told(
        shop.command(&suite).args(["--history", "s3://no-such-bucket/a"]),
        2,
        "makes no bucket",
    );
}
