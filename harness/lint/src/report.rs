//! All findings on some plans, ready to render: sorted, counted, put to lines.

use firedrill_core::Plan;
use firedrill_core::document::Parsed;

use jiff::civil::Date;

use crate::finding::{Finding, Statement};
use crate::severity::Severity;

/// All findings on some plans.
#[derive(Debug)]
pub struct Report<'a> {
    /// The plans, in the order given.
    pub plans: &'a [Parsed<Plan>],
    /// By plan, then the heaviest first, then by rule; accepted ones included.
    pub findings: Vec<Finding>,
    /// The date that reviews, drills and acceptances were held against.
    pub as_of: Date,
    lines: Vec<Lines>,
}

/// Where something stands in a file, lines and columns counted from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// First column.
    pub column: usize,
    /// Column behind the last character.
    pub end: usize,
    /// Bytes in the file.
    pub bytes: (usize, usize),
}

/// Starts of lines: found once, so that many findings in a large file stay cheap.
#[derive(Debug)]
pub(crate) struct Lines(Vec<usize>);

impl Lines {
    pub(crate) fn of(text: &str) -> Lines {
        let mut starts = vec![0];
        starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        Lines(starts)
    }

    /// The line (from 0) that a byte is in.
    pub(crate) fn line(&self, byte: usize) -> usize {
        self.0.partition_point(|start| *start <= byte).saturating_sub(1)
    }

    /// First byte of a line, or the end of the text.
    pub(crate) fn start(&self, line: usize, text: &str) -> usize {
        self.0.get(line).copied().unwrap_or(text.len())
    }
}

impl<'a> Report<'a> {
    pub(crate) fn new(plans: &'a [Parsed<Plan>], mut findings: Vec<Finding>, as_of: Date) -> Report<'a> {
        findings.sort_by(|one, other| {
            let key = |finding: &Finding| {
                (
                    finding.statements.first().map_or(0, |first| first.plan),
                    finding.rule.name,
                )
            };
            let (one_plan, one_rule) = key(one);
            let (other_plan, other_rule) = key(other);
            one_plan
                .cmp(&other_plan)
                .then(other.severity.cmp(&one.severity))
                .then(one_rule.cmp(other_rule))
                .then(one.about.cmp(&other.about))
        });
        Report {
            lines: plans.iter().map(|parsed| Lines::of(&parsed.source.text)).collect(),
            plans,
            findings,
            as_of,
        }
    }

    /// Where a statement stands in its file.
    #[must_use]
    pub fn place(&self, statement: &Statement) -> Place {
        let parsed = &self.plans[statement.plan];
        let text = &parsed.source.text;
        let span = parsed.places.span(&statement.place);
        let lines = &self.lines[statement.plan];
        let line = lines.line(span.start);
        let start = lines.start(line, text);
        let column = text.get(start..span.start).map_or(0, |before| before.chars().count());
        let width = text.get(span.clone()).map_or(0, |inside| inside.chars().count());
        Place {
            line: line + 1,
            column: column + 1,
            end: column + 1 + width,
            bytes: (span.start, span.end),
        }
    }

    pub(crate) fn lines(&self, plan: usize) -> &Lines {
        &self.lines[plan]
    }

    /// The name of a plan's file.
    #[must_use]
    pub fn file(&self, plan: usize) -> &str {
        &self.plans[plan].source.name
    }

    /// Findings that stand, accepted ones aside.
    pub fn standing(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.accepted.is_none())
    }

    /// How many of this severity stand.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.standing().filter(|finding| finding.severity == severity).count()
    }

    /// How many the plans accept.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.findings.len() - self.standing().count()
    }

    /// Whether a finding stands that weighs as much as this, or more.
    #[must_use]
    pub fn reaches(&self, severity: Severity) -> bool {
        self.standing().any(|finding| finding.severity >= severity)
    }

    /// `3 errors, 1 warning and 7 notes on 2 plans, as of 2026-12-07; 1 accepted`.
    #[must_use]
    pub fn summary(&self) -> String {
        let counted = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
        let accepted = match self.accepted() {
            0 => String::new(),
            accepted => format!("; {accepted} accepted"),
        };
        format!(
            "{}, {} and {} on {}, as of {}{accepted}",
            counted(self.count(Severity::Error), "error", "errors"),
            counted(self.count(Severity::Warn), "warning", "warnings"),
            counted(self.count(Severity::Info), "note", "notes"),
            counted(self.plans.len(), "plan", "plans"),
            self.as_of,
        )
    }
}
