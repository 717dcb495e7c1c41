//! A replica that is as far behind as the RPO allows, or further.

use firedrill_core::document::Place;
use firedrill_core::plan::Written;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::{Subject, listed, tightest};

pub(crate) static RULE: Rule = Rule {
    name: "lag-uses-up-rpo",
    class: Class::Arithmetic,
    severity: Severity::Error,
    title: "A replica as far behind as the RPO allows, or further",
    teaches: "\
Failing over to a replica loses what it has not received: its lag. A lag beyond the RPO of a disaster that is recovered at
that site is a miss by design. A lag equal to it is a warning: nothing is left for a link that was slow before the disaster,
and regions rarely fail without one.

Held against each other are the `replica_lag` of a site and the RPO of every disaster whose `recovery_site` it is (its own,
else the plan's). Silent where the lag is shorter.

Bring the lag well below the RPO and alert on it, or write the RPO that the replica can keep.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    for (name, disaster) in &subject.plan.disasters {
        let Some((site_name, site)) = disaster
            .recovery_site
            .as_ref()
            .and_then(|site| subject.plan.sites.get_key_value(site))
        else {
            continue;
        };
        let Some(lag_figure) = &site.replica_lag else { continue };
        let own = listed(
            &Place::of("disasters").then(name).then("rpo"),
            &disaster.rpo,
            &format!("RPO after {name}"),
        );
        let whole = listed(&Place::of("rpo"), &subject.plan.rpo, "RPO of the plan");
        let figures = if own.is_empty() { whole } else { own };
        let (Some(lag), Some(rpo)) = (length::of(lag_figure), tightest(&figures)) else {
            continue;
        };
        let Some((written, value)) = rpo.figure.written() else {
            continue;
        };
        let allowed = length::least(*value);
        if lag < allowed {
            continue;
        }
        let draft = if lag == allowed && written != Written::Below {
            Draft::new(
                name,
                format!(
                    "the replica at {site_name} is {} behind, exactly the RPO",
                    length::words(lag)
                ),
            )
            .because(format!(
                "{} - {} = 0: any lag beyond the plan's own figure breaks the RPO.",
                rpo.figure,
                length::words(lag)
            ))
            .weighs(Severity::Warn)
        } else {
            Draft::new(
                name,
                format!(
                    "the replica at {site_name} is {} behind, the RPO allows {}",
                    length::words(lag),
                    rpo.figure
                ),
            )
            .because(format!(
                "Failing over loses the lag: {}. Allowed: {}; {} too much.",
                length::words(lag),
                rpo.figure,
                length::words(lag - allowed)
            ))
        };
        found.push(
            draft
                .advice(format!(
                    "bring the lag well below {} and alert on it",
                    length::words(allowed)
                ))
                .shows(subject.placed(rpo))
                .shows(subject.figure(
                    &Place::of("sites").then(site_name).then("replica_lag"),
                    lag_figure,
                    &format!("lag of the replica at {site_name}"),
                ))
                .shows(subject.statement(
                    Place::of("disasters").then(name).then("recovery_site"),
                    format!("{name} is recovered at {site_name}"),
                    String::new(),
                )),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "lag-uses-up-rpo";

    fn plan(lag: &str) -> String {
        format!(
            "sites: {{ b: {{ role: standby, replica_lag: {{ is: {lag}, where: s }}, where: s }} }}\n\
             disasters: {{ out: {{ title: O, automated: manual, recovery_site: b, rpo: [{{ is: 15 min, where: d }}] }} }}"
        )
    }

    #[test]
    fn a_lag_that_leaves_nothing() {
        assert_eq!(
            found(RULE, &plan("15 min")),
            ["warn out: the replica at b is 15 min behind, exactly the RPO"]
        );
        assert!(found(RULE, &plan("1 h"))[0].starts_with("error"));
    }

    #[test]
    fn silent_where_the_lag_fits() {
        assert!(found(RULE, &plan("1 min")).is_empty());
    }
}
