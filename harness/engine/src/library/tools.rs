//! Files that the commands of a scenario use: the folder `tools` beside it, embedded for the shipped scenarios.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use firedrill_core::Scenario;
use firedrill_core::document::Parsed;
use firedrill_core::scenario::TOOLS_FOLDER;

use crate::command::Failure;

/// Bounds on a folder of tools.
const FILES_MAX: usize = 64;
const FILE_BYTES_MAX: u64 = 1024 * 1024;
const DEPTH_MAX: usize = 4;

/// One file of a folder of tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolFile {
    /// Relative to the folder.
    pub path: PathBuf,
    /// All of it.
    pub bytes: Vec<u8>,
}

macro_rules! tool {
    ($path:literal) => {
        ($path, include_bytes!(concat!("../../../../", $path)))
    };
}

/// The tools of the shipped scenarios, by their place in the repository.
pub const TOOLS: &[(&str, &[u8])] = &[
    tool!("scenarios/concierge/tools/migrations/0001_schema.sql"),
    tool!("scenarios/concierge/tools/push.sh"),
    tool!("scenarios/concierge/tools/reset.sh"),
    tool!("scenarios/bmf001/tools/merge.sh"),
    tool!("scenarios/bmf001/tools/undo.sh"),
    tool!("scenarios/samia-tarot-failover/tools/pgbackrest/archive.sh"),
    tool!("scenarios/samia-tarot-failover/tools/pgbackrest/backup.sh"),
    tool!("scenarios/samia-tarot-failover/tools/pgbackrest/configure.sh"),
    tool!("scenarios/samia-tarot-failover/tools/pgbackrest/restore.sh"),
    tool!("scenarios/samia-tarot-failover/tools/pgbackrest/salvage.sh"),
    tool!("scenarios/samia-tarot-failover/tools/pgbackrest/setup.sh"),
    tool!("scenarios/samia-tarot-failover/tools/shell/archive.sh"),
    tool!("scenarios/samia-tarot-failover/tools/shell/backup.sh"),
    tool!("scenarios/samia-tarot-failover/tools/shell/fetch.sh"),
    tool!("scenarios/samia-tarot-failover/tools/shell/restore.sh"),
    tool!("scenarios/samia-tarot-failover/tools/shell/salvage.sh"),
    tool!("scenarios/samia-tarot-failover/tools/unarchived.sh"),
];

/// Those of the scenarios in a folder of the repository.
pub(super) fn shipped(folder: &Path) -> Vec<ToolFile> {
    let folder = folder.join(TOOLS_FOLDER);
    TOOLS
        .iter()
        .filter_map(|(path, bytes)| {
            let path = Path::new(path).strip_prefix(&folder).ok()?;
            Some(ToolFile {
                path: path.to_owned(),
                bytes: bytes.to_vec(),
            })
        })
        .collect()
}

/// Those beside a scenario's file, where it mentions any.
pub(super) fn beside(scenario: &Parsed<Scenario>, folder: &Path) -> Result<Vec<ToolFile>, Failure> {
    let tools = folder.join(TOOLS_FOLDER);
    if !scenario.source.text.contains(&format!("{TOOLS_FOLDER}/")) {
        return Ok(bare(&scenario.value, &tools));
    }
    let mut files = Vec::new();
    if tools.is_dir() {
        gather(&tools, Path::new(""), 0, &mut files)?;
    }
    files.sort_by(|one: &ToolFile, other| one.path.cmp(&other.path));
    Ok(files)
}

/// Scripts that are named without their folder, so that it can be told what was meant.
fn bare(scenario: &Scenario, tools: &Path) -> Vec<ToolFile> {
    let words: BTreeSet<&String> = scenario
        .commands()
        .into_iter()
        .filter_map(|command| command.first())
        .filter(|word| !word.contains('/'))
        .collect();
    let small = |path: &PathBuf| {
        path.metadata()
            .is_ok_and(|file| file.is_file() && file.len() <= FILE_BYTES_MAX)
    };
    words
        .into_iter()
        .filter_map(|word| {
            let path = tools.join(word);
            let bytes = small(&path).then(|| std::fs::read(&path).ok())??;
            Some(ToolFile {
                path: word.into(),
                bytes,
            })
        })
        .collect()
}

/// Digests of tools, by their place beside the scenario: they are inputs as much as the scenario is.
pub fn digests(tools: &[ToolFile]) -> impl Iterator<Item = (String, String)> {
    tools.iter().map(|tool| {
        let digest = firedrill_core::evidence::digest::sha256(&tool.bytes);
        (
            format!("{TOOLS_FOLDER}/{}", tool.path.display()),
            format!("SHA-256 {digest}"),
        )
    })
}

