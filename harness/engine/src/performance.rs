//! One drill performed: played, taken down whatever happens, its evidence sealed; then judged from that evidence.

use std::io;
use std::path::Path;

use tokio::sync::watch;

use crate::command::Failure;
use crate::drill::{Drill, DrillError, Script};
use crate::interrupts::Interrupts;
use crate::judged::JudgedRun;
use crate::recorder::Recorder;
use crate::run_directory;
use crate::view::{Telling, say, tell};

/// How a drill ended, apart from its verdict.
pub struct Performed<T> {
    /// What came of it, where it was played to its end and everything that is judged was recorded.
    pub outcome: Option<T>,
    /// What the harness could not do.
    pub failure: Option<Failure>,
}

/// Performs a drill and takes it down, whatever happens. `digest` is that of the `run.json` that lies in the script's
/// directory; `act` is what is done with the drill, such as playing it.
///
/// # Errors
/// When it could not be begun, or its evidence not be written.
pub fn perform<T>(
    script: Script,
    digest: &str,
    telling: Telling,
    act: impl AsyncFnOnce(&mut Drill) -> Result<T, DrillError>,
) -> Result<Performed<T>, Failure> {
    let failed = |error: io::Error| Failure::Harness(miette::miette!("{error}"));
    // Clients of object stores ask for one; where the reference backup tool takes no part, nobody else has chosen it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let directory = script.directory.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let recorder = Recorder::open(&directory, digest).map_err(failed)?;
    let (ended, problems) = runtime.block_on(async {
        let mut drill =
            Drill::new(script, recorder.clone()).map_err(|error| Failure::Input(miette::miette!("{error}")))?;
        let (view, announce) = tell(telling, recorder.watch(), drill.live());
        drill.announce_through(announce);
        let mut interrupts = Interrupts::listen().map_err(failed)?;
        let mut interrupted = None;
        let lost = drill.lost();
        let ended = tokio::select! {
            ended = act(&mut drill) => Some(ended),
            why = loss(lost) => Some(Err(DrillError::Ground(why))),
            who = interrupts.next() => {
                interrupted = Some(who.to_owned());
                None
            }
        };
        if ended.is_none() && telling != Telling::Quiet {
            say("firedrill: ending in order; once more to end at once");
        }
        // A second Ctrl-C ends at once: what is left is the supervisor's to clean up. The first may come only now.
        let mut patience = u8::from(ended.is_some());
        let impatient = tokio::spawn(async move {
            loop {
                interrupts.next().await;
                if patience == 0 {
                    std::process::exit(130);
                }
                patience -= 1;
            }
        });
        if let Some(Err(error)) = &ended {
            interrupted = Some(format!("the harness: {error}"));
        }
        let problems = drill.take_down().await;
        impatient.abort();
        let logs = log_files(&directory);
        recorder.close(interrupted, &logs).map_err(|error| {
            Failure::Harness(miette::miette!(
                help = format!(
                    "make room there, or choose another folder with --output DIR; what was recorded before is told by \
                     `firedrill judge {}`",
                    directory.display()
                ),
                "the evidence cannot be written into {}: {error}; this drill was not judged",
                directory.display()
            ))
        })?;
        let _ = view.await;
        Ok::<_, Failure>((ended, problems))
    })?;
    for problem in &problems {
        say(&format!("firedrill: while cleaning up: {problem}"));
    }
    let failure = match &ended {
        None => None,
        Some(Ok(_)) if problems.is_empty() => None,
        Some(Ok(_)) => Some(Failure::Harness(miette::miette!(
            help = format!("see `firedrill clean`; the evidence is in {}", directory.display()),
            "the drill could not be cleaned up"
        ))),
        Some(Err(DrillError::CannotRun(why))) => Some(Failure::Skipped(miette::miette!(
            help = format!("its output is in {}", directory.join("logs").display()),
            "skipped: a command of the scenario cannot run here: {why}"
        ))),
        Some(Err(error)) if error.own_log().is_some() => Some(Failure::Input(miette::miette!(
            help = format!(
                "its whole output is in {}; mend the command, and run the drill again",
                directory
                    .join(run_directory::LOGS)
                    .join(error.own_log().unwrap_or_default())
                    .display()
            ),
            "a command of the scenario failed, so the drill could not be played: {error}"
        ))),
        Some(Err(error)) => Some(Failure::Harness(miette::miette!(
            help = format!(
                "what happened up to then is in {}; the services' logs are in its logs/",
                directory.display()
            ),
            "the drill could not be played: {error}"
        ))),
    };
    Ok(Performed {
        outcome: ended.and_then(Result::ok),
        failure,
    })
}

/// Returns once the drill has lost what it stands on: why.
async fn loss(mut lost: watch::Receiver<Option<String>>) -> String {
    match lost.wait_for(Option::is_some).await.map(|why| why.clone()) {
        Ok(Some(why)) => why,
        _ => std::future::pending().await,
    }
}

/// Logs and histograms, for the closing event. Supervise's own log may still grow when all else is closed: it is
/// covered by the manifest alone.
fn log_files(directory: &Path) -> Vec<String> {
    let within = |folder: &'static str| {
        std::fs::read_dir(directory.join(folder))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .map(move |name| format!("{folder}/{name}"))
    };
    let mut names: Vec<String> = within(run_directory::LOGS)
        .chain(within(run_directory::HISTOGRAMS))
        .filter(|name| name != "logs/supervise.log")
        .collect();
    names.sort();
    names
}

/// Judges what was recorded, and writes renderings and manifest.
///
/// # Errors
/// When the evidence cannot be judged, or the verdict not be written.
pub fn conclude(directory: &Path) -> Result<JudgedRun, Failure> {
    let unjudged = |error| Failure::Harness(miette::miette!("what was recorded cannot be judged: {error}"));
    let unwritten = |error: io::Error| Failure::Harness(miette::miette!("the verdict cannot be written: {error}"));
    let run = JudgedRun::read_fresh(directory).map_err(unjudged)?;
    for (name, bytes) in run.renderings() {
        run_directory::write(directory, name, &bytes).map_err(unwritten)?;
    }
    run_directory::write_manifest(directory).map_err(unwritten)?;
    Ok(run)
}
