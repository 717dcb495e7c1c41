use proptest::prelude::*;

use super::*;
use crate::event::{CheckOutcome, Coverage, DelayKind, Edge, FaultEdge, Phase, Point};

fn note(text: &str) -> Event {
    Event::Note { text: text.to_owned() }
}

fn small() -> String {
    let mut writer = Writer::new();
    let mut text = writer.line(Stamp::at(10), Writer::opening(ZERO, "test 1", false));
    text += &writer.line(
        Stamp::at(20),
        Event::Phase {
            phase: Phase::Prepare,
            edge: Edge::Begun,
        },
    );
    text += &writer.line(Stamp { early: 40, late: 30 }, Event::Stall {});
    text += &writer.line(Stamp::at(50), note("a \"quoted\"\nnote\u{1f}\u{7f}\u{e4}"));
    text += &writer.close(Stamp::at(60), BTreeMap::new(), 0, BTreeMap::new(), None);
    text
}

fn refused(text: &str) -> String {
    match History::parse(text.as_bytes()) {
        Err(EvidenceError::Altered(misfit)) => misfit.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn the_lines_are_as_documented() {
    let text = small();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        format!(
            "{{\"seq\":0,\"prev\":\"{ZERO}\",\"stamp\":[10,10],\"event\":{{\"opened\":{{\"schema\":1,\"definitions\":1,\
             \"run\":\"{ZERO}\",\"program\":\"test 1\",\"sealed\":false}}}}}}"
        )
    );
    let prev = sha256(lines[0].as_bytes());
    assert_eq!(
        lines[1],
        format!(
            "{{\"seq\":1,\"prev\":\"{prev}\",\"stamp\":[20,20],\"event\":{{\"phase\":{{\"phase\":\"prepare\",\"edge\":\"begun\"}}}}}}"
        )
    );
    assert!(
        lines[2].contains("\"stamp\":[30,40],\"event\":{\"stall\":{}}"),
        "edges in order: {}",
        lines[2]
    );
    assert!(
        lines[3].contains("a \\\"quoted\\\"\\nnote\\u001f\u{7f}\u{e4}"),
        "{}",
        lines[3]
    );
    assert!(
        lines[4].contains("\"events\":{\"note\":1,\"opened\":1,\"phase\":1,\"stall\":1}"),
        "{}",
        lines[4]
    );
}

#[test]
fn what_was_written_is_read() {
    let history = History::parse(small().as_bytes()).unwrap();
    assert_eq!(history.records.len(), 5);
    assert_eq!(history.records[2].stamp, Stamp { early: 30, late: 40 });
    assert_eq!(history.closed.as_ref().map(|closing| closing.events["note"]), Some(1));
    assert_eq!((&history.cut, history.run_digest().len()), (&None, 64));
}

#[test]
fn a_cut_history_is_open_and_never_closed() {
    let text = small();
    for end in 0..text.len() {
        let whole_lines = text.as_bytes()[..end].iter().filter(|byte| **byte == b'\n').count();
        match History::parse(&text.as_bytes()[..end]) {
            Ok(history) => {
                assert_eq!(history.closed, None, "cut after {end} bytes");
                assert_eq!(history.records.len(), whole_lines);
                assert_eq!(
                    history.cut.is_none(),
                    text.as_bytes()[end - 1] == b'\n',
                    "cut after {end} bytes"
                );
            }
            Err(EvidenceError::Open(_)) => assert_eq!(whole_lines, 0, "cut after {end} bytes"),
            Err(other) => panic!("cut after {end} bytes: {other}"),
        }
    }
}

#[test]
fn dropped_swapped_and_doubled_lines_are_refused() {
    let text = small();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for index in 0..lines.len() {
        // A history without its last line is one that was cut there.
        if index + 1 < lines.len() {
            let mut dropped = lines.clone();
            dropped.remove(index);
            assert!(refused(&dropped.concat()).starts_with(&format!("events.jsonl, line {}", index + 1)));
            let mut swapped = lines.clone();
            swapped.swap(index, index + 1);
            assert!(refused(&swapped.concat()).starts_with(&format!("events.jsonl, line {}", index + 1)));
        }
        let mut doubled = lines.clone();
        doubled.insert(index, lines[index]);
        assert!(refused(&doubled.concat()).starts_with(&format!("events.jsonl, line {}", index + 2)));
    }
}

#[test]
fn a_changed_fact_is_named_where_the_chain_breaks() {
    let text = small().replace("\"prepare\"", "\"recover\"");
    let said = refused(&text);
    assert!(said.starts_with("events.jsonl, line 3: found prev "), "{said}");
    assert!(said.contains("the SHA-256 of line 2 as it stands"), "{said}");
}

#[test]
fn another_spelling_of_the_same_fact_is_refused() {
    let said = refused(&small().replacen("\"stamp\":[10,10]", "\"stamp\": [10,10]", 1));
    assert!(said.starts_with("events.jsonl, line 1, column 92"), "{said}");
    for (from, to) in [
        ("[30,40]", "[40,30]"),
        ("{\"seq\":2,", "{"),
        ("\"stall\":{}", "\"stall\":{\"x\":1}"),
        ("[20,20]", "[20,20.0]"),
    ] {
        let said = refused(&small().replacen(from, to, 1));
        assert!(said.contains("found"), "{said}");
    }
}

#[test]
fn unknown_versions_and_false_counts_are_refused() {
    assert!(refused(&small().replacen("\"schema\":1", "\"schema\":2", 1)).contains("found schema 2"));
    assert!(refused(&small().replacen("\"definitions\":1", "\"definitions\":7", 1)).contains("found definitions 7"));
    let said = refused(&small().replacen("\"note\":1", "\"note\":2", 1));
    assert!(said.contains("line 5: found 2 of `note` records, expected 1"), "{said}");
    let said = refused(&small().replacen("\"note\":1,", "", 1));
    assert!(said.contains("found no count of `note` records"), "{said}");
}

#[test]
#[should_panic(expected = "opens with `opened`")]
fn a_history_opens_with_opened() {
    let _ = Writer::new().line(Stamp::at(0), Event::Stall {});
}

fn event() -> impl Strategy<Value = Event> {
    let map = prop::collection::btree_map(".{0,8}", ".{0,8}", 0..4);
    prop_oneof![
        ".{0,40}".prop_map(|text| Event::Note { text }),
        (any::<i64>(), ".{0,9}").prop_map(|(plan, what)| Event::Credit { plan, what }),
        (any::<i64>(), any::<u32>(), any::<i64>()).prop_map(|(from, count, gap_max)| Event::Beats {
            from,
            count,
            gap_max
        }),
        (".{0,9}", any::<bool>(), map).prop_map(|(name, strikes, detail)| Event::Fault {
            name,
            strikes,
            edge: FaultEdge::Proved,
            detail
        }),
        (
            any::<u16>(),
            any::<u64>(),
            prop::option::of((any::<i64>(), any::<i64>()))
        )
            .prop_map(|(source, lsn, time)| {
                let point = time.map_or(Point::Lsn(lsn), |(one, other)| Point::Time(Stamp::new(one, other)));
                Event::RecoveryPoint {
                    component: "database".into(),
                    source,
                    point,
                }
            }),
        any::<i64>().prop_map(|drill| Event::Delay {
            kind: DelayKind::Push,
            drill
        }),
        (any::<u64>(), any::<u64>()).prop_map(|(rows, bytes)| Event::Check {
            name: "amcheck".into(),
            component: "database".into(),
            outcome: CheckOutcome::NotRun,
            coverage: Coverage {
                relations: 0,
                rows,
                bytes
            },
            detail: String::new(),
        }),
        prop::option::of(any::<bool>()).prop_map(|succeeded| Event::Procedure {
            edge: Edge::Ended,
            succeeded
        }),
    ]
}

proptest! {
    #[test]
    fn any_history_reads_back(events in prop::collection::vec(((any::<i64>(), any::<i64>()), event()), 0..20)) {
        let facts: Vec<(Stamp, Event)> = events.into_iter().map(|(stamp, event)| (stamp.into(), event)).collect();
        let history = History::of(facts.clone());
        let read: Vec<(Stamp, Event)> =
            history.records[1..=facts.len()].iter().map(|record| (record.stamp, record.event.clone())).collect();
        prop_assert_eq!(read, facts);
        prop_assert!(history.closed.is_some());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = History::parse(&bytes);
    }
}
