//! The closing table of a terminal: the verdict first, then each target, then what stands behind it.

use firedrill_core::verdict::Outcome;
use tabled::builder::Builder;
use tabled::settings::{Modify, Style, Width, object::Columns};

use crate::{Report, figure, words};

/// Renders the run for people at a terminal, without colours.
#[must_use]
pub fn text(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    line(&format!("{}  {}", figure::outcome(verdict.outcome), verdict.scenario));
    line(&verdict.scope);
    for why in &verdict.spoiled {
        line(&format!("spoiled: {why}"));
    }
    line("");
    line(&findings(report));
    line("");
    for finding in verdict.findings.iter().filter(|finding| finding.outcome != Outcome::Pass) {
        line(&format!("{}: {}", finding.title, finding.because));
    }
    for about in &verdict.about_plan {
        line(&format!("about the plan: {about}"));
    }
    line("");
    line(&moments(report));
    line("");
    for (component, loss) in &verdict.loss {
        line(&format!(
            "{component}: {} acknowledged, {} kept, {} lost ({} before the strike), {} recovered, {} holes, {} mutated, {} unexpected",
            loss.acked, loss.kept, loss.lost, loss.lost_before_strike, loss.recovered, loss.holes, loss.mutated, loss.unexpected
        ));
    }
    let tally = verdict.tally;
    line(&format!(
        "operations: {} scheduled, {} acked, {} refused, {} indeterminate, {} not sent",
        tally.scheduled, tally.acked, tally.refused, tally.indeterminate, tally.not_sent
    ));
    if let Some(outage) = &verdict.outage {
        let share = verdict.budget_permille.map(|permille| {
            format!(", {}.{} % of a year's downtime budget", permille / 10, permille % 10)
        });
        line(&format!("outage: {} of plan time{}", figure::span(outage), share.unwrap_or_default()));
    }
    line(&format!("every figure on the plan clock is widened by {} on both sides", words(verdict.quantum)));
    out
}

fn findings(report: &Report<'_>) -> String {
    let mut rows = Builder::default();
    rows.push_record(["target", "demanded", "achieved", "margin", "verdict"]);
    for finding in &report.verdict.findings {
        rows.push_record([
            finding.title.clone(),
            finding.limit.as_ref().map(figure::limit).unwrap_or_default(),
            figure::achieved(finding),
            figure::margin(finding),
            figure::met(finding.outcome).to_owned(),
        ]);
    }
    let mut table = rows.build();
    table.with(Style::sharp()).with(Modify::new(Columns::first()).with(Width::wrap(44).keep_words(true)));
    table.to_string()
}

fn moments(report: &Report<'_>) -> String {
    let origin = figure::origin(report.verdict);
    let mut rows = Builder::default();
    rows.push_record(["moment", "drill time since the strike"]);
    for (name, stamp) in figure::moments(report.verdict) {
        rows.push_record([name, stamp.map_or_else(|| "never".to_owned(), |stamp| figure::since(origin, stamp))]);
    }
    let mut table = rows.build();
    table.with(Style::sharp());
    table.to_string()
}
