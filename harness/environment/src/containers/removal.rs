//! Removing what an engine holds of a run, found by its label alone: done by the supervisor when the harness is gone, and by
//! `clean` where the supervisor was killed, or the engine did not answer it.

use super::quarters::RUN_LABEL;
use super::{Contained, container, engine};
use crate::error::Result;
use bollard::Docker;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder, RemoveVolumeOptions,
};
use futures::future::join_all;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::time::Duration;

/// How often is looked again: what the engine was making when the harness died appears behind the first look.
const LOOKS: u32 = 20;
/// How many looks in a row must find nothing.
const EMPTY_LOOKS: u32 = 2;
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What bears a run's label.
#[derive(Debug, Default)]
struct Found {
    containers: Vec<String>,
    networks: Vec<String>,
    volumes: Vec<String>,
}

/// Removes the containers, networks and volumes of a run. Blocks.
pub(crate) fn remove(contained: &Contained) -> Result<()> {
    blocking(async {
        let (docker, _) = engine::connect(&contained.socket).await?;
        let label = format!("{RUN_LABEL}={}", contained.run);
        let mut empty = 0;
        let mut last = Ok(());
        for _ in 0..LOOKS {
            let found = find(&docker, &label).await?;
            empty = if found.is_empty() { empty + 1 } else { 0 };
            if empty == EMPTY_LOOKS {
                return Ok(());
            }
            last = take(&docker, &found).await;
            tokio::time::sleep(LOOK_EVERY).await;
        }
        last
    })
}

/// Removes what the engine holds of runs whose runtime directory is gone; runs that live, and what is not ours, are left
/// alone. Tells the runs, and whether nothing of each is left. Blocks.
pub(crate) fn sweep() -> Vec<(PathBuf, bool)> {
    let swept = blocking(async {
        let socket = engine::socket()?;
        let (docker, _) = engine::connect(&socket).await?;
        let mut dead = Vec::new();
        for run in runs(&docker).await? {
            let path = PathBuf::from(&run);
            // While there is a directory its journal names the engine: it is cleaned with that, once its lease is free.
            if path.is_absolute() && !path.exists() {
                let label = format!("{RUN_LABEL}={run}");
                let taken = take(&docker, &find(&docker, &label).await?).await;
                dead.push((path, taken.is_ok()));
            }
        }
        Ok(dead)
    });
    // Where no engine is there is nothing to remove from it.
    swept.unwrap_or_default()
}

fn blocking<T: Send>(work: impl Future<Output = Result<T>> + Send) -> Result<T> {
    // A thread of its own: the caller may be within a runtime.
    std::thread::scope(|scope| {
        let done = scope.spawn(|| {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(crate::error::EnvironmentError::io("cannot begin to remove containers"))?
                .block_on(work)
        });
        done.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

impl Found {
    fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.networks.is_empty() && self.volumes.is_empty()
    }
}

fn filters(label: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![label.to_owned()])])
}

async fn find(docker: &Docker, label: &str) -> Result<Found> {
    let asking = |what: &str| engine::refused(format!("asking for {what} with the label {label}"));
    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&filters(label))
        .build();
    let containers = docker
        .list_containers(Some(options))
        .await
        .map_err(asking("containers"))?;
    let options = ListNetworksOptionsBuilder::new().filters(&filters(label)).build();
    let networks = docker.list_networks(Some(options)).await.map_err(asking("networks"))?;
    let options = ListVolumesOptionsBuilder::new().filters(&filters(label)).build();
    let volumes = docker.list_volumes(Some(options)).await.map_err(asking("volumes"))?;
    Ok(Found {
        containers: containers.into_iter().filter_map(|one| one.id).collect(),
        networks: networks.into_iter().filter_map(|one| one.id).collect(),
        volumes: volumes
            .volumes
            .unwrap_or_default()
            .into_iter()
            .map(|one| one.name)
            .collect(),
    })
}

/// The containers side by side, then what they held on to.
async fn take(docker: &Docker, found: &Found) -> Result<()> {
    let ended = join_all(found.containers.iter().map(|id| container::remove(docker, id))).await;
    let mut outcome = ended.into_iter().collect::<Result<Vec<()>>>().map(drop);
    for network in &found.networks {
        if let Err(error) = docker.remove_network(network).await
            && !engine::is_gone(&error)
        {
            outcome = outcome.and(Err(engine::refused(format!("removing the network {network}"))(error)));
        }
    }
    for volume in &found.volumes {
        if let Err(error) = docker.remove_volume(volume, None::<RemoveVolumeOptions>).await
            && !engine::is_gone(&error)
        {
            outcome = outcome.and(Err(engine::refused(format!("removing the volume {volume}"))(error)));
        }
    }
    outcome
}

/// The runs that anything bears the label of.
async fn runs(docker: &Docker) -> Result<BTreeSet<String>> {
    let asking = || engine::refused(format!("asking for what has the label {RUN_LABEL}"));
    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&filters(RUN_LABEL))
        .build();
    let containers = docker.list_containers(Some(options)).await.map_err(asking())?;
    let options = ListNetworksOptionsBuilder::new().filters(&filters(RUN_LABEL)).build();
    let networks = docker.list_networks(Some(options)).await.map_err(asking())?;
    let labels = containers.into_iter().filter_map(|one| one.labels);
    let all = labels.chain(networks.into_iter().filter_map(|one| one.labels));
    Ok(all.filter_map(|labels| labels.get(RUN_LABEL).cloned()).collect())
}
