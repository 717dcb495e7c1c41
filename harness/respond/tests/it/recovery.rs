//! A database lost and brought back by a procedure: fence, hold, restore, repoint, release, validate, through the real
//! application.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use firedrill_app::{Config, DatabaseConfig, Secret};
use firedrill_backup::{Database, Repository, parse_lsn};
use firedrill_core::Event;
use firedrill_core::event::{Point, StepEdge};
use firedrill_core::scenario::{Action, BackupRule, Procedure, RestoreFrom, Route, Step, TargetRule};
use firedrill_environment::Lifecycle;
use firedrill_respond::database::Life;
use firedrill_respond::{Application, Backups, DatabaseHost, Incarnations, Observer, Operated, Runbook, Team};
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

use crate::host::{Home, Host};
use crate::s3::S3;
use crate::told::Told;

const TOKEN: &str = "token-of-the-team";

async fn application(home: &Home, database: &Database) -> std::net::SocketAddr {
    let ready_file = home.path().join("ready.json");
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        ready_file: ready_file.clone(),
        queue_dir: home.path().join("queue"),
        database: DatabaseConfig {
            host: database.host.clone(),
            port: database.port,
            user: database.user.clone(),
            password: Secret::new(database.password.clone()),
            dbname: database.dbname.clone(),
        },
        store: None,
        admin_token: Secret::new(TOKEN),
        database_timeout_ms: 1000,
        pool_size: 4,
        held_tiers: Vec::new(),
        beyond_loopback: false,
    };
    tokio::spawn(async move { firedrill_app::serve(config).await.unwrap() });
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Ok(text) = std::fs::read(&ready_file) {
            let ready: firedrill_app::wire::Ready = serde_json::from_slice(&text).unwrap();
            return ready.address.parse().unwrap();
        }
        assert!(Instant::now() < deadline, "the application does not come up");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// All services but files, which would need a store.
fn tiers() -> BTreeMap<u8, Vec<String>> {
    let services = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    BTreeMap::from([
        (0, services(&["emergency"])),
        (1, services(&["auth", "payments"])),
        (2, services(&["bookings", "chat"])),
        (3, services(&["analytics", "notifications"])),
    ])
}

