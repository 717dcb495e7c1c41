//! A scenario with single values put in place of its own, as `--set KEY=VALUE` does: for one run, recorded with it, and
//! said wherever its verdict is printed.
//!
//! The scenario is taken apart into a tree, the value put to its place there, and the tree read back as a scenario: what
//! the file could not hold cannot be set either.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::{Unsound, resolve};
use crate::document::nearest;
use crate::plan::Plan;
use crate::scenario::Scenario;
use crate::terms::Terms;

/// The key of a run's settings that names its twin; all others are places in the scenario.
pub const TWIN: &str = "twin";

/// Longer keys and values are no settings.
const KEY_MAX: usize = 256;
const VALUE_MAX: usize = 64 * 1024;

/// Sections that make another drill of it, or another expectation.
const FIXED: [(&str, &str); 4] = [
    ("scenario", "the name says which drill this is"),
    ("plan", "name a scenario file with that plan instead"),
    (
        "twins",
        "run a twin by its name, `SCENARIO:TWIN`, and set the section itself",
    ),
    ("expect", "what a run must end with is not the run's to choose"),
];

/// A setting that does not fit the scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSetting {
    /// The key, as given.
    pub key: String,
    /// What was found.
    pub what: String,
    /// What was expected, and what to do.
    pub help: String,
}

impl fmt::Display for BadSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--set {}: {} ({})", self.key, self.what, self.help)
    }
}

/// Why an altered scenario makes no drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlteredError {
    /// A setting does not fit.
    Setting(BadSetting),
    /// With the settings in place, plan and scenario do not make sense.
    Unsound(Unsound),
}

impl fmt::Display for AlteredError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AlteredError::Setting(bad) => bad.fmt(f),
            AlteredError::Unsound(unsound) => unsound.fmt(f),
        }
    }
}

impl std::error::Error for AlteredError {}

/// Resolves a scenario with `settings` put in place of its own values: dotted places (`load.rates.payments`,
/// `faults.0.inject.delay.by`; an item of a list by its number or its `name`) to values as the file would hold them. A
/// twin's own sections are altered where the drill is of that twin. The entry [`TWIN`] is passed over.
///
/// # Errors
/// The first setting that does not fit; else as [`resolve`].
pub fn resolve_altered(
    plan: &Plan,
    scenario: &Scenario,
    twin: Option<&str>,
    settings: &BTreeMap<String, String>,
) -> Result<(Scenario, Terms), AlteredError> {
    let mut altered = scenario.clone();
    let mut lines = Vec::new();
    for (key, value) in settings.iter().filter(|(key, _)| *key != TWIN) {
        let (next, before) = set(&altered, twin, key, value).map_err(AlteredError::Setting)?;
        altered = next;
        lines.push(match before {
            Some(before) => format!("{key} = {value} (the scenario says {before})"),
            None => format!("{key} = {value} (the scenario says nothing)"),
        });
    }
    let (scenario, mut terms) = resolve(plan, &altered, twin).map_err(AlteredError::Unsound)?;
    terms.altered = lines;
    Ok((scenario, terms))
}

/// One value set, and what stood there before.
fn set(
    scenario: &Scenario,
    twin: Option<&str>,
    key: &str,
    value: &str,
) -> Result<(Scenario, Option<String>), BadSetting> {
    let bad = |what: String, help: String| BadSetting {
        key: key.chars().take(KEY_MAX).collect(),
        what,
        help,
    };
    if key.len() > KEY_MAX || value.len() > VALUE_MAX {
        let help = format!("at most {KEY_MAX} bytes of key and {VALUE_MAX} of value");
        return Err(bad("it is too long".into(), help));
    }
    if value.trim().is_empty() {
        return Err(bad(
            "nothing stands behind `=`".into(),
            "write the value as the file would hold it, in quotes where it has blanks: `--set steady=\"10 min\"`"
                .into(),
        ));
    }
    let parts: Vec<&str> = key.split('.').collect();
    if let Some((fixed, why)) = FIXED.iter().find(|(name, _)| *name == parts[0]) {
        return Err(bad(format!("`{fixed}` cannot be set"), (*why).to_owned()));
    }
    let value: Value = serde_saphyr::from_str(value).map_err(|_| {
        bad(
            format!("`{value}` is no value"),
            "write it as the file would hold it: `10 min`, `40`, `[a, b]`, `{ key: value }`".into(),
        )
    })?;
    let mut tree = serde_json::to_value(scenario)
        .map_err(|error| bad(error.to_string(), "this scenario cannot be altered".into()))?;
    let mut walk = Walk {
        unknown: None,
        prefix: Vec::new(),
    };
    let root = match twin {
        Some(twin) if !tree["twins"][twin]["instead"][parts[0]].is_null() => &mut tree["twins"][twin]["instead"],
        _ => &mut tree,
    };
    let before = walk.put(root, &parts, value).map_err(|(what, help)| bad(what, help))?;
    match serde_json::from_value(tree) {
        Ok(scenario) => Ok((scenario, before)),
        // A key that was not there and does not belong there; one that belongs there would have been read.
        Err(_) if walk.unknown.is_some() => {
            let (what, help) = walk.unknown.unwrap_or_default();
            Err(bad(what, help))
        }
        Err(error) => {
            let (what, help) = explained(&error.to_string());
            Err(bad(what, help))
        }
    }
}

