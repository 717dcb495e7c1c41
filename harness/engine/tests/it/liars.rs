//! Liars that need a real database: rows changed, doubled, brought back or put beside the ledger's, a sequence set back.
//! Each is told by what reads the recovered data, and what does no harm is not. Lies about a whole recovery are literal
//! histories in core, and twins of the shipped drills.

use std::collections::BTreeMap;
use std::sync::Mutex;

use firedrill::check::{constraints, static_tables};
use firedrill_core::event::{CheckOutcome, Class, Role};
use firedrill_core::judge::classify::{ComponentCounts, Ground, classify};
use firedrill_core::ledger::{OperationKind, OperationOutcome};
use firedrill_core::{FoundRow, Operation};
use firedrill_environment::Postgres;
use firedrill_load::{
    FinalRead, PreloadRows, PreloadSpec, Sink, Space, SqlConfig, final_read, first_key, now, preload,
};

use crate::spoiled::{local, server, session};

const SEED: u64 = 4711;
const ROWS: u32 = 50;

#[derive(Default)]
struct Ledger {
    operations: Mutex<Vec<Operation>>,
    found: Mutex<Vec<FoundRow>>,
}

impl Sink for Ledger {
    fn operations(&self, batch: &[Operation]) {
        self.operations.lock().expect("a lock").extend_from_slice(batch);
    }

    fn found(&self, rows: &[FoundRow]) {
        self.found.lock().expect("a lock").extend_from_slice(rows);
    }

    fn incarnation(&self, _component: &str, _name: &str) -> u16 {
        0
    }
}

fn class() -> Class {
    Class {
        id: 0,
        service: "chat".into(),
        component: "database".into(),
        tier: None,
        space: 4,
        role: Role::Preload,
    }
}

fn config(postgres: &Postgres) -> SqlConfig {
    let connection = postgres.connection().expect("it runs");
    SqlConfig {
        host: connection.host.clone(),
        port: connection.port,
        user: connection.user.clone(),
        password: connection.password.reveal().to_owned(),
        dbname: connection.database,
    }
}

