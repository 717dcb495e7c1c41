use proptest::prelude::*;

use super::*;
use crate::evidence::EvidenceError;
use crate::evidence::digest::sha256;
use crate::ledger::{Content, NO_INCARNATION, OperationKind, UNSTATED};

fn acked(key: u64) -> Operation {
    Operation {
        scheduled: 1_000,
        sent: 1_010,
        done: 1_500,
        key,
        version: 1,
        replaced: 0,
        incarnation: 3,
        class: 2,
        kind: OperationKind::Insert,
        outcome: OperationOutcome::Acked,
        flags: flag::QUEUED,
        attempts: 1,
    }
}

fn row(key: u64) -> FoundRow {
    FoundRow {
        key,
        version: 1,
        space: 7,
        incarnation: 3,
        content: Content::Genuine,
    }
}

/// Two blocks of operations, then one of rows.
fn small() -> Vec<u8> {
    let mut writer = BlockWriter::new();
    let mut bytes = writer.push_operation(&acked(1));
    bytes.extend(writer.push_operation(&acked(2)));
    bytes.extend(writer.flush());
    bytes.extend(writer.push_operation(&acked(3)));
    bytes.extend(writer.push_found(&row(1)));
    bytes.extend(writer.flush());
    assert_eq!(writer.digest(), sha256(&bytes));
    bytes
}

