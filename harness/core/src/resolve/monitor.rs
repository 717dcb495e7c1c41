//! What keeps the plan's monitor from being set up: checks of what the drill does not have.

use crate::document::Mistake;
use crate::plan::ProbeKind;
use crate::scenario::Service;

use super::drill::Drill;

/// Checks that could not even be begun: the drill would end before it struck.
pub(super) fn mistakes(drill: &Drill, found: &mut Vec<Mistake>) {
    let scenario = &drill.scenario;
    let held = match scenario.services.get(&scenario.load.application) {
        Some(Service::Application(application)) => match scenario.services.get(&application.database) {
            Some(Service::Postgres(postgres)) => postgres.component.as_deref().unwrap_or(&application.database),
            // Told where it stands.
            _ => return,
        },
        _ => return,
    };
    let catalogue = scenario.backup.store.is_some() && !scenario.backup.is_own();
    for (name, check) in &drill.plan.monitoring.checks {
        if scenario.monitor_without.contains(name) {
            continue;
        }
        let key = check.probe.key();
        let (what, label) = match &check.probe {
            probe if probe.component().is_some_and(|component| component != held) => (
                format!(
                    "check `{name}` of the plan looks at the database of `{}`, and the drill's holds `{held}`",
                    probe.component().unwrap_or_default()
                ),
                "not in the drill",
            ),
            ProbeKind::BackupAge | ProbeKind::BackupVerification if !catalogue => (
                format!(
                    "check `{name}` of the plan ({key}) reads the reference tool's catalogue, and the drill has none"
                ),
                "no catalogue",
            ),
            _ => continue,
        };
        let mut without: Vec<&str> = scenario.monitor_without.iter().map(String::as_str).collect();
        without.push(name);
        found.push(Mistake::new(
            drill.at("services"),
            format!("{what}: its monitor could not be set up"),
            label,
            format!(
                "leave the check out (`monitor_without: [{}]`), or hold what it looks at",
                without.join(", ")
            ),
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::document::{Source, parse_plan, parse_scenario};
    use crate::resolve::examine;

    const PLAN: &str = include_str!("../../../../fixtures/plans/samia-tarot-failover.yaml");
    const SCENARIO: &str = include_str!("../../../../scenarios/samia-tarot-failover/database-failure-shell.yaml");

    /// What is said of the shipped scenario, in words, against the shipped plan with another check.
    fn said(check: &str, scenario: &str) -> String {
        let plan = PLAN.replacen("\n  checks:\n", &format!("\n  checks:\n{check}"), 1);
        let plan = parse_plan(Source::new("plan.yaml", plan)).unwrap().value;
        let scenario = parse_scenario(Source::new("scenario.yaml", scenario)).unwrap().value;
        examine(&plan, &scenario)
            .iter()
            .map(|mistake| format!("{}\n", mistake.what))
            .collect()
    }

    fn check(probe: &str) -> String {
        format!(
            "    another:\n      probe: {probe}\n      every: {{ is: 30 s, where: x }}\n      timeout: {{ is: 30 s, where: x }}\n"
        )
    }

    #[test]
    fn a_check_of_what_the_drill_does_not_hold_is_told_before_it_runs() {
        assert!(!said("", SCENARIO).contains("check `"));
        let other = check("{ database_connect: storage }");
        let told = said(&other, SCENARIO);
        assert!(told.contains("check `another`") && told.contains("`storage`"), "{told}");
        let left_out = SCENARIO.replacen("\ngive_up:", "\nmonitor_without: [another]\ngive_up:", 1);
        assert!(!said(&other, &left_out).contains("check `another`"));
        let told = said(&check("backup_age"), SCENARIO);
        assert!(told.contains("reference tool's catalogue"), "{told}");
    }

    #[test]
    fn a_drill_without_any_store_is_told_what_stays_undecided() {
        let (before, rest) = SCENARIO.split_once("  files:\n").expect("a store");
        let (_, after) = rest.split_once("site: primary }\n").expect("its end");
        let without = format!("{before}{after}")
            .replace("store: files, ", "")
            .replace("    files: 10\n", "");
        let told = said("", &without);
        assert!(told.contains("page_checksums"), "{told}");
    }
}
