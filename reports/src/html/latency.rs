//! The latencies of each tier over the whole run, from their histogram: shares known to the edge of a bucket.

use std::fmt::Write as _;

use firedrill_core::judge::series::Latencies;

use super::escape;
use crate::{Report, words};

/// Parts per thousand of the acknowledged operations, and their heading.
const SHARES: [(u64, &str); 4] = [
    (500, "half within"),
    (900, "90 % within"),
    (990, "99 % within"),
    (999, "99.9 % within"),
];

/// The upper edge of the bucket that holds the share, not above the slowest.
fn within(latencies: &Latencies, permille: u64) -> Option<i64> {
    let rank = (u128::from(latencies.count) * u128::from(permille)).div_ceil(1_000);
    let mut seen = 0;
    for (edge, count) in &latencies.buckets {
        seen += u128::from(*count);
        if seen >= rank && seen > 0 {
            return Some((*edge).min(latencies.max_ns));
        }
    }
    None
}

/// The table; empty where no tier has an acknowledged operation.
pub(super) fn table(report: &Report<'_>) -> String {
    let mut rows = String::new();
    for tier in report.series.tiers.iter().filter(|tier| tier.latencies.count > 0) {
        let latencies = &tier.latencies;
        let _ = write!(
            rows,
            "<tr><td>tier&nbsp;{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>",
            tier.tier,
            latencies.count,
            escape(&words(latencies.min_ns))
        );
        for (permille, _) in SHARES {
            let edge = within(latencies, permille).map_or_else(|| "not known".to_owned(), words);
            let _ = write!(rows, "<td class=\"n\">{}</td>", escape(&edge));
        }
        let _ = write!(
            rows,
            "<td class=\"n\">{}</td><td>{}</td></tr>",
            escape(&words(latencies.max_ns)),
            bars(latencies)
        );
    }
    if rows.is_empty() {
        return String::new();
    }
    let left_out = &report.series.left_out;
    let all: u64 =
        report.series.tiers.iter().map(|tier| tier.latencies.count).sum::<u64>() + left_out.canary + left_out.outside;
    for (what, number) in [
        ("the canary, no clients&#39; traffic", left_out.canary),
        ("due after the last whole window, or of no tier", left_out.outside),
        ("all acknowledged, as in the table below", all),
    ] {
        let _ = write!(
            rows,
            "<tr class=\"sum\"><td>{what}</td><td class=\"n\">{number}</td><td colspan=\"{}\"></td></tr>",
            SHARES.len() + 3
        );
    }
    let heads: Vec<String> = SHARES
        .iter()
        .map(|(_, head)| format!("<th class=\"n\">{head}</th>"))
        .collect();
    format!(
        "<h3>Latency of what was acknowledged</h3><table><thead><tr><th>tier</th><th class=\"n\">acknowledged</th>\
         <th class=\"n\">fastest</th>{}<th class=\"n\">slowest</th><th>in buckets that double</th></tr></thead><tbody>{rows}</tbody></table>\
         <p class=\"soft\">Counted from when an operation was due, over the whole run, outage included. \
         &quot;Within&quot; is the upper edge of a bucket, so that the true figure is at most this. What was never acknowledged has no latency and is counted below.</p>",
        heads.concat()
    )
}

fn bars(latencies: &Latencies) -> String {
    const HEIGHT: u128 = 18;
    let shown = &latencies.buckets[latencies.buckets.len().saturating_sub(24)..];
    let most = shown.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let mut svg = format!(
        "<svg class=\"spark\" viewBox=\"0 0 {} {HEIGHT}\" role=\"img\" aria-label=\"histogram\">",
        24 * 5
    );
    for (index, (edge, count)) in shown.iter().enumerate() {
        let height = (u128::from(*count) * HEIGHT / u128::from(most)).max(1);
        let _ = write!(
            svg,
            "<rect class=\"good\" x=\"{}\" y=\"{}\" width=\"4\" height=\"{height}\"><title>{count} up to {}</title></rect>",
            index * 5,
            HEIGHT - height,
            escape(&words(*edge))
        );
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_never_better_than_their_bucket() {
        let latencies = Latencies {
            count: 1_000,
            min_ns: 900,
            max_ns: 3_500,
            buckets: vec![(1_024, 500), (2_048, 489), (4_096, 11)],
        };
        assert_eq!(within(&latencies, 500), Some(1_024));
        assert_eq!(within(&latencies, 900), Some(2_048));
        assert_eq!(within(&latencies, 990), Some(3_500));
        assert_eq!(within(&Latencies::default(), 990), None);
    }
}
