//! The contract that every fault keeps, on a real Postgres behind a real link: not broken before; injecting is
//! observable by its own probe; healing restores; healing twice is safe; what was never injected heals to nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use firedrill::fault::link::{self, LinkFault, Protocol};
use firedrill::fault::service::{self, ServiceFault};
use firedrill::fault::{Fault, Proof};
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
    // Last: what it takes does not come back.
    keeps_the_contract(&bed, &of_service("lost", service::Harm::LoseData), false, false).await;
    assert_eq!(bed.postgres.state().await.expect("a state"), State::Down);
    assert!(!bed.postgres.data_directory().join("PG_VERSION").exists());

    let Bed { local, postgres, link } = bed;
    let _ = link.close().await;
    drop((postgres, link));
    local.close().await.expect("nothing is left");
}
