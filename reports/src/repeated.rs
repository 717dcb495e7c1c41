//! Several runs of one drill side by side: the worst verdict, and what recovery time and loss came to at the median and
//! at most. Of each interval the upper bound counts: it is what a run can vouch for.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use firedrill_core::stamp::Nanos;
use firedrill_core::verdict::{Achieved, Finding, Outcome, Verdict};
use serde_json::{Value, json};
use tabled::builder::Builder;
use tabled::settings::Style;

use crate::plain::plain;
use crate::{figure, words};

/// One run.
#[derive(Clone, Debug)]
pub struct Repeat {
    /// Its directory.
    pub directory: String,
    /// Its seed.
    pub seed: u64,
    /// Whether it ended as its scenario says, where that was asked.
    pub expected: Option<bool>,
    /// Its verdict.
    pub verdict: Verdict,
}

/// Runs of the same drill, in their order.
#[derive(Clone, Debug, Default)]
pub struct Repeated {
    /// The runs.
    pub runs: Vec<Repeat>,
    /// How many runs were asked for, where they ended before that.
    pub cut_short_of: Option<usize>,
}

/// What one measured target came to over all runs, by upper bounds; `None`: no bound is known.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spread {
    title: String,
    /// Runs that measured it.
    measured: usize,
    median: Option<Nanos>,
    most: Option<Nanos>,
}

impl Repeated {
    /// The worst verdict; nothing passes where nothing ran, or fewer runs than were asked for.
    #[must_use]
    pub fn worst(&self) -> Outcome {
        let missing = self.cut_short_of.map(|_| Outcome::Inconclusive);
        let outcomes = self.runs.iter().map(|run| run.verdict.outcome).chain(missing);
        outcomes.max().unwrap_or(Outcome::Inconclusive)
    }

