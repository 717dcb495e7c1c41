//! Load through SQL, and the final read.

use std::sync::Arc;
use std::time::Duration;

use firedrill_core::event::Role;
use firedrill_core::ledger::{Content, NO_INCARNATION, OperationKind, OperationOutcome, UNSTATED};
use firedrill_load::{
    Arrivals, Canary, CanarySpec, CapacitySpec, ClassSpec, Client, FinalRead, Mix, PreloadRows, PreloadSpec, Space,
    SqlClient, Workload, WorkloadSpec, Write, body, capacity, end_sessions, final_read, first_key, incarnation_of,
    preload,
};

use crate::ledger::{Ledger, class};
use crate::postgres::Postgres;

const SEED: u64 = 4711;

fn workload(per_second: u32, tables: &[(&str, u8)], preloaded: u64) -> Vec<ClassSpec> {
    tables
        .iter()
        .enumerate()
        .map(|(at, (service, tier))| ClassSpec {
            class: class(at as u16, service, Role::Workload, Some(*tier)),
            per_second,
            mix: Mix::of(service),
            first_key: first_key::WORKLOAD,
            preloaded: first_key::PRELOAD..first_key::PRELOAD + preloaded,
        })
        .collect()
}

fn client(postgres: &Postgres) -> Arc<dyn Client> {
    Arc::new(SqlClient::new(postgres.config(), vec!["payments".into(), "chat".into()]).unwrap())
}

async fn read(postgres: &Postgres, ledger: &Ledger) -> firedrill_load::FinalReadReport {
    let space = |id, service: &str| Space {
        id,
        service: service.into(),
        objects: false,
    };
    let read = FinalRead {
        config: postgres.config(),
        spaces: vec![space(1, "payments"), space(2, "chat")],
        incarnation: 0,
        content_seed: SEED,
        objects: None,
        deadline: Duration::from_secs(60),
    };
    final_read(&read, ledger).await.unwrap()
}

async fn preloaded(postgres: &Postgres, ledger: &Ledger, rows: u32) {
    let rows = |id, service| PreloadRows {
        class: class(id, service, Role::Preload, None),
        rows,
    };
    let spec = PreloadSpec {
        rows: vec![rows(10, "payments"), rows(11, "chat")],
        bulk_mib: 0,
        content_seed: SEED,
    };
    let report = preload(&postgres.config(), &spec, ledger).await.unwrap();
    assert_eq!(report.incarnation, incarnation_of(&postgres.config()).await.unwrap());
}

