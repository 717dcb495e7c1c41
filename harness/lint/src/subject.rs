//! A plan under the eyes of a rule: its values, and statements made of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use firedrill_core::Plan;
use firedrill_core::calendar::days_between;
use firedrill_core::document::{Parsed, Place};
use firedrill_core::plan::{BackupPolicy, CivilDay, Component, Disaster, Duration, Figure, PlannedStep, Written};
use firedrill_core::terms::Status;
use jiff::civil::Date;

use crate::finding::Statement;

/// One plan.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    /// Its index among those linted.
    pub(crate) index: usize,
    pub(crate) plan: &'a Plan,
    /// The day that dates are held against.
    pub(crate) today: Date,
    /// Backup policies by component: gathered once, so that no rule searches all policies for each component.
    backups: BTreeMap<&'a str, Vec<(&'a str, &'a BackupPolicy)>>,
    /// Disasters that are recovered at home, by what they hit.
    hit_by: BTreeMap<&'a str, Vec<(&'a str, &'a Disaster)>>,
    /// Indexes of tiers by component.
    tiers: BTreeMap<&'a str, Vec<usize>>,
}

/// A figure of a plan and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Placed<'a, T> {
    pub(crate) at: Place,
    pub(crate) figure: &'a Figure<T>,
    /// Of what: `RPO of database`.
    pub(crate) of: String,
}

impl<'a> Subject<'a> {
    pub(crate) fn of(index: usize, parsed: &'a Parsed<Plan>, today: Date) -> Subject<'a> {
        let mut backups: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for (name, policy) in &parsed.value.backups {
            for component in &policy.of {
                backups.entry(component).or_default().push((name.as_str(), policy));
            }
        }
        let mut hit_by: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for (name, disaster) in &parsed.value.disasters {
            let site = disaster
                .recovery_site
                .as_ref()
                .and_then(|site| parsed.value.sites.get(site));
            let role = site.map(|site| site.role.to_lowercase()).unwrap_or_default();
            if !disaster.rpo.is_empty() && (site.is_none() || role.contains("production") || role.contains("primary")) {
                for hit in &disaster.hits {
                    hit_by.entry(hit).or_default().push((name.as_str(), disaster));
                }
            }
        }
        let mut tiers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, tier) in parsed.value.tiers.iter().enumerate() {
            for component in &tier.components {
                tiers.entry(component).or_default().push(index);
            }
        }
        Subject {
            index,
            plan: &parsed.value,
            today,
            backups,
            hit_by,
            tiers,
        }
    }

    /// The backup policies of a component, by name.
    pub(crate) fn backups_of(&self, component: &str) -> &[(&'a str, &'a BackupPolicy)] {
        self.backups.get(component).map_or(&[], Vec::as_slice)
    }

    /// A backup policy as a statement.
    pub(crate) fn backup(&self, name: &str, policy: &BackupPolicy) -> Statement {
        let at = Place::of("backups").then(name);
        match (&policy.every, &policy.on) {
            (Some(every), _) => self.figure(&at.then("every"), every, &format!("backup {name}, every")),
            (None, Some(on)) => self.statement(at.then("on"), format!("backup {name}: {on}"), &policy.place),
            (None, None) => self.statement(at, format!("backup {name}"), &policy.place),
        }
    }

    /// A statement that is no figure.
    pub(crate) fn statement(&self, at: Place, says: impl Into<String>, section: impl Into<String>) -> Statement {
        Statement {
            plan: self.index,
            place: at,
            says: says.into(),
            section: section.into(),
            assumed: false,
        }
    }

    /// A figure as a statement: points at the value, not at the braces around it.
    pub(crate) fn figure<T>(&self, at: &Place, figure: &Figure<T>, of: &str) -> Statement
    where
        Figure<T>: fmt::Display,
    {
        let key = figure.written().map(|(written, _)| written.key());
        Statement {
            plan: self.index,
            place: key.map_or_else(|| at.clone(), |key| at.then(key)),
            says: format!("{of}: {figure}"),
            section: figure.place.clone(),
            assumed: figure.status == Status::Assumed,
        }
    }

