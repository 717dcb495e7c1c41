//! Roles that one person holds, and contacts that are blank.

use firedrill_core::document::Place;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::severity::Severity;
use crate::subject::Subject;
use crate::words;

pub(crate) static DEPUTY: Rule = Rule {
    name: "role-without-deputy",
    class: Class::Coverage,
    severity: Severity::Warn,
    title: "Roles that one person holds",
    teaches: "\
People sleep, travel and leave. A role of the incident team with one name and no deputy is empty a third of the time.

Listed are roles with a `primary` and no `backup`. Silent where each has both, and for roles of which the plan names nobody.

Name a deputy, and let deputies take part in drills.",
    look: Look::Plan(look_deputy),
};

pub(crate) static BLANK: Rule = Rule {
    name: "contact-blank",
    class: Class::Coverage,
    severity: Severity::Error,
    title: "Contacts that are left blank",
    teaches: "\
A list of contacts with a place for the number and nothing in it is found out in the night. Listed are contacts marked `blank`:
the document has the place and not the number.
Silent where every contact has its number or address.

Fill them in, and let somebody call each number twice a year.",
    look: Look::Plan(look_blank),
};

fn look_deputy(subject: &Subject<'_>, found: &mut Findings) {
    let alone: Vec<_> = subject
        .plan
        .roles
        .iter()
        .enumerate()
        .filter(|(_, role)| role.primary.is_some() && role.backup.is_none())
        .collect();
    if alone.is_empty() {
        return;
    }
    let names = words::row(alone.iter().map(|(_, role)| role.role.as_str()));
    found.push(
        Draft::new(
            &subject.plan.plan,
            format!(
                "{} of {} roles have no deputy: {names}",
                alone.len(),
                subject.plan.roles.len()
            ),
        )
        .because("Who is asleep, on a journey or gone has nobody to stand in.")
        .advice("name a deputy for each, and let deputies take part in drills")
        .shows_all(alone.iter().map(|(index, role)| {
            let at = Place::of("roles").then(index).then("primary");
            let says = format!("{}: {} alone", role.role, role.primary.as_deref().unwrap_or("nobody"));
            subject.statement(at, says, &role.place)
        })),
    );
}

fn look_blank(subject: &Subject<'_>, found: &mut Findings) {
    let blank: Vec<_> = subject
        .plan
        .contacts
        .iter()
        .enumerate()
        .filter(|(_, contact)| contact.blank)
        .collect();
    if blank.is_empty() {
        return;
    }
    let names = words::row(blank.iter().map(|(_, contact)| contact.role.as_str()));
    found.push(
        Draft::new(
            &subject.plan.plan,
            format!(
                "{} of {} contacts are blank: {names}",
                blank.len(),
                subject.plan.contacts.len()
            ),
        )
        .because("The document has a place for them and nothing in it: nobody can be called.")
        .advice("fill them in, and let somebody call each number twice a year")
        .shows_all(blank.iter().map(|(index, contact)| {
            let at = Place::of("contacts").then(index).then("role");
            subject.statement(at, format!("{}: blank", contact.role), &contact.place)
        })),
    );
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    #[test]
    fn a_role_that_one_person_holds() {
        let rule = "role-without-deputy";
        assert_eq!(
            found(rule, "roles: [{ role: lead, primary: a developer, where: r }]"),
            ["warn a-plan: 1 of 1 roles have no deputy: lead"]
        );
        assert!(
            found(
                rule,
                "roles: [{ role: lead, primary: a, backup: b, where: r }, { role: other, where: r }]"
            )
            .is_empty()
        );
    }

    #[test]
    fn a_contact_without_a_number() {
        let rule = "contact-blank";
        assert_eq!(
            found(
                rule,
                "contacts: [{ role: lead, blank: true, where: c }, { role: other, where: c }]"
            ),
            ["error a-plan: 1 of 2 contacts are blank: lead"]
        );
        assert!(found(rule, "contacts: [{ role: other, where: c }]").is_empty());
    }
}
