//! `firedrill fault`: which faults there are, and whether each of them does here what it says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use firedrill_core::document::nearest;
use firedrill_environment::Capability;
use serde_json::{Value, json};
use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Modify, Style, Width};

use super::Failure;
use super::output::out;
use super::plan::print;
use super::run::{choice, telling};
use crate::cli::{Cli, PostgresArguments};
use crate::drill::{Examined, Stops};
use crate::fault::catalogue::{self, Entry, Healing, Sample};
use crate::fault::description::descriptions;
use crate::performance::{conclude, perform};
use crate::rehearsal::{Rehearsal, find_postgres, random_u64};
use crate::run_directory::{self, InUse};
use crate::view::{Telling, say};

/// `firedrill fault`
#[derive(Debug, Subcommand)]
pub enum FaultCommand {
    /// The built-in faults: family, parameters, what they need, who should notice.
    List,
    /// Examine faults in a small environment of their own, one at a time: injected, proved, noticed, healed. Exit code 1
    /// if one of them does not do what it says.
    Prove(Prove),
}

/// `firedrill fault prove`
#[derive(clap::Args, Debug)]
pub struct Prove {
    /// Which faults (`firedrill fault list`); all if none is named.
    pub names: Vec<String>,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub postgres: PostgresArguments,

    /// Keep what was recorded of each exam in this folder.
    #[arg(long, value_name = "DIR")]
    pub evidence: Option<PathBuf>,
}

/// Runs the command.
pub fn run(command: &FaultCommand, cli: &Cli) -> Result<u8, Failure> {
    let json = super::text_or_json(cli, "fault")?;
    match command {
        FaultCommand::List => list(json),
        FaultCommand::Prove(prove) => examine(prove, json, cli),
    }
}

fn list(json: bool) -> Result<u8, Failure> {
    let described = descriptions();
    let mut table = Builder::new();
    table.push_record(["fault", "family", "parameters", "needs", "who should notice", "what"]);
    let mut rows = Vec::new();
    for entry in catalogue::entries() {
        let description = described.get(entry.name).cloned().unwrap_or_default();
        let mut kinds: Vec<String> = Vec::new();
        for sample in samples(&entry)? {
            for kind in catalogue::noticed_by(&sample.terms) {
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
        }
        let parameters: Vec<String> = description
            .parameters
            .iter()
            .map(|one| format!("{}{}: {}", one.name, if one.required { "" } else { "?" }, one.kind))
            .collect();
        table.push_record([
            entry.name,
            entry.family,
            &parameters.join("\n"),
            &names(entry.needs),
            &whoever(&kinds).join("\n"),
            &description.what,
        ]);
        let parameters: Vec<Value> = description
            .parameters
            .iter()
            .map(|one| json!({"name": one.name, "kind": one.kind, "required": one.required, "what": one.what}))
            .collect();
        rows.push(json!({
            "fault": entry.name, "family": entry.family, "what": description.what, "parameters": parameters,
            "needs": entry.needs, "noticed_by": kinds, "healed_by": healer(entry.healing),
        }));
    }
    if json {
        print(true, &rows.into(), table)?;
    } else {
        let mut table = table.build();
        table
            .with(Style::blank())
            .with(Modify::new(Columns::one(2)).with(Width::wrap(34).keep_words(true)))
            .with(Modify::new(Columns::last()).with(Width::wrap(40).keep_words(true)));
        out!("{table}");
    }
    Ok(0)
}

fn healer(healing: Healing) -> &'static str {
    match healing {
        Healing::Harness => "harness",
        Healing::Recovery => "recovery",
    }
}

