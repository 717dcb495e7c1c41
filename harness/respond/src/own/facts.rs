//! What a command is told: endpoints, places and alerts, as variables and as a JSON file, both of one making.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use firedrill_environment::{EnvironmentError, State};
use serde_json::{Value, json};

use super::{CommandHost, Task};
use crate::alert::Alerts;
use crate::clock;

/// Version of the JSON file.
const SCHEMA: u32 = 1;
/// The password file of a host, beside its data directory.
const PASSWORD_FILE: &str = "own-passwords";

/// A Postgres service on whose host commands run.
#[derive(Clone)]
pub struct CommandSite {
    /// The host.
    pub host: Arc<dyn CommandHost>,
    /// Its service's name.
    pub name: String,
}

/// How commands reach an object store.
#[derive(Clone)]
pub struct StoreAccess {
    /// The bucket that is theirs.
    pub bucket: String,
    /// The access key.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
    /// The region to sign with.
    pub region: String,
    /// The certificate to trust, where the store speaks TLS.
    pub certificate: Option<PathBuf>,
    /// Where each host reaches it.
    pub reached: BTreeMap<String, SocketAddr>,
}

/// Everything around commands that stays the same through a drill.
#[derive(Clone)]
pub struct Surroundings {
    /// The component whose data the hosts hold.
    pub component: String,
    /// The Postgres service that is backed up: commands run on its host unless they say otherwise.
    pub home: String,
    /// Postgres services by name.
    pub sites: BTreeMap<String, CommandSite>,
    /// Object stores by name.
    pub stores: BTreeMap<String, StoreAccess>,
    /// Applications by name.
    pub applications: BTreeMap<String, SocketAddr>,
    /// The scenario's tools, as they are laid out.
    pub tools: PathBuf,
    /// Files in there, by relative path.
    pub tool_files: BTreeSet<PathBuf>,
    /// A directory that outlives every host.
    pub vault: PathBuf,
    /// Postgres's programs.
    pub programs: PathBuf,
    /// The superuser's password, the same on every host.
    pub password: String,
    /// The run's logs.
    pub logs: PathBuf,
}

impl Surroundings {
    /// What must stand in no log.
    pub(super) fn secrets(&self) -> Vec<String> {
        let keys = self.stores.values().map(|store| store.secret_key.clone());
        std::iter::once(self.password.clone()).chain(keys).collect()
    }
}

/// The variables that a command is given, on their way.
type Told<'a> = Pin<Box<dyn Future<Output = Result<Vec<(String, String)>, EnvironmentError>> + Send + 'a>>;

/// Lays out the JSON file, the file of variables and the passwords, and returns the variables. Boxed, so that it is
/// compiled once and not in every crate that runs a command.
pub(super) fn tell<'a>(
    around: &'a Surroundings,
    site: &'a CommandSite,
    task: &'a Task<'_>,
    alerts: &'a Alerts,
) -> Told<'a> {
    Box::pin(lay_out(around, site, task, alerts))
}

