//! A target without an alert that guards it, or with one that wakes too late.

use firedrill_core::document::Place;
use firedrill_core::plan::{Monitoring, ProbeKind, Threshold, Watched};

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings, Statement};
use crate::severity::Severity;
use crate::subject::Subject;
use crate::words;

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
and where nothing guards the target (see `target-without-alert`).

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

A target is guarded by an alert or a watched figure on the same thing (see `alert-looser-than-target`). Targets without a
figure are left out.

Add an alert at the target's figure, or take the target out.",
    look: Look::Plan(look_unguarded),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    for (at, target) in targets(subject) {
        let Some(aimed) = value(target.figure.as_ref()) else { continue };
        let guards = guards(subject, &target.what, target.of.as_deref(), aimed.unit);
        let Some((guard, statement)) = guards.into_iter().min_by_key(|(guard, _)| *guard) else {
            continue;
        };
        if guard <= aimed.size {
            continue;
        }
        found.push(
            Draft::new(&target.what, format!("aims at {}, and the alert wakes later", aimed.text))
                .because(format!(
                    "Target: {}. {}. Everything between the two is unhealthy, and nobody is told.",
                    aimed.text, statement.says
                ))
                .advice("tighten the alert to the target, or write the target that is guarded")
                .shows(said(subject, &at, target))
                .shows(statement),
        );
    }
}

fn look_unguarded(subject: &Subject<'_>, found: &mut Findings) {
    for (at, target) in targets(subject) {
        let Some(aimed) = value(target.figure.as_ref()) else { continue };
        if !guards(subject, &target.what, target.of.as_deref(), aimed.unit).is_empty() {
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
        Some(Threshold::Share(figure)) => {
            subject.figure(&at.then("figure").then("share"), figure, &format!("target, {}", watched.what))
        }
        Some(Threshold::Duration(figure)) => {
            subject.figure(&at.then("figure").then("duration"), figure, &format!("target, {}", watched.what))
        }
        None => subject.statement(at.then("what"), format!("target: {}", watched.what), &watched.place),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Share,
    Time,
}

struct Value {
    unit: Unit,
    size: i64,
    text: String,
}

fn value(figure: Option<&Threshold>) -> Option<Value> {
    match figure? {
        Threshold::Share(figure) => Some(Value {
            unit: Unit::Share,
            size: i64::from(figure.value()?.ppm),
            text: figure.to_string(),
        }),
        Threshold::Duration(figure) => Some(Value {
            unit: Unit::Time,
            size: crate::length::of(figure)?,
            text: figure.to_string(),
        }),
    }
}

/// Everything that wakes about the same thing, with the figure at which it does.
fn guards(subject: &Subject<'_>, what: &str, of: Option<&str>, unit: Unit) -> Vec<(i64, Statement)> {
    let monitoring: &Monitoring = &subject.plan.monitoring;
    let at = Place::of("monitoring");
    let mut guards = Vec::new();
    for (name, rule) in &monitoring.alerts {
        let probe = monitoring.checks.get(&rule.check).map(|check| &check.probe);
        let same = match unit {
            Unit::Share => probe == Some(&ProbeKind::ErrorRate) && words::has_any(what, &["error", "errors"]),
            Unit::Time => same_thing(name, what),
        };
        let Some(found) = value(rule.when.as_ref()).filter(|found| found.unit == unit && same) else {
            continue;
        };
        let at = at.then("alerts").then(name).then("when");
        let statement = match rule.when.as_ref() {
            Some(Threshold::Share(figure)) => subject.figure(&at.then("share"), figure, &format!("alert {name}")),
            Some(Threshold::Duration(figure)) => subject.figure(&at.then("duration"), figure, &format!("alert {name}")),
            None => continue,
        };
        guards.push((found.size, statement));
    }
    for (index, watched) in monitoring.watched.iter().enumerate() {
        let Some(found) = value(watched.figure.as_ref()).filter(|found| found.unit == unit) else {
            continue;
        };
        if !same_thing(&watched.what, what) || (of.is_some() && watched.of.is_some() && of != watched.of.as_deref()) {
            continue;
        }
        let at = at.then("watched").then(index).then("figure");
        let statement = match watched.figure.as_ref() {
            Some(Threshold::Share(figure)) => subject.figure(&at.then("share"), figure, &format!("watched, {}", watched.what)),
            Some(Threshold::Duration(figure)) => {
                subject.figure(&at.then("duration"), figure, &format!("watched, {}", watched.what))
            }
            None => continue,
        };
        guards.push((found.size, statement));
    }
    // The plan's words for slow and failing are watched as well.
    if unit == Unit::Time && words::has_any(what, &["response"]) {
        for (index, figure) in monitoring.slow.iter().enumerate() {
            if let Some(size) = crate::length::of(figure) {
                guards.push((size, subject.figure(&at.then("slow").then(index), figure, "slow from")));
            }
        }
    }
    if unit == Unit::Share && words::has_any(what, &["error", "errors"]) {
        for (index, figure) in monitoring.errors.iter().enumerate() {
            if let Some(share) = figure.value() {
                let statement = subject.figure(&at.then("errors").then(index), figure, "errors from");
                guards.push((i64::from(share.ppm), statement));
            }
        }
    }
    guards
}

/// Whether two texts are about the same thing: one holds every telling word of the other.
fn same_thing(one: &str, other: &str) -> bool {
    let telling = |text: &str| -> Vec<String> {
        text.to_lowercase()
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| word.len() > 2 && !["the", "average", "rate", "time", "high", "slow"].contains(word))
            .map(|word| word.trim_end_matches('s').to_owned())
            .collect()
    };
    let (one, other) = (telling(one), telling(other));
    let (short, long) = if one.len() <= other.len() { (&one, &other) } else { (&other, &one) };
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
