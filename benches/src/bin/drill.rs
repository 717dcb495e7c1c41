//! What drills themselves cost, from the evidence of runs: `drill RUN_DIR...`.
//!
//! Own cost is the wall time less the spans that a drill exists to watch: steady state, strike to authorisation, recovery
//! until the later of service restored and procedure ended, and the stability window (where service never came back:
//! the settle time) after that. Work after the closing event (judging, reports) counts as own cost.

use std::path::Path;

use firedrill_benches::{Arguments, Failure, Goal, Samples, Table};
use serde_json::Value;

const BYTES_MAX: u64 = 256 << 20;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Cost {
    wall: f64,
    own: f64,
    /// Of `own`.
    prepare: f64,
    validate: f64,
    conclude: f64,
    reports: f64,
}

fn main() -> Result<(), Failure> {
    let runs = Arguments::read("drill RUN_DIR...", 1)?.words;
    if runs.is_empty() {
        return Err("expected directories of runs, such as firedrill-runs/*".into());
    }
    let mut table = Table::new("A drill's own cost against what it watches; goal is max(10 s, 25 % of wall)");
    let mut all = Samples::default();
    for run in &runs {
        let path = Path::new(run);
        let cost = match cost(path) {
            Ok(cost) => cost,
            Err(error) => {
                println!("{run}: left out: {error}");
                continue;
            }
        };
        let name = path
            .file_name()
            .map_or(run.clone(), |name| name.to_string_lossy().into_owned());
        all.add(cost.own);
        let parts = format!(
            "prepare {:.1}, validate {:.1}, conclude {:.1}, reports {:.1}",
            cost.prepare, cost.validate, cost.conclude, cost.reports
        );
        let one: Samples = [cost.own].into_iter().collect();
        let goal = Goal::AtMost((cost.wall * 0.25).max(10.0));
        table.row(&name, goal, &one, " s", &parts, &format!("wall {:.1} s", cost.wall));
    }
    table.row("all", Goal::Shown, &all, " s", &format!("{} runs", all.count()), "-");
    table.print();
    Ok(())
}

fn read(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::metadata(path)
        .map_err(|error| format!("{}: {error}", path.display()))?
        .len();
    if bytes > BYTES_MAX {
        return Err(format!("{} holds {bytes} bytes, more than {BYTES_MAX}", path.display()).into());
    }
    Ok(std::fs::read_to_string(path)?)
}

fn cost(run: &Path) -> Result<Cost, Failure> {
    let terms: Value = serde_json::from_str(&read(&run.join("run.json"))?)?;
    let verdict: Value = serde_json::from_str(&read(&run.join("verdict.json"))?)?;
    let written = |name: &str| std::fs::metadata(run.join(name)).and_then(|it| it.modified());
    let reports = written("manifest.json")?
        .duration_since(written("events.jsonl")?)
        .map_or(0.0, |time| time.as_secs_f64());
    derive(
        &read(&run.join("events.jsonl"))?,
        &terms["terms"],
        &verdict["moments"],
        reports,
    )
}

fn derive(events: &str, terms: &Value, moments: &Value, reports: f64) -> Result<Cost, Failure> {
    let mut at = std::collections::BTreeMap::new();
    for line in events.lines() {
        let record: Value = serde_json::from_str(line)?;
        let (Some(early), Some(late)) = (record["stamp"][0].as_i64(), record["stamp"][1].as_i64()) else {
            return Err("an event without a stamp".into());
        };
        let Some((kind, event)) = record["event"].as_object().and_then(|event| event.iter().next()) else {
            continue;
        };
        let edge = event["edge"].as_str().unwrap_or_default();
        let name = match kind.as_str() {
            "opened" | "closed" | "authorised" => kind.clone(),
            "procedure" => format!("procedure {edge}"),
            "phase" => format!("{} {edge}", event["phase"].as_str().unwrap_or_default()),
            "fault" if event["strikes"] == true => format!("strike {edge}"),
            _ => continue,
        };
        at.entry(name.clone()).or_insert(early);
        at.insert(format!("last {name}"), late);
    }
    let of = |name: &str| at.get(name).copied().ok_or_else(|| format!("no event `{name}`"));
    let (opened, closed) = (of("opened")?, of("last closed")?);
    let struck = of("strike invoked")?;
    // Ordered by the harness where no alert came: detection ends with the order all the same.
    let authorised = of("authorised")?;
    let ended = of("last procedure ended")?;
    let restored = moments["restored"][1].as_i64();
    let recovered = restored.map_or(ended, |restored| restored.max(ended));
    let window = if restored.is_some() { "stability" } else { "settle" };
    let window = terms[window].as_i64().ok_or("run.json has no terms")?;
    let validated = of("last validate ended").unwrap_or(closed);
    let quiet = window.min((validated - recovered).max(0));
    let seconds = |nanos: i64| nanos as f64 / 1e9;
    let steady = of("last steady ended")? - of("steady begun")?;
    let watched = steady + (authorised - struck) + (recovered - authorised) + quiet;
    Ok(Cost {
        wall: seconds(closed - opened) + reports,
        own: seconds(closed - opened - watched) + reports,
        prepare: seconds(of("steady begun")? - opened),
        validate: seconds((validated - recovered - quiet).max(0)),
        conclude: seconds(closed - validated),
        reports,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn own_cost_is_what_no_window_holds() {
        let second = 1_000_000_000_i64;
        let event = |at: i64, event: Value| json!({ "stamp": [at * second, at * second], "event": event }).to_string();
        let phase = |at, phase: &str, edge: &str| event(at, json!({ "phase": { "phase": phase, "edge": edge } }));
        let events = [
            event(0, json!({ "opened": {} })),
            phase(4, "steady", "begun"),
            phase(14, "steady", "ended"),
            event(15, json!({ "fault": { "strikes": true, "edge": "invoked" } })),
            event(17, json!({ "authorised": {} })),
            event(24, json!({ "procedure": { "edge": "ended" } })),
            phase(32, "validate", "ended"),
            event(33, json!({ "closed": {} })),
        ]
        .join("\n");
        let terms = json!({ "stability": 5 * second, "settle": 30 * second });
        let restored = json!({ "restored": [20 * second, 23 * second] });
        let cost = derive(&events, &terms, &restored, 0.5).unwrap();
        // 4 before steady, 1 from steady to strike, 8 - 5 in validate, 1 after, and the reports.
        assert_eq!((cost.wall, cost.own), (33.5, 9.5));
        let never = derive(&events, &terms, &json!({ "restored": null }), 0.5).unwrap();
        assert_eq!(never.own, 6.5);
    }
}
