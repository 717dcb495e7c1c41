//! For people: each finding drawn into the plan's file.

use std::fmt;

use firedrill_core::document::{excerpt, pointed_at};
use miette::{
    Diagnostic, GraphicalReportHandler, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan,
    SpanContents,
};

use crate::finding::{Finding, Statement};
use crate::report::Report;
use crate::severity::Severity;

/// The report as text for a terminal, drawn by this handler; accepted findings are counted, not drawn.
///
/// # Errors
/// The handler could not write.
pub fn terminal(report: &Report<'_>, handler: &GraphicalReportHandler) -> Result<String, fmt::Error> {
    let mut text = String::new();
    for finding in report.standing() {
        handler.render_report(&mut text, &Drawn::new(report, finding))?;
        text.push('\n');
    }
    text.push_str(&report.summary());
    text.push('\n');
    Ok(text)
}

/// A finding, or the part of it that stands in another file.
struct Drawn<'a> {
    headline: String,
    finding: Option<&'a Finding>,
    code: FileView<'a>,
    labels: Vec<LabeledSpan>,
    help: Option<String>,
    elsewhere: Vec<Drawn<'a>>,
}

impl<'a> Drawn<'a> {
    fn new(report: &'a Report<'a>, finding: &'a Finding) -> Drawn<'a> {
        let first = finding.statements.first().map_or(0, |statement| statement.plan);
        let mut plans: Vec<usize> = finding.statements.iter().map(|statement| statement.plan).collect();
        plans.sort_unstable();
        plans.dedup();
        let elsewhere = plans
            .iter()
            .filter(|plan| **plan != first)
            .map(|plan| Drawn {
                headline: format!("and in {}", report.file(*plan)),
                finding: None,
                code: FileView { report, plan: *plan },
                labels: labels(report, finding, *plan),
                help: None,
                elsewhere: Vec::new(),
            })
            .collect();
        Drawn {
            headline: format!("{}: {}", finding.about, finding.says),
            finding: Some(finding),
            code: FileView { report, plan: first },
            labels: labels(report, finding, first),
            help: Some(help(finding)).filter(|help| !help.is_empty()),
            elsewhere,
        }
    }
}

fn labels(report: &Report<'_>, finding: &Finding, plan: usize) -> Vec<LabeledSpan> {
    let here = finding.statements.iter().filter(|statement| statement.plan == plan);
    here.map(|statement| {
        let (start, end) = report.place(statement).bytes;
        let span = pointed_at(&report.plans[plan].source.text, start..end);
        LabeledSpan::new(Some(label(statement)), span.start, span.len())
    })
    .collect()
}

fn label(statement: &Statement) -> String {
    if statement.section.is_empty() {
        statement.says.clone()
    } else {
        format!("{} ({})", statement.says, statement.section)
    }
}

fn help(finding: &Finding) -> String {
    let mut lines = Vec::new();
    if !finding.arithmetic.is_empty() {
        lines.push(finding.arithmetic.clone());
    }
    if !finding.advice.is_empty() {
        lines.push(format!("To do: {}.", finding.advice));
    }
    lines.extend(finding.assumptions.iter().map(|one| format!("Assumes: {one}.")));
    lines.extend(
        finding
            .drills
            .iter()
            .map(|drill| format!("Proved by: firedrill run {drill}")),
    );
    lines.extend(finding.expired.clone());
    if finding.more > 0 {
        lines.push(format!("{} more take part.", finding.more));
    }
    lines.join("\n")
}

impl fmt::Debug for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline)
    }
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline)
    }
}

impl std::error::Error for Drawn<'_> {}

impl Diagnostic for Drawn<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        let finding = self.finding?;
        Some(Box::new(format!("{} ({})", finding.rule.name, finding.severity)))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.finding?.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warn => miette::Severity::Warning,
            Severity::Info => miette::Severity::Advice,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.code)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'b>(&'b self) -> Option<Box<dyn Iterator<Item = &'b dyn Diagnostic> + 'b>> {
        if self.elsewhere.is_empty() {
            return None;
        }
        Some(Box::new(self.elsewhere.iter().map(|one| one as &dyn Diagnostic)))
    }
}

/// A plan's file, read by lines found once: miette's own source is read from its first byte for every label.
struct FileView<'a> {
    report: &'a Report<'a>,
    plan: usize,
}

impl SourceCode for FileView<'_> {
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        let text: &str = &self.report.plans[self.plan].source.text;
        let lines = self.report.lines(self.plan);
        let end = span.offset().saturating_add(span.len());
        if end > text.len() {
            return Err(MietteError::OutOfBounds);
        }
        let first = lines.line(span.offset()).saturating_sub(before);
        let last = lines
            .line(end.saturating_sub(usize::from(!span.is_empty())))
            .saturating_add(after);
        let start = lines.start(first, text);
        let stop = lines.start(last + 1, text);
        // Without context the column of the span itself is told: the headline of a drawing is made of it.
        let column = match before {
            0 => text
                .get(start..span.offset())
                .map_or(0, |before| before.chars().count()),
            _ => 0,
        };
        let whole = text[start..stop].strip_suffix('\n').unwrap_or(&text[start..stop]);
        let shown = excerpt(text, start..start + whole.len(), span.offset()..end).ok_or(MietteError::OutOfBounds)?;
        let (first, last) = (lines.line(shown.start), lines.line(shown.end));
        Ok(Box::new(
            MietteSpanContents::new_named(
                self.report.file(self.plan).to_owned(),
                text[shown.clone()].as_bytes(),
                (shown.start, shown.len()).into(),
                first,
                column,
                last + 1 - first,
            )
            .with_language("yaml"),
        ))
    }
}
