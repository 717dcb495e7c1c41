//! Which scenarios belong to a suite. Data decides: a scenario says which drills of its plan it is (`duties`), the plan
//! says how often it wants those, and a scenario may name suites besides (`suites`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use firedrill_core::Plan;
use firedrill_core::calendar::{Cadence, Rhythm};
use firedrill_core::document::{Holds, holds};
use firedrill_core::plan::{DrillDuty, Figure};
use firedrill_core::resolve::resolve;
use firedrill_core::suite::NotDrilled;

use crate::command::Failure;
use crate::library::{self, Loaded, PLANS, SCENARIOS};

/// More files of a folder than this are no scenarios that one suite could run.
const FILES_MAX: usize = 1_000;

/// A drill of a suite.
#[derive(Clone, Debug)]
pub struct Selected {
    /// What `firedrill run` takes: a shipped name or a file.
    pub argument: String,
    /// Its full name.
    pub name: String,
    /// Its plan.
    pub plan: String,
    /// What happens in it.
    pub summary: String,
    /// The plan's duties of this cadence that it serves.
    pub duties: Vec<String>,
    /// The exit code that it expects.
    pub expected_exit: u8,
}

/// What a suite consists of.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Plans whose calendars were looked at, by name.
    pub plans: Vec<String>,
    /// Its drills, in order of their names.
    pub drills: Vec<Selected>,
    /// Duties of that cadence that no scenario serves.
    pub not_drilled: Vec<NotDrilled>,
}

/// The rhythm of a duty; `None` where the plan states none.
#[must_use]
pub fn rhythm(duty: &DrillDuty) -> Option<Rhythm> {
    let every = duty.every.as_ref().and_then(Figure::value).copied();
    let rule = duty.when.and_then(|when| when.rule().ok());
    // A plan whose interval and rule do not fit was refused when it was read.
    Rhythm::of(every, rule).ok().flatten()
}

/// A scenario that may be chosen, with the argument that names it.
pub(super) type Candidate = (String, Loaded);

/// Plans to look at and scenarios to choose from, as the command line names them.
///
/// # Errors
/// [`Failure::Input`]: a name, file or folder that is not there, or a mistake in a file.
pub fn load(plans: &[String], scenarios: &[String]) -> Result<(Vec<Plan>, Vec<Candidate>), Failure> {
    let arguments = if scenarios.is_empty() {
        SCENARIOS.iter().map(|shipped| shipped.name.to_owned()).collect()
    } else {
        files(scenarios)?
    };
    let mut candidates = Vec::new();
    for argument in arguments {
        let loaded = library::load(&argument)?;
        candidates.push((argument, loaded));
    }
    let mut wanted: Vec<Plan> = Vec::new();
    let mut add = |plan: Plan| {
        if wanted.iter().all(|known| known.plan != plan.plan) {
            wanted.push(plan);
        }
    };
    if !plans.is_empty() {
        for plan in plans {
            add(library::load_plan(plan)?.value);
        }
    } else if scenarios.is_empty() {
        for shipped in PLANS {
            add(library::load_plan(shipped.name)?.value);
        }
    } else {
        for (_, loaded) in &candidates {
            add(loaded.plan.value.clone());
        }
    }
    candidates.retain(|(_, loaded)| wanted.iter().any(|plan| plan.plan == loaded.plan.value.plan));
    Ok((wanted, candidates))
}

