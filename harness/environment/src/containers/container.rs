//! One container from its creation to its end: made with the run's label, told apart by its id, its output read from before
//! its first process starts.

use super::engine::{is_gone, refused};
use crate::capability::State;
use crate::error::Result;
use crate::local::command::OUTPUT_BYTES_MAX;
use bollard::Docker;
use bollard::container::LogOutput;
use bollard::models::{ContainerCreateBody, ContainerState};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, InspectContainerOptions, KillContainerOptionsBuilder,
    RemoveContainerOptionsBuilder, StartContainerOptions,
};
use futures::StreamExt;
use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Where output goes.
pub(super) enum Sink {
    /// Both streams, one after the other as they come.
    File(File),
    /// The last of each stream.
    Memory,
}

/// The last of both streams.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// A container that was made.
#[derive(Clone)]
pub(super) struct Container {
    docker: Arc<Docker>,
    pub(super) name: String,
    pub(super) id: String,
}

impl Container {
    /// Makes a container; nothing of it runs yet.
    pub(super) async fn make(docker: &Arc<Docker>, name: &str, body: ContainerCreateBody) -> Result<Self> {
        let image = body.image.clone().unwrap_or_default();
        let options = CreateContainerOptionsBuilder::new().name(name).build();
        let made = docker
            .create_container(Some(options), body)
            .await
            .map_err(refused(format!("making the container {name} of {image}")))?;
        Ok(Self {
            docker: Arc::clone(docker),
            name: name.into(),
            id: made.id,
        })
    }

    /// Listens to it, then starts it. The listener ends with the container's output.
    pub(super) async fn start(&self, sink: Sink) -> Result<JoinHandle<Said>> {
        let options = AttachContainerOptionsBuilder::new()
            .stream(true)
            .stdout(true)
            .stderr(true)
            .build();
        let attached = self
            .docker
            .attach_container(&self.id, Some(options))
            .await
            .map_err(refused(format!("listening to {}", self.name)))?;
        let listener = tokio::spawn(listen(attached.output, sink));
        self.docker
            .start_container(&self.id, None::<StartContainerOptions>)
            .await
            .map_err(refused(format!("starting the container {}", self.name)))?;
        Ok(listener)
    }

    /// What the engine knows of it; none where it has no such container.
    pub(super) async fn look(&self) -> Result<Option<ContainerState>> {
        match self
            .docker
            .inspect_container(&self.id, None::<InspectContainerOptions>)
            .await
        {
            Ok(found) => Ok(found.state),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(refused(format!("looking at {}", self.name))(error)),
        }
    }

    pub(super) async fn state(&self) -> Result<State> {
        Ok(match self.look().await? {
            Some(state) if state.paused == Some(true) => State::Paused,
            Some(state) if state.running == Some(true) => State::Running,
            _ => State::Down,
        })
    }

    /// Sends a signal to its first process; false where that is no more.
    pub(super) async fn signal(&self, signal: &str) -> Result<bool> {
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        match self.docker.kill_container(&self.id, Some(options)).await {
            Ok(()) => Ok(true),
            Err(error) if is_gone(&error) => Ok(false),
            Err(error) => Err(refused(format!("sending {signal} to {}", self.name))(error)),
        }
    }

    pub(super) async fn pause(&self) -> Result<()> {
        let paused = self.docker.pause_container(&self.id).await;
        match paused {
            Err(_) if self.state().await? == State::Paused => Ok(()),
            other => other.map_err(refused(format!("pausing {}", self.name))),
        }
    }

    pub(super) async fn resume(&self) -> Result<()> {
        if self.state().await? != State::Paused {
            return Ok(());
        }
        self.docker
            .unpause_container(&self.id)
            .await
            .map_err(refused(format!("resuming {}", self.name)))
    }

    /// Ends and removes it, with its anonymous volumes. What is not there is removed.
    pub(super) async fn remove(&self) -> Result<()> {
        remove(&self.docker, &self.id).await
    }
}

/// Ends and removes a container, with its anonymous volumes. What is not there is removed.
pub(super) async fn remove(docker: &Docker, id: &str) -> Result<()> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    match docker.remove_container(id, Some(options)).await {
        Err(error) if !is_gone(&error) => Err(refused(format!("removing the container {id}"))(error)),
        _ => Ok(()),
    }
}

async fn listen(
    mut output: impl StreamExt<Item = std::result::Result<LogOutput, bollard::errors::Error>> + Unpin,
    mut sink: Sink,
) -> Said {
    let mut said = Said::default();
    while let Some(Ok(output)) = output.next().await {
        let (stream, message) = match output {
            LogOutput::StdErr { message } => (&mut said.stderr, message),
            LogOutput::StdOut { message } | LogOutput::Console { message } | LogOutput::StdIn { message } => {
                (&mut said.stdout, message)
            }
        };
        match &mut sink {
            // A log that cannot be written must not end the service.
            Sink::File(file) => drop(file.write_all(&message)),
            Sink::Memory => keep_last(stream, &message),
        }
    }
    said
}

fn keep_last(kept: &mut Vec<u8>, more: &[u8]) {
    let most = usize::try_from(OUTPUT_BYTES_MAX).unwrap_or(usize::MAX);
    kept.extend_from_slice(more);
    // Rarely, so that it costs little.
    if kept.len() > 2 * most {
        kept.drain(..kept.len() - most);
    }
}

impl Said {
    /// No more of each stream than is kept of a command.
    pub(super) fn cut(mut self) -> Self {
        let most = usize::try_from(OUTPUT_BYTES_MAX).unwrap_or(usize::MAX);
        for stream in [&mut self.stdout, &mut self.stderr] {
            if stream.len() > most {
                stream.drain(..stream.len() - most);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_much_output_is_kept() {
        let most = OUTPUT_BYTES_MAX as usize;
        let mut said = Said::default();
        for number in 0..(5 * most / 8) {
            keep_last(&mut said.stdout, format!("{number:08}").as_bytes());
            assert!(said.stdout.len() <= 2 * most);
        }
        let said = said.cut();
        assert_eq!(said.stdout.len(), most);
        assert!(said.stdout.ends_with(format!("{:08}", 5 * most / 8 - 1).as_bytes()));
    }
}
