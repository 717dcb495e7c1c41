//! The place of a history as the command line names it.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::builder::{PathBufValueParser, TypedValueParser};

use crate::command::Failure;

const SCHEME: &str = "s3://";
/// What S3 allows of a bucket's name.
const BUCKET_CHARS: std::ops::RangeInclusive<usize> = 3..=63;
/// What S3 allows of a key, less what the files of a run need.
const PREFIX_BYTES_MAX: usize = 512;

/// Where runs lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder of run directories.
    Folder(PathBuf),
    /// A prefix of an S3 bucket.
    Bucket(Prefix),
}

/// `s3://BUCKET/PREFIX`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The bucket.
    pub bucket: String,
    /// What keys begin with, without a slash at either end; may be empty.
    pub prefix: String,
}

impl Place {
    /// What an argument names.
    ///
    /// # Errors
    /// [`Failure::Input`]: it begins as a place in S3 does and is none.
    pub fn of(argument: &Path) -> Result<Place, Failure> {
        let refused = |why: String| {
            Failure::Input(miette::miette!(
                help = "expected s3://BUCKET/PREFIX; endpoint, region and credentials are taken from AWS_ENDPOINT_URL, \
                        AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                "{}: {why}",
                argument.display()
            ))
        };
        match argument.to_str().and_then(|text| text.strip_prefix(SCHEME)) {
            Some(rest) => prefix(rest).map(Place::Bucket).map_err(refused),
            None => Ok(Place::Folder(argument.to_owned())),
        }
    }
}

fn prefix(rest: &str) -> Result<Prefix, String> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    if !BUCKET_CHARS.contains(&bucket.len()) || !bucket.chars().all(plain) {
        return Err(format!("`{bucket}` is no name of a bucket"));
    }
    let prefix = prefix.trim_end_matches('/');
    if prefix.len() > PREFIX_BYTES_MAX {
        return Err(format!("the prefix has more than {PREFIX_BYTES_MAX} bytes"));
    }
    if !prefix.is_empty() && !prefix.split('/').all(is_name) {
        return Err(format!("`{prefix}` is no prefix that a folder could have"));
    }
    Ok(Prefix {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
    })
}

/// Whether a part of a key can be the name of a file here: a store is not trusted to name what lies outside of the cache.
pub(super) fn is_name(part: &str) -> bool {
    const BYTES_MAX: usize = 255;
    !part.is_empty() && part.len() <= BYTES_MAX && part != "." && part != ".." && !part.chars().any(char::is_control)
}

impl Prefix {
    /// The prefix above, and the last part.
    pub(super) fn split(&self) -> Option<(Prefix, String)> {
        let (above, name) = self.prefix.rsplit_once('/').unwrap_or(("", &self.prefix));
        (!name.is_empty()).then(|| {
            let above = Prefix {
                bucket: self.bucket.clone(),
                prefix: above.to_owned(),
            };
            (above, name.to_owned())
        })
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.bucket)?;
        if self.prefix.is_empty() {
            Ok(())
        } else {
            write!(f, "/{}", self.prefix)
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Folder(folder) => folder.display().fmt(f),
            Place::Bucket(prefix) => prefix.fmt(f),
        }
    }
}

/// Reads an option that names a folder to write to; a drill writes to no bucket.
pub fn folder() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| {
        if path.to_str().is_some_and(|text| text.starts_with(SCHEME)) {
            return Err(
                "expected a folder: drills write to one, `firedrill runs push` puts their runs into a bucket, and what the \
                 bucket's lifecycle rules say removes them there",
            );
        }
        Ok(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_folder_unless_it_begins_as_s3_does() {
        let of = |text: &str| Place::of(Path::new(text)).ok().map(|place| place.to_string());
        assert_eq!(of("firedrill-runs").as_deref(), Some("firedrill-runs"));
        assert_eq!(of("s3:/odd").as_deref(), Some("s3:/odd"));
        assert_eq!(of("s3://runs").as_deref(), Some("s3://runs"));
        assert_eq!(of("s3://runs/a/b/").as_deref(), Some("s3://runs/a/b"));
        for wrong in [
            "s3://",
            "s3://ab",
            "s3://Runs/a",
            "s3://runs//a",
            "s3://runs/../a",
            "s3://user@host/a",
        ] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_run_is_the_last_part() {
        let split = |text: &str| match Place::of(Path::new(text)) {
            Ok(Place::Bucket(prefix)) => prefix.split().map(|(above, name)| (above.to_string(), name)),
            _ => None,
        };
        assert_eq!(split("s3://runs"), None);
        assert_eq!(split("s3://runs/a"), Some(("s3://runs".into(), "a".into())));
        assert_eq!(split("s3://runs/a/b"), Some(("s3://runs/a".into(), "b".into())));
    }
}
