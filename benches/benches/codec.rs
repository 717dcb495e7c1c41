//! Writing and reading evidence: the blocks of `operations`, and the lines of `events.jsonl` with their chain.
//!
//! `cargo bench -p firedrill-benches --bench codec`.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use firedrill_benches::ledgers::ledger;
use firedrill_core::event::{Edge, Event, Phase};
use firedrill_core::history::{History, Writer};
use firedrill_core::operations::{BlockWriter, decode};
use firedrill_core::{FoundRow, Operation, Stamp};

const OPERATIONS: u64 = 100_000;
const EVENTS: i64 = 10_000;

fn encoded(operations: &[Operation], rows: &[FoundRow]) -> Vec<u8> {
    let mut writer = BlockWriter::new();
    let mut bytes = writer.flush();
    for operation in operations {
        bytes.extend(writer.push_operation(operation));
    }
    for row in rows {
        bytes.extend(writer.push_found(row));
    }
    bytes.extend(writer.flush());
    bytes
}

fn operations(criterion: &mut Criterion) {
    let (operations, rows) = ledger(OPERATIONS, 1, true);
    let bytes = encoded(&operations, &rows);
    let (read, cut) = decode(&bytes).expect("what was written reads back");
    assert!(cut.is_none() && read.operations == operations && read.found == rows);
    let mut group = criterion.benchmark_group("operations");
    group.sample_size(20);
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("encode", |bencher| {
        bencher.iter(|| encoded(black_box(&operations), black_box(&rows)));
    });
    group.bench_function("decode", |bencher| bencher.iter(|| decode(black_box(&bytes))));
    group.finish();
}

fn lines() -> String {
    let mut writer = Writer::new();
    let opening = Writer::opening(&"0".repeat(64), "codec", false);
    let mut text = writer.line(Stamp::at(0), opening);
    for at in 1..EVENTS {
        let event = Event::Phase {
            phase: Phase::Steady,
            edge: Edge::Begun,
        };
        text.push_str(&writer.line(Stamp::at(at), event));
    }
    text
}

fn history(criterion: &mut Criterion) {
    let text = lines();
    assert_eq!(
        History::parse(text.as_bytes()).expect("a history").records.len() as i64,
        EVENTS
    );
    let mut group = criterion.benchmark_group("history");
    group.sample_size(20);
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("write", |bencher| {
        bencher.iter_batched(|| (), |()| lines(), BatchSize::PerIteration);
    });
    group.bench_function("read", |bencher| {
        bencher.iter(|| History::parse(black_box(text.as_bytes())));
    });
    group.finish();
}

criterion_group!(benches, operations, history);
criterion_main!(benches);
