//! Disrupt: the faults of the scenario, injected and proved. Conditions come before steady; exactly one fault strikes.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use firedrill_core::Scenario;
use firedrill_core::event::{DelayKind, Event, FaultEdge};
use firedrill_core::scenario::{ConditionTime, CutManner, FaultKind, Opening, Route, WalDamage};
use firedrill_core::stamp::{Nanos, SECOND, Stamp};
use firedrill_environment::{Files, Lifecycle};
use firedrill_load::now;
use firedrill_proxy::Cut;
use firedrill_respond::OwnCommands;

use super::{Drill, DrillError, nanos, sleep_until};
use crate::fault::backup_object::BackupObjectFault;
use crate::fault::data::DataFault;
use crate::fault::link::{self, LinkFault, Protocol};
use crate::fault::objects::ObjectFault;
use crate::fault::own::{self, OwnFault};
use crate::fault::page::PageFault;
use crate::fault::relation::{self, RelationFault};
use crate::fault::server_file::{self, ServerFileFault};
use crate::fault::service::{self, ServiceFault};
use crate::fault::{Fault, Proof};
use crate::stage::{BACKUP_BUCKET, Stage};

/// How long a fault may take to be seen by the harness's own probe.
const PROOF_MAX: Nanos = 5 * SECOND;

impl Drill {
    /// Builds the scenario's faults from what the stage offers.
    pub(super) async fn build_faults(&mut self) -> Result<(), DrillError> {
        let scenario = self.scenario().clone();
        let stage = self.stage()?;
        let seed = self.script.seed;
        let faults = scenario
            .faults
            .iter()
            .map(|fault| {
                build(
                    stage,
                    self.own.as_ref(),
                    &fault.name,
                    &fault.inject,
                    seed,
                    &self.database,
                    &self.opening,
                )
            })
            .collect::<Result<_, _>>()?;
        self.faults = faults;
        self.recall();
        for fault in &self.faults {
            fault.arm().await?;
        }
        Ok(())
    }

    /// Injects the faults that are conditions of this time: they hold before and while the striking one strikes.
    pub(super) async fn inject_conditions(&mut self, when: ConditionTime) -> Result<(), DrillError> {
        for index in 0..self.faults.len() {
            let fault = &self.scenario().faults[index];
            if !fault.strikes && fault.when == when {
                self.inject(index).await?;
            }
        }
        Ok(())
    }

    /// Injects the striking fault at its instant and proves it.
    pub(super) async fn disrupt(&mut self, at: Nanos) -> Result<(), DrillError> {
        let index = self
            .scenario()
            .faults
            .iter()
            .position(|fault| fault.strikes)
            .ok_or_else(|| DrillError::Other("no fault of the scenario strikes".into()))?;
        // What is broken already cannot be broken by the fault.
        let before = self.faults[index].prove().await;
        sleep_until(at).await;
        let late = now() - at;
        if late > 0 {
            self.recorder.record_now(Event::Delay {
                kind: DelayKind::Scheduling,
                drill: late,
            });
        }
        self.recorder.record_now(Event::Rate { rate: 1 });
        let stamp = if before.broken {
            let fault = self.faults[index].as_ref();
            let seen = format!("broken before it was injected: {}", before.seen);
            self.recorder
                .record_now(fault_event(fault, self.scenario(), FaultEdge::Invoked, ""));
            self.recorder
                .record_now(fault_event(fault, self.scenario(), FaultEdge::NotProved, &seen));
            Stamp::at(now())
        } else {
            self.inject(index).await?
        };
        self.struck = Some(stamp);
        self.note_the_end_of_a_life(index, stamp);
        // The monitor kept its scaled pace meanwhile: what it was spared counts in the quantum.
        let drill = stamp.late - stamp.early;
        self.recorder.record_now(Event::Delay {
            kind: DelayKind::Proof,
            drill,
        });
        self.recorder.record_now(Event::Rate { rate: self.scale() });
        Ok(())
    }

    /// A database that is dead and without data acknowledges nothing any more, whoever does what.
    fn note_the_end_of_a_life(&self, index: usize, struck: Stamp) {
        let lost = matches!(&self.scenario().faults[index].inject, FaultKind::LoseData { service } if *service == self.database);
        if lost && self.proved {
            self.recorder.record(
                struck,
                Event::Fenced {
                    incarnation: self.incarnation,
                },
            );
        }
    }

