//! A suite for the summary page of a pipeline.

use firedrill_core::suite::SuiteRun;

use super::{beside, caveats, counted, headline, headline_of, limits, not_drilled, open, row, title};
use crate::figure;
use crate::markdown::{cell, list};

/// Renders the suite.
#[must_use]
pub fn suite_markdown(suite: &SuiteRun) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!("## {}: {}", headline(suite), cell(&title(suite))));
    line(String::new());
    line(format!(
        "{}, {} to {}",
        counted(suite),
        cell(&suite.started),
        cell(&suite.ended)
    ));
    line(String::new());
    for caveat in caveats(suite) {
        line(format!("> **Note:** {}", cell(&caveat)));
        line(String::new());
    }
    if !suite.drills.is_empty() {
        line("| verdict | drill | took | why |".into());
        line("|---|---|---|---|".into());
        for drill in &suite.drills {
            let [verdict, name, took, why] = row(suite, drill).map(|text| cell(&text));
            let why = std::iter::once(why).chain(beside(drill).into_iter().map(|text| cell(&text)));
            let why = why.collect::<Vec<_>>().join("<br>");
            line(format!("| **{verdict}** | {name} | {took} | {why} |"));
        }
        line(String::new());
    }
    for drill in &suite.drills {
        for (finding, outcome) in open(drill) {
            line(format!(
                "- **{}: {} {}**: {}",
                cell(&drill.scenario),
                cell(&headline_of(finding)),
                figure::met(outcome),
                cell(&finding.because)
            ));
        }
    }
    for drill in &suite.drills {
        for data in drill
            .deciding()
            .into_iter()
            .flat_map(|attempt| figure::data(&attempt.loss))
        {
            line(format!("- {}: data of {}", cell(&drill.scenario), cell(&data)));
        }
    }
    list(
        &mut line,
        "Against the run before",
        suite.drills.iter().filter_map(|drill| {
            let trend = drill.trend.as_ref()?;
            Some(format!("{}: {} ({})", drill.scenario, trend.says, trend.before))
        }),
    );
    list(
        &mut line,
        "Wanted by the plans, and no scenario drills it",
        not_drilled(suite).into_iter(),
    );
    for (title, items) in limits(suite) {
        list(&mut line, title, items.into_iter());
    }
    out
}
