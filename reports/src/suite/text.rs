//! A suite for a terminal.

use firedrill_core::suite::SuiteRun;
use tabled::builder::Builder;
use tabled::settings::peaker::PriorityMax;
use tabled::settings::{Style, Width};

use super::{beside, caveats, counted, headline, headline_of, limits, not_drilled, open, row, title};
use crate::figure;
use crate::plain::plain;

/// Wide enough for a name and a figure, narrow enough for a terminal beside an editor.
const COLUMNS: usize = 120;

/// Renders the suite: its verdict, the table of its drills, why those not met are not, what nobody drills.
#[must_use]
pub fn suite_text(suite: &SuiteRun) -> String {
    let mut out = format!("{} {}, {}\n", headline(suite), plain(&title(suite)), counted(suite));
    for caveat in caveats(suite) {
        out.push_str(&format!("! {}\n", plain(&caveat)));
    }
    if !suite.drills.is_empty() {
        let mut rows = Builder::default();
        rows.push_record(["verdict", "drill", "took", "why"]);
        for drill in &suite.drills {
            let [verdict, name, took, why] = row(suite, drill).map(|cell| plain(&cell));
            let why = std::iter::once(why).chain(beside(drill).into_iter().map(|line| plain(&line)));
            rows.push_record([verdict, name, took, why.collect::<Vec<_>>().join("\n")]);
        }
        let mut table = rows.build();
        table
            .with(Style::sharp().remove_vertical().remove_left().remove_right())
            .with(Width::wrap(COLUMNS).keep_words(true).priority(PriorityMax::right()));
        out.push('\n');
        for line in table.to_string().lines() {
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
    let mut list = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            out.push_str(&format!("\n{title}:\n"));
            for line in lines {
                out.push_str(&format!("- {}\n", plain(&line)));
            }
        }
    };
    list(
        "Why",
        suite
            .drills
            .iter()
            .flat_map(|drill| {
                open(drill).into_iter().map(|(finding, outcome)| {
                    format!(
                        "{}: {}: {}: {}",
                        drill.scenario,
                        figure::met(outcome),
                        headline_of(finding),
                        finding.because
                    )
                })
            })
            .collect(),
    );
    list(
        "What became of the data",
        suite
            .drills
            .iter()
            .flat_map(|drill| {
                let data = drill
                    .deciding()
                    .into_iter()
                    .flat_map(|attempt| figure::data(&attempt.loss));
                data.map(|data| format!("{}: {data}", drill.scenario))
            })
            .collect(),
    );
    list(
        "Against the run before",
        suite
            .drills
            .iter()
            .filter_map(|drill| {
                let trend = drill.trend.as_ref()?;
                Some(format!("{}: {} ({})", drill.scenario, trend.says, trend.before))
            })
            .collect(),
    );
    list("Wanted by the plans, and no scenario drills it", not_drilled(suite));
    for (title, items) in limits(suite) {
        list(title, items);
    }
    out
}
