//! The axis of drill time that charts share: where an instant lies, and at which round seconds ticks stand.

use std::fmt::Write as _;

use firedrill_core::stamp::{MILLISECOND, Nanos, Stamp};

pub(super) const WIDTH: i64 = 1000;
/// Steps between ticks, milliseconds, each five or two times the one before; beyond, the largest is multiplied.
const STEPS_MS: [i64; 14] = [
    10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000,
];
const TICKS_MAX: i64 = 12;

/// A stretch of drill time drawn between two margins.
pub(super) struct Axis {
    from: Nanos,
    until: Nanos,
    origin: Nanos,
    left: i64,
    right: i64,
}

impl Axis {
    /// `None` where there is nothing to stretch.
    pub(super) fn new(from: Nanos, until: Nanos, origin: Nanos, left: i64, right: i64) -> Option<Axis> {
        let length = until.checked_sub(from)?;
        (length > 0).then_some(Axis {
            from,
            until,
            origin,
            left,
            right,
        })
    }

    /// Where an instant lies; the nearest edge for one outside.
    pub(super) fn x(&self, at: Nanos) -> i64 {
        let inner = i128::from(WIDTH - self.left - self.right);
        let at = i128::from(at.clamp(self.from, self.until)) - i128::from(self.from);
        let length = i128::from(self.until) - i128::from(self.from);
        self.left + i64::try_from(at * inner / length).unwrap_or(0)
    }

    /// The end of the stretch.
    pub(super) fn end(&self) -> i64 {
        self.x(self.until)
    }

    /// A bar that is certain between the inner edges and possible up to the outer ones.
    pub(super) fn bar(&self, from: Stamp, until: Option<Stamp>, y: i64, height: i64, class: &str) -> String {
        let last = Stamp::at(self.until);
        let until = until.unwrap_or(last);
        let (outer, inner) = (
            (self.x(from.early), self.x(until.late)),
            (self.x(from.late), self.x(until.early)),
        );
        let mut svg = format!(
            "<rect class=\"{class} maybe\" x=\"{}\" y=\"{y}\" width=\"{}\" height=\"{height}\"/>",
            outer.0,
            (outer.1 - outer.0).max(2)
        );
        if inner.1 > inner.0 {
            let _ = write!(
                svg,
                "<rect class=\"{class}\" x=\"{}\" y=\"{y}\" width=\"{}\" height=\"{height}\"/>",
                inner.0,
                inner.1 - inner.0
            );
        }
        svg
    }

    /// Ticks with their lines from `top` to `bottom` and the labels below, in seconds from the origin.
    pub(super) fn ticks(&self, top: i64, bottom: i64) -> String {
        let length = (self.until - self.from) / MILLISECOND;
        let step = STEPS_MS
            .into_iter()
            .find(|step| length / step <= TICKS_MAX)
            .unwrap_or_else(|| {
                let largest = STEPS_MS[STEPS_MS.len() - 1];
                (length / TICKS_MAX / largest + 1).saturating_mul(largest)
            });
        let since = |at: Nanos| at.saturating_sub(self.origin) / MILLISECOND;
        let mut svg = String::new();
        let mut at = since(self.from).div_euclid(step) * step;
        while at <= since(self.until) {
            let place = self.origin.saturating_add(at.saturating_mul(MILLISECOND));
            if place >= self.from && place <= self.until {
                let x = self.x(place);
                let class = if at == 0 { "strike" } else { "tick" };
                let _ = write!(
                    svg,
                    "<line class=\"{class}\" x1=\"{x}\" x2=\"{x}\" y1=\"{top}\" y2=\"{bottom}\"/>\
                     <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                    bottom + 13,
                    label(at, step)
                );
            }
            at += step;
        }
        svg
    }
}

/// Seconds from the origin, with as many places as the step between ticks needs.
fn label(millis: i64, step: i64) -> String {
    let sign = match millis {
        0 => "",
        ..0 => "-",
        _ => "+",
    };
    let (whole, rest) = (millis.unsigned_abs() / 1_000, millis.unsigned_abs() % 1_000);
    match step {
        ..100 => format!("{sign}{whole}.{:02} s", rest / 10),
        100..1_000 => format!("{sign}{whole}.{} s", rest / 100),
        _ => format!("{sign}{whole} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_few_and_round() {
        let axis = Axis::new(-12_166_000_000, 12_896_000_000, 0, 0, 0).expect("a stretch");
        let ticks = axis.ticks(0, 10);
        assert_eq!(ticks.matches("<text").count(), 13, "{ticks}");
        assert!(
            ticks.contains(">-10 s<") && ticks.contains(">0 s<") && ticks.contains("class=\"strike\""),
            "{ticks}"
        );
    }

    #[test]
    fn the_whole_range_of_time_is_drawn_in_bounds() {
        assert!(Axis::new(Nanos::MIN, Nanos::MAX, 0, 0, 0).is_none());
        let axis = Axis::new(0, Nanos::MAX, 0, 0, 0).expect("a stretch");
        assert!(axis.ticks(0, 10).matches("<text").count() <= 13);
        assert_eq!(axis.x(Nanos::MIN), 0);
        assert_eq!(axis.x(Nanos::MAX), WIDTH);
    }
}
