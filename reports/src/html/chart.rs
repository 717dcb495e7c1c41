//! Each tier over time as plain SVG: what became of the operations due in each bin, and their latency below.

use std::fmt::Write as _;

use firedrill_core::judge::series::{TierSeries, WindowPoint, WindowState};
use firedrill_core::stamp::{MILLISECOND, Nanos};

use super::axis::{Axis, WIDTH};
use super::escape;
use crate::{Report, figure, words};

const LEFT: i64 = 80;
const RIGHT: i64 = 20;
/// Half a second of drill time.
const WINDOW: Nanos = 500 * MILLISECOND;
/// More bars than this cannot be told apart; windows are then drawn together, the worst of them deciding.
const BARS_MAX: usize = 450;
const TOP: i64 = 16;
const BARS: i64 = 84;
const GAP: i64 = 8;
const LINE: i64 = 46;

/// Some windows in a row, drawn as one bar.
struct Bin {
    from: Nanos,
    until: Nanos,
    scheduled: u64,
    good: u64,
    queued: u64,
    errors: u64,
    p50: Nanos,
    p99: Nanos,
    state: WindowState,
}

impl Bin {
    fn of(windows: &[WindowPoint]) -> Option<Bin> {
        let (first, last) = (windows.first()?, windows.last()?);
        let sum = |of: fn(&WindowPoint) -> u32| windows.iter().map(|window| u64::from(of(window))).sum();
        let worst = |state| windows.iter().any(|window| window.state == state);
        Some(Bin {
            from: first.from,
            until: last.from.saturating_add(WINDOW),
            scheduled: sum(|window| window.scheduled),
            good: sum(|window| window.good),
            queued: sum(|window| window.queued),
            errors: sum(|window| window.errors),
            p50: windows.iter().map(|window| window.p50_ns).max()?,
            p99: windows.iter().map(|window| window.p99_ns).max()?,
            state: [WindowState::Bad, WindowState::Unknown]
                .into_iter()
                .find(|state| worst(*state))
                .unwrap_or(WindowState::Good),
        })
    }
}

fn share(value: u64, most: u64, height: i64) -> i64 {
    i64::try_from(u128::from(value) * u128::from(height.unsigned_abs()) / u128::from(most.max(1)))
        .unwrap_or(height)
        .min(height)
}

