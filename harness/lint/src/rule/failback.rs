//! The way back home: missing, or without a bound.

use firedrill_core::document::Place;

use super::restore_reads_no_backup::short;
use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::{Subject, commands, listed, tightest};
use crate::words;

pub(crate) static MISSING: Rule = Rule {
    name: "failover-without-failback",
    class: Class::Coverage,
    severity: Severity::Warn,
    title: "A failover without a way back",
    teaches: "\
After a failover the standby is the only site, often smaller and dearer, and what it wrote is not at home. Going back is a
second failover with all its risks (two primaries, data written on both sides), and it is done by tired people. A plan that
fails over and has no `failback` leaves the most dangerous hour to improvisation.

Looked at are plans in which a disaster is recovered at another site than production. Silent where the plan has failback steps.

Write how data come home, when writes stop, how long that may take, and who decides.",
    look: Look::Plan(look_missing),
};

pub(crate) static UNBOUNDED: Rule = Rule {
    name: "failback-without-bound",
    class: Class::Design,
    severity: Severity::Warn,
    title: "A failback whose downtime has no bound",
    teaches: "\
Between stopping the standby and starting at home nobody is served. A step that stops writes needs a window or an allowance,
and a way back if it is not kept; else the failback may last longer than the disaster did.

Looked at are the failback steps that stop, freeze or synchronise for good, and the windows of all of them. Silent where one
of these steps, or the whole, has a window or an allowance.

Give the interruption a length, and say what is done when it is over.",
    look: Look::Plan(look_unbounded),
};

pub(crate) static TIER: Rule = Rule {
    name: "failback-outlasts-tier",
    class: Class::Arithmetic,
    severity: Severity::Warn,
    title: "A way back that interrupts longer than a tier may be down",
    teaches: "\
The way back interrupts service by a window that the plan gives (`takes`). A tier that may be down for less is broken by the
repair instead of by the disaster. That a planned window counts as downtime is an assumption, since the plan does not say that it
does not: an `info`.

Silent where the window is no longer than any tier's maximum, and where a failback step has no allowance.

Bring the urgent tiers home without an interruption, or say that planned windows do not count.",
    look: Look::Plan(look_tier),
};

pub(crate) static DRY: Rule = Rule {
    name: "dry-run-in-recovery",
    class: Class::Design,
    severity: Severity::Warn,
    title: "A step of recovery whose command only pretends",
    teaches: "\
A step that synchronises data with `--dry-run` synchronises nothing. Sometimes a rehearsal before the real command is meant,
and then the step should say so; if the next steps rely on it, they rely on nothing.

Looked at are commands of disasters' steps and of the failback. If a later command of the same list does the same without the
flag, it is an `info`: the finding assumes that somebody takes the first for the real one. A step that says that it rehearses,
checks or plans is left alone.
Silent where no command has the flag.

Take the flag out, or call the step what it is.",
    look: Look::Plan(look_dry),
};

fn away(subject: &Subject<'_>) -> Vec<crate::finding::Statement> {
    let plan = subject.plan;
    plan.disasters
        .iter()
        .filter_map(|(name, disaster)| {
            let site_name = disaster.recovery_site.as_ref()?;
            let site = plan.sites.get(site_name)?;
            let role = site.role.to_lowercase();
            let home = role.contains("production") || role.contains("primary") || role.contains("clean");
            (!home).then(|| {
                subject.statement(
                    Place::of("disasters").then(name).then("recovery_site"),
                    format!("{name} is recovered at {site_name}"),
                    disaster.place.clone().unwrap_or_default(),
                )
            })
        })
        .collect()
}

fn look_missing(subject: &Subject<'_>, found: &mut Findings) {
    let away = away(subject);
    if away.is_empty() || !subject.plan.failback.is_empty() {
        return;
    }
    found.push(
        Draft::new(&subject.plan.plan, "fails over, and has no way back")
            .because(format!(
                "Disasters recovered elsewhere: {}; steps of failback: 0.",
                away.len()
            ))
            .advice("write how data come home, when writes stop, how long that may take, and who decides")
            .shows_all(away),
    );
}

fn look_unbounded(subject: &Subject<'_>, found: &mut Findings) {
    let stops: Vec<_> = subject
        .plan
        .failback
        .iter()
        .enumerate()
        .filter(|(_, step)| {
            words::has_any(
                &step.what,
                &[
                    "stop",
                    "stops",
                    "freeze",
                    "read-only",
                    "final",
                    "synchronise",
                    "sync",
                    "switch",
                ],
            )
        })
        .collect();
    let bounded = subject
        .plan
        .failback
        .iter()
        .any(|step| step.takes.is_some() || (step.until.is_some() && step.from.is_some()));
    if stops.is_empty() || bounded {
        return;
    }
    found.push(
        Draft::new("failback", "stops writes, and nothing says for how long")
            .because(format!(
                "Steps that interrupt: {}; windows and allowances among {} steps of failback: 0.",
                stops.len(),
                subject.plan.failback.len()
            ))
            .advice("give the interruption a length, and say what is done when it is over")
            .shows_all(stops.iter().map(|(index, step)| {
                let at = Place::of("failback").then(index).then("what");
                subject.statement(at, format!("step: {}", step.what), &step.place)
            })),
    );
}

