//! A disaster or component whose target is looser than what the plan promises for everything.

use firedrill_core::document::Place;
use firedrill_core::plan::Written;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::{Placed, Subject, listed, tightest};

pub(crate) static RULE: Rule = Rule {
    name: "target-beyond-the-whole",
    class: Class::Contradiction,
    severity: Severity::Error,
    title: "A target looser than what the plan promises for everything",
    teaches: "\
An RTO or RPO of the whole plan holds for every disaster and every component. One of them with a looser figure of its own
contradicts it: a recovery can meet its own target and miss the plan's. Across the plans of one company the promise of one
document binds the other.

A figure as long as the whole's is a contradiction only where the whole says `<`: then exactly that length is not allowed,
and it is a warning. Tighter figures are fine; that is what they are for.

Tighten the part, or say in the whole which parts it does not cover.",
    look: Look::Company(look),
};

fn look(company: &[&Subject<'_>], found: &mut Findings) {
    for (word, key) in [("RTO", "rto"), ("RPO", "rpo")] {
        let whole: Vec<(usize, Placed<'_, _>)> = company
            .iter()
            .enumerate()
            .filter_map(|(order, subject)| {
                let figures = if key == "rto" {
                    &subject.plan.rto
                } else {
                    &subject.plan.rpo
                };
                let figures = listed(&Place::of(key), figures, &format!("{word} of the plan"));
                tightest(&figures).cloned().map(|placed| (order, placed))
            })
            .collect();
        let Some((order, whole)) = whole.into_iter().min_by_key(|(_, placed)| length::of(placed.figure)) else {
            continue;
        };
        for subject in company {
            let plan = subject.plan;
            for (name, component) in &plan.components {
                let figures = if key == "rto" { &component.rto } else { &component.rpo };
                let at = Place::of("components").then(name).then(key);
                compare(
                    company,
                    order,
                    &whole,
                    subject,
                    name,
                    &listed(&at, figures, &format!("{word} of {name}")),
                    found,
                );
            }
            for (name, disaster) in &plan.disasters {
                let figures = if key == "rto" { &disaster.rto } else { &disaster.rpo };
                let at = Place::of("disasters").then(name).then(key);
                let of = format!("{word} after {name}");
                compare(company, order, &whole, subject, name, &listed(&at, figures, &of), found);
            }
        }
    }
}

fn compare(
    company: &[&Subject<'_>],
    order: usize,
    whole: &Placed<'_, firedrill_core::plan::Duration>,
    subject: &Subject<'_>,
    name: &str,
    figures: &[Placed<'_, firedrill_core::plan::Duration>],
    found: &mut Findings,
) {
    let (Some(part), Some((written, value))) = (tightest(figures), whole.figure.written()) else {
        return;
    };
    let (Some(length), allowed) = (length::of(part.figure), length::least(*value)) else {
        return;
    };
    let part_is_strict = matches!(part.figure.written(), Some((Written::Below, _)));
    let same = length == allowed;
    if length < allowed || (same && (written != Written::Below || part_is_strict)) {
        return;
    }
    let draft = if same {
        Draft::new(
            name,
            format!("{} where the whole promises {}", part.figure, whole.figure),
        )
        .because(format!(
            "{}: {}. {}: {}. Exactly {} meets the part and misses the whole.",
            part.of,
            part.figure,
            whole.of,
            whole.figure,
            length::words(length)
        ))
        .weighs(Severity::Warn)
    } else {
        Draft::new(
            name,
            format!("{} where the whole promises {}", part.figure, whole.figure),
        )
        .because(format!(
            "{}: {}. {}: {}. {} - {} = {} beyond the promise.",
            part.of,
            part.figure,
            whole.of,
            whole.figure,
            length::words(length),
            length::words(allowed),
            length::words(length - allowed)
        ))
    };
    found.push(
        draft
            .advice(format!(
                "tighten {name}, or say that the figure of the whole does not cover it"
            ))
            .shows(subject.placed(part))
            .shows(company[order].placed(whole)),
    );
}

#[cfg(test)]
mod tests {
    use crate::fixture::{found, found_in, plan};

    const RULE: &str = "target-beyond-the-whole";

    #[test]
    fn a_part_looser_than_the_whole() {
        let text =
            "rpo: [{ is: 1 h, where: a }]\ncomponents: { conf: { kind: artefact, rpo: [{ is: 24 h, where: b }] } }";
        assert_eq!(
            found(RULE, text),
            ["error conf: 24 hours where the whole promises 1 hour"]
        );
    }

    #[test]
    fn exactly_the_same_is_too_much_where_the_whole_says_below() {
        let text = |whole: &str| {
            format!(
                "rto: [{{ {whole}: 4 h, where: a }}]\n\
                 disasters: {{ loss: {{ title: L, automated: manual, rto: [{{ is: 4 h, where: b }}] }} }}"
            )
        };
        assert_eq!(
            found(RULE, &text("below")),
            ["warn loss: 4 hours where the whole promises < 4 hours"]
        );
        assert!(found(RULE, &text("is")).is_empty());
    }

    #[test]
    fn one_document_binds_the_other() {
        let one = plan("company: c\nrpo: [{ is: 15 min, where: a }]");
        let other =
            plan("company: c\ndisasters: { loss: { title: L, automated: manual, rpo: [{ is: 30 min, where: b }] } }");
        assert_eq!(found_in(RULE, &[one, other]).len(), 1);
    }

    #[test]
    fn tighter_parts_are_fine() {
        let text =
            "rpo: [{ is: 1 h, where: a }]\ncomponents: { db: { kind: database, rpo: [{ is: 15 min, where: b }] } }";
        assert!(found(RULE, text).is_empty());
    }
}