/// One tier: bars of goodput, late answers and errors, lines of latency, its outage shaded over all of it.
pub(super) fn tier(report: &Report<'_>, series: &TierSeries) -> String {
    let all = || report.series.tiers.iter().flat_map(|tier| &tier.windows);
    let from = all().map(|window| window.from).min().unwrap_or(0);
    let until = all()
        .map(|window| window.from.saturating_add(WINDOW))
        .max()
        .unwrap_or(0);
    let (origin, _) = figure::origin(report.verdict);
    let Some(axis) = Axis::new(from, until, origin, LEFT, RIGHT) else {
        return String::new();
    };
    let together = series.windows.len().div_ceil(BARS_MAX).max(1);
    let bins: Vec<Bin> = series.windows.chunks(together).filter_map(Bin::of).collect();
    let most = bins.iter().map(|bin| bin.scheduled).max().unwrap_or(0).max(1);
    let slowest = bins.iter().map(|bin| bin.p99).max().unwrap_or(0).max(1);
    let foot = TOP + BARS + GAP + LINE;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"tier {} over time\">{}",
        foot + 18,
        series.tier,
        axis.ticks(TOP, foot)
    );
    let (mut bars, mut high, mut half) = (String::new(), Vec::new(), Vec::new());
    for bin in &bins {
        let (x, width) = (axis.x(bin.from), (axis.x(bin.until) - axis.x(bin.from)).max(1));
        let late = bin.scheduled.saturating_sub(bin.good).saturating_sub(bin.errors);
        let mut y = TOP + BARS;
        let answered = bin.good.saturating_sub(bin.queued);
        for (class, number) in [
            ("good", answered),
            ("queued", bin.queued),
            ("late", late),
            ("error", bin.errors),
        ] {
            let height = share(number, most, BARS).max(i64::from(number > 0));
            y -= height;
            if height > 0 {
                let _ = write!(
                    bars,
                    "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>"
                );
            }
        }
        let strip = match bin.state {
            WindowState::Good => "",
            WindowState::Bad => "error",
            WindowState::Unknown => "unknown",
        };
        if !strip.is_empty() {
            let _ = write!(
                bars,
                "<rect class=\"{strip}\" x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"4\"/>",
                TOP + BARS + 2
            );
        }
        for (line, latency) in [(&mut high, bin.p99), (&mut half, bin.p50)] {
            let latency = u64::try_from(latency).unwrap_or(0);
            if latency > 0 {
                line.push(format!(
                    "{},{}",
                    x + width / 2,
                    foot - share(latency, slowest.unsigned_abs(), LINE)
                ));
            } else if line.last().is_some_and(|last: &String| !last.is_empty()) {
                // Nothing was acknowledged here: the line ends and begins anew.
                line.push(String::new());
            }
        }
    }
    svg.push_str(&bars);
    for (class, points) in [("p99", &high), ("p50", &half)] {
        for stretch in points.split(String::is_empty).filter(|stretch| !stretch.is_empty()) {
            let _ = write!(svg, "<polyline class=\"{class}\" points=\"{}\"/>", stretch.join(" "));
        }
    }
    svg.push_str(&outage(report, series.tier, &axis, foot));
    let width = words(WINDOW.saturating_mul(i64::try_from(together).unwrap_or(1)));
    let _ = write!(
        svg,
        "<text class=\"name\" x=\"0\" y=\"{}\">tier {}</text><text x=\"0\" y=\"{}\">up to {most}</text><text x=\"0\" y=\"{}\">in {}</text>\
         <text x=\"0\" y=\"{}\">latency</text><text x=\"0\" y=\"{}\">to {}</text></svg>",
        TOP + 12,
        series.tier,
        TOP + 28,
        TOP + 42,
        escape(&width),
        TOP + BARS + GAP + 16,
        TOP + BARS + GAP + 30,
        escape(&words(slowest / 100_000 * 100_000))
    );
    svg
}

/// The tier's outage: shaded, framed above, with its ends as far as they are known.
fn outage(report: &Report<'_>, tier: u8, axis: &Axis, foot: i64) -> String {
    let Some(moments) = report.verdict.moments.tiers.get(&tier) else {
        return String::new();
    };
    let Some(impact) = moments.impact else {
        let queued: u64 = report
            .series
            .tiers
            .iter()
            .filter(|series| series.tier == tier)
            .flat_map(|series| &series.windows)
            .map(|window| u64::from(window.queued))
            .sum();
        let good = |series: &TierSeries| series.windows.iter().all(|window| window.state == WindowState::Good);
        let whole = report
            .series
            .tiers
            .iter()
            .filter(|series| series.tier == tier)
            .all(good);
        let word = if whole && queued > 0 {
            "no outage: a durable queue answered where the database did not"
        } else if whole {
            "no outage"
        } else {
            "no outage proved; what grey windows hold is unknown"
        };
        return format!("<text x=\"{LEFT}\" y=\"{}\">{word}</text>", TOP - 5);
    };
    let (from, until) = (
        axis.x(impact.early),
        moments.restored.map_or(axis.end(), |at| axis.x(at.late)),
    );
    let word = if moments.restored.is_some() {
        "outage"
    } else {
        "outage, not restored to the end"
    };
    let (x, anchor) = if from > WIDTH - 200 {
        (until, "end")
    } else {
        (from, "start")
    };
    format!(
        "<rect class=\"shade\" x=\"{from}\" y=\"{TOP}\" width=\"{}\" height=\"{}\"/>\
         <text class=\"word\" x=\"{x}\" y=\"{}\" text-anchor=\"{anchor}\">{word}</text>",
        (until - from).max(2),
        foot - TOP,
        TOP - 5
    )
}
