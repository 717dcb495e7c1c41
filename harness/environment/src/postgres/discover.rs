//! Builds of Postgres that the machine has.

use super::MAJORS;
use super::build::{Build, Origin};
use crate::error::{EnvironmentError, Result};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Every build of a supported major on the machine, each once, without digest.
#[must_use]
pub fn installed() -> Vec<Build> {
    let mut places: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    for family in ["/usr/lib/postgresql", "/usr/lib64/postgresql", "/opt/postgresql"] {
        let entries = std::fs::read_dir(family).into_iter().flatten().flatten();
        places.extend(entries.map(|entry| entry.path().join("bin")));
    }
    let packages = std::fs::read_dir("/usr").into_iter().flatten().flatten();
    places.extend(packages.filter_map(|entry| {
        entry
            .file_name()
            .to_str()?
            .starts_with("pgsql-")
            .then(|| entry.path().join("bin"))
    }));
    places.push("/usr/local/pgsql/bin".into());
    let mut seen = HashSet::new();
    let mut builds = Vec::new();
    for place in places {
        // Distributions link initdb into PATH: where the link leads, the rest is.
        let Ok(initdb) = place.join("initdb").canonicalize() else {
            continue;
        };
        let Some(directory) = initdb.parent() else { continue };
        if seen.insert(directory.to_path_buf())
            && let Ok(build) = examine(directory, Origin::System)
            && MAJORS.contains(&build.major)
        {
            builds.push(build);
        }
    }
    builds
}

/// The build in a directory that holds its programs, or has them in `bin`, with digest.
///
/// # Errors
/// There is no Postgres, or of a major that is not supported.
pub fn at(directory: &Path, origin: Origin) -> Result<Build> {
    let bin = [directory.join("bin"), directory.to_path_buf()];
    let bin = bin
        .iter()
        .find(|bin| bin.join("postgres").is_file() && bin.join("initdb").is_file())
        .ok_or_else(|| {
            EnvironmentError::Invalid(format!(
                "{}: expected the programs postgres and initdb in it or in its bin",
                directory.display()
            ))
        })?;
    let bin = bin.canonicalize().map_err(EnvironmentError::path("find", bin))?;
    let build = examine(&bin, origin)?;
    if !MAJORS.contains(&build.major) {
        let (place, version) = (bin.display(), &build.version);
        return Err(EnvironmentError::Invalid(format!(
            "{place} holds Postgres {version}: expected 15 to 18"
        )));
    }
    build.digested()
}

fn examine(bin: &Path, origin: Origin) -> Result<Build> {
    let program = bin.join("postgres");
    let output = Command::new(&program)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .map_err(EnvironmentError::path("run", &program))?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let version = parse(&text)
        .filter(|_| output.status.success())
        .ok_or_else(|| EnvironmentError::Command {
            what: format!("{} --version", program.display()),
            detail: format!("{text}{}", String::from_utf8_lossy(&output.stderr).trim()),
        })?;
    let major = version
        .split(['.', 'd', 'b', 'r'])
        .next()
        .and_then(|major| major.parse().ok())
        .unwrap_or(0);
    Ok(Build {
        major,
        version,
        directory: bin.to_path_buf(),
        origin,
        sha256: String::new(),
    })
}

fn parse(text: &str) -> Option<String> {
    Some(
        text.strip_prefix("postgres (PostgreSQL) ")?
            .split_ascii_whitespace()
            .next()?
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_told() {
        assert_eq!(
            parse("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)").unwrap(),
            "15.18"
        );
        assert_eq!(parse("postgres (PostgreSQL) 17.11").unwrap(), "17.11");
        assert_eq!(parse("mysqld 8"), None);
    }

    #[test]
    fn an_empty_directory_is_refused_with_what_was_expected() {
        let empty = tempfile::tempdir().unwrap();
        let error = at(empty.path(), Origin::Given).unwrap_err().to_string();
        assert!(error.contains("initdb"), "{error}");
    }
}
