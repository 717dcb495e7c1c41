//! One drill: a plan, a scenario with its twin's sections put in, and which file section each of them came from.

use std::collections::BTreeSet;

use crate::document::{Mistake, Place};
use crate::plan::{BackupKind, Disaster, Duration, Plan, Unit};
use crate::scenario::{Fault, Scenario, Service};
use crate::stamp::{MILLISECOND, Nanos, SECOND};

use super::{limits, scope, tiers};

/// Writes that a canary makes per RPO of plan time.
const CANARY_PER_RPO: i128 = 20;
/// More canary writes per second than this would be load, not measurement.
pub(super) const CANARY_MAX: u32 = 2_000;

/// See the module.
pub(super) struct Drill<'a> {
    pub(super) plan: &'a Plan,
    pub(super) scenario: Scenario,
    pub(super) twin: Option<&'a str>,
    /// What the scenario itself is about; `scenario` has the twin's own words in their place.
    pub(super) summary: String,
    /// Whether the scenario's file gives the archive timeout.
    pub(super) archive_timeout_given: bool,
    replaced: BTreeSet<&'static str>,
}

impl<'a> Drill<'a> {
    /// The drill of a scenario or of one of its twins.
    pub(super) fn of(plan: &'a Plan, scenario: &Scenario, twin: Option<&'a str>) -> Result<Drill<'a>, Mistake> {
        let mut merged = scenario.clone();
        let mut replaced = BTreeSet::new();
        if let Some(name) = twin {
            let Some(twin) = scenario.twins.get(name) else {
                let known = scenario.twins.keys().map(String::as_str);
                return Err(Mistake::unknown(Place::of("twins"), "twin", name, known));
            };
            let instead = twin.instead.clone();
            macro_rules! put {
                ($($section:ident),*) => {
                    $(if let Some(value) = instead.$section {
                        merged.$section = value;
                        replaced.insert(stringify!($section));
                    })*
                };
            }
            put!(
                backup,
                procedure,
                faults,
                monitor_without,
                services,
                calendar_scale,
                steady,
                strike,
                give_up,
                judging,
                stand_ins
            );
            merged.summary.clone_from(&twin.summary);
            merged.expect = twin.expect.clone();
            replaced.insert("expect");
        }
        merged.twins.clear();
        let archive_timeout_given = merged
            .backup
            .wal
            .as_ref()
            .is_some_and(|wal| wal.archive_timeout.is_some());
        let mut drill = Drill {
            plan,
            scenario: merged,
            twin,
            summary: scenario.summary.clone(),
            archive_timeout_given,
            replaced,
        };
        drill.fill();
        Ok(drill)
    }

    /// Puts in what the scenario leaves to its plan.
    fn fill(&mut self) {
        self.scenario.tiers = tiers::mapping(self);
        let rpo = limits::rpo_smallest(self);
        if let Some(rpo) = rpo {
            let scale = i128::from(self.scenario.calendar_scale);
            let writes = CANARY_PER_RPO * scale * i128::from(SECOND);
            let rate = (writes + i128::from(rpo) - 1) / i128::from(rpo);
            let rate = u32::try_from(rate).unwrap_or(u32::MAX);
            self.scenario.load.canary = self.scenario.load.canary.max(rate);
        }
        let planned = scope::planned(self, BackupKind::Wal).map(|(_, every)| every);
        if let Some(wal) = &mut self.scenario.backup.wal
            && wal.archive_timeout.is_none()
        {
            let minute = Duration {
                count: 1,
                unit: Unit::Minute,
            };
            wal.archive_timeout = planned.or(Some(rpo.map_or(minute, |rpo| whole(rpo / 5))));
        }
    }

    /// Where a section of the scenario stands in its file.
    pub(super) fn at(&self, section: &'static str) -> Place {
        match self.twin {
            Some(twin) if section == "expect" => Place::of("twins").then(twin).then("expect"),
            Some(twin) if self.replaced.contains(section) => {
                Place::of("twins").then(twin).then("instead").then(section)
            }
            _ => Place::of(section),
        }
    }

    /// The disaster, where the plan has it.
    pub(super) fn disaster(&self) -> Option<&'a Disaster> {
        self.plan.disasters.get(&self.scenario.disaster)
    }

    /// The striking fault; the first, should there wrongly be several.
    pub(super) fn striking(&self) -> Option<&Fault> {
        self.scenario.faults.iter().find(|fault| fault.strikes)
    }

    /// Full name: `PLAN/SCENARIO` or `PLAN/SCENARIO:TWIN`.
    pub(super) fn name(&self) -> String {
        let twin = self.twin.map(|twin| format!(":{twin}")).unwrap_or_default();
        format!("{}/{}{twin}", self.plan.plan, self.scenario.scenario)
    }

    /// Whether the disaster hits a component of the plan; one that lists nothing hits all.
    pub(super) fn hits(&self, component: &str) -> bool {
        self.disaster()
            .is_some_and(|disaster| disaster.hits.is_empty() || disaster.hits.iter().any(|hit| hit == component))
    }

    /// Whether rows of the load point at objects in this store.
    pub(super) fn keeps_files(&self, store: &str) -> bool {
        let load = &self.scenario.load;
        let own = match self.scenario.services.get(&load.application) {
            Some(Service::Application(application)) => application.store.as_deref(),
            _ => None,
        };
        own == Some(store) && load.rates.contains_key("files")
    }

    /// Components of the plan whose data the drill's services hold.
    pub(super) fn components(&self) -> BTreeSet<&str> {
        self.scenario.services.values().filter_map(Service::component).collect()
    }
}

/// A length in whole seconds, else in milliseconds, at least one.
fn whole(nanos: Nanos) -> Duration {
    let (count, unit) = if nanos >= SECOND && nanos % SECOND == 0 {
        (nanos / SECOND, Unit::Second)
    } else {
        (nanos / MILLISECOND, Unit::Millisecond)
    };
    Duration {
        count: u32::try_from(count).unwrap_or(u32::MAX).max(1),
        unit,
    }
}
