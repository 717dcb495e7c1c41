//! How much a finding weighs.

use std::fmt;
use std::str::FromStr;

/// How much a finding weighs, the lightest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Rests on an assumption, or is worth knowing.
    Info,
    /// The plan holds by luck, or only on paper.
    Warn,
    /// The plan's own figures and commands exclude its promise.
    Error,
}

impl Severity {
    /// `error`, `warn`, `info`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warn => "warn",
            Severity::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Severity {
    type Err = String;

    fn from_str(text: &str) -> Result<Severity, String> {
        match text {
            "info" => Ok(Severity::Info),
            "warn" => Ok(Severity::Warn),
            "error" => Ok(Severity::Error),
            other => Err(format!("`{other}` is no severity: expected error, warn or info")),
        }
    }
}
