//! Commands that run where a service lives, under the supervisor like everything else.

use super::service::Service;
use crate::capability::{Invocation, Outcome};
use crate::error::{EnvironmentError, Result};
use crate::process;
use rustix::process::Signal;
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

/// How much of each stream is kept.
const OUTPUT_BYTES_MAX: u64 = 1024 * 1024;

/// Runs a command as the service's user, in its directory, with a deadline.
pub(crate) async fn run(service: &Service, invocation: Invocation, deadline: Duration) -> Result<Outcome> {
    let id = crate::secret::random_hex(6)?;
    let outputs = [1, 2].map(|stream| service.site.runtime.path.join("exec").join(format!("{id}.{stream}")));
    let what = invocation.program.display().to_string();
    let env: Vec<(String, String)> = invocation.env.into_iter().collect();
    let spawn = service.invocation(invocation.program, invocation.args, &env, &outputs[0], &outputs[1]);
    let outcome = async {
        let running = service.site.supervisor.spawn(spawn).await?;
        // Also when the caller gives up waiting, nothing of the command goes on.
        let guard = Guard(running.identity);
        let exit = tokio::time::timeout(deadline, running.wait()).await;
        let exit = exit.map_err(|_| EnvironmentError::Deadline {
            what: what.clone(),
            deadline,
        })?;
        drop(guard);
        Ok(Outcome {
            code: exit.code,
            stdout: last(&outputs[0]),
            stderr: last(&outputs[1]),
        })
    }
    .await;
    for output in &outputs {
        let _ = fs::remove_file(output);
    }
    outcome
}

struct Guard(process::Identity);

impl Drop for Guard {
    fn drop(&mut self) {
        if self.0.is_alive() {
            let below = process::descendants(self.0.pid);
            for identity in std::iter::once(self.0).chain(below.into_iter().map(|status| status.identity)) {
                let _ = identity.signal(Signal::KILL);
            }
        }
    }
}

fn last(path: &Path) -> Vec<u8> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(OUTPUT_BYTES_MAX)))?;
        let mut bytes = Vec::new();
        file.take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().unwrap_or_default()
}
