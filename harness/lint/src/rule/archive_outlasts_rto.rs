//! Archive storage whose retrieval takes longer than the RTO.

use std::collections::BTreeSet;

use firedrill_core::document::Place;
use firedrill_core::plan::{Disaster, DrillDuty, Site, SitePart};
use firedrill_core::stamp::{HOUR, Nanos};

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings, Statement};
use crate::length;
use crate::severity::Severity;
use crate::subject::{Subject, listed, tightest};
use crate::words;

pub(crate) static RULE: Rule = Rule {
    name: "archive-outlasts-rto",
    class: Class::Design,
    severity: Severity::Error,
    title: "Archive storage whose retrieval takes longer than the RTO",
    teaches: "\
Archive storage is cheap because nothing can be read from it at once: a copy must be retrieved first. Standard retrieval from
S3 Glacier Flexible Retrieval takes 3 to 5 hours, from Deep Archive up to 12; only then begins the restore.

Held against the RTO of disasters that hit what lies there (or that are recovered at the site that holds it) is the
`retrieval` of the store; where the plan gives none, the longest of the standard retrieval, which is an assumption and makes
it an `info`. Instant retrieval is no archive in this sense. Silent where another copy lies elsewhere than in an archive at
the same site. Drills that say that they start a cold site are held against the archives of
that site.

Keep one copy where it can be read at once, or pay for expedited retrieval and drill it.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    look_drills(subject, found);
    let plan = subject.plan;
    for (name, disaster) in &plan.disasters {
        let figures = subject.rto_of(name, disaster);
        let Some(rto) = tightest(&figures) else { continue };
        let Some(allowed) = length::of(rto.figure) else {
            continue;
        };
        let Some((takes, assumed, statements)) = slowest(subject, disaster) else {
            continue;
        };
        if takes < allowed {
            continue;
        }
        let mut draft = Draft::new(
            name,
            format!(
                "a copy is readable after {}, the RTO is {}",
                length::words(takes),
                rto.figure
            ),
        )
        .because(format!(
            "Retrieval takes up to {}; the RTO is {}: {} is left for the restore itself.",
            length::words(takes),
            rto.figure,
            if takes == allowed {
                "nothing".to_owned()
            } else {
                "less than nothing".to_owned()
            }
        ))
        .advice("keep one copy where it can be read at once, or pay for expedited retrieval and drill it")
        .shows(subject.placed(rto))
        .shows_all(statements);
        if assumed {
            draft = draft.assumes(format!(
                "standard retrieval, up to {}: the plan does not say which is paid for",
                length::words(takes)
            ));
        }
        found.push(draft);
    }
}

/// Drills that start a cold site whose data lie in an archive.
fn look_drills(subject: &Subject<'_>, found: &mut Findings) {
    let cold: Vec<_> = cold_parts(subject)
        .filter_map(|(name, site, part_name, part)| Some((name, site, part_name, part, retrieval(&part.what)?)))
        .collect();
    let Some((name, site, part_name, part, takes)) = cold.into_iter().max_by_key(|(_, _, _, _, takes)| *takes) else {
        return;
    };
    for (index, duty) in subject.plan.drills.iter().enumerate() {
        let figures = listed(
            &Place::of("drills").then(index).then("rto"),
            &duty.rto,
            &format!("RTO of {}", duty.what),
        );
        let Some(rto) = tightest(&figures) else { continue };
        let Some(allowed) = length::of(rto.figure).filter(|_| starts_cold(duty)) else {
            continue;
        };
        if takes < allowed {
            continue;
        }
        found.push(
            Draft::new(
                &duty.what,
                format!(
                    "{part_name} of {name} is readable after {}, the RTO is {}",
                    length::words(takes),
                    rto.figure
                ),
            )
            .because(format!(
                "{} - {} = {} too late before the restore begins.",
                length::words(takes),
                length::words(allowed),
                length::words(takes - allowed)
            ))
            .advice("keep one copy where it can be read at once, or pay for expedited retrieval and drill it")
            .assumes(format!(
                "standard retrieval, up to {}: the plan does not say which is paid for",
                length::words(takes)
            ))
            .shows(subject.placed(rto))
            .shows(subject.statement(
                Place::of("sites").then(name).then("parts").then(part_name).then("what"),
                format!("{part_name} at {name}: {}", part.what),
                &site.place,
            )),
        );
    }
}

/// What stands at sites that are started cold: name of the site, site, name of the part, part.
pub(super) fn cold_parts<'a>(
    subject: &'a Subject<'_>,
) -> impl Iterator<Item = (&'a String, &'a Site, &'a String, &'a SitePart)> {
    let sites = subject.plan.sites.iter();
    sites
        .filter(|(_, site)| words::has_word(&site.role, "cold"))
        .flat_map(|(name, site)| {
            site.parts
                .iter()
                .map(move |(part_name, part)| (name, site, part_name, part))
        })
}

