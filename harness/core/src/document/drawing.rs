//! Mistakes at their places, as diagnostics that miette draws.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{
    Diagnostic, LabeledSpan, MietteError, MietteSpanContents, NamedSource, SourceCode, SourceSpan, SpanContents,
};

use super::Source;
use super::excerpt::{excerpt, pointed_at};
use super::mistake::{Mistake, Severity};

/// More mistakes are counted, not told: nobody reads them, and each is searched for in the text.
const TOLD_MAX: usize = 100;

/// One mistake with the text it stands in.
#[derive(Clone)]
pub struct Drawn {
    /// The mistake.
    pub mistake: Mistake,
    /// Line, counted from 1; 0 where the file has no text.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    span: Range<usize>,
    source: View,
}

impl Drawn {
    fn new(source: &Source, mistake: Mistake, span: Range<usize>) -> Drawn {
        let before = source.text.get(..span.start).unwrap_or("");
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Drawn {
            mistake,
            line: usize::from(!source.text.is_empty()) + before.matches('\n').count(),
            column: 1 + before[start..].chars().count(),
            span: pointed_at(&source.text, span),
            source: View(NamedSource::new(&source.name, source.text.clone()).with_language("yaml")),
        }
    }
}

impl fmt::Debug for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}",
            self.source.0.name(),
            self.line,
            self.column,
            self.mistake.what
        )
    }
}

impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.mistake.what)
    }
}

impl std::error::Error for Drawn {}

impl Diagnostic for Drawn {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.mistake.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.mistake.help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        (self.line > 0).then_some(&self.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        (self.line > 0).then(|| {
            let label = LabeledSpan::at(self.span.clone(), &self.mistake.label);
            Box::new(std::iter::once(label)) as Box<dyn Iterator<Item = LabeledSpan>>
        })
    }
}

/// A file of which no more is shown at once than can be read.
#[derive(Clone)]
struct View(NamedSource<Arc<str>>);

impl SourceCode for View {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let whole = self.0.read_span(span, before, after)?;
        let text: &str = self.0.inner();
        let lines = whole.span().offset()..whole.span().offset() + whole.span().len();
        let place = span.offset()..span.offset() + span.len();
        let shown = excerpt(text, lines.clone(), place).ok_or(MietteError::OutOfBounds)?;
        if shown == lines {
            return Ok(whole);
        }
        let above = text.get(..span.offset()).ok_or(MietteError::OutOfBounds)?;
        let line = above.rfind('\n').map_or(0, |newline| newline + 1);
        Ok(Box::new(
            MietteSpanContents::new_named(
                self.0.name().to_owned(),
                text[shown.clone()].as_bytes(),
                (shown.start, shown.len()).into(),
                above.matches('\n').count(),
                // What is asked for without lines around it is the place itself: its column is told.
                if before == 0 { above[line..].chars().count() } else { 0 },
                1,
            )
            .with_language("yaml"),
        ))
    }
}

/// All mistakes of one file. Never empty.
#[derive(Clone, Debug)]
pub struct Mistakes {
    /// The file, as messages name it.
    pub file: String,
    /// In the order of the file; not more than anybody reads.
    pub drawn: Vec<Drawn>,
    /// Mistakes that are only counted.
    pub left_out: usize,
    errors: usize,
    warnings: usize,
}

impl Mistakes {
    /// Mistakes with their bytes in the file.
    pub(super) fn new(source: &Source, mut placed: Vec<(Mistake, Range<usize>)>) -> Mistakes {
        let all = placed.len();
        let errors = placed
            .iter()
            .filter(|(mistake, _)| mistake.severity == Severity::Error)
            .count();
        if all > TOLD_MAX {
            // What forbids a drill is never hidden behind what does not.
            placed.sort_by_key(|(mistake, span)| (mistake.severity != Severity::Error, span.start));
            placed.truncate(TOLD_MAX);
        }
        let mut drawn: Vec<Drawn> = placed
            .into_iter()
            .map(|(mistake, span)| Drawn::new(source, mistake, span))
            .collect();
        drawn.sort_by_key(|drawn| (drawn.line, drawn.column));
        Mistakes {
            file: source.name.clone(),
            left_out: all - drawn.len(),
            drawn,
            errors,
            warnings: all - errors,
        }
    }

    /// Whether one of them forbids a drill.
    #[must_use]
    pub fn forbids(&self) -> bool {
        self.errors > 0
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |count: usize, name: &str| {
            let plural = if count == 1 { "" } else { "s" };
            format!("{count} {name}{plural}")
        };
        match (self.errors, self.warnings) {
            (0, warnings) => write!(f, "{} in {}", count(warnings, "warning"), self.file),
            (errors, 0) => write!(f, "{} in {}", count(errors, "mistake"), self.file),
            (errors, warnings) => write!(
                f,
                "{} and {} in {}",
                count(errors, "mistake"),
                count(warnings, "warning"),
                self.file
            ),
        }?;
        match self.left_out {
            0 => Ok(()),
            _ => write!(f, "; {} of them are shown", self.drawn.len()),
        }
    }
}

impl std::error::Error for Mistakes {}

impl Diagnostic for Mistakes {
    fn severity(&self) -> Option<miette::Severity> {
        Some(if self.forbids() {
            miette::Severity::Error
        } else {
            miette::Severity::Warning
        })
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.drawn.iter().map(|drawn| drawn as &dyn Diagnostic)))
    }
}
