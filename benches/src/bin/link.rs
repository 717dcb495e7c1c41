//! What a clean link adds: pgbench straight to the server against pgbench through a link of the proxy.

use firedrill_benches::{Arguments, Bed, CONNECTIONS, Failure, Goal, PgBench, Samples, Table};
use firedrill_proxy::Link;

const SECONDS: u64 = 6;
const ROUNDS: u64 = 5;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let rounds = Arguments::read("link [--rounds N]", ROUNDS)?.rounds_alone()?;
    let table = Table::new(&format!(
        "A clean link: pgbench through it against pgbench without; {CONNECTIONS} connections, {SECONDS} s per run, {rounds} rounds in turn"
    ));
    Bed::measured(table, async |bed, table| measure(bed, rounds, table).await).await
}

async fn measure(bed: &Bed, rounds: u64, table: &mut Table) -> Result<(), Failure> {
    let Some(pgbench) = PgBench::new(bed.directory())? else {
        return Err("the peer is missing: pgbench is not on PATH (Debian and Ubuntu: postgresql-contrib)".into());
    };
    let link = Link::open(bed.postgres.upstream())?;
    let straight = bed.connection();
    let through = straight.through(link.address());
    let (mut most, mut kept) = (Samples::default(), Samples::default());
    for round in 0..3 {
        bed.level().await?;
        let direct = pgbench.run(straight, None, SECONDS, round).await?.per_second;
        bed.level().await?;
        let linked = pgbench.run(&through, None, SECONDS, round).await?.per_second;
        most.add(direct);
        kept.add(linked / direct);
    }
    let rate = (most.median() / 4.0) as u32;
    let (mut added, mut tail) = (Samples::default(), Samples::default());
    let (mut direct, mut linked) = (Samples::default(), Samples::default());
    for round in 0..rounds {
        bed.level().await?;
        let one = pgbench.run(straight, Some(rate), SECONDS, round).await?.answer_ms;
        bed.level().await?;
        let two = pgbench.run(&through, Some(rate), SECONDS, round).await?.answer_ms;
        added.add((two.median() - one.median()) * 1e3);
        tail.add((two.quantile(0.99) - one.quantile(0.99)) * 1e3);
        direct.add(one.median());
        linked.add(two.median());
    }
    table.row(
        &format!("added at p50, 25 % of the maximum ({rate}/s)"),
        Goal::AtMost(150.0),
        &added,
        " us",
        &format!("{:.2} ms", linked.median()),
        &format!("{:.2} ms", direct.median()),
    );
    table.row("added at p99, same", Goal::Shown, &tail, " us", "-", "-");
    table.row(
        "maximum throughput kept",
        Goal::Shown,
        &kept,
        " x",
        "-",
        &format!("{:.0}/s", most.median()),
    );
    link.close().await?;
    Ok(())
}
