//! Load through HTTP against a server that delays, drops connections in mid-answer and answers too late.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use firedrill_core::event::Role;
use firedrill_core::ledger::{NO_INCARNATION, OperationKind, OperationOutcome, UNSTATED, flag};
use firedrill_load::{
    Answer, ClassSpec, Client, HttpClient, Mix, PreloadRows, Session, Workload, WorkloadSpec, Write, first_key,
    preload_through,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::ledger::{Ledger, class};

const DEADLINE: Duration = Duration::from_millis(400);
const AMPLE: Duration = Duration::from_secs(30);

/// What the server does with a request for a key.
#[derive(Clone, Copy, Debug)]
enum Conduct {
    /// Status, body.
    Answer(u16, &'static str),
    /// Half of an answer, then the end.
    Halved,
    /// Reads the request and closes.
    Silent,
    /// Answers after the client gave up, with what would have been an acknowledgement.
    Late,
    /// Applies a key's first write and says that it does not know; acknowledges it when it comes again.
    SecondTime,
}

struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
    applied: Arc<Mutex<HashMap<u64, u32>>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Rule = fn(u64) -> Option<Conduct>;

async fn serve(rule: Rule) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let applied = Arc::new(Mutex::new(HashMap::new()));
    let state = applied.clone();
    let task = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(attend(stream, rule, state.clone()));
        }
    });
    Server { address, task, applied }
}

/// Serves one connection; keeps the newest version of each key that it was sent, answered or not.
async fn attend(mut stream: TcpStream, rule: Rule, applied: Arc<Mutex<HashMap<u64, u32>>>) -> Option<()> {
    let mut buffer = Vec::new();
    loop {
        let (head, length) = loop {
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8(buffer[..end].to_vec()).unwrap().to_lowercase();
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
                break (head, end + 4 + length.unwrap_or(0usize));
            }
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        };
        while buffer.len() < length {
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        }
        let request: Vec<u8> = buffer.drain(..length).collect();
        let text = String::from_utf8(request).unwrap();
        let path = head.split_whitespace().nth(1).unwrap().to_owned();
        let key: u64 = path.split(['/', '?']).nth(3).unwrap().parse().unwrap();
        let after = |mark: &str| {
            text.split_once(mark).map(|(_, rest)| {
                rest.split(|c: char| !c.is_ascii_digit())
                    .next()
                    .unwrap()
                    .parse()
                    .unwrap()
            })
        };
        let version: u32 = after("\"version\":").or_else(|| after("version=")).unwrap_or(0);
        let (replaced, stored) = {
            let mut applied = applied.lock().unwrap();
            let replaced = applied.get(&key).copied();
            if version > 0 {
                applied.insert(key, version);
            }
            (replaced, applied.get(&key).copied().unwrap_or(0))
        };
        let again = replaced.is_some();
        let replaced = replaced.map_or("null".into(), |version| version.to_string());
        let read = head.starts_with("get");
        let more = if read {
            format!(
                "\"version\":{stored},\"body\":{:?}",
                firedrill_load::body(1, "chat", key, stored)
            )
        } else {
            format!("\"version\":{version},\"replaced\":{replaced}")
        };
        let good =
            format!("{{\"key\":{key},{more},\"incarnation\":\"1/1/0\",\"mode\":\"normal\",\"via\":\"database\"}}");
        let whole =
            |status: u16, body: &str| format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        match rule(key) {
            None => stream.write_all(whole(200, &good).as_bytes()).await.ok()?,
            Some(Conduct::Answer(status, body)) => stream.write_all(whole(status, body).as_bytes()).await.ok()?,
            Some(Conduct::Halved) => {
                let answer = whole(200, &good);
                stream.write_all(&answer.as_bytes()[..answer.len() - 20]).await.ok()?;
                return None;
            }
            Some(Conduct::Silent) => return None,
            Some(Conduct::SecondTime) => {
                let unknown = r#"{"error":"slow","kind":"database_timeout","applied":"unknown","mode":"normal"}"#;
                let answer = if again { whole(200, &good) } else { whole(504, unknown) };
                stream.write_all(answer.as_bytes()).await.ok()?;
            }
            Some(Conduct::Late) => {
                tokio::time::sleep(DEADLINE * 3).await;
                stream.write_all(whole(200, &good).as_bytes()).await.ok()?;
            }
        }
    }
}

