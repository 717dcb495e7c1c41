//! What makes a restore aside unsound: a copy that would take a server's place, or that nobody reads.
//!
//! The one idea: data restored aside takes over from nothing, and no event tells of a life of it. Were an application
//! pointed at it, what it acknowledges would be judged as if nothing had been restored.

use crate::document::Mistake;
use crate::scenario::{Action, Service, Step};

use super::drill::Drill;

pub(super) fn mistakes(drill: &Drill, found: &mut Vec<Mistake>) {
    let steps = &drill.scenario.procedure.steps;
    let at = drill.at("procedure").then("steps");
    for (index, step) in steps.iter().enumerate() {
        let at = at.then(index).then("do");
        match &step.action {
            Action::Restore { into, aside: true, .. } => {
                let at = at.then("restore");
                if let Some(Service::Postgres(held)) = drill.scenario.services.get(into)
                    && !held.empty
                {
                    found.push(Mistake::new(
                        at.then("into"),
                        format!("`{into}` has a server of its own, whose place the copy would take"),
                        "not a bare host",
                        "restore aside into a Postgres service with `empty: true`",
                    ));
                }
                if steps.iter().any(|other| serves_from(other, into)) {
                    found.push(Mistake::new(
                        at.then("into"),
                        format!("another step restores `{into}` to serve"),
                        "both aside and to serve",
                        "give the copy a Postgres service of its own, with `empty: true`",
                    ));
                }
                if !read_after(drill, index) {
                    found.push(Mistake::new(
                        at.then("aside"),
                        format!(
                            "no command comes after `{}`, so nobody reads the copy on `{into}`",
                            step.name
                        ),
                        "read by nobody",
                        "add a step `run: { command: [...] }` after it, or restore to serve: leave `aside` out",
                    ));
                }
            }
            Action::Repoint { database, .. }
                if is_copy(steps, database) && !steps.iter().any(|other| serves_from(other, database)) =>
            {
                found.push(Mistake::new(
                    at.then("repoint").then("database"),
                    format!("`{database}` is restored aside: what it acknowledges would be held against nothing"),
                    "a copy that does not serve",
                    "leave `aside` out of the `restore` into it, or point the application elsewhere",
                ));
            }
            _ => {}
        }
    }
}

fn is_copy(steps: &[Step], service: &str) -> bool {
    steps
        .iter()
        .any(|step| matches!(&step.action, Action::Restore { into, aside: true, .. } if into == service))
}

fn serves_from(step: &Step, service: &str) -> bool {
    !matches!(step.action, Action::Restore { aside: true, .. }) && step.action.restores() == Some(service)
}

/// Whether a command starts only after the step at this index is done.
fn read_after(drill: &Drill, index: usize) -> bool {
    let steps = &drill.scenario.procedure.steps;
    let mut after = vec![false; steps.len()];
    after[index] = true;
    // Steps may be written in any order: those that wait for one found are found in as many rounds as there are steps.
    for _ in 0..steps.len() {
        for (number, step) in steps.iter().enumerate() {
            let waits = match &step.after {
                None => number.checked_sub(1).is_some_and(|before| after[before]),
                Some(names) => names.iter().any(|name| {
                    steps
                        .iter()
                        .zip(&after)
                        .any(|(other, after)| *after && other.name == *name)
                }),
            };
            after[number] |= waits;
        }
    }
    let mut later = steps.iter().zip(&after).enumerate();
    later.any(|(number, (step, after))| *after && number != index && matches!(step.action, Action::Run(_)))
}

#[cfg(test)]
mod tests {
    use crate::document::{Source, parse_plan, parse_scenario};
    use crate::resolve::resolve;

    const PLAN: &str = include_str!("../../../../fixtures/plans/bmf001.yaml");
    const SCENARIO: &str = include_str!("../../../../scenarios/bmf001/human-error-merge.yaml");

    /// What is wrong with the shipped scenario once `instead` stands for the first `what`.
    fn mistakes(what: &str, instead: &str) -> String {
        assert!(SCENARIO.contains(what), "{what} is not in the scenario");
        let plan = parse_plan(Source::new("plan.yaml", PLAN)).unwrap().value;
        let text = SCENARIO.replacen(what, instead, 1);
        let scenario = parse_scenario(Source::new("scenario.yaml", text)).unwrap().value;
        resolve(&plan, &scenario, None).map_or_else(|unsound| unsound.to_string(), |_| String::new())
    }

    const MERGE: &str = "    - name: merge\n";

    #[test]
    fn a_copy_stands_on_a_bare_host_of_its_own() {
        let found = mistakes(
            "copy:\n    postgres: { component: database, empty: true }",
            "copy:\n    postgres: { component: database }",
        );
        assert!(found.contains("`copy` has a server of its own"), "{found}");
        let again =
            format!("    - name: again\n      do: {{ restore: {{ into: copy, from: base_and_wal }} }}\n{MERGE}");
        let found = mistakes(MERGE, &again);
        assert!(found.contains("another step restores `copy` to serve"), "{found}");
    }

    #[test]
    fn nobody_is_pointed_at_a_copy() {
        let repoint = format!(
            "    - name: repoint\n      do: {{ repoint: {{ application: application, database: copy }} }}\n{MERGE}"
        );
        let found = mistakes(MERGE, &repoint);
        assert!(found.contains("`copy` is restored aside"), "{found}");
    }

    #[test]
    fn a_copy_is_read_by_a_command_after_it() {
        let found = mistakes(MERGE, "    - name: merge\n      after: [read-only]\n");
        assert!(found.contains("nobody reads the copy on `copy`"), "{found}");
        let found = mistakes(MERGE, "    - name: merge\n      after: [ship, copy]\n");
        assert_eq!(found, "");
    }
}
