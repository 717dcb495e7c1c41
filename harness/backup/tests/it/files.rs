//! An application's bucket, backed up and put into another.

use firedrill_backup::BackupKind;

use crate::s3::{S3, contents};

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_every_size_come_back_and_spoiled_ones_do_not() {
    let s3 = S3::start().await;
    let app = s3.directory.path().join("app");
    std::fs::create_dir_all(app.join("deep/er")).unwrap();
    for at in 0..30_u32 {
        std::fs::write(
            app.join(format!("deep/er/{at} with space.txt")),
            at.to_string().repeat(at as usize),
        )
        .unwrap();
    }
    let noise: Vec<u8> = (0..19_u32 << 20)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 23) as u8)
        .collect();
    for (name, size) in [
        ("large", 19 << 20),
        ("one-part", 8 << 20),
        ("small", 1 << 20),
        ("empty", 0),
    ] {
        std::fs::write(app.join(name), &noise[..size]).unwrap();
    }
    let repository = s3.repository();
    let record = repository.files(&s3.bucket("app"), &|_| {}).await.unwrap();
    assert_eq!(
        (record.kind, record.counts["objects"], record.counts["vanished"]),
        (BackupKind::Files, 34, 0)
    );
    let found = repository.verify(&record.id).await.unwrap();
    assert!(found.is_good() && found.files_checked == 34, "{found:?}");
    let restored = repository
        .restore_files(&record.id, &s3.bucket("restored"))
        .await
        .unwrap();
    assert_eq!((restored.files, restored.bytes), (34, record.counts["bytes"]));
    assert!(contents(&app) == contents(&s3.directory.path().join("restored")));

    let file = s3.file(&record.objects[0].key);
    let whole = std::fs::read(&file).unwrap();
    for spoil in [100, whole.len() / 2, whole.len() - 1] {
        let mut altered = whole.clone();
        altered[spoil] ^= 4;
        std::fs::write(&file, altered).unwrap();
        let error = repository
            .restore_files(&record.id, &s3.bucket("restored"))
            .await
            .unwrap_err();
        assert!(error.to_string().contains(&record.objects[0].key), "{error}");
    }
    let wrong = repository
        .restore_dump(
            &record.id,
            &firedrill_backup::Database {
                host: "127.0.0.1".into(),
                port: 1,
                user: String::new(),
                password: String::new(),
                dbname: String::new(),
            },
            None,
        )
        .await
        .unwrap_err();
    assert!(wrong.to_string().contains("expected dump"), "{wrong}");
}

/// An object is written over after the copy, another one is older than the range: both must stay as they are.
#[tokio::test(flavor = "multi_thread")]
async fn objects_of_a_range_of_time_come_back_and_others_stay_as_they_are() {
    let s3 = S3::start().await;
    let app = s3.directory.path().join("app");
    std::fs::create_dir_all(&app).unwrap();
    let written = |name: &str, content: &str, unix_ms: u64| {
        let path = app.join(name);
        std::fs::write(&path, content).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(unix_ms);
        std::fs::File::open(&path).unwrap().set_modified(time).unwrap();
    };
    let large = "x".repeat(9 << 20);
    let (from, until) = (1_700_000_001_500, 1_700_000_009_000);
    written("before", "old", from - 1);
    written("first", "one", from);
    written("large", &large, from + 5);
    written("empty", "", from + 6);
    written("last", "two", until - 1);
    written("after", "new", until);
    let repository = s3.repository();
    let bucket = s3.bucket("app");
    let record = repository.files(&bucket, &|_| {}).await.unwrap();
    for name in ["before", "first", "large", "empty", "last", "after"] {
        std::fs::write(app.join(name), "spoiled").unwrap();
    }
    std::fs::write(app.join("newer"), "kept").unwrap();

    let restored = repository
        .restore_files_written(&record.id, &bucket, from..until)
        .await
        .unwrap();
    assert_eq!((restored.files, restored.bytes), (4, 6 + large.len() as u64));
    let now = |name: &str| std::fs::read_to_string(app.join(name)).unwrap();
    assert_eq!(
        (now("first"), now("last"), now("empty")),
        ("one".into(), "two".into(), String::new())
    );
    assert!(now("large") == large);
    for name in ["before", "after"] {
        assert_eq!(now(name), "spoiled", "{name} is not of the range");
    }
    assert_eq!(now("newer"), "kept");

    let none = repository
        .restore_files_written(&record.id, &bucket, 0..from - 1)
        .await
        .unwrap();
    assert_eq!(none.files, 0);
    repository.restore_files(&record.id, &bucket).await.unwrap();
    assert_eq!((now("before"), now("after")), ("old".into(), "new".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_bucket_is_backed_up_and_a_missing_one_is_not() {
    let s3 = S3::start().await;
    let repository = s3.repository();
    let record = repository.files(&s3.bucket("app"), &|_| {}).await.unwrap();
    assert_eq!(record.counts["objects"], 0);
    repository
        .restore_files(&record.id, &s3.bucket("restored"))
        .await
        .unwrap();
    assert!(repository.files(&s3.bucket("no-such-bucket"), &|_| {}).await.is_err());
    assert!(repository.verify("no-such-backup").await.is_err());
    assert!(repository.verify("../escape").await.is_err());
    assert_eq!(repository.list().await.unwrap().len(), 1);
}