async fn put(session: &mut dyn Session, key: u64, deadline: Duration) -> Answer {
    let write = Write {
        service: "chat",
        key,
        version: 1,
        kind: OperationKind::Insert,
        body: "text",
    };
    session.write(&write, deadline).await
}

#[tokio::test]
async fn only_what_is_proved_is_refused() {
    use OperationOutcome::{Acked, Indeterminate, Refused};
    let server = serve(|key| match key {
        1 => Some(Conduct::Halved),
        2 => Some(Conduct::Silent),
        3 => Some(Conduct::Answer(
            503,
            r#"{"error":"x","kind":"held","applied":"no","mode":"maintenance"}"#,
        )),
        4 => Some(Conduct::Answer(
            503,
            r#"{"error":"x","kind":"database_lost","applied":"unknown","mode":"normal"}"#,
        )),
        5 => Some(Conduct::Answer(503, "")),
        6 => Some(Conduct::Answer(502, "<html>applied: no</html>")),
        7 => Some(Conduct::Answer(
            200,
            r#"{"key":7,"version":2,"replaced":null,"incarnation":"1/1/0","mode":"normal","via":"database"}"#,
        )),
        8 => Some(Conduct::Answer(200, r#"{"applied":"no"}"#)),
        9 => Some(Conduct::Answer(
            409,
            r#"{"error":"x","kind":"conflict","applied":"no","stored":4,"incarnation":"1/1/0","mode":"normal"}"#,
        )),
        10 => Some(Conduct::Answer(
            200,
            r#"{"key":10,"version":1,"replaced":null,"incarnation":"queue/a/0","mode":"normal","via":"queue"}"#,
        )),
        11 => Some(Conduct::Answer(
            200,
            r#"{"key":11,"version":1,"replaced":null,"incarnation":"1/1/0","mode":"degraded","via":"database"}"#,
        )),
        12 => Some(Conduct::Answer(
            200,
            r#"{"key":12,"version":1,"incarnation":"1/1/0","mode":"normal","via":"database"}"#,
        )),
        13 => Some(Conduct::Answer(
            404,
            r#"{"error":"x","kind":"absent","applied":"no","incarnation":"1/1/0","mode":"normal"}"#,
        )),
        _ => None,
    })
    .await;
    let client = HttpClient::new(server.address);
    let mut session = client.session();
    for (key, outcome, replaced, flags) in [
        (1, Indeterminate, UNSTATED, 0),
        (2, Indeterminate, UNSTATED, 0),
        (3, Refused, UNSTATED, flag::DEGRADED),
        (4, Indeterminate, UNSTATED, 0),
        (5, Indeterminate, UNSTATED, 0),
        (6, Indeterminate, UNSTATED, 0),
        (7, Indeterminate, UNSTATED, 0),
        (8, Indeterminate, UNSTATED, 0),
        (9, Refused, UNSTATED, 0),
        (10, Acked, UNSTATED, flag::QUEUED),
        (11, Acked, 0, flag::DEGRADED),
        (12, Acked, UNSTATED, 0),
        (20, Acked, 0, 0),
    ] {
        let answer = put(session.as_mut(), key, AMPLE).await;
        assert_eq!(
            (answer.outcome, answer.replaced, answer.flags),
            (outcome, replaced, flags),
            "key {key}: {answer:?}"
        );
    }
    let absent = session.read("chat", 13, AMPLE).await;
    assert_eq!((absent.outcome, absent.version), (Acked, 0));
    let found = session.read("chat", 20, AMPLE).await;
    assert_eq!((found.outcome, found.version), (Acked, 1));
    assert_eq!(found.incarnation.as_deref(), Some("1/1/0"));
}

#[tokio::test]
async fn an_answer_after_the_deadline_is_nobodys() {
    let server = serve(|key| (key == 1).then_some(Conduct::Late)).await;
    let client = HttpClient::new(server.address);
    let mut session = client.session();
    let late = put(session.as_mut(), 1, DEADLINE).await;
    assert_eq!(
        (late.outcome, late.flags),
        (OperationOutcome::Indeterminate, flag::GAVE_UP)
    );
    // The next request must not be given the late answer.
    let next = put(session.as_mut(), 2, AMPLE).await;
    assert_eq!((next.outcome, next.replaced), (OperationOutcome::Acked, 0));
}

#[tokio::test]
async fn nobody_there_is_a_proof() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut session = HttpClient::new(address).session();
    let answer = put(session.as_mut(), 1, AMPLE).await;
    assert_eq!(
        answer,
        Answer::bare(OperationOutcome::Refused, 0).because("no connection")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_server_is_accounted_for_to_the_last_operation() {
    let server = serve(|key| match key % 10 {
        1 => Some(Conduct::Halved),
        2 => Some(Conduct::Silent),
        3 => Some(Conduct::Late),
        4 => Some(Conduct::Answer(
            503,
            r#"{"error":"x","kind":"overloaded","applied":"no","mode":"normal"}"#,
        )),
        _ => None,
    })
    .await;
    let ledger = Arc::new(Ledger::default());
    let classes = [("chat", 2, 0), ("emergency", 0, 1)].map(|(service, tier, id)| ClassSpec {
        class: class(id, service, Role::Workload, Some(tier)),
        per_second: 200,
        mix: if id == 0 { Mix::of(service) } else { Mix::inserts() },
        first_key: first_key::WORKLOAD,
        preloaded: 0..0,
    });
    let spec = WorkloadSpec::new(classes.into(), 1, 4, DEADLINE);
    let client: Arc<dyn Client> = Arc::new(HttpClient::new(server.address));
    let load = Workload::start(spec, client, ledger.clone()).unwrap();
    for outcome in [
        OperationOutcome::Acked,
        OperationOutcome::Refused,
        OperationOutcome::Indeterminate,
        OperationOutcome::NotSent,
    ] {
        let mut looks = 0;
        while ledger.count(outcome) < 20 {
            looks += 1;
            assert!(looks < 3000, "{outcome:?} is not seen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let totals = load.stop().await.unwrap();
    ledger.agrees_with(&totals);
    let applied = server.applied.lock().unwrap();
    for operation in ledger.take() {
        match operation.outcome {
            OperationOutcome::NotSent => {
                assert_eq!((operation.attempts, operation.incarnation), (0, NO_INCARNATION));
                assert!(operation.sent == operation.scheduled && operation.done == operation.sent);
            }
            OperationOutcome::Acked if operation.kind != OperationKind::Read => {
                assert!(
                    applied
                        .get(&operation.key)
                        .is_some_and(|version| *version >= operation.version)
                );
            }
            _ => assert_eq!(operation.attempts, 1),
        }
    }
}

/// A preload that fails ends a drill: what the service said goes into the error, since nobody logs it elsewhere.
#[tokio::test]
async fn a_preload_that_fails_tells_the_first_reason_and_its_deadline() {
    let refusing = serve(|_| {
        Some(Conduct::Answer(
            503,
            r#"{"error":"the store is away","kind":"store_unreachable","applied":"no","mode":"normal"}"#,
        ))
    })
    .await;
    let silent = serve(|_| Some(Conduct::Late)).await;
    for (server, why) in [(&refusing, "the store is away"), (&silent, "no answer in time")] {
        let rows = PreloadRows {
            class: class(0, "chat", Role::Preload, None),
            rows: 3,
        };
        let client: Arc<dyn Client> = Arc::new(HttpClient::new(server.address));
        let ended = preload_through(client, &rows, 1, DEADLINE, Arc::new(Ledger::default())).await;
        let told = ended.expect_err("nothing was acknowledged").to_string();
        assert!(told.contains("found 3 or more of 3") && told.contains(why), "{told}");
        assert!(told.contains("each within 0.4 s"), "{told}");
    }
}

/// A database that is slow for a moment while rows are loaded once ended drills before they began.
#[tokio::test]
async fn a_row_that_is_not_acknowledged_at_once_is_sent_again() {
    let slow = serve(|_| Some(Conduct::SecondTime)).await;
    let rows = PreloadRows {
        class: class(0, "chat", Role::Preload, None),
        rows: 20,
    };
    let client: Arc<dyn Client> = Arc::new(HttpClient::new(slow.address));
    let ledger = Arc::new(Ledger::default());
    let report = preload_through(client, &rows, 1, AMPLE, ledger.clone()).await.unwrap();
    assert_eq!(report.rows, 20);
    let operations = ledger.take();
    assert_eq!(operations.len(), 20, "one operation a row, however often it was sent");
    for operation in &operations {
        assert_eq!((operation.outcome, operation.attempts), (OperationOutcome::Acked, 2));
    }
}
