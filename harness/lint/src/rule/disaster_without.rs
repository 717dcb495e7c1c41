//! Disasters without a target, a procedure or a drill.

use std::collections::BTreeSet;

use firedrill_core::document::Place;
use firedrill_core::plan::{ComponentKind, Disaster};

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::severity::Severity;
use crate::subject::Subject;
use crate::words;

pub(crate) static TARGET: Rule = Rule {
    name: "disaster-without-target",
    class: Class::Coverage,
    severity: Severity::Warn,
    title: "Disasters without a recovery time",
    teaches: "\
A disaster without an RTO cannot be recovered too late, so nobody prepares to be in time. An RTO is looked for at the disaster,
at what it hits, at the tiers of what it hits, and at the plan as a whole; a disaster that none of them covers is listed.

Silent where every disaster is covered.

Give it an RTO, or give one to what it hits.",
    look: Look::Plan(look_target),
};

pub(crate) static PROCEDURE: Rule = Rule {
    name: "disaster-without-procedure",
    class: Class::Coverage,
    severity: Severity::Warn,
    title: "Disasters without a procedure",
    teaches: "\
A risk that is listed and has no steps is recovered by whoever is awake. Listed are disasters with neither steps nor procedures
of their own. One that hits nothing but external services is covered where other disasters with steps cover each of them.

Silent where every disaster has steps.

Write the steps, or say that the company accepts the risk.",
    look: Look::Plan(look_procedure),
};

pub(crate) static DRILL: Rule = Rule {
    name: "disaster-without-drill",
    class: Class::Coverage,
    severity: Severity::Warn,
    title: "Disasters that no drill rehearses",
    teaches: "\
An untested procedure is a guess. Listed are disasters with steps that no drill names in `rehearses`. A drill that names no
disaster (a full simulation, a GameDay) may rehearse them: where the plan has one, the finding assumes that it does not, and is
an `info`.

Silent where each disaster with steps is rehearsed, and in plans without drills (see `drill-without-day`).

Name the disasters in the drills, and add drills for the others.",
    look: Look::Plan(look_drill),
};

fn list(
    subject: &Subject<'_>,
    found: &mut Findings,
    names: &[&str],
    what: &str,
    because: &str,
    advice: &str,
    wide: &[String],
) {
    if names.is_empty() {
        return;
    }
    let all = subject.plan.disasters.len();
    let mut draft = Draft::new(
        &subject.plan.plan,
        format!(
            "{} of {all} disasters {what}: {}",
            names.len(),
            words::row(names.iter().copied())
        ),
    )
    .because(because)
    .advice(advice)
    .shows_all(names.iter().map(|name| subject.disaster(name)));
    if !wide.is_empty() {
        draft = draft.assumes(format!(
            "{} rehearses none of them",
            words::row(wide.iter().map(String::as_str))
        ));
    }
    found.push(draft);
}

fn look_target(subject: &Subject<'_>, found: &mut Findings) {
    let without: Vec<&str> = subject
        .plan
        .disasters
        .iter()
        .filter(|(name, disaster)| subject.rto_of(name, disaster).is_empty())
        .map(|(name, _)| name.as_str())
        .collect();
    list(
        subject,
        found,
        &without,
        "without a recovery time",
        "Neither they, nor what they hit, nor the plan as a whole has an RTO.",
        "give them an RTO, or give one to what they hit",
        &[],
    );
}

fn look_procedure(subject: &Subject<'_>, found: &mut Findings) {
    let covered: BTreeSet<&str> = subject
        .plan
        .disasters
        .values()
        .filter(|disaster| has_steps(disaster) && disaster.hits.len() == 1)
        .map(|disaster| disaster.hits[0].as_str())
        .collect();
    let external = |name: &String| {
        subject
            .plan
            .components
            .get(name)
            .is_some_and(|component| component.kind == ComponentKind::External)
    };
    let without: Vec<&str> = subject
        .plan
        .disasters
        .iter()
        .filter(|(_, disaster)| !has_steps(disaster))
        .filter(|(_, disaster)| {
            let elsewhere = disaster
                .hits
                .iter()
                .all(|hit| external(hit) && covered.contains(hit.as_str()));
            disaster.hits.is_empty() || !elsewhere
        })
        .map(|(name, _)| name.as_str())
        .collect();
    list(
        subject,
        found,
        &without,
        "without a procedure",
        "They have neither steps nor procedures: whoever is awake makes them up.",
        "write the steps, or say that the company accepts the risk",
        &[],
    );
}

fn look_drill(subject: &Subject<'_>, found: &mut Findings) {
    let plan = subject.plan;
    if plan.drills.is_empty() {
        return;
    }
    let rehearsed: BTreeSet<&str> = plan
        .drills
        .iter()
        .flat_map(|duty| duty.rehearses.iter().map(String::as_str))
        .collect();
    let without: Vec<&str> = plan
        .disasters
        .iter()
        .filter(|(name, disaster)| has_steps(disaster) && !rehearsed.contains(name.as_str()))
        .map(|(name, _)| name.as_str())
        .collect();
    let wide: BTreeSet<String> = plan
        .drills
        .iter()
        .filter(|duty| duty.rehearses.is_empty())
        .filter(|duty| {
            words::has_any(
                &duty.what,
                &[
                    "full",
                    "complete",
                    "simulation",
                    "exercise",
                    "gameday",
                    "continuity",
                    "procedures",
                    "dr",
                ],
            )
        })
        .map(|duty| duty.what.clone())
        .collect();
    let wide: Vec<String> = wide.into_iter().collect();
    list(
        subject,
        found,
        &without,
        "that no drill names",
        "They have steps, and no drill says that it rehearses them.",
        "name the disasters in the drills, and add drills for the others",
        &wide,
    );
}

