//! How the server that recovers will fetch WAL: this program, and a repository file that only its user can read.
//!
//! The one idea: that the server can run the one and read the other is looked at before a restore, not found out by recovery.

use std::path::{Path, PathBuf};

use firedrill_backup::{Error, RepositoryConfig, restore_command};
use firedrill_environment::Account;

use super::super::Failure;

/// Whose the restored directory becomes, where we are root and that is somebody else.
pub(super) fn owner_of(into: &Path) -> Result<Option<Account>, Failure> {
    use std::os::unix::fs::MetadataExt;
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let parent = into.parent().unwrap_or(Path::new("/"));
    let model = std::fs::metadata(into).or_else(|_| std::fs::metadata(parent));
    let model = model.map_err(|error| {
        Failure::Input(miette::miette!(
            help = "make the directory that it is to lie in first",
            "{}: {error}",
            parent.display()
        ))
    })?;
    Ok((model.uid() != 0).then(|| Account {
        name: model.uid().to_string(),
        uid: model.uid(),
        gid: model.gid(),
    }))
}

/// Where the repository file will lie that the server fetches WAL with, `named` or beside `into`, and the
/// `restore_command` that reads it. Nothing is written yet.
pub(super) fn wal_config(
    into: &Path,
    named: Option<&Path>,
    owner: Option<&Account>,
) -> Result<(PathBuf, String), Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::Harness(miette::miette!("this program's own path: {error}")))?;
    let file = match named {
        Some(file) => {
            std::path::absolute(file).map_err(|error| Failure::Input(miette::miette!("{}: {error}", file.display())))?
        }
        None => {
            let mut name = into.file_name().unwrap_or_default().to_owned();
            name.push(".repository.json");
            into.with_file_name(name)
        }
    };
    if let Some(owner) = owner
        && !owner.can_reach(&program)
    {
        return Err(Failure::Input(miette::miette!(
            help =
                "copy the program to where that user may run it, such as /usr/local/bin, or give --wal-fetch COMMAND",
            "the server would run as user {}, who cannot run {} to fetch WAL",
            owner.name,
            program.display()
        )));
    }
    if file.symlink_metadata().is_ok() {
        return Err(Failure::Input(miette::miette!(
            help = "remove it if no server recovers with it any more, or name another with --wal-config FILE",
            "{} is there already; the settings for fetching WAL would be written there",
            file.display()
        )));
    }
    let command = restore_command(&program, &file);
    Ok((file, command))
}

/// Writes the repository file, for the user that the server runs as. What cannot be given to that user does not stay.
pub(super) fn write_wal_config(config: &RepositoryConfig, file: &Path, owner: Option<&Account>) -> Result<(), Error> {
    config.write(file)?;
    let Some(owner) = owner else { return Ok(()) };
    std::os::unix::fs::lchown(file, Some(owner.uid), Some(owner.gid)).map_err(|source| {
        let _ = std::fs::remove_file(file);
        Error::Io {
            action: "give to the user that the server runs as",
            path: file.to_owned(),
            source,
        }
    })
}
