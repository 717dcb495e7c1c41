//! Words of a scenario's commands that start nothing, as far as the files beside it and this machine's PATH tell: said
//! before a drill instead of minutes into it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use firedrill_core::Scenario;
use firedrill_core::document::{Mistake, Parsed, Place, nearest};
use firedrill_core::resolve::resolve;
use firedrill_core::scenario::TOOLS_FOLDER;

use super::{Loaded, ToolFile};

/// Programs of Postgres that are not called `pg_...`. The PATH of commands begins with them, wherever they are.
const OF_POSTGRES: [&str; 10] = [
    "clusterdb",
    "createdb",
    "createuser",
    "dropdb",
    "dropuser",
    "initdb",
    "postgres",
    "psql",
    "reindexdb",
    "vacuumdb",
];

/// A word of a command that cannot be meant as it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BadWord {
    /// The word.
    pub word: String,
    /// What is wrong, in a clause.
    pub what: String,
    /// A few words to stand beside it.
    pub label: &'static str,
    /// What to write instead.
    pub help: String,
}

/// Those of a scenario, each once.
#[must_use]
pub fn bad_words(scenario: &Scenario, tools: &[ToolFile]) -> Vec<BadWord> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = BTreeMap::new();
    for command in scenario.commands() {
        for (index, word) in command.iter().enumerate() {
            let bad = match of_tools(word) {
                Some(file) => in_folder(word, file, index == 0, tools),
                None if index == 0 => out_of_folder(word, tools, &path),
                None => None,
            };
            if let Some(bad) = bad {
                found.insert(word.clone(), bad);
            }
        }
    }
    found.into_values().collect()
}

/// Those of a scenario and its twins as mistakes, where they stand in the file.
#[must_use]
pub fn mistakes(loaded: &Loaded) -> Vec<Mistake> {
    let scenario = &loaded.scenario.value;
    let twins = scenario.twins.keys().map(|name| Some(name.as_str()));
    let mut found: Vec<BadWord> = std::iter::once(None)
        .chain(twins)
        .filter_map(|twin| resolve(&loaded.plan.value, scenario, twin).ok())
        .flat_map(|(scenario, _)| bad_words(&scenario, &loaded.tools))
        .collect();
    found.sort();
    found.dedup();
    found
        .into_iter()
        .flat_map(|bad| {
            places(&loaded.scenario, &bad.word)
                .into_iter()
                .map(move |place| Mistake::new(place, bad.what.clone(), bad.label, bad.help.clone()))
        })
        .collect()
}

fn places(scenario: &Parsed<Scenario>, word: &str) -> Vec<Place> {
    let found = scenario.places.of_item(&scenario.source.text, word);
    if found.is_empty() {
        vec![Place::of("scenario")]
    } else {
        found
    }
}

/// What follows `tools/`.
fn of_tools(word: &str) -> Option<&str> {
    word.strip_prefix(TOOLS_FOLDER)?.strip_prefix('/')
}

fn named<'a>(tools: &'a [ToolFile], file: &str) -> Option<&'a ToolFile> {
    tools.iter().find(|tool| tool.path == Path::new(file))
}

/// Program and arguments that stand in one word.
fn apart(word: &str) -> Option<String> {
    let parts: Vec<&str> = word.split_whitespace().collect();
    (parts.len() > 1).then(|| format!("every argument is an item of its own: write `[{}]`", parts.join(", ")))
}

fn in_folder(word: &str, file: &str, program: bool, tools: &[ToolFile]) -> Option<BadWord> {
    let bad = |what: String, label: &'static str, help: String| {
        Some(BadWord {
            word: word.to_owned(),
            what,
            label,
            help,
        })
    };
    if let Some(tool) = named(tools, file) {
        let line = tool.bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if program && line.starts_with(b"#!") && line.ends_with(b"\r") {
            return bad(
                format!("the lines of `{word}` end in carriage returns, as on Windows"),
                "cannot be started",
                "save it with Unix line ends (`sed -i 's/\\r$//' FILE`): the system looks for an interpreter with the \
                 carriage return in its name"
                    .into(),
            );
        }
        return None;
    }
    let first = file.split_whitespace().next().unwrap_or_default();
    let known: Vec<String> = tools.iter().map(|tool| tool.path.display().to_string()).collect();
    let help = match (apart(word), nearest(file, known.iter().map(String::as_str))) {
        (Some(apart), _) if named(tools, first).is_some() => apart,
        (_, Some(near)) => format!("did you mean `{TOOLS_FOLDER}/{near}`?"),
        (_, None) => format!("put it into the folder `{TOOLS_FOLDER}` beside this file"),
    };
    bad(
        format!("a command names `{word}`, and there is no such file"),
        "not there",
        help,
    )
}

