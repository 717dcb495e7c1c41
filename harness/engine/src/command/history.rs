//! `firedrill history seal`: makes a run directory of another program's facts, marked as such for good.

use firedrill_core::evidence;

use super::Failure;
use super::output::out;
use crate::cli::History;
use crate::run_directory::{self, DirectoryFiles};

/// Runs the command.
pub fn history(history: &History) -> Result<u8, Failure> {
    let History::Seal { directory } = history;
    let program = "another program";
    let files = evidence::seal(&DirectoryFiles::new(directory), program)
        .map_err(|error| Failure::Input(miette::miette!("{}: {error}", directory.display())))?;
    for (path, bytes) in &files {
        run_directory::write(directory, path, bytes)
            .map_err(|error| Failure::Input(miette::miette!("{}/{path}: {error}", directory.display())))?;
    }
    out!("sealed {}: `firedrill judge {0}` accepts it now", directory.display());
    Ok(0)
}
