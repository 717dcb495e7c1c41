//! Plans and scenarios by name: those shipped in this program, and files of the user's own.
//!
//! A name is looked up among the shipped ones; what ends in `.yaml` or `.yml` is a file, and a path inside a file is
//! relative to that file.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use firedrill_core::document::{
    BYTES_MAX, Holds, Mistake, Parsed, Place, Source, holds, nearest, parse_plan, parse_scenario,
};
use firedrill_core::resolve::Unsound;
use firedrill_core::{Plan, Scenario};

use crate::command::Failure;

mod tools;
mod words;

pub use tools::{TOOLS, ToolFile, digests, keep, kept, missing_programs};
pub use words::{BadWord, bad_words, mistakes as bad_commands};

/// A file that comes with this program.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// `PLAN`, or `PLAN/SCENARIO`.
    pub name: &'static str,
    /// Its place in the repository.
    pub path: &'static str,
    /// All of it.
    pub text: &'static str,
}

macro_rules! shipped {
    ($name:literal, $path:literal) => {
        Shipped {
            name: $name,
            path: $path,
            text: include_str!(concat!("../../../", $path)),
        }
    };
}

/// The shipped plans.
pub const PLANS: &[Shipped] = &[
    shipped!("bmf001", "fixtures/plans/bmf001.yaml"),
    shipped!("cibozer", "fixtures/plans/cibozer.yaml"),
    shipped!("concierge", "fixtures/plans/concierge.yaml"),
    shipped!("samia-tarot", "fixtures/plans/samia-tarot.yaml"),
    shipped!("samia-tarot-failover", "fixtures/plans/samia-tarot-failover.yaml"),
];

/// The shipped scenarios.
pub const SCENARIOS: &[Shipped] = &[
    shipped!("bmf001/human-error-merge", "scenarios/bmf001/human-error-merge.yaml"),
    shipped!(
        "bmf001/human-error-point-in-time",
        "scenarios/bmf001/human-error-point-in-time.yaml"
    ),
    shipped!("bmf001/human-error-undo", "scenarios/bmf001/human-error-undo.yaml"),
    shipped!(
        "cibozer/database-loss-as-written",
        "scenarios/cibozer/database-loss-as-written.yaml"
    ),
    shipped!("cibozer/files-of-a-range", "scenarios/cibozer/files-of-a-range.yaml"),
    shipped!(
        "concierge/database-loss-as-written",
        "scenarios/concierge/database-loss-as-written.yaml"
    ),
    shipped!(
        "samia-tarot-failover/backup-of-corrupt-database",
        "scenarios/samia-tarot-failover/backup-of-corrupt-database.yaml"
    ),
    shipped!(
        "samia-tarot-failover/database-failure",
        "scenarios/samia-tarot-failover/database-failure.yaml"
    ),
    shipped!(
        "samia-tarot-failover/database-failure-pgbackrest",
        "scenarios/samia-tarot-failover/database-failure-pgbackrest.yaml"
    ),
    shipped!(
        "samia-tarot-failover/database-failure-shell",
        "scenarios/samia-tarot-failover/database-failure-shell.yaml"
    ),
    shipped!(
        "samia-tarot-failover/gameday-database-corruption",
        "scenarios/samia-tarot-failover/gameday-database-corruption.yaml"
    ),
    shipped!(
        "samia-tarot-failover/gameday-database-corruption-pgbackrest",
        "scenarios/samia-tarot-failover/gameday-database-corruption-pgbackrest.yaml"
    ),
    shipped!(
        "samia-tarot-failover/gameday-database-corruption-shell",
        "scenarios/samia-tarot-failover/gameday-database-corruption-shell.yaml"
    ),
    shipped!(
        "samia-tarot-failover/network-partition",
        "scenarios/samia-tarot-failover/network-partition.yaml"
    ),
    shipped!(
        "samia-tarot-failover/wrong-update",
        "scenarios/samia-tarot-failover/wrong-update.yaml"
    ),
    shipped!(
        "samia-tarot/backup-too-old",
        "scenarios/samia-tarot/backup-too-old.yaml"
    ),
    shipped!(
        "samia-tarot/database-failure-as-written",
        "scenarios/samia-tarot/database-failure-as-written.yaml"
    ),
    shipped!(
        "samia-tarot/newest-backup-corrupt",
        "scenarios/samia-tarot/newest-backup-corrupt.yaml"
    ),
    shipped!("samia-tarot/object-lost", "scenarios/samia-tarot/object-lost.yaml"),
];