    /// Injects one fault and waits until it is proved; the stamp reaches from invoked to proved.
    async fn inject(&mut self, index: usize) -> Result<Stamp, DrillError> {
        let scenario = self.script.scenario.clone();
        let fault = self.faults[index].as_ref();
        let early = now();
        self.recorder
            .record(Stamp::at(early), fault_event(fault, &scenario, FaultEdge::Invoked, ""));
        self.injected.push(index);
        let own = matches!(scenario.faults[index].inject, FaultKind::Run(_));
        if own {
            self.let_fill();
        }
        fault.inject().await?;
        if own {
            self.note_filled(fault.name());
        }
        loop {
            let asked = now();
            let proof = fault.prove().await;
            let stamp = Stamp::new(asked, now());
            if proof.broken {
                self.recorder
                    .record(stamp, fault_event(fault, &scenario, FaultEdge::Proved, &proof.seen));
                self.proved |= self.script.scenario.faults[index].strikes;
                return Ok(Stamp::new(early, stamp.late));
            }
            if stamp.late - early > PROOF_MAX {
                self.recorder
                    .record(stamp, fault_event(fault, &scenario, FaultEdge::NotProved, &proof.seen));
                return Ok(Stamp::new(early, stamp.late));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Whether all that was injected still holds, just before recovery starts: the striking fault, and the conditions that
    /// it left there to be looked at.
    pub(super) async fn look_again(&self) {
        for index in &self.injected {
            if self.scenario().faults[*index].strikes {
                let early = now();
                let proof = self.faults[*index].prove().await;
                self.still_holds(*index, early, &proof);
            }
        }
        let faults = &self.scenario().faults;
        let Some(striking) = faults.iter().find(|fault| fault.strikes) else {
            return;
        };
        let taken = takes(&striking.inject);
        self.look_at_conditions(|kind| !depends_on(kind).iter().any(|on| taken.contains(on)))
            .await;
    }

    /// Whether the conditions that are in force still hold; those that `wanted` lets through.
    pub(super) async fn look_at_conditions(&self, wanted: impl Fn(&FaultKind) -> bool) {
        for index in &self.injected {
            let fault = &self.scenario().faults[*index];
            if !fault.strikes && wanted(&fault.inject) {
                let early = now();
                let proof = self.faults[*index].stands().await;
                self.still_holds(*index, early, &proof);
            }
        }
    }

    fn still_holds(&self, index: usize, early: Nanos, proof: &Proof) {
        let edge = if proof.broken {
            FaultEdge::Holding
        } else {
            FaultEdge::NotHolding
        };
        let event = fault_event(self.faults[index].as_ref(), self.scenario(), edge, &proof.seen);
        self.recorder.record(Stamp::new(early, now()), event);
    }
}

/// A service, or a link by its two ends.
type Part<'a> = (&'a str, &'a str);

/// What a striking fault takes away or changes: conditions of it cannot be looked at any more.
fn takes(kind: &FaultKind) -> Vec<Part<'_>> {
    match kind {
        FaultKind::Cut { link, .. } | FaultKind::Delay { link, .. } => vec![(&link[0], &link[1])],
        FaultKind::Kill { service }
        | FaultKind::Pause { service }
        | FaultKind::LoseData { service }
        | FaultKind::DamagePages { service, .. }
        | FaultKind::TruncateRelation { service, .. }
        | FaultKind::RemoveRelation { service, .. }
        | FaultKind::DamageControlFile { service }
        | FaultKind::DamageWal { service, .. }
        | FaultKind::SpoilData { service, .. }
        | FaultKind::SpoilObjects { service, .. } => vec![(service, "")],
        FaultKind::Run(fault) => vec![(&fault.service, "")],
        FaultKind::DamageBackup { store, .. } => vec![(store, "")],
    }
}

/// What has to be there for a condition to be looked at: a delay is measured through its link, at a server that answers.
fn depends_on(kind: &FaultKind) -> Vec<Part<'_>> {
    let mut parts = takes(kind);
    if let FaultKind::Cut { link, .. } | FaultKind::Delay { link, .. } = kind {
        parts.push((&link[1], ""));
    }
    parts
}

/// A fault's event; `seen` is what the probe saw.
pub(super) fn fault_event(fault: &dyn Fault, scenario: &Scenario, edge: FaultEdge, seen: &str) -> Event {
    let strikes = scenario
        .faults
        .iter()
        .any(|other| other.name == fault.name() && other.strikes);
    let mut detail = fault.detail();
    if !seen.is_empty() {
        detail.insert("seen".into(), seen.to_owned());
    }
    Event::Fault {
        name: fault.name().to_owned(),
        strikes,
        edge,
        detail,
    }
}

/// `database` is the one whose rows point at the application's objects.
fn build(
    stage: &Stage,
    own: Option<&Arc<OwnCommands>>,
    name: &str,
    kind: &FaultKind,
    seed: u64,
    database: &str,
    opening: &Arc<OnceLock<Opening>>,
) -> Result<Box<dyn Fault>, DrillError> {
    let of_relation = |service: &str, relation: Option<&str>, harm| -> Result<Box<dyn Fault>, DrillError> {
        let host = Arc::clone(stage.database(service)?);
        Ok(Box::new(RelationFault::new(name, service, relation, harm, seed, host)))
    };
    let of_file = |service: &str, harm| -> Result<Box<dyn Fault>, DrillError> {
        let host = Arc::clone(stage.database(service)?);
        Ok(Box::new(ServerFileFault::new(name, service, harm, seed, host)))
    };
    Ok(match kind {
        FaultKind::Kill { service } => of_service(stage, name, service, service::Harm::Kill)?,
        FaultKind::Pause { service } => of_service(stage, name, service, service::Harm::Pause)?,
        FaultKind::LoseData { service } => of_service(stage, name, service, service::Harm::LoseData)?,
        FaultKind::Cut { link, manner } => {
            let cut = match manner {
                CutManner::Refused => Cut::Refused,
                CutManner::Dropped => Cut::Dropped,
            };
            of_link(stage, name, link, link::Harm::Cut(cut))?
        }
        FaultKind::Delay { link, by } => {
            let by = Duration::from_nanos(nanos(*by)?.unsigned_abs());
            of_link(stage, name, link, link::Harm::Delay(by))?
        }
        FaultKind::DamagePages {
            service,
            relation,
            how,
            pages,
        } => {
            let host = Arc::clone(stage.database(service)?);
            let relation = relation.as_deref();
            Box::new(PageFault::new(name, service, relation, *how, *pages, seed, host))
        }
        FaultKind::TruncateRelation { service, relation } => {
            of_relation(service, relation.as_deref(), relation::Harm::Truncate)?
        }
        FaultKind::RemoveRelation { service, relation } => {
            of_relation(service, relation.as_deref(), relation::Harm::Remove)?
        }
        FaultKind::DamageControlFile { service } => of_file(service, server_file::Harm::ControlFile)?,
        FaultKind::DamageWal { service, how } => {
            let harm = match how {
                WalDamage::Altered => server_file::Harm::WalAltered,
                WalDamage::Missing => server_file::Harm::WalMissing,
            };
            of_file(service, harm)?
        }
        FaultKind::DamageBackup { store, backup, how } => {
            let files: Arc<dyn Files> = Arc::clone(stage.store(store)?) as _;
            Box::new(BackupObjectFault::new(
                name,
                store,
                BACKUP_BUCKET,
                *backup,
                *how,
                seed,
                files,
            ))
        }
        FaultKind::Run(fault) => {
            let own = own.ok_or_else(|| DrillError::Other("commands of your own cannot be run here".into()))?;
            let deadline = match fault.deadline {
                Some(deadline) => Duration::from_nanos(nanos(deadline)?.unsigned_abs()),
                None => own::DEADLINE,
            };
            Box::new(OwnFault::new(name, fault.clone(), deadline, Arc::clone(own)))
        }
        FaultKind::SpoilData {
            service,
            table,
            how,
            share,
        } => {
            let host = Arc::clone(stage.database(service)?);
            let share = share.map_or(1_000_000, |share| share.ppm);
            Box::new(DataFault::new(name, service, table, *how, share, seed, host))
        }
        FaultKind::SpoilObjects {
            service,
            how,
            count,
            written,
        } => {
            let bucket = stage.files_store(service)?.bucket()?;
            let database = Arc::clone(stage.database(database)?);
            let fault = ObjectFault::new(name, service, *how, *count, seed, bucket, database);
            Box::new(match written {
                Some(written) => fault.of_time(*written, Arc::clone(opening)),
                None => fault,
            })
        }
    })
}

fn of_service(stage: &Stage, name: &str, service: &str, harm: service::Harm) -> Result<Box<dyn Fault>, DrillError> {
    // Only a database's files tell whether there is a cluster to start again: others start with what they have.
    let (lifecycle, files): (Arc<dyn Lifecycle>, Option<Arc<dyn Files>>) = if let Ok(host) = stage.database(service) {
        (Arc::clone(host) as _, Some(Arc::clone(host) as _))
    } else if let Ok(host) = stage.store(service) {
        (Arc::clone(host) as _, None)
    } else {
        (Arc::clone(stage.application(service)?) as _, None)
    };
    Ok(Box::new(ServiceFault::new(name, service, harm, lifecycle, files)))
}

fn of_link(stage: &Stage, name: &str, between: &[String; 2], harm: link::Harm) -> Result<Box<dyn Fault>, DrillError> {
    let link = stage.link(&between[0], &between[1], Route::Primary)?;
    let protocol = if stage.database(&between[1]).is_ok() {
        Protocol::Postgres
    } else {
        Protocol::Http
    };
    let address = link.address();
    Ok(Box::new(LinkFault::new(
        name,
        between,
        harm,
        protocol,
        Arc::clone(link) as _,
        address,
    )))
}
