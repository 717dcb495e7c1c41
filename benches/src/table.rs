//! What a bench prints: one row per figure, with its goal and whether it was reached.

use tabled::builder::Builder;
use tabled::settings::Style;

use crate::samples::Samples;

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// The median is at most this.
    AtMost(f64),
    /// The median is at least this.
    AtLeast(f64),
    /// None: for comparison only.
    Shown,
}

impl Goal {
    fn text(self, unit: &str) -> String {
        match self {
            Goal::AtMost(limit) => format!("<= {}{unit}", figure(limit)),
            Goal::AtLeast(limit) => format!(">= {}{unit}", figure(limit)),
            Goal::Shown => "-".into(),
        }
    }

    /// Whether the median reaches it, and by how much not.
    #[must_use]
    pub fn judged(self, samples: &Samples) -> String {
        let median = samples.median();
        let (limit, reached) = match self {
            _ if median.is_nan() => return "not measured".into(),
            Goal::AtMost(limit) => (limit, median <= limit),
            Goal::AtLeast(limit) => (limit, median >= limit),
            Goal::Shown => return "-".into(),
        };
        if reached {
            "reached".into()
        } else {
            format!("missed by {:.0} %", ((median / limit) - 1.0).abs() * 100.0)
        }
    }
}

/// Rows to print.
#[derive(Debug)]
pub struct Table {
    rows: Vec<[String; 7]>,
}

impl Table {
    /// An empty one; says on standard output what is measured and how busy the machine was before.
    #[must_use]
    pub fn new(title: &str) -> Table {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        println!("{title}");
        println!(
            "{cores} cores; load average of the last minute before: {}",
            load.split(' ').next().unwrap_or("unknown")
        );
        Table { rows: Vec::new() }
    }

    /// A figure: its samples in `unit` against the goal, beside what ours and the peer measured in the middle.
    pub fn row(&mut self, what: &str, goal: Goal, samples: &Samples, unit: &str, ours: &str, peer: &str) {
        self.rows.push([
            what.into(),
            goal.text(unit),
            format!("{}{unit}", figure(samples.median())),
            format!("{} .. {}", figure(samples.least()), figure(samples.greatest())),
            ours.into(),
            peer.into(),
            goal.judged(samples),
        ]);
    }

    /// Prints them.
    pub fn print(&self) {
        let mut builder = Builder::default();
        builder.push_record(["figure", "goal", "median", "spread", "ours", "peer", "goal is"]);
        for row in &self.rows {
            builder.push_record(row.clone());
        }
        println!("{}", builder.build().with(Style::markdown()));
    }
}

/// Three digits, or whole numbers from 100 on.
fn figure(value: f64) -> String {
    if value.abs() >= 100.0 {
        format!("{value:.0}")
    } else if value.abs() >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_judged_by_the_median_and_a_miss_says_by_how_much() {
        let samples: Samples = [1.0, 6.0, 9.0].into_iter().collect();
        assert_eq!(Goal::AtMost(6.0).judged(&samples), "reached");
        assert_eq!(Goal::AtMost(5.0).judged(&samples), "missed by 20 %");
        assert_eq!(Goal::AtLeast(8.0).judged(&samples), "missed by 25 %");
        assert_eq!(Goal::AtLeast(8.0).judged(&Samples::default()), "not measured");
    }
}