fn refused(bytes: &[u8]) -> String {
    match decode(bytes) {
        Err(EvidenceError::Altered(misfit)) => misfit.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn the_layout_is_as_documented() {
    let bytes = small();
    assert_eq!(&bytes[..16], b"firedrillops\x01\0\0\0");
    assert_eq!(bytes[16..24], [1, 0, 0, 0, 2, 0, 0, 0]);
    assert_eq!(
        crate::evidence::digest::hex(bytes[24..56].try_into().unwrap()),
        sha256(&bytes[..16])
    );
    let record = &bytes[56..104];
    assert_eq!(record[..8], 1_000_i64.to_le_bytes());
    assert_eq!(record[24..32], 1_u64.to_le_bytes());
    assert_eq!(record[40..48], [3, 0, 2, 0, 0, 0, 2, 1]);
    assert_eq!(bytes[152..160], [1, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(
        crate::evidence::digest::hex(bytes[160..192].try_into().unwrap()),
        sha256(&bytes[16..152])
    );
    assert_eq!(bytes[240..248], [2, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(bytes[280..], [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 7, 0, 3, 0, 0]);
    assert_eq!(size_of::<Operation>(), OPERATION);
}

#[test]
fn what_was_written_is_read() {
    let (ledger, cut) = decode(&small()).unwrap();
    assert_eq!(
        ledger,
        Ledger {
            operations: vec![acked(1), acked(2), acked(3)],
            found: vec![row(1)]
        }
    );
    assert_eq!(cut, None);
    assert_eq!(ledger.outcomes()["acked"], 3);
    assert_eq!(ledger.outcomes().len(), 4);
    let (empty, cut) = decode(&BlockWriter::new().flush()).unwrap();
    assert_eq!((empty, cut), (Ledger::default(), None));
}

#[test]
fn a_full_block_is_handed_out_without_waiting() {
    let mut writer = BlockWriter::new();
    let mut bytes = Vec::new();
    for key in 0..u64::from(BLOCK_RECORDS_MAX) {
        bytes.extend(writer.push_operation(&acked(key)));
    }
    assert!(bytes.is_empty());
    bytes.extend(writer.push_operation(&acked(9)));
    assert_eq!(bytes.len(), PREFIX + HEADER + OPERATION * BLOCK_RECORDS_MAX as usize);
    bytes.extend(writer.flush());
    let (ledger, _) = decode(&bytes).unwrap();
    assert_eq!(ledger.operations.len(), BLOCK_RECORDS_MAX as usize + 1);
    assert_eq!(ledger.operations.capacity(), bytes.len() / OPERATION, "allocated once");
}

#[test]
fn a_cut_file_gives_its_whole_blocks_and_says_so() {
    let bytes = small();
    let ends = [16, 152, 240, bytes.len()];
    for end in 0..bytes.len() {
        let (ledger, cut) = decode(&bytes[..end]).unwrap();
        assert_eq!(cut.is_none(), ends.contains(&end), "cut after {end} bytes");
        let before = ends.iter().rev().find(|whole| **whole <= end).copied().unwrap_or(0);
        assert_eq!(
            cut.map_or(0, |cut| cut.bytes),
            (end - before) as u64,
            "cut after {end} bytes"
        );
        let operations = if end < 152 {
            0
        } else if end < 240 {
            2
        } else {
            3
        };
        assert_eq!(
            (ledger.operations.len(), ledger.found.len()),
            (operations, 0),
            "cut after {end} bytes"
        );
    }
}

#[test]
fn a_change_is_named_by_block_and_record() {
    let flip = |at: usize, to: u8| {
        let mut bytes = small();
        bytes[at] = to;
        refused(&bytes)
    };
    assert!(flip(0, b'F').starts_with("operations, the first 16 bytes: found `Firedrillops`, version 1"));
    assert!(flip(12, 2).contains("version 2, expected `firedrillops`, version 1"));
    assert!(flip(16, 3).starts_with("operations, block 1: found kind 3"));
    assert!(flip(17, 3).starts_with("operations, block 1: found [3, 0, 0]"));
    assert!(flip(20, 0).starts_with("operations, block 1: found 0 records"));
    assert!(flip(23, 1).starts_with("operations, block 1: found 16777218 records"));
    assert!(flip(30, 1).starts_with("operations, block 1: found link"));
    assert!(flip(90, 1).contains("block 2: found link"), "a key changed in block 1");
    assert!(flip(104 + 44, 4).starts_with("operations, block 1, record 2: found kind 4"));
    assert!(flip(104 + 45, 9).starts_with("operations, block 1, record 2: found outcome 9"));
    assert!(flip(192 + 46, 8).starts_with("operations, block 2, record 1: found flags 0x08"));
    assert!(flip(192 + 47, 0).starts_with("operations, block 2, record 1: found 0 attempts"));
    assert!(flip(192 + 45, 3).contains("1 attempts of an operation that was not sent"));
    assert!(flip(280 + 16, 3).starts_with("operations, block 3, record 1: found content 3"));
}

#[test]
fn time_does_not_run_backwards() {
    let early = Operation { sent: 999, ..acked(1) };
    let before = Operation {
        done: 1_009,
        ..acked(1)
    };
    for (operation, said) in [
        (early, "sent 999 before scheduled 1000"),
        (before, "done 1009 before sent 1010"),
    ] {
        let mut writer = BlockWriter::new();
        let _ = writer.push_operation(&operation);
        assert!(refused(&writer.flush()).contains(said));
    }
}

fn operation() -> impl Strategy<Value = Operation> {
    let times = (-1_000_000..1_000_000_i64, 0..1_000_000_i64, 0..1_000_000_i64);
    let numbers = (any::<u64>(), any::<u32>(), prop::sample::select(vec![0, 1, UNSTATED]));
    let indices = (prop::sample::select(vec![0, 9, NO_INCARNATION]), any::<u16>());
    let kinds = [
        OperationKind::Insert,
        OperationKind::Update,
        OperationKind::Delete,
        OperationKind::Read,
    ];
    let kinds = (
        prop::sample::select(kinds.to_vec()),
        prop::sample::select(OUTCOMES.to_vec()),
        0..8_u8,
        1..=255_u8,
    );
    (times, numbers, indices, kinds).prop_map(
        |((scheduled, lag, took), (key, version, replaced), (incarnation, class), (kind, outcome, flags, attempts))| {
            let outcome = outcome.0;
            let attempts = if outcome == OperationOutcome::NotSent {
                0
            } else {
                attempts
            };
            let (sent, done) = (scheduled + lag, scheduled + lag + took);
            Operation {
                scheduled,
                sent,
                done,
                key,
                version,
                replaced,
                incarnation,
                class,
                kind,
                outcome,
                flags,
                attempts,
            }
        },
    )
}

fn found() -> impl Strategy<Value = FoundRow> {
    let content = prop::sample::select(vec![Content::Genuine, Content::Mutated, Content::Dangling]);
    (any::<u64>(), any::<u32>(), any::<u16>(), any::<u16>(), content).prop_map(
        |(key, version, space, incarnation, content)| FoundRow {
            key,
            version,
            space,
            incarnation,
            content,
        },
    )
}

#[derive(Clone, Debug)]
enum Push {
    Operation(Operation),
    Found(FoundRow),
    Flush,
}

proptest! {
    #[test]
    fn any_ledger_reads_back_in_pieces_of_any_size(
        pushes in prop::collection::vec(
            prop_oneof![operation().prop_map(Push::Operation), found().prop_map(Push::Found), Just(Push::Flush)],
            0..60,
        ),
        piece in 1..300_usize,
    ) {
        let mut writer = BlockWriter::new();
        let mut bytes = Vec::new();
        let mut ledger = Ledger::default();
        for push in pushes {
            bytes.extend(match push {
                Push::Operation(operation) => { ledger.operations.push(operation); writer.push_operation(&operation) }
                Push::Found(row) => { ledger.found.push(row); writer.push_found(&row) }
                Push::Flush => writer.flush(),
            });
        }
        bytes.extend(writer.flush());
        prop_assert_eq!(writer.digest(), sha256(&bytes));
        let mut reader = Reader::default();
        for piece in bytes.chunks(piece) {
            reader.feed(piece);
        }
        prop_assert_eq!(reader.finish(), Ok((ledger, None)));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), prefixed in any::<bool>()) {
        let mut file = if prefixed { BlockWriter::new().flush() } else { Vec::new() };
        file.extend(bytes);
        let _ = decode(&file);
    }
}

/// Not a test of anything but speed, and decides nothing: `cargo test --release -p firedrill-core -- --ignored
/// --nocapture how_fast`.
#[test]
#[ignore = "prints figures"]
fn how_fast() {
    const COUNT: u64 = 4_000_000;
    let mut writer = BlockWriter::new();
    let mut bytes = Vec::new();
    let begun = std::time::Instant::now();
    for key in 0..COUNT {
        let block = writer.push_operation(&acked(key));
        bytes.extend_from_slice(&block);
    }
    bytes.extend(writer.flush());
    let wrote = begun.elapsed();
    let begun = std::time::Instant::now();
    let (ledger, _) = decode(&bytes).unwrap();
    let read = begun.elapsed();
    assert_eq!(ledger.operations.len() as u64, COUNT);
    let begun = std::time::Instant::now();
    let digest = sha256(&bytes);
    println!(
        "{COUNT} operations: written in {wrote:?}, read in {read:?}; SHA-256 alone {:?} ({digest})",
        begun.elapsed()
    );
}
