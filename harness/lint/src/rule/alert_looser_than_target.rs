//! A target without an alert that guards it, or with one that wakes too late.

use std::collections::{BTreeMap, HashMap, HashSet};

use firedrill_core::document::Place;
use firedrill_core::plan::{ProbeKind, Threshold, Watched, Written};

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings, Statement};
use crate::severity::Severity;
use crate::subject::Subject;

pub(crate) static RULE: Rule = Rule {
    name: "alert-looser-than-target",
    class: Class::Arithmetic,
    severity: Severity::Error,
    title: "An alert that is looser than the target it guards",
    teaches: "\
A target says what a healthy service keeps to; its alert says when somebody is told. An alert that wakes at 0.5 % of errors
lets a target of 0.1 % be missed for ever without a word: everything between the two is unhealthy and silent.

A target is guarded by the alerts and watched figures on the same thing: the same words, or a response time by a response
time and an error rate by an error rate. The tightest of them counts. Silent where it is at least as tight as the target,
where nothing guards the target (see
`target-without-alert`), and for targets that are a least.

Tighten the alert to the target, or write the target that is really guarded.",
    look: Look::Plan(look),
};

pub(crate) static UNGUARDED: Rule = Rule {
    name: "target-without-alert",
    class: Class::Coverage,
    severity: Severity::Warn,
    title: "A target of the service that no alert guards",
    teaches: "\
A figure that the service is to keep to, with nothing that tells when it does not, is found out by users.

A target is guarded by an alert or a watched figure on the same thing (see `alert-looser-than-target`), by something watched
without a figure that shares a word with it, and by its own words if they say that it alerts. Targets without a figure are left
out.
Silent for every target that one of these guards.

Add an alert at the target's figure, or take the target out.",
    look: Look::Plan(look_unguarded),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    let all = Guards::of(subject);
    for (at, target) in targets(subject) {
        let Some(aimed) = value(target.figure.as_ref()) else {
            continue;
        };
        let Some((guard, statement)) = all.tightest(target, aimed.unit) else {
            continue;
        };
        if aimed.least || guard <= aimed.size {
            continue;
        }
        found.push(
            Draft::new(
                &target.what,
                format!("aims at {}, and the alert wakes later", aimed.text),
            )
            .because(format!(
                "Target: {}. {}. Everything between the two is unhealthy, and nobody is told.",
                aimed.text, statement.says
            ))
            .advice("tighten the alert to the target, or write the target that is guarded")
            .shows(said(subject, &at, target))
            .shows(statement.clone()),
        );
    }
}

fn look_unguarded(subject: &Subject<'_>, found: &mut Findings) {
    let all = Guards::of(subject);
    for (at, target) in targets(subject) {
        let Some(aimed) = value(target.figure.as_ref()) else {
            continue;
        };
        if all.tightest(target, aimed.unit).is_some() || all.watches(target) {
            continue;
        }
        found.push(
            Draft::new(&target.what, format!("aims at {}, and no alert guards it", aimed.text))
                .because("Nothing that the plan watches is about it: users find out first.")
                .advice("add an alert at that figure, or take the target out")
                .shows(said(subject, &at, target)),
        );
    }
}

fn targets<'a>(subject: &Subject<'a>) -> Vec<(Place, &'a Watched)> {
    let at = Place::of("monitoring").then("targets");
    subject
        .plan
        .monitoring
        .targets
        .iter()
        .enumerate()
        .map(|(index, target)| (at.then(index), target))
        .collect()
}

fn said(subject: &Subject<'_>, at: &Place, watched: &Watched) -> Statement {
    match &watched.figure {
        Some(Threshold::Share(figure)) => subject.figure(
            &at.then("figure").then("share"),
            figure,
            &format!("target, {}", watched.what),
        ),
        Some(Threshold::Duration(figure)) => subject.figure(
            &at.then("figure").then("duration"),
            figure,
            &format!("target, {}", watched.what),
        ),
        Some(Threshold::Rows(figure)) => subject.figure(
            &at.then("figure").then("rows"),
            figure,
            &format!("target, {}", watched.what),
        ),
        None => subject.statement(at.then("what"), format!("target: {}", watched.what), &watched.place),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Unit {
    Share,
    Time,
}

struct Value {
    unit: Unit,
    /// The figure is a least, not a most.
    least: bool,
    size: i64,
    text: String,
}

fn value(figure: Option<&Threshold>) -> Option<Value> {
    match figure? {
        Threshold::Share(figure) => Some(Value {
            unit: Unit::Share,
            least: matches!(figure.written()?.0, Written::Above | Written::AtLeast),
            size: i64::from(figure.value()?.ppm),
            text: figure.to_string(),
        }),
        Threshold::Duration(figure) => Some(Value {
            unit: Unit::Time,
            least: matches!(figure.written()?.0, Written::Above | Written::AtLeast),
            size: crate::length::of(figure)?,
            text: figure.to_string(),
        }),
        // It wakes below a figure, and no target says how many rows there should be at most.
        Threshold::Rows(_) => None,
    }
}

/// One thing that wakes somebody, and the figure at which it does.
struct Guard<'a> {
    words: Vec<String>,
    of: Option<&'a str>,
    size: i64,
    statement: Statement,
}

/// Everything that wakes, by unit and telling word: a target looks only at what shares a word with it.
struct Guards<'a> {
    all: Vec<Guard<'a>>,
    by_word: HashMap<(Unit, String), Vec<usize>>,
    /// Telling words of what is watched without a figure.
    figureless: HashSet<String>,
}

