//! `firedrill run`: one drill, from its files to its verdict.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use firedrill_core::evidence::{InputDocument, RUN_SCHEMA, RunInputs};
use firedrill_core::resolve::resolve;
use firedrill_core::scenario::TOOLS_FOLDER;
use firedrill_core::verdict::Verdict;
use firedrill_core::{Scenario, Terms};
use firedrill_environment::{Build, Origin, PostgresChoice, Source};

use super::Failure;
use super::report::print;
use crate::cli::{Cli, Format, PostgresArguments, Run};
use crate::drill::{Drill, DrillError, Script};
use crate::judged::JudgedRun;
use crate::library::{self, Loaded};
use crate::recorder::Recorder;
use crate::run_directory;
use crate::view::{Telling, say, tell};

/// Runs the command; its exit code is the verdict's.
pub fn run(run: &Run, cli: &Cli) -> Result<u8, Failure> {
    if run.environment != "local" {
        return Err(Failure::Input(miette::miette!(
            help = "leave --environment out, or say `--environment local`",
            "there is no environment `{}`: found another name than `local`",
            run.environment
        )));
    }
    if matches!(cli.format, Format::Html) {
        return Err(Failure::Input(miette::miette!(
            help = "the page is written into the run directory anyway: report.html",
            "`run` prints text, json, markdown or junit, not html"
        )));
    }
    let wanted = choice(&run.postgres)?;
    let loaded = library::load(&run.scenario)?;
    let (scenario, terms) = resolve(&loaded.plan.value, &loaded.scenario.value, loaded.twin.as_deref())
        .map_err(|unsound| Failure::Input(loaded.draw(unsound)))?;
    can_run(&scenario, &loaded)?;
    let build = find_postgres(&wanted, cli)?;
    let seed = match run.seed {
        Some(seed) => seed,
        None => random_u64().map_err(|error| Failure::Harness(miette::miette!("no random numbers: {error}")))?,
    };
    let name = run_directory::run_name(&terms.scenario, (seed ^ u64::from(std::process::id())) as u16);
    let directory = run.output.join(&name);
    let inputs = inputs(&name, &loaded, &terms, seed, run, &build);
    let digest = run_directory::create(&directory, &inputs).map_err(|error| {
        Failure::Input(miette::miette!(
            help = "choose a folder that can be written with --output DIR",
            "the run directory {} cannot be made: {error}",
            directory.display()
        ))
    })?;
    let unkept = |error: io::Error| Failure::Harness(miette::miette!("the scenario's tools cannot be kept: {error}"));
    for tool in &loaded.tools {
        let place = Path::new(TOOLS_FOLDER).join(&tool.path);
        run_directory::write_below(&directory, &place, &tool.bytes).map_err(unkept)?;
    }
    let binary = std::env::current_exe()
        .map_err(|error| Failure::Harness(miette::miette!("this program cannot find itself: {error}")))?;
    let expected = scenario.expect.clone();
    let script = Script {
        plan: loaded.plan.value.clone(),
        scenario,
        terms,
        seed,
        binary,
        postgres: PostgresChoice {
            source: Source::Directory(build.directory),
            major: Some(build.major),
            offline: wanted.offline,
        },
        keep: run.keep,
        directory: directory.clone(),
        tools: loaded.tools.clone(),
    };
    let played = play(script, &digest, cli)?;
    // Whatever happened, the evidence up to then is sealed and judged.
    let judged = conclude(&directory);
    if let Some(failure) = played.failure {
        if let (Ok(judged), true) = (&judged, played.to_the_end) {
            print(judged, cli)?;
        }
        return Err(failure);
    }
    let judged = judged?;
    if !played.to_the_end {
        say(&format!(
            "firedrill: interrupted; the evidence up to then is in {}",
            directory.display()
        ));
        return Err(Failure::Interrupted);
    }
    print(&judged, cli)?;
    on_ci(&judged);
    let verdict = &judged.judged.verdict;
    if !cli.quiet {
        say(&format!("\nevidence and report: {}", directory.display()));
        say(&format!("judge it again:      firedrill judge {}", directory.display()));
    }
    if run.expected {
        return hold_to_expectation(verdict, &expected.findings, expected.exit);
    }
    Ok(verdict.exit_code())
}

fn inputs(name: &str, loaded: &Loaded, terms: &Terms, seed: u64, run: &Run, build: &Build) -> RunInputs {
    let mut settings = BTreeMap::new();
    if let Some(twin) = &loaded.twin {
        settings.insert("twin".to_owned(), twin.clone());
    }
    RunInputs {
        schema: RUN_SCHEMA,
        run: name.to_owned(),
        started: run_directory::utc_now(),
        plan: InputDocument::of(&terms.plan, &loaded.plan.source.text),
        scenario: InputDocument::of(&terms.scenario, &loaded.scenario.source.text),
        plan_text: loaded.plan.source.text.to_string(),
        scenario_text: loaded.scenario.source.text.to_string(),
        settings,
        terms: terms.clone(),
        seed,
        environment: run.environment.clone(),
        versions: versions(build).into_iter().chain(tools(loaded)).collect(),
    }
}