/// Whether a drill says that it starts a cold site.
pub(super) fn starts_cold(duty: &DrillDuty) -> bool {
    let cold = |text: &str| words::has_word(text, "cold");
    cold(&duty.what) || duty.objective.as_deref().is_some_and(cold) || duty.timeline.iter().any(|step| cold(&step.what))
}

/// The retrieval that the disaster waits for: of backups that lie in archives only, or of the archive at its site.
fn slowest(subject: &Subject<'_>, disaster: &Disaster) -> Option<(Nanos, bool, Vec<Statement>)> {
    let plan = subject.plan;
    let mut slowest: Option<(Nanos, bool, Vec<Statement>)> = None;
    let mut keep = |takes: Nanos, assumed: bool, statements: Vec<Statement>| {
        if slowest.as_ref().is_none_or(|(known, _, _)| takes > *known) {
            slowest = Some((takes, assumed, statements));
        }
    };
    let hits: BTreeSet<&str> = disaster.hits.iter().map(String::as_str).collect();
    for hit in &hits {
        let mut fastest: Option<(Nanos, bool, Vec<Statement>)> = None;
        for (policy_name, policy) in subject.backups_of(hit) {
            for (index, place) in policy.places.iter().enumerate() {
                let store = plan.stores.get(place);
                let class = store.and_then(|store| store.class.as_deref()).unwrap_or("");
                let class = &format!("{place} {class}");
                let stated = store.and_then(|store| store.retrieval.as_ref()).and_then(length::of);
                let takes = stated.or_else(|| retrieval(class)).unwrap_or(0);
                let at = Place::of("backups").then(policy_name).then("places").then(index);
                let statements = vec![subject.statement(at, format!("{hit} is kept at {place}"), &policy.place)];
                if fastest.as_ref().is_none_or(|(known, _, _)| takes < *known) {
                    fastest = Some((takes, stated.is_none(), statements));
                }
            }
        }
        if let Some((takes, assumed, statements)) = fastest.filter(|(takes, _, _)| *takes > 0) {
            keep(takes, assumed, statements);
        }
    }
    if let Some((site_name, site)) = disaster
        .recovery_site
        .as_ref()
        .and_then(|site| plan.sites.get_key_value(site))
    {
        for (part_name, part) in &site.parts {
            let concerned = part
                .component
                .as_deref()
                .is_none_or(|component| hits.contains(component));
            if let Some(takes) = retrieval(&part.what).filter(|_| concerned) {
                let at = Place::of("sites")
                    .then(site_name)
                    .then("parts")
                    .then(part_name)
                    .then("what");
                let says = format!("{part_name} at {site_name}: {}", part.what);
                keep(takes, true, vec![subject.statement(at, says, &site.place)]);
            }
        }
    }
    slowest
}

/// The longest that a standard retrieval takes; `None` for what is no archive.
fn retrieval(class: &str) -> Option<Nanos> {
    let lower = class.to_lowercase();
    if lower.contains("instant") {
        None
    } else if lower.contains("deep archive") {
        Some(12 * HOUR)
    } else if words::has_word(&lower, "glacier") {
        Some(5 * HOUR)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "archive-outlasts-rto";

    fn plan(store: &str, places: &str) -> String {
        format!(
            "components: {{ f: {{ kind: objects }} }}\n\
             stores: {{ cold: {{ {store} where: s }}, warm: {{ where: s }} }}\n\
             backups: {{ f: {{ of: [f], kind: files, places: [{places}], where: b }} }}\n\
             disasters: {{ out: {{ title: O, automated: manual, hits: [f], rto: [{{ is: 4 h, where: d }}] }} }}"
        )
    }

    #[test]
    fn nothing_can_be_read_in_time() {
        assert_eq!(
            found(
                RULE,
                &plan("class: Glacier archive, retrieval: { is: 12 h, where: s },", "cold")
            ),
            ["error out: a copy is readable after 12 h, the RTO is 4 hours"]
        );
        assert!(found(RULE, &plan("class: Glacier archive,", "cold"))[0].starts_with("info"));
    }

    #[test]
    fn silent_with_a_copy_that_can_be_read_at_once() {
        assert!(found(RULE, &plan("class: Glacier archive,", "cold, warm")).is_empty());
        assert!(found(RULE, &plan("class: Glacier Instant Retrieval,", "cold")).is_empty());
        assert!(
            found(
                RULE,
                &plan("class: Glacier archive, retrieval: { is: 5 min, where: s },", "cold")
            )
            .is_empty()
        );
    }
}
