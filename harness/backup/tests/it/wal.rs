//! WAL files, pushed and fetched by hand.

use std::process::Command;

use firedrill_backup::{EXIT_CANNOT_TELL, EXIT_NOT_THERE, Error, RepositoryConfig, wal_fetch, wal_push};

use crate::postgres::Home;
use crate::s3::S3;

#[tokio::test(flavor = "multi_thread")]
async fn the_same_content_is_pushed_twice_and_another_is_refused() {
    let (s3, place) = (S3::start().await, tempfile::tempdir().unwrap());
    let config = place.path().join("repository.json");
    s3.config().write(&config).unwrap();
    let segment = place.path().join("000000010000000000000007");
    let noise: Vec<u8> = (0..16_u32 << 20)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 23) as u8)
        .collect();
    std::fs::write(&segment, &noise).unwrap();
    wal_push(&config, &segment).await.unwrap();
    wal_push(&config, &segment).await.unwrap();

    let dest = place.path().join("RECOVERYXLOG");
    assert!(wal_fetch(&config, "000000010000000000000007", &dest).await.unwrap());
    assert!(std::fs::read(&dest).unwrap() == noise);
    assert!(!wal_fetch(&config, "000000010000000000000008", &dest).await.unwrap());

    let mut other = noise.clone();
    other[9] ^= 1;
    std::fs::write(&segment, &other).unwrap();
    let error = wal_push(&config, &segment).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict { ref key, .. } if key == "wal/000000010000000000000007"),
        "{error}"
    );
    assert!(wal_fetch(&config, "000000010000000000000007", &dest).await.unwrap());
    assert!(std::fs::read(&dest).unwrap() == noise, "what was stored stays");

    for name in [
        "00000002.history",
        "000000010000000000000008.partial",
        "000000010000000000000007.00000028.backup",
    ] {
        let file = place.path().join(name);
        std::fs::write(&file, name).unwrap();
        wal_push(&config, &file).await.unwrap();
        assert!(wal_fetch(&config, name, &dest).await.unwrap());
        assert_eq!(std::fs::read_to_string(&dest).unwrap(), name);
    }
    let repository = s3.repository();
    assert_eq!(repository.wal_segments().await.unwrap().len(), 4);
    assert!(wal_push(&config, &place.path().join("../x")).await.is_err());

    // Swapped, cut, altered.
    let file = s3.file("wal/000000010000000000000007");
    let whole = std::fs::read(&file).unwrap();
    let untouched = std::fs::read(&dest).unwrap();
    let swapped = std::fs::read(s3.file("wal/00000002.history")).unwrap();
    let mut altered = whole.clone();
    altered[whole.len() / 2] ^= 1;
    for spoiled in [
        swapped,
        altered,
        whole[..whole.len() - 1].to_vec(),
        whole[..51].to_vec(),
        Vec::new(),
    ] {
        std::fs::write(&file, spoiled).unwrap();
        let error = wal_fetch(&config, "000000010000000000000007", &dest).await.unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
        assert_eq!(std::fs::read(&dest).unwrap(), untouched, "nothing is written");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_tell_postgres_the_difference_between_absent_and_unknown() {
    let (s3, home) = (S3::start().await, Home::new());
    home.wal_commands(&s3.config());
    let segment = home.path().join("000000010000000000000007");
    std::fs::write(&segment, b"wal").unwrap();
    let dest = home.path().join("dest");
    let config = home.path().join("repository.json");
    let run = async |words: &[&std::ffi::OsStr]| {
        let mut command = Command::new(home.path().join("wal"));
        command.args(words);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (push, fetch, flag) = ("wal-push".as_ref(), "wal-fetch".as_ref(), "--config".as_ref());
    assert_eq!(run(&[push, flag, config.as_ref(), segment.as_ref()]).await.0, Some(0));
    let name = "000000010000000000000007".as_ref();
    assert_eq!(
        run(&[fetch, flag, config.as_ref(), name, dest.as_ref()]).await.0,
        Some(0)
    );
    assert_eq!(std::fs::read(&dest).unwrap(), b"wal");
    let absent = "000000010000000000000008".as_ref();
    assert_eq!(
        run(&[fetch, flag, config.as_ref(), absent, dest.as_ref()]).await.0,
        Some(EXIT_NOT_THERE.into())
    );

    let mut other: RepositoryConfig = s3.config();
    other.key = "ab".repeat(32);
    let wrong = home.path().join("wrong.json");
    other.write(&wrong).unwrap();
    let (code, printed) = run(&[fetch, flag, wrong.as_ref(), name, dest.as_ref()]).await;
    assert_eq!(code, Some(EXIT_CANNOT_TELL.into()));
    assert!(
        printed.contains("does not decrypt") && !printed.contains("abab"),
        "{printed}"
    );
    let (code, printed) = run(&[push, flag, config.as_ref()]).await;
    assert!(code == Some(1) && printed.contains("usage"), "{printed}");

    // A configuration that others can read holds no secret any more.
    std::fs::set_permissions(&config, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let (code, printed) = run(&[push, flag, config.as_ref(), segment.as_ref()]).await;
    assert!(code == Some(1) && printed.contains("0600"), "{printed}");
    let shown = format!("{:?} {:?}", s3.config(), s3.bucket("app"));
    assert!(!shown.contains("5e5e") && !shown.contains("secret-of"), "{shown}");
}