/// The way to a place, and what was not known on it.
struct Walk {
    unknown: Option<(String, String)>,
    prefix: Vec<String>,
}

impl Walk {
    /// Puts the value at the place; returns what was there, unless nothing was.
    fn put(&mut self, at: &mut Value, parts: &[&str], value: Value) -> Result<Option<String>, (String, String)> {
        let Some((first, rest)) = parts.split_first() else {
            let before = std::mem::replace(at, value);
            return Ok((!before.is_null()).then(|| plain(&before)));
        };
        // What the scenario leaves out may be begun here.
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
        let next = match at {
            Value::Object(keys) => {
                if !keys.contains_key(*first) && self.unknown.is_none() {
                    let known: Vec<&str> = keys.keys().map(String::as_str).collect();
                    self.unknown = Some(unknown(&self.here(), first, &known));
                }
                keys.entry((*first).to_owned()).or_insert(Value::Null)
            }
            Value::Array(items) => {
                let position = |item: &Value| item["name"].as_str() == Some(*first);
                let index = match first.parse::<usize>() {
                    Ok(index) if index < items.len() => Some(index),
                    _ => items.iter().position(position),
                };
                match index {
                    Some(index) => &mut items[index],
                    None => {
                        let names: Vec<&str> = items.iter().filter_map(|item| item["name"].as_str()).collect();
                        let (what, help) = unknown(&self.here(), first, &names);
                        let help = format!(
                            "{help}; an item of this list of {} goes by its number from 0, or its name",
                            items.len()
                        );
                        return Err((what, help));
                    }
                }
            }
            other => {
                return Err((
                    format!("{} is a single value, `{}`", self.here(), plain(other)),
                    format!("leave `.{}` out", parts.join(".")),
                ));
            }
        };
        self.prefix.push((*first).to_owned());
        self.put(next, rest, value)
    }

    fn here(&self) -> String {
        if self.prefix.is_empty() {
            "the scenario".to_owned()
        } else {
            format!("`{}`", self.prefix.join("."))
        }
    }
}

fn unknown(place: &str, found: &str, known: &[&str]) -> (String, String) {
    let help = match nearest(found, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? Known: {}", crate::document::listed(known)),
        None if known.is_empty() => "there is nothing below it".to_owned(),
        None => format!("known: {}", crate::document::listed(known)),
    };
    (format!("{place} has no `{found}`"), help)
}

/// The reader's words, with the nearest of the names that it expected.
fn explained(error: &str) -> (String, String) {
    let help = "write it as the file would hold it; docs/schema/scenario.json tells what that may be".to_owned();
    let Some((what, expected)) = error.split_once(", expected ") else {
        return (error.to_owned(), help);
    };
    let names: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    let found = what.split('`').nth(1).unwrap_or_default();
    match nearest(found, names.iter().copied()) {
        Some(near) => (what.to_owned(), format!("did you mean `{near}`? Expected {expected}")),
        None => (what.to_owned(), format!("expected {expected}")),
    }
}

