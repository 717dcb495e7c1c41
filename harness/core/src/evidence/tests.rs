use super::*;
use crate::event::{Class, Edge, Phase, Role};
use crate::history::Writer;
use crate::ledger::{Content, FoundRow, Operation, OperationKind, OperationOutcome};
use crate::operations::BlockWriter;
use crate::stamp::Stamp;
use crate::terms::{DetectorTerm, Terms};

mod page;
mod sealing;

type Files = BTreeMap<String, Vec<u8>>;

fn inputs() -> RunInputs {
    RunInputs {
        schema: RUN_SCHEMA,
        run: "small".into(),
        started: "2026-01-01T00:00:00Z".into(),
        plan: InputDocument::of("p", "plan: p\n"),
        scenario: InputDocument::of("p/s", "scenario: s\n"),
        plan_text: "plan: p\n".into(),
        scenario_text: "scenario: s\n".into(),
        settings: BTreeMap::new(),
        terms: Terms {
            plan: "p".into(),
            scenario: "p/s".into(),
            disaster: "d".into(),
            rto: None,
            components: BTreeMap::new(),
            tiers: Vec::new(),
            order: false,
            detector: DetectorTerm::None,
            automated: true,
            calendar_scale: 1,
            stability: 1,
            settle: 1,
            procedure_deadline: 1,
            run_limit: 1,
            required_checks: Vec::new(),
            at_drill_size: true,
            criteria: Vec::new(),
            latent: false,
            about_plan: Vec::new(),
            tool: None,
            availability_ppm: None,
            assumptions: Vec::new(),
            stand_ins: Vec::new(),
            not_covered: Vec::new(),
            damage: None,
            own_fault: false,
            unexpected_alerts: Vec::new(),
            left_out: Vec::new(),
            altered: Vec::new(),
            summary: String::new(),
            twin: None,
            denser: Vec::new(),
        },
        seed: u64::MAX,
        environment: "local".into(),
        versions: BTreeMap::from([("firedrill".into(), "0".into())]),
    }
}

fn facts() -> Vec<(Stamp, Event)> {
    let class = Class {
        id: 0,
        service: "a".into(),
        component: "c".into(),
        tier: None,
        space: 0,
        role: Role::Workload,
    };
    vec![
        (Stamp::at(2), Event::Class(class)),
        (
            Stamp::at(3),
            Event::Incarnation {
                id: 0,
                component: "c".into(),
                name: "1/1/0".into(),
            },
        ),
        (
            Stamp::at(4),
            Event::Phase {
                phase: Phase::Steady,
                edge: Edge::Begun,
            },
        ),
    ]
}

fn ledger() -> (Vec<u8>, Ledger) {
    let operation = Operation {
        scheduled: 5,
        sent: 6,
        done: 7,
        key: 1,
        version: 1,
        replaced: 0,
        incarnation: 0,
        class: 0,
        kind: OperationKind::Insert,
        outcome: OperationOutcome::Acked,
        flags: 0,
        attempts: 1,
    };
    let row = FoundRow {
        key: 1,
        version: 1,
        space: 0,
        incarnation: 0,
        content: Content::Genuine,
    };
    let mut writer = BlockWriter::new();
    let mut bytes = writer.push_operation(&operation);
    bytes.extend(writer.push_found(&row));
    bytes.extend(writer.flush());
    (
        bytes,
        Ledger {
            operations: vec![operation],
            found: vec![row],
        },
    )
}

/// A run without its manifest.
fn unlisted() -> Files {
    let run = inputs().to_bytes();
    let (operations, ledger) = ledger();
    let log = b"started\n".to_vec();
    let digests = BTreeMap::from([
        ("operations".to_owned(), digest::sha256(&operations)),
        ("logs/a.log".to_owned(), digest::sha256(&log)),
    ]);
    let mut writer = Writer::new();
    let mut events = writer.line(
        Stamp::at(1),
        Writer::opening(&digest::sha256(&run), "firedrill 0", false),
    );
    for (stamp, event) in facts() {
        events += &writer.line(stamp, event);
    }
    events += &writer.close(Stamp::at(9), ledger.outcomes(), 1, digests, None);
    BTreeMap::from([
        ("run.json".to_owned(), run),
        ("events.jsonl".to_owned(), events.into_bytes()),
        ("operations".to_owned(), operations),
        ("logs/a.log".to_owned(), log),
    ])
}

/// A whole run, with a stored verdict and a rendering that the manifest alone covers.
fn small() -> Files {
    let mut files = unlisted();
    files.insert("verdict.json".into(), b"{}\n".to_vec());
    files.insert("report.html".into(), b"<p>\n".to_vec());
    let manifest = Manifest::of(&files).unwrap();
    files.insert("manifest.json".into(), manifest.to_bytes());
    files
}