async fn archived(client: &Client) {
    let row = client
        .query_one("SELECT pg_walfile_name(pg_switch_wal())", &[])
        .await
        .unwrap();
    let segment: String = row.get(0);
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let row = client
            .query_one("SELECT last_archived_wal FROM pg_stat_archiver", &[])
            .await
            .unwrap();
        let done: Option<String> = row.get(0);
        if done
            .as_deref()
            .is_some_and(|done| done.len() == 24 && done >= segment.as_str())
        {
            return;
        }
        assert!(Instant::now() < deadline, "{segment} is not archived; last {done:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn step(name: &str, action: Action) -> Step {
    Step {
        name: name.into(),
        after: None,
        deadline: None,
        action,
    }
}

fn restore() -> Action {
    Action::Restore {
        into: "standby".into(),
        from: RestoreFrom::BaseAndWal,
        target: TargetRule::EndOfArchive,
        backup: BackupRule::Newest,
        aside: false,
    }
}

fn procedure(steps: Vec<Step>) -> Procedure {
    Procedure {
        deadline: "120 s".parse().unwrap(),
        steps,
    }
}

async fn life(client: &Client) -> Life {
    let row = client
        .query_one("SELECT system_identifier::text FROM pg_control_system()", &[])
        .await
        .unwrap();
    Life {
        system: row.get(0),
        timeline: 1,
        epoch: "0".into(),
    }
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_database_comes_back_through_the_whole_procedure() {
    let (home, s3) = (Home::new(), S3::start().await);
    let (program, config_file) = home.wal_program(&s3.config());
    let push = format!("{} wal-push --config {} %p", quoted(&program), quoted(&config_file));
    let settings = [
        ("archive_mode", "on"),
        ("archive_command", push.as_str()),
        ("wal_level", "replica"),
    ];
    let database = Arc::new(Host::new(&home, "database", &settings));
    database.create().await.unwrap();
    database.start().await.unwrap();
    let client = database.client().await;
    client.batch_execute(firedrill_app::schema_sql()).await.unwrap();
    let repository = Repository::open(&s3.config()).unwrap();
    let base = repository
        .base_backup(&database.database(), "first", &|_| {})
        .await
        .unwrap();
    let rows = "INSERT INTO chat (key, version, body) SELECT i, 1, 'kept' FROM generate_series(1, 500) i";
    client.batch_execute(rows).await.unwrap();
    archived(&client).await;
    let old = life(&client).await;
    let address = application(&home, &database.database()).await;

    let told = Told::new();
    let mut team = Team::new(told.clone() as Arc<dyn Observer>, told.clone() as Arc<dyn Incarnations>);
    let standby = Arc::new(Host::new(&home, "standby", &[]));
    team.give_service("database", Operated::Database(database.clone()));
    team.give_service("standby", Operated::Database(standby.clone()));
    team.give_application("app", Application::new("app", address, TOKEN.into(), tiers()));
    team.give_route("app", "standby", Route::Primary, standby.database());
    team.give_backups(Backups {
        component: "db".into(),
        repository,
        config_file,
        program,
        pg_restore: None,
    });
    team.give_life("database", "db", old.clone());
    let team = Arc::new(team);

    database.kill().await.unwrap();
    std::fs::remove_dir_all(database.data_directory()).unwrap();
    let steps = vec![
        step("hold", Action::Hold { tiers: vec![3, 2, 1] }),
        step(
            "fence",
            Action::Fence {
                service: "database".into(),
            },
        ),
        step("restore", restore()),
        step(
            "repoint",
            Action::Repoint {
                application: "app".into(),
                database: "standby".into(),
                route: Route::Primary,
            },
        ),
        step(
            "release",
            Action::Release {
                tiers: vec![0, 1, 2, 3],
            },
        ),
        step(
            "validate",
            Action::Validate {
                application: "app".into(),
            },
        ),
    ];
    let runbook = Runbook::new(&procedure(steps), &team).unwrap();
    let outcome = runbook.run(Arc::clone(&team), CancellationToken::new()).await;
    assert!(outcome.succeeded, "{:#?}", outcome.steps);
    println!("{:#?}", outcome.steps);

    let new = standby.client().await;
    let count: i64 = new
        .query_one("SELECT count(*) FROM chat WHERE body = 'kept'", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(count, 500, "what was archived is back");
    for service in tiers().into_values().flatten() {
        let left = format!("SELECT count(*) FROM {service} WHERE key < 0");
        let left: i64 = new.query_one(left.as_str(), &[]).await.unwrap().get(0);
        assert_eq!(left, 0, "journeys leave nothing in {service}");
    }

    let facts = told.all();
    let at = |what: &str, pick: &dyn Fn(&Event) -> bool| {
        facts
            .iter()
            .position(|(_, event)| pick(event))
            .unwrap_or_else(|| panic!("{what} was not told"))
    };
    let chosen = at("the target", &|event| matches!(event, Event::RecoveryTarget { .. }));
    let took_over = at("the takeover", &|event| matches!(event, Event::Takeover { .. }));
    let declared = at("the point", &|event| matches!(event, Event::RecoveryPoint { .. }));
    assert!(
        chosen < declared && facts[chosen].0.late < facts[took_over].0.early,
        "chosen before anything is restored"
    );
    let Event::RecoveryTarget { rule, inputs, .. } = &facts[chosen].1 else {
        unreachable!()
    };
    assert_eq!(
        (rule.as_str(), inputs["backup"].as_str()),
        ("end_of_archive", base.id.as_str())
    );
    let Event::Takeover {
        component,
        incarnation,
        in_place,
    } = &facts[took_over].1
    else {
        unreachable!()
    };
    assert_eq!((component.as_str(), *in_place), ("db", false));
    assert_eq!(
        told.name(*incarnation),
        format!("db {}/2/1", old.system),
        "a new timeline and a new epoch"
    );
    let Event::RecoveryPoint {
        source,
        point: Point::Lsn(lsn),
        ..
    } = &facts[declared].1
    else {
        panic!("{:?}", facts[declared].1)
    };
    assert_eq!(told.name(*source), format!("db {}", old.name()));
    assert!(
        *lsn > parse_lsn(base.stop_lsn.as_deref().unwrap()).unwrap(),
        "beyond the base backup"
    );
    let fenced = told.pick(|event| match event {
        Event::Fenced { incarnation } => Some(told.name(*incarnation)),
        _ => None,
    });
    assert_eq!(fenced, [format!("db {}", old.name())]);
    let tiers_of = |released: bool| {
        told.pick(|event| match event {
            Event::Held { tier } if !released => Some(*tier),
            Event::Released { tier } if released => Some(*tier),
            _ => None,
        })
    };
    assert_eq!((tiers_of(false), tiers_of(true)), (vec![3, 2, 1], vec![0, 1, 2, 3]));
    assert!(
        told.pick(|event| matches!(event, Event::Repair { .. }).then_some(()))
            .is_empty(),
        "a new life is no repair"
    );
    assert!(
        !facts.iter().any(|(_, event)| format!("{event:?}").contains(TOKEN)),
        "no secret is told"
    );

    // The standby serves now: a second restore must not touch it.
    let again = Runbook::new(&procedure(vec![step("again", restore())]), &team).unwrap();
    let outcome = again.run(Arc::clone(&team), CancellationToken::new()).await;
    assert_eq!(outcome.steps[0].edge, StepEdge::Failed);
    assert!(
        outcome.steps[0].detail.contains("is not down"),
        "{}",
        outcome.steps[0].detail
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_procedure_is_refused_whole_before_its_first_step() {
    let told = Told::new();
    let team = Team::new(told.clone() as Arc<dyn Observer>, told.clone() as Arc<dyn Incarnations>);
    let steps = vec![
        step(
            "fence",
            Action::Fence {
                service: "nothing".into(),
            },
        ),
        step("restore", restore()),
        step(
            "mode",
            Action::Mode {
                application: "app".into(),
                mode: "asleep".into(),
            },
        ),
    ];
    let error = Runbook::new(&procedure(steps), &team).unwrap_err().to_string();
    for wanted in [
        "step `fence`: found service `nothing`, expected one of: none",
        "step `restore`: there is no backup repository",
        "step `mode`: found mode `asleep`, expected one of: normal, read_only, maintenance",
    ] {
        assert!(error.contains(wanted), "{error}");
    }
    assert_eq!(told.all(), [], "nothing was begun");
}