fn look_tier(subject: &Subject<'_>, found: &mut Findings) {
    let plan = subject.plan;
    let longest = plan
        .failback
        .iter()
        .enumerate()
        .filter_map(|(index, step)| Some((index, step, length::most(step.takes?.most))))
        .max_by_key(|(_, _, takes)| *takes);
    let Some((index, step, takes)) = longest else { return };
    let mut broken = Vec::new();
    let mut names = Vec::new();
    for (tier_index, tier) in plan.tiers.iter().enumerate() {
        let name = subject.tier_name(tier_index);
        let at = Place::of("tiers").then(tier_index).then("max_downtime");
        let downtimes = listed(&at, &tier.max_downtime, &format!("maximum downtime of {name}"));
        let Some(downtime) = tightest(&downtimes) else { continue };
        if downtime
            .figure
            .value()
            .is_some_and(|value| length::least(*value) < takes)
        {
            broken.push(subject.placed(downtime));
            names.push(format!("{name} ({})", downtime.figure));
        }
    }
    if broken.is_empty() {
        return;
    }
    let names = words::row(names.iter().map(String::as_str));
    found.push(
        Draft::new(
            "failback",
            format!(
                "interrupts for {}, longer than {names} may be down",
                length::words(takes)
            ),
        )
        .because(format!(
            "Window of the way back: {}; tiers that may be down for less: {names}.",
            length::words(takes)
        ))
        .advice("bring the urgent tiers home without an interruption, or say that planned windows do not count")
        .assumes("a planned window counts as downtime")
        .shows(subject.statement(
            Place::of("failback").then(index).then("takes"),
            format!("{}: {}", step.what, length::words(takes)),
            &step.place,
        ))
        .shows_all(broken),
    );
}

fn look_dry(subject: &Subject<'_>, found: &mut Findings) {
    let mut lists = vec![(
        "failback".to_owned(),
        commands(&Place::of("failback"), &subject.plan.failback),
    )];
    for (name, disaster) in &subject.plan.disasters {
        lists.push((name.clone(), subject.disaster_commands(name, disaster)));
    }
    for (about, commands) in lists {
        for (index, command) in commands.iter().enumerate() {
            let pretends = command.text.contains("--dry-run") && !command.text.contains("--dry-run=false");
            let says_so = words::has_any(
                &format!("{} {}", command.step, command.what),
                &[
                    "rehearse",
                    "rehearsal",
                    "dry",
                    "check",
                    "preview",
                    "estimate",
                    "prepare",
                ],
            );
            if !pretends || says_so {
                continue;
            }
            let verb = |text: &str| {
                text.split_whitespace()
                    .filter(|word| !word.starts_with("--"))
                    .take(3)
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            let real = commands[index + 1..]
                .iter()
                .find(|later| verb(later.text) == verb(command.text) && !later.text.contains("--dry-run"));
            let mut draft = Draft::new(&about, format!("`{}` is run with --dry-run", short(command.text)))
                .because(format!(
                    "The step says: {}. With this flag the command changes nothing.",
                    command.step
                ))
                .advice("take the flag out, or call the step what it is")
                .shows(subject.statement(command.at.clone(), "changes nothing", command.section));
            if let Some(real) = real {
                draft = draft
                    .assumes("somebody takes it for the real one, although the same command follows without the flag")
                    .shows(subject.statement(real.at.clone(), "the real one", real.section));
            }
            found.push(draft);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    fn plan(role: &str, failback: &str) -> String {
        format!(
            "sites: {{ b: {{ role: {role}, where: s }} }}\nfailback: [{failback}]\n\
             disasters: {{ out: {{ title: O, automated: manual, recovery_site: b }} }}"
        )
    }

    #[test]
    fn no_way_back() {
        assert_eq!(
            found("failover-without-failback", &plan("standby", "")),
            ["warn a-plan: fails over, and has no way back"]
        );
        assert!(found("failover-without-failback", &plan("production", "")).is_empty());
        assert!(
            found(
                "failover-without-failback",
                &plan("standby", "{ what: go home, where: f }")
            )
            .is_empty()
        );
    }

    #[test]
    fn an_interruption_without_a_length() {
        let rule = "failback-without-bound";
        assert_eq!(
            found(rule, &plan("standby", "{ what: stop writes, where: f }")),
            ["warn failback: stops writes, and nothing says for how long"]
        );
        assert!(found(rule, &plan("standby", "{ what: stop writes, takes: 30 min, where: f }")).is_empty());
    }

    #[test]
    fn a_repair_that_breaks_a_tier() {
        let text = |takes: &str| {
            format!(
                "tiers: [{{ level: 0, services: [calls], max_downtime: [{{ is: 5 min, where: t }}] }}]\n\
                 failback: [{{ what: go home, takes: {takes}, where: f }}]"
            )
        };
        assert_eq!(
            found("failback-outlasts-tier", &text("30 min")),
            ["info failback: interrupts for 30 min, longer than tier 0 (5 minutes) may be down"]
        );
        assert!(found("failback-outlasts-tier", &text("5 min")).is_empty());
    }

    #[test]
    fn a_command_that_only_pretends() {
        let rule = "dry-run-in-recovery";
        let step = "{ what: synchronise home, command: ./sync data --dry-run=true, where: f }";
        assert_eq!(
            found(rule, &plan("standby", step)),
            ["warn failback: `./sync data --dry-run=true` is run with --dry-run"]
        );
        let both = format!("{step}, {{ what: synchronise, command: ./sync data --final, where: f }}");
        assert!(found(rule, &plan("standby", &both))[0].starts_with("info"));
        let honest = "{ what: rehearse the synchronisation, command: ./sync data --dry-run, where: f }";
        assert!(found(rule, &plan("standby", honest)).is_empty());
    }
}
