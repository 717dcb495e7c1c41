//! The contract of faults that spoil data, on a real Postgres and a real store: not broken before; injecting is seen by
//! the fault's own probe while the server goes on answering; healing changes nothing, twice; what a recovery brought back
//! is told from what is still spoiled.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use firedrill::fault::Fault;
use firedrill::fault::data::DataFault;
use firedrill::fault::objects::ObjectFault;
use firedrill_core::event::CheckOutcome;
use firedrill_core::scenario::{DataHarm, ObjectHarm, Opening, Written};
use firedrill_environment::{Lifecycle, Local, LocalOptions, Postgres, PostgresOptions, Store};
use firedrill_load::{Bucket, StoreConfig};
use tokio_postgres::{Client, NoTls};

const ROWS: i64 = 400;
const BUCKET: &str = "application-files";

pub(crate) async fn local() -> Local {
    Local::open(LocalOptions::new(PathBuf::from(env!("CARGO_BIN_EXE_firedrill"))))
        .await
        .expect("an environment")
}

pub(crate) async fn server(local: &Local) -> Arc<Postgres> {
    let postgres = Arc::new(local.postgres("database", PostgresOptions::default()).expect("a host"));
    postgres.initdb().await.expect("a cluster");
    postgres.start().await.expect("a server");
    postgres
}

pub(crate) async fn session(postgres: &Postgres) -> Client {
    let connection = postgres.connection().expect("it was started");
    let (client, driver) = connection.config().connect(NoTls).await.expect("a session");
    tokio::spawn(async move {
        let _ = driver.await;
    });
    client
}

/// The application's tables with rows as they were before any damage.
async fn whole(client: &Client) {
    let rows = format!(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; SET search_path = public; {}; \
         INSERT INTO bookings (key, version, body, reader, slot) \
         SELECT i, 1, 'bookings ' || i || ' 1 ' || md5(i::text) || md5('x' || i), i % 100, i % 48 \
         FROM generate_series(1, {ROWS}) i",
        firedrill_app::schema_sql()
    );
    client.batch_execute(&rows).await.expect("rows");
}

async fn store(local: &Local) -> Store {
    let store = local.store("files").expect("a store");
    store.start().await.expect("it starts");
    store.create_bucket(BUCKET).expect("a bucket");
    store
}

fn config(store: &Store) -> StoreConfig {
    StoreConfig {
        endpoint: format!("http://{}", store.address().expect("it listens")),
        bucket: BUCKET.into(),
        access_key: store.access_key().to_owned(),
        secret_key: store.secret_key().reveal().to_owned(),
        region: store.region().to_owned(),
    }
}

