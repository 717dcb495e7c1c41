//! From plan and scenario to the terms of a drill: every figure that is judged, with where it is from.
//!
//! What the plan writes is taken as written; where it is silent a default stands in, and is listed as assumed. Nothing
//! is resolved from a plan or scenario that does not make sense: all its mistakes are told at once instead.

use std::collections::HashSet;
use std::fmt;

use crate::document::{Mistake, Place, Severity};
use crate::plan::Plan;
use crate::scenario::Scenario;
use crate::terms::Terms;

mod altered;
mod aside;
mod criteria;
mod damage;
mod doubts;
mod drill;
mod expectation;
mod faults;
mod held;
mod limits;
mod loopholes;
mod monitor;
mod moving;
mod own;
mod scope;
mod soundness;
mod steps;
#[cfg(test)]
mod tests;
mod tiers;
mod traffic;
mod written;

pub use altered::{AlteredError, BadSetting, TWIN, resolve_altered};
pub use limits::{DEFAULT_CHECKS, EFFECT_CHECK};
pub use tiers::SAMPLE_SERVICES;

use drill::Drill;

/// Plan or scenario do not make sense together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsound {
    /// Mistakes in the plan's file.
    pub plan: Vec<Mistake>,
    /// Mistakes in the scenario's file.
    pub scenario: Vec<Mistake>,
}

impl fmt::Display for Unsound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plan and scenario do not make a drill")?;
        for (file, mistakes) in [("plan", &self.plan), ("scenario", &self.scenario)] {
            for mistake in mistakes.iter().filter(|mistake| mistake.severity == Severity::Error) {
                write!(f, "; {file}, {}: {} ({})", mistake.place, mistake.what, mistake.help)?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Unsound {}

/// The scenario with its twin's sections and all defaults filled in, and the terms of the drill.
///
/// In the scenario that comes back `tiers` maps every service of the load to its tier, `load.canary` is raised to 20
/// writes per RPO of plan time, WAL shipping has its `archive_timeout`, and `twins` is empty. `Terms::tiers[].services`
/// are the same services of the application.
///
/// # Errors
/// All mistakes of plan and scenario; warnings do not prevent a drill.
pub fn resolve(plan: &Plan, scenario: &Scenario, twin: Option<&str>) -> Result<(Scenario, Terms), Unsound> {
    let plan_mistakes = errors(plan.mistakes());
    if !plan_mistakes.is_empty() {
        return Err(Unsound {
            plan: plan_mistakes,
            scenario: Vec::new(),
        });
    }
    let drill = match Drill::of(plan, scenario, twin) {
        Ok(drill) => drill,
        Err(mistake) => {
            return Err(Unsound {
                plan: Vec::new(),
                scenario: vec![mistake],
            });
        }
    };
    let mistakes = errors(soundness::mistakes(&drill));
    if !mistakes.is_empty() {
        return Err(Unsound {
            plan: Vec::new(),
            scenario: mistakes,
        });
    }
    let terms = limits::terms(&drill);
    Ok((drill.scenario, terms))
}

/// All mistakes and doubts of a scenario and of its twins, each once; the plan is taken to be sound.
#[must_use]
pub fn examine(plan: &Plan, scenario: &Scenario) -> Vec<Mistake> {
    let mut all: Vec<Mistake> = Vec::new();
    let mut known: HashSet<Mistake> = HashSet::new();
    let twins = scenario.twins.keys().map(|name| Some(name.as_str()));
    for twin in std::iter::once(None).chain(twins) {
        match Drill::of(plan, scenario, twin) {
            Ok(drill) => {
                let mut found = soundness::mistakes(&drill);
                if found.iter().all(|mistake| mistake.severity == Severity::Warning) {
                    found.extend(doubts::doubts(&drill));
                }
                for mistake in found {
                    if known.insert(mistake.clone()) {
                        all.push(mistake);
                    }
                }
            }
            Err(mistake) => all.push(mistake),
        }
    }
    for (name, twin) in &scenario.twins {
        if twin.instead == crate::scenario::Instead::default() {
            all.push(Mistake::new(
                Place::of("twins").then(name).then("instead"),
                format!("the twin `{name}` differs in nothing"),
                "replaces no section",
                "name at least one section of the scenario with what stands there instead",
            ));
        }
    }
    all
}

fn errors(mut mistakes: Vec<Mistake>) -> Vec<Mistake> {
    mistakes.retain(|mistake| mistake.severity == Severity::Error);
    mistakes
}
