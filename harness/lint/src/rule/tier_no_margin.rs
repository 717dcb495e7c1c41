//! Tiers whose recovery window ends exactly when they may be down no longer.

use firedrill_core::document::Place;
use firedrill_core::plan::Written;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::{Subject, listed, tightest};
use crate::words;

pub(crate) static RULE: Rule = Rule {
    name: "tier-no-margin",
    class: Class::Arithmetic,
    severity: Severity::Error,
    title: "Tiers recovered when they may be down no longer, or later",
    teaches: "\
A tier has a window in which it is recovered (`recovered_until`) and a maximum downtime. The window counts from the start of
the recovery, the downtime from the moment the tier is away: detection and decision lie between. A window that ends at the
maximum leaves nothing for them (a warning); one that ends later misses it by plan.

Silent where the window ends before the maximum.

End the window earlier, by as long as detection and decision take.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    let mut exact = Vec::new();
    let mut names = Vec::new();
    for (index, tier) in subject.plan.tiers.iter().enumerate() {
        let at = Place::of("tiers").then(index);
        let name = subject.tier_name(index);
        let downtimes = listed(
            &at.then("max_downtime"),
            &tier.max_downtime,
            &format!("maximum downtime of {name}"),
        );
        let (Some(downtime), Some(figure)) = (tightest(&downtimes), &tier.recovered_until) else {
            continue;
        };
        let (Some((written, value)), Some(until)) = (downtime.figure.written(), length::of(figure)) else {
            continue;
        };
        let allowed = length::least(*value);
        let window = subject.figure(&at.then("recovered_until"), figure, &format!("window of {name} ends"));
        if until > allowed || (until == allowed && written == Written::Below) {
            found.push(
                Draft::new(
                    &name,
                    format!(
                        "recovered until {}, and may be down {}",
                        length::words(until),
                        downtime.figure
                    ),
                )
                .because(format!(
                    "{} - {} = {} too late when everything goes as planned.",
                    length::words(until),
                    length::words(allowed),
                    length::words(until - allowed)
                ))
                .advice("end the window earlier, by as long as detection and decision take")
                .shows(subject.placed(downtime))
                .shows(window),
            );
        } else if until == allowed {
            names.push(format!("{name}: {} - {} = 0", downtime.figure, length::words(until)));
            exact.push(subject.placed(downtime));
            exact.push(window);
        }
    }
    if exact.is_empty() {
        return;
    }
    found.push(
        Draft::new(
            "tiers",
            format!(
                "{} of {} tiers are recovered exactly when they may be down no longer",
                names.len(),
                subject.plan.tiers.len()
            ),
        )
        .because(format!(
            "Left for detection and decision: {}.",
            words::row(names.iter().map(String::as_str))
        ))
        .advice("end the windows earlier, by as long as detection and decision take")
        .weighs(Severity::Warn)
        .shows_all(exact),
    );
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "tier-no-margin";

    fn plan(until: &str) -> String {
        format!(
            "tiers: [{{ level: 1, services: [pay], max_downtime: [{{ is: 15 min, where: t }}], \
             recovered_until: {{ is: {until}, where: t }} }}]"
        )
    }

    #[test]
    fn nothing_is_left() {
        assert_eq!(
            found(RULE, &plan("15 min")),
            ["warn tiers: 1 of 1 tiers are recovered exactly when they may be down no longer"]
        );
        assert_eq!(
            found(RULE, &plan("20 min")),
            ["error tier 1: recovered until 20 min, and may be down 15 minutes"]
        );
    }

    #[test]
    fn silent_with_room() {
        assert!(found(RULE, &plan("10 min")).is_empty());
    }
}
