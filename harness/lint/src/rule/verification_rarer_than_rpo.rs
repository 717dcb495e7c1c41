//! Backups that are verified more rarely than the RPO needs.

use firedrill_core::document::Place;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::length;
use crate::severity::Severity;
use crate::subject::{Subject, tightest};

pub(crate) static RULE: Rule = Rule {
    name: "verification-rarer-than-rpo",
    class: Class::Arithmetic,
    severity: Severity::Info,
    title: "Backups verified more rarely than the RPO needs",
    teaches: "\
A recovery that takes the newest *verified* backup loses everything since that one was made. If backups are verified once a
day, the newest verified one is up to a day old, whatever the cadence: an RPO of 15 minutes then holds only as long as the
newest, unverified backup happens to be good.

This is an `info`: it needs the assumption that the recovery insists on a verified backup, as it should when corruption is
suspected. Silent where the verification is at least as frequent as the RPO.

Verify each backup when it is made (the tool reads back what it wrote), and restore one now and then.",
    look: Look::Plan(look),
};

fn look(subject: &Subject<'_>, found: &mut Findings) {
    for (name, policy) in &subject.plan.backups {
        let Some(figure) = &policy.verified_every else { continue };
        let Some(every) = length::of(figure) else { continue };
        for of in &policy.of {
            let Some(component) = subject.plan.components.get(of) else {
                continue;
            };
            let figures = subject.rpo_of(of, component);
            let Some(rpo) = tightest(&figures) else { continue };
            let Some(allowed) = rpo.figure.value().map(|value| length::least(*value)) else {
                continue;
            };
            if every <= allowed {
                continue;
            }
            found.push(
                Draft::new(
                    of,
                    format!(
                        "the newest verified backup is up to {} old, the RPO is {}",
                        length::words(every),
                        rpo.figure
                    ),
                )
                .because(format!(
                    "Verified every {}; {} - {} = {} that the RPO does not allow.",
                    length::words(every),
                    length::words(every),
                    length::words(allowed),
                    length::words(every - allowed)
                ))
                .advice("verify each backup when it is made")
                .assumes("the recovery takes the newest backup that is known to be good")
                .shows(subject.placed(rpo))
                .shows(subject.figure(
                    &Place::of("backups").then(name).then("verified_every"),
                    figure,
                    &format!("backup {name}, verified every"),
                )),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "verification-rarer-than-rpo";

    fn plan(verified: &str) -> String {
        format!(
            "components: {{ db: {{ kind: database, rpo: [{{ is: 1 h, where: t }}] }} }}\n\
             backups: {{ d: {{ of: [db], kind: dump, verified_every: {{ is: {verified}, where: v }}, where: b }} }}"
        )
    }

    #[test]
    fn the_newest_good_backup_is_too_old() {
        assert_eq!(
            found(RULE, &plan("24 h")),
            ["info db: the newest verified backup is up to 1 d old, the RPO is 1 hour"]
        );
    }

    #[test]
    fn silent_where_each_hour_is_verified() {
        assert!(found(RULE, &plan("1 h")).is_empty());
    }
}
