//! What a drill is started with: plan, scenario and settings, which Postgres, where it stops on its way. The same
//! rehearsal can be performed any number of times; each time is a run of its own.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use firedrill_core::evidence::{InputDocument, RUN_SCHEMA, RunInputs};
use firedrill_core::scenario::Expectation;
use firedrill_core::{Plan, Scenario, Terms};
use firedrill_environment::containers::{self, Image, ImageNames};
use firedrill_environment::{Build, Containers, EnvironmentError, Origin, PostgresChoice, Source};

use crate::build::{self, ITSELF, PROGRAM};
use crate::cli::Cli;
use crate::command::Failure;
use crate::drill::{Recalled, Script, Stops};
use crate::judged::JudgedRun;
use crate::library::{self, ToolFile};
use crate::matrix::{self, Offer};
use crate::performance::{conclude, perform};
use crate::run_directory::{self, InUse};
use crate::view::{Telling, say};

/// See the module.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// The plan.
    pub plan: Plan,
    /// Its text.
    pub plan_text: String,
    /// The scenario, its twin's sections and the settings in place.
    pub scenario: Scenario,
    /// The text of its file.
    pub scenario_text: String,
    /// What both demand.
    pub terms: Terms,
    /// The twin, and values put in place of the scenario's own.
    pub settings: BTreeMap<String, String>,
    /// Files that the scenario's own commands use.
    pub tools: Vec<ToolFile>,
    /// Where it runs.
    pub environment: String,
    /// Which Postgres.
    pub build: Build,
    /// The engine and its images, where services are containers.
    pub containers: Option<Containers>,
    /// Whether nothing may be fetched.
    pub offline: bool,
    /// Folder of run directories.
    pub output: PathBuf,
    /// Leave everything up at the end.
    pub keep: bool,
    /// Where it pauses or ends early.
    pub stops: Stops,
    /// Values of an earlier run in place of fresh choices.
    pub recalled: Option<Recalled>,
}

/// One run of a rehearsal.
pub struct Run {
    /// Its directory.
    pub directory: PathBuf,
    /// Its verdict.
    pub judged: JudgedRun,
    /// What the harness could not do although everything that is judged was recorded.
    pub failure: Option<Failure>,
}

impl Rehearsal {
    /// What a run must end with, as the scenario says.
    #[must_use]
    pub fn expectation(&self) -> &Expectation {
        &self.scenario.expect
    }

    /// Performs it once; whatever happens, the evidence up to then is sealed and judged.
    ///
    /// # Errors
    /// When it could not be played to where it was to end.
    pub fn perform(&self, seed: u64, telling: Telling) -> Result<Run, Failure> {
        let id = u64::from(std::process::id()) ^ random_u64()?;
        self.can_run()?;
        let name = run_directory::run_name(&self.terms.scenario, (seed ^ id) as u16);
        let directory = self.output.join(&name);
        let inputs = self.inputs(&name, seed);
        let made =
            run_directory::create(&directory, &inputs).and_then(|digest| Ok((digest, InUse::claim(&directory)?)));
        let made = made.and_then(|made| library::keep(&self.tools, &directory).map(|()| made));
        let (digest, _in_use) = made.map_err(|error| {
            Failure::Input(miette::miette!(
                help = "choose a folder that can be written with --output DIR",
                "the run directory {} cannot be made: {error}",
                directory.display()
            ))
        })?;
        let script = self.script(seed, directory.clone())?;
        let performed = perform(script, &digest, telling, async |drill| drill.play().await)?;
        let judged = conclude(&directory);
        match (performed.outcome, performed.failure) {
            (Some(()), failure) => Ok(Run {
                directory,
                judged: judged?,
                failure,
            }),
            (None, Some(failure)) => Err(failure),
            (None, None) => {
                judged?;
                say(&format!(
                    "firedrill: interrupted; the evidence up to then is in {}",
                    directory.display()
                ));
                Err(Failure::Interrupted)
            }
        }
    }

