//! `firedrill init`: a plan and a scenario of one's own that run as they are.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::Failure;
use super::output::out;

/// The plan to begin with.
pub const PLAN: &str = include_str!("init/plan.yaml");
/// The scenario to begin with.
pub const SCENARIO: &str = include_str!("init/scenario.yaml");

/// `firedrill init`
#[derive(Args, Debug)]
pub struct Init {
    /// Where to write plan.yaml and scenario.yaml.
    #[arg(default_value = ".")]
    pub directory: PathBuf,
}

/// Runs the command.
pub fn run(init: &Init) -> Result<u8, Failure> {
    let files = [("plan.yaml", PLAN), ("scenario.yaml", SCENARIO)];
    // Look before writing, so that a refusal leaves nothing behind.
    for (name, _) in files {
        let path = init.directory.join(name);
        if path.symlink_metadata().is_ok() {
            return Err(Failure::Input(miette::miette!(
                help = "choose another folder: `firedrill init DIR`",
                "{} is there already, and nothing is overwritten",
                path.display()
            )));
        }
    }
    std::fs::create_dir_all(&init.directory).map_err(|error| unwritable(&init.directory, &error))?;
    for (name, text) in files {
        let path = init.directory.join(name);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| unwritable(&path, &error))?;
        out!("wrote {}", path.display());
    }
    let scenario = init.directory.join("scenario.yaml");
    out!(
        "\ncheck: firedrill scenario check {0}\nrun:   firedrill run {0}",
        scenario.display()
    );
    Ok(0)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Input(miette::miette!(
        help = "choose a folder that can be written: `firedrill init DIR`",
        "{} cannot be written: {error}",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use firedrill_core::resolve::{examine, resolve};

    use super::*;
    use crate::library;

    #[test]
    fn what_is_written_makes_a_drill_without_a_doubt_and_is_not_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let init = Init {
            directory: folder.path().join("mine"),
        };
        assert_eq!(run(&init).expect("written"), 0);
        let path = init.directory.join("scenario.yaml").display().to_string();
        let loaded = library::load(&path).unwrap_or_else(|failure| panic!("{failure:?}"));
        assert_eq!(examine(&loaded.plan.value, &loaded.scenario.value), []);
        for twin in [None, Some("archive-off")] {
            resolve(&loaded.plan.value, &loaded.scenario.value, twin).unwrap_or_else(|unsound| panic!("{unsound}"));
        }
        std::fs::write(init.directory.join("plan.yaml"), "mine").expect("written");
        assert!(matches!(run(&init), Err(Failure::Input(_))));
        let kept = std::fs::read_to_string(init.directory.join("plan.yaml")).expect("read");
        assert_eq!(kept, "mine");
    }
}
