//! A provider said to be the only one, and backups elsewhere.

use firedrill_core::document::Place;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::severity::Severity;
use crate::subject::Subject;

pub(crate) static RULE: Rule = Rule {
    name: "exclusive-provider",
    class: Class::Contradiction,
    severity: Severity::Warn,
    title: "Backups elsewhere than with the provider said to be the only one",
    teaches: "\
`exclusive: true` says that a provider and no other keeps the backups. A backup policy that names a store of another
provider contradicts it: somebody who believes the first statement does not look there, does not pay for it, or deletes it.
Plans of one company are held against each other.

Silent where every store belongs to that provider, or where no provider is exclusive.

Take the word back, or move the backups.",
    look: Look::Company(look),
};

fn look(company: &[&Subject<'_>], found: &mut Findings) {
    let exclusive = company.iter().find_map(|subject| {
        let (name, provider) = subject.plan.providers.iter().find(|(_, provider)| provider.exclusive)?;
        Some((*subject, name, provider))
    });
    let Some((owner, name, provider)) = exclusive else {
        return;
    };
    let title = provider.title.as_deref().unwrap_or(name);
    for subject in company {
        let mut elsewhere = Vec::new();
        for (policy_name, policy) in &subject.plan.backups {
            for (index, place) in policy.places.iter().enumerate() {
                let Some(store) = subject.plan.stores.get(place) else {
                    continue;
                };
                let Some(other) = &store.provider else { continue };
                if other != name {
                    elsewhere.push(subject.statement(
                        Place::of("backups").then(policy_name).then("places").then(index),
                        format!("backup {policy_name} is kept at {place} ({other})"),
                        &policy.place,
                    ));
                }
            }
        }
        if elsewhere.is_empty() {
            continue;
        }
        found.push(
            Draft::new(
                &subject.plan.plan,
                format!(
                    "{title} is said to be the only one, and {} elsewhere",
                    counted(elsewhere.len())
                ),
            )
            .because("Both cannot be so: either the copies are not there, or the provider is not the only one.")
            .advice("list the providers that really keep backups, or move the copies")
            .shows_all(elsewhere)
            .shows(owner.statement(
                Place::of("providers").then(name).then("exclusive"),
                format!("{title} and no other"),
                &provider.place,
            )),
        );
    }
}

fn counted(copies: usize) -> String {
    if copies == 1 {
        "1 copy is".to_owned()
    } else {
        format!("{copies} copies are")
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "exclusive-provider";

    fn plan(other: &str) -> String {
        format!(
            "components: {{ f: {{ kind: objects }} }}\n\
             providers: {{ a: {{ exclusive: true, where: p }}, b: {{ where: p }} }}\n\
             stores: {{ s: {{ provider: a, where: s }}, t: {{ provider: {other}, where: s }} }}\n\
             backups: {{ f: {{ of: [f], kind: files, places: [s, t], where: b }} }}"
        )
    }

    #[test]
    fn a_copy_elsewhere() {
        assert_eq!(
            found(RULE, &plan("b")),
            ["warn a-plan: a is said to be the only one, and 1 copy is elsewhere"]
        );
    }

    #[test]
    fn silent_where_it_is_the_only_one() {
        assert!(found(RULE, &plan("a")).is_empty());
    }
}
