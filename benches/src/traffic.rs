//! Ours: the load of a drill, with the recorder as in a drill.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use firedrill::recorder::Recorder;
use firedrill_core::event::{Class, Role};
use firedrill_load::{Arrivals, ClassSpec, Mix, SqlClient, SqlConfig, Workload, WorkloadSpec, first_key};

use crate::{CONNECTIONS, Failure, TABLE};

/// Longer than any run: nothing is given up.
const DEADLINE: Duration = Duration::from_secs(60);

/// A load to run.
#[derive(Clone, Debug)]
pub struct Load {
    /// Where the evidence of the runs goes.
    pub directory: PathBuf,
    /// How to log in.
    pub sql: SqlConfig,
}

/// What one run measured.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Acknowledged operations per second.
    pub per_second: f64,
    /// From scheduled start to sending, milliseconds, 99th percentile.
    pub lag_p99_ms: f64,
}

impl Load {
    /// One run, at a rate in operations per second (Poisson) or as fast as answers come.
    ///
    /// # Errors
    /// The load fails, or not every operation was acknowledged: the comparison would not be of the same work.
    pub async fn run(&self, rate: Option<u32>, seconds: u64, seed: u64) -> Result<Outcome, Failure> {
        let directory = tempfile::tempdir_in(&self.directory)?;
        let recorder = Recorder::open(directory.path(), &"0".repeat(64))?;
        let class = Class {
            id: 0,
            service: TABLE.into(),
            component: "database".into(),
            tier: Some(1),
            space: 1,
            role: Role::Workload,
        };
        recorder.class(class.clone());
        let classes = vec![ClassSpec {
            class,
            per_second: rate.unwrap_or(1),
            mix: Mix::inserts(),
            first_key: first_key::WORKLOAD,
            preloaded: 1..1,
        }];
        let mut spec = WorkloadSpec::new(classes, seed, CONNECTIONS, DEADLINE);
        spec.arrivals = rate.map_or(Arrivals::Saturating, |_| Arrivals::Poisson);
        let client = SqlClient::new(self.sql.clone(), vec![TABLE.into()])?;
        let load = Workload::start(spec, Arc::new(client), Arc::new(recorder.clone()))?;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let totals = load.stop().await?;
        tokio::task::spawn_blocking(move || recorder.close(None, &[])).await??;
        if totals.acked != totals.scheduled {
            return Err(format!(
                "{} of {} operations were not acknowledged",
                totals.scheduled - totals.acked,
                totals.scheduled
            )
            .into());
        }
        let lag = totals.tiers.first().map_or(0, |tier| tier.lag.value_at_quantile(0.99));
        Ok(Outcome {
            per_second: totals.acked as f64 / ((totals.ended - totals.began) as f64 / 1e9),
            lag_p99_ms: lag as f64 / 1e6,
        })
    }
}