/// The drills of a suite.
///
/// # Errors
/// As [`load`]; and a scenario that makes no drill, for a suite must not be smaller than it looks.
pub fn select(cadence: Cadence, plans: &[String], scenarios: &[String]) -> Result<Selection, Failure> {
    let (plans, candidates) = load(plans, scenarios)?;
    let mut selection = Selection {
        plans: plans.iter().map(|plan| plan.plan.clone()).collect(),
        ..Selection::default()
    };
    let mut served = BTreeSet::new();
    for (argument, loaded) in candidates {
        let plan = &loaded.plan.value;
        let mut duties: Vec<String> = plan
            .drills
            .iter()
            .filter(|duty| loaded.scenario.value.duties.contains(&duty.what))
            .filter(|duty| rhythm(duty).is_some_and(|rhythm| rhythm.cadence() == cadence))
            .map(|duty| duty.what.clone())
            .collect();
        // A plan may demand the same twice, in two places.
        duties.sort();
        duties.dedup();
        if duties.is_empty() && !loaded.scenario.value.suites.contains(&cadence) {
            continue;
        }
        let (scenario, terms) = resolve(plan, &loaded.scenario.value, loaded.twin.as_deref())
            .map_err(|unsound| Failure::Input(loaded.draw(unsound)))?;
        if loaded.twin.is_none() {
            served.extend(duties.iter().map(|duty| (plan.plan.clone(), duty.clone())));
        }
        selection.drills.push(Selected {
            argument,
            name: terms.scenario,
            plan: plan.plan.clone(),
            summary: scenario.summary,
            duties,
            expected_exit: scenario.expect.exit,
        });
    }
    selection.drills.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(pair) = selection.drills.windows(2).find(|pair| pair[0].name == pair[1].name) {
        return Err(Failure::Input(miette::miette!(
            help = "give one of them another `scenario:` name, or leave it out",
            "two scenarios are called {}: {} and {}",
            pair[0].name,
            pair[0].argument,
            pair[1].argument
        )));
    }
    for plan in &plans {
        for duty in &plan.drills {
            let wanted = rhythm(duty).is_some_and(|rhythm| rhythm.cadence() == cadence);
            if wanted && !served.contains(&(plan.plan.clone(), duty.what.clone())) {
                selection.not_drilled.push(NotDrilled {
                    plan: plan.plan.clone(),
                    what: duty.what.clone(),
                });
            }
        }
    }
    selection.not_drilled.sort();
    selection.not_drilled.dedup();
    Ok(selection)
}

/// Whether a file of a folder is none of its scenarios, but what stands beside them: a plan, or firedrill's own settings.
fn belongs_beside(path: &Path) -> Result<bool, Failure> {
    let settings = path.file_name().is_some_and(|name| name == crate::config::HERE);
    Ok(settings || holds(&library::read(path)?) == Holds::Plan)
}

/// Folders become the scenario files in them, in order; plans among them are passed over.
fn files(arguments: &[String]) -> Result<Vec<String>, Failure> {
    let mut all = Vec::new();
    for argument in arguments {
        let folder = Path::new(argument);
        if !folder.is_dir() {
            all.push(argument.clone());
            continue;
        }
        let unreadable = |error| Failure::Input(miette::miette!("{argument} cannot be listed: {error}"));
        let mut found: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let yaml = path
                .extension()
                .is_some_and(|extension| extension == "yaml" || extension == "yml");
            if yaml && !belongs_beside(&path)? {
                found.push(path);
            }
            if found.len() > FILES_MAX {
                return Err(Failure::Input(miette::miette!(
                    "{argument} holds more than {FILES_MAX} files: name the scenarios"
                )));
            }
        }
        if found.is_empty() {
            return Err(Failure::Input(miette::miette!(
                help = "scenarios are files that end in .yaml",
                "the folder {argument} holds no scenario"
            )));
        }
        found.sort();
        all.extend(found.into_iter().map(|path| path.to_string_lossy().into_owned()));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_beside_its_scenario_is_passed_over_and_refused_where_it_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        for (name, text) in [
            ("plan.yaml", "plan: bakery\ncomponents: {}\ndisasters: {}\n"),
            ("firedrill.yaml", "output: elsewhere\n"),
            ("scenario.yaml", "scenario: server-gone\nplan: plan.yaml\n"),
            ("broken.yaml", "scenaro: misspelt\n"),
        ] {
            std::fs::write(path(name), text).expect("a file");
        }
        let found = files(&[folder.path().to_string_lossy().into_owned()]).expect("a folder of scenarios");
        assert_eq!(found, [path("broken.yaml"), path("scenario.yaml")]);
        let named = files(&[path("plan.yaml")]).expect("what is named is left as it is");
        assert_eq!(named, [path("plan.yaml")]);
    }
}
