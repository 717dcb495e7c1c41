//! One build of Postgres: its version, where it came from, and the digest of its server.

use crate::error::{EnvironmentError, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where a build came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It was on the machine.
    System,
    /// The user named its directory.
    Given,
    /// It is in a container image.
    Image,
    /// It was fetched.
    Fetched {
        /// `theseus` or `zonky`.
        source: String,
        /// SHA-256 of the archive as fetched.
        archive_sha256: String,
        /// Whether that digest is the one pinned in this program; else it was checked against what the publisher says.
        pinned: bool,
    },
}

/// A build of Postgres.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Major version.
    pub major: u32,
    /// The whole version, as `postgres --version` tells it.
    pub version: String,
    /// Directory of its programs.
    pub directory: PathBuf,
    /// Where it came from.
    pub origin: Origin,
    /// SHA-256 of the `postgres` program.
    pub sha256: String,
}

impl Build {
    /// A program of this build, such as `pg_dump`; not every build has every one.
    #[must_use]
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        Some(self.directory.join(name)).filter(|path| path.is_file())
    }

    /// The same with the digest filled in.
    pub(crate) fn digested(mut self) -> Result<Self> {
        if self.sha256.is_empty() {
            self.sha256 = digest(&self.directory.join("postgres"))?;
        }
        Ok(self)
    }

    /// The same build copied to `root`, for users that cannot reach where it is.
    pub(crate) fn copied_to(&self, root: &Path) -> Result<Self> {
        let installation = self.directory.parent().ok_or_else(|| {
            EnvironmentError::Invalid(format!("{} is no bin directory of Postgres", self.directory.display()))
        })?;
        // A build of a distribution is spread over the file system: only what is of one piece can be moved.
        if !installation.join("share").is_dir() && !installation.join("lib").is_dir() {
            return Err(EnvironmentError::Missing(format!(
                "the user that services run as cannot reach {}; choose another Postgres with --postgres, or open the \
                 directories above it (chmod o+x)",
                self.directory.display()
            )));
        }
        copy(installation, root).map_err(EnvironmentError::path("copy Postgres to", root))?;
        Ok(Self {
            directory: root.join("bin"),
            ..self.clone()
        })
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path())?, target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            let mode = entry.metadata()?.permissions().mode();
            fs::set_permissions(&target, fs::Permissions::from_mode(0o644 | (mode & 0o111)))?;
        }
    }
    Ok(())
}

/// SHA-256 of a file, in hexadecimal digits.
pub(crate) fn digest(path: &Path) -> Result<String> {
    let read = || -> std::io::Result<String> {
        let mut file = fs::File::open(path)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                count => hasher.update(&buffer[..count]),
            }
        }
        Ok(crate::secret::hex(&hasher.finalize()))
    };
    read().map_err(EnvironmentError::path("read", path))
}
