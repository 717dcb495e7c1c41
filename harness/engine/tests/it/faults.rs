//! The contract that every fault keeps, on a real Postgres behind a real link: not broken before; injecting is
//! observable by its own probe; healing restores; healing twice is safe; what was never injected heals to nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use firedrill::fault::backup_object::BackupObjectFault;
use firedrill::fault::link::{self, LinkFault, Protocol};
use firedrill::fault::page::PageFault;
use firedrill::fault::relation::{self, RelationFault};
use firedrill::fault::relation_file::session;
use firedrill::fault::server_file::{self, ServerFileFault};
use firedrill::fault::service::{self, ServiceFault};
use firedrill::fault::{Fault, Proof};
use firedrill_core::scenario::{HurtBackup, ObjectDamage, PageDamage};
use firedrill_environment::{Lifecycle, Local, LocalOptions, Postgres, PostgresOptions, State};
use firedrill_proxy::{Cut, Link};

struct Bed {
    local: Local,
    postgres: Arc<Postgres>,
    link: Arc<Link>,
}

async fn bed() -> Bed {
    let local = Local::open(LocalOptions::new(PathBuf::from(env!("CARGO_BIN_EXE_firedrill"))))
        .await
        .expect("an environment");
    let postgres = Arc::new(local.postgres("database", PostgresOptions::default()).expect("a host"));
    postgres.initdb().await.expect("a cluster");
    postgres.start().await.expect("a server");
    let link = Arc::new(Link::open(postgres.upstream()).expect("a link"));
    Bed { local, postgres, link }
}

async fn answers(bed: &Bed) -> bool {
    let Some(connection) = bed.postgres.connection() else {
        return false;
    };
    let connect = async {
        let config = connection.through(bed.link.address()).config();
        let (client, driver) = config.connect(tokio_postgres::NoTls).await.ok()?;
        let driver = tokio::spawn(driver);
        let answered = client.simple_query("SELECT 1").await.ok();
        driver.abort();
        answered
    };
    matches!(tokio::time::timeout(Duration::from_secs(2), connect).await, Ok(Some(_)))
}