/// Keeps tools with a run's evidence.
///
/// # Errors
/// When they cannot be written.
pub fn keep(tools: &[ToolFile], run: &Path) -> std::io::Result<()> {
    for tool in tools {
        crate::run_directory::write_below(run, &Path::new(TOOLS_FOLDER).join(&tool.path), &tool.bytes)?;
    }
    Ok(())
}

/// The tools that were kept with a run.
///
/// # Errors
/// [`Failure::Input`] when they cannot be read.
pub fn kept(run: &Path) -> Result<Vec<ToolFile>, Failure> {
    let folder = run.join(TOOLS_FOLDER);
    let mut files = Vec::new();
    if folder.is_dir() {
        gather(&folder, Path::new(""), 0, &mut files)?;
    }
    files.sort_by(|one: &ToolFile, other| one.path.cmp(&other.path));
    Ok(files)
}

fn gather(root: &Path, below: &Path, depth: usize, files: &mut Vec<ToolFile>) -> Result<(), Failure> {
    let folder = root.join(below);
    let unreadable = |path: &Path, error: std::io::Error| {
        Failure::Input(miette::miette!(
            help = "the scenario's commands use files of this folder",
            "{} cannot be read: {error}",
            path.display()
        ))
    };
    for entry in std::fs::read_dir(&folder).map_err(|error| unreadable(&folder, error))? {
        let entry = entry.map_err(|error| unreadable(&folder, error))?;
        let (path, name) = (entry.path(), below.join(entry.file_name()));
        let metadata = std::fs::metadata(&path).map_err(|error| unreadable(&path, error))?;
        if metadata.is_dir() && depth < DEPTH_MAX {
            gather(root, &name, depth + 1, files)?;
        } else if metadata.is_file() {
            if metadata.len() > FILE_BYTES_MAX || files.len() >= FILES_MAX {
                return Err(Failure::Input(miette::miette!(
                    help = format!(
                        "at most {FILES_MAX} files of at most {FILE_BYTES_MAX} bytes; install larger tools on the machine"
                    ),
                    "the folder {} holds too much: {} is file {} with {} bytes",
                    root.display(),
                    name.display(),
                    files.len() + 1,
                    metadata.len()
                )));
            }
            let bytes = std::fs::read(&path).map_err(|error| unreadable(&path, error))?;
            files.push(ToolFile { path: name, bytes });
        }
    }
    Ok(())
}

/// Programs that the scenario needs and that are not on PATH.
#[must_use]
pub fn missing_programs(scenario: &Scenario) -> Vec<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let there = |program: &&String| folders.iter().any(|folder| folder.join(program).is_file());
    let mut missing: Vec<String> = scenario
        .needs
        .iter()
        .filter(|program| !there(program))
        .cloned()
        .collect();
    missing.dedup();
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migrations_make_the_schema_of_the_application() {
        let migration = "scenarios/concierge/tools/migrations/0001_schema.sql";
        let (_, bytes) = TOOLS.iter().find(|(name, _)| *name == migration).unwrap();
        assert_eq!(
            std::str::from_utf8(bytes).unwrap(),
            firedrill_app::schema_sql(),
            "copy fixtures/app/sql/schema.sql to {migration}"
        );
    }

    #[test]
    fn every_tool_is_embedded() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for folder in std::fs::read_dir(root.join("scenarios")).unwrap().flatten() {
            let tools = folder.path().join(TOOLS_FOLDER);
            let mut files = Vec::new();
            if tools.is_dir() {
                gather(&tools, Path::new(""), 0, &mut files).unwrap();
            }
            for file in files {
                let path = tools.join(&file.path);
                let path = path.strip_prefix(&root).unwrap();
                let embedded = TOOLS.iter().find(|(name, _)| Path::new(name) == path);
                let (_, bytes) = embedded.unwrap_or_else(|| panic!("{} is not embedded in tools.rs", path.display()));
                assert_eq!(*bytes, &file.bytes[..], "{}", path.display());
            }
        }
    }

    #[test]
    fn a_script_named_without_its_folder_is_found_and_other_files_are_let_be() {
        let source = firedrill_core::document::Source::new(
            "scenario.yaml",
            include_str!("../../../../scenarios/samia-tarot-failover/database-failure-shell.yaml")
                .replace("tools/shell/", "")
                .replace("tools/", "the scripts' folder "),
        );
        let scenario = firedrill_core::document::parse_scenario(source).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let tools = folder.path().join(TOOLS_FOLDER);
        std::fs::create_dir(&tools).unwrap();
        std::fs::write(tools.join("backup.sh"), "#!/bin/sh\n").unwrap();
        std::fs::write(tools.join("large"), vec![0; FILE_BYTES_MAX as usize + 1]).unwrap();
        let found = beside(&scenario, folder.path()).unwrap();
        assert_eq!(
            found.iter().map(|tool| &tool.path).collect::<Vec<_>>(),
            [Path::new("backup.sh")]
        );
    }
}
