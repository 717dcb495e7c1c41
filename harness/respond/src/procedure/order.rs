//! Which step waits for which. Pure.

use std::collections::HashMap;

use firedrill_core::scenario::Step;

/// For each step the indexes of those it waits for: what it names, or the one before it. Every problem found: names
/// given twice, unknown names, cycles.
pub(crate) fn dependencies(steps: &[Step]) -> Result<Vec<Vec<usize>>, Vec<String>> {
    let mut problems = Vec::new();
    let mut index_of: HashMap<&str, usize> = HashMap::new();
    for (index, step) in steps.iter().enumerate() {
        if step.name.trim().is_empty() {
            problems.push(format!("step {}: found no name, expected one", index + 1));
        }
        if index_of.insert(&step.name, index).is_some() {
            problems.push(format!(
                "step `{}`: found the name twice, expected each once",
                step.name
            ));
        }
    }
    let mut orders = Vec::with_capacity(steps.len());
    for (index, step) in steps.iter().enumerate() {
        let Some(after) = &step.after else {
            orders.push(index.checked_sub(1).into_iter().collect());
            continue;
        };
        let mut order = Vec::with_capacity(after.len());
        for name in after {
            match index_of.get(name.as_str()) {
                Some(first) => order.push(*first),
                None => {
                    let known: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
                    let known = known.join(", ");
                    problems.push(format!(
                        "step `{}`: found `{name}` in `after`, expected one of: {known}",
                        step.name
                    ));
                }
            }
        }
        order.sort_unstable();
        order.dedup();
        orders.push(order);
    }
    if let Some(cycle) = cycle(&orders) {
        let names: Vec<&str> = cycle.iter().map(|index| steps[*index].name.as_str()).collect();
        problems.push(format!(
            "found steps that wait for each other, expected an order: {}",
            names.join(", ")
        ));
    }
    if problems.is_empty() { Ok(orders) } else { Err(problems) }
}

/// Steps that can never start, because they wait for themselves in the end.
fn cycle(orders: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut done = vec![false; orders.len()];
    loop {
        let next: Vec<usize> = (0..orders.len())
            .filter(|index| !done[*index] && orders[*index].iter().all(|before| done[*before]))
            .collect();
        if next.is_empty() {
            break;
        }
        for index in next {
            done[index] = true;
        }
    }
    let stuck: Vec<usize> = (0..orders.len()).filter(|index| !done[*index]).collect();
    (!stuck.is_empty()).then_some(stuck)
}

#[cfg(test)]
mod tests {
    use super::*;
    use firedrill_core::scenario::Action;

    fn step(name: &str, after: Option<&[&str]>) -> Step {
        Step {
            name: name.into(),
            after: after.map(|names| names.iter().map(ToString::to_string).collect()),
            deadline: None,
            action: Action::Fence {
                service: "database".into(),
            },
        }
    }

    #[test]
    fn a_step_follows_the_one_before_unless_it_says_otherwise() {
        let steps = [
            step("a", None),
            step("b", None),
            step("c", Some(&[])),
            step("d", Some(&["a", "c", "a"])),
        ];
        assert_eq!(dependencies(&steps).unwrap(), [vec![], vec![0], vec![], vec![0, 2]]);
        assert_eq!(dependencies(&[]).unwrap(), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn a_later_step_may_come_first() {
        let steps = [step("a", Some(&["b"])), step("b", Some(&[]))];
        assert_eq!(dependencies(&steps).unwrap(), [vec![1], vec![]]);
    }

    #[test]
    fn what_cannot_be_ordered_is_refused_with_all_names() {
        let steps = [
            step("a", Some(&["b"])),
            step("b", None),
            step("c", Some(&["x"])),
            step("c", Some(&[])),
        ];
        let problems = dependencies(&steps).unwrap_err().join("\n");
        assert!(
            problems.contains("wait for each other, expected an order: a, b"),
            "{problems}"
        );
        assert!(
            problems.contains("step `c`: found `x` in `after`, expected one of: a, b, c, c"),
            "{problems}"
        );
        assert!(problems.contains("step `c`: found the name twice"), "{problems}");
        assert!(
            dependencies(&[step("a", Some(&["a"]))]).is_err(),
            "a step that waits for itself"
        );
    }
}
