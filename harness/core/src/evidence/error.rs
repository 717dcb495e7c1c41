//! Why evidence is refused: the first thing that does not fit, where it stands, and what was expected there.

/// The first thing in a run directory that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}{place}: found {found}, expected {expected}", if place.is_empty() { "" } else { ", " })]
pub struct Misfit {
    /// The file, relative to the run directory.
    pub file: String,
    /// Where in it, e.g. `line 12` or `block 3, record 17`; empty for the whole file.
    pub place: String,
    /// What stands there, shortened.
    pub found: String,
    /// What should.
    pub expected: String,
}

/// Why a run directory cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Something does not fit: altered after it was written, or never in the documented format.
    #[error("the evidence does not fit: {0}; judge an unaltered copy of the run directory, or run the drill again")]
    Altered(Box<Misfit>),
    /// Recorded by another build of firedrill, which derived other terms from the same plan and scenario. Not a sign of
    /// tampering.
    #[error(
        "recorded by another build of firedrill: found {recorded}, this one is {this}; from the same plan and scenario this one \
         derives other terms ({why}), so it cannot judge that run: judge it with the build that recorded it, or run the drill again"
    )]
    OtherBuild {
        /// What `run.json` says of the build that recorded it.
        recorded: String,
        /// What this build would say of itself.
        this: String,
        /// What differs.
        why: String,
    },
    /// The run ended before it had written enough to be judged at all. Not a sign of tampering.
    #[error("open history: {0}; the recorder was cut short, so nothing can pass: run the drill again")]
    Open(String),
    /// A file could not be read; nothing is known about its content.
    #[error("{file} cannot be read: {why}")]
    Unreadable {
        /// The file, relative to the run directory.
        file: String,
        /// What the system said, and what to do.
        why: String,
    },
}

impl EvidenceError {
    /// The exit code: 3 for an open history, else 2.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            EvidenceError::Open(_) => 3,
            EvidenceError::Altered(_) | EvidenceError::OtherBuild { .. } | EvidenceError::Unreadable { .. } => 2,
        }
    }

    /// What does not fit, when that is the reason.
    #[must_use]
    pub fn misfit(&self) -> Option<&Misfit> {
        match self {
            EvidenceError::Altered(misfit) => Some(misfit),
            EvidenceError::Open(_) | EvidenceError::OtherBuild { .. } | EvidenceError::Unreadable { .. } => None,
        }
    }

    pub(crate) fn altered(
        file: &str,
        place: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> EvidenceError {
        EvidenceError::Altered(Box::new(Misfit {
            file: file.to_owned(),
            place: place.into(),
            found: found.into(),
            expected: expected.into(),
        }))
    }
}

/// Compares bytes with what they should have been, and names the first difference: (place within, found, expected).
pub(crate) fn first_difference(found: &[u8], expected: &[u8]) -> Option<(usize, String, String)> {
    if found == expected {
        return None;
    }
    let at = found
        .iter()
        .zip(expected)
        .take_while(|(one, other)| one == other)
        .count();
    Some((at + 1, excerpt(&found[at..]), excerpt(&expected[at..])))
}

/// The beginning of some bytes, quoted, short enough for one line of an error.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    const SHOWN: usize = 60;
    if bytes.is_empty() {
        return "nothing".to_owned();
    }
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)])
        .escape_debug()
        .to_string();
    let more = if bytes.len() > SHOWN { "..." } else { "" };
    format!("`{text}`{more}")
}
