//! The load of a drill, recorder on, against pgbench with the same statement and connections: schedule lag and throughput.

use firedrill_benches::{Arguments, Bed, CONNECTIONS, Failure, Goal, Load, PgBench, Samples, Table};

const SECONDS: u64 = 6;
const ROUNDS: u64 = 5;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let rounds = Arguments::read("load [--rounds N]", ROUNDS)?.rounds_alone()?;
    let table = Table::new(&format!(
        "Load against pgbench: {CONNECTIONS} connections, upserts of new keys, {SECONDS} s per run, {rounds} rounds in turn"
    ));
    Bed::measured(table, async |bed, table| measure(bed, rounds, table).await).await
}

async fn measure(bed: &Bed, rounds: u64, table: &mut Table) -> Result<(), Failure> {
    let Some(pgbench) = PgBench::new(bed.directory())? else {
        return Err("the peer is missing: pgbench is not on PATH (Debian and Ubuntu: postgresql-contrib)".into());
    };
    let load = Load {
        directory: bed.directory().to_owned(),
        sql: bed.sql(),
    };
    let (mut ratios, mut theirs, mut ours) = (Samples::default(), Samples::default(), Samples::default());
    for round in 0..rounds {
        bed.level().await?;
        let peer = pgbench.run(bed.connection(), None, SECONDS, round).await?.per_second;
        bed.level().await?;
        let own = load.run(None, SECONDS, round).await?.per_second;
        ratios.add(own / peer);
        theirs.add(peer);
        ours.add(own);
    }
    table.row(
        "maximum throughput / pgbench's",
        Goal::AtLeast(0.9),
        &ratios,
        " x",
        &format!("{:.0}/s", ours.median()),
        &format!("{:.0}/s", theirs.median()),
    );
    let most = theirs.median();
    for percent in [25.0, 50.0] {
        let rate = (most * percent / 100.0) as u32;
        let (mut ratios, mut theirs, mut ours) = (Samples::default(), Samples::default(), Samples::default());
        for round in 0..rounds {
            bed.level().await?;
            let peer = pgbench.run(bed.connection(), Some(rate), SECONDS, round).await?;
            let peer = peer.lag_ms.quantile(0.99);
            bed.level().await?;
            let own = load.run(Some(rate), SECONDS, round).await?.lag_p99_ms;
            ratios.add(own / peer);
            theirs.add(peer);
            ours.add(own);
        }
        table.row(
            &format!("schedule lag p99 at {percent} % ({rate}/s) / pgbench -R"),
            Goal::AtMost(1.2),
            &ratios,
            " x",
            &format!("{:.2} ms", ours.median()),
            &format!("{:.2} ms", theirs.median()),
        );
    }
    Ok(())
}
