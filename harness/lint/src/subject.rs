//! A plan under the eyes of a rule: its values, and statements made of them.

use std::collections::BTreeMap;
use std::fmt;

use firedrill_core::Plan;
use firedrill_core::document::{Parsed, Place};
use firedrill_core::plan::{BackupPolicy, Component, Disaster, Duration, Figure, Written};
use firedrill_core::terms::Status;

use crate::finding::Statement;

/// One plan.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    /// Its index among those linted.
    pub(crate) index: usize,
    pub(crate) plan: &'a Plan,
    /// The day that dates are held against.
    pub(crate) as_of: &'a str,
    /// Backup policies by component: gathered once, so that no rule searches all policies for each component.
    backups: BTreeMap<&'a str, Vec<(&'a str, &'a BackupPolicy)>>,
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
    pub(crate) fn of(index: usize, parsed: &'a Parsed<Plan>, as_of: &'a str) -> Subject<'a> {
        let mut backups: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for (name, policy) in &parsed.value.backups {
            for component in &policy.of {
                backups.entry(component).or_default().push((name.as_str(), policy));
            }
        }
        Subject {
            index,
            plan: &parsed.value,
            as_of,
            backups,
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
        let key = figure.written().map(|(written, _)| key(written));
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

    /// The RPO figures that bind a component: its own, else the plan's.
    pub(crate) fn rpo_of(&self, name: &str, component: &'a Component) -> Vec<Placed<'a, Duration>> {
        let own = listed(
            &Place::of("components").then(name).then("rpo"),
            &component.rpo,
            &format!("RPO of {name}"),
        );
        if own.is_empty() {
            listed(&Place::of("rpo"), &self.plan.rpo, "RPO of the plan")
        } else {
            own
        }
    }

    /// The RTO figures that bind a disaster: its own and the plan's.
    pub(crate) fn rto_of(&self, name: &str, disaster: &'a Disaster) -> Vec<Placed<'a, Duration>> {
        let mut figures = listed(
            &Place::of("disasters").then(name).then("rto"),
            &disaster.rto,
            &format!("RTO of {name}"),
        );
        if figures.is_empty() {
            figures = listed(&Place::of("rto"), &self.plan.rto, "RTO of the plan");
        }
        figures
    }

    /// The disaster's own title as a statement.
    pub(crate) fn disaster(&self, name: &str) -> Statement {
        let title = self.plan.disasters.get(name).map_or(name, |disaster| &disaster.title);
        self.statement(
            Place::of("disasters").then(name),
            format!("disaster: {title}"),
            String::new(),
        )
    }
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

fn key(written: Written) -> &'static str {
    match written {
        Written::Below => "below",
        Written::AtMost => "at_most",
        Written::AtLeast => "at_least",
        Written::Above => "above",
        Written::Bare => "is",
    }
}
