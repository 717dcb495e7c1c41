//! One telephone number for two positions, or two numbers for one.

use std::collections::BTreeMap;

use firedrill_core::document::Place;
use firedrill_core::plan::Contact;

use super::{Class, Look, Rule};
use crate::finding::{Draft, Findings};
use crate::severity::Severity;
use crate::subject::Subject;

pub(crate) static RULE: Rule = Rule {
    name: "telephone",
    class: Class::Contradiction,
    severity: Severity::Warn,
    title: "One telephone number for two positions, or two numbers for one",
    teaches: "\
In the night somebody dials a number from a list. If two lists of one plan give the same number to two positions, one of the
calls reaches the wrong person; if they give two numbers to one position, one of them is out of date. A contact says which
role it is for and who holds it (`holder`); a role without a holder takes it from the incident team (`roles`).

The same person in two roles has one number: where the holder is the same, this rule is silent. Plans of one company are
compared; numbers are kept by their last digits only.

Keep one list of contacts, and name positions, not roles, beside the numbers.",
    look: Look::Company(look),
};

fn look(company: &[&Subject<'_>], found: &mut Findings) {
    let mut by_number: BTreeMap<&str, Vec<(&Subject<'_>, usize, &Contact, String)>> = BTreeMap::new();
    let mut by_position: BTreeMap<String, Vec<(&Subject<'_>, usize, &Contact, &str)>> = BTreeMap::new();
    for subject in company {
        let holders: BTreeMap<String, &str> = subject
            .plan
            .roles
            .iter()
            .filter_map(|role| Some((role.role.to_lowercase(), role.primary.as_deref()?)))
            .collect();
        for (index, contact) in subject.plan.contacts.iter().enumerate() {
            let Some(number) = contact.telephone_ends.as_deref() else {
                continue;
            };
            let role = contact.role.to_lowercase();
            let position = contact
                .holder
                .as_deref()
                .or_else(|| holders.get(&role).copied())
                .unwrap_or(&contact.role)
                .to_lowercase();
            by_number
                .entry(number)
                .or_default()
                .push((subject, index, contact, position.clone()));
            by_position
                .entry(position)
                .or_default()
                .push((subject, index, contact, number));
        }
    }
    for (number, all) in &by_number {
        let mut positions: Vec<&str> = all.iter().map(|(_, _, _, position)| position.as_str()).collect();
        positions.sort_unstable();
        positions.dedup();
        if positions.len() > 1 {
            found.push(
                Draft::new(
                    format!("number ending in {number}"),
                    format!("belongs to {}", crate::words::row(positions)),
                )
                .because("Whoever is called by this number, it is the wrong one for at least one of them.")
                .advice("find out whose number it is, and keep one list of contacts")
                .shows_all(all.iter().map(|(subject, index, contact, position)| {
                    said(
                        subject,
                        *index,
                        contact,
                        &format!("{} ({position}): number ending in {number}", contact.role),
                    )
                })),
            );
        }
    }
    for (position, all) in &by_position {
        let mut numbers: Vec<&str> = all.iter().map(|(_, _, _, number)| *number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.len() > 1 {
            found.push(
                Draft::new(
                    position,
                    format!("has the numbers ending in {}", crate::words::row(numbers)),
                )
                .because("One of them may be out of date, and nobody can tell which.")
                .advice("find out which number is right, and keep one list of contacts")
                .shows_all(all.iter().map(|(subject, index, contact, number)| {
                    said(
                        subject,
                        *index,
                        contact,
                        &format!("{}: number ending in {number}", contact.role),
                    )
                })),
            );
        }
    }
}

fn said(subject: &Subject<'_>, index: usize, contact: &Contact, says: &str) -> crate::finding::Statement {
    let at = Place::of("contacts").then(index).then("telephone_ends");
    subject.statement(at, says, &contact.place)
}

#[cfg(test)]
mod tests {
    use crate::fixture::found;

    const RULE: &str = "telephone";

    fn plan(contacts: &str) -> String {
        format!("roles: [{{ role: owner, primary: Product Manager, where: r }}]\ncontacts: [{contacts}]")
    }

    #[test]
    fn one_number_for_two_positions() {
        let contacts = "{ role: commander, holder: CTO, telephone_ends: '03', where: a }, \
                        { role: Owner, telephone_ends: '03', where: b }";
        assert_eq!(
            found(RULE, &plan(contacts)),
            ["warn number ending in 03: belongs to cto and product manager"]
        );
    }

    #[test]
    fn two_numbers_for_one_position() {
        let contacts = "{ role: lead, telephone_ends: '01', where: a }, { role: Lead, telephone_ends: '02', where: b }";
        assert_eq!(
            found(RULE, &plan(contacts)),
            ["warn lead: has the numbers ending in 01 and 02"]
        );
    }

    #[test]
    fn the_same_person_in_two_roles_is_fine() {
        let contacts = "{ role: commander, holder: lead, telephone_ends: '01', where: a }, \
                        { role: lead, telephone_ends: '01', where: b }";
        assert!(found(RULE, &plan(contacts)).is_empty());
    }
}
