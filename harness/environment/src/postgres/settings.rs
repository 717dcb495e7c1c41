//! The host's own configuration file. It stands beside the data directory, takes in what the cluster brings, and then
//! says what the host wants: losing the data, or restoring an old cluster, does not change the host's settings.

use crate::error::{EnvironmentError, Result};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Who may log in: everyone with a password, nobody without.
const HOST_BASED_ACCESS: &str = "\
local all         all              scram-sha-256
local replication all              scram-sha-256
host  all         all 127.0.0.1/32 scram-sha-256
host  replication all 127.0.0.1/32 scram-sha-256
";

/// The same where the host has a network of its own, given as `172.18.0.0/16`.
pub(crate) fn host_based_access(network: Option<&str>) -> String {
    let mut text = HOST_BASED_ACCESS.to_owned();
    if let Some(network) = network {
        let _ = writeln!(text, "host  all         all {network} scram-sha-256");
        let _ = writeln!(text, "host  replication all {network} scram-sha-256");
    }
    text
}

/// Refuses what cannot be the name of a setting, and those that say where a server lives.
pub(crate) fn check(name: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(EnvironmentError::Invalid(format!(
            "`{name}` cannot name a setting of Postgres"
        )));
    }
    let ours = [
        "config_file",
        "hba_file",
        "listen_addresses",
        "port",
        "unix_socket_directories",
        "data_directory",
    ];
    if ours.contains(&name) {
        return Err(EnvironmentError::Invalid(format!(
            "{name} is set by the environment itself"
        )));
    }
    Ok(())
}

/// The text of the host's configuration file.
pub(crate) fn render(data: &Path, settings: &BTreeMap<String, String>) -> String {
    let mut text = format!(
        "include_if_exists = {}\n",
        quote(&data.join("postgresql.conf").display().to_string())
    );
    for (name, value) in settings {
        let _ = writeln!(text, "{name} = {}", quote(value));
    }
    text
}

fn quote(value: &str) -> String {
    format!(
        "'{}'",
        value.replace('\\', "\\\\").replace('\'', "''").replace('\n', "\\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_and_names_checked() {
        let settings = BTreeMap::from([("archive_command".to_owned(), "it's \\ %p".to_owned())]);
        let text = render(Path::new("/d"), &settings);
        assert_eq!(
            text,
            "include_if_exists = '/d/postgresql.conf'\narchive_command = 'it''s \\\\ %p'\n"
        );
        assert!(check("firedrill.epoch").is_ok());
        assert!(check("a = 'b'\nc").is_err());
        assert!(check("port").is_err());
    }

    #[test]
    fn nobody_is_trusted() {
        let text = host_based_access(Some("172.18.0.0/16"));
        assert_eq!(text.lines().count(), 6);
        assert!(text.lines().all(|line| line.ends_with("scram-sha-256")));
    }
}
