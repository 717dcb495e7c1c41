//! What makes a plan unsound although its file parses: names that lead nowhere, figures that are none.

use super::{BackupPolicy, Disaster, Duration, Figure, Metric, Plan, ProbeKind, Threshold, Written};
use crate::document::{Mistake, Place};

impl Plan {
    /// All mistakes of the plan by itself, each at its place; warnings among them.
    #[must_use]
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut found = Found::default();
        found.name(&Place::of("plan"), &self.plan);
        if self.components.is_empty() {
            found.push(Mistake::new(
                Place::of("components"),
                "the plan protects nothing",
                "empty",
                "name at least one component, such as `database: { kind: database }`",
            ));
        }
        if self.disasters.is_empty() {
            found.push(Mistake::new(
                Place::of("disasters"),
                "the plan prepares for nothing",
                "empty",
                "name at least one disaster with its RTO and RPO",
            ));
        }
        found.limits(&Place::of("rto"), &self.rto);
        found.limits(&Place::of("rpo"), &self.rpo);
        found.figures(&Place::of("availability"), &self.availability);
        found.figures(&Place::of("integrity"), &self.integrity);
        for (name, component) in &self.components {
            let at = Place::of("components").then(name);
            found.limits(&at.then("rpo"), &component.rpo);
            found.limits(&at.then("rto"), &component.rto);
        }
        self.tiers_into(&mut found);
        for (name, disaster) in &self.disasters {
            self.disaster_into(&mut found, &Place::of("disasters").then(name), disaster);
        }
        for (name, policy) in &self.backups {
            self.backup_into(&mut found, &Place::of("backups").then(name), policy);
        }
        self.monitoring_into(&mut found);
        for (name, site) in &self.sites {
            let at = Place::of("sites").then(name);
            found.fixed(&at.then("replica_lag"), site.replica_lag.as_ref());
        }
        for (section, duties) in [("drills", &self.drills), ("reviews", &self.reviews)] {
            for (index, duty) in duties.iter().enumerate() {
                let at = Place::of(section).then(index);
                found.figure(&at.then("every"), duty.every.as_ref());
                found.limits(&at.then("rto"), &duty.rto);
                found.limits(&at.then("rpo"), &duty.rpo);
            }
        }
        for (index, message) in self.communication.iter().enumerate() {
            let at = Place::of("communication").then(index).then("within");
            found.figure(&at, message.within.as_ref());
        }
        for (name, metric) in &self.metrics {
            let at = Place::of("metrics").then(name);
            match metric {
                Metric::Share(figure) => found.figure(&at.then("share"), Some(figure)),
                Metric::Duration(figure) => found.figure(&at.then("duration"), Some(figure)),
                Metric::Count(figure) => found.figure(&at.then("count"), Some(figure)),
            }
        }
        found.0
    }

    fn tiers_into(&self, found: &mut Found) {
        for (index, tier) in self.tiers.iter().enumerate() {
            let at = Place::of("tiers").then(index);
            if index > 0 && self.tiers[index - 1].level >= tier.level {
                found.push(Mistake::new(
                    at.then("level"),
                    format!("tier {} stands after tier {}", tier.level, self.tiers[index - 1].level),
                    "out of order",
                    "list tiers by level, the most urgent (lowest) first, each once",
                ));
            }
            found.limits(&at.then("max_downtime"), &tier.max_downtime);
            found.fixed(&at.then("recovered_from"), tier.recovered_from.as_ref());
            found.fixed(&at.then("recovered_until"), tier.recovered_until.as_ref());
        }
    }

    fn disaster_into(&self, found: &mut Found, at: &Place, disaster: &Disaster) {
        found.limits(&at.then("rto"), &disaster.rto);
        found.limits(&at.then("rpo"), &disaster.rpo);
        for (index, component) in disaster.hits.iter().enumerate() {
            self.component_into(found, at.then("hits").then(index), component);
        }
        for (index, rule) in disaster.detection.iter().enumerate() {
            if !self.monitoring.alerts.contains_key(rule) {
                let known = self.monitoring.alerts.keys().map(String::as_str);
                found.push(Mistake::unknown(
                    at.then("detection").then(index),
                    "alert rule",
                    rule,
                    known,
                ));
            }
        }
        if let Some(site) = &disaster.recovery_site
            && !self.sites.contains_key(site)
        {
            let known = self.sites.keys().map(String::as_str);
            found.push(Mistake::unknown(at.then("recovery_site"), "site", site, known));
        }
        found.fixed(&at.then("detection_deadline"), disaster.detection_deadline.as_ref());
        found.fixed(&at.then("respond"), disaster.respond.as_ref());
        found.fixed(&at.then("decide"), disaster.decide.as_ref());
    }

    fn backup_into(&self, found: &mut Found, at: &Place, policy: &BackupPolicy) {
        for (index, component) in policy.of.iter().enumerate() {
            self.component_into(found, at.then("of").then(index), component);
        }
        found.figure(&at.then("every"), policy.every.as_ref());
        found.figures(&at.then("retention"), &policy.retention);
        found.figure(&at.then("verified_every"), policy.verified_every.as_ref());
        found.figure(&at.then("restored_every"), policy.restored_every.as_ref());
    }

    fn monitoring_into(&self, found: &mut Found) {
        let monitoring = &self.monitoring;
        let at = Place::of("monitoring");
        if let Some(site) = &monitoring.site
            && site != "external"
            && !self.sites.contains_key(site)
        {
            let known = self.sites.keys().map(String::as_str).chain(["external"]);
            found.push(Mistake::unknown(at.then("site"), "site", site, known));
        }
        for (index, figure) in monitoring.slow.iter().enumerate() {
            found.fixed(&at.then("slow").then(index), Some(figure));
        }
        found.figures(&at.then("errors"), &monitoring.errors);
        for (name, check) in &monitoring.checks {
            let at = at.then("checks").then(name);
            found.positive(&at.then("every"), &check.every);
            found.positive(&at.then("timeout"), &check.timeout);
            match &check.probe {
                ProbeKind::DatabaseConnect(component)
                | ProbeKind::ChecksumFailures(component)
                | ProbeKind::DamageInLog(component)
                | ProbeKind::FailedQueries(component)
                | ProbeKind::Amcheck(component) => {
                    self.component_into(found, at.then("probe").then(check.probe.key()), component);
                }
                ProbeKind::Http(path) if !path.starts_with('/') => found.push(Mistake::new(
                    at.then("probe").then("http"),
                    format!("`{path}` is no path"),
                    "no path",
                    "write the path alone, such as `/health`; the application is chosen by the scenario",
                )),
                ProbeKind::Http(_) | ProbeKind::ErrorRate | ProbeKind::BackupAge | ProbeKind::BackupVerification => {}
            }
        }
        for (name, rule) in &monitoring.alerts {
            let at = at.then("alerts").then(name);
            if !monitoring.checks.contains_key(&rule.check) {
                let known = monitoring.checks.keys().map(String::as_str);
                found.push(Mistake::unknown(at.then("check"), "check", &rule.check, known));
            }
            found.figure(&at.then("failures"), Some(&rule.failures));
            if rule.failures.value() == Some(&0) {
                found.push(Mistake::new(
                    at.then("failures"),
                    "an alert after no failure at all",
                    "never quiet",
                    "at least 1 unhealthy check makes an alert",
                ));
            }
            match &rule.when {
                Some(Threshold::Share(figure)) => found.figure(&at.then("when").then("share"), Some(figure)),
                Some(Threshold::Duration(figure)) => found.fixed(&at.then("when").then("duration"), Some(figure)),
                None => {}
            }
            let measures = monitoring
                .checks
                .get(&rule.check)
                .is_some_and(|check| matches!(check.probe, ProbeKind::ErrorRate | ProbeKind::BackupAge));
            if measures && rule.when.is_none() {
                found.push(Mistake::new(
                    at.clone(),
                    format!("the check `{}` measures, and this rule sets no threshold", rule.check),
                    "no `when`",
                    "add `when: { share: { above: 5 %, where: ... } }` or `when: { duration: ... }`",
                ));
            }
            found.fixed(&at.then("response"), rule.response.as_ref());
        }
    }

    fn component_into(&self, found: &mut Found, at: Place, name: &str) {
        if !self.components.contains_key(name) {
            let known = self.components.keys().map(String::as_str);
            found.push(Mistake::unknown(at, "component", name, known));
        }
    }
}