/// A value in the words of the file.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Source, parse_plan, parse_scenario};

    const PLAN: &str = include_str!("../../../../fixtures/plans/samia-tarot-failover.yaml");
    const SCENARIO: &str = include_str!("../../../../scenarios/samia-tarot-failover/database-failure.yaml");

    fn altered(twin: Option<&str>, settings: &[(&str, &str)]) -> Result<(Scenario, Terms), AlteredError> {
        let plan = parse_plan(Source::new("plan", PLAN)).expect("a plan");
        let scenario = parse_scenario(Source::new("scenario", SCENARIO)).expect("a scenario");
        let settings = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        resolve_altered(&plan.value, &scenario.value, twin, &settings)
    }

    fn refused(key: &str, value: &str) -> String {
        match altered(None, &[(key, value)]) {
            Err(AlteredError::Setting(bad)) => bad.to_string(),
            other => panic!("{key}={value}: {:?}", other.map(|(_, terms)| terms.altered)),
        }
    }

    #[test]
    fn nothing_set_changes_nothing() {
        let plan = parse_plan(Source::new("plan", PLAN)).expect("a plan");
        let scenario = parse_scenario(Source::new("scenario", SCENARIO)).expect("a scenario");
        for twin in [None, Some("archive-off")] {
            let settings = BTreeMap::from([(TWIN.to_owned(), "archive-off".to_owned())]);
            assert_eq!(
                resolve_altered(&plan.value, &scenario.value, twin, &settings).expect("a drill"),
                resolve(&plan.value, &scenario.value, twin).expect("a drill")
            );
        }
    }

    #[test]
    fn a_value_is_set_at_its_place_and_told_with_what_stood_there() {
        let (scenario, terms) = altered(
            None,
            &[
                ("load.rates.payments", "80"),
                ("procedure.steps.restore.deadline", "50 s"),
                ("backup.wal.archive_timeout", "2 min"),
                ("faults.0.inject", "{ kill: { service: database } }"),
                ("load.deadline", "2 s"),
            ],
        )
        .expect("a drill");
        assert_eq!(scenario.load.rates["payments"], 80);
        assert_eq!(
            scenario.procedure.steps[2].deadline,
            Some("50 s".parse().expect("a duration"))
        );
        assert!(matches!(
            scenario.faults[0].inject,
            crate::scenario::FaultKind::Kill { .. }
        ));
        assert_eq!(
            terms.altered,
            [
                "backup.wal.archive_timeout = 2 min (the scenario says 1 min)",
                "faults.0.inject = { kill: { service: database } } (the scenario says {\"lose_data\":{\"service\":\"database\"}})",
                "load.deadline = 2 s (the scenario says nothing)",
                "load.rates.payments = 80 (the scenario says 30)",
                "procedure.steps.restore.deadline = 50 s (the scenario says 40 s)",
            ]
        );
    }

    #[test]
    fn what_a_twin_replaces_is_altered_in_the_twin() {
        let (scenario, _) = altered(Some("archive-off"), &[("backup.wal.broken_after", "3 min")]).expect("a drill");
        let wal = scenario.backup.wal.expect("WAL");
        assert_eq!(wal.broken_after, Some("3 min".parse().expect("a duration")));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_nearest_name() {
        for (key, value, needed) in [
            ("load.canray", "50", "did you mean `canary`?"),
            ("lod.canary", "50", "did you mean `load`?"),
            ("load.canary", "many", "expected u32"),
            ("load.canary.most", "1", "single value"),
            ("faults.database-lots.strikes", "true", "did you mean `database-lost`?"),
            ("faults.7.strikes", "true", "list of 1"),
            ("backup.base.evry", "6 h", "did you mean `every`?"),
            ("steady", "soon", "expected a whole number and a unit"),
            ("steady", " ", "nothing stands behind `=`"),
            ("expect.exit", "0", "not the run's to choose"),
            ("twins.archive-off.expect.exit", "0", "SCENARIO:TWIN"),
            ("plan", "other", "scenario file"),
            ("strike", "someday", "worst_for_rpo"),
        ] {
            let said = refused(key, value);
            assert!(said.contains(needed) && said.contains(key), "{key}={value}: {said}");
        }
    }

    #[test]
    fn what_makes_no_drill_is_refused_as_in_a_file() {
        let unsound = altered(None, &[("load.rates.paymets", "80")]);
        assert!(matches!(unsound, Err(AlteredError::Unsound(_))), "{unsound:?}");
        let milder = altered(None, &[("judging.settle", "5 min")]);
        assert!(matches!(milder, Err(AlteredError::Unsound(_))), "{milder:?}");
    }
}
