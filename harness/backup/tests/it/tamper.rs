//! Whatever is missing, cut, altered, swapped or sealed with another key is refused with its name, and nothing is left.

use std::path::Path;

use firedrill_backup::{Error, RecoveryTarget, Repository};

use crate::postgres::{Cluster, Home, archived};
use crate::s3::S3;

async fn refused(repository: &Repository, id: &str, parent: &Path, names: &str) -> String {
    let into = parent.join("data");
    let error = repository
        .restore_base(id, &into, &RecoveryTarget::Latest, "false", &|_| {})
        .await
        .unwrap_err();
    assert!(error.to_string().contains(names), "expected {names} in: {error}");
    let left: Vec<_> = std::fs::read_dir(parent)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn spoiled_base_backups_are_refused_and_leave_no_directory() {
    let (s3, home) = (S3::start().await, Home::new());
    let (push, fetch) = home.wal_commands(&s3.config());
    let mut cluster = Cluster::create(&home, "data", &["archive_mode=on", &format!("archive_command={push}")]);
    let client = cluster.ready().await;
    let repository = s3.repository();
    let database = cluster.database("postgres");
    let first = repository.base_backup(&database, "first", &|_| {}).await.unwrap();
    let second = repository.base_backup(&database, "second", &|_| {}).await.unwrap();
    archived(&client).await;
    assert_eq!(
        repository
            .list()
            .await
            .unwrap()
            .iter()
            .map(|record| record.label.as_str())
            .collect::<Vec<_>>(),
        ["first", "second"]
    );
    let id = &first.id;
    let place = tempfile::tempdir().unwrap();
    let parent = place.path();
    let record = format!("backups/{id}/record.jsonl");
    let mut keys: Vec<String> = first.objects.iter().map(|object| object.key.clone()).collect();
    keys.push(record.clone());
    for key in &keys {
        let file = s3.file(key);
        let whole = std::fs::read(&file).unwrap();
        for at in [0, whole.len() / 2, whole.len() - 2] {
            let mut altered = whole.clone();
            altered[at] ^= 0x10;
            std::fs::write(&file, altered).unwrap();
            refused(&repository, id, parent, key).await;
        }
        for length in [0, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&file, &whole[..length]).unwrap();
            refused(&repository, id, parent, key).await;
        }
        std::fs::remove_file(&file).unwrap();
        assert!(refused(&repository, id, parent, key).await.contains("missing"));
        std::fs::write(&file, &whole).unwrap();
        // The other backup's object in this one's place.
        let other = std::fs::read(s3.file(&key.replace(id.as_str(), &second.id))).unwrap();
        std::fs::write(&file, &other).unwrap();
        refused(&repository, id, parent, key).await;
        std::fs::write(&file, &whole).unwrap();
    }
    // The catalogue does not hide a damaged record.
    let whole = std::fs::read(s3.file(&record)).unwrap();
    std::fs::write(s3.file(&record), &whole[1..]).unwrap();
    assert!(matches!(repository.list().await.unwrap_err(), Error::Damaged { .. }));
    std::fs::write(s3.file(&record), &whole).unwrap();

    let mut config = s3.config();
    config.key = "5f".repeat(32);
    let stranger = Repository::open(&config).unwrap();
    assert!(refused(&stranger, id, parent, &record).await.contains("another key"));

    // The WAL that the backup needs.
    let segment = repository
        .wal_segments()
        .await
        .unwrap()
        .into_iter()
        .map(|segment| segment.name)
        .find(|name| repository_needs(&first, name))
        .unwrap();
    let file = s3.file(&format!("wal/{segment}"));
    let wal = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(refused(&repository, id, parent, &segment).await.contains("missing"));
    let found = repository.verify(id).await.unwrap();
    assert!(!found.is_good() && found.problems[0].contains(&segment), "{found:?}");
    let mut altered = wal.clone();
    altered[wal.len() / 2] ^= 1;
    std::fs::write(&file, altered).unwrap();
    let found = repository.verify(id).await.unwrap();
    assert!(
        found.problems.iter().any(|problem| problem.contains(&segment)),
        "{found:?}"
    );

    // A damaged segment stops Postgres: it must not pass for the end of the archive, for then WAL would be lost silently.
    let into = home.path().join("restored");
    repository
        .restore_base(id, &into, &RecoveryTarget::Latest, &fetch, &|_| {})
        .await
        .unwrap();
    let log = Cluster::start(&home, &into, &["archive_mode=off"]).ends().await;
    assert!(log.contains("could not restore file") && log.contains("FATAL"), "{log}");

    // Everything back in its place restores.
    std::fs::write(&file, wal).unwrap();
    assert!(repository.verify(id).await.unwrap().is_good());
    let mut back = Cluster::start(&home, &into, &["archive_mode=off"]);
    back.ready().await;
}

fn repository_needs(record: &firedrill_backup::BackupRecord, segment: &str) -> bool {
    let number = firedrill_backup::parse_lsn(record.start_lsn.as_deref().unwrap()).unwrap() / (16 << 20);
    segment == format!("{:08X}{:08X}{:08X}", 1, number / 256, number % 256)
}