    /// What one drill is played from.
    ///
    /// # Errors
    /// When this program cannot find itself.
    pub fn script(&self, seed: u64, directory: PathBuf) -> Result<Script, Failure> {
        let binary = PathBuf::from(ITSELF);
        binary
            .metadata()
            .map_err(|error| Failure::Harness(miette::miette!("this program cannot find itself: {error}")))?;
        Ok(Script {
            plan: self.plan.clone(),
            scenario: self.scenario.clone(),
            terms: self.terms.clone(),
            seed,
            binary,
            postgres: PostgresChoice {
                source: Source::Directory(self.build.directory.clone()),
                major: Some(self.build.major),
                offline: self.offline,
            },
            containers: self.containers.clone(),
            keep: self.keep,
            directory,
            tools: self.tools.clone(),
            stops: self.stops.clone(),
            recalled: self.recalled.clone(),
        })
    }

    /// What a run of this name is started with, for its `run.json`.
    #[must_use]
    pub fn inputs(&self, name: &str, seed: u64) -> RunInputs {
        RunInputs {
            schema: RUN_SCHEMA,
            run: name.to_owned(),
            started: run_directory::utc_now(),
            plan: InputDocument::of(&self.terms.plan, &self.plan_text),
            scenario: InputDocument::of(&self.terms.scenario, &self.scenario_text),
            plan_text: self.plan_text.clone(),
            scenario_text: self.scenario_text.clone(),
            settings: self.settings.clone(),
            terms: self.terms.clone(),
            seed,
            environment: self.environment.clone(),
            versions: versions(&self.build)
                .into_iter()
                .chain(self.containers.iter().flat_map(images))
                .chain(library::digests(&self.tools))
                .collect(),
        }
    }

    /// Whether the scenario's own commands have their files, and the machine what they need.
    fn can_run(&self) -> Result<(), Failure> {
        if let Some(bad) = library::bad_words(&self.scenario, &self.tools).into_iter().next() {
            return Err(Failure::Input(miette::miette!(
                help = format!("{}; `firedrill scenario check` shows every such place", bad.help),
                "{}",
                bad.what
            )));
        }
        if let Some(containers) = self
            .containers
            .as_ref()
            .filter(|containers| !containers.lacking.is_empty())
        {
            return Err(Failure::Skipped(miette::miette!(
                help = "name an image that has them with --postgres-image, or run a scenario that needs none",
                "skipped: the scenario needs programs that the image {} lacks: {}",
                containers.postgres.name,
                containers.lacking.join(", ")
            )));
        }
        let missing = match self.containers {
            Some(_) => Vec::new(),
            None => library::missing_programs(&self.scenario),
        };
        if !missing.is_empty() {
            return Err(Failure::Skipped(miette::miette!(
                help = "install them (`./ci/setup` does, on Debian), or run a scenario that needs none",
                "skipped: the scenario needs programs that are not on PATH: {}",
                missing.join(", ")
            )));
        }
        Ok(())
    }
}

/// The Postgres that is asked for, found or fetched before anything of a run exists.
///
/// # Errors
/// When there is none.
pub fn find_postgres(wanted: &PostgresChoice, cli: &Cli) -> Result<Build, Failure> {
    found(cli, async |progress| {
        firedrill_environment::postgres::choose(wanted, Some(progress)).await
    })
}

