//! What makes own commands unsound: words that start nothing, hosts that are not there, backups of two tools at once.

use crate::document::{Mistake, Place};
use crate::scenario::{CommandLine, OwnFault, OwnStep, RestoreFrom, TOOLS_FOLDER};

use super::drill::Drill;
use super::limits::DEFAULT_CHECKS;
use super::soundness::{positive, service};
use super::steps;

/// More words than any command needs.
const WORDS_MAX: usize = 64;
/// Bytes of all words together.
const BYTES_MAX: usize = 4096;
/// More checks, or programs, than anyone writes by hand.
const LIST_MAX: usize = 64;

/// All mistakes in `backup`, `checks` and `needs`.
pub(super) fn mistakes(drill: &Drill, found: &mut Vec<Mistake>) {
    backup(drill, found);
    checks(drill, found);
    let at = drill.at("needs");
    for (index, program) in drill.scenario.needs.iter().enumerate() {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
        if program.is_empty() || program.len() > 64 || !program.chars().all(plain) || index >= LIST_MAX {
            found.push(Mistake::new(
                at.then(index),
                format!("`{program}` names no program"),
                "no program",
                "write its name as it is found on PATH, such as `pgbackrest`; at most 64 of them",
            ));
        }
    }
}

fn backup(drill: &Drill, found: &mut Vec<Mistake>) {
    let backup = &drill.scenario.backup;
    let at = drill.at("backup");
    let own = backup.own();
    for (key, words) in &own {
        let at = match *key {
            "setup" => at.then("setup"),
            key => at.then(key).then("run"),
        };
        command(found, &at, words);
    }
    for (key, cadence) in [("base", &backup.base), ("dump", &backup.dump)] {
        if let Some(deadline) = cadence.as_ref().and_then(|cadence| cadence.deadline) {
            positive(found, &at.then(key).then("deadline"), deadline);
        }
    }
    if own.is_empty() {
        return;
    }
    let by_reference = [
        (
            "base",
            backup.base.as_ref().is_some_and(|cadence| cadence.run.is_none()),
        ),
        ("wal", backup.wal.as_ref().is_some_and(|wal| wal.run.is_none())),
        (
            "dump",
            backup.dump.as_ref().is_some_and(|cadence| cadence.run.is_none()),
        ),
    ];
    for (key, _) in by_reference.iter().filter(|(_, is)| *is) {
        found.push(Mistake::new(
            at.then(key),
            format!("`{key}` has no `run`, and other backups of the scenario have one"),
            "of the reference tool",
            "one tool takes all backups: give each of them a `run`, or none",
        ));
    }
    if backup.tool.as_ref().is_none_or(|tool| tool.trim().is_empty()) {
        found.push(Mistake::new(
            at.clone(),
            "commands of your own take the backups, and nothing says which tool that is",
            "no `tool`",
            "add `tool: NAME`: every report names it beside the verdict",
        ));
    }
    if backup.of_empty_cluster {
        found.push(Mistake::new(
            at.then("of_empty_cluster"),
            "the harness cannot have your command back up another cluster",
            "for the reference tool",
            "sabotage your own command instead",
        ));
    }
}

fn checks(drill: &Drill, found: &mut Vec<Mistake>) {
    let at = drill.at("checks");
    for (index, (name, check)) in drill.scenario.checks.iter().enumerate() {
        let at = at.then(name);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        let taken = DEFAULT_CHECKS.contains(&name.as_str());
        if taken || name.is_empty() || name.len() > 40 || !name.chars().all(plain) || index >= LIST_MAX {
            let what = if taken { "is a built-in check" } else { "is no name" };
            found.push(Mistake::new(
                at.clone(),
                format!("`{name}` {what}"),
                "no name for a check of your own",
                "use 1 to 40 lower-case letters, digits, `-` and `_`, and no name of a built-in check; at most 64 checks",
            ));
        }
        command(found, &at.then("run"), &check.run);
        if let Some(deadline) = check.deadline {
            positive(found, &at.then("deadline"), deadline);
        }
    }
}

/// Mistakes in a step that is a command.
pub(super) fn step(drill: &Drill, found: &mut Vec<Mistake>, at: &Place, step: &OwnStep) {
    command(found, &at.then("command"), &step.command);
    for (key, name) in [("on", &step.on), ("restores", &step.restores)] {
        if let Some(name) = name {
            service(found, drill, at.then(key), name, Some("postgres"));
        }
    }
    match (&step.restores, step.from) {
        (None, Some(_)) => found.push(Mistake::new(
            at.then("from"),
            "a step that restores no service",
            "restores nothing",
            "add `restores: SERVICE`, or take `from` out",
        )),
        (Some(_), Some(from)) => steps::backed_up(drill, found, &at.then("from"), from),
        (Some(_), None) | (None, None) => {}
    }
    if step.from == Some(RestoreFrom::BaseAndWal) && drill.scenario.backup.wal.is_none() {
        found.push(Mistake::new(
            at.then("from"),
            "no WAL is shipped",
            "no such backup",
            "add `wal` to `backup`, or leave `from` out",
        ));
    }
}

/// Mistakes in a fault that is a command.
pub(super) fn fault(drill: &Drill, found: &mut Vec<Mistake>, at: &Place, fault: &OwnFault) {
    service(found, drill, at.then("service"), &fault.service, Some("postgres"));
    command(found, &at.then("command"), &fault.command);
    command(found, &at.then("prove"), &fault.prove);
    if let Some(heal) = &fault.heal {
        command(found, &at.then("heal"), heal);
    }
    if let Some(deadline) = fault.deadline {
        positive(found, &at.then("deadline"), deadline);
    }
}

fn command(found: &mut Vec<Mistake>, at: &Place, words: &CommandLine) {
    let program = words.first().map(String::as_str).unwrap_or_default();
    if program.is_empty() {
        found.push(Mistake::new(
            at.clone(),
            "a command without a program",
            "empty",
            format!("write program and arguments: `[{TOOLS_FOLDER}/restore.sh, --verbose]`"),
        ));
        return;
    }
    let bytes: usize = words.iter().map(String::len).sum();
    if words.len() > WORDS_MAX || bytes > BYTES_MAX || words.iter().any(|word| word.contains('\0')) {
        found.push(Mistake::new(
            at.clone(),
            format!("{} words of {bytes} bytes", words.len()),
            "too much for a command",
            format!("at most {WORDS_MAX} words and {BYTES_MAX} bytes, none of them zero; put the rest into a script"),
        ));
    }
    let tool = program
        .strip_prefix(TOOLS_FOLDER)
        .is_some_and(|rest| rest.starts_with('/'));
    let leads_out = program.split('/').any(|part| part == "..");
    if program.contains('/') && !program.starts_with('/') && (!tool || leads_out) {
        found.push(Mistake::new(
            at.then(0),
            format!("`{program}` is no file of the folder `{TOOLS_FOLDER}`"),
            "out of reach",
            format!(
                "commands run as an unprivileged user elsewhere: put the file into the folder `{TOOLS_FOLDER}` beside the \
                 scenario and write `{TOOLS_FOLDER}/NAME`, or name a program of the machine"
            ),
        ));
    }
}