async fn lay_out(
    around: &Surroundings,
    site: &CommandSite,
    task: &Task<'_>,
    alerts: &Alerts,
) -> Result<Vec<(String, String)>, EnvironmentError> {
    let mut variables: Vec<(String, String)> = Vec::new();
    let mut services = serde_json::Map::new();
    for (name, other) in &around.sites {
        let own = other.name == site.name;
        let connection = other.host.connection().ok();
        let state = match other.host.state().await? {
            State::Running => "running",
            State::Paused => "paused",
            State::Down => "down",
        };
        let mut facts = json!({ "kind": "postgres", "state": state, "user": "postgres", "database": "postgres" });
        if let Some(connection) = &connection {
            facts["host"] = connection.host.clone().into();
            facts["port"] = connection.port.into();
            variables.push((variable(name, "HOST"), connection.host.clone()));
            variables.push((variable(name, "PORT"), connection.port.to_string()));
        }
        if own {
            let (data, socket) = (other.host.data_directory(), other.host.socket());
            facts["data_directory"] = data.display().to_string().into();
            facts["socket_directory"] = socket.display().to_string().into();
            variables.push(("DRILL_DATA".into(), data.display().to_string()));
            variables.push(("DRILL_SOCKET".into(), socket.display().to_string()));
            variables.extend(connection.map(|connection| ("DRILL_PORT".into(), connection.port.to_string())));
        }
        services.insert(name.clone(), facts);
    }
    for (name, store) in &around.stores {
        let Some(address) = store.reached.get(&site.name) else {
            continue;
        };
        // The certificate is made out to the name, since not every client takes one for an address.
        let endpoint = match &store.certificate {
            Some(_) => format!("https://localhost:{}", address.port()),
            None => format!("http://{address}"),
        };
        let mut facts = json!({
            "kind": "s3", "endpoint": endpoint, "host": address.ip().to_string(), "port": address.port(),
            "bucket": store.bucket, "access_key": store.access_key, "secret_key": store.secret_key,
            "region": store.region, "path_style": true,
        });
        for (key, value) in [
            ("ENDPOINT", &endpoint),
            ("HOST", &address.ip().to_string()),
            ("PORT", &address.port().to_string()),
            ("BUCKET", &store.bucket),
            ("ACCESS_KEY", &store.access_key),
            ("SECRET_KEY", &store.secret_key),
            ("REGION", &store.region),
        ] {
            variables.push((variable(name, key), value.clone()));
        }
        if let Some(certificate) = &store.certificate {
            facts["certificate"] = certificate.display().to_string().into();
            variables.push((variable(name, "CERTIFICATE"), certificate.display().to_string()));
        }
        services.insert(name.clone(), facts);
    }
    for (name, address) in &around.applications {
        let url = format!("http://{address}");
        services.insert(name.clone(), json!({ "kind": "application", "url": url }));
        variables.push((variable(name, "URL"), url));
    }
    let passwords = format!("*:*:*:*:{}\n", around.password);
    let passwords = site.host.place(PASSWORD_FILE, passwords.as_bytes())?;
    let told: Vec<Value> = alerts
        .raised()
        .map(|(alert, standing)| {
            json!({
                "rule": alert.rule, "kind": alert.kind, "time": clock::utc(alert.unix_ms),
                "unix_ms": alert.unix_ms, "standing": standing,
            })
        })
        .collect();
    let deadline = task.deadline.as_secs();
    let mut facts = json!({
        "schema": SCHEMA, "kind": task.kind.word(), "name": task.name, "on": task.on, "deadline_s": deadline,
        "services": services, "alerts": told,
        "tools": around.tools, "vault": around.vault, "postgres_programs": around.programs, "passwords": passwords,
    });
    let mut path = around.programs.display().to_string();
    if let Ok(own) = std::env::var("PATH") {
        path = format!("{path}:{own}");
    }
    let mut add = |name: &str, value: String| variables.push((name.to_owned(), value));
    add("DRILL_KIND", task.kind.word().into());
    add("DRILL_NAME", task.name.into());
    add("DRILL_ON", task.on.into());
    add("DRILL_DEADLINE_S", deadline.to_string());
    add("DRILL_TOOLS", around.tools.display().to_string());
    add("DRILL_VAULT", around.vault.display().to_string());
    add("DRILL_PG_BIN", around.programs.display().to_string());
    add("PATH", path);
    add("PGPASSFILE", passwords.display().to_string());
    add("PGUSER", "postgres".into());
    add("PGDATABASE", "postgres".into());
    if let Some(service) = task.restores {
        facts["restores"] = service.into();
        add("DRILL_RESTORES", service.into());
    }
    if let Some(alert) = alerts.newest() {
        add("DRILL_ALERT_TIME", clock::utc(alert.unix_ms));
    }
    if let Some(truth) = &task.truth {
        facts["truth"] = truth.clone();
        for (key, value) in truth.as_object().into_iter().flatten() {
            if let Some(text) = value.as_str() {
                add(&format!("DRILL_TRUTH_{}", upper(key)), text.into());
            }
        }
    }
    let text = serde_json::to_vec_pretty(&facts).unwrap_or_default();
    let file = site.host.place(&file_name(task, "json"), &text)?;
    variables.push(("DRILL_FACTS".into(), file.display().to_string()));
    let shell = file.with_extension("sh");
    variables.push((super::VARIABLES_FILE.into(), shell.display().to_string()));
    let exports: String = variables
        .iter()
        .map(|(name, value)| format!("export {name}={}\n", quoted(value)))
        .collect();
    site.host.place(&file_name(task, "sh"), exports.as_bytes())?;
    Ok(variables)
}

/// The file of a task, told by its ending.
pub(super) fn file_name(task: &Task<'_>, ending: &str) -> String {
    let plain: String = task
        .name
        .chars()
        .take(60)
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    format!("own-{}-{plain}.{ending}", task.kind.word())
}

/// As one word of a POSIX shell.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// `DRILL_SERVICE_WHAT`.
fn variable(service: &str, what: &str) -> String {
    format!("DRILL_{}_{what}", upper(service))
}

fn upper(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_variables_and_values_words() {
        assert_eq!(variable("cold-backups", "PORT"), "DRILL_COLD_BACKUPS_PORT");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
