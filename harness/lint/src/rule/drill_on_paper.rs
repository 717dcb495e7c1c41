//! Drills that are on paper only: without a day, overdue, pretending, or in production.

use firedrill_core::document::Place;
use firedrill_core::plan::DrillDuty;

use super::drills_break_availability::in_production;
use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::Subject;
use crate::words;

pub(crate) static DAY: Rule = Rule {
    name: "drill-without-day",
    class: Class::Coverage,
    severity: Severity::Warn,
    title: "Drills with an interval and no day",
    teaches: "\
\"Monthly\" is a wish until it stands in a calendar. Listed are the drills with an interval for which the plan gives neither a day
of the period (`when`), nor the last time (`last`), nor the next (`next`): nobody can say whether they are overdue.

Drills of an interval of a day or less run by themselves and are left out. Silent where each drill has one of the three.

Write `when`, or the date of the next one; `firedrill schedule` reckons the rest.",
    look: Look::Plan(look_day),
};

pub(crate) static OVERDUE: Rule = Rule {
    name: "drill-overdue",
    class: Class::Coverage,
    severity: Severity::Warn,
    title: "Drills whose day has passed",
    teaches: "\
A drill whose `next` lies before the day of the lint (`--as-of`), or whose `last` lies further back than its interval, was not
held, or was held and not written down. Of months the longest is taken, and of a date that is a month its last day.

Silent where the day has not come, and for drills without dates (see `drill-without-day`).

Hold it, or write down that it was held.",
    look: Look::Plan(look_overdue),
};

pub(crate) static DRY_RUN: Rule = Rule {
    name: "drill-dry-run-only",
    class: Class::Coverage,
    severity: Severity::Error,
    title: "A drill that only pretends",
    teaches: "\
A drill with `--dry-run` prints what would be done. It finds misspelt options and none of what fails in a recovery: the backup
that cannot be read, the restore that takes too long, the RPO that was missed.

Looked at are drills whose commands have the flag where nothing else of the same drill does the work: commands that report,
list or document do not count.
Silent where another command of the same drill does the work.

Run it for real in an isolated environment: that is what firedrill is for.",
    look: Look::Plan(look_dry),
};

pub(crate) static PRODUCTION: Rule = Rule {
    name: "drill-in-production",
    class: Class::Coverage,
    severity: Severity::Warn,
    title: "Drills that are held in production",
    teaches: "\
A drill in production is an outage if it goes wrong, and it goes wrong exactly when the plan is wrong, which is what it is to
find out. Mature teams do so on purpose; a plan should then say what limits the damage and who may stop it.

Looked at are `environment` and the commands as written. Silent for staging, sandboxes and copies.

Drill in a copy first, and in production only what has passed there, with a stop that somebody holds.",
    look: Look::Plan(look_production),
};

fn look_day(subject: &Subject<'_>, found: &mut Findings) {
    let without: Vec<(usize, &DrillDuty)> = subject
        .plan
        .drills
        .iter()
        .enumerate()
        .filter(|(_, duty)| {
            let often = duty.every.as_ref().and_then(length::of);
            often.is_some_and(|every| every > 24 * firedrill_core::stamp::HOUR)
                && duty.when.is_none()
                && duty.last.is_none()
                && duty.next.is_none()
        })
        .collect();
    if without.is_empty() {
        return;
    }
    let all = subject.plan.drills.len();
    found.push(
        Draft::new(
            &subject.plan.plan,
            format!("{} of {all} drills have an interval and no day", without.len()),
        )
        .because(
            "Neither a day of the period, nor the last time, nor the next is written: none of them can be overdue.",
        )
        .advice("write `when`, or the date of the next one; `firedrill schedule` reckons the rest")
        .shows_all(without.iter().filter_map(|(index, duty)| {
            let at = Place::of("drills").then(index).then("every");
            Some(subject.figure(&at, duty.every.as_ref()?, &format!("{}, every", duty.what)))
        })),
    );
}

fn look_overdue(subject: &Subject<'_>, found: &mut Findings) {
    let today = subject.today;
    for (index, duty) in subject.plan.drills.iter().enumerate() {
        let at = Place::of("drills").then(index);
        if let Some(next) = duty.next
            && next.last() < today
        {
            found.push(
                Draft::new(&duty.what, format!("was due {next}"))
                    .because(format!(
                        "{} is {} days after {next}.",
                        subject.today,
                        subject.days_since(next)
                    ))
                    .advice("hold it, or write down that it was held")
                    .shows(subject.statement(at.then("next"), format!("{}, next: {next}", duty.what), &duty.place)),
            );
            continue;
        }
        if let (Some(last), Some(every)) = (duty.last, duty.every.as_ref())
            && duty.next.is_none()
            && let Some(length) = length::of(every)
        {
            let days = subject.days_since(last);
            if days * 24 * firedrill_core::stamp::HOUR > length {
                found.push(
                    Draft::new(&duty.what, format!("was last held {last}, every {every}"))
                        .because(format!(
                            "{} is {days} days after {last}; the interval is {}.",
                            subject.today,
                            length::words(length)
                        ))
                        .advice("hold it, or write down that it was held")
                        .shows(subject.statement(at.then("last"), format!("{}, last: {last}", duty.what), &duty.place))
                        .shows(subject.figure(&at.then("every"), every, &format!("{}, every", duty.what))),
                );
            }
        }
    }
}