/// The mistakes so far.
#[derive(Default)]
struct Found(Vec<Mistake>);

impl Found {
    fn push(&mut self, mistake: Mistake) {
        self.0.push(mistake);
    }

    /// Names go into file names and finding ids.
    fn name(&mut self, at: &Place, name: &str) {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
            self.push(Mistake::new(
                at.clone(),
                format!("`{name}` is no name"),
                "no name",
                "use 1 to 64 lower-case letters, digits, `-` and `_`",
            ));
        }
    }

    fn figure<T>(&mut self, at: &Place, figure: Option<&Figure<T>>) {
        if let Some(figure) = figure
            && figure.written().is_none()
        {
            self.push(Mistake::new(
                at.clone(),
                "a figure needs exactly one value",
                "none, or more than one",
                "set one of `below` (<), `at_most` (<=), `at_least` (>=), `above` (>), or `is` where the plan writes \
                 no comparator",
            ));
        }
    }

    fn figures<T>(&mut self, at: &Place, figures: &[Figure<T>]) {
        for (index, figure) in figures.iter().enumerate() {
            self.figure(&at.then(index), Some(figure));
        }
    }

    /// A duration that a drill runs by: its unit needs a fixed length.
    fn fixed(&mut self, at: &Place, figure: Option<&Figure<Duration>>) {
        self.figure(at, figure);
        if let Some((written, value)) = figure.and_then(Figure::written)
            && value.nanos().is_none()
        {
            self.push(unfixed(at.then(key(written)), *value));
        }
    }

    fn positive(&mut self, at: &Place, figure: &Figure<Duration>) {
        self.fixed(at, Some(figure));
        if let Some((written, value)) = figure.written()
            && value.count == 0
        {
            self.push(Mistake::new(
                at.then(key(written)),
                "a check that takes no time",
                "zero",
                "write the interval or timeout that the monitor really has",
            ));
        }
    }

    fn limits(&mut self, at: &Place, figures: &[Figure<Duration>]) {
        for (index, figure) in figures.iter().enumerate() {
            let at = at.then(index);
            self.fixed(&at, Some(figure));
            if let Some((written @ (Written::AtLeast | Written::Above), _)) = figure.written() {
                self.push(Mistake::new(
                    at.then(key(written)),
                    format!("a target of {figure} has no upper end"),
                    "nothing could miss this",
                    "RTO, RPO and downtime are limits: use `below`, `at_most`, or `is` where the plan writes no \
                     comparator",
                ));
            }
        }
    }
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

/// The mistake of a duration that nanoseconds cannot tell.
pub(crate) fn unfixed(at: Place, found: Duration) -> Mistake {
    Mistake::new(
        at,
        format!("`{found}` has no fixed length, or is too long to be measured"),
        "not measurable",
        "a month, quarter or year depends on the calendar: write it in days, hours, minutes or seconds",
    )
}
