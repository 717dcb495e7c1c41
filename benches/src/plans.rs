//! Plans of any size, in which much is to be found and references lead everywhere.

use std::fmt::Write as _;

use firedrill_core::Plan;
use firedrill_core::document::{Parsed, Source, parse_plan};

/// Statements of a block: an item of each of eight lists, and two figures more of its component.
const STATEMENTS: usize = 10;

/// The text of a plan of so many statements, rounded down to whole blocks.
#[must_use]
pub fn plan(statements: usize) -> String {
    let blocks = statements / STATEMENTS;
    let mut text = String::from(
        "plan: of-any-size\ntitle: A plan of any size\nrto: [{ below: 4 h, where: Targets }]\n\
         rpo: [{ below: 15 min, where: Targets }]\nstores: { vault: { where: Storage } }\n",
    );
    section(&mut text, "components", blocks, &|n| {
        format!(
            "part{n}: {{ kind: database, rto: [{{ is: 5 h, where: Parts }}], rpo: [{{ is: 1 h, where: Parts }}], \
             depends_on: [part{}] }}",
            n / 2
        )
    });
    section(&mut text, "disasters", blocks, &|n| {
        format!(
            "loss{n}: {{ title: Loss {n}, automated: manual, hits: [part{n}], recovery_site: site{n}, \
             rto: [{{ is: 5 h, where: Losses }}], steps: [{{ what: restore, from: 0 min, until: 6 h, where: Losses }}] }}"
        )
    });
    section(&mut text, "backups", blocks, &|n| {
        format!(
            "dump{n}: {{ of: [part{n}], kind: dump, every: {{ is: 6 h, where: Backups }}, places: [vault], at: '02:00', \
             where: Backups }}"
        )
    });
    section(&mut text, "sites", blocks, &|n| {
        format!(
            "site{n}: {{ role: standby, region: eu-west-1, replica_lag: {{ is: 1 h, where: Sites }}, where: Sites }}"
        )
    });
    section(&mut text, "drills", blocks, &|n| {
        format!("- {{ what: restore {n}, every: {{ is: 1 month, where: Drills }}, next: 2025-01, where: Drills }}")
    });
    section(&mut text, "escalation", blocks, &|n| {
        format!(
            "- {{ level: L{n}, who: someone, ladder: ladder{}, from: {} min, until: {} min, where: Escalation }}",
            n / 4,
            n % 4 * 60,
            n % 4 * 60 + 30
        )
    });
    text.push_str("monitoring:\n");
    for (list, figure) in [("watched", "above: 2 s"), ("targets", "below: 1 s")] {
        section(&mut text, &format!("  {list}"), blocks, &|n| {
            format!("  - {{ what: response {n}, figure: {{ duration: {{ {figure}, where: Watch }} }}, where: Watch }}")
        });
    }
    text
}

/// The plan of a text of [`plan`].
///
/// # Panics
/// The text is none.
#[must_use]
pub fn parsed(text: &str) -> Parsed<Plan> {
    parse_plan(Source::new("plan.yaml", text)).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

/// How much all rules find.
///
/// # Panics
/// A plan accepts what no rule is named.
#[must_use]
pub fn linted(plans: &[Parsed<Plan>]) -> usize {
    let today = jiff::civil::date(2026, 12, 7);
    let report = firedrill_lint::lint(plans, today, &[]).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    report.findings.len()
}

fn section(text: &mut String, name: &str, blocks: usize, line: &dyn Fn(usize) -> String) {
    let _ = writeln!(text, "{name}:");
    for block in 0..blocks {
        let _ = writeln!(text, "  {}", line(block));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_plan_has_the_statements_that_were_asked_for() {
        for statements in [10, 1_000] {
            let plan = super::parsed(&super::plan(statements)).value;
            let items = plan.components.len()
                + plan.disasters.len()
                + plan.backups.len()
                + plan.sites.len()
                + plan.drills.len()
                + plan.escalation.len()
                + plan.monitoring.watched.len()
                + plan.monitoring.targets.len();
            assert_eq!(items * 10 / 8, statements);
            assert!(plan.figures().len() >= statements * 7 / 10, "{}", plan.figures().len());
        }
    }
}
