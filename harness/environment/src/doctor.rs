//! What this machine can run, what is missing, and what to do about it.

use crate::error::Result;
use crate::postgres::{self, Build, PostgresChoice, fetch};
use crate::runtime;
use crate::user::Account;
use serde::Serialize;
use std::path::Path;

/// How one thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// As drills want it.
    Ok,
    /// Drills run, with less than they could have.
    Warning,
    /// Drills cannot run until it is mended.
    Missing,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Examined {
    /// What.
    pub name: String,
    /// How it stands.
    pub state: Standing,
    /// What was found.
    pub found: String,
    /// What to do; empty where there is nothing to do.
    pub advice: String,
}

fn examined(name: &str, state: Standing, found: impl Into<String>, advice: &str) -> Examined {
    let advice = if state == Standing::Ok {
        String::new()
    } else {
        advice.to_owned()
    };
    Examined {
        name: name.into(),
        state,
        found: found.into(),
        advice,
    }
}

fn ok_if(condition: bool, otherwise: Standing) -> Standing {
    if condition { Standing::Ok } else { otherwise }
}

/// Looks at the machine. Runs go to `output`, whose disk is looked at too, on the Postgres of `choice`. Starts nothing but
/// `postgres --version`.
#[must_use]
pub fn examine(output: &Path, choice: &PostgresChoice) -> Vec<Examined> {
    let builds = postgres::discover::installed();
    let mut all = vec![servers(&builds, postgres::at_hand(choice)), clients(&builds), account()];
    all.push(space(
        "free disk for runs",
        nearest(output),
        512,
        "free some space, or name another place with --output",
    ));
    all.push(temporary());
    all.push(space(
        "/dev/shm",
        Path::new("/dev/shm"),
        64,
        "Postgres needs it: in a container, raise --shm-size",
    ));
    all.push(memory());
    all.push(segments());
    all.push(cores());
    all.push(locale());
    all.push(docker());
    all
}

/// `wanted` is the one that drills would run on, or why there is none.
fn servers(builds: &[Build], wanted: Result<Option<Build>>) -> Examined {
    let mut found: Vec<String> = builds
        .iter()
        .map(|build| format!("{} in {}", build.version, build.directory.display()))
        .collect();
    for major in postgres::MAJORS {
        if let Ok(Some(build)) = fetch::cached(major) {
            found.push(format!("{} fetched before", build.version));
        }
    }
    let found = if found.is_empty() {
        "none of 15 to 18".into()
    } else {
        found.join(", ")
    };
    let advice = "one is fetched at the first drill (some 10 MiB from Maven Central); without a network, install it: \
                  apt-get install postgresql";
    match wanted {
        Ok(build) => examined("Postgres", ok_if(build.is_some(), Standing::Warning), found, advice),
        Err(error) => examined("Postgres", Standing::Missing, found, &error.to_string()),
    }
}

fn clients(builds: &[Build]) -> Examined {
    let has = |name: &str| {
        builds.iter().any(|build| build.program(name).is_some())
            || std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
                .any(|place| place.join(name).is_file())
    };
    let (present, absent): (Vec<&str>, Vec<&str>) = ["pg_dump", "pg_restore", "psql"]
        .into_iter()
        .partition(|name| has(name));
    let found = if present.is_empty() {
        "none".into()
    } else {
        present.join(", ")
    };
    let advice = "dumps are then made by COPY, and say so; for the real tools: apt-get install postgresql-client";
    examined(
        "client tools",
        ok_if(absent.is_empty(), Standing::Warning),
        found,
        advice,
    )
}

fn account() -> Examined {
    match Account::choose() {
        Ok(None) => examined("user of the services", Standing::Ok, "ourselves", ""),
        Ok(Some(account)) => examined(
            "user of the services",
            Standing::Ok,
            format!("{} (we are root)", account.name),
            "",
        ),
        Err(error) => examined(
            "user of the services",
            Standing::Missing,
            error.to_string(),
            "add a user, or do not run as root",
        ),
    }
}

fn space(name: &str, path: &Path, wanted_mib: u64, advice: &str) -> Examined {
    match rustix::fs::statvfs(path) {
        Ok(system) => {
            let free = system.f_bavail.saturating_mul(system.f_frsize) / (1024 * 1024);
            let found = format!("{free} MiB free at {}", path.display());
            let state = match free {
                free if free >= wanted_mib => Standing::Ok,
                free if free >= wanted_mib / 4 => Standing::Warning,
                _ => Standing::Missing,
            };
            examined(name, state, found, advice)
        }
        Err(error) => examined(name, Standing::Missing, format!("{}: {error}", path.display()), advice),
    }
}

