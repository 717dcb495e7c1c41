//! `wal-push` and `wal-fetch`, as Postgres starts them.
//!
//! The one idea: Postgres reads exit codes. To `restore_command` 1 means "not there", and recovery ends and promotes; so
//! a segment that is there and cannot be read must end beyond 128, which makes Postgres stop instead of losing WAL.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::wal::{wal_fetch, wal_push};

/// `wal-fetch` found no such file in the archive.
pub const EXIT_NOT_THERE: u8 = 1;
/// `wal-fetch` cannot tell, or must not hand on what it found: Postgres stops recovery at any code above 128.
pub const EXIT_CANNOT_TELL: u8 = 200;

/// `wal-push --config FILE PATH`, for `archive_command = '... wal-push --config FILE %p'`. `args` are the words behind
/// `wal-push`. Exits 0 once the store has the file, else 1, which makes Postgres keep it and try again.
pub fn wal_push_main(args: Vec<String>) -> ExitCode {
    let outcome = parse::<1>(args, "wal-push --config FILE PATH").and_then(|(config, [path])| {
        let runtime = runtime()?;
        runtime
            .block_on(wal_push(&config, path.as_ref()))
            .map_err(|error| error.to_string())
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("wal-push: {message}");
            ExitCode::from(1)
        }
    }
}

/// `wal-fetch --config FILE NAME DEST`, for `restore_command = '... wal-fetch --config FILE %f %p'`. `args` are the words
/// behind `wal-fetch`. Exits 0 once the file is at DEST, [`EXIT_NOT_THERE`], or [`EXIT_CANNOT_TELL`].
pub fn wal_fetch_main(args: Vec<String>) -> ExitCode {
    let outcome = parse::<2>(args, "wal-fetch --config FILE NAME DEST").and_then(|(config, [name, dest])| {
        let runtime = runtime()?;
        runtime
            .block_on(wal_fetch(&config, &name, dest.as_ref()))
            .map_err(|error| error.to_string())
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(EXIT_NOT_THERE),
        Err(message) => {
            eprintln!("wal-fetch: {message}");
            ExitCode::from(EXIT_CANNOT_TELL)
        }
    }
}

/// What `restore_command` says so that `program` fetches WAL with the repository file `config`, quoted for the shell that
/// Postgres runs it by.
#[must_use]
pub fn restore_command(program: &Path, config: &Path) -> String {
    format!("{} wal-fetch --config {} %f %p", quoted(program), quoted(config))
}

/// The same of `archive_command`, so that `program` pushes WAL.
#[must_use]
pub fn archive_command(program: &Path, config: &Path) -> String {
    format!("{} wal-push --config {} %p", quoted(program), quoted(config))
}

fn quoted(path: &Path) -> String {
    // A per cent sign is Postgres's own escape in these settings.
    format!(
        "'{}'",
        path.display().to_string().replace('\'', "'\\''").replace('%', "%%")
    )
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))
}

fn parse<const N: usize>(args: Vec<String>, usage: &str) -> Result<(PathBuf, [String; N]), String> {
    let mut config = None;
    let mut rest = Vec::new();
    let mut words = args.into_iter();
    while let Some(word) = words.next() {
        if word == "--config" {
            config = words.next();
        } else if let Some(file) = word.strip_prefix("--config=") {
            config = Some(file.to_owned());
        } else {
            rest.push(word);
        }
    }
    let found = rest.len();
    match (config, <[String; N]>::try_from(rest)) {
        (Some(config), Ok(rest)) => Ok((PathBuf::from(config), rest)),
        (None, _) => Err(format!("no --config; usage: {usage}")),
        (Some(_), Err(_)) => Err(format!("{found} words, expected {N}; usage: {usage}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_reach_the_program_as_they_are() {
        assert_eq!(
            restore_command(Path::new("/a b/it's"), Path::new("/100%/c.json")),
            "'/a b/it'\\''s' wal-fetch --config '/100%%/c.json' %f %p"
        );
        assert_eq!(
            archive_command(Path::new("/5%p/it's"), Path::new("/$HOME/`c`.json")),
            "'/5%%p/it'\\''s' wal-push --config '/$HOME/`c`.json' %p"
        );
    }
}
