//! The monitor against a real Postgres that is killed under it, and an HTTP server that turns ill.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use bytes::Bytes;
use firedrill_core::Event;
use firedrill_core::event::{DelayKind, Edge};
use firedrill_core::plan::{AlertRule, Check, Figure, ProbeKind, Share, Threshold};
use firedrill_core::terms::Status;
use firedrill_environment::Lifecycle;
use firedrill_respond::{DatabaseHost, Monitor, MonitorEndpoints, MonitorError, MonitorSpec, Observer};
use http_body_util::Full;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;

use crate::host::{Home, Host};
use crate::told::Told;

const LONG: Duration = Duration::from_secs(60);

fn is<T>(value: T) -> Figure<T> {
    Figure {
        below: None,
        at_most: None,
        at_least: None,
        above: None,
        is: Some(value),
        place: "test".into(),
        status: Status::Stated,
    }
}

fn check(probe: ProbeKind, every: &str, timeout: &str) -> Check {
    Check {
        probe,
        every: is(every.parse().unwrap()),
        timeout: is(timeout.parse().unwrap()),
    }
}

fn rule(check: &str, kind: &str, failures: u32) -> AlertRule {
    AlertRule {
        kind: kind.into(),
        check: check.into(),
        failures: is(failures),
        when: None,
        lasting: None,
        severity: None,
        response: None,
        place: None,
    }
}

/// Answers every request with the status that the test sets.
async fn server(status: Arc<AtomicU16>) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let status = Arc::clone(&status);
            let service = hyper::service::service_fn(move |_| {
                let status = StatusCode::from_u16(status.load(Ordering::SeqCst)).unwrap();
                async move {
                    let mut answer = Response::new(Full::new(Bytes::from("{}")));
                    *answer.status_mut() = status;
                    Ok::<_, std::convert::Infallible>(answer)
                }
            });
            tokio::spawn(async move {
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), service)
                    .await;
            });
        }
    });
    address
}

/// 30 s and 10 s of plan time at scale 300: every 100 ms.
fn spec() -> MonitorSpec {
    let mut share: Figure<Share> = is("5 %".parse().unwrap());
    share.above = share.is.take();
    let errors = AlertRule {
        when: Some(Threshold::Share(share)),
        ..rule("errors", "errors_high", 2)
    };
    MonitorSpec {
        checks: BTreeMap::from([
            (
                "application".into(),
                check(ProbeKind::Http("/health".into()), "30 s", "10 s"),
            ),
            (
                "database".into(),
                check(ProbeKind::DatabaseConnect("db".into()), "30 s", "120 s"),
            ),
            ("errors".into(), check(ProbeKind::ErrorRate, "30 s", "10 s")),
        ]),
        rules: BTreeMap::from([
            (
                "application failing".into(),
                rule("application", "application_failing", 3),
            ),
            ("database away".into(), rule("database", "database_unreachable", 3)),
            ("many errors".into(), errors),
        ]),
        scale: 300,
    }
}

fn probes(told: &Told, check: &str) -> Vec<bool> {
    told.pick(|event| match event {
        Event::Probe {
            check: name, healthy, ..
        } if name == check => Some(*healthy),
        _ => None,
    })
}