/// The Postgres that is asked for, and the engine and its images where services are containers.
///
/// # Errors
/// When any of them is not there.
pub fn find_ground(
    environment: &Offer,
    wanted: &PostgresChoice,
    images: &ImageNames,
    needs: &[String],
    cli: &Cli,
) -> Result<(Build, Option<Containers>), Failure> {
    if environment.name != matrix::CONTAINERS {
        if images.toxiproxy.is_some() {
            return Err(Failure::Input(miette::miette!(
                help = "add `--environment containers`, or leave --links out",
                "--links toxiproxy carries links between containers, and the environment is `{}`",
                environment.name
            )));
        }
        return find_postgres(wanted, cli).map(|build| (build, None));
    }
    if !matches!(wanted.source, Source::Auto) {
        return Err(Failure::Input(miette::miette!(
            help = "leave it out, and name an image with --postgres-image where the usual one will not do",
            "--postgres chooses among this machine's, and containers take theirs from an image"
        )));
    }
    let containers = found(cli, async |progress| {
        containers::choose(images, needs, wanted, Some(progress)).await
    })?;
    Ok((containers.build.clone(), Some(containers)))
}

fn found<T>(
    cli: &Cli,
    find: impl AsyncFnOnce(&firedrill_environment::Progress) -> Result<T, EnvironmentError>,
) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Harness(miette::miette!("{error}")))?;
    let quiet = cli.quiet;
    let progress: firedrill_environment::Progress = std::sync::Arc::new(move |text: &str| {
        if !quiet {
            say(&format!("firedrill: {text}"));
        }
    });
    runtime.block_on(find(&progress)).map_err(no_postgres)
}

/// What was asked for badly, or what of this machine failed.
fn no_postgres(error: EnvironmentError) -> Failure {
    let report = miette::miette!(help = "`firedrill doctor` tells what this machine has", "{error}");
    match error {
        EnvironmentError::Missing(_) | EnvironmentError::Invalid(_) => Failure::Input(report),
        _ => Failure::Harness(report),
    }
}

/// What of an engine goes into the evidence.
fn images(containers: &Containers) -> Vec<(String, String)> {
    let image = |image: &Image| format!("{}, {}", image.name, image.id);
    let links = match &containers.toxiproxy {
        Some(toxiproxy) => format!("Toxiproxy, {}", image(toxiproxy)),
        None => "firedrill's own".to_owned(),
    };
    vec![
        ("links".to_owned(), links),
        ("container engine".to_owned(), containers.engine.clone()),
        ("image of postgres".to_owned(), image(&containers.postgres)),
        ("image of the application".to_owned(), image(&containers.app)),
    ]
}

fn versions(postgres: &Build) -> BTreeMap<String, String> {
    let system = rustix::system::uname();
    let origin = match &postgres.origin {
        Origin::System => "of this machine".to_owned(),
        Origin::Given => "from the directory that was named".to_owned(),
        Origin::Image => "of the image".to_owned(),
        Origin::Fetched {
            source, archive_sha256, ..
        } => format!("fetched from {source}, archive SHA-256 {archive_sha256}"),
    };
    BTreeMap::from([
        (
            "postgres".to_owned(),
            format!("{}, {origin}, server SHA-256 {}", postgres.version, postgres.sha256),
        ),
        (PROGRAM.to_owned(), build::named()),
        ("kernel".to_owned(), system.release().to_string_lossy().into_owned()),
        ("machine".to_owned(), system.machine().to_string_lossy().into_owned()),
    ])
}

/// A random number for a seed.
///
/// # Errors
/// When the system gives none.
pub fn random_u64() -> Result<u64, Failure> {
    let mut bytes = [0; 8];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| io::Read::read_exact(&mut file, &mut bytes))
        .map_err(|error| Failure::Harness(miette::miette!("no random numbers: {error}")))?;
    // The highest bit is left out: JSON readers elsewhere keep 63 bits at best.
    Ok(u64::from_le_bytes(bytes) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_full_is_no_bad_usage() {
        let full = EnvironmentError::Command {
            what: "unpacking".into(),
            detail: "No space left on device".into(),
        };
        assert!(matches!(no_postgres(full), Failure::Harness(_)));
        let none = EnvironmentError::Missing("Postgres 17 was not found".into());
        assert!(matches!(no_postgres(none), Failure::Input(_)));
    }
}
