//! `plan lint` of plans of a thousand and of ten thousand statements: does it grow in step?
//!
//! `cargo bench -p firedrill-benches --bench lint`. For the ratio, see `target/release/lint`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use firedrill_benches::plans::{linted, parsed, plan};

const SIZES: [usize; 2] = [1_000, 10_000];

fn lint(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lint");
    group.sample_size(10);
    for size in SIZES {
        let text = plan(size);
        let read = [parsed(&text)];
        assert!(linted(&read) > 0, "a plan without findings shows nothing");
        group.throughput(Throughput::Elements(size as u64));
        group.bench_with_input(BenchmarkId::new("reading the plan", size), &size, |bencher, _| {
            bencher.iter(|| parsed(black_box(&text)));
        });
        group.bench_with_input(BenchmarkId::new("all rules", size), &size, |bencher, _| {
            bencher.iter(|| linted(black_box(&read)));
        });
    }
    group.finish();
}

criterion_group!(benches, lint);
criterion_main!(benches);