fn out_of_folder(word: &str, tools: &[ToolFile], path: &OsStr) -> Option<BadWord> {
    let of_postgres = word.starts_with("pg_") || OF_POSTGRES.contains(&word);
    let on_path = std::env::split_paths(path).any(|folder: PathBuf| folder.join(word).is_file());
    if word.contains('/') || of_postgres && !word.contains(char::is_whitespace) || on_path {
        return None;
    }
    let help = match named(tools, word) {
        Some(_) => {
            format!("did you mean `{TOOLS_FOLDER}/{word}`? Files beside the scenario are named with their folder")
        }
        // What this machine lacks, the one that the drill runs on may have.
        None => apart(word)?,
    };
    Some(BadWord {
        word: word.to_owned(),
        what: format!("`{word}` is no program on PATH"),
        label: "starts nothing",
        help,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(path: &str, text: &str) -> ToolFile {
        ToolFile {
            path: path.into(),
            bytes: text.into(),
        }
    }

    fn help(word: &str) -> Option<String> {
        let tools = [
            tool("backup.sh", "#!/bin/sh\n"),
            tool("restore.sh", "#!/bin/sh\n"),
            tool("windows.sh", "#!/bin/sh\r\n"),
            tool("pg_basebackup", "#!/bin/sh\n"),
        ];
        let bad = match of_tools(word) {
            Some(file) => in_folder(word, file, true, &tools),
            None => out_of_folder(word, &tools, OsStr::new("/no/such/folder")),
        };
        bad.map(|bad| bad.help)
    }

    #[test]
    fn a_word_that_starts_nothing_is_told_with_what_was_meant() {
        for (word, said) in [
            ("tools/restor.sh", "did you mean `tools/restore.sh`?"),
            ("tools/restore.sh --newest", "write `[tools/restore.sh, --newest]`"),
            ("tools/xyz", "put it into the folder `tools`"),
            ("tools/windows.sh", "Unix line ends"),
            ("backup.sh", "did you mean `tools/backup.sh`?"),
            ("pg_dump --clean", "write `[pg_dump, --clean]`"),
        ] {
            let help = help(word).unwrap_or_default();
            assert!(help.contains(said), "{word}: {help}");
        }
        for word in [
            "tools/backup.sh",
            "pg_basebackup",
            "psql",
            "pgbackrest",
            "/opt/own tools/backup",
        ] {
            assert_eq!(help(word), None, "{word}");
        }
    }

    #[test]
    fn a_bad_word_is_pointed_at_where_it_stands() {
        let shipped = super::super::load("samia-tarot-failover/database-failure-shell").expect("a shipped scenario");
        assert!(mistakes(&shipped).is_empty());
        let text = shipped
            .scenario
            .source
            .text
            .replacen("[tools/shell/backup.sh]", "[tools/shell/bakcup.sh]", 1);
        let line = 1 + text.lines().position(|line| line.contains("bakcup")).expect("a line");
        let source = firedrill_core::document::Source::new("scenario.yaml", text);
        let scenario = firedrill_core::document::parse_scenario(source).expect("it parses");
        let loaded = Loaded { scenario, ..shipped };
        let drawn = loaded.scenario.draw(mistakes(&loaded)).drawn;
        assert_eq!(drawn.iter().map(|one| one.line).collect::<Vec<_>>(), [line]);
        assert!(
            drawn[0].mistake.help.contains("tools/shell/backup.sh"),
            "{:?}",
            drawn[0]
        );
    }
}