/// Waits for something that the load does, not for a time.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what}: not within a minute");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_in_mid_load_loses_nothing_acknowledged_and_keeps_nothing_refused() {
    let mut postgres = Postgres::start().await;
    let ledger = Arc::new(Ledger::default());
    preloaded(&postgres, &ledger, 5000).await;
    let before = ledger.take().len();
    assert_eq!(before, 10_000);

    let spec = WorkloadSpec::new(
        workload(300, &[("payments", 1), ("chat", 2)], 5000),
        SEED,
        8,
        Duration::from_secs(1),
    );
    let load = Workload::start(spec, client(&postgres), ledger.clone()).unwrap();
    let canary = CanarySpec::new(
        class(5, "payments", Role::Canary, None),
        40,
        SEED,
        Duration::from_secs(1),
    );
    let canary = Canary::start(canary, client(&postgres), ledger.clone()).unwrap();
    until("load runs", || ledger.count(OperationOutcome::Acked) > before + 400).await;
    for _ in 0..2 {
        postgres.kill();
        let refused = ledger.count(OperationOutcome::Refused);
        until("the outage is felt", || {
            ledger.count(OperationOutcome::Refused) > refused + 100
        })
        .await;
        postgres.restart().await;
        let acked = ledger.count(OperationOutcome::Acked);
        until("load recovers", || ledger.count(OperationOutcome::Acked) > acked + 400).await;
    }
    let live = load.live();
    assert_eq!(
        live.tiers.iter().map(|tier| tier.tier).collect::<Vec<_>>(),
        [Some(1), Some(2)]
    );
    assert!(live.scheduled > 0);
    let (halted, canary_halted) = (load.halt(), canary.halt());
    let totals = load.stop().await.unwrap();
    let canary_totals = canary.stop().await.unwrap();
    assert_eq!((totals.ended, canary_totals.ended), (halted, canary_halted));
    let all = ledger.take();
    assert_eq!(
        all.len() as u64,
        before as u64 + totals.scheduled + canary_totals.scheduled
    );
    for outcome in [OperationOutcome::Acked, OperationOutcome::Refused] {
        assert!(
            all.iter()
                .any(|operation| operation.class < 2 && operation.outcome == outcome),
            "{outcome:?}"
        );
    }
    // A read-back of the canary counts as acked: it must have found what was written.
    let read_back = all
        .iter()
        .filter(|of| of.class == 5 && of.kind == OperationKind::Read && of.outcome == OperationOutcome::Acked);
    assert!(read_back.filter(|of| of.version > 0).count() > 20);
    for operation in all.iter().filter(|of| of.outcome == OperationOutcome::Acked) {
        assert_ne!(operation.incarnation, NO_INCARNATION);
        if operation.kind != OperationKind::Read {
            assert_ne!(operation.replaced, UNSTATED, "{operation:?}");
            assert!(operation.replaced < operation.version);
        }
    }
    end_sessions(&postgres.config(), Duration::from_secs(20)).await.unwrap();
    let report = read(&postgres, &ledger).await;
    assert!(report.is_whole() && report.arrived >= 10_000);
    ledger.explains(1, &[0, 5, 10]);
    ledger.explains(2, &[1, 11]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_final_read_sees_what_is_wrong() {
    let postgres = Postgres::start().await;
    let ledger = Ledger::default();
    preloaded(&postgres, &ledger, 300).await;
    postgres
        .run(
            "UPDATE payments SET body = body || ' ' WHERE key = 7; UPDATE payments SET version = 2 WHERE key = 8; \
             DELETE FROM payments WHERE key = 9; ALTER TABLE payments DROP CONSTRAINT payments_pkey; \
             INSERT INTO payments SELECT * FROM payments WHERE key = 10; \
             INSERT INTO payments VALUES (-1, 1, 'x'), (4000, 1, 'y')",
        )
        .await;
    let report = read(&postgres, &ledger).await;
    assert!(report.is_whole());
    // Keys below 0 are nobody's data: an operations team writes them when it tries whether a service works.
    assert_eq!(report.spaces[0].counted, 300 - 1 + 1 + 1);
    assert_eq!(report.spaces[0].mutated, 3);
    assert_eq!(report.spaces[1].mutated, 0);
    let found = ledger.found.lock().unwrap();
    let of = |key: u64| found.iter().filter(move |row| row.space == 1 && row.key == key);
    assert_eq!(of(u64::MAX).count(), 0);
    for key in [7, 8, 4000] {
        assert!(of(key).all(|row| row.content == Content::Mutated), "{key}");
        assert_eq!(of(key).count(), 1);
    }
    assert_eq!(of(9).count(), 0);
    assert_eq!(of(10).count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_says_what_was_replaced_and_a_version_as_new_is_refused() {
    let postgres = Postgres::start().await;
    postgres
        .run("ALTER TABLE payments ADD CONSTRAINT small CHECK (key < 100)")
        .await;
    let client = client(&postgres);
    let mut session = client.session();
    let deadline = Duration::from_secs(20);
    let text = body(SEED, "payments", 1, 1);
    let mut write = async |key, version, kind| {
        let write = Write {
            service: "payments",
            key,
            version,
            kind,
            body: &text,
        };
        let answer = session.write(&write, deadline).await;
        (answer.outcome, answer.replaced)
    };
    use OperationKind::{Delete, Insert, Update};
    use OperationOutcome::{Acked, Refused};
    assert_eq!(write(1, 1, Insert).await, (Acked, 0));
    assert_eq!(write(1, 2, Update).await, (Acked, 1));
    assert_eq!(write(1, 5, Update).await, (Acked, 2));
    assert_eq!(write(1, 5, Update).await, (Refused, UNSTATED));
    assert_eq!(write(1, 3, Delete).await, (Refused, UNSTATED));
    assert_eq!(write(1, 6, Delete).await, (Acked, 5));
    assert_eq!(write(1, 7, Delete).await, (Acked, 0));
    assert_eq!(write(1, 8, Insert).await, (Acked, 0));
    assert_eq!(write(100, 1, Insert).await, (Refused, UNSTATED));
    let found = session.read("payments", 1, deadline).await;
    assert_eq!(
        (found.outcome, found.version, found.body.as_deref()),
        (Acked, 8, Some(text.as_str()))
    );
    let absent = session.read("payments", 2, deadline).await;
    assert_eq!((absent.outcome, absent.version, absent.body), (Acked, 0, None));
    let serving = incarnation_of(&postgres.config()).await.unwrap();
    assert_eq!(absent.incarnation.as_deref(), Some(serving.as_str()));
    // A restore in place changes the epoch while connections live.
    postgres.set("firedrill.epoch = '3'").await;
    let epoch = format!("{}/3", serving.rsplit_once('/').unwrap().0);
    for _ in 0..500 {
        let answer = session.read("payments", 1, deadline).await;
        if answer.incarnation.as_deref() == Some(epoch.as_str()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the connection does not see the new epoch");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_saturated_load_and_a_ramp_add_up() {
    let postgres = Postgres::start().await;
    let ledger = Arc::new(Ledger::default());
    let mut spec = WorkloadSpec::new(workload(1, &[("payments", 1)], 0), SEED, 4, Duration::from_secs(20));
    spec.arrivals = Arrivals::Saturating;
    let load = Workload::start(spec, client(&postgres), ledger.clone()).unwrap();
    until("load runs", || ledger.count(OperationOutcome::Acked) > 3000).await;
    let totals = load.stop().await.unwrap();
    assert_eq!(ledger.take().len() as u64, totals.scheduled);
    let ramp = CapacitySpec {
        classes: vec![ClassSpec {
            class: class(7, "chat", Role::Capacity, None),
            per_second: 200,
            mix: Mix::of("chat"),
            first_key: first_key::CAPACITY,
            preloaded: 0..0,
        }],
        seed: SEED,
        content_seed: SEED,
        connections: 8,
        deadline: Duration::from_secs(20),
        step: Duration::from_millis(200),
        threshold: Duration::from_secs(10),
        steps: 2,
    };
    let before = ledger.take().len() as u64;
    let report = capacity(&ramp, client(&postgres), ledger.clone()).await.unwrap();
    assert_eq!(report.operations, ledger.take().len() as u64 - before);
    assert!(report.per_second > 0 && !report.steps.is_empty());
    read(&postgres, &ledger).await;
    ledger.explains(1, &[0]);
    ledger.explains(2, &[7]);
}
