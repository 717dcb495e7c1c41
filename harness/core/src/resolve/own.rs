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
        if *key == "wal" && !words.is_empty() && !names_the_segment(words) {
            found.push(Mistake::new(
                at,
                "Postgres does not tell this command which file of the WAL it is to ship",
                "neither %p nor %f",
                "add \"%p\" (the file's path) and \"%f\" (its name) as Postgres writes them in archive_command: \
                 `run: [tools/archive.sh, \"%p\", \"%f\"]`",
            ));
        }
    }
    for (key, cadence) in [("base", &backup.base), ("dump", &backup.dump)] {
        if let Some(deadline) = cadence.as_ref().and_then(|cadence| cadence.deadline) {
            positive(found, &at.then(key).then("deadline"), deadline);
        }
    }
    if backup.files.as_ref().is_some_and(|files| files.run.is_some()) {
        found.push(Mistake::new(
            at.then("files").then("run"),
            "copies of the bucket by a command of your own",
            "by the reference tool only",
            "leave `run` out of `files`: the reference tool copies the bucket",
        ));
    }
    let cadences = [("base", &backup.base), ("dump", &backup.dump), ("files", &backup.files)];
    for (key, cadence) in cadences {
        if let Some(cadence) = cadence
            && cadence.unchecked
            && (key != "base" || cadence.run.is_some())
        {
            found.push(Mistake::new(
                at.then(key).then("unchecked"),
                "a backup whose pages no server verifies anyway",
                "for base backups by the reference tool",
                "leave `unchecked` out",
            ));
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

/// Whether Postgres puts path or name of a segment into the command; `%%` is a mark that means itself.
fn names_the_segment(words: &[String]) -> bool {
    words.iter().any(|word| {
        let word = word.replace("%%", "");
        word.contains("%p") || word.contains("%f")
    })
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

#[cfg(test)]
mod tests {
    use crate::document::{Source, parse_plan, parse_scenario};
    use crate::resolve::resolve;

    const PLAN: &str = include_str!("../../../../fixtures/plans/samia-tarot-failover.yaml");
    const SCENARIO: &str = include_str!("../../../../scenarios/samia-tarot-failover/database-failure-shell.yaml");

    /// What is wrong with the shipped scenario once `instead` stands for the first `what`.
    fn mistakes(what: &str, instead: &str) -> String {
        assert!(SCENARIO.contains(what), "{what} is not in the scenario");
        let plan = parse_plan(Source::new("plan.yaml", PLAN)).unwrap().value;
        let text = SCENARIO.replacen(what, instead, 1);
        let scenario = parse_scenario(Source::new("scenario.yaml", text)).unwrap().value;
        resolve(&plan, &scenario, None).map_or_else(|unsound| unsound.to_string(), |_| String::new())
    }

    #[test]
    fn a_command_must_be_one_and_in_reach() {
        for (instead, wrong) in [
            ("[]", "without a program"),
            ("[\"\"]", "without a program"),
            ("[scripts/restore.sh]", "no file of the folder `tools`"),
            ("[tools/../restore.sh]", "no file of the folder `tools`"),
            ("[tools/shell/restore.sh]", ""),
            ("[/opt/restore]", ""),
            ("[restore]", ""),
        ] {
            let found = mistakes("[tools/shell/restore.sh]", instead);
            assert!(
                found.contains(wrong) && found.is_empty() == wrong.is_empty(),
                "{instead}: {found}"
            );
        }
    }

    #[test]
    fn what_ships_the_wal_must_be_told_which_file() {
        let run = "run: [tools/shell/archive.sh, \"%p\", \"%f\"]";
        for (instead, sound) in [
            ("run: [tools/shell/archive.sh]", false),
            ("run: [tools/shell/archive.sh, \"%%p\"]", false),
            ("run: [tools/shell/archive.sh, \"%p\"]", true),
            ("run: [sh, -c, \"exec archive --file=%f\"]", true),
        ] {
            let found = mistakes(run, instead);
            assert_eq!(found.is_empty(), sound, "{instead}: {found}");
            assert!(sound || found.contains("which file of the WAL"), "{found}");
        }
    }

    #[test]
    fn one_tool_takes_all_backups_and_bears_a_name() {
        let found = mistakes(
            "base: { every: 1 d, run: [tools/shell/backup.sh] }",
            "base: { every: 1 d }",
        );
        assert!(found.contains("`base` has no `run`"), "{found}");
        let found = mistakes("  tool: pg_basebackup and shell\n", "");
        assert!(found.contains("which tool"), "{found}");
        let found = mistakes("  tool: pg", "  of_empty_cluster: true\n  tool: pg");
        assert!(found.contains("another cluster"), "{found}");
        let found = mistakes(
            "{ run: { command: [tools/shell/restore.sh], restores: standby, from: base_and_wal } }",
            "{ restore: { into: standby, from: base_and_wal } }",
        );
        assert!(found.contains("the reference tool restores"), "{found}");
    }

    #[test]
    fn a_restore_names_a_host_and_what_there_is() {
        let found = mistakes("restores: standby, from", "restores: nowhere, from");
        assert!(found.contains("`nowhere`"), "{found}");
        let found = mistakes("restores: standby, from: base_and_wal", "restores: standby, from: dump");
        assert!(found.contains("nothing of this kind"), "{found}");
        let found = mistakes(
            "restores: standby, from: base_and_wal",
            "on: standby, from: base_and_wal",
        );
        assert!(found.contains("restores no service"), "{found}");
    }

    #[test]
    fn a_fault_of_one_s_own_strikes_what_the_disaster_hits() {
        let run = "run: { service: database, command: [a], prove: [b] }";
        let found = mistakes("lose_data: { service: database }", run);
        assert_eq!(found, "");
        let found = mistakes("lose_data: { service: database }", &run.replace("[b]", "[]"));
        assert!(found.contains("without a program"), "{found}");
        let found = mistakes("lose_data: { service: database }", &run.replace("database", "files"));
        assert!(found.contains("`files`"), "{found}");
    }

    #[test]
    fn a_check_of_one_s_own_is_required_and_takes_no_name_of_a_built_in_one() {
        let plan = parse_plan(Source::new("plan.yaml", PLAN)).unwrap().value;
        let text = SCENARIO.replacen("give_up:", "checks: { balances: { run: [a] } }\ngive_up:", 1);
        let scenario = parse_scenario(Source::new("scenario.yaml", text)).unwrap().value;
        let (_, terms) = resolve(&plan, &scenario, None).unwrap();
        assert!(terms.required_checks.iter().any(|check| check == "balances"));
        assert_eq!(terms.tool.as_deref(), Some("pg_basebackup and shell"));
        let found = mistakes("give_up:", "checks: { amcheck: { run: [a] } }\ngive_up:");
        assert!(found.contains("is a built-in check"), "{found}");
    }
}
