//! `plan lint` of ten thousand statements against one thousand, in turn: whether the work grows with the plan or with its
//! square.
//!
//! `lint [--rounds N]`.

use std::time::Instant;

use firedrill_benches::plans::{linted, parsed, plan};
use firedrill_benches::{Arguments, Failure, Goal, Samples, Table};

const ROUNDS: u64 = 9;
const FEW: usize = 1_000;
const MANY: usize = 10_000;
/// What ten times the plan may take: ten times the work, and some for caches that no longer hold it.
const RATIO_MAX: f64 = 15.0;
/// Reading and linting the larger plan.
const SECONDS_MAX: f64 = 1.0;

/// Seconds of reading a plan, and of all rules over it.
fn measure(text: &str) -> Result<(f64, f64), Failure> {
    let begun = Instant::now();
    let read = [parsed(text)];
    let reading = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    if linted(&read) == 0 {
        return Err("a plan without findings shows nothing".into());
    }
    Ok((reading, begun.elapsed().as_secs_f64()))
}

fn main() -> Result<(), Failure> {
    let rounds = Arguments::read("lint [--rounds N]", ROUNDS)?.rounds_alone()?;
    let (few, many) = (plan(FEW), plan(MANY));
    let mut table = Table::new("plan lint of 10,000 statements against 1,000");
    let mut ratios: [Samples; 2] = Default::default();
    let mut whole = Samples::default();
    for _ in 0..rounds {
        let (small, large) = (measure(&few)?, measure(&many)?);
        ratios[0].add(large.0 / small.0);
        ratios[1].add(large.1 / small.1);
        whole.add(large.0 + large.1);
    }
    for (name, ratio) in [("reading the plan", &ratios[0]), ("all rules", &ratios[1])] {
        table.row(
            &format!("{name}, 10 k / 1 k statements"),
            Goal::AtMost(RATIO_MAX),
            ratio,
            " x",
            "",
            "",
        );
    }
    table.row("both, 10 k statements", Goal::AtMost(SECONDS_MAX), &whole, " s", "", "");
    table.print();
    Ok(())
}
