//! Charts as plain SVG: the phases of a drill, and each tier's goodput, errors and latency over time.

use firedrill_core::judge::series::TierSeries;
use firedrill_core::stamp::{Nanos, Stamp};

use super::escape;
use crate::{Report, figure, words};

const WIDTH: i64 = 1000;
const LEFT: i64 = 70;
const RIGHT: i64 = 70;

/// The span of drill time that all charts of a report share.
fn extent(report: &Report<'_>) -> Option<(Nanos, Nanos)> {
    let windows = report.series.tiers.iter().flat_map(|tier| &tier.windows);
    let from = windows.clone().map(|window| window.from).min()?;
    let until = windows.map(|window| window.from + 500_000_000).max()?;
    (until > from).then_some((from, until))
}

fn x(extent: (Nanos, Nanos), at: Nanos) -> i64 {
    let inner = i128::from(WIDTH - LEFT - RIGHT);
    let at = i128::from(at.clamp(extent.0, extent.1) - extent.0);
    LEFT + i64::try_from(at * inner / i128::from(extent.1 - extent.0)).unwrap_or(0)
}

/// Phases as bands, moments as ticks.
pub(super) fn phases(report: &Report<'_>) -> String {
    let Some(extent) = extent(report) else { return String::new() };
    const COLOURS: [&str; 6] = ["#c9ddf2", "#f3d9a4", "#e6c4e8", "#bfe3cf", "#d8d8e8", "#e8e0cf"];
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} 74\" role=\"img\" aria-label=\"phases of the drill\">");
    for (index, phase) in report.verdict.phases.iter().enumerate() {
        let (from, until) = (x(extent, phase.from.early), x(extent, phase.until.late));
        let width = (until - from).max(2);
        svg.push_str(&format!(
            "<rect x=\"{from}\" y=\"22\" width=\"{width}\" height=\"22\" fill=\"{}\"><title>{}: {} of plan time</title></rect>",
            COLOURS[index % COLOURS.len()],
            escape(&phase.name),
            escape(&figure::span(&phase.plan))
        ));
        if width > 44 {
            svg.push_str(&format!("<text x=\"{}\" y=\"37\">{}</text>", from + 5, escape(&phase.name)));
        }
    }
    let moments = &report.verdict.moments;
    for (name, stamp, y) in [
        ("struck", moments.struck, 14),
        ("alerted", moments.alerted, 60),
        ("restored", moments.restored, 14),
        ("confirmed", moments.confirmed, 60),
    ] {
        if let Some(stamp) = stamp {
            let at = x(extent, stamp.late);
            let anchor = if at > WIDTH - 140 { "end" } else { "start" };
            svg.push_str(&format!(
                "<line x1=\"{at}\" y1=\"18\" x2=\"{at}\" y2=\"48\" stroke=\"#1c2430\"/><text x=\"{at}\" y=\"{y}\" text-anchor=\"{anchor}\">{name}</text>"
            ));
        }
    }
    svg.push_str(&axis(report, extent, 70));
    svg.push_str("</svg>");
    svg
}

fn axis(report: &Report<'_>, extent: (Nanos, Nanos), y: i64) -> String {
    let origin = figure::origin(report.verdict);
    let mut text = String::new();
    for part in 0..=4 {
        let at = extent.0 + (extent.1 - extent.0) / 4 * part;
        let anchor = match part {
            0 => "start",
            4 => "end",
            _ => "middle",
        };
        let label = figure::since(origin, Stamp::at(at / 1_000_000 * 1_000_000));
        text.push_str(&format!("<text x=\"{}\" y=\"{y}\" text-anchor=\"{anchor}\">{}</text>", x(extent, at), escape(&label)));
    }
    text
}

/// One tier: bars of goodput and errors, a line of the 99th percentile, its outage shaded.
pub(super) fn tier(report: &Report<'_>, series: &TierSeries) -> String {
    let Some(extent) = extent(report) else { return String::new() };
    const HEIGHT: i64 = 100;
    const TOP: i64 = 12;
    let most = series.windows.iter().map(|window| window.scheduled).max().unwrap_or(0).max(1);
    let slowest = series.windows.iter().map(|window| window.p99_ns).max().unwrap_or(0).max(1);
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} 142\" role=\"img\" aria-label=\"tier {} over time\">", series.tier);
    if let Some(moments) = report.verdict.moments.tiers.get(&series.tier)
        && let Some(impact) = moments.impact
    {
        let (from, until) = (x(extent, impact.early), moments.restored.map_or(x(extent, extent.1), |at| x(extent, at.late)));
        svg.push_str(&format!(
            "<rect x=\"{from}\" y=\"{TOP}\" width=\"{}\" height=\"{HEIGHT}\" fill=\"#f6d9d6\"/>",
            (until - from).max(1)
        ));
    }
    let height = |count: u32| i64::from(count) * HEIGHT / i64::from(most);
    let mut line = Vec::new();
    for window in &series.windows {
        let from = x(extent, window.from);
        let width = (x(extent, window.from + 500_000_000) - from).max(1);
        let (good, errors) = (height(window.good), height(window.errors));
        svg.push_str(&format!(
            "<rect x=\"{from}\" y=\"{}\" width=\"{width}\" height=\"{good}\" fill=\"#2b6cb0\" opacity=\".75\"/>",
            TOP + HEIGHT - good
        ));
        if errors > 0 {
            svg.push_str(&format!(
                "<rect x=\"{from}\" y=\"{}\" width=\"{width}\" height=\"{errors}\" fill=\"#a8201a\" opacity=\".8\"/>",
                TOP + HEIGHT - good - errors
            ));
        }
        if window.p99_ns > 0 {
            let y = TOP + HEIGHT - i64::try_from(i128::from(window.p99_ns) * i128::from(HEIGHT) / i128::from(slowest)).unwrap_or(0);
            line.push(format!("{},{y}", from + width / 2));
        }
    }
    svg.push_str(&format!("<polyline points=\"{}\" fill=\"none\" stroke=\"#1c2430\" stroke-width=\"1\"/>", line.join(" ")));
    svg.push_str(&format!(
        "<text x=\"0\" y=\"22\">tier {}</text><text x=\"0\" y=\"38\">{} per</text><text x=\"0\" y=\"52\">500 ms</text>\
         <text x=\"{}\" y=\"22\">p99 up to</text><text x=\"{}\" y=\"38\">{}</text>",
        series.tier,
        most,
        WIDTH - RIGHT + 6,
        WIDTH - RIGHT + 6,
        escape(&words(slowest / 1_000_000 * 1_000_000))
    ));
    svg.push_str(&axis(report, extent, 134));
    svg.push_str("</svg>");
    svg
}
