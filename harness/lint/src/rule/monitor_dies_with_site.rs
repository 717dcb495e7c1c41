//! A monitor that dies with what it watches.

use firedrill_core::document::Place;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::severity::Severity;
use crate::subject::Subject;
use crate::words;

pub(crate) static RULE: Rule = Rule {
    name: "monitor-dies-with-site",
    class: Class::Design,
    severity: Severity::Error,
    title: "A monitor that dies with what it watches",
    teaches: "\
A monitor at the primary site is silent exactly when that site is lost. The disaster is then noticed by users, detection has
no bound, and every sum that counts from the alert begins too late.

Held against each other are the monitor's site and the disasters that are recovered at another site: those take the monitor's
site away. Another site that has a monitor of its own makes it a warning: it is there, and it must be able to call. Silent
where the monitor is external.

Let something outside watch the site from the users' side, and let its silence be an alarm.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    let plan = subject.plan;
    let Some(home) = plan.monitoring.site.as_deref().filter(|site| *site != "external") else {
        return;
    };
    let taken: Vec<&str> = plan
        .disasters
        .iter()
        .filter(|(_, disaster)| disaster.recovery_site.as_deref().is_some_and(|site| site != home))
        .map(|(name, _)| name.as_str())
        .collect();
    if taken.is_empty() {
        return;
    }
    let mut elsewhere = Vec::new();
    for (name, site) in plan.sites.iter().filter(|(name, _)| *name != home) {
        for (part_name, part) in &site.parts {
            let is_monitor = words::has_any(part_name, &["monitoring", "monitor"]);
            let located = part.region.is_some() || site.region.is_some();
            // A part that "stays" at the primary is none here.
            if is_monitor && located && !words::has_any(&part.what, &["stays", "primary", "none"]) {
                elsewhere.push(subject.statement(
                    Place::of("sites").then(name).then("parts").then(part_name).then("what"),
                    format!("monitor at {name}: {}", part.what),
                    &site.place,
                ));
            }
        }
    }
    let mut draft = Draft::new(
        &plan.plan,
        format!(
            "the monitor stands at {home} and dies with it in {}",
            words::row(taken.iter().copied())
        ),
    )
    .because(format!(
        "{} of {} disasters take {home} away; its monitor raises no alert for any of them.",
        taken.len(),
        plan.disasters.len()
    ))
    .advice("let something outside watch from the users' side, and let its silence be an alarm")
    .shows(subject.statement(
        Place::of("monitoring").then("site"),
        format!("the monitor stands at {home}"),
        String::new(),
    ))
    .shows_all(taken.iter().map(|name| {
        let site = plan.disasters[*name].recovery_site.as_deref().unwrap_or("elsewhere");
        subject.statement(
            Place::of("disasters").then(name).then("recovery_site"),
            format!("{name} is recovered at {site}"),
            plan.disasters[*name].place.clone().unwrap_or_default(),
        )
    }));
    if !elsewhere.is_empty() {
        draft = draft.weighs(Severity::Warn).shows_all(elsewhere);
    }
    found.push(draft);
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "monitor-dies-with-site";

    fn plan(monitor: &str, parts: &str) -> String {
        format!(
            "monitoring: {{ site: {monitor} }}\n\
             sites: {{ a: {{ role: p, where: s }}, b: {{ role: s, region: r, parts: {{ {parts} }}, where: s }} }}\n\
             disasters: {{ out: {{ title: O, automated: manual, recovery_site: b }} }}"
        )
    }

    #[test]
    fn nobody_is_left_to_call() {
        assert_eq!(
            found(RULE, &plan("a", "")),
            ["error a-plan: the monitor stands at a and dies with it in out"]
        );
        assert!(found(RULE, &plan("a", "monitoring: { what: health checks only }"))[0].starts_with("warn"));
    }

    #[test]
    fn silent_where_somebody_outside_watches() {
        assert!(found(RULE, &plan("external", "")).is_empty());
        assert!(found(RULE, &plan("b", "")).is_empty());
    }
}
