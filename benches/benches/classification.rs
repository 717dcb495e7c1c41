//! Classification of a ledger, and the sort that it is held against, for several sizes: does it grow in step?
//!
//! `cargo bench -p firedrill-benches --bench classification`. For ratios in one process, and memory, see
//! `target/release/classification`.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use firedrill_benches::ledgers::{ground, key, ledger};
use firedrill_core::judge::classify::classify;

const SIZES: [u64; 3] = [10_000, 100_000, 1_000_000];

fn classification(criterion: &mut Criterion) {
    let ground = ground();
    let mut group = criterion.benchmark_group("classification");
    group.sample_size(10);
    for size in SIZES {
        group.throughput(Throughput::Elements(size));
        for (name, found) in [("nothing found", false), ("nine in ten found", true)] {
            let (operations, rows) = ledger(size, 1, found);
            group.bench_with_input(BenchmarkId::new(name, size), &size, |bencher, _| {
                bencher.iter(|| classify(&ground, black_box(&operations), black_box(&rows)));
            });
        }
        let keys: Vec<(u64, u64)> = (0..size).map(|index| (key(index, 1), index)).collect();
        group.bench_with_input(BenchmarkId::new("sort of the keys", size), &size, |bencher, _| {
            bencher.iter_batched_ref(|| keys.clone(), |keys| keys.sort_unstable(), BatchSize::LargeInput);
        });
    }
    group.finish();
}

criterion_group!(benches, classification);
criterion_main!(benches);
