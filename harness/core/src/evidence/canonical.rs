//! Canonical JSON: one meaning, one sequence of bytes.
//!
//! A file is accepted only when writing again what was read gives the same bytes. So no spelling is left open, and
//! every byte of the file carries meaning that some digest covers.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{EvidenceError, first_difference};

/// A value as one line of compact JSON in the order of its fields, closed by a newline.
pub(crate) fn bytes<T: Serialize>(value: &T) -> Vec<u8> {
    // Only maps with keys that are no strings, or a failing writer, could fail here; the model has neither.
    let mut bytes = serde_json::to_vec(value).expect("the model's types are JSON");
    bytes.push(b'\n');
    bytes
}

/// Reads a whole file that [`bytes`] wrote.
pub(crate) fn parse<T: Serialize + DeserializeOwned>(file: &str, found: &[u8]) -> Result<T, EvidenceError> {
    parse_at(file, "", found)
}

/// Reads one line (its newline included) of a file, or a whole one; `place` names it in errors.
pub(crate) fn parse_at<T: Serialize + DeserializeOwned>(
    file: &str,
    place: &str,
    found: &[u8],
) -> Result<T, EvidenceError> {
    let value: T = serde_json::from_slice(found)
        .map_err(|error| EvidenceError::altered(file, place, reason(&error), "the documented fields"))?;
    match first_difference(found, &bytes(&value)) {
        None => Ok(value),
        Some((column, found, expected)) => {
            let comma = if place.is_empty() { "" } else { ", " };
            Err(EvidenceError::altered(
                file,
                format!("{place}{comma}column {column}"),
                found,
                format!("{expected}, the canonical form"),
            ))
        }
    }
}

/// What serde_json says, with its column but without its line number: every text here is a single line.
pub(crate) fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = match text.rfind(" at line ") {
        Some(end) => format!("{} at column {}", &text[..end], error.column()),
        None => text,
    };
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