/// A scenario with its plan, both as their files say.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The plan.
    pub plan: Parsed<Plan>,
    /// The scenario.
    pub scenario: Parsed<Scenario>,
    /// The twin that was asked for; whether it exists is found out by resolving.
    pub twin: Option<String>,
    /// Files that the scenario's own commands may use.
    pub tools: Vec<ToolFile>,
}

impl Loaded {
    /// Draws what keeps plan and scenario from making a drill, in the file where it stands.
    #[must_use]
    pub fn draw(&self, unsound: Unsound) -> miette::Report {
        if unsound.plan.is_empty() {
            self.scenario.draw(unsound.scenario).into()
        } else {
            self.plan.draw(unsound.plan).into()
        }
    }
}

/// A scenario by name (`PLAN/SCENARIO`) or file, `:TWIN` behind it or not, with its plan.
///
/// # Errors
/// [`Failure::Input`]: no such name or file, or a mistake in one of the files.
pub fn load(argument: &str) -> Result<Loaded, Failure> {
    let (name, twin) = match argument.rsplit_once(':') {
        Some((name, twin)) if !twin.contains('/') => (name, Some(twin.to_owned())),
        _ => (argument, None),
    };
    if is_file(name) {
        let path = Path::new(name);
        let source = read(path)?;
        let scenario = parse_scenario(source.clone()).map_err(|mistakes| match holds(&source) {
            Holds::Plan => Failure::Input(miette::miette!(
                help = format!(
                    "write a scenario beside it that says `plan: {0}` (`firedrill init DIR` writes one to begin with), and \
                     run that; `firedrill plan check {name}` looks at the plan itself",
                    path.file_name().unwrap_or_default().to_string_lossy()
                ),
                "{name} is a plan, not a scenario: it says what was promised, not what is drilled"
            )),
            Holds::Scenario | Holds::Neither => input(mistakes),
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let plan = plan_of(&scenario, folder)?;
        let tools = tools::beside(&scenario, folder)?;
        return Ok(Loaded {
            plan,
            scenario,
            twin,
            tools,
        });
    }
    let shipped = find(SCENARIOS, name, "scenario")?;
    let scenario = parse_scenario(Source::new(shipped.path, shipped.text)).map_err(input)?;
    let folder = Path::new(shipped.path).parent().unwrap_or(Path::new(""));
    let plan = plan_of(&scenario, folder)?;
    let tools = tools::shipped(folder);
    Ok(Loaded {
        plan,
        scenario,
        twin,
        tools,
    })
}

/// A plan by name or file.
///
/// # Errors
/// [`Failure::Input`]: no such name or file, or a mistake in the file.
pub fn load_plan(argument: &str) -> Result<Parsed<Plan>, Failure> {
    let source = if is_file(argument) {
        read(Path::new(argument))?
    } else {
        let shipped = find(PLANS, argument, "plan")?;
        Source::new(shipped.path, shipped.text)
    };
    parse_plan(source.clone()).map_err(|mistakes| match holds(&source) {
        Holds::Scenario => Failure::Input(miette::miette!(
            help = format!("`firedrill scenario check {argument}` looks at it, `firedrill run {argument}` runs it"),
            "{argument} is a scenario, not a plan"
        )),
        Holds::Plan | Holds::Neither => input(mistakes),
    })
}

/// The plan that a scenario names, at its place where it is not found.
fn plan_of(scenario: &Parsed<Scenario>, folder: &Path) -> Result<Parsed<Plan>, Failure> {
    let name = &scenario.value.plan;
    let at = |mistake: Mistake| Failure::Input(scenario.draw(vec![mistake]).into());
    if is_file(name) {
        let path = folder.join(name);
        if !path.is_file() {
            return Err(at(Mistake::new(
                Place::of("plan"),
                format!("there is no file {}", path.display()),
                "not found",
                "the path is relative to this file; a shipped plan is named without `.yaml` (`firedrill plan list`)",
            )));
        }
        return parse_plan(read(&path)?).map_err(input);
    }
    match PLANS.iter().find(|shipped| shipped.name == name) {
        Some(shipped) => parse_plan(Source::new(shipped.path, shipped.text)).map_err(input),
        None => {
            let known = PLANS.iter().map(|shipped| shipped.name);
            Err(at(Mistake::unknown(Place::of("plan"), "shipped plan", name, known)))
        }
    }
}

fn is_file(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn find(shipped: &'static [Shipped], name: &str, kind: &str) -> Result<&'static Shipped, Failure> {
    if let Some(found) = shipped.iter().find(|shipped| shipped.name == name) {
        return Ok(found);
    }
    let (other, others) = if kind == "scenario" {
        ("plan", PLANS)
    } else {
        ("scenario", SCENARIOS)
    };
    if others.iter().any(|shipped| shipped.name == name) {
        let help = match kind {
            "scenario" => {
                format!("`firedrill scenario list` names its scenarios, `firedrill plan show {name}` prints the plan")
            }
            _ => format!("`firedrill scenario show {name}` prints it, `firedrill run {name}` runs it"),
        };
        return Err(Failure::Input(miette::miette!(
            help = help,
            "{name} is a {other}, not a {kind}"
        )));
    }
    if Path::new(name).is_dir() {
        let file = Path::new(name).join(kind).with_extension("yaml");
        let help = if file.is_file() {
            format!("name the file in it: {}", file.display())
        } else {
            format!("name a {kind} in it: a file that ends in .yaml")
        };
        return Err(Failure::Input(miette::miette!(
            help = help,
            "{name} is a folder, not a {kind}"
        )));
    }
    let near = nearest(name, shipped.iter().map(|shipped| shipped.name))
        .map(|near| format!("did you mean `{near}`? "))
        .unwrap_or_default();
    Err(Failure::Input(miette::miette!(
        help = format!("{near}`firedrill {kind} list` names those shipped; a file of your own ends in .yaml"),
        "there is no {kind} `{name}`"
    )))
}

/// Reads a file; a little more than the limit at most, so that the parser can refuse it.
pub(crate) fn read(path: &Path) -> Result<Source, Failure> {
    let name = PathBuf::from(path).display().to_string();
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            Failure::Input(miette::miette!(
                help = "check the path; it is relative to the folder that firedrill is started in",
                "{name} cannot be read: {error}"
            ))
        })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        Failure::Input(miette::miette!(
            help = "plans and scenarios are YAML in UTF-8",
            "{name} is not UTF-8 text: byte {} does not fit",
            error.utf8_error().valid_up_to()
        ))
    })?;
    Ok(Source::new(name, text))
}