fn alerts(told: &Told) -> Vec<(String, bool)> {
    told.pick(|event| match event {
        Event::Alert { kind, raised, .. } => Some((kind.clone(), *raised)),
        _ => None,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_database_is_called_out_by_the_plan_s_threshold_and_nothing_before() {
    let home = Home::new();
    let host = Host::new(&home, "database", &[]);
    host.create().await.unwrap();
    host.start().await.unwrap();
    let status = Arc::new(AtomicU16::new(200));
    let told = Told::new();
    let endpoints = MonitorEndpoints {
        application: server(Arc::clone(&status)).await,
        logs: BTreeMap::new(),
        databases: BTreeMap::from([("db".into(), host.database())]),
        backups: None,
        requests: MonitorEndpoints::requests_of(["auth", "chat"]),
    };
    let monitor = Monitor::start(&spec(), &endpoints, told.clone() as Arc<dyn Observer>).unwrap();

    told.until("twenty looks at each", |_| {
        ["application", "database", "errors"]
            .iter()
            .all(|c| probes(&told, c).len() >= 20)
    })
    .await;
    assert_eq!(alerts(&told), [], "a healthy system is not called out");
    assert_eq!(monitor.wait_for_alert(&[], 0, Duration::from_millis(1)).await, None);

    let struck = firedrill_respond::clock::now();
    host.kill().await.unwrap();
    let kinds = ["database_unreachable".to_owned()];
    let alert = monitor.wait_for_alert(&kinds, struck, LONG).await.expect("an alert");
    assert_eq!(
        (alert.rule.as_str(), alert.kind.as_str()),
        ("database away", "database_unreachable")
    );
    assert!(alert.stamp.early >= struck);
    assert_eq!(
        alerts(&told),
        [("database_unreachable".to_owned(), true)],
        "the application's own checks are well"
    );
    let looks = probes(&told, "database");
    let raised_after = looks.iter().position(|healthy| !healthy).unwrap();
    assert!(looks.len() >= raised_after + 3, "not before the third in a row");

    host.start().await.unwrap();
    told.until("the alert to be cleared", |_| alerts(&told).len() == 2)
        .await;
    assert_eq!(alerts(&told)[1], ("database_unreachable".to_owned(), false));
    assert!(
        monitor.wait_for_alert(&kinds, struck, LONG).await.is_some(),
        "one that came and went is still found"
    );

    status.store(500, Ordering::SeqCst);
    told.until("both application alerts", |_| alerts(&told).len() == 4)
        .await;
    let kinds: Vec<String> = alerts(&told)[2..].iter().map(|(kind, _)| kind.clone()).collect();
    assert!(
        kinds.contains(&"application_failing".into()) && kinds.contains(&"errors_high".into()),
        "{kinds:?}"
    );

    let before = told.all().len();
    monitor.set_scale(1);
    monitor.stop().await;
    monitor.stop().await;
    let ended = told.pick(|event| matches!(event, Event::Monitor { edge: Edge::Ended, .. }).then_some(()));
    assert_eq!(ended.len(), 1);
    assert!(
        matches!(told.all().last().unwrap().1, Event::Monitor { edge: Edge::Ended, .. }),
        "nothing is told after the end"
    );
    assert!(told.all().len() >= before);
    let passwords = told
        .all()
        .iter()
        .any(|(_, event)| format!("{event:?}").contains(&host.database().password));
    assert!(!passwords, "no secret is told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_server_is_a_timeout_and_what_the_floor_adds_is_told_before_the_alert() {
    // Connections are taken by the kernel and never answered.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let told = Told::new();
    let endpoints = MonitorEndpoints {
        application: silent.local_addr().unwrap(),
        logs: BTreeMap::new(),
        databases: BTreeMap::new(),
        backups: None,
        requests: Vec::new(),
    };
    let spec = MonitorSpec {
        checks: BTreeMap::from([(
            "application".into(),
            check(ProbeKind::Http("/health".into()), "30 s", "10 s"),
        )]),
        rules: BTreeMap::from([("failing".into(), rule("application", "application_failing", 2))]),
        scale: 300,
    };
    let monitor = Monitor::start(&spec, &endpoints, told.clone() as Arc<dyn Observer>).unwrap();
    assert!(monitor.wait_for_alert(&[], 0, LONG).await.is_some());
    monitor.stop().await;
    let facts = told.all();
    let seen = told.pick(|event| match event {
        Event::Probe { seen, .. } => Some(seen.clone()),
        _ => None,
    });
    assert_eq!(seen[0], "no answer within 250 ms");
    let rounding = |event: &Event| match event {
        Event::Delay {
            kind: DelayKind::Rounding,
            drill,
        } => Some(*drill),
        _ => None,
    };
    // Twice the difference between the floor and 10 s / 300.
    assert_eq!(told.pick(rounding), [2 * (250_000_000 - 10_000_000_000 / 300)]);
    let at = |pick: &dyn Fn(&Event) -> bool| facts.iter().position(|(_, event)| pick(event)).unwrap();
    assert!(at(&|event| rounding(event).is_some()) < at(&|event| matches!(event, Event::Alert { .. })));
}

#[tokio::test]
async fn a_monitor_that_cannot_run_as_written_does_not_start() {
    let told = Told::new();
    let endpoints = MonitorEndpoints {
        application: ([127, 0, 0, 1], 9).into(),
        logs: BTreeMap::new(),
        databases: BTreeMap::new(),
        backups: None,
        requests: Vec::new(),
    };
    let refused = |spec: MonitorSpec| match Monitor::start(&spec, &endpoints, told.clone() as Arc<dyn Observer>) {
        Ok(_) => panic!("it started"),
        Err(error) => error,
    };
    let mut without_database = spec();
    without_database.checks.retain(|name, _| name == "database");
    without_database.rules.retain(|_, rule| rule.check == "database");
    assert!(matches!(refused(without_database), MonitorError::NothingThere { .. }));
    let mut unknown = spec();
    unknown.checks.clear();
    assert!(matches!(refused(unknown), MonitorError::UnknownCheck { .. }));
    let mut month = spec();
    month.rules.clear();
    month.checks = BTreeMap::from([("a".into(), check(ProbeKind::Http("/".into()), "1 month", "1 s"))]);
    assert!(refused(month).to_string().contains("expected a unit of fixed length"));
    assert_eq!(told.all(), [], "nothing was begun");
}