fn names(needs: &[Capability]) -> String {
    needs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn whoever(kinds: &[String]) -> Vec<String> {
    if kinds.is_empty() {
        vec!["ledger only".to_owned()]
    } else {
        kinds.to_vec()
    }
}

fn samples(entry: &Entry) -> Result<Vec<Sample>, Failure> {
    catalogue::samples(entry).map_err(|error| Failure::Harness(miette::miette!("the catalogue of faults: {error}")))
}

/// One line of the matrix.
struct Row {
    sample: Sample,
    outcome: Outcome,
}

enum Outcome {
    /// The environment lacks what it needs.
    Skipped(String),
    /// The harness could not examine it.
    Broke(String),
    Examined(Examined),
}

impl Row {
    /// Why the fault does not do what it says; empty: it does. A skipped one says nothing.
    fn defects(&self) -> Vec<String> {
        let examined = match &self.outcome {
            Outcome::Skipped(_) => return Vec::new(),
            Outcome::Broke(why) => return vec![format!("the exam broke off: {why}")],
            Outcome::Examined(examined) => examined,
        };
        let mut defects = Vec::new();
        if let Err(why) = &examined.injected {
            return vec![format!("not injected: {why}")];
        }
        if let Err(why) = &examined.proved {
            defects.push(format!("not proved: {why}"));
        }
        let expected = catalogue::noticed_by(&self.sample.terms);
        if !expected.is_empty() && !examined.noticed.iter().any(|(_, kind)| expected.contains(kind)) {
            defects.push(format!("nobody noticed; expected {}", expected.join(" or ")));
        }
        if let Err(why) = &examined.healed {
            defects.push(format!("not healed: {why}"));
        }
        let mut stated = self.sample.entry.needs.to_vec();
        let mut built = examined.needs.clone();
        stated.sort_unstable();
        built.sort_unstable();
        if stated != built {
            defects.push(format!(
                "it needs {}, the catalogue says {}",
                names(&built),
                names(&stated)
            ));
        }
        defects
    }

    /// Injected, proved, noticed by, healed.
    fn cells(&self) -> [String; 4] {
        let examined = match &self.outcome {
            Outcome::Skipped(why) => return [format!("skipped: {why}"), String::new(), String::new(), String::new()],
            Outcome::Broke(_) => return ["NO".to_owned(), String::new(), String::new(), String::new()],
            Outcome::Examined(examined) => examined,
        };
        let word = |held: bool| if held { "yes" } else { "NO" }.to_owned();
        let noticed: Vec<&str> = examined.noticed.iter().map(|(rule, _)| rule.as_str()).collect();
        let nobody = catalogue::noticed_by(&self.sample.terms).is_empty();
        [
            word(examined.injected.is_ok()),
            word(examined.proved.is_ok()),
            match (noticed.is_empty(), nobody) {
                (false, _) => noticed.join(", "),
                (true, true) => "ledger only".to_owned(),
                (true, false) => "NOBODY".to_owned(),
            },
            match examined.healed {
                Ok(how) => how.to_owned(),
                Err(_) => "NO".to_owned(),
            },
        ]
    }
}

fn examine(prove: &Prove, json: bool, cli: &Cli) -> Result<u8, Failure> {
    let entries = chosen(&prove.names)?;
    let wanted = choice(&prove.postgres)?;
    let build = find_postgres(&wanted, cli)?;
    let scratch = Scratch::new(prove.evidence.as_deref())?;
    let offered: Vec<Capability> = Capability::ALL
        .into_iter()
        .filter(|one| Capability::LOCAL_SERVICE.contains(one) || Capability::LOCAL_LINK.contains(one))
        .collect();
    let mut rows = Vec::new();
    for entry in entries {
        for sample in samples(&entry)? {
            let missing = Capability::missing(entry.needs, &offered);
            let outcome = if missing.is_empty() {
                if !cli.quiet {
                    say(&format!("examining {}", sample.title));
                }
                let rehearsal = Rehearsal {
                    plan: sample.plan.clone(),
                    plan_text: catalogue::PLAN.to_owned(),
                    scenario: sample.scenario.clone(),
                    scenario_text: sample.text.clone(),
                    terms: sample.terms.clone(),
                    settings: BTreeMap::new(),
                    tools: Vec::new(),
                    environment: "local".to_owned(),
                    build: build.clone(),
                    containers: None,
                    offline: wanted.offline,
                    output: scratch.folder.clone(),
                    keep: false,
                    stops: Stops::default(),
                    recalled: None,
                };
                exam(&rehearsal, entry.healing, &sample.title, cli)?
            } else {
                Outcome::Skipped(format!("the environment lacks {}", names(&missing)))
            };
            rows.push(Row { sample, outcome });
        }
    }
    let unproved = rows.iter().filter(|row| !row.defects().is_empty()).count();
    scratch.close(unproved > 0);
    tell(&rows, json)?;
    Ok(u8::from(unproved > 0))
}

/// Examines one fault as a drill of its own; only an interruption ends the whole.
fn exam(rehearsal: &Rehearsal, healing: Healing, title: &str, cli: &Cli) -> Result<Outcome, Failure> {
    let seed = random_u64()?;
    let name: String = title
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let name = run_directory::run_name(name.trim_matches('-'), seed as u16);
    let directory = rehearsal.output.join(&name);
    let made = run_directory::create(&directory, &rehearsal.inputs(&name, seed))
        .and_then(|digest| Ok((digest, InUse::claim(&directory)?)));
    let (digest, _in_use) = made.map_err(|error| {
        Failure::Input(miette::miette!(
            help = "choose a folder that can be written with --evidence DIR",
            "{} cannot be made: {error}",
            directory.display()
        ))
    })?;
    let telling = match telling(cli) {
        Telling::Everything => Telling::Everything,
        Telling::Story | Telling::Quiet => Telling::Quiet,
    };
    let performed = perform(
        rehearsal.script(seed, directory.clone())?,
        &digest,
        telling,
        async |drill| drill.examine(healing).await,
    )?;
    // The record of an exam is closed and judged like any other; no recovery ran, so that it can only be undecided.
    let _ = conclude(&directory);
    match (performed.outcome, performed.failure) {
        (Some(examined), None) => Ok(Outcome::Examined(examined)),
        (_, Some(Failure::Skipped(report))) => Ok(Outcome::Skipped(report.to_string())),
        (_, Some(Failure::Harness(report) | Failure::Input(report))) => Ok(Outcome::Broke(report.to_string())),
        (_, Some(Failure::Interrupted)) | (None, None) => Err(Failure::Interrupted),
    }
}

fn chosen(wanted: &[String]) -> Result<Vec<Entry>, Failure> {
    let all = catalogue::entries();
    for name in wanted {
        if !all.iter().any(|entry| entry.name == name) {
            let near = nearest(name, all.iter().map(|entry| entry.name))
                .map(|near| format!("did you mean `{near}`? "))
                .unwrap_or_default();
            return Err(Failure::Input(miette::miette!(
                help = format!("{near}`firedrill fault list` names them"),
                "there is no fault `{name}`"
            )));
        }
    }
    let fits = |entry: &Entry| wanted.is_empty() || wanted.iter().any(|name| name == entry.name);
    Ok(all.into_iter().filter(fits).collect())
}

fn tell(rows: &[Row], json: bool) -> Result<(), Failure> {
    let mut table = Builder::new();
    table.push_record(["fault", "injected", "proved", "noticed by", "healed"]);
    let mut values = Vec::new();
    for row in rows {
        let cells = row.cells();
        let title = row.sample.title.as_str();
        table.push_record(std::iter::once(title).chain(cells.iter().map(String::as_str)));
        let [injected, proved, noticed, healed] = cells;
        let (skipped, seen) = match &row.outcome {
            Outcome::Skipped(why) => (Some(why.clone()), None),
            Outcome::Broke(_) => (None, None),
            Outcome::Examined(examined) => (None, examined.proved.clone().ok()),
        };
        values.push(json!({
            "fault": row.sample.entry.name, "sample": title, "skipped": skipped,
            "injected": injected, "proved": proved, "seen": seen, "noticed_by": noticed,
            "expected": catalogue::noticed_by(&row.sample.terms), "healed": healed, "defects": row.defects(),
        }));
    }
    print(json, &values.into(), table)?;
    if json {
        return Ok(());
    }
    for row in rows {
        for defect in row.defects() {
            out!("! {}: {defect}", row.sample.title);
        }
    }
    let count = |wanted: fn(&Row) -> bool| rows.iter().filter(|row| wanted(row)).count();
    out!(
        "\n{} of {} proved, {} skipped, {} not",
        count(|row| row.defects().is_empty() && !matches!(row.outcome, Outcome::Skipped(_))),
        rows.len(),
        count(|row| matches!(row.outcome, Outcome::Skipped(_))),
        count(|row| !row.defects().is_empty())
    );
    Ok(())
}

/// Where exams are recorded: a folder that was asked for, or one that goes when all went well.
struct Scratch {
    folder: PathBuf,
    temporary: bool,
}

impl Scratch {
    fn new(evidence: Option<&Path>) -> Result<Scratch, Failure> {
        let folder = match evidence {
            Some(folder) => folder.to_owned(),
            None => std::env::temp_dir().join(format!("firedrill-exam-{:012x}", random_u64()? & 0xffff_ffff_ffff)),
        };
        std::fs::create_dir_all(&folder).map_err(|error| {
            Failure::Input(miette::miette!(
                help = "choose a folder that can be written with --evidence DIR",
                "{} cannot be made: {error}",
                folder.display()
            ))
        })?;
        Ok(Scratch {
            folder,
            temporary: evidence.is_none(),
        })
    }

    /// Removes what nobody asked for, unless it shows why something went wrong.
    fn close(mut self, keep: bool) {
        if keep {
            self.temporary = false;
            say(&format!("what was recorded is in {}", self.folder.display()));
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.temporary {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}
