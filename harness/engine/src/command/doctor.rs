//! `firedrill doctor`: what this machine can run, what is missing, what to do about it.

use std::path::Path;

use firedrill_environment::doctor::{Standing, examine};
use tabled::builder::Builder;
use tabled::settings::{Modify, Style, Width, object::Columns};

use super::Failure;
use super::output::out;
use super::run::choice;
use crate::cli::{Cli, Doctor};
use crate::library::{self, SCENARIOS};
use crate::matrix::{ENVIRONMENTS, obstacle};

/// Runs the command; exits 0 when drills can run here.
pub fn doctor(doctor: &Doctor, cli: &Cli) -> Result<u8, Failure> {
    let json = super::text_or_json(cli, "doctor")?;
    let examined = examine(Path::new("."), &choice(&doctor.postgres)?);
    let word = |standing: &Standing| match standing {
        Standing::Ok => "ok",
        Standing::Warning => "warning",
        Standing::Missing => "MISSING",
    };
    let lacking = examined.iter().any(|one| one.state == Standing::Missing);
    if json {
        let mut rows: Vec<_> = examined
            .iter()
            .map(|one| serde_json::json!({"name": one.name, "state": word(&one.state), "found": one.found, "advice": one.advice}))
            .collect();
        for (name, found, obstacles) in drills()? {
            let state = if obstacles.is_empty() { "ok" } else { "warning" };
            rows.push(
                serde_json::json!({"name": name, "state": state, "found": found, "advice": obstacles.join("; ")}),
            );
        }
        out!("{}", serde_json::Value::from(rows));
    } else {
        let mut rows = Builder::default();
        rows.push_record(["what", "state", "found", "what to do"]);
        for one in &examined {
            rows.push_record([&one.name, word(&one.state), &one.found, &one.advice]);
        }
        for (name, found, obstacles) in drills()? {
            let state = if obstacles.is_empty() { "ok" } else { "warning" };
            rows.push_record([&name, state, &found, &obstacles.join("\n")]);
        }
        let mut table = rows.build();
        table
            .with(Style::sharp())
            .with(Modify::new(Columns::one(2)).with(Width::wrap(48).keep_words(true)))
            .with(Modify::new(Columns::one(3)).with(Width::wrap(44).keep_words(true)));
        out!("{table}");
        if !lacking {
            out!("Drills can run here. Try: firedrill run samia-tarot-failover/database-failure");
        }
    }
    Ok(u8::from(lacking))
}

/// The matrix of shipped drills and environments: name, how many can run there, and what keeps the others from it.
fn drills() -> Result<Vec<(String, String, Vec<String>)>, Failure> {
    let mut rows = Vec::new();
    for environment in ENVIRONMENTS {
        let mut obstacles = Vec::new();
        let mut all = 0;
        for shipped in SCENARIOS {
            let loaded = library::load(shipped.name)?;
            for (name, drill) in super::scenario::drills(shipped.name, &loaded.scenario.value) {
                all += 1;
                if let Some(why) = obstacle(&drill, environment) {
                    obstacles.push(format!("{name}: {why}"));
                }
            }
        }
        let found = format!("{} of {all} shipped drills can run", all - obstacles.len());
        rows.push((format!("environment {}", environment.name), found, obstacles));
    }
    Ok(rows)
}
