//! Traffic: the classes of operations that clients send, and the load and the canary that send them.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use firedrill_core::event::{Class, Role};
use firedrill_core::resolve::SAMPLE_SERVICES;
use firedrill_core::scenario::Route;
use firedrill_core::stamp::{MILLISECOND, Nanos, SECOND};
use firedrill_load::{Canary, CanarySpec, ClassSpec, HttpClient, Mix, Workload, WorkloadSpec, first_key, now};

use super::{Drill, DrillError, nanos};
use crate::stage::CLIENTS;

/// How long the load may take until every tier answers.
const WARM: Duration = Duration::from_secs(20);
/// The service whose keys the canary writes.
pub(super) const CANARY_SERVICE: &str = "auth";

impl Drill {
    pub(super) async fn begin_load(&mut self) -> Result<(), DrillError> {
        let scenario = self.scenario().clone();
        let deadline = match scenario.load.deadline {
            Some(deadline) => nanos(deadline)?,
            None => 3 * SECOND,
        };
        let deadline = Duration::from_nanos(deadline.unsigned_abs());
        let rows = u64::from(scenario.load.preload);
        let mut classes = Vec::new();
        for (service, rate) in &scenario.load.rates {
            let class = self.class_of(service, Role::Workload);
            self.recorder.class(class.clone());
            classes.push(ClassSpec {
                class,
                per_second: *rate,
                mix: Mix::of(service),
                first_key: first_key::WORKLOAD,
                preloaded: first_key::PRELOAD..first_key::PRELOAD + rows,
            });
        }
        let sink: Arc<dyn firedrill_load::Sink> = Arc::new(self.recorder.clone());
        let client = self.clients_client()?;
        let spec = WorkloadSpec::new(classes, self.script.seed, 32, deadline);
        let workload = Workload::start(spec, Arc::clone(&client), Arc::clone(&sink))?;
        let class = self.class_of(CANARY_SERVICE, Role::Canary);
        self.recorder.class(class.clone());
        let canary = CanarySpec::new(class, self.canary_rate(), self.script.seed, deadline);
        let canary = Canary::start(canary, client, sink)?;
        {
            let mut load = self.load.lock().unwrap_or_else(PoisonError::into_inner);
            load.workload = Some(workload);
            load.canary = Some(canary);
        }
        self.wait_until_warm().await
    }

    /// At least 20 writes per RPO of plan time while the calendar sets the pace.
    fn canary_rate(&self) -> u32 {
        let rpo = self.script.terms.components.get(&self.component).and_then(|component| {
            component
                .rpo
                .iter()
                .map(|limit| limit.plan)
                .filter(|plan| *plan > 0)
                .min()
        });
        let needed = rpo.map_or(0, |rpo| {
            let drill = self.scaled(rpo).max(1);
            u32::try_from((20 * SECOND).div_euclid(drill) + 1).unwrap_or(u32::MAX)
        });
        self.scenario().load.canary.max(needed).min(500)
    }

    async fn wait_until_warm(&self) -> Result<(), DrillError> {
        let until = now() + Nanos::try_from(WARM.as_nanos()).unwrap_or(Nanos::MAX / 2);
        loop {
            let warm = self.live_now().is_some_and(|live| {
                !live.tiers.is_empty()
                    && live
                        .tiers
                        .iter()
                        .all(|tier| tier.acked_per_second > 0 && tier.errors_per_second == 0)
            });
            if warm {
                return Ok(());
            }
            if now() >= until {
                let seen = self
                    .live_now()
                    .map_or_else(String::new, |live| format!("{:?}", live.tiers));
                return Err(DrillError::Other(format!(
                    "the application does not answer its clients {} s after the load began; see logs/ in {}: {seen}",
                    WARM.as_secs(),
                    self.script.directory.display()
                )));
            }
            tokio::time::sleep(Duration::from_nanos((100 * MILLISECOND).unsigned_abs())).await;
        }
    }

    /// The space of a service's keys: its place in the application's list of services.
    pub(super) fn space_of(service: &str) -> u16 {
        let at = SAMPLE_SERVICES
            .iter()
            .position(|(name, _)| *name == service)
            .unwrap_or(SAMPLE_SERVICES.len());
        u16::try_from(at).unwrap_or(u16::MAX)
    }

    pub(super) fn class_of(&self, service: &str, role: Role) -> Class {
        let tiers = &self.scenario().tiers;
        let level = tiers
            .iter()
            .find(|(_, services)| services.iter().any(|name| name == service))
            .map(|(level, _)| *level);
        let base = match role {
            Role::Workload => 0,
            Role::Canary => 100,
            Role::Preload => 200,
            Role::Capacity => 300,
        };
        Class {
            id: base + Self::space_of(service),
            service: service.to_owned(),
            component: self.component.clone(),
            tier: if role == Role::Workload { level } else { None },
            space: Self::space_of(service),
            role,
        }
    }

    pub(super) fn preload_classes(&self) -> Vec<Class> {
        self.scenario()
            .load
            .rates
            .keys()
            .map(|service| self.class_of(service, Role::Preload))
            .collect()
    }

    pub(super) fn clients_client(&self) -> Result<Arc<dyn firedrill_load::Client>, DrillError> {
        let address = self
            .stage()?
            .address(CLIENTS, &self.scenario().load.application, Route::Primary)?;
        Ok(Arc::new(HttpClient::new(address)))
    }
}

#[cfg(test)]
mod tests {
    use firedrill_app::Service;
    use firedrill_core::resolve::SAMPLE_SERVICES;

    #[test]
    fn the_services_that_plans_are_mapped_to_are_those_of_the_application() {
        // The place in the list is the key space of a service in the ledger.
        assert_eq!(
            SAMPLE_SERVICES,
            Service::ALL.map(|service| (service.name(), service.tier()))
        );
    }
}