/// What the final read and the judge make of the table now.
async fn judged(postgres: &Postgres, ledger: &Ledger) -> ComponentCounts {
    ledger.found.lock().expect("a lock").clear();
    let read = FinalRead {
        config: config(postgres),
        spaces: vec![Space {
            id: 4,
            service: "chat".into(),
            objects: false,
        }],
        incarnation: 0,
        content_seed: SEED,
        objects: None,
        deadline: std::time::Duration::from_secs(30),
    };
    let report = final_read(&read, ledger).await.expect("a whole read");
    assert!(report.is_whole());
    let ground = Ground::new(&[class()], &BTreeMap::from([("database".to_owned(), 0)]));
    let operations = ledger.operations.lock().expect("a lock").clone();
    let found = ledger.found.lock().expect("a lock").clone();
    classify(&ground, &operations, &found).by_component(&ground)["database"]
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_lie_are_told_and_rows_that_are_nobody_s_are_not() {
    let local = local().await;
    let postgres = server(&local).await;
    let client = session(&postgres).await;
    client
        .batch_execute(firedrill_app::schema_sql())
        .await
        .expect("a schema");
    let ledger = Ledger::default();
    let spec = PreloadSpec {
        rows: vec![PreloadRows {
            class: class(),
            rows: ROWS,
        }],
        bulk_mib: 1,
        content_seed: SEED,
    };
    preload(&config(&postgres), &spec, &ledger).await.expect("rows");
    let first = first_key::PRELOAD as i64;
    // One that was deleted, as a client deletes it.
    client
        .query_one("SELECT outcome FROM delete_chat($1, 2)", &[&(first + 7)])
        .await
        .expect("a delete");
    let at = now();
    ledger.operations(&[Operation {
        scheduled: at,
        sent: at,
        done: at + 1,
        key: first_key::PRELOAD + 7,
        version: 2,
        replaced: 1,
        incarnation: 0,
        class: 0,
        kind: OperationKind::Delete,
        outcome: OperationOutcome::Acked,
        flags: 0,
        attempts: 1,
    }]);
    let before = static_tables::digests(&client, &firedrill_app::STATIC_TABLES)
        .await
        .expect("digests");

    let whole = constraints::before(&client, &[]).await.expect("what it is");

    let sound = judged(&postgres, &ledger).await;
    assert_eq!(
        (
            sound.acked,
            sound.lost,
            sound.mutated,
            sound.unexpected,
            sound.duplicated
        ),
        (u64::from(ROWS) + 1, 0, 0, 0, 0)
    );

    // An unowned row: a key below 0 is nobody's, and a row in a table that the ledger does not own is none of its rows.
    client
        .batch_execute("INSERT INTO chat (key, version, body) VALUES (-5, 1, 'mine'); CREATE TABLE notes (text text); INSERT INTO notes VALUES ('x')")
        .await
        .expect("rows");
    assert_eq!(
        judged(&postgres, &ledger).await,
        sound,
        "an unowned row changes nothing"
    );
    let rules: [constraints::BusinessRule<'_>; 0] = [];
    let checked = constraints::check(&client, &rules, &whole).await;
    assert_eq!(checked.outcome, CheckOutcome::Passed, "{}", checked.detail);

    let lie = async |sql: &str, back: &str| {
        client.batch_execute(sql).await.expect("the lie");
        let counts = judged(&postgres, &ledger).await;
        client.batch_execute(back).await.expect("the truth again");
        assert_eq!(judged(&postgres, &ledger).await, sound, "{back}");
        counts
    };
    let key = first + 3;
    let changed = lie(
        &format!("CREATE TABLE kept AS SELECT * FROM chat WHERE key = {key}; UPDATE chat SET body = body || '!' WHERE key = {key}"),
        &format!("UPDATE chat SET body = kept.body FROM kept WHERE chat.key = {key}; DROP TABLE kept"),
    )
    .await;
    assert_eq!(changed.mutated, 1);
    let doubled = lie(
        &format!("ALTER TABLE chat DROP CONSTRAINT chat_pkey; INSERT INTO chat SELECT * FROM chat WHERE key = {key}"),
        &format!(
            "DELETE FROM chat a USING chat b WHERE a.key = {key} AND b.key = {key} AND a.ctid > b.ctid; \
             ALTER TABLE chat ADD PRIMARY KEY (key)"
        ),
    )
    .await;
    assert_eq!(doubled.duplicated, 1);
    let gone = first + 7;
    let body = firedrill_load::body(SEED, "chat", first_key::PRELOAD + 7, 1);
    let undone = lie(
        &format!("INSERT INTO chat (key, version, body) VALUES ({gone}, 1, '{body}')"),
        &format!("DELETE FROM chat WHERE key = {gone}"),
    )
    .await;
    assert_eq!(
        (undone.lost, undone.mutated),
        (1, 0),
        "the delete is lost, the row is genuine"
    );

    // A sequence that would hand out what is taken.
    client
        .batch_execute(
            "CREATE TABLE tickets (id serial PRIMARY KEY); INSERT INTO tickets SELECT FROM generate_series(1, 40)",
        )
        .await
        .expect("a sequence");
    let checked = constraints::check(&client, &rules, &whole).await;
    assert_eq!(checked.outcome, CheckOutcome::Passed, "{}", checked.detail);
    client
        .batch_execute("SELECT setval('tickets_id_seq', 12)")
        .await
        .expect("set back");
    let checked = constraints::check(&client, &rules, &whole).await;
    assert_eq!(checked.outcome, CheckOutcome::Failed);
    assert!(checked.detail.contains("tickets_id_seq"), "{}", checked.detail);

    // A table that nobody writes.
    let checked = static_tables::check(&client, &before).await;
    assert_eq!(checked.outcome, CheckOutcome::Passed, "{}", checked.detail);
    client
        .batch_execute("UPDATE catalogue SET price = price + 1 WHERE id = 5")
        .await
        .expect("the lie");
    let checked = static_tables::check(&client, &before).await;
    assert_eq!(checked.outcome, CheckOutcome::Failed, "{}", checked.detail);

    drop((client, postgres));
    local.close().await.expect("nothing is left");
}

/// A recovery that brings every row back, and the rows alone, has lost what kept them right.
#[tokio::test(flavor = "multi_thread")]
async fn definitions_that_do_not_come_back_are_told_and_what_was_broken_before_is_not() {
    let local = local().await;
    let postgres = server(&local).await;
    let client = session(&postgres).await;
    client
        .batch_execute(firedrill_app::schema_sql())
        .await
        .expect("a schema");
    // What a database of some age holds: an old row that a later constraint would not let in, a number given by hand.
    client
        .batch_execute(
            "CREATE TABLE imported (id serial PRIMARY KEY, what text); INSERT INTO imported VALUES (1000, 'old'); \
             CREATE TABLE legacy (v int); INSERT INTO legacy VALUES (-1); \
             ALTER TABLE legacy ADD CONSTRAINT positive CHECK (v > 0) NOT VALID; \
             CREATE TABLE states (s varchar CHECK (s IN ('a', 'b')), v int DEFAULT 3)",
        )
        .await
        .expect("tables");
    let whole = constraints::before(&client, &[]).await.expect("what it is");
    let passed = constraints::check(&client, &[], &whole).await;
    assert_eq!(passed.outcome, CheckOutcome::Passed, "{}", passed.detail);
    assert!(
        passed.detail.contains("2 more did not hold before"),
        "{}",
        passed.detail
    );

    let lie = async |sql: &str, back: &str, told: &str| {
        client.batch_execute(sql).await.expect("the lie");
        let checked = constraints::check(&client, &[], &whole).await;
        assert_eq!(checked.outcome, CheckOutcome::Failed, "{sql}: {}", checked.detail);
        assert!(checked.detail.contains(told), "{sql}: {}", checked.detail);
        client.batch_execute(back).await.expect("the truth again");
        let checked = constraints::check(&client, &[], &whole).await;
        assert_eq!(checked.outcome, CheckOutcome::Passed, "{back}: {}", checked.detail);
    };
    lie(
        "ALTER TABLE entries DROP CONSTRAINT entries_pkey",
        "ALTER TABLE entries ADD PRIMARY KEY (payment_key, payment_version, account)",
        "constraint entries_pkey of public.entries is missing",
    )
    .await;
    lie(
        "ALTER TABLE bookings DROP CONSTRAINT bookings_slot_check, ADD CONSTRAINT bookings_slot_check CHECK (true)",
        "ALTER TABLE bookings DROP CONSTRAINT bookings_slot_check, ADD CONSTRAINT bookings_slot_check CHECK (slot BETWEEN 0 AND 47)",
        "bookings_slot_check of public.bookings is not as it was",
    )
    .await;
    lie(
        "ALTER TABLE files ALTER COLUMN object DROP NOT NULL",
        "ALTER TABLE files ALTER COLUMN object SET NOT NULL",
        "column object of public.files is not as it was",
    )
    .await;
    lie(
        "CREATE FUNCTION kept() RETURNS text LANGUAGE sql AS $$ SELECT 1::text $$; \
         CREATE TEMPORARY TABLE def AS SELECT pg_get_functiondef('preload_bulk(int)'::regprocedure) AS d; \
         CREATE OR REPLACE FUNCTION preload_bulk(mib int) RETURNS bigint LANGUAGE sql AS $$ SELECT 0::bigint $$",
        "DO $$ BEGIN EXECUTE (SELECT d FROM def); END $$",
        "function public.preload_bulk(integer) is not as it was",
    )
    .await;
    lie(
        "INSERT INTO legacy SELECT 1; ALTER TABLE legacy DROP CONSTRAINT positive; INSERT INTO legacy VALUES (-2)",
        "DELETE FROM legacy WHERE v = -2; ALTER TABLE legacy ADD CONSTRAINT positive CHECK (v > 0) NOT VALID",
        "constraint positive of public.legacy is missing",
    )
    .await;
    // A dump writes the casts of such an expression anew, and a constraint may be stricter than it was.
    client
        .batch_execute(
            "ALTER TABLE states DROP CONSTRAINT states_s_check, \
             ADD CONSTRAINT states_s_check CHECK (s::text = ANY (ARRAY['a'::varchar::text, 'b'::varchar::text])); \
             DELETE FROM legacy WHERE v < 0; ALTER TABLE legacy VALIDATE CONSTRAINT positive; CREATE INDEX ON legacy (v)",
        )
        .await
        .expect("no lie");
    let checked = constraints::check(&client, &[], &whole).await;
    assert_eq!(checked.outcome, CheckOutcome::Passed, "{}", checked.detail);

    drop((client, postgres));
    local.close().await.expect("nothing is left");
}

/// What a row holds beside its body follows from its key and version: another value is nobody's.
#[tokio::test(flavor = "multi_thread")]
async fn a_booking_for_another_reader_is_no_booking_of_anyone_s() {
    let local = local().await;
    let postgres = server(&local).await;
    let client = session(&postgres).await;
    client
        .batch_execute(firedrill_app::schema_sql())
        .await
        .expect("a schema");
    let ledger = Ledger::default();
    let rows = PreloadRows {
        class: Class {
            service: "bookings".into(),
            ..class()
        },
        rows: ROWS,
    };
    let spec = PreloadSpec {
        rows: vec![rows],
        bulk_mib: 0,
        content_seed: SEED,
    };
    preload(&config(&postgres), &spec, &ledger).await.expect("rows");
    // As a client updates one.
    let key = first_key::PRELOAD as i64 + 3;
    let body = firedrill_load::body(SEED, "bookings", first_key::PRELOAD + 3, 50);
    client
        .query_one("SELECT outcome FROM put_bookings($1, 50, $2)", &[&key, &body])
        .await
        .expect("an update");
    let read = FinalRead {
        config: config(&postgres),
        spaces: vec![Space {
            id: 4,
            service: "bookings".into(),
            objects: false,
        }],
        incarnation: 0,
        content_seed: SEED,
        objects: None,
        deadline: std::time::Duration::from_secs(30),
    };
    let mutated = async || final_read(&read, &ledger).await.expect("a whole read").spaces[0].mutated;
    assert_eq!(mutated().await, 0);
    client
        .batch_execute(&format!(
            "UPDATE bookings SET reader = (reader + 7) % 100 WHERE key = {key}"
        ))
        .await
        .expect("the lie");
    assert_eq!(mutated().await, 1);
    client
        .batch_execute("UPDATE bookings SET slot = (slot + 5) % 48")
        .await
        .expect("another");
    assert_eq!(mutated().await, u64::from(ROWS));

    drop((client, postgres));
    local.close().await.expect("nothing is left");
}
