//! Classifying a ledger against sorting the same keys: time, memory, and whether it grows in step.
//!
//! `classification [--rounds N] [MILLIONS...]`, 1, 10 and 20 if none is given.

use std::hint::black_box;
use std::time::Instant;

use firedrill_benches::ledgers::{ground, key, ledger};
use firedrill_benches::{Arguments, Failure, Goal, Samples, Table, reset_peak, resident, resident_peak};
use firedrill_core::judge::classify::{Ground, classify};

const ROUNDS: u64 = 5;
/// A run of this size takes some 5 GB.
const MILLIONS_MAX: u64 = 60;

fn sorting(count: u64, round: u64) -> f64 {
    let mut keys: Vec<(u64, u64)> = (0..count).map(|index| (key(index, round), index)).collect();
    let begun = Instant::now();
    keys.sort_unstable();
    black_box(&keys);
    begun.elapsed().as_secs_f64()
}

struct Measured {
    seconds: f64,
    /// Beyond what the process held before the operations were made.
    bytes_each: f64,
}

fn classifying(ground: &Ground, count: u64, round: u64, found: bool) -> Result<Measured, Failure> {
    let before = resident();
    let (operations, rows) = ledger(count, round, found);
    let can_tell = reset_peak();
    let begun = Instant::now();
    let classified = classify(ground, black_box(&operations), black_box(&rows));
    let seconds = begun.elapsed().as_secs_f64();
    let peak = resident_peak().saturating_sub(before);
    let counts = classified.by_component(ground)["database"];
    let sum = (counts.acked, counts.kept, counts.lost);
    let kept = rows.len() as u64;
    if sum != (count, kept, count - kept) {
        return Err(format!("{count} operations came to (acked, kept, lost) {sum:?}").into());
    }
    Ok(Measured {
        seconds,
        bytes_each: if can_tell { peak as f64 / count as f64 } else { f64::NAN },
    })
}

fn main() -> Result<(), Failure> {
    let arguments = Arguments::read("classification [--rounds N] [MILLIONS...]", ROUNDS)?;
    let sizes = arguments.numbers(1..=MILLIONS_MAX, &[1, 10, 20])?;
    let mut table = Table::new("Classification against sorting as many 16-byte keys in the same process");
    let ground = ground();
    let mut each = Vec::new();
    for millions in sizes {
        let count = millions * 1_000_000;
        let (mut bare, mut full, mut bytes) = (Samples::default(), Samples::default(), Samples::default());
        let (mut sorts, mut classifies, mut with_rows) = (Samples::default(), Samples::default(), Samples::default());
        for round in 0..arguments.rounds {
            let sort = sorting(count, round);
            let one = classifying(&ground, count, round, false)?;
            let two = classifying(&ground, count, round, true)?;
            bare.add(one.seconds / sort);
            full.add(two.seconds / sort);
            bytes.add(one.bytes_each);
            sorts.add(sort);
            classifies.add(one.seconds);
            with_rows.add(two.seconds);
        }
        let goal = if millions == 10 { Goal::AtMost(5.0) } else { Goal::Shown };
        let sort = format!("{:.2} s", sorts.median());
        table.row(
            &format!("{millions} M operations / sort"),
            goal,
            &bare,
            " x",
            &format!("{:.2} s", classifies.median()),
            &sort,
        );
        table.row(
            &format!("{millions} M operations, 0.9 as many rows / sort"),
            Goal::Shown,
            &full,
            " x",
            &format!("{:.2} s", with_rows.median()),
            &sort,
        );
        table.row(
            &format!("{millions} M: bytes per operation, at the peak"),
            Goal::AtMost(64.0),
            &bytes,
            " B",
            "the 48 of the operation included",
            "-",
        );
        each.push((millions, classifies.median() * 1e9 / count as f64));
    }
    if let (Some((least, first)), Some((most, last))) = (each.first(), each.last())
        && each.len() > 1
    {
        table.row(
            &format!("time per operation, {most} M / {least} M"),
            Goal::Shown,
            &[last / first].into_iter().collect(),
            " x",
            &format!("{last:.0} ns"),
            &format!("{first:.0} ns"),
        );
    }
    table.print();
    Ok(())
}
