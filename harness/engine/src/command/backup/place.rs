//! Where a repository is and what opens it: flags and variables for the place, variables and files for the secrets.
//!
//! The one idea: no secret is ever an argument, since arguments are for all users of a machine to read.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use firedrill_backup::{Repository, RepositoryConfig};

use super::super::Failure;

const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";
const SECRET_KEY: &str = "AWS_SECRET_ACCESS_KEY";
const MASTER_KEY: &str = "FIREDRILL_BACKUP_KEY";
/// A key is 64 characters and a line feed; this bounds what a wrong file can cost.
const KEY_FILE_BYTES_MAX: u64 = 4096;

/// Which repository.
#[derive(Args, Clone, Debug)]
pub struct RepositoryArguments {
    /// A repository file: JSON of mode 0600 with place, credentials and master key. Flags and variables of the place
    /// overrule what it says.
    #[arg(long, value_name = "FILE", env = "FIREDRILL_REPOSITORY")]
    pub repository: Option<PathBuf>,
    /// The store: https://HOST, or http://127.0.0.1:PORT.
    #[arg(long, value_name = "URL", env = "FIREDRILL_S3_ENDPOINT")]
    pub endpoint: Option<String>,
    /// The bucket.
    #[arg(long, value_name = "NAME", env = "FIREDRILL_S3_BUCKET")]
    pub bucket: Option<String>,
    /// What all keys of the repository begin with; none if it has the bucket to itself.
    #[arg(long, value_name = "PREFIX", env = "FIREDRILL_S3_PREFIX")]
    pub prefix: Option<String>,
    /// The region that requests are signed for; us-east-1 if nothing says otherwise.
    #[arg(long, value_name = "REGION", env = "FIREDRILL_S3_REGION")]
    pub region: Option<String>,
    /// A file of mode 0600 that holds the master key, 64 hexadecimal digits.
    #[arg(long, value_name = "FILE", env = "FIREDRILL_BACKUP_KEY_FILE")]
    pub key_file: Option<PathBuf>,
}

impl RepositoryArguments {
    /// Opens the repository; the store is not asked anything yet.
    pub(super) fn open(&self) -> Result<Repository, Failure> {
        Repository::open(&self.config()?).map_err(|error| Failure::Input(miette::miette!("{error}")))
    }

    /// What the arguments, the environment and the files say together.
    pub(super) fn config(&self) -> Result<RepositoryConfig, Failure> {
        let mut config = match &self.repository {
            Some(file) => RepositoryConfig::read(file).map_err(|error| {
                Failure::Input(miette::miette!(
                    help = "docs/backup.md shows what a repository file holds",
                    "{error}"
                ))
            })?,
            None => RepositoryConfig {
                endpoint: String::new(),
                bucket: String::new(),
                prefix: String::new(),
                access_key: secret(ACCESS_KEY)?,
                secret_key: secret(SECRET_KEY)?,
                region: "us-east-1".into(),
                plain_http: false,
                key: match &self.key_file {
                    Some(file) => key_of(file)?,
                    None => secret(MASTER_KEY)?,
                },
            },
        };
        for (told, place) in [
            (&self.endpoint, &mut config.endpoint),
            (&self.bucket, &mut config.bucket),
            (&self.prefix, &mut config.prefix),
            (&self.region, &mut config.region),
        ] {
            if let Some(told) = told {
                place.clone_from(told);
            }
        }
        for (flag, variable, found) in [
            ("--endpoint", "FIREDRILL_S3_ENDPOINT", &config.endpoint),
            ("--bucket", "FIREDRILL_S3_BUCKET", &config.bucket),
        ] {
            if found.is_empty() {
                return Err(Failure::Input(miette::miette!(
                    help = "or name a repository file with --repository FILE",
                    "which repository? {flag} is missing (or {variable})"
                )));
            }
        }
        Ok(config)
    }
}

fn secret(name: &str) -> Result<String, Failure> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(value),
        _ => Err(Failure::Input(miette::miette!(
            help = "or name a file that holds it: --repository FILE for all of it, --key-file FILE for the master key",
            "the environment variable {name} is not set; secrets are not taken from the command line"
        ))),
    }
}

fn key_of(file: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::Input(miette::miette!("key file {}: {error}", file.display()));
    let meta = std::fs::metadata(file).map_err(failed)?;
    let mode = meta.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Failure::Input(miette::miette!(
            help = format!("chmod 600 {}", file.display()),
            "key file {}: found mode {mode:04o}, expected 0600, since it holds the master key",
            file.display()
        )));
    }
    if meta.len() > KEY_FILE_BYTES_MAX {
        return Err(Failure::Input(miette::miette!(
            "key file {}: found {} bytes, expected one line of 64 hexadecimal digits",
            file.display(),
            meta.len()
        )));
    }
    Ok(std::fs::read_to_string(file).map_err(failed)?.trim().to_owned())
}