fn input(mistakes: firedrill_core::document::Mistakes) -> Failure {
    Failure::Input(mistakes.into())
}

#[cfg(test)]
mod tests {
    use firedrill_core::resolve::resolve;

    use super::*;

    #[test]
    fn every_shipped_file_is_embedded_and_makes_a_drill() {
        for plan in PLANS {
            let parsed = load_plan(plan.name).unwrap_or_else(|failure| panic!("{failure:?}"));
            assert_eq!(parsed.value.plan, plan.name);
        }
        for shipped in SCENARIOS {
            let loaded = load(shipped.name).unwrap_or_else(|failure| panic!("{failure:?}"));
            let name = format!("{}/{}", loaded.plan.value.plan, loaded.scenario.value.scenario);
            assert_eq!(name, shipped.name);
            for twin in std::iter::once(None).chain(loaded.scenario.value.twins.keys().map(Some)) {
                resolve(&loaded.plan.value, &loaded.scenario.value, twin.map(String::as_str))
                    .unwrap_or_else(|unsound| panic!("{unsound}"));
            }
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for (folder, shipped) in [("fixtures/plans", PLANS), ("scenarios", SCENARIOS)] {
            for file in yaml_files(&root.join(folder)) {
                let path = file.strip_prefix(&root).expect("below the root").display().to_string();
                assert!(
                    shipped.iter().any(|one| one.path == path),
                    "{path} is not embedded in library.rs"
                );
            }
        }
    }

    #[test]
    fn a_folder_is_told_with_the_file_in_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = folder.path().to_str().expect("UTF-8");
        let help = || {
            let Err(Failure::Input(report)) = load(name) else {
                panic!("a folder was loaded")
            };
            assert!(report.to_string().contains("is a folder"), "{report}");
            report.help().expect("help").to_string()
        };
        assert!(help().contains("ends in .yaml"), "{}", help());
        std::fs::write(folder.path().join("scenario.yaml"), "").expect("a file");
        assert!(help().contains(&format!("{name}/scenario.yaml")), "{}", help());
    }

    fn yaml_files(folder: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                files.extend(yaml_files(&path));
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                files.push(path);
            }
        }
        files
    }
}