fn has_steps(disaster: &Disaster) -> bool {
    !disaster.steps.is_empty() || !disaster.procedures.is_empty()
}

pub(crate) static OWNER: Rule = Rule {
    name: "nobody-decides",
    class: Class::Coverage,
    severity: Severity::Warn,
    title: "Nobody is named who decides",
    teaches: "\
Somebody must say \"we fail over\" and answer for it. A plan that lists contacts and no commander is decided by whoever feels
able to, or by nobody.

Silent where one of the disasters names its owner, where a role (or a duty of a role) is about command or decisions, or where
the plan says who gives orders to whom (`sender`, escalation) with the word commander.

Name one role that decides, and its deputy.",
    look: Look::Plan(look_owner),
};

fn look_owner(subject: &Subject<'_>, found: &mut Findings) {
    let plan = subject.plan;
    let commands = |text: &str| words::has_any(text, &["commander", "command", "decisions", "decision", "decides"]);
    let named = plan.disasters.values().any(|disaster| disaster.owner.is_some())
        || plan
            .roles
            .iter()
            .any(|role| commands(&role.role) || role.duties.iter().any(|duty| commands(duty)))
        || plan.escalation.iter().any(|level| commands(&level.who))
        || plan.communication.iter().any(|one| {
            one.sender.as_deref().is_some_and(commands)
                || one.by.iter().any(|by| commands(by))
                || commands(&one.audience)
        })
        || plan.contacts.iter().any(|contact| commands(&contact.role));
    // A plan that lists nobody at all is another matter: there is no statement to point at.
    if named || (plan.roles.is_empty() && plan.contacts.is_empty()) {
        return;
    }
    let statements: Vec<_> = plan
        .roles
        .iter()
        .enumerate()
        .map(|(index, role)| {
            let at = Place::of("roles").then(index).then("role");
            subject.statement(at, format!("role: {}", role.role), &role.place)
        })
        .chain(
            plan.contacts
                .iter()
                .enumerate()
                .filter(|_| plan.roles.is_empty())
                .map(|(index, contact)| {
                    let at = Place::of("contacts").then(index).then("role");
                    subject.statement(at, format!("contact: {}", contact.role), &contact.place)
                }),
        )
        .collect();
    found.push(
        Draft::new(&plan.plan, "names people and nobody who decides")
            .because(format!(
                "Roles named: {}; roles that command or decide: 0; disasters with an owner: 0.",
                statements.len()
            ))
            .advice("name one role that decides, and its deputy")
            .shows_all(statements),
    );
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    #[test]
    fn without_a_time() {
        let rule = "disaster-without-target";
        assert_eq!(
            found(rule, "disasters: { a: { title: A, automated: manual } }"),
            ["warn a-plan: 1 of 1 disasters without a recovery time: a"]
        );
        assert!(found(rule, "rto: [{ is: 1 h, where: t }]").is_empty());
        let tier = "components: { c: { kind: service } }\n\
                    tiers: [{ level: 1, services: [c], components: [c], rto: [{ is: 1 h, where: t }] }]\n\
                    disasters: { a: { title: A, automated: manual, hits: [c] } }";
        assert!(found(rule, tier).is_empty());
    }

    #[test]
    fn without_steps() {
        let rule = "disaster-without-procedure";
        assert_eq!(
            found(rule, "disasters: { a: { title: A, automated: manual } }"),
            ["warn a-plan: 1 of 1 disasters without a procedure: a"]
        );
        let covered = "components: { x: { kind: external } }\n\
                       disasters: { any: { title: A, automated: manual, hits: [x] }, \
                       one: { title: B, automated: manual, hits: [x], steps: [{ what: act, where: s }] } }";
        assert!(found(rule, covered).is_empty());
    }

    #[test]
    fn without_a_drill() {
        let rule = "disaster-without-drill";
        let text = |drill: &str| {
            format!(
                "drills: [{{ {drill} where: d }}]\ndisasters: {{ a: {{ title: A, automated: manual, \
                 steps: [{{ what: act, where: s }}] }} }}"
            )
        };
        assert_eq!(
            found(rule, &text("what: check of the list,")),
            ["warn a-plan: 1 of 1 disasters that no drill names: a"]
        );
        assert!(found(rule, &text("what: full simulation,"))[0].starts_with("info"));
        assert!(found(rule, &text("what: test, rehearses: [a],")).is_empty());
    }

    #[test]
    fn nobody_in_charge() {
        let rule = "nobody-decides";
        assert_eq!(
            found(rule, "roles: [{ role: database admin, where: r }]"),
            ["warn a-plan: names people and nobody who decides"]
        );
        assert!(found(rule, "roles: [{ role: Incident commander, where: r }]").is_empty());
        assert!(found(rule, "").is_empty());
    }
}
