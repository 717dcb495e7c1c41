//! The course of a drill as bars: its phases, the steps of the procedure and each tier's outage, on one axis.
//!
//! A bar is dark where it is certain and light up to where it may reach: the edges of the stamps.

use std::fmt::Write as _;

use firedrill_core::event::StepEdge;
use firedrill_core::stamp::Stamp;

use super::axis::{Axis, WIDTH};
use super::escape;
use crate::{Report, figure};

const LEFT: i64 = 175;
const RIGHT: i64 = 15;
const ROW: i64 = 20;
const TOP: i64 = 4;
/// More steps than this are left to the table.
const STEPS_MAX: usize = 20;

struct Bar {
    name: String,
    class: &'static str,
    from: Stamp,
    until: Option<Stamp>,
    word: &'static str,
}

/// Draws the course; empty where nothing has a place in time.
pub(super) fn timeline(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let moments = &verdict.moments;
    let mut bars: Vec<Bar> = verdict
        .phases
        .iter()
        .filter(|phase| figure::has_length(phase))
        .map(|phase| Bar {
            name: phase.name.clone(),
            class: "phase",
            from: phase.from,
            until: Some(phase.until),
            word: "",
        })
        .collect();
    bars.extend(verdict.steps.iter().take(STEPS_MAX).filter_map(|step| {
        let bad = !matches!(step.outcome, StepEdge::Done);
        Some(Bar {
            name: format!("step {}", step.name),
            class: if bad { "bad" } else { "step" },
            from: step.begun?,
            until: step.ended,
            word: if bad { figure::step(step.outcome) } else { "" },
        })
    }));
    bars.extend(moments.tiers.iter().filter_map(|(level, tier)| {
        let word = if tier.restored.is_none() { "not restored" } else { "" };
        Some(Bar {
            name: format!("tier {level} out"),
            class: "out",
            from: tier.impact?,
            until: tier.restored,
            word,
        })
    }));
    let known = bars.iter().flat_map(|bar| [Some(bar.from), bar.until]).chain([
        moments.struck,
        moments.procedure_done,
        moments.restored,
        moments.confirmed,
    ]);
    let (from, until) = known
        .flatten()
        .fold((i64::MAX, i64::MIN), |(from, until), stamp: Stamp| {
            (from.min(stamp.early), until.max(stamp.late))
        });
    let air = until.saturating_sub(from) / 40;
    let (origin, since) = figure::origin(verdict);
    let Some(axis) = Axis::new(from.saturating_sub(air), until.saturating_add(air), origin, LEFT, RIGHT) else {
        return String::new();
    };
    let bottom = TOP + i64::try_from(bars.len()).unwrap_or(0) * ROW;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"phases, steps and outages over drill time\">{}",
        bottom + 34,
        axis.ticks(TOP, bottom)
    );
    for (bar, row) in bars.iter().zip(0..) {
        let y = TOP + row * ROW;
        let _ = write!(
            svg,
            "<text class=\"name\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>{}",
            LEFT - 10,
            y + 14,
            escape(&short(&bar.name)),
            axis.bar(bar.from, bar.until, y + 4, ROW - 7, bar.class)
        );
        if !bar.word.is_empty() {
            let (x, anchor) = (axis.x(bar.from.early), "start");
            let _ = write!(
                svg,
                "<text class=\"word\" x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
                x + 6,
                y + 14,
                bar.word
            );
        }
    }
    let _ = write!(
        svg,
        "<text x=\"{LEFT}\" y=\"{}\">drill time since {since}; light ends of a bar: as far as its edges are known</text></svg>",
        bottom + 30
    );
    svg
}

/// A name that fits beside the bars.
fn short(name: &str) -> String {
    const LETTERS: usize = 26;
    if name.chars().count() <= LETTERS {
        return name.to_owned();
    }
    let mut short: String = name.chars().take(LETTERS - 1).collect();
    short.push('…');
    short
}