fn look_dry(subject: &Subject<'_>, found: &mut Findings) {
    for (index, duty) in subject.plan.drills.iter().enumerate() {
        let commands: Vec<(usize, &str)> = duty
            .commands
            .iter()
            .enumerate()
            .filter_map(|(number, action)| Some((number, action.command.as_deref()?)))
            .collect();
        let pretends = |command: &str| command.contains("--dry-run") && !command.contains("--dry-run=false");
        let works = commands.iter().any(|(number, command)| {
            let reports = words::has_any(command, &["report", "list", "document", "notify"])
                || words::has_any(&duty.commands[*number].what, &["report", "list", "results", "write"]);
            !pretends(command) && !reports
        });
        let Some((number, command)) = commands
            .iter()
            .find(|(_, command)| pretends(command))
            .filter(|_| !works)
        else {
            continue;
        };
        found.push(
            Draft::new(&duty.what, "is a dry run, and nothing else of it does the work")
                .because(format!(
                    "`{}` prints what would be done: no backup is read, no time is measured, no row is counted.",
                    super::restore_reads_no_backup::short(command)
                ))
                .advice("run it for real in an isolated environment")
                .shows(
                    subject.statement(
                        Place::of("drills")
                            .then(index)
                            .then("commands")
                            .then(number)
                            .then("command"),
                        format!("{}: a dry run", duty.what),
                        &duty.place,
                    ),
                ),
        );
    }
}

fn look_production(subject: &Subject<'_>, found: &mut Findings) {
    let mut names = Vec::new();
    let mut statements = Vec::new();
    for (index, duty) in subject.plan.drills.iter().enumerate() {
        if !in_production(duty) {
            continue;
        }
        let at = Place::of("drills").then(index);
        let environment = duty
            .environment
            .as_deref()
            .filter(|text| words::has_word(text, "production"));
        let (at, says) = match environment {
            Some(environment) => (at.then("environment"), format!("{}, in {environment}", duty.what)),
            None => {
                let number = duty.commands.iter().position(|action| {
                    action
                        .command
                        .as_deref()
                        .is_some_and(|command| command.contains("production"))
                });
                let at = at.then("commands").then(number.unwrap_or(0)).then("command");
                (at, format!("{}, with a command for production", duty.what))
            }
        };
        names.push(duty.what.as_str());
        statements.push(subject.statement(at, says, &duty.place));
    }
    if names.is_empty() {
        return;
    }
    found.push(
        Draft::new(&subject.plan.plan, format!("held in production: {}", words::row(names)))
            .because("If something does not work, which is what a drill is to find out, the drill is a disaster.")
            .advice(
                "drill in a copy first, and in production only what has passed there, with a stop that somebody holds",
            )
            .shows_all(statements),
    );
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    fn plan(duty: &str) -> String {
        format!("drills: [{{ what: simulation, {duty} where: d }}]")
    }

    #[test]
    fn monthly_is_no_day() {
        let rule = "drill-without-day";
        assert_eq!(
            found(rule, &plan("every: { is: 1 month, where: d },")),
            ["warn a-plan: 1 of 1 drills have an interval and no day"]
        );
        assert!(
            found(
                rule,
                &plan("every: { is: 1 month, where: d }, when: { nth: 1, weekday: monday, of: month },")
            )
            .is_empty()
        );
        assert!(found(rule, &plan("every: { is: 1 d, where: d },")).is_empty());
    }

    #[test]
    fn a_day_that_has_passed() {
        let rule = "drill-overdue";
        // The tests look at plans on 2026-12-07.
        assert_eq!(
            found(rule, &plan("next: 2026-11,")),
            ["warn simulation: was due 2026-11"]
        );
        assert_eq!(
            found(rule, &plan("last: 2026-10-01, every: { is: 1 month, where: d },")),
            ["warn simulation: was last held 2026-10-01, every 1 month"]
        );
        assert!(found(rule, &plan("next: 2026-12,")).is_empty());
        assert!(found(rule, &plan("next: '2026-12-07',")).is_empty());
        assert!(found(rule, &plan("last: 2026-11-10, every: { is: 1 month, where: d },")).is_empty());
    }

    #[test]
    fn a_drill_that_pretends() {
        let rule = "drill-dry-run-only";
        let dry =
            "commands: [{ what: simulate, command: ./drill --dry-run }, { what: report, command: ./drill --report }],";
        assert_eq!(
            found(rule, &plan(dry)),
            ["error simulation: is a dry run, and nothing else of it does the work"]
        );
        assert!(
            found(
                rule,
                &plan("commands: [{ what: a, command: ./drill --dry-run }, { what: b, command: ./drill }],")
            )
            .is_empty()
        );
    }

    #[test]
    fn a_drill_that_breaks_production() {
        let rule = "drill-in-production";
        assert_eq!(
            found(rule, &plan("environment: production,")),
            ["warn a-plan: held in production: simulation"]
        );
        assert_eq!(
            found(
                rule,
                &plan("commands: [{ what: a, command: ./t --environment=production }],")
            )
            .len(),
            1
        );
        assert!(found(rule, &plan("environment: outside production,")).is_empty());
        assert!(found(rule, &plan("environment: staging,")).is_empty());
    }
}