    /// The exit code of the worst verdict.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.worst() {
            Outcome::Pass => 0,
            Outcome::Fail => 1,
            Outcome::Inconclusive => 3,
        }
    }

    /// For people at a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = format!("{}\n", self.headline());
        out.push('\n');
        let mut rows = Builder::default();
        rows.push_record(self.heads());
        for run in &self.runs {
            rows.push_record(self.row(run));
        }
        push_table(&mut out, rows);
        let mut rows = Builder::default();
        rows.push_record([
            "over all runs, by upper bounds",
            "median",
            "maximum",
            "runs that measured it",
        ]);
        for spread in self.spreads().values() {
            rows.push_record([
                spread.title.clone(),
                bound(spread.median),
                bound(spread.most),
                format!("{} of {}", spread.measured, self.runs.len()),
            ]);
        }
        out.push('\n');
        push_table(&mut out, rows);
        out.push('\n');
        for run in &self.runs {
            let _ = writeln!(out, "{}", plain(&run.directory));
        }
        out
    }

    /// For the summary page of a pipeline.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = format!("## {}\n\n", cell(&self.headline()));
        let mut table = |rows: Vec<Vec<String>>| {
            for (number, row) in rows.into_iter().enumerate() {
                let row: Vec<String> = row.iter().map(|text| cell(text)).collect();
                let _ = writeln!(out, "| {} |", row.join(" | "));
                if number == 0 {
                    let _ = writeln!(out, "|{}", "---|".repeat(row.len()));
                }
            }
            out.push('\n');
        };
        let runs = self.runs.iter().map(|run| self.row(run));
        table(std::iter::once(self.heads()).chain(runs).collect());
        let spreads = self.spreads().into_values().map(|spread| {
            let measured = format!("{} of {}", spread.measured, self.runs.len());
            vec![spread.title, bound(spread.median), bound(spread.most), measured]
        });
        let heads = ["by upper bounds", "median", "maximum", "measured by"].map(str::to_owned);
        table(std::iter::once(heads.to_vec()).chain(spreads).collect());
        out
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> String {
        let runs: Vec<Value> = self
            .runs
            .iter()
            .map(|run| {
                let figures: BTreeMap<&str, &Achieved> = measured(&run.verdict)
                    .map(|finding| (finding.id.as_str(), &finding.achieved))
                    .collect();
                json!({
                    "run": run.verdict.run, "directory": run.directory, "seed": run.seed,
                    "outcome": run.verdict.outcome, "exit": run.verdict.exit_code(), "expected": run.expected,
                    "scope": run.verdict.scope, "spoiled": run.verdict.spoiled, "achieved": figures,
                })
            })
            .collect();
        let spreads: BTreeMap<String, Value> = self
            .spreads()
            .into_iter()
            .map(|(id, spread)| {
                let value = json!({
                    "measured": spread.measured, "median_upper": spread.median, "max_upper": spread.most,
                });
                (id, value)
            })
            .collect();
        let value = json!({
            "outcome": self.worst(), "exit": self.exit_code(), "cut_short_of": self.cut_short_of, "runs": runs,
            "over_all": spreads,
        });
        format!("{value:#}\n")
    }

    fn headline(&self) -> String {
        let count = |outcome| self.runs.iter().filter(|run| run.verdict.outcome == outcome).count();
        let name = self.runs.first().map_or("", |run| &run.verdict.scenario);
        let mut text = format!(
            "{} worst of {} runs of {}: {} passed, {} inconclusive, {} failed",
            self.worst().word(),
            self.runs.len(),
            plain(name),
            count(Outcome::Pass),
            count(Outcome::Inconclusive),
            count(Outcome::Fail)
        );
        if let Some(asked) = self.cut_short_of {
            let _ = write!(text, "; cut short: {asked} runs were asked for");
        }
        let held: Vec<bool> = self.runs.iter().filter_map(|run| run.expected).collect();
        if !held.is_empty() {
            let right = held.iter().filter(|held| **held).count();
            let _ = write!(text, "; {right} of {} ended as expected", held.len());
        }
        if self.runs.iter().any(|run| !run.verdict.altered.is_empty()) {
            text.push_str("; altered for these runs");
        }
        text
    }

    fn heads(&self) -> Vec<String> {
        let spreads = self.spreads();
        let mut heads = vec!["run".to_owned(), "seed".to_owned(), "verdict".to_owned()];
        heads.extend(spreads.into_values().map(|spread| spread.title));
        if self.runs.iter().any(|run| run.expected.is_some()) {
            heads.push("as expected".to_owned());
        }
        heads
    }

    fn row(&self, run: &Repeat) -> Vec<String> {
        let mut row = vec![
            plain(&run.verdict.run),
            run.seed.to_string(),
            run.verdict.outcome.word().to_owned(),
        ];
        for id in self.spreads().keys() {
            let finding = run.verdict.findings.iter().find(|finding| finding.id == *id);
            row.push(finding.map_or_else(|| "not judged".to_owned(), figure::achieved));
        }
        row.extend(run.expected.map(|held| if held { "yes" } else { "NO" }.to_owned()));
        row
    }

    /// Recovery time and loss by the finding's id, recovery time first.
    fn spreads(&self) -> BTreeMap<String, Spread> {
        let mut bounds: BTreeMap<String, (String, Vec<Option<Nanos>>)> = BTreeMap::new();
        for finding in self.runs.iter().flat_map(|run| measured(&run.verdict)) {
            let entry = bounds
                .entry(finding.id.clone())
                .or_insert_with(|| (plain(&finding.title), Vec::new()));
            if let Achieved::Duration(span) = &finding.achieved {
                entry.1.push(span.upper);
            }
        }
        let spread = |(title, mut uppers): (String, Vec<Option<Nanos>>)| {
            // No bound is worse than any.
            uppers.sort_by_key(|upper| (upper.is_none(), *upper));
            Spread {
                title,
                measured: uppers.len(),
                // Of an even number the worse of the two in the middle: nothing is made up between them.
                median: uppers.get(uppers.len() / 2).copied().flatten(),
                most: uppers.last().copied().flatten(),
            }
        };
        bounds.into_iter().map(|(id, found)| (id, spread(found))).collect()
    }
}

/// Findings about the RTO and the RPOs; a second figure for the same target measures the same.
fn measured(verdict: &Verdict) -> impl Iterator<Item = &Finding> {
    let wanted = |id: &str| id == "rto" || (id.starts_with("rpo.") && !id.contains('#'));
    verdict.findings.iter().filter(move |finding| wanted(&finding.id))
}

fn bound(upper: Option<Nanos>) -> String {
    upper.map_or_else(|| "no bound".to_owned(), words)
}

fn push_table(out: &mut String, rows: Builder) {
    let mut table = rows.build();
    table.with(Style::sharp().remove_vertical().remove_left().remove_right());
    for line in table.to_string().lines() {
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

fn cell(text: &str) -> String {
    crate::markdown::cell(text)
}
