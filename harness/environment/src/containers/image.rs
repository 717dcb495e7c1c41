//! The images of a run: found, or pulled, before anything of the run exists; and which Postgres is in one.

use super::container::{Container, Sink};
use super::engine::{self, told};
use super::{Containers, Image, ImageNames};
use crate::error::{EnvironmentError, Result};
use crate::local::Progress;
use crate::postgres::{Build, MAJOR_DEFAULT, MAJORS, Origin, PostgresChoice};
use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures::StreamExt;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// How long a pull may take.
const PULL_MAX: Duration = Duration::from_secs(600);
/// How long an image may take to tell its Postgres.
const TELL_MAX: Duration = Duration::from_secs(60);
/// Says where Postgres's programs are, its version and its digest, then which of its arguments are no programs; a line each.
const ASK: &str = "p=$(command -v postgres || ls /usr/lib/postgresql/*/bin/postgres | tail -n 1) && dirname \"$p\" && \
                   \"$p\" --version && sha256sum \"$p\" && for q; do command -v \"$q\" >/dev/null || echo \"$q\"; done";
const MAJOR_MARK: &str = "{major}";

/// Finds the engine and the images of a run; pulls what is missing unless that is forbidden.
///
/// # Errors
/// The engine or an image is not there; the text says what to do.
pub async fn choose(
    names: &ImageNames,
    programs: &[String],
    choice: &PostgresChoice,
    progress: Option<&Progress>,
) -> Result<Containers> {
    let socket = engine::socket()?;
    let (docker, version) = engine::connect(&socket).await?;
    let docker = Arc::new(docker);
    let wanted = postgres_name(&docker, &names.postgres, choice.major).await?;
    let postgres = have(&docker, &wanted, choice.offline, progress).await?;
    let app = have(&docker, &names.app, choice.offline, progress).await?;
    let toxiproxy = match &names.toxiproxy {
        Some(name) => Some(have(&docker, name, choice.offline, progress).await?),
        None => None,
    };
    let (build, lacking) = tell(&docker, &postgres, programs).await?;
    match choice.major.filter(|major| *major != build.major) {
        Some(major) => Err(EnvironmentError::Invalid(format!(
            "the image {} holds Postgres {}, and {major} was asked for",
            postgres.name, build.version
        ))),
        None => Ok(Containers {
            socket,
            engine: version,
            postgres,
            app,
            toxiproxy,
            build,
            lacking,
        }),
    }
}

/// The name with its major; where none is asked for, the highest that is there, as on the local environment.
async fn postgres_name(docker: &Docker, name: &str, major: Option<u32>) -> Result<String> {
    let with = |major: u32| name.replace(MAJOR_MARK, &major.to_string());
    if let Some(major) = major {
        if !MAJORS.contains(&major) {
            return Err(EnvironmentError::Invalid(format!(
                "Postgres {major}: expected one of 15, 16, 17 and 18"
            )));
        }
        return Ok(with(major));
    }
    for major in MAJORS.rev() {
        if docker.inspect_image(&with(major)).await.is_ok() {
            return Ok(with(major));
        }
    }
    Ok(with(MAJOR_DEFAULT))
}

async fn have(docker: &Docker, name: &str, offline: bool, progress: Option<&Progress>) -> Result<Image> {
    let missing = |why: &str| {
        EnvironmentError::Missing(format!(
            "the image {name} is not there, and {why}; make it here (ci/images), load it (docker load), or name another one \
             (--postgres-image, --app-image, --toxiproxy-image)"
        ))
    };
    let first = docker.inspect_image(name).await;
    let found = match first {
        Ok(found) => found,
        Err(_) if offline => return Err(missing("--offline forbids pulling it")),
        Err(_) => {
            if let Some(progress) = progress {
                progress(&format!("pulling the image {name}"));
            }
            pull(docker, name)
                .await
                .map_err(|why| missing(&format!("cannot be pulled: {why}")))?;
            docker
                .inspect_image(name)
                .await
                .map_err(|error| missing(&told(&error)))?
        }
    };
    Ok(Image {
        name: name.into(),
        id: found.id.unwrap_or_else(|| name.into()),
    })
}

async fn pull(docker: &Docker, name: &str) -> std::result::Result<(), String> {
    let options = CreateImageOptionsBuilder::new().from_image(name).build();
    let mut pulled = pin!(docker.create_image(Some(options), None, None));
    let all = async {
        while let Some(step) = pulled.next().await {
            step.map_err(|error| told(&error))?;
        }
        Ok(())
    };
    tokio::time::timeout(PULL_MAX, all)
        .await
        .unwrap_or_else(|_| Err(format!("it took more than {PULL_MAX:?}")))
}

/// Asks an image for its Postgres, and which of these programs it lacks. Nothing of a run is there yet: the container removes itself.
async fn tell(docker: &Arc<Docker>, image: &Image, programs: &[String]) -> Result<(Build, Vec<String>)> {
    let body = ContainerCreateBody {
        image: Some(image.id.clone()),
        entrypoint: Some(vec!["/bin/sh".into(), "-c".into(), ASK.into()]),
        // The first is the shell's own name.
        cmd: Some(
            std::iter::once("asks".to_owned())
                .chain(programs.iter().cloned())
                .collect(),
        ),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        host_config: Some(HostConfig {
            auto_remove: Some(true),
            network_mode: Some("none".into()),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let name = format!("firedrill-asks-{}", crate::secret::random_hex(6)?);
    let container = Container::make(docker, &name, body).await?;
    let asked = async {
        let listener = container.start(Sink::Memory).await?;
        Ok::<_, EnvironmentError>(tokio::time::timeout(TELL_MAX, listener).await)
    };
    let said = match asked.await {
        Ok(Ok(Ok(said))) => said,
        failed => {
            let _ = container.remove().await;
            drop(failed?);
            return Err(EnvironmentError::Deadline {
                what: format!("asking the image {} for its Postgres", image.name),
                deadline: TELL_MAX,
            });
        }
    };
    let told = String::from_utf8_lossy(&said.stdout).into_owned();
    let lacking = told.lines().skip(3).map(str::to_owned).collect();
    read_build(&told).map(|build| (build, lacking)).ok_or_else(|| {
        EnvironmentError::Missing(format!(
            "the image {} holds no Postgres of {} to {}: it said `{}`; name another one with --postgres-image",
            image.name,
            MAJORS.start(),
            MAJORS.end(),
            String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).trim()
        ))
    })
}

fn read_build(said: &str) -> Option<Build> {
    let mut lines = said.lines();
    let directory = PathBuf::from(lines.next()?);
    let version = lines.next()?.split_whitespace().nth(2)?.to_owned();
    let sha256 = lines.next()?.split_whitespace().next()?.to_owned();
    let digits = version.split(|letter: char| !letter.is_ascii_digit()).next()?;
    let major = digits.parse().ok().filter(|major| MAJORS.contains(major))?;
    Some(Build {
        major,
        version,
        directory,
        origin: Origin::Image,
        sha256,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_image_says_of_its_postgres_is_read() {
        let said = "/usr/lib/postgresql/17/bin\npostgres (PostgreSQL) 17.6 (Debian 17.6-0+deb13u1)\nab01  /usr/lib/x\n";
        let build = read_build(said).unwrap();
        assert_eq!(
            (build.major, build.version.as_str(), build.sha256.as_str()),
            (17, "17.6", "ab01")
        );
        assert_eq!(read_build(&said.replace("17.6", "14.2")), None);
        assert_eq!(read_build("sh: ls: not found\n"), None);
    }
}
