//! The peer of the load: pgbench with the same statement.

use std::path::{Path, PathBuf};
use std::time::Duration;

use firedrill_environment::Connection;
use firedrill_load::SqlClient;
use tokio::process::Command;
use tokio::time::timeout;

use crate::samples::Samples;
use crate::{CONNECTIONS, Failure, TABLE};

/// Transactions of one run whose log is read.
const LOGGED_MAX: usize = 2_000_000;

/// What one run of pgbench measured.
#[derive(Clone, Debug)]
pub struct Sampled {
    /// Transactions per second.
    pub per_second: f64,
    /// From scheduled start to start, milliseconds; empty without a rate.
    pub lag_ms: Samples,
    /// From start to answer, milliseconds.
    pub answer_ms: Samples,
}

/// A program on PATH, or beside other programs of Postgres.
#[must_use]
pub fn found(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
}

/// pgbench, ready to run.
#[derive(Clone, Debug)]
pub struct PgBench {
    program: PathBuf,
    directory: PathBuf,
}

impl PgBench {
    /// Writes its script into `directory`. `None`: this machine has no pgbench.
    ///
    /// # Errors
    /// The script cannot be written.
    pub fn new(directory: &Path) -> Result<Option<PgBench>, Failure> {
        let Some(program) = found("pgbench") else {
            return Ok(None);
        };
        let statement = SqlClient::upsert(TABLE)
            .replace("$1", ":key")
            .replace("$2", "1")
            .replace("$3", ":body");
        // As the load's: every operation is a new key, keys of a client rise.
        let script = format!("\\set n :n + 1\n\\set key (:client_id + 1) * 1000000000 + :n\n{statement};\n");
        std::fs::write(directory.join("script.sql"), script)?;
        Ok(Some(PgBench {
            program,
            directory: directory.to_owned(),
        }))
    }

    /// One run, at a rate in transactions per second (Poisson) or as fast as answers come.
    ///
    /// # Errors
    /// pgbench fails, does not end, or its output is not understood.
    pub async fn run(
        &self,
        connection: &Connection,
        rate: Option<u32>,
        seconds: u64,
        seed: u64,
    ) -> Result<Sampled, Failure> {
        let logs = tempfile::tempdir_in(&self.directory)?;
        let mut command = Command::new(&self.program);
        command
            .args(["--no-vacuum", "--protocol=prepared", "--jobs=2", "--log"])
            .arg(format!("--client={CONNECTIONS}"))
            .arg(format!("--time={seconds}"))
            .arg(format!("--random-seed={seed}"))
            .arg(format!("--log-prefix={}", logs.path().join("log").display()))
            .arg(format!("--file={}", self.directory.join("script.sql").display()))
            .arg("--define=n=0")
            .arg(format!("--define=body={} 1000000000 1 {}", TABLE, "5e".repeat(32)))
            .args(rate.map(|rate| format!("--rate={rate}")))
            .env("PGHOST", &connection.host)
            .env("PGPORT", connection.port.to_string())
            .env("PGUSER", &connection.user)
            .env("PGPASSWORD", connection.password.reveal())
            .env("PGDATABASE", &connection.database)
            .kill_on_drop(true);
        let output = timeout(Duration::from_secs(seconds + 30), command.output()).await??;
        let said = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            return Err(format!("pgbench failed: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let per_second = said
            .lines()
            .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok())
            .ok_or_else(|| format!("pgbench told no tps: {said}"))?;
        let (mut lag_ms, mut answer_ms) = (Samples::default(), Samples::default());
        for entry in std::fs::read_dir(logs.path())? {
            for line in std::fs::read_to_string(entry?.path())?.lines().take(LOGGED_MAX) {
                // client transaction time script epoch_s epoch_us [lag]
                let fields: Vec<f64> = line.split(' ').filter_map(|field| field.parse().ok()).collect();
                let Some(time) = fields.get(2) else { continue };
                let lag = fields.get(6).copied();
                lag.inspect(|lag| lag_ms.add(lag / 1e3));
                answer_ms.add((time - lag.unwrap_or(0.0)) / 1e3);
            }
        }
        Ok(Sampled {
            per_second,
            lag_ms,
            answer_ms,
        })
    }
}
