//! The closing table of a terminal: the verdict first, then each target, then what stands behind it. No line is
//! wider than a hundred columns.

use firedrill_core::verdict::{Loss, Outcome};
use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::peaker::PriorityMax;
use tabled::settings::{Alignment, Modify, Style, Width};

use crate::plain::plain;
use crate::{Report, alert, figure, widening};

const COLUMNS: usize = 100;

/// Renders the run for people at a terminal, without colours.
#[must_use]
pub fn text(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let mut out = Page(String::new());
    out.line("", &format!("{} {}", verdict.outcome.word(), figure::scope(verdict)));
    out.line(
        "",
        &format!(
            "{}, disaster {}, started {}, run {}",
            verdict.scenario, verdict.disaster, report.inputs.started, verdict.run
        ),
    );
    for about in figure::about(verdict) {
        out.line("", &about);
    }
    for data in figure::data(&verdict.loss) {
        out.line("data of ", &data);
    }
    for caveat in figure::caveats(report) {
        out.line("! ", &caveat);
    }
    if !verdict.spoiled.is_empty() {
        out.heading("The whole run is inconclusive; nothing in it passes or fails");
        for why in &verdict.spoiled {
            out.line("- ", why);
        }
    }
    if verdict.spoiled.is_empty() && !verdict.findings.is_empty() {
        let counted = figure::Counted::of(&verdict.findings, |finding| figure::counts_as(verdict, finding));
        out.line("", &counted.words());
    }
    out.table(&findings(report));
    for finding in &verdict.findings {
        if let Some(queue) = figure::queued(finding) {
            out.line(&format!("{}: ", plain(&finding.title)), queue);
        }
    }
    let open: Vec<_> = verdict
        .findings
        .iter()
        .filter(|finding| figure::counts_as(verdict, finding) != Outcome::Pass)
        .collect();
    if !open.is_empty() {
        out.heading("Why");
        for finding in open {
            let outcome = figure::says(figure::counts_as(verdict, finding), finding);
            let headline = figure::headline(finding, &figure::demanded(report, finding));
            out.line("- ", &format!("{outcome}: {headline}: {}", finding.because));
        }
    }
    if verdict.findings.is_empty() {
        out.line("", "No target was judged.");
    }
    if !verdict.about_plan.is_empty() {
        out.heading("About the plan itself");
        for about in &verdict.about_plan {
            out.line("- ", about);
        }
    }
    out.heading(&format!("When, in drill time since {}", figure::origin(verdict).1));
    out.table(&moments(report));
    if !verdict.phases.is_empty() {
        let phases: Vec<String> = verdict
            .phases
            .iter()
            .map(|phase| format!("{} {}", phase.name, figure::phase_length(phase)))
            .collect();
        out.line("phases in plan time: ", &phases.join("; "));
    }
    if let Some(outage) = figure::outage(verdict) {
        out.line("outage: ", &outage);
    }
    let alerts = alert::lines(verdict);
    if !alerts.is_empty() {
        out.heading("Alerts of the plan's monitor");
    }
    for alert in alerts {
        out.line("- ", &alert);
    }
    out.heading("What became of the data");
    for (component, found) in &verdict.loss {
        out.line(&format!("{}: ", plain(component)), &loss(report, component, found));
    }
    out.line("operations: ", &figure::tally(&verdict.tally));
    if let Some(tool) = figure::tool(verdict) {
        out.line("backup tool: ", &tool);
    }
    out.heading("How far this goes");
    for line in widening::lines(report) {
        out.line("- ", &line);
    }
    if !verdict.stalls.is_empty() {
        out.line(
            "- ",
            &format!(
                "stalls of the harness: {}; every stamp that this touches is widened",
                verdict.stalls.len()
            ),
        );
    }
    out.line(
        "- ",
        &format!(
            "{} assumed where the plan is silent: `firedrill report {} --format html` lists them, and by which events of the history what was decided",
            firedrill_core::judge::duration::count(verdict.assumptions.len() as u64, "figure", "figures"),
            verdict.run
        ),
    );
    if !verdict.not_covered.is_empty() {
        out.heading("Not covered");
    }
    for line in &verdict.not_covered {
        out.line("- ", line);
    }
    if !verdict.stand_ins.is_empty() {
        out.heading("What stood in for what");
    }
    for stand_in in &verdict.stand_ins {
        out.line("- ", &format!("{} -> {}", stand_in.planned, stand_in.drilled));
    }
    out.0
}

