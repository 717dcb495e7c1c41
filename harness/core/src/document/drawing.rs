//! Mistakes at their places, as diagnostics that miette draws.

use std::fmt;
use std::ops::Range;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

use super::Source;
use super::mistake::{Mistake, Severity};

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
    source: NamedSource<std::sync::Arc<str>>,
}

impl Drawn {
    pub(super) fn new(source: &Source, mistake: Mistake, span: Range<usize>) -> Drawn {
        let before = source.text.get(..span.start).unwrap_or("");
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Drawn {
            mistake,
            line: usize::from(!source.text.is_empty()) + before.matches('\n').count(),
            column: 1 + before[start..].chars().count(),
            span,
            source: NamedSource::new(&source.name, source.text.clone()).with_language("yaml"),
        }
    }
}

impl fmt::Debug for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}",
            self.source.name(),
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

/// All mistakes of one file. Never empty.
#[derive(Clone, Debug)]
pub struct Mistakes {
    /// The file, as messages name it.
    pub file: String,
    /// In the order of the file.
    pub drawn: Vec<Drawn>,
}

impl Mistakes {
    pub(super) fn new(file: &str, mut drawn: Vec<Drawn>) -> Mistakes {
        drawn.sort_by_key(|drawn| (drawn.line, drawn.column));
        Mistakes {
            file: file.to_owned(),
            drawn,
        }
    }

    /// Whether one of them forbids a drill.
    #[must_use]
    pub fn forbids(&self) -> bool {
        self.drawn.iter().any(|drawn| drawn.mistake.severity == Severity::Error)
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self
            .drawn
            .iter()
            .filter(|drawn| drawn.mistake.severity == Severity::Error)
            .count();
        let warnings = self.drawn.len() - errors;
        let count = |count: usize, name: &str| {
            let plural = if count == 1 { "" } else { "s" };
            format!("{count} {name}{plural}")
        };
        match (errors, warnings) {
            (0, warnings) => write!(f, "{} in {}", count(warnings, "warning"), self.file),
            (errors, 0) => write!(f, "{} in {}", count(errors, "mistake"), self.file),
            (errors, warnings) => write!(
                f,
                "{} and {} in {}",
                count(errors, "mistake"),
                count(warnings, "warning"),
                self.file
            ),
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
