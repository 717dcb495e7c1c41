//! What makes a plan unsound although its file parses: names that lead nowhere, figures that are none.

use super::listing::signs;
use super::tree::Node;
use super::{CountedRows, Disaster, DrillDuty, Duration, Figure, Plan, ProbeKind, Threshold, Written};
use crate::calendar::Rhythm;
use crate::document::{LISTED_MAX, Mistake, Place};

/// What a rule of a check that counts rows is to say.
const FOR_ROWS: &str = "add `when: { share: { above: 30 %, where: ... } }`, by which they fell, or `when: { rows: { below: 1000, where: ... } }`";

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
        found.figures(&Place::root(), &Node::of(self));
        self.references_into(&mut found);
        found.limits(&Place::of("rto"), &self.rto);
        found.limits(&Place::of("rpo"), &self.rpo);
        for (name, component) in &self.components {
            let at = Place::of("components").then(name);
            found.limits(&at.then("rpo"), &component.rpo);
            found.limits(&at.then("rto"), &component.rto);
        }
        self.tiers_into(&mut found);
        for (name, disaster) in &self.disasters {
            disaster_into(&mut found, &Place::of("disasters").then(name), disaster);
        }
        for (name, store) in &self.stores {
            let at = Place::of("stores").then(name);
            found.fixed(&at.then("retrieval"), store.retrieval.as_ref());
        }
        self.monitoring_into(&mut found);
        for (name, site) in &self.sites {
            let at = Place::of("sites").then(name);
            found.fixed(&at.then("replica_lag"), site.replica_lag.as_ref());
        }
        for (section, duties) in [("drills", &self.drills), ("reviews", &self.reviews)] {
            for (index, duty) in duties.iter().enumerate() {
                let at = Place::of(section).then(index);
                found.rhythm(&at, duty);
                found.limits(&at.then("rto"), &duty.rto);
                found.limits(&at.then("rpo"), &duty.rpo);
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
            found.limits(&at.then("rto"), &tier.rto);
            found.fixed(&at.then("recovered_from"), tier.recovered_from.as_ref());
            found.fixed(&at.then("recovered_until"), tier.recovered_until.as_ref());
        }
    }

    fn monitoring_into(&self, found: &mut Found) {
        let monitoring = &self.monitoring;
        let at = Place::of("monitoring");
        for (index, figure) in monitoring.slow.iter().enumerate() {
            found.fixed(&at.then("slow").then(index), Some(figure));
        }
        for (name, check) in &monitoring.checks {
            let at = at.then("checks").then(name);
            found.positive(&at.then("every"), &check.every);
            found.positive(&at.then("timeout"), &check.timeout);
            match &check.probe {
                ProbeKind::Http(path) if !path.starts_with('/') => found.push(Mistake::new(
                    at.then("probe").then("http"),
                    format!("`{path}` is no path"),
                    "no path",
                    "write the path alone, such as `/health`; the application is chosen by the scenario",
                )),
                ProbeKind::RowCount(CountedRows { table: Some(table), .. }) if table.is_empty() => {
                    found.push(Mistake::new(
                        at.then("probe").then("row_count").then("table"),
                        "no table has this name",
                        "no name",
                        "name a table, or leave `table` out: then the rows of all tables are counted",
                    ));
                }
                ProbeKind::Http(_)
                | ProbeKind::RowCount(_)
                | ProbeKind::DatabaseConnect(_)
                | ProbeKind::ErrorRate
                | ProbeKind::BackupAge
                | ProbeKind::ChecksumFailures(_)
                | ProbeKind::DamageInLog(_)
                | ProbeKind::FailedQueries(_)
                | ProbeKind::Amcheck(_)
                | ProbeKind::BackupVerification => {}
            }
        }
        for (name, rule) in &monitoring.alerts {
            let at = at.then("alerts").then(name);
            if rule.failures.value() == Some(&0) {
                found.push(Mistake::new(
                    at.then("failures"),
                    "an alert after no failure at all",
                    "never quiet",
                    "at least 1 unhealthy check makes an alert",
                ));
            }
            if let Some(Threshold::Duration(figure)) = &rule.when {
                found.fixed(&at.then("when").then("duration"), Some(figure));
            }
            let probe = monitoring.checks.get(&rule.check).map(|check| &check.probe);
            let counts = matches!(probe, Some(ProbeKind::RowCount(_)));
            match &rule.when {
                Some(Threshold::Duration(_)) if counts => found.push(Mistake::new(
                    at.then("when"),
                    format!("the check `{}` counts rows, and this rule gives it a time", rule.check),
                    "a duration",
                    FOR_ROWS,
                )),
                Some(Threshold::Rows(_)) if probe.is_some() && !counts => found.push(Mistake::new(
                    at.then("when"),
                    format!("the check `{}` counts no rows", rule.check),
                    "a number of rows",
                    "set `share` or `duration`, or watch a check of the kind `row_count`",
                )),
                Some(Threshold::Rows(figure))
                    if matches!(figure.written(), Some((Written::Above | Written::AtLeast, _))) =>
                {
                    found.push(Mistake::new(
                        at.then("when").then("rows"),
                        format!("`{figure}` rows would call while there are many"),
                        "not a least",
                        "write `below` or `at_most`: too few rows are what this check can tell",
                    ));
                }
                _ => {}
            }
            let measures = matches!(
                probe,
                Some(ProbeKind::ErrorRate | ProbeKind::BackupAge | ProbeKind::RowCount(_))
            );
            if measures && rule.when.is_none() {
                found.push(Mistake::new(
                    at.clone(),
                    format!("the check `{}` measures, and this rule sets no threshold", rule.check),
                    "no `when`",
                    if counts {
                        FOR_ROWS
                    } else {
                        "add `when: { share: { above: 5 %, where: ... } }` or `when: { duration: ... }`"
                    },
                ));
            }
            found.fixed(&at.then("response"), rule.response.as_ref());
        }
    }
}

