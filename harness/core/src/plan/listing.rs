//! Every figure of a plan in one list, for people who hold it against the document.

use std::fmt;

use super::{Figure, Metric, Plan, Threshold};
use crate::terms::Status;

/// One figure, ready to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Of what, such as `database_failure: RTO`.
    pub name: String,
    /// With its comparator, such as `< 4 hours`.
    pub text: String,
    /// The section it is from.
    pub place: String,
    /// Stated, derived or assumed.
    pub status: Status,
}

impl Plan {
    /// Every figure, in the order of the file.
    #[must_use]
    pub fn figures(&self) -> Vec<Listed> {
        let mut list = Listing(Vec::new());
        list.all("RTO", &self.rto);
        list.all("RPO", &self.rpo);
        list.all("availability", &self.availability);
        list.all("integrity", &self.integrity);
        for (name, component) in &self.components {
            list.all(&format!("{name}: RTO"), &component.rto);
            list.all(&format!("{name}: RPO"), &component.rpo);
        }
        for tier in &self.tiers {
            let name = format!("tier {} ({})", tier.level, tier.services.join(", "));
            list.all(&format!("{name}: downtime"), &tier.max_downtime);
            list.one(&format!("{name}: recovered from"), tier.recovered_from.as_ref());
            list.one(&format!("{name}: recovered until"), tier.recovered_until.as_ref());
        }
        for (name, disaster) in &self.disasters {
            list.all(&format!("{name}: RTO"), &disaster.rto);
            list.all(&format!("{name}: RPO"), &disaster.rpo);
            list.one(
                &format!("{name}: detected within"),
                disaster.detection_deadline.as_ref(),
            );
            list.one(&format!("{name}: people respond"), disaster.respond.as_ref());
            list.one(&format!("{name}: people decide"), disaster.decide.as_ref());
        }
        for (name, policy) in &self.backups {
            list.one(&format!("backup {name}: every"), policy.every.as_ref());
            list.all(&format!("backup {name}: kept"), &policy.retention);
            list.one(
                &format!("backup {name}: verified every"),
                policy.verified_every.as_ref(),
            );
            list.one(
                &format!("backup {name}: restored every"),
                policy.restored_every.as_ref(),
            );
        }
        self.monitored(&mut list);
        for (name, site) in &self.sites {
            list.one(&format!("site {name}: replica lag"), site.replica_lag.as_ref());
        }
        for duty in self.drills.iter().chain(&self.reviews) {
            list.one(&format!("{}: every", duty.what), duty.every.as_ref());
            list.all(&format!("{}: RTO", duty.what), &duty.rto);
            list.all(&format!("{}: RPO", duty.what), &duty.rpo);
        }
        for message in &self.communication {
            list.one(&format!("{} told within", message.audience), message.within.as_ref());
        }
        for (name, metric) in &self.metrics {
            match metric {
                Metric::Share(figure) => list.one(name, Some(figure)),
                Metric::Duration(figure) => list.one(name, Some(figure)),
                Metric::Count(figure) => list.one(name, Some(figure)),
            }
        }
        list.0
    }

    fn monitored(&self, list: &mut Listing) {
        let monitoring = &self.monitoring;
        list.all("slow", &monitoring.slow);
        list.all("errors", &monitoring.errors);
        for (name, check) in &monitoring.checks {
            list.one(&format!("check {name}: every"), Some(&check.every));
            list.one(&format!("check {name}: timeout"), Some(&check.timeout));
        }
        for (name, rule) in &monitoring.alerts {
            list.one(&format!("alert {name}: failures in a row"), Some(&rule.failures));
            match &rule.when {
                Some(Threshold::Share(figure)) => list.one(&format!("alert {name}: share"), Some(figure)),
                Some(Threshold::Duration(figure)) => list.one(&format!("alert {name}: duration"), Some(figure)),
                None => {}
            }
            list.one(&format!("alert {name}: response"), rule.response.as_ref());
        }
    }
}

struct Listing(Vec<Listed>);

impl Listing {
    fn one<T>(&mut self, name: &str, figure: Option<&Figure<T>>)
    where
        Figure<T>: fmt::Display,
    {
        if let Some(figure) = figure {
            self.0.push(Listed {
                name: name.to_owned(),
                text: figure.to_string(),
                place: figure.place.clone(),
                status: figure.status,
            });
        }
    }

    fn all<T>(&mut self, name: &str, figures: &[Figure<T>])
    where
        Figure<T>: fmt::Display,
    {
        for figure in figures {
            self.one(name, Some(figure));
        }
    }
}