async fn keeps_the_contract(fault: &dyn Fault, postgres: &Postgres) {
    let serving = postgres.connection().expect("it runs");
    let before = fault.prove().await;
    assert!(!before.broken, "{}: {}", fault.name(), before.seen);
    fault.heal().await.expect("what was never injected heals to nothing");
    fault.inject().await.unwrap_or_else(|error| panic!("{error}"));
    let proof = fault.prove().await;
    assert!(proof.broken, "{}: {}", fault.name(), proof.seen);
    session(postgres)
        .await
        .simple_query("SELECT 1")
        .await
        .expect("the server goes on");
    let left = fault.left(&serving).await.expect("it spoils data");
    assert_eq!(left.outcome, CheckOutcome::Failed, "{}: {}", fault.name(), left.detail);
    fault.heal().await.expect("it heals");
    fault.heal().await.expect("healing twice is safe");
    assert!(
        fault.prove().await.broken,
        "{}: spoiled data stays spoiled",
        fault.name()
    );
    assert!(!fault.detail().is_empty() && !fault.needs().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_damage_by_sql_keeps_the_contract_and_is_gone_once_the_rows_are_back() {
    let local = local().await;
    let postgres = server(&local).await;
    let client = session(&postgres).await;
    let of = |how, share_ppm| {
        DataFault::new(
            &format!("{how:?}"),
            "database",
            "bookings",
            how,
            share_ppm,
            77,
            Arc::clone(&postgres),
        )
    };
    for how in [
        DataHarm::WrongUpdate,
        DataHarm::Delete,
        DataHarm::Drop,
        DataHarm::Truncate,
        DataHarm::BadMigration,
        DataHarm::Encrypt,
        DataHarm::SkewIndex,
    ] {
        whole(&client).await;
        let fault = of(how, 1_000_000);
        keeps_the_contract(&fault, &postgres).await;
        let rows: u32 = fault.detail()["rows"].parse().expect("a count");
        let wanted = if how == DataHarm::SkewIndex { 25 } else { ROWS as u32 };
        assert_eq!(rows, wanted, "{how:?}");
        whole(&client).await;
        let left = fault
            .left(&postgres.connection().expect("it runs"))
            .await
            .expect("it spoils data");
        assert_eq!(left.outcome, CheckOutcome::Passed, "{how:?}: {}", left.detail);
    }

    // A share of the rows follows from the seed alone.
    let mut hit = Vec::new();
    for _ in 0..2 {
        whole(&client).await;
        let fault = of(DataHarm::Delete, 250_000);
        fault.inject().await.expect("it can be injected");
        hit.push((fault.detail()["rows"].clone(), fault.detail()["first_keys"].clone()));
    }
    assert_eq!(hit[0], hit[1]);
    let rows: i64 = hit[0].0.parse().expect("a count");
    assert!((ROWS / 8..ROWS / 2).contains(&rows), "{rows} of {ROWS}");

    // An index that does not know its rows is what amcheck is for.
    whole(&client).await;
    of(DataHarm::SkewIndex, 1_000_000)
        .inject()
        .await
        .expect("it can be injected");
    client
        .batch_execute("CREATE EXTENSION IF NOT EXISTS amcheck")
        .await
        .expect("amcheck");
    let checked = client
        .batch_execute("SELECT bt_index_check('bookings_pkey'::regclass, true)")
        .await;
    assert!(checked.is_err(), "heapallindexed finds what the index forgot");

    drop((client, postgres));
    local.close().await.expect("nothing is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_damage_to_objects_keeps_the_contract_and_is_gone_once_they_are_back() {
    let local = local().await;
    let postgres = server(&local).await;
    let client = session(&postgres).await;
    client
        .batch_execute(firedrill_app::schema_sql())
        .await
        .expect("a schema");
    let store = store(&local).await;
    let config = config(&store);
    let bucket = config.bucket().expect("a bucket");
    let content = |key: i64, version: u32| format!("content of version {version} of {key}").into_bytes();
    for key in 1..=10_i64 {
        for version in 1..=2 {
            bucket
                .put(&format!("files/{key}/{version}"), content(key, version))
                .await
                .expect("an object");
        }
    }
    client
        .batch_execute(
            "INSERT INTO files (key, version, body, object, bytes, sha256) \
             SELECT i, 2, 'x', 'files/' || i || '/2', length(t.text), encode(sha256(convert_to(t.text, 'UTF8')), 'hex') \
             FROM generate_series(1, 10) i, LATERAL (SELECT 'content of version 2 of ' || i) AS t (text)",
        )
        .await
        .expect("rows");
    for how in [
        ObjectHarm::Altered,
        ObjectHarm::Missing,
        ObjectHarm::Swapped,
        ObjectHarm::Older,
    ] {
        let bucket_of_fault = config.bucket().expect("a bucket");
        let fault = ObjectFault::new(
            &format!("{how:?}"),
            "files",
            how,
            4,
            77,
            bucket_of_fault,
            Arc::clone(&postgres),
        );
        keeps_the_contract(&fault, &postgres).await;
        assert_eq!(fault.detail()["objects"].split(' ').count(), 4);
        for key in 1..=10_i64 {
            bucket
                .put(&format!("files/{key}/2"), content(key, 2))
                .await
                .expect("it is put back");
        }
        let left = fault
            .left(&postgres.connection().expect("it runs"))
            .await
            .expect("it spoils data");
        assert_eq!(left.outcome, CheckOutcome::Passed, "{how:?}: {}", left.detail);
    }
    drop((client, postgres, store));
    local.close().await.expect("nothing is left");
}

/// Four objects are written, and two seconds later six more: a fault of the first seconds hits the four alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_a_range_of_time_hits_what_was_written_in_it() {
    let local = local().await;
    let postgres = server(&local).await;
    let client = session(&postgres).await;
    let store = store(&local).await;
    let config = config(&store);
    let bucket = config.bucket().expect("a bucket");
    client
        .batch_execute(firedrill_app::schema_sql())
        .await
        .expect("a schema");
    let early = firedrill_backup::unix_ms();
    for key in 1..=4_i64 {
        write(&client, &bucket, key).await;
    }
    // Stores may tell whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    for key in 5..=10_i64 {
        write(&client, &bucket, key).await;
    }
    let of = |from: &str, until: &str, opening: &Arc<OnceLock<Opening>>| {
        let written = Written {
            from: from.parse().expect("a duration"),
            until: until.parse().expect("a duration"),
        };
        let bucket = config.bucket().expect("a bucket");
        ObjectFault::new(
            "range",
            "files",
            ObjectHarm::Missing,
            10,
            77,
            bucket,
            Arc::clone(&postgres),
        )
        .of_time(written, Arc::clone(opening))
    };
    let opening: Arc<OnceLock<Opening>> = Arc::default();
    let fault = of("1 min", "2 min", &opening);
    let error = fault.inject().await.expect_err("nobody knows yet when that is");
    assert!(error.to_string().contains("before the steady state"), "{error}");
    // At 60 times the pace of the wall, a minute of the plan is a second.
    let begun = Opening {
        unix_ms: early - 3000,
        scale: 60,
    };
    opening.set(begun).expect("it is said once");
    let error = fault.inject().await.expect_err("nothing was written then");
    assert!(error.to_string().contains("found 0 rows"), "{error}");
    let fault = of("2 min", "5 min", &opening);
    fault.inject().await.unwrap_or_else(|error| panic!("{error}"));
    let detail = fault.detail();
    let mut hit: Vec<&str> = detail["objects"].split(' ').collect();
    hit.sort_unstable();
    assert_eq!(hit, ["files/1/1", "files/2/1", "files/3/1", "files/4/1"], "{detail:?}");
    assert!(
        detail.contains_key("written_from") && detail.contains_key("written"),
        "{detail:?}"
    );
    let proof = fault.prove().await;
    assert!(proof.broken && proof.seen.contains("4 of those"), "{}", proof.seen);
    drop((client, fault, postgres, store));
    local.close().await.expect("nothing is left");
}

/// An object, and the row that points at it.
async fn write(client: &Client, bucket: &Bucket, key: i64) {
    let name = format!("files/{key}/1");
    bucket.put(&name, b"content".to_vec()).await.expect("an object");
    let row = "INSERT INTO files (key, version, body, object, bytes, sha256) \
               VALUES ($1, 1, 'x', $2, 7, encode(sha256('content'), 'hex'))";
    client.execute(row, &[&key, &name]).await.expect("a row");
}
