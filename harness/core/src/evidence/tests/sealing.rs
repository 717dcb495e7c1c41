use super::*;

/// The same run as another program writes it: facts only, in its own layout.
fn foreign() -> Files {
    let lines: Vec<String> = facts()
        .iter()
        .map(|(stamp, event)| serde_json::json!({ "event": event, "stamp": stamp }).to_string() + "\n")
        .collect();
    BTreeMap::from([
        ("run.json".to_owned(), serde_json::to_vec_pretty(&inputs()).unwrap()),
        ("events.jsonl".to_owned(), lines.concat().into_bytes()),
        ("operations".to_owned(), ledger().0),
        ("logs/x".to_owned(), b"x".to_vec()),
    ])
}

#[test]
fn what_another_program_wrote_is_sealed_and_says_so() {
    let mut files = foreign();
    let sealed = seal(&files, "other 1.0").unwrap();
    assert_eq!(
        sealed.keys().collect::<Vec<_>>(),
        ["events.jsonl", "manifest.json", "run.json"]
    );
    files.extend(sealed);
    let evidence = Evidence::check(&files).unwrap();
    assert!(evidence.history.sealed() && !evidence.is_open());
    assert_eq!(evidence.ledger, ledger().1);
    assert!(evidence.history.closed.unwrap().digests.contains_key("logs/x"));
    let again = seal(&files, "other 1.0").unwrap_err();
    assert!(again.to_string().contains("the run is sealed already"), "{again}");
}

#[test]
fn a_closed_run_that_lost_its_manifest_can_be_sealed_and_an_open_one_cannot() {
    let mut files = unlisted();
    files.extend(seal(&files, "x").unwrap());
    let evidence = Evidence::check(&files).unwrap();
    assert!(evidence.history.sealed());
    assert!(matches!(&evidence.history.records[0].event, Event::Opened { program, .. } if program == "firedrill 0"));

    let whole = unlisted();
    let events = &whole["events.jsonl"];
    let closing = events[..events.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap()
        + 1;
    for end in [closing - 3, closing, closing + 20, events.len() - 1] {
        let mut open = whole.clone();
        open.insert("events.jsonl".into(), events[..end].to_vec());
        let error = seal(&open, "x").unwrap_err();
        assert!(matches!(error, EvidenceError::Open(_)), "{error}");
    }
    let mut altered = whole.clone();
    altered.get_mut("events.jsonl").unwrap()[300] ^= 1;
    assert!(matches!(seal(&altered, "x"), Err(EvidenceError::Altered(_))));
}

#[test]
fn sealing_refuses_what_is_not_in_the_format() {
    let with = |path: &str, content: &[u8]| {
        let mut files = foreign();
        files.insert(path.into(), content.to_vec());
        match seal(&files, "x") {
            Err(EvidenceError::Altered(misfit)) => misfit.to_string(),
            other => panic!("not refused: {other:?}"),
        }
    };
    assert!(with("events.jsonl", b"{\"stamp\":[1,1],\"event\":{\"strike\":{}}}\n").starts_with("events.jsonl, line 1"));
    assert!(with("events.jsonl", b"{\"stamp\":[1,1],\"event\":{\"stall\":{}}}").contains("without its newline"));
    assert!(with("events.jsonl", b"{\"stamp\":[1,1],\"event\":{\"stall\":{}}}\n").contains("found class 0"));
    let cut = &ledger().0[..90];
    assert!(with("operations", cut).contains("block 1: found the file's end"));
    assert!(with("run.json", b"{}").starts_with("run.json"));
}
