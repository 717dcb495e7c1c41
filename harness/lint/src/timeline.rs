//! How long a disaster's steps take by the plan's own windows and allowances, and how long until they begin.

use firedrill_core::document::Place;
use firedrill_core::plan::{Disaster, PlannedStep};
use firedrill_core::stamp::Nanos;

use crate::finding::Statement;
use crate::length;
use crate::subject::Subject;
use crate::words;

/// What the steps add up to.
pub(crate) struct Course {
    /// When the last one is done, counted from the start of the first: at most.
    pub(crate) most: Nanos,
    /// How that was reckoned, as the beginning of a sentence.
    pub(crate) sum: String,
    /// The steps that it is made of.
    pub(crate) statements: Vec<Statement>,
}

/// The course of a disaster's steps; `None` where no step has a window or an allowance.
///
/// Allowances of steps in a row are added up; windows are taken as they are, and what has an allowance and no window
/// follows them. Of several options one is taken: the longest counts. What is done only under a condition is left out:
/// the plan may be right without it. So is what tells people.
pub(crate) fn of(subject: &Subject<'_>, name: &str, disaster: &Disaster) -> Option<Course> {
    let at = Place::of("disasters").then(name).then("steps");
    reckon(subject, &at, &disaster.steps)
}

/// Telling people is no part of recovering: its deadline may well lie days later.
fn tells(what: &str) -> bool {
    words::has_any(
        what,
        &["notify", "notification", "tell", "inform", "communicate", "report"],
    )
}

/// The same for any list of steps.
pub(crate) fn reckon(subject: &Subject<'_>, at: &Place, steps: &[PlannedStep]) -> Option<Course> {
    let sure = || {
        let recovers = |step: &PlannedStep| step.only_if.is_none() && !tells(&step.what);
        steps.iter().enumerate().filter(move |(_, step)| recovers(step))
    };
    let window = sure()
        .filter(|(_, step)| step.option.is_none() || step.takes.is_none())
        .filter_map(|(index, step)| Some((index, step, length::most(step.until?))))
        .rev()
        .max_by_key(|(_, _, until)| *until);
    let mut statements = Vec::new();
    let mut words = Vec::new();
    let mut sum: Nanos = 0;
    if let Some((index, last, until)) = window {
        sum = until;
        statements.push(subject.statement(
            at.then(index).then("until"),
            format!("step {}: until {}", last.what, length::words(until)),
            &last.place,
        ));
        words.push(length::words(until));
    }
    let mut options: Option<(usize, Nanos)> = None;
    for (index, step) in sure() {
        let Some(takes) = step.takes else { continue };
        let most = length::most(takes.most);
        if step.option.is_some() {
            if options.is_none_or(|(_, longest)| most > longest) {
                options = Some((index, most));
            }
            continue;
        }
        add(subject, at, index, step, most, &mut statements, &mut words);
        sum = sum.saturating_add(most);
    }
    if let Some((index, most)) = options {
        add(subject, at, index, &steps[index], most, &mut statements, &mut words);
        sum = sum.saturating_add(most);
    }
    let sum_words = match (words.as_slice(), window) {
        ([], _) => return None,
        ([_], Some((_, last, until))) => format!("The last step ({}) ends at {}", last.what, length::words(until)),
        ([only], None) => format!("The only step with an allowance takes {only}"),
        (many, _) => format!("The steps take {} = {}", many.join(" + "), length::words(sum)),
    };
    Some(Course {
        most: sum,
        sum: sum_words,
        statements,
    })
}

fn add(
    subject: &Subject<'_>,
    at: &Place,
    index: usize,
    step: &PlannedStep,
    most: Nanos,
    statements: &mut Vec<Statement>,
    words: &mut Vec<String>,
) {
    statements.push(subject.statement(
        at.then(index).then("takes"),
        format!("step {}: up to {}", step.what, length::words(most)),
        &step.place,
    ));
    words.push(length::words(most));
}

/// How soon the plan's own monitor can call: `failures` checks in a row, or what must last so long.
pub(crate) struct Detection {
    pub(crate) least: Nanos,
    pub(crate) words: String,
    pub(crate) statements: Vec<Statement>,
}

/// The fastest alert that the disaster names; `None` where it names none.
pub(crate) fn detection(subject: &Subject<'_>, disaster: &Disaster) -> Option<Detection> {
    let monitoring = &subject.plan.monitoring;
    disaster
        .detection
        .iter()
        .filter_map(|name| {
            let rule = monitoring.alerts.get(name)?;
            let at = Place::of("monitoring").then("alerts").then(name);
            if let Some(lasting) = &rule.lasting {
                let least = length::of(lasting)?;
                return Some(Detection {
                    least,
                    words: format!("alert {name} after {}", length::words(least)),
                    statements: vec![subject.figure(&at.then("lasting"), lasting, &format!("alert {name}, lasting"))],
                });
            }
            let check = monitoring.checks.get(&rule.check)?;
            let every = length::of(&check.every)?;
            let failures = *rule.failures.value()?;
            let least = every.saturating_mul(i64::from(failures));
            Some(Detection {
                least,
                words: format!("alert {name} after {failures} checks every {}", length::words(every)),
                statements: vec![
                    subject.figure(
                        &at.then("failures"),
                        &rule.failures,
                        &format!("alert {name}, failures in a row"),
                    ),
                    subject.figure(
                        &Place::of("monitoring").then("checks").then(&rule.check).then("every"),
                        &check.every,
                        &format!("check {}, every", rule.check),
                    ),
                ],
            })
        })
        .min_by_key(|detection| detection.least)
}
