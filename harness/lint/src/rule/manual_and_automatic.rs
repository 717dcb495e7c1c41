//! The same thing said to be done by itself, and by people.

use std::collections::BTreeMap;

use firedrill_core::document::Place;
use firedrill_core::plan::Automation;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings, Statement};
use crate::severity::Severity;
use crate::subject::Subject;
use crate::words;

pub(crate) static RULE: Rule = Rule {
    name: "manual-and-automatic",
    class: Class::Contradiction,
    severity: Severity::Error,
    title: "The same thing said to be manual and automatic",
    teaches: "\
Where one sentence says that traffic moves by itself and another tells people to move it, nobody knows in the night whether
to wait or to act, and the time for it is in no sum. This rule looks at two things: disasters of the same name that the
plans of a company automate to different degrees, and a site whose failover is automatic by DNS while a step of a disaster
changes DNS by hand.

A step under a condition (`only_if`) is a fallback and no contradiction by itself: a warning.
Silent where both say the same, and where a plan leaves it open.

Say which of the two it is; if automatic with a fallback, say after how long people step in.",
    look: Look::Company(look),
};

fn look(company: &[&Subject<'_>], found: &mut Findings) {
    let mut by_name: BTreeMap<&str, Vec<(&Subject<'_>, Automation)>> = BTreeMap::new();
    for subject in company {
        for (name, disaster) in &subject.plan.disasters {
            if disaster.automated != Automation::Unstated {
                by_name.entry(name).or_default().push((subject, disaster.automated));
            }
        }
        dns(subject, found);
    }
    for (name, said) in by_name {
        let Some((_, first)) = said.first() else { continue };
        if said.iter().all(|(_, other)| other == first) {
            continue;
        }
        let mut words: Vec<&str> = said.iter().map(|(_, automated)| word(*automated)).collect();
        words.dedup();
        found.push(
            Draft::new(
                name,
                format!("recovered {}", words.join(" in one document, and in another ")),
            )
            .because("What is automatic is credited no time for people; what is not needs somebody who knows.")
            .advice("decide which of them it is, and say so in both documents")
            .shows_all(said.iter().map(|(subject, automated)| {
                subject.statement(
                    Place::of("disasters").then(name).then("automated"),
                    format!("{name} is recovered {}", word(*automated)),
                    String::new(),
                )
            })),
        );
    }
}

fn dns(subject: &Subject<'_>, found: &mut Findings) {
    let automatic = subject.plan.sites.iter().find(|(_, site)| {
        site.failover.as_deref().is_some_and(|how| {
            words::has_word(how, "dns") && words::has_any(how, &["automatic", "automatically", "itself"])
        })
    });
    let Some((site_name, site)) = automatic else { return };
    for (name, disaster) in &subject.plan.disasters {
        let mut by_hand: Vec<Statement> = Vec::new();
        let mut conditional = true;
        for (index, step) in disaster.steps.iter().enumerate() {
            let at = Place::of("disasters").then(name).then("steps").then(index);
            let texts = std::iter::once((at.then("what"), step.what.as_str(), step.only_if.is_some())).chain(
                step.actions.iter().enumerate().map(|(action, one)| {
                    let at = at.then("actions").then(action).then("what");
                    (at, one.what.as_str(), one.only_if.is_some() || step.only_if.is_some())
                }),
            );
            for (at, text, condition) in texts {
                let moves = words::has_any(text, &["update", "switch", "change", "point", "repoint"]);
                if words::has_word(text, "dns") && moves {
                    conditional &= condition;
                    by_hand.push(subject.statement(at, format!("step: {text}"), &step.place));
                }
            }
        }
        if by_hand.is_empty() {
            continue;
        }
        let how = site.failover.clone().unwrap_or_default();
        found.push(
            Draft::new(name, format!("DNS moves by itself to {site_name}, and people move it"))
                .because("If it moves by itself the step does nothing; if it does not, its time is in no sum.")
                .advice("say which of the two it is; if people step in when it fails, after how long")
                .weighs(if conditional { Severity::Warn } else { Severity::Error })
                .shows_all(by_hand)
                .shows(subject.statement(
                    Place::of("sites").then(site_name).then("failover"),
                    format!("failover to {site_name}: {how}"),
                    &site.place,
                )),
        );
    }
}

fn word(automated: Automation) -> &'static str {
    match automated {
        Automation::Yes => "automatically",
        Automation::Partial => "in part automatically",
        Automation::Manual => "by people",
        Automation::Unstated => "somehow",
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::{found, found_in, plan};

    const RULE: &str = "manual-and-automatic";

    #[test]
    fn two_documents_that_automate_differently() {
        let one = |how: &str| {
            plan(&format!(
                "company: c\ndisasters: {{ loss: {{ title: L, automated: {how} }} }}"
            ))
        };
        assert_eq!(
            found_in(RULE, &[one("manual"), one("yes")]),
            ["error loss: recovered by people in one document, and in another automatically"]
        );
        assert!(found_in(RULE, &[one("manual"), one("unstated")]).is_empty());
    }

    #[test]
    fn dns_that_moves_by_itself_and_by_hand() {
        let text = |step: &str| {
            format!(
                "sites: {{ b: {{ role: standby, failover: automatic DNS switching, where: s }} }}\n\
                 disasters: {{ loss: {{ title: L, automated: unstated, steps: [{{ what: {step}, where: d }}] }} }}"
            )
        };
        assert_eq!(
            found(RULE, &text("switch DNS to the standby")),
            ["error loss: DNS moves by itself to b, and people move it"]
        );
        assert!(found(RULE, &text("check that DNS resolves")).is_empty());
    }
}
