//! Base backups restored to each kind of target.

use firedrill_backup::{BackupKind, BaseBackupOptions, RecoveryTarget};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::postgres::{Cluster, Home, archived, text};
use crate::s3::S3;

const STATE: &str =
    "SELECT count(*) || ' ' || coalesce(max(id), 0) || ' ' || md5(string_agg(id || v, ',' ORDER BY id)) FROM t";

#[tokio::test(flavor = "multi_thread")]
async fn base_backup_and_wal_reach_every_kind_of_target() {
    let (s3, home) = (S3::start().await, Home::new());
    let (push, fetch) = home.wal_commands(&s3.config());
    let mut cluster = Cluster::create(&home, "data", &["archive_mode=on", &format!("archive_command={push}")]);
    let client = cluster.ready().await;
    let repository = s3.repository();
    client.batch_execute("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 5000) g").await.unwrap();

    let told = AtomicU64::new(0);
    let record = repository
        .base_backup(&cluster.database("postgres"), "it's the first", &|bytes| {
            assert!(told.swap(bytes, Ordering::Relaxed) <= bytes, "progress goes forward");
        })
        .await
        .unwrap();
    assert_eq!(
        (record.kind, record.timeline, record.wal_included),
        (BackupKind::Base, Some(1), false)
    );
    assert_eq!(told.into_inner(), record.plain_bytes());
    assert_eq!(record.wal_segment_bytes, Some(16 << 20));
    assert!(record.system_identifier.is_some() && record.server_version.is_some());
    assert!(
        record.notes.iter().any(|note| note.contains("archived")),
        "{:?}",
        record.notes
    );
    let good = repository.verify(&record.id).await.unwrap();
    assert!(
        good.is_good() && good.files_checked > 500 && good.objects >= 3 && good.pages_checked > 500,
        "{good:?}"
    );

    let mut states = Vec::new();
    let insert = "INSERT INTO t SELECT max(id) + 1, 'more' FROM t";
    client.batch_execute(insert).await.unwrap();
    client
        .batch_execute("SELECT pg_create_restore_point('here')")
        .await
        .unwrap();
    states.push((RecoveryTarget::Name("here".into()), text(&client, STATE).await));
    client.batch_execute(insert).await.unwrap();
    let lsn = text(&client, "SELECT pg_current_wal_insert_lsn()::text").await;
    states.push((RecoveryTarget::Lsn(lsn), text(&client, STATE).await));
    client.batch_execute(insert).await.unwrap();
    let time = text(&client, "SELECT clock_timestamp()::text").await;
    states.push((RecoveryTarget::Time(time), text(&client, STATE).await));
    client.batch_execute(insert).await.unwrap();
    archived(&client).await;
    states.push((RecoveryTarget::Latest, text(&client, STATE).await));

    // More segments, so that there is something to look for gaps in.
    for _ in 0..2 {
        client
            .batch_execute("CREATE TABLE IF NOT EXISTS filler (x int); INSERT INTO filler VALUES (1)")
            .await
            .unwrap();
        archived(&client).await;
    }
    assert!(repository.wal_gaps(16 << 20).await.unwrap().is_empty());
    let segments = repository.wal_segments().await.unwrap();
    assert!(
        segments.iter().any(|segment| segment.name.ends_with(".backup")),
        "{segments:?}"
    );
    drop(client);
    drop(cluster);

    for (at, (target, expected)) in states.into_iter().enumerate() {
        let into = home.path().join(format!("restored{at}"));
        if at == 1 {
            // An empty directory is as good as none.
            std::fs::create_dir(&into).unwrap();
        }
        let restored = repository
            .restore_base(&record.id, &into, &target, &fetch, &|_| {})
            .await
            .unwrap();
        assert_eq!(restored.files, good.files_checked);
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&into).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o700);
        if at == 1 {
            // Created by the test as root, so what was restored is root's too: give it over as a caller would.
            give(&into, home.path());
        }
        let mut back = Cluster::start(&home, &into, &["archive_mode=off"]);
        let client = back.ready().await;
        assert_eq!(text(&client, STATE).await, expected, "{target:?}");
        let timeline: i32 = client
            .query_one(
                "SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int",
                &[],
            )
            .await
            .unwrap()
            .get(0);
        assert_eq!(timeline, 2, "a recovery with a target begins a new timeline");
    }
    let taken = home.path().join("restored0");
    let error = repository
        .restore_base(&record.id, &taken, &RecoveryTarget::Latest, &fetch, &|_| {})
        .await
        .unwrap_err();
    assert!(error.to_string().contains("expected a path that is absent"), "{error}");
}