/// Digests of the files that the scenario's own commands use: they are inputs as much as the scenario is.
fn tools(loaded: &Loaded) -> impl Iterator<Item = (String, String)> {
    loaded.tools.iter().map(|tool| {
        let digest = firedrill_core::evidence::digest::sha256(&tool.bytes);
        (
            format!("{TOOLS_FOLDER}/{}", tool.path.display()),
            format!("SHA-256 {digest}"),
        )
    })
}

/// Whether the machine has what the scenario's own commands need.
fn can_run(scenario: &Scenario, loaded: &Loaded) -> Result<(), Failure> {
    let missing = library::missing(scenario, &loaded.tools);
    if !missing.is_empty() {
        return Err(Failure::Input(miette::miette!(
            help = format!(
                "put them into the folder `{TOOLS_FOLDER}` beside {}",
                loaded.scenario.source.name
            ),
            "the scenario's commands name files that are not there: {}",
            missing.join(", ")
        )));
    }
    let missing = library::missing_programs(scenario);
    if !missing.is_empty() {
        return Err(Failure::Skipped(miette::miette!(
            help = "install them (`./ci/setup` does, on Debian), or run a scenario that needs none",
            "skipped: the scenario needs programs that are not on PATH: {}",
            missing.join(", ")
        )));
    }
    Ok(())
}

/// The Postgres that is asked for, found or fetched before anything of the run exists.
fn find_postgres(wanted: &PostgresChoice, cli: &Cli) -> Result<Build, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Harness(miette::miette!("{error}")))?;
    let quiet = cli.quiet;
    let progress: firedrill_environment::Progress = std::sync::Arc::new(move |text: &str| {
        if !quiet {
            eprintln!("firedrill: {text}");
        }
    });
    runtime
        .block_on(firedrill_environment::postgres::choose(wanted, Some(&progress)))
        .map_err(|error| {
            Failure::Input(miette::miette!(
                help = "`firedrill doctor` tells what this machine has",
                "{error}"
            ))
        })
}

fn versions(build: &Build) -> BTreeMap<String, String> {
    let system = rustix::system::uname();
    let origin = match &build.origin {
        Origin::System => "of this machine".to_owned(),
        Origin::Given => "from the directory that was named".to_owned(),
        Origin::Fetched {
            source, archive_sha256, ..
        } => format!("fetched from {source}, archive SHA-256 {archive_sha256}"),
    };
    BTreeMap::from([
        (
            "postgres".to_owned(),
            format!("{}, {origin}, server SHA-256 {}", build.version, build.sha256),
        ),
        ("firedrill".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("kernel".to_owned(), system.release().to_string_lossy().into_owned()),
        ("machine".to_owned(), system.machine().to_string_lossy().into_owned()),
    ])
}

/// How a drill ended, apart from its verdict.
struct Played {
    /// Everything that is judged was recorded.
    to_the_end: bool,
    /// What the harness could not do.
    failure: Option<Failure>,
}

/// Plays the drill and takes it down, whatever happens.
fn play(script: Script, digest: &str, cli: &Cli) -> Result<Played, Failure> {
    let failed = |error: io::Error| Failure::Harness(miette::miette!("{error}"));
    let directory = script.directory.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let recorder = Recorder::open(&directory, digest).map_err(failed)?;
    let telling = match (cli.quiet, cli.verbose) {
        (true, _) => Telling::Quiet,
        (false, 0) => Telling::Story,
        (false, _) => Telling::Everything,
    };
    let (ended, problems) = runtime.block_on(async {
        let mut drill =
            Drill::new(script, recorder.clone()).map_err(|error| Failure::Input(miette::miette!("{error}")))?;
        let view = tell(telling, recorder.watch(), drill.live());
        let mut interrupts = interrupts().map_err(failed)?;
        let mut interrupted = None;
        let ended = tokio::select! {
            ended = drill.play() => Some(ended),
            signal = interrupts.recv() => {
                interrupted = Some(signal.unwrap_or("a signal").to_owned());
                None
            }
        };
        if ended.is_none() && !cli.quiet {
            say("firedrill: ending in order; once more to end at once");
        }
        // A second Ctrl-C ends at once: what is left is the supervisor's to clean up. The first may come only now.
        let mut patience = u8::from(ended.is_some());
        let impatient = tokio::spawn(async move {
            while interrupts.recv().await.is_some() {
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
                help = "make room there, or choose another folder with --output DIR",
                "the evidence cannot be written into {}: {error}; this drill has no verdict",
                directory.display()
            ))
        })?;
        let _ = view.await;
        Ok::<_, Failure>((ended, problems))
    })?;
    for problem in &problems {
        say(&format!("firedrill: while cleaning up: {problem}"));
    }
    let to_the_end = matches!(ended, Some(Ok(())));
    let failure = match ended {
        None => None,
        Some(Ok(())) if problems.is_empty() => None,
        Some(Ok(())) => Some(Failure::Harness(miette::miette!(
            help = format!("see `firedrill clean`; the evidence is in {}", directory.display()),
            "the drill could not be cleaned up"
        ))),
        Some(Err(DrillError::CannotRun(why))) => Some(Failure::Skipped(miette::miette!(
            help = format!("its output is in {}", directory.join("logs").display()),
            "skipped: a command of the scenario cannot run here: {why}"
        ))),
        Some(Err(error)) => Some(Failure::Harness(miette::miette!(
            help = format!(
                "what happened up to then is in {}; the services' logs are in its logs/",
                directory.display()
            ),
            "the drill could not be played: {error}"
        ))),
    };
    Ok(Played { to_the_end, failure })
}