impl<'a> Guards<'a> {
    fn of(subject: &Subject<'a>) -> Guards<'a> {
        let monitoring = &subject.plan.monitoring;
        let at = Place::of("monitoring");
        let mut guards = Guards {
            all: Vec::new(),
            by_word: HashMap::new(),
            figureless: HashSet::new(),
        };
        for (name, rule) in &monitoring.alerts {
            let probe = monitoring.checks.get(&rule.check).map(|check| &check.probe);
            let at = at.then("alerts").then(name).then("when");
            let what = if probe == Some(&ProbeKind::ErrorRate) {
                "error rate"
            } else {
                name.as_str()
            };
            guards.add(subject, &at, what, None, rule.when.as_ref(), &format!("alert {name}"));
        }
        // Of things said alike the tightest counts, so that many of them stay one.
        let mut tightest: BTreeMap<(&str, Option<&str>), (i64, usize, &'a Watched)> = BTreeMap::new();
        for (index, watched) in monitoring.watched.iter().enumerate() {
            let Some(found) = value(watched.figure.as_ref()) else {
                guards.figureless.extend(telling(&watched.what));
                continue;
            };
            let entry = tightest
                .entry((&watched.what, watched.of.as_deref()))
                .or_insert((found.size, index, watched));
            if found.size < entry.0 {
                *entry = (found.size, index, watched);
            }
        }
        for ((what, of), (_, index, watched)) in tightest {
            let at = at.then("watched").then(index).then("figure");
            guards.add(
                subject,
                &at,
                what,
                of,
                watched.figure.as_ref(),
                &format!("watched, {what}"),
            );
        }
        // The plan's words for slow and failing are watched as well.
        for (index, figure) in monitoring.slow.iter().enumerate() {
            if let Some(size) = crate::length::of(figure) {
                let statement = subject.figure(&at.then("slow").then(index), figure, "slow from");
                guards.push(Unit::Time, "response", None, size, statement);
            }
        }
        for (index, figure) in monitoring.errors.iter().enumerate() {
            if let Some(share) = figure.value() {
                let statement = subject.figure(&at.then("errors").then(index), figure, "errors from");
                guards.push(Unit::Share, "error", None, i64::from(share.ppm), statement);
            }
        }
        guards
    }

    fn add(
        &mut self,
        subject: &Subject<'a>,
        at: &Place,
        what: &str,
        of: Option<&'a str>,
        figure: Option<&Threshold>,
        says: &str,
    ) {
        // What wakes below a figure guards no target that is a most.
        let Some(found) = value(figure).filter(|found| found.least) else {
            return;
        };
        let statement = match figure {
            Some(Threshold::Share(figure)) => subject.figure(&at.then("share"), figure, says),
            Some(Threshold::Duration(figure)) => subject.figure(&at.then("duration"), figure, says),
            Some(Threshold::Rows(_)) | None => return,
        };
        self.push(found.unit, what, of, found.size, statement);
    }

    fn push(&mut self, unit: Unit, what: &str, of: Option<&'a str>, size: i64, statement: Statement) {
        let words = telling(what);
        for word in &words {
            self.by_word
                .entry((unit, word.clone()))
                .or_default()
                .push(self.all.len());
        }
        self.all.push(Guard {
            words,
            of,
            size,
            statement,
        });
    }

    /// Whether something without a figure is about the target, or the target itself says that it alerts.
    fn watches(&self, target: &Watched) -> bool {
        let words = telling(&target.what);
        words
            .iter()
            .any(|word| word == "alert" || self.figureless.contains(word))
    }

    /// The tightest guard of a target.
    fn tightest(&self, target: &Watched, unit: Unit) -> Option<(i64, &Statement)> {
        let words = telling(&target.what);
        let candidates = words
            .iter()
            .filter_map(|word| self.by_word.get(&(unit, word.clone())))
            .flatten()
            .map(|index| &self.all[*index]);
        candidates
            .filter(|guard| same_thing(&guard.words, &words))
            .filter(|guard| guard.of.is_none() || target.of.is_none() || guard.of == target.of.as_deref())
            .map(|guard| (guard.size, &guard.statement))
            .min_by_key(|(size, _)| *size)
    }
}

/// The words of a text that tell what it is about.
fn telling(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.len() > 2 && !["the", "average", "rate", "time", "high", "slow"].contains(word))
        .map(|word| word.trim_end_matches('s').to_owned())
        .collect()
}

/// Whether two texts are about the same thing: one holds every telling word of the other.
fn same_thing(one: &[String], other: &[String]) -> bool {
    let (short, long) = if one.len() <= other.len() {
        (one, other)
    } else {
        (other, one)
    };
    !short.is_empty() && short.iter().all(|word| long.contains(word))
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    fn plan(aimed: &str, wakes: &str) -> String {
        format!(
            "monitoring: {{ targets: [{{ what: response time, figure: {{ duration: {{ below: {aimed}, where: t }} }}, where: t }}], \
             watched: [{{ what: response time, figure: {{ duration: {{ above: {wakes}, where: w }} }}, where: w }}] }}"
        )
    }

    #[test]
    fn an_alert_that_wakes_too_late() {
        assert_eq!(
            found("alert-looser-than-target", &plan("200 ms", "500 ms")),
            ["error response time: aims at < 200 milliseconds, and the alert wakes later"]
        );
    }

    #[test]
    fn silent_where_it_wakes_in_time() {
        assert!(found("alert-looser-than-target", &plan("500 ms", "500 ms")).is_empty());
        assert!(found("target-without-alert", &plan("500 ms", "500 ms")).is_empty());
    }

    #[test]
    fn a_target_that_nothing_guards() {
        let text = "monitoring: { targets: [{ what: query time, figure: { duration: { below: 100 ms, where: t } }, where: t }] }";
        assert_eq!(
            found("target-without-alert", text),
            ["warn query time: aims at < 100 milliseconds, and no alert guards it"]
        );
        assert!(found("alert-looser-than-target", text).is_empty());
    }
}