/// Gives a directory and all in it to the owner of another.
fn give(path: &std::path::Path, model: &std::path::Path) {
    let status = std::process::Command::new("chown")
        .arg("-R")
        .arg(format!("--reference={}", model.display()))
        .arg(path)
        .status()
        .unwrap();
    assert!(status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_does_not_archive_gets_its_wal_into_the_backup() {
    let (s3, home) = (S3::start().await, Home::new());
    let (_, fetch) = home.wal_commands(&s3.config());
    let mut cluster = Cluster::create(&home, "data", &[]);
    let client = cluster.ready().await;
    client
        .batch_execute("CREATE TABLE t (id int, v text); INSERT INTO t VALUES (7, 'seven')")
        .await
        .unwrap();
    let repository = s3.repository();
    let record = repository
        .base_backup(&cluster.database("postgres"), "alone", &|_| {})
        .await
        .unwrap();
    assert!(record.wal_included);
    client.batch_execute("INSERT INTO t VALUES (8, 'lost')").await.unwrap();
    assert!(repository.verify(&record.id).await.unwrap().is_good());
    let into = home.path().join("restored");
    repository
        .restore_base(&record.id, &into, &RecoveryTarget::Latest, &fetch, &|_| {})
        .await
        .unwrap();
    let mut back = Cluster::start(&home, &into, &[]);
    let client = back.ready().await;
    assert_eq!(text(&client, "SELECT string_agg(v, ',') FROM t").await, "seven");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_carries_its_wal_does_not_wait_for_an_archive_that_is_broken() {
    let (s3, home) = (S3::start().await, Home::new());
    let mut cluster = Cluster::create(&home, "data", &["archive_mode=on", "archive_command=/bin/false"]);
    let client = cluster.ready().await;
    client
        .batch_execute("CREATE TABLE t AS SELECT generate_series(1, 1000)")
        .await
        .unwrap();
    let options = BaseBackupOptions {
        include_wal: Some(true),
        ..BaseBackupOptions::default()
    };
    let (repository, database) = (s3.repository(), cluster.database("postgres"));
    let taken = repository.base_backup_with(&database, "no archive", &options, &|_| {});
    let record = tokio::time::timeout(std::time::Duration::from_secs(60), taken)
        .await
        .expect("it does not wait for the archive")
        .unwrap();
    assert!(record.wal_included);
    assert!(repository.verify(&record.id).await.unwrap().is_good());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_page_and_a_wrong_password_leave_no_backup() {
    let (s3, home) = (S3::start().await, Home::new());
    let mut cluster = Cluster::create(&home, "data", &[]);
    let client = cluster.ready().await;
    client
        .batch_execute("CREATE TABLE t (v text); INSERT INTO t SELECT repeat('x', 900) FROM generate_series(1, 200)")
        .await
        .unwrap();
    let file = text(&client, "SELECT pg_relation_filepath('t')").await;
    client.batch_execute("CHECKPOINT").await.unwrap();
    let path = cluster.data.join(file);
    let mut page = std::fs::read(&path).unwrap();
    page[8192 + 5000] ^= 0xff;
    // In place: a new file would lose its owner.
    std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, &page))
        .unwrap();
    let repository = s3.repository();
    let error = repository
        .base_backup(&cluster.database("postgres"), "bad", &|_| {})
        .await
        .unwrap_err();
    assert!(error.to_string().contains("XX001"), "{error}");
    let mut wrong = cluster.database("postgres");
    wrong.password = "another".into();
    let error = repository.base_backup(&wrong, "bad", &|_| {}).await.unwrap_err();
    assert!(
        error.to_string().contains("28P01") && !error.to_string().contains("another"),
        "{error}"
    );
    assert!(repository.list().await.unwrap().is_empty(), "what failed is no backup");
}

/// Rows that are written while a backup is taken, so that pages of two halves may be read.
const BUSY: &str = "UPDATE busy SET v = md5(v) WHERE id % 7 = 0; CHECKPOINT";

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_damaged_pages_is_whole_as_an_archive_and_found_damaged_all_the_same() {
    let (s3, home) = (S3::start().await, Home::new());
    let (push, _) = home.wal_commands(&s3.config());
    let mut cluster = Cluster::create(&home, "data", &["archive_mode=on", &format!("archive_command={push}")]);
    let client = cluster.ready().await;
    client
        .batch_execute(
            "CREATE TABLE t (v text); INSERT INTO t SELECT repeat('x', 900) FROM generate_series(1, 200); \
             CREATE TABLE busy (id int, v text); INSERT INTO busy SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 3000) g",
        )
        .await
        .unwrap();
    let file = text(&client, "SELECT pg_relation_filepath('t')").await;
    client.batch_execute("CHECKPOINT").await.unwrap();
    let repository = s3.repository();
    let database = cluster.database("postgres");
    let options = BaseBackupOptions {
        unchecked: true,
        ..BaseBackupOptions::default()
    };
    let take = async |label: &str| {
        let backup = repository.base_backup_with(&database, label, &options, &|_| {});
        tokio::pin!(backup);
        loop {
            tokio::select! {
                record = &mut backup => return record.unwrap(),
                written = client.batch_execute(BUSY) => written.unwrap(),
            }
        }
    };
    let sound = take("sound").await;
    assert_eq!(sound.data_checksums, Some(true));
    let verified = repository.verify(&sound.id).await.unwrap();
    assert!(verified.is_good(), "{verified:?}");

    let path = cluster.data.join(&file);
    let mut page = std::fs::read(&path).unwrap();
    page[8192 + 5000] ^= 0xff;
    std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, &page))
        .unwrap();
    let damaged = take("damaged").await;
    let verified = repository.verify(&damaged.id).await.unwrap();
    let [problem] = &verified.problems[..] else {
        panic!("expected one problem: {verified:?}")
    };
    assert!(
        problem.starts_with("1 of ") && problem.contains(&format!("page 1 of {file}")),
        "{problem}"
    );
    assert!(
        repository.verify(&sound.id).await.unwrap().is_good(),
        "the one before it"
    );
}