/// The directory, or the closest one above it that exists.
fn nearest(path: &Path) -> &Path {
    path.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("."))
}

fn temporary() -> Examined {
    let account = Account::choose().ok().flatten();
    let usable = runtime::parents()
        .into_iter()
        .find(|parent| runtime::usable(account.as_ref(), parent));
    match usable {
        Some(parent) => {
            let asked = std::env::var_os("TMPDIR").map(std::path::PathBuf::from);
            let taken = asked.is_none_or(|asked| asked == parent);
            let advice = "TMPDIR is too long for a socket path (48 bytes), mounted noexec or closed to the services' \
                          user: /tmp is used";
            let found = space("", &parent, 1024, advice);
            let state = if taken { found.state } else { Standing::Warning };
            let advice = if taken {
                "free some space there, or set TMPDIR to a short path with more"
            } else {
                advice
            };
            examined("runtime directory", state, found.found, advice)
        }
        None => examined(
            "runtime directory",
            Standing::Missing,
            "neither TMPDIR nor /tmp can be used",
            "set TMPDIR to a short directory, not mounted noexec, that other users may enter",
        ),
    }
}

fn memory() -> Examined {
    let table = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = table.lines().find_map(|line| {
        line.strip_prefix("MemAvailable:")?
            .trim()
            .strip_suffix(" kB")?
            .trim()
            .parse::<u64>()
            .ok()
    });
    match available {
        Some(kib) => {
            let mib = kib / 1024;
            let advice = "drills want 1 GiB: two servers, the application, the store and the load run side by side";
            examined(
                "memory",
                ok_if(mib >= 1024, Standing::Warning),
                format!("{mib} MiB available"),
                advice,
            )
        }
        None => examined(
            "memory",
            Standing::Warning,
            "unknown: /proc/meminfo cannot be read",
            "mount /proc",
        ),
    }
}

fn segments() -> Examined {
    let tool = ["ipcrm", "perl"].into_iter().find(|name| {
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|place| place.join(name).is_file())
    });
    let advice = "a killed Postgres leaves a System V segment that then cannot be removed: install util-linux or perl";
    match tool {
        Some(tool) => examined("removing shared memory", Standing::Ok, tool, ""),
        None => examined(
            "removing shared memory",
            Standing::Warning,
            "neither ipcrm nor perl",
            advice,
        ),
    }
}

fn cores() -> Examined {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let advice = "with one core the load's own delays widen every figure; two or more are wanted";
    examined("cores", ok_if(cores >= 2, Standing::Warning), cores.to_string(), advice)
}

fn locale() -> Examined {
    let asked = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|text| !text.is_empty()));
    let shown = asked.clone().unwrap_or_else(|| "none".into());
    let utf8 = asked.is_some_and(|asked| {
        let asked = asked.to_lowercase();
        asked.contains("utf-8") || asked.contains("utf8")
    });
    let advice =
        "lines and marks on the terminal may look odd: set LANG=C.UTF-8. Clusters always use locale C and UTF8";
    examined("locale", ok_if(utf8, Standing::Warning), shown, advice)
}

fn docker() -> Examined {
    let found = ["/var/run/docker.sock", "/run/docker.sock"]
        .into_iter()
        .find(|path| Path::new(path).exists());
    let found = found.map_or_else(
        || "no Docker socket; drills here do not need it".to_owned(),
        ToOwned::to_owned,
    );
    examined("Docker", Standing::Ok, found, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_named_once_and_what_is_not_well_has_advice() {
        let all = examine(Path::new("/tmp/none/here"), &PostgresChoice::default());
        let mut names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
        assert!(all.iter().all(|one| !one.found.is_empty()));
        assert!(
            all.iter()
                .all(|one| (one.state == Standing::Ok) == one.advice.is_empty()),
            "{all:?}"
        );
    }

    #[test]
    fn a_postgres_that_may_not_be_fetched_is_missing() {
        let none = |text: &str| servers(&[], Err(crate::EnvironmentError::Missing(text.into())));
        let forbidden = none("--offline forbids fetching it");
        assert_eq!(forbidden.state, Standing::Missing);
        assert!(forbidden.advice.contains("--offline"), "{forbidden:?}");
        assert_eq!(servers(&[], Ok(None)).state, Standing::Warning);
        let absent = PostgresChoice {
            source: postgres::Source::Directory("/nowhere".into()),
            ..PostgresChoice::default()
        };
        assert_eq!(examine(Path::new("/tmp"), &absent)[0].state, Standing::Missing);
    }
}