/// Signals that end a drill in order, in words and as they come.
fn interrupts() -> io::Result<tokio::sync::mpsc::Receiver<&'static str>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut signals = [
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
    ];
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    tokio::spawn(async move {
        loop {
            let [interrupt, terminate, hangup] = &mut signals;
            let signal = tokio::select! {
                _ = interrupt.recv() => "a person (SIGINT)",
                _ = terminate.recv() => "someone who asked it to end (SIGTERM)",
                _ = hangup.recv() => "the end of its terminal (SIGHUP)",
            };
            if sender.send(signal).await.is_err() {
                break;
            }
        }
    });
    Ok(receiver)
}

/// Files below `logs/`, for the closing event. Supervise's own log may still grow when all else is closed: it is
/// covered by the manifest alone.
fn log_files(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory.join("logs"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name != "supervise.log")
        .map(|name| format!("logs/{name}"))
        .collect();
    names.sort();
    names
}

/// Judges what was recorded, and writes renderings and manifest.
fn conclude(directory: &Path) -> Result<JudgedRun, Failure> {
    let unjudged = |error| Failure::Harness(miette::miette!("what was recorded cannot be judged: {error}"));
    let unwritten = |error: io::Error| Failure::Harness(miette::miette!("the verdict cannot be written: {error}"));
    let run = JudgedRun::read_fresh(directory).map_err(unjudged)?;
    for (name, bytes) in run.renderings() {
        run_directory::write(directory, name, &bytes).map_err(unwritten)?;
    }
    run_directory::write_manifest(directory).map_err(unwritten)?;
    Ok(run)
}

/// On a code host's pipeline the summary and annotations are written without asking.
fn on_ci(run: &JudgedRun) {
    let Some(summary) = std::env::var_os("GITHUB_STEP_SUMMARY").map(PathBuf::from) else {
        return;
    };
    let markdown = firedrill_reports::markdown(&run.report());
    let appended = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(&summary)
        .and_then(|mut file| io::Write::write_all(&mut file, markdown.as_bytes()));
    if let Err(error) = appended {
        say(&format!("firedrill: the step summary cannot be written: {error}"));
    }
    for finding in &run.judged.verdict.findings {
        if finding.outcome == firedrill_core::Outcome::Fail {
            let text = finding
                .because
                .replace('%', "%25")
                .replace('\r', "%0D")
                .replace('\n', "%0A");
            say(&format!("::error title={}::{text}", finding.title));
        }
    }
}

fn hold_to_expectation(
    verdict: &Verdict,
    findings: &BTreeMap<String, firedrill_core::Outcome>,
    exit: u8,
) -> Result<u8, Failure> {
    let mut wrong = Vec::new();
    if verdict.exit_code() != exit {
        wrong.push(format!("exit code {}, expected {exit}", verdict.exit_code()));
    }
    for (id, expected) in findings {
        match verdict.findings.iter().find(|finding| finding.id == *id) {
            Some(finding) if finding.outcome == *expected => {}
            Some(finding) => wrong.push(format!("{id}: {:?}, expected {expected:?}", finding.outcome)),
            None => wrong.push(format!("{id}: no such finding, expected {expected:?}")),
        }
    }
    if wrong.is_empty() {
        return Ok(0);
    }
    eprintln!("firedrill: not what the scenario expects: {}", wrong.join("; "));
    Ok(1)
}

fn choice(arguments: &PostgresArguments) -> Result<PostgresChoice, Failure> {
    let source = match arguments.postgres.as_str() {
        "auto" => Source::Auto,
        "system" => Source::System,
        "fetch" => Source::Fetch,
        directory if directory.contains('/') || directory == "." => Source::Directory(PathBuf::from(directory)),
        other => {
            return Err(Failure::Input(miette::miette!(
                help = "expected auto, system, fetch, or a directory with a `/` in it that holds bin/postgres",
                "--postgres: found `{other}`"
            )));
        }
    };
    Ok(PostgresChoice {
        source,
        major: arguments.pg_version,
        offline: arguments.offline,
    })
}

fn random_u64() -> io::Result<u64> {
    let mut bytes = [0; 8];
    io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut bytes)?;
    // The highest bit is left out: JSON readers elsewhere keep 63 bits at best.
    Ok(u64::from_le_bytes(bytes) >> 1)
}
