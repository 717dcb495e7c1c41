//! Everything made from a finished history: text for a terminal, JSON, JUnit, Markdown, one HTML page.
//!
//! A rendering is a pure function of the judged run: the same run gives the same bytes, on any machine. Nothing may
//! look better in one of them than it was: scope, caveats and what spoils a run stand beside the verdict in each.

mod alert;
mod caveat;
mod compare;
mod figure;
mod html;
mod json;
mod junit;
mod markdown;
mod moment;
mod plain;
mod repeated;
mod suite;
mod target;
mod text;
mod tool;
mod widening;

use firedrill_core::evidence::RunInputs;
use firedrill_core::judge::Series;
use firedrill_core::verdict::Verdict;

pub use compare::{compare_markdown, compare_text};
pub use html::html;
pub use json::json;
pub use junit::junit;
pub use markdown::markdown;
pub use repeated::{Repeat, Repeated};
pub use suite::{suite_html, suite_junit, suite_markdown, suite_text};
pub use text::text;

/// A duration as people read it; nanoseconds.
pub(crate) fn words(nanos: firedrill_core::stamp::Nanos) -> String {
    firedrill_core::judge::duration::words(i128::from(nanos))
}

/// A judged run, as every rendering takes it.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// What the drill was started with.
    pub inputs: &'a RunInputs,
    /// What came of it.
    pub verdict: &'a Verdict,
    /// Goodput, errors and latency over time.
    pub series: &'a Series,
}