/// Waits, bounded, until the probe says what is expected.
async fn proved(fault: &dyn Fault, broken: bool) -> Proof {
    let mut proof = fault.prove().await;
    for _ in 0..100 {
        if proof.broken == broken {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        proof = fault.prove().await;
    }
    assert_eq!(proof.broken, broken, "{}: {}", fault.name(), proof.seen);
    proof
}

/// `returns`: healing brings the service back; lost data stays lost.
async fn keeps_the_contract(bed: &Bed, fault: &dyn Fault, works_meanwhile: bool, returns: bool) {
    assert!(answers(bed).await, "{}: the bed is whole before", fault.name());
    proved(fault, false).await;
    fault.heal().await.expect("what was never injected heals to nothing");
    assert!(
        answers(bed).await,
        "{}: healing what is whole leaves it whole",
        fault.name()
    );

    fault.inject().await.expect("it can be injected");
    proved(fault, true).await;
    assert_eq!(answers(bed).await, works_meanwhile, "{}: clients see it", fault.name());

    fault.heal().await.expect("it heals");
    fault.heal().await.expect("healing twice is safe");
    proved(fault, !returns).await;
    assert_eq!(answers(bed).await, returns, "{}: after healing", fault.name());
    assert!(!fault.detail().is_empty() && !fault.needs().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_built_in_fault_keeps_the_contract() {
    let bed = bed().await;
    let between = ["application".to_owned(), "database".to_owned()];
    let of_link = |name: &str, harm| {
        LinkFault::new(
            name,
            &between,
            harm,
            Protocol::Postgres,
            Arc::clone(&bed.link) as _,
            bed.link.address(),
        )
    };
    let of_service = |name: &str, harm| {
        ServiceFault::new(
            name,
            "database",
            harm,
            Arc::clone(&bed.postgres) as _,
            Some(Arc::clone(&bed.postgres) as _),
        )
    };
    keeps_the_contract(&bed, &of_link("refused", link::Harm::Cut(Cut::Refused)), false, true).await;
    keeps_the_contract(&bed, &of_link("dropped", link::Harm::Cut(Cut::Dropped)), false, true).await;
    keeps_the_contract(
        &bed,
        &of_link("slow", link::Harm::Delay(Duration::from_millis(50))),
        true,
        true,
    )
    .await;
    keeps_the_contract(&bed, &of_service("paused", service::Harm::Pause), false, true).await;
    keeps_the_contract(&bed, &of_service("killed", service::Harm::Kill), false, true).await;
    // Last: what it takes does not come back, by no other name either.
    let (data, vault) = (
        bed.postgres.data_directory(),
        tempfile::tempdir_in("/tmp").expect("a folder"),
    );
    let outside = vault.path().join("PG_VERSION");
    let linked = std::fs::hard_link(data.join("PG_VERSION"), &outside).is_ok();
    keeps_the_contract(&bed, &of_service("lost", service::Harm::LoseData), false, false).await;
    assert_eq!(bed.postgres.state().await.expect("a state"), State::Down);
    assert!(!data.join("PG_VERSION").exists());
    if linked {
        let kept = std::fs::read(&outside).expect("the link");
        assert_eq!(kept, b"", "a hard link is no backup: it lies on the lost disk");
    }

    let Bed { local, postgres, link } = bed;
    let _ = link.close().await;
    drop((postgres, link));
    local.close().await.expect("nothing is left");
}

/// A server with a small cache, a cold table of 4 MiB with its index, and a warm one.
async fn full_bed() -> Bed {
    let local = Local::open(LocalOptions::new(PathBuf::from(env!("CARGO_BIN_EXE_firedrill"))))
        .await
        .expect("an environment");
    let options = PostgresOptions {
        settings: vec![
            ("shared_buffers".into(), "1MB".into()),
            ("autovacuum".into(), "off".into()),
        ],
        ..PostgresOptions::default()
    };
    let postgres = Arc::new(local.postgres("database", options).expect("a host"));
    postgres.initdb().await.expect("a cluster");
    postgres.start().await.expect("a server");
    let link = Arc::new(Link::open(postgres.upstream()).expect("a link"));
    let bed = Bed { local, postgres, link };
    let client = session(&bed.postgres).await.expect("a session");
    client
        .batch_execute(
            "CREATE TABLE cold (id int PRIMARY KEY, filler text);
             CREATE TABLE other (id int PRIMARY KEY, filler text);
             CREATE TABLE warm (id int PRIMARY KEY, n int);
             INSERT INTO cold SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, 14000) i;
             INSERT INTO other SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, 4000) i;
             INSERT INTO warm SELECT i, 0 FROM generate_series(1, 100) i;
             CHECKPOINT",
        )
        .await
        .expect("tables");
    bed
}

/// Whether every row of a table can be read, past its indexes.
async fn reads(bed: &Bed, table: &str) -> bool {
    let client = session(&bed.postgres).await.expect("a session");
    let all = client
        .batch_execute(&format!(
            "SET enable_indexonlyscan = off; SELECT sum(length(filler)) FROM {table}"
        ))
        .await;
    all.is_ok()
}

/// Not broken before; broken once injected; whole again after healing, twice, where `returns`.
async fn damages(bed: &Bed, fault: &dyn Fault, returns: bool) {
    assert!(answers(bed).await, "{}: the bed is whole before", fault.name());
    fault.arm().await.expect("it can look beforehand");
    proved(fault, false).await;
    fault.heal().await.expect("what was never injected heals to nothing");
    fault.inject().await.unwrap_or_else(|error| panic!("{error}"));
    let proof = proved(fault, true).await;
    assert!(!proof.seen.is_empty() && !fault.needs().is_empty());
    let detail = fault.detail();
    assert!(detail.len() > 2, "{}: choices are told: {detail:?}", fault.name());
    fault.heal().await.expect("it heals");
    fault.heal().await.expect("healing twice is safe");
    proved(fault, !returns).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_of_files_keeps_the_contract_and_shows_to_whoever_reads() {
    let bed = full_bed().await;
    let page = |name: &str, relation: &str, how, pages| {
        PageFault::new(
            name,
            "database",
            Some(relation),
            how,
            pages,
            42,
            Arc::clone(&bed.postgres),
        )
    };
    let flip = page("flip", "cold", PageDamage::BitFlip, 3);
    damages(&bed, &flip, true).await;
    assert!(reads(&bed, "cold").await, "healed");
    flip.inject().await.expect("again");
    let first = flip.detail();
    assert!(!reads(&bed, "cold").await, "a checksum does not fit");
    flip.heal().await.expect("it heals");
    assert!(reads(&bed, "cold").await);

    // What was recorded is done again, bit by bit.
    let mut again = page("another name", "other", PageDamage::BitFlip, 3);
    assert_eq!(again.recall(&first), ["relation", "blocks", "bits"]);
    again.inject().await.expect("as recorded");
    for key in ["relation", "file", "blocks", "bits"] {
        assert_eq!(again.detail().get(key), first.get(key), "{key}");
    }
    again.heal().await.expect("it heals");

    damages(&bed, &page("index", "cold_pkey", PageDamage::BitFlip, 2), true).await;
    damages(&bed, &page("zeroed", "cold", PageDamage::Zeroed, 1), true).await;
    damages(&bed, &page("torn", "cold", PageDamage::Torn, 1), true).await;
    damages(&bed, &page("misdirected", "cold", PageDamage::Misdirected, 1), true).await;
    let none = page("stale", "cold", PageDamage::Stale, 1);
    none.arm().await.expect("it can look beforehand");
    let error = none.inject().await.expect_err("nothing has changed since");
    assert!(error.to_string().contains("has changed since"), "{error}");
    let stale = page("stale", "other", PageDamage::Stale, 1);
    stale.arm().await.expect("it can look beforehand");
    let client = session(&bed.postgres).await.expect("a session");
    client
        .batch_execute("UPDATE other SET filler = filler || 'x'; CHECKPOINT; SELECT sum(length(filler)) FROM cold")
        .await
        .expect("changes");
    stale.inject().await.unwrap_or_else(|error| panic!("{error}"));
    proved(&stale, true).await;
    stale.heal().await.expect("it heals");

    // A page that the server writes again is no longer damaged, and that is said.
    let zeroed = page("overwritten", "other", PageDamage::Zeroed, 1);
    zeroed.inject().await.expect("it can be injected");
    let detail = zeroed.detail();
    let block: u64 = detail["blocks"].parse().expect("one page");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(bed.postgres.data_directory().join(&detail["file"]))
        .expect("the file");
    std::os::unix::fs::FileExt::write_all_at(&file, &[7; 8192], block * 8192).expect("another page in its place");
    let proof = proved(&zeroed, false).await;
    assert!(proof.seen.starts_with("overwritten by the server"), "{}", proof.seen);
    zeroed.heal().await.expect("it heals to nothing");
    let now = std::fs::read(bed.postgres.data_directory().join(&detail["file"])).expect("the file");
    assert_eq!(
        now[usize::try_from(block).unwrap() * 8192],
        7,
        "what the server wrote stays"
    );
    let warm = page("warm", "warm", PageDamage::BitFlip, 1);
    // A cursor holds its page, so that nothing can push it out of so small a cache.
    client
        .batch_execute("BEGIN; DECLARE held CURSOR FOR SELECT id FROM warm; FETCH 1 FROM held")
        .await
        .expect("a cursor");
    let error = warm.inject().await.expect_err("its one page is in the cache");
    assert!(error.to_string().contains("shared_buffers"), "{error}");
    client.batch_execute("COMMIT").await.expect("the cursor is closed");

    let of_file = |name: &str, harm| ServerFileFault::new(name, "database", harm, 42, Arc::clone(&bed.postgres));
    damages(&bed, &of_file("control", server_file::Harm::ControlFile), true).await;
    client
        .batch_execute("INSERT INTO warm SELECT i, 0 FROM generate_series(1000, 3000) i")
        .await
        .expect("some WAL");
    damages(&bed, &of_file("wal", server_file::Harm::WalAltered), true).await;
    let of_relation = |name: &str, table: &str, harm| {
        RelationFault::new(name, "database", Some(table), harm, 42, Arc::clone(&bed.postgres))
    };
    damages(&bed, &of_relation("cut", "cold", relation::Harm::Truncate), true).await;
    assert!(reads(&bed, "cold").await, "whole again");
    // Last: what these take does not come back.
    damages(&bed, &of_relation("gone", "cold", relation::Harm::Remove), false).await;
    assert!(!reads(&bed, "cold").await, "a new session does not find it");
    damages(&bed, &of_file("wal-gone", server_file::Harm::WalMissing), false).await;

    drop((client, flip, again, none, stale, zeroed, warm));
    let Bed { local, postgres, link } = bed;
    let _ = link.close().await;
    drop((postgres, link));
    local.close().await.expect("nothing is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_of_a_backup_keeps_the_contract_and_hurts_the_newest_complete_one_alone() {
    let local = Local::open(LocalOptions::new(PathBuf::from(env!("CARGO_BIN_EXE_firedrill"))))
        .await
        .expect("an environment");
    let store = Arc::new(local.store("backups").expect("a store"));
    store.start().await.expect("it runs");
    store.create_bucket("kept").expect("a bucket");
    let root = store.data_directory().join("kept/backups");
    for (id, content, complete) in [
        ("20260101T000000Z-base-aaaa", "old", true),
        ("20260102T000000Z-base-bbbb", "newer", true),
        ("20260102T000001Z-dump-cccc", "a dump", true),
        ("20260103T000000Z-base-dddd", "not done", false),
    ] {
        let folder = root.join(id);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("base.tar"), content).expect("data");
        std::fs::write(folder.join("backup_manifest"), "m").expect("a manifest");
        if complete {
            std::fs::write(folder.join("record.jsonl"), "a record that is longer than the data").expect("a record");
        }
    }
    let read = |id: &str| std::fs::read_to_string(root.join(id).join("base.tar"));
    for how in [ObjectDamage::Altered, ObjectDamage::Missing, ObjectDamage::Older] {
        let fault = BackupObjectFault::new(
            "backup",
            "backups",
            "kept",
            HurtBackup::Base,
            how,
            7,
            Arc::clone(&store) as _,
        );
        proved(&fault, false).await;
        fault.heal().await.expect("what was never injected heals to nothing");
        fault.inject().await.unwrap_or_else(|error| panic!("{error}"));
        proved(&fault, true).await;
        let newest = std::fs::read(root.join("20260102T000000Z-base-bbbb/base.tar")).ok();
        match how {
            ObjectDamage::Altered => assert!(newest.is_some_and(|now| now.len() == 5 && now != b"newer")),
            ObjectDamage::Missing => assert_eq!(newest, None),
            ObjectDamage::Older => assert_eq!(newest.as_deref(), Some(b"old".as_slice())),
        }
        assert_eq!(read("20260103T000000Z-base-dddd").expect("untouched"), "not done");
        // As a condition it is of the newest backup: one that comes later is whole.
        assert!(fault.stands().await.broken, "{}", fault.stands().await.seen);
        let record = root.join("20260103T000000Z-base-dddd/record.jsonl");
        std::fs::write(&record, "done now").expect("a record");
        let stands = fault.stands().await;
        assert!(
            !stands.broken && stands.seen.contains("1 complete base backups are newer"),
            "{}",
            stands.seen
        );
        assert!(fault.prove().await.broken, "the damage itself is there");
        std::fs::remove_file(&record).expect("the record");
        fault.heal().await.expect("it heals");
        fault.heal().await.expect("healing twice is safe");
        proved(&fault, false).await;
        assert_eq!(read("20260102T000000Z-base-bbbb").expect("there"), "newer");
        assert_eq!(read("20260101T000000Z-base-aaaa").expect("there"), "old");
    }
    drop(store);
    local.close().await.expect("nothing is left");
}
