//! The final read: sessions are ended, the queue is drained, and what the recovered database and the abandoned ones hold
//! goes into the ledger.

use std::sync::Arc;
use std::time::Duration;

use firedrill_core::event::{Edge, Event};
use firedrill_core::scenario::{Route, Service};
use firedrill_core::stamp::{Nanos, SECOND, Stamp};
use firedrill_environment::{Lifecycle, State};
use firedrill_load::{FinalRead, Objects, Space, end_sessions, final_read, incarnation_of, now};

use super::traffic::CANARY_SERVICE;
use super::{Drill, DrillError};
use crate::application_status::{ApplicationStatus, status};

const FINAL_READ_MAX: Duration = Duration::from_secs(600);
const SESSIONS_END_MAX: Duration = Duration::from_secs(10);
/// How long the application's durable queue may take to drain once the load has stopped.
const DRAIN_MAX: Duration = Duration::from_secs(15);

impl Drill {
    async fn application_status(&self) -> Result<ApplicationStatus, DrillError> {
        let stage = self.stage()?;
        let name = &self.scenario().load.application;
        let address = stage
            .application(name)?
            .address()
            .ok_or_else(|| DrillError::Other(format!("{name} was never started")))?;
        status(address, &stage.admin_token).await.map_err(DrillError::Other)
    }

    /// The Postgres service that the application uses now, if it runs; the queue is drained into it first.
    pub(super) async fn find_serving(&self) -> Option<String> {
        let until = now() + Nanos::try_from(DRAIN_MAX.as_nanos()).unwrap_or(SECOND);
        let status = loop {
            match self.application_status().await {
                Ok(status) if status.queued == 0 || status.database_away || now() >= until => break status,
                Err(_) if now() >= until => return None,
                Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        };
        if status.queued > 0 {
            self.recorder.record_now(Event::Note {
                text: format!(
                    "{} entries were still in the application's queue when its data was read",
                    status.queued
                ),
            });
        }
        let stage = self.stage().ok()?;
        let application = &self.scenario().load.application;
        for name in stage.postgres.keys() {
            for route in [Route::Primary, Route::Alternate] {
                let here = stage
                    .address(application, name, route)
                    .is_ok_and(|address| address.port() == status.database_port);
                if here && self.is_running(name).await {
                    return Some(name.clone());
                }
            }
        }
        None
    }

    async fn is_running(&self, database: &str) -> bool {
        let Ok(host) = self.stage().and_then(|stage| Ok(stage.database(database)?)) else {
            return false;
        };
        matches!(host.state().await, Ok(State::Running))
    }

    pub(super) async fn read_and_check(&self, serving: &str) -> Result<(), DrillError> {
        let config = self.load_config(serving)?;
        if let Err(error) = end_sessions(&config, SESSIONS_END_MAX).await {
            self.recorder.record_now(Event::Note {
                text: format!("old sessions could not be ended: {error}"),
            });
        }
        let others: Vec<String> = self
            .stage()?
            .postgres
            .keys()
            .filter(|name| *name != serving)
            .cloned()
            .collect();
        for other in others {
            if self.is_running(&other).await {
                self.read(&other, false).await;
            }
        }
        self.read(serving, true).await;
        if serving != self.database {
            self.note_deviations(serving).await?;
        }
        self.check(serving).await
    }

    /// Reads one database whole into the ledger. A read that fails leaves no end: it is no final read then.
    async fn read(&self, database: &str, serving: bool) {
        if let Err(error) = self.try_read(database, serving).await {
            self.recorder.record_now(Event::Note {
                text: format!("the final read of {database} is not whole: {error}"),
            });
        }
    }

    async fn try_read(&self, database: &str, serving: bool) -> Result<(), DrillError> {
        let config = self.load_config(database)?;
        let name = incarnation_of(&config).await?;
        let incarnation = self.recorder.incarnation(&self.component, &name);
        let event = |edge, counted, arrived| Event::FinalRead {
            component: self.component.clone(),
            incarnation,
            edge,
            serving,
            counted,
            arrived,
        };
        let spaces = self
            .scenario()
            .load
            .rates
            .keys()
            .map(|service| Space {
                id: Self::space_of(service),
                service: service.clone(),
                objects: service == "files",
            })
            .chain(self.canary_space())
            .collect();
        let read = FinalRead {
            config,
            spaces,
            incarnation,
            content_seed: self.script.seed,
            objects: self.objects()?,
            deadline: FINAL_READ_MAX,
        };
        let early = now();
        self.recorder.record(Stamp::at(early), event(Edge::Begun, None, None));
        let report = final_read(&read, &self.recorder).await?;
        if report.incarnation != name {
            return Err(DrillError::Other(format!(
                "{name} became {} while it was read",
                report.incarnation
            )));
        }
        let stamp = Stamp::new(early, now());
        self.recorder
            .record(stamp, event(Edge::Ended, Some(report.counted), Some(report.arrived)));
        Ok(())
    }

    /// The space of the canary, where the clients' traffic does not use it already.
    fn canary_space(&self) -> Option<Space> {
        let service = CANARY_SERVICE;
        let used = self.scenario().load.rates.contains_key(service);
        (!used).then(|| Space {
            id: Self::space_of(service),
            service: service.to_owned(),
            objects: false,
        })
    }

    /// The application's bucket, past all links.
    fn objects(&self) -> Result<Option<Arc<dyn Objects>>, DrillError> {
        let stage = self.stage()?;
        let Some(Service::Application(application)) = self.scenario().services.get(&self.scenario().load.application)
        else {
            return Ok(None);
        };
        let Some(store) = &application.store else {
            return Ok(None);
        };
        if stage.store(store)?.address().is_none() {
            return Ok(None);
        }
        Ok(Some(stage.files_store(store)?.open()?))
    }
}