fn without(path: &str) -> Files {
    let mut files = small();
    files.remove(path);
    files
}

fn refused(files: &Files) -> String {
    match Evidence::check(files) {
        Err(error @ EvidenceError::Altered(_)) => {
            assert_eq!(error.exit_code(), 2);
            error.misfit().unwrap().to_string()
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn what_was_written_is_read() {
    let evidence = Evidence::check(&small()).unwrap();
    assert_eq!(evidence.inputs, inputs());
    assert_eq!(evidence.ledger, ledger().1);
    assert_eq!(evidence.history.records.len(), 5);
    assert_eq!(evidence.digests.len(), 6);
    assert!(!evidence.is_open() && !evidence.history.sealed());
}

#[test]
fn a_run_is_judged_before_it_has_a_manifest_but_never_accepted_without() {
    let evidence = Evidence::check_unlisted(&unlisted()).unwrap();
    assert!(!evidence.is_open());
    assert!(refused(&unlisted()).starts_with("manifest.json: found no such file"));
    assert!(Evidence::check_unlisted(&small()).is_err());
}

#[test]
fn any_one_byte_change_is_refused() {
    let whole = small();
    for (path, content) in &whole {
        let refuse = |changed: Vec<u8>, what: &str| {
            let mut files = whole.clone();
            files.insert(path.clone(), changed);
            match Evidence::check(&files) {
                Err(EvidenceError::Altered(_)) => {}
                other => panic!("{path}: {what}: {other:?}"),
            }
        };
        for at in 0..content.len() {
            // Single bits, the other case, a space, and every bit: what editors, disks and forgers do.
            for flip in [
                0x01,
                0x02,
                0x08,
                0x20,
                0x80,
                0xff,
                content[at] ^ b' ',
                content[at] ^ b'\n',
            ] {
                if flip != 0 {
                    let mut changed = content.clone();
                    changed[at] ^= flip;
                    refuse(changed, &format!("byte {at} changed by {flip:#04x}"));
                }
            }
            let mut deleted = content.clone();
            deleted.remove(at);
            refuse(deleted, &format!("byte {at} deleted"));
        }
        for at in 0..=content.len() {
            for byte in [b' ', b'\n', b'0'] {
                let mut inserted = content.clone();
                inserted.insert(at, byte);
                refuse(inserted, &format!("{byte:#04x} inserted at {at}"));
            }
        }
    }
}

#[test]
fn the_first_thing_that_does_not_fit_is_named() {
    let alter = |path: &str, from: &str, to: &str| {
        let mut files = small();
        let text = String::from_utf8_lossy(&files[path]).replacen(from, to, 1);
        files.insert(path.into(), text.into_bytes());
        refused(&files)
    };
    assert!(alter("events.jsonl", "\"steady\"", "\"detect\"").starts_with("events.jsonl, line 5: found prev"));
    assert!(alter("run.json", "\"local\"", "\"lokal\"").starts_with("run.json: found SHA-256"));
    assert!(alter("logs/a.log", "s", "S").starts_with("logs/a.log: found SHA-256"));
    assert!(alter("logs/a.log", "s", "S").ends_with("as the closing event in events.jsonl says"));
    assert!(alter("report.html", "p", "b").ends_with("as manifest.json lists it"));
    assert!(alter("verdict.json", "{}", "[]").starts_with("verdict.json: found SHA-256"));
    assert!(alter("manifest.json", "report.html", "report.htm").starts_with("report.htm: found no such file"));
    let closing = "\"interrupted\":null";
    assert!(alter("events.jsonl", closing, "\"interrupted\":\"me\"").starts_with("events.jsonl: found SHA-256"));
}

#[test]
fn no_file_may_go_or_come() {
    for path in small().keys() {
        assert!(refused(&without(path)).starts_with(path), "{path} removed");
    }
    let mut files = small();
    files.insert("logs/.b".into(), Vec::new());
    assert!(refused(&files).starts_with("logs/.b: found a file, expected none"));
}

#[test]
fn a_truncated_file_is_never_accepted_as_closed() {
    let whole = small();
    for (path, content) in &whole {
        for end in 0..content.len() {
            let mut files = whole.clone();
            files.insert(path.clone(), content[..end].to_vec());
            refused(&files);
            // As a crash leaves it: no manifest was written yet.
            files.remove("manifest.json");
            match Evidence::check_unlisted(&files) {
                Ok(evidence) => {
                    let after = ["verdict.json", "report.html", "manifest.json"].contains(&path.as_str());
                    assert!(evidence.is_open() || after, "{path} cut after {end} bytes");
                }
                Err(error) => {
                    let open = matches!(error, EvidenceError::Open(_));
                    assert!(!open || path == "events.jsonl", "{path} cut after {end} bytes: {error}");
                }
            }
        }
    }
}

#[test]
fn a_run_cut_short_is_open_not_altered() {
    let mut files = unlisted();
    let events = String::from_utf8(files["events.jsonl"].clone()).unwrap();
    let cut = events.rfind("\"closed\"").unwrap();
    files.insert("events.jsonl".into(), events.as_bytes()[..cut].to_vec());
    let operations = files["operations"].len();
    files.get_mut("operations").unwrap().truncate(operations - 5);
    let evidence = Evidence::check(&files).unwrap();
    assert!(evidence.is_open());
    assert_eq!(evidence.history.cut.unwrap().place, "line 5");
    assert_eq!(evidence.ledger_cut.unwrap().place, "block 2");
    assert_eq!((evidence.ledger.operations.len(), evidence.ledger.found.len()), (1, 0));

    // The same with an altered input is refused all the same.
    files.get_mut("run.json").unwrap()[20] ^= 1;
    assert!(refused(&files).starts_with("run.json"));

    // Killed before the first event.
    let bare = BTreeMap::from([("run.json".to_owned(), inputs().to_bytes())]);
    let error = Evidence::check(&bare).unwrap_err();
    assert_eq!((error.exit_code(), error.misfit()), (3, None));
}

#[test]
fn the_ledger_names_only_what_events_declare() {
    for (tag, said) in [
        ("class", "operation 1: found class 0"),
        ("incarnation", "operation 1: found incarnation 0"),
    ] {
        let run = inputs().to_bytes();
        let (operations, ledger) = ledger();
        let mut writer = Writer::new();
        let mut events = writer.line(
            Stamp::at(1),
            Writer::opening(&digest::sha256(&run), "firedrill 0", false),
        );
        for (stamp, event) in facts() {
            let skip = matches!(
                (&event, tag),
                (Event::Class(_), "class") | (Event::Incarnation { .. }, "incarnation")
            );
            if !skip {
                events += &writer.line(stamp, event);
            }
        }
        let digests = BTreeMap::from([("operations".to_owned(), digest::sha256(&operations))]);
        // Without a count of the outcomes that never came: they count as none.
        events += &writer.close(Stamp::at(9), BTreeMap::from([("acked".into(), 1)]), 1, digests, None);
        assert_eq!(ledger.operations.len(), 1);
        let mut files = BTreeMap::from([
            ("run.json".to_owned(), run),
            ("events.jsonl".to_owned(), events.into_bytes()),
            ("operations".to_owned(), operations),
        ]);
        files.insert("manifest.json".into(), Manifest::of(&files).unwrap().to_bytes());
        assert!(refused(&files).contains(said), "{}", refused(&files));
    }
}

#[test]
fn the_closing_event_must_count_and_cover_the_ledger() {
    let with = |counts: &[(&str, u64)], found: u64, covered: bool| {
        let mut files = unlisted();
        let mut writer = Writer::new();
        let run = digest::sha256(&files["run.json"]);
        let mut events = writer.line(Stamp::at(1), Writer::opening(&run, "firedrill 0", false));
        for (stamp, event) in facts() {
            events += &writer.line(stamp, event);
        }
        let counts = counts
            .iter()
            .map(|(outcome, count)| ((*outcome).to_owned(), *count))
            .collect();
        let path = if covered { "operations" } else { "logs/a.log" };
        let digests = BTreeMap::from([(path.to_owned(), digest::sha256(&files[path]))]);
        events += &writer.close(Stamp::at(9), counts, found, digests, None);
        files.insert("events.jsonl".into(), events.into_bytes());
        files.insert("manifest.json".into(), Manifest::of(&files).unwrap().to_bytes());
        files
    };
    Evidence::check(&with(&[("acked", 1)], 1, true)).unwrap();
    assert!(refused(&with(&[("acked", 2)], 1, true)).contains("found 1 operations acked, expected 2"));
    assert!(refused(&with(&[], 1, true)).contains("found 1 operations acked, expected 0"));
    assert!(refused(&with(&[("acked", u64::MAX), ("refused", 1)], 1, true)).contains("operations acked"));
    assert!(refused(&with(&[("acked", 1), ("lost", 0)], 1, true)).contains("found a count of `lost` operations"));
    assert!(refused(&with(&[("acked", 1)], 2, true)).contains("found 1 found rows, expected 2"));
    assert!(refused(&with(&[("acked", 1)], 1, false)).contains("expected one of `operations`"));
}
