//! Standard output, where results go. A reader that has had enough is no failure; a disk that is full is one.

use std::fmt::Arguments;
use std::io::Write as _;

use super::Failure;

/// Writes a result to standard output.
///
/// # Errors
/// What the system says, as a failure of the harness. A pipe that nobody reads any more (`| head`) is none.
pub fn write_out(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| Failure::Harness(miette::miette!("standard output: {error}"))),
    }
}

/// Writes a line; see [`out!`].
///
/// # Errors
/// As [`write_out`].
pub fn line(words: Arguments<'_>) -> Result<(), Failure> {
    write_out(&format!("{words}\n"))
}

/// `out!` that hands on what went wrong with `?` instead of panicking.
macro_rules! out {
    () => { $crate::command::output::write_out("\n")? };
    ($($words:tt)*) => { $crate::command::output::line(format_args!($($words)*))? };
}
pub(crate) use out;