fn disaster_into(found: &mut Found, at: &Place, disaster: &Disaster) {
    found.limits(&at.then("rto"), &disaster.rto);
    found.limits(&at.then("rpo"), &disaster.rpo);
    found.fixed(&at.then("detection_deadline"), disaster.detection_deadline.as_ref());
    found.fixed(&at.then("respond"), disaster.respond.as_ref());
    found.fixed(&at.then("decide"), disaster.decide.as_ref());
}

/// The mistakes so far.
#[derive(Default)]
pub(super) struct Found(Vec<Mistake>);

impl Found {
    pub(super) fn push(&mut self, mistake: Mistake) {
        self.0.push(mistake);
    }

    /// A name that leads nowhere. Where that is so all over the file, the names that were meant are no longer searched for
    /// among all: mistakes times names would be too much.
    pub(super) fn unknown<'a>(&mut self, at: Place, kind: &str, name: &str, known: impl Iterator<Item = &'a str>) {
        const SEARCHED_MAX: usize = 200;
        let searched = if self.0.len() < SEARCHED_MAX {
            usize::MAX
        } else {
            LISTED_MAX + 1
        };
        self.push(Mistake::unknown(at, kind, name, known.take(searched)));
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

    /// Every figure of the plan has one value: whichever key of the model holds it.
    fn figures(&mut self, at: &Place, node: &Node) {
        match node {
            Node::Map(entries) => {
                if node.is_figure() && signs().filter(|(key, _)| node.get(key).is_some()).count() != 1 {
                    self.push(Mistake::new(
                        at.clone(),
                        "a figure needs exactly one value",
                        "none, or more than one",
                        "set one of `below` (<), `at_most` (<=), `at_least` (>=), `above` (>), or `is` where the plan \
                         writes no comparator",
                    ));
                }
                for (key, value) in entries {
                    self.figures(&at.then(key), value);
                }
            }
            Node::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.figures(&at.then(index), item);
                }
            }
            _ => {}
        }
    }

    /// The calendar of a duty: a rule that names days, and an interval that is none too short for it.
    fn rhythm(&mut self, at: &Place, duty: &DrillDuty) {
        let rule = match duty.when.map(|when| when.rule()).transpose() {
            Ok(rule) => rule,
            Err(why) => {
                self.push(Mistake::new(
                    at.then("when"),
                    why,
                    "names no day",
                    "expected `{ weekday: sunday }`, `{ nth: 1, weekday: monday, of: month }`, `{ position: end, of: \
                     quarter }`, `{ day: 15 }` or `{ day: 15, month: 3 }`",
                ));
                return;
            }
        };
        if let Err(why) = Rhythm::of(duty.every.as_ref().and_then(Figure::value).copied(), rule) {
            self.push(Mistake::new(
                at.then("every"),
                why,
                "does not fit `when`",
                "write the interval as the plan does, such as `1 month`, and a rule for a day of such a period",
            ));
        }
    }

    /// A duration that a drill runs by: its unit needs a fixed length.
    fn fixed(&mut self, at: &Place, figure: Option<&Figure<Duration>>) {
        if let Some((written, value)) = figure.and_then(Figure::written)
            && value.nanos().is_none()
        {
            self.push(unfixed(at.then(written.key()), *value));
        }
    }

    fn positive(&mut self, at: &Place, figure: &Figure<Duration>) {
        self.fixed(at, Some(figure));
        if let Some((written, value)) = figure.written()
            && value.count == 0
        {
            self.push(Mistake::new(
                at.then(written.key()),
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
                    at.then(written.key()),
                    format!("a target of {figure} has no upper end"),
                    "nothing could miss this",
                    "RTO, RPO and downtime are limits: use `below`, `at_most`, or `is` where the plan writes no \
                     comparator",
                ));
            }
        }
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
