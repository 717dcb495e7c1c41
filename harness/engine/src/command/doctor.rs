//! `firedrill doctor`: what this machine can run, what is missing, what to do about it.

use std::path::Path;

use firedrill_environment::doctor::{Standing, examine};
use tabled::builder::Builder;
use tabled::settings::{Modify, Style, Width, object::Columns};

use super::Failure;
use crate::cli::{Cli, Doctor};

/// Runs the command; exits 0 when drills can run here.
pub fn doctor(_: &Doctor, cli: &Cli) -> Result<u8, Failure> {
    let json = super::text_or_json(cli, "doctor")?;
    let examined = examine(Path::new("."));
    let word = |standing: &Standing| match standing {
        Standing::Ok => "ok",
        Standing::Warning => "warning",
        Standing::Missing => "MISSING",
    };
    let lacking = examined.iter().any(|one| one.state == Standing::Missing);
    if json {
        let rows: Vec<_> = examined
            .iter()
            .map(|one| serde_json::json!({"name": one.name, "state": word(&one.state), "found": one.found, "advice": one.advice}))
            .collect();
        println!("{}", serde_json::Value::from(rows));
    } else {
        let mut rows = Builder::default();
        rows.push_record(["what", "state", "found", "what to do"]);
        for one in &examined {
            rows.push_record([&one.name, word(&one.state), &one.found, &one.advice]);
        }
        let mut table = rows.build();
        table
            .with(Style::sharp())
            .with(Modify::new(Columns::one(2)).with(Width::wrap(48).keep_words(true)))
            .with(Modify::new(Columns::one(3)).with(Width::wrap(44).keep_words(true)));
        println!("{table}");
        if !lacking {
            println!("Drills can run here. Try: firedrill run samia-tarot-failover/database-failure");
        }
    }
    Ok(u8::from(lacking))
}
