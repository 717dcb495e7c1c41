//! How a person reaches what a drill runs: commands that work when they are pasted. Secrets stand in files of the run's
//! runtime directory that only their owner can read, never in the commands.

use std::fmt::Write as _;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use firedrill_core::Scenario;
use firedrill_core::scenario::Route;
use firedrill_environment::{Lifecycle, State};

use crate::stage::{BACKUP_BUCKET, CLIENTS, FILES_BUCKET, Stage};

/// Folder of the secrets, below the runtime directory; it goes with that.
const FOLDER: &str = "connect";

/// What to paste, service by service. Writes the files that the commands name.
///
/// # Errors
/// In words, when such a file cannot be written.
pub async fn how(stage: &Stage, scenario: &Scenario) -> Result<String, String> {
    let folder = stage.local.runtime_directory().join(FOLDER);
    let failed = |error: io::Error| format!("{} cannot be written: {error}", folder.display());
    make(&folder).map_err(failed)?;
    let mut text = String::new();
    databases(stage, &folder, &mut text).await.map_err(failed)?;
    stores(stage, &folder, &mut text).await.map_err(failed)?;
    applications(stage, scenario, &folder, &mut text)
        .await
        .map_err(failed)?;
    let _ = writeln!(
        text,
        "files of all services below {}",
        stage.local.runtime_directory().display()
    );
    let _ = write!(text, "logs in {}", stage.local.logs().display());
    Ok(text)
}

async fn databases(stage: &Stage, folder: &Path, text: &mut String) -> io::Result<()> {
    let mut passwords = String::new();
    let file = folder.join("pgpass");
    let mut commands = String::new();
    for (name, host) in &stage.postgres {
        let Some(connection) = host.connection() else {
            let _ = writeln!(commands, "{name}: never started");
            continue;
        };
        let password = escaped(connection.password.reveal());
        // Links lead to the same server by other ports, so that the port is left open here.
        let line = format!("{}:*:*:{}:{password}\n", connection.host, connection.user);
        if !passwords.contains(&line) {
            passwords.push_str(&line);
        }
        let _ = writeln!(
            commands,
            "{name}{}\n  PGPASSFILE={} psql -h {} -p {} -U {} -d {}",
            standing(host.state().await),
            quoted(&file),
            connection.host,
            connection.port,
            connection.user,
            connection.database
        );
    }
    write(&file, &passwords)?;
    text.push_str(&commands);
    Ok(())
}

async fn stores(stage: &Stage, folder: &Path, text: &mut String) -> io::Result<()> {
    for (name, host) in &stage.stores {
        let Some(address) = host.address() else {
            let _ = writeln!(text, "{name}: never started");
            continue;
        };
        let (key, secret) = (host.access_key(), host.secret_key().reveal());
        let credentials = folder.join(format!("{name}.aws"));
        let profile = format!("[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n");
        write(&credentials, &profile)?;
        let curl = folder.join(format!("{name}.curl"));
        let options = format!(
            // Older versions of curl do not send the digest that S3 asks for.
            "user = \"{key}:{secret}\"\naws-sigv4 = \"aws:amz:{}:s3\"\nheader = \"x-amz-content-sha256: UNSIGNED-PAYLOAD\"\n",
            host.region()
        );
        write(&curl, &options)?;
        let _ = writeln!(text, "{name}{}", standing(host.state().await));
        for bucket in [FILES_BUCKET, BACKUP_BUCKET] {
            let _ = writeln!(
                text,
                "  AWS_SHARED_CREDENTIALS_FILE={} aws --endpoint-url http://{address} --region {} s3 ls s3://{bucket}/ --recursive",
                quoted(&credentials),
                host.region(),
            );
            let _ = writeln!(
                text,
                "  curl -sS -K {} 'http://{address}/{bucket}?list-type=2'",
                quoted(&curl)
            );
        }
    }
    Ok(())
}

async fn applications(stage: &Stage, scenario: &Scenario, folder: &Path, text: &mut String) -> io::Result<()> {
    for (name, host) in &stage.applications {
        let Some(address) = host.address() else {
            let _ = writeln!(text, "{name}: never started");
            continue;
        };
        let header = folder.join(format!("{name}.header"));
        write(&header, &format!("Authorization: Bearer {}\n", stage.admin_token))?;
        let _ = writeln!(
            text,
            "{name}{}\n  curl -sS http://{address}/health\n  curl -sS -H @{} http://{address}/admin/status",
            standing(host.state().await),
            quoted(&header)
        );
        if *name == scenario.load.application
            && let Ok(clients) = stage.address(CLIENTS, name, Route::Primary)
        {
            let _ = writeln!(
                text,
                "  curl -sS http://{clients}/health    # by the link that its clients take"
            );
        }
    }
    Ok(())
}

fn standing(state: Result<State, firedrill_environment::EnvironmentError>) -> &'static str {
    match state {
        Ok(State::Running) => "",
        Ok(State::Paused) => " (paused now)",
        Ok(State::Down) => " (down now)",
        Err(_) => " (its state is not known)",
    }
}

/// The folder, empty of what an earlier pause wrote.
fn make(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Writes a secret: readable by its owner from the first byte on.
fn write(path: &Path, content: &str) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?
        .write_all(content.as_bytes())
}

/// As a password file wants it.
fn escaped(password: &str) -> String {
    password.replace('\\', "\\\\").replace(':', "\\:")
}

/// A path as one word of a shell.
fn quoted(path: &Path) -> String {
    let text = PathBuf::from(path).display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_written_for_its_owner_alone_also_over_one_that_was_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        std::fs::write(&path, "old").expect("written");
        write(&path, "new").expect("written");
        let mode = std::fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "new");
    }

    #[test]
    fn paths_and_passwords_are_one_word_each() {
        assert_eq!(
            quoted(Path::new("/tmp/fd-1/connect/pgpass")),
            "/tmp/fd-1/connect/pgpass"
        );
        assert_eq!(quoted(Path::new("/tmp/it's mine")), "'/tmp/it'\\''s mine'");
        assert_eq!(escaped("a:b\\c"), "a\\:b\\\\c");
    }
}