    pub(crate) fn placed<T>(&self, placed: &Placed<'_, T>) -> Statement
    where
        Figure<T>: fmt::Display,
    {
        self.figure(&placed.at, placed.figure, &placed.of)
    }

    /// The RPO figures that bind a component: its own, else the plan's, else those of the disasters that hit it and are
    /// recovered at home (elsewhere a replica may keep them).
    pub(crate) fn rpo_of(&self, name: &str, component: &'a Component) -> Vec<Placed<'a, Duration>> {
        let own = listed(
            &Place::of("components").then(name).then("rpo"),
            &component.rpo,
            &format!("RPO of {name}"),
        );
        if !own.is_empty() {
            return own;
        }
        let whole = listed(&Place::of("rpo"), &self.plan.rpo, "RPO of the plan");
        if !whole.is_empty() {
            return whole;
        }
        let mut after = Vec::new();
        for (disaster, at_home) in self.hit_by.get(name).into_iter().flatten() {
            let at = Place::of("disasters").then(disaster).then("rpo");
            after.extend(listed(&at, &at_home.rpo, &format!("RPO after {disaster}")));
        }
        after
    }

    /// The RTO figures that bind a disaster: its own; else those of what it hits; else the plan's.
    pub(crate) fn rto_of(&self, name: &str, disaster: &'a Disaster) -> Vec<Placed<'a, Duration>> {
        let at = Place::of("disasters").then(name).then("rto");
        let mut figures = listed(&at, &disaster.rto, &format!("RTO after {name}"));
        if figures.is_empty() {
            for hit in &disaster.hits {
                if let Some(component) = self.plan.components.get(hit) {
                    let at = Place::of("components").then(hit).then("rto");
                    figures.extend(listed(&at, &component.rto, &format!("RTO of {hit}")));
                }
            }
            for index in self.tiers_hit(disaster) {
                let at = Place::of("tiers").then(index).then("rto");
                figures.extend(listed(
                    &at,
                    &self.plan.tiers[index].rto,
                    &format!("RTO of {}", self.tier_name(index)),
                ));
            }
        }
        if figures.is_empty() {
            figures = listed(&Place::of("rto"), &self.plan.rto, "RTO of the plan");
        }
        figures
    }

    /// Whole days from a date to the day of the lint; negative before it.
    pub(crate) fn days_since(&self, day: CivilDay) -> i64 {
        i64::from(days_between(day.last(), self.today))
    }

    /// Indexes of the tiers whose components a disaster hits.
    pub(crate) fn tiers_hit(&self, disaster: &Disaster) -> BTreeSet<usize> {
        disaster
            .hits
            .iter()
            .filter_map(|hit| self.tiers.get(hit.as_str()))
            .flatten()
            .copied()
            .collect()
    }

    /// A tier by its title, else by its level.
    pub(crate) fn tier_name(&self, index: usize) -> String {
        self.plan.tiers.get(index).map_or_else(String::new, |tier| {
            tier.title.clone().unwrap_or_else(|| format!("tier {}", tier.level))
        })
    }

    /// Every command of the disasters' steps, with where it stands and what the step says that it does.
    pub(crate) fn disaster_commands(&self, name: &str, disaster: &'a Disaster) -> Vec<Command<'a>> {
        commands(&Place::of("disasters").then(name).then("steps"), &disaster.steps)
    }

    /// The disaster's own title as a statement.
    pub(crate) fn disaster(&self, name: &str) -> Statement {
        let title = self.plan.disasters.get(name).map_or(name, |disaster| &disaster.title);
        let section = self
            .plan
            .disasters
            .get(name)
            .and_then(|disaster| disaster.place.clone());
        let at = Place::of("disasters").then(name).then("title");
        self.statement(at, format!("disaster: {title}"), section.unwrap_or_default())
    }
}

/// A command as the plan writes it.
#[derive(Clone, Debug)]
pub(crate) struct Command<'a> {
    pub(crate) at: Place,
    pub(crate) text: &'a str,
    /// What the step around it says.
    pub(crate) step: &'a str,
    /// What it says itself.
    pub(crate) what: &'a str,
    pub(crate) section: &'a str,
}

/// Every command of some steps.
pub(crate) fn commands<'a>(at: &Place, steps: &'a [PlannedStep]) -> Vec<Command<'a>> {
    let mut commands = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let at = at.then(index);
        let mut add = |at: Place, text: &'a Option<String>, what: &'a str| {
            if let Some(text) = text {
                commands.push(Command {
                    at,
                    text,
                    step: &step.what,
                    what,
                    section: &step.place,
                });
            }
        };
        add(at.then("command"), &step.command, &step.what);
        for (number, action) in step.actions.iter().enumerate() {
            add(
                at.then("actions").then(number).then("command"),
                &action.command,
                &action.what,
            );
        }
    }
    commands
}

/// The figures of a list, each with its place.
pub(crate) fn listed<'a, T>(at: &Place, figures: &'a [Figure<T>], of: &str) -> Vec<Placed<'a, T>> {
    figures
        .iter()
        .enumerate()
        .map(|(index, figure)| Placed {
            at: at.then(index),
            figure,
            of: of.to_owned(),
        })
        .collect()
}

/// The figure that is hardest to meet; `<` is harder than `<=`.
pub(crate) fn tightest<'p, 'a>(figures: &'p [Placed<'a, Duration>]) -> Option<&'p Placed<'a, Duration>> {
    figures
        .iter()
        .filter(|placed| placed.figure.value().is_some())
        .min_by_key(|placed| {
            let strict = matches!(placed.figure.written(), Some((Written::Below, _)));
            (crate::length::of(placed.figure), !strict)
        })
}