/// A word in pieces that fit a line after its indent; a letter may take two columns.
fn pieces(word: &str) -> Vec<String> {
    let most = if word.is_ascii() {
        COLUMNS - 2
    } else {
        (COLUMNS - 2) / 2
    };
    let letters: Vec<char> = word.chars().collect();
    letters.chunks(most).map(|piece| piece.iter().collect()).collect()
}

/// The text so far.
struct Page(String);

impl Page {
    /// One paragraph after a mark, its further lines indented by two.
    fn line(&mut self, mark: &str, text: &str) {
        let text = format!("{mark}{}", plain(text));
        let indent = if mark.is_empty() { "" } else { "  " };
        let mut column = 0;
        for word in text.split(' ').filter(|word| !word.is_empty()).flat_map(pieces) {
            let width = tabled::grid::util::string::get_line_width(&word);
            if column == 0 {
                column = width;
            } else if column + 1 + width > COLUMNS {
                self.0.push('\n');
                self.0.push_str(indent);
                column = indent.len() + width;
            } else {
                self.0.push(' ');
                column += 1 + width;
            }
            self.0.push_str(&word);
        }
        self.0.push('\n');
    }

    fn heading(&mut self, text: &str) {
        self.0.push('\n');
        self.line("", &format!("{text}:"));
    }

    fn table(&mut self, table: &str) {
        self.0.push('\n');
        for line in table.lines() {
            self.0.push_str(line.trim_end());
            self.0.push('\n');
        }
    }
}

fn findings(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let mut rows = Builder::default();
    rows.push_record(["verdict", "target", "demanded", "achieved", "margin"]);
    for finding in &verdict.findings {
        rows.push_record([
            figure::says(figure::counts_as(verdict, finding), finding).to_owned(),
            plain(&finding.title),
            figure::demanded(report, finding),
            figure::achieved(finding),
            figure::margin(verdict, finding),
        ]);
    }
    drawn(rows, 4..)
}

fn moments(report: &Report<'_>) -> String {
    let (origin, _) = figure::origin(report.verdict);
    let mut rows = Builder::default();
    rows.push_record(["moment", "not before, s", "not after, s"]);
    for (name, _, stamp) in figure::moments(report.verdict) {
        let (early, late) = stamp.map_or_else(
            || ("never".to_owned(), "never".to_owned()),
            |stamp| figure::edges(origin, stamp),
        );
        rows.push_record([name, early, late]);
    }
    drawn(rows, 1..)
}

/// A table without frame and with figures to the right, at most as wide as the page.
fn drawn(rows: Builder, figures: std::ops::RangeFrom<usize>) -> String {
    let mut table = rows.build();
    table
        .with(Style::sharp().remove_vertical().remove_left().remove_right())
        .with(Modify::new(Columns::new(figures)).with(Alignment::right()))
        .with(Width::wrap(COLUMNS).keep_words(true).priority(PriorityMax::left()));
    table.to_string()
}

fn loss(report: &Report<'_>, component: &str, loss: &Loss) -> String {
    if loss.acked == 0 {
        return figure::unwritten(report, component);
    }
    if !figure::was_looked_up(loss) {
        return format!("{} versions acknowledged; NOT KNOWN what became of them", loss.acked);
    }
    let mut text = format!(
        "{} versions acknowledged, {} kept{}, {} lost ({} of them acknowledged before the strike)",
        loss.acked,
        loss.kept,
        figure::of_deleted(loss),
        loss.lost,
        loss.lost_before_strike
    );
    for (number, what) in [
        (loss.possibly_lost, "possibly lost and overwritten since"),
        (loss.recovered, "indeterminate writes that took effect"),
        (loss.holes, "holes"),
        (loss.mutated, "mutated"),
        (loss.unexpected, "unexpected"),
        (loss.duplicated, "duplicated"),
        (loss.astray, "acknowledged by a life that had been taken over"),
        (loss.dangling, "rows whose object is lost or wrong"),
    ] {
        if number > 0 {
            text.push_str(&format!(", {number} {what}"));
        }
    }
    match &loss.span {
        Some(span) => text.push_str(&format!("; loss {}, not yet widened", figure::span(span))),
        None => text.push_str("; how long a time was lost is not known"),
    }
    text
}
