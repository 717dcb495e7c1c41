//! Commands that run where a service lives, under the supervisor like everything else.

use super::Site;
use super::service::Service;
use crate::capability::{Invocation, Outcome};
use crate::error::Result;
use crate::process::{self, Identity};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How much of each stream is kept.
pub(crate) const OUTPUT_BYTES_MAX: u64 = 1024 * 1024;

/// Runs a command as the service's user, in its directory, with a deadline.
pub(crate) async fn run(service: &Service, invocation: Invocation, deadline: Duration) -> Result<Outcome> {
    if let Some(dwelling) = &service.dwelling {
        let env = own_environment(service, invocation.env)?;
        let spawn = service.invocation(invocation.program, invocation.args, &env, Path::new(""), Path::new(""));
        return dwelling.run(spawn, deadline).await;
    }
    let id = crate::secret::random_hex(6)?;
    let outputs = [1, 2].map(|stream| service.site.runtime.path.join("exec").join(format!("{id}.{stream}")));
    let env = own_environment(service, invocation.env)?;
    let spawn = service.invocation(invocation.program, invocation.args, &env, &outputs[0], &outputs[1]);
    let outcome = async {
        let running = service.site.supervisor.spawn(spawn).await?;
        // Also when the caller gives up waiting, nothing of the command goes on.
        let guard = Guard {
            site: Arc::clone(&service.site),
            identity: running.identity,
        };
        let exit = tokio::time::timeout(deadline, running.wait()).await;
        let late = exit.is_err();
        if late {
            end(Arc::clone(&guard.site), guard.identity).await;
        }
        Ok(Outcome {
            code: exit.ok().and_then(|exit| exit.code),
            stdout: last(&outputs[0]),
            stderr: last(&outputs[1]),
            late,
        })
    }
    .await;
    for output in &outputs {
        let _ = fs::remove_file(output);
    }
    outcome
}

/// What a command is told besides what every process of the service is.
fn own_environment(service: &Service, more: BTreeMap<String, String>) -> Result<Vec<(String, String)>> {
    let temporary = service.make_temporary()?;
    let mut env = vec![("TMPDIR".to_owned(), temporary.display().to_string())];
    env.extend(more);
    Ok(env)
}

/// Ends the command when dropped before its end.
struct Guard {
    site: Arc<Site>,
    identity: Identity,
}

/// Ends a command with all that it started. Returns once it was told to end.
async fn end(site: Arc<Site>, identity: Identity) {
    let told = site.supervisor.end_tree(identity).await;
    // Where the supervisor is gone.
    if told.is_err() && identity.is_alive() {
        let below = process::descendants(identity.pid);
        for identity in std::iter::once(identity).chain(below.into_iter().map(|status| status.identity)) {
            let _ = identity.signal(Signal::KILL);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Outside the runtime the harness is ending, and the supervisor ends everything.
        if self.identity.is_alive()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(end(Arc::clone(&self.site), self.identity));
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
