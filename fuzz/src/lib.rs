//! Broken plans and scenarios, thrown at everything that reads them: parse, check, lint, and every way to print what was
//! found.
//!
//! The one idea: a text may be refused, but it must be refused in words. A panic, a hang, memory without bound, a place
//! outside the text, or terms that do not survive their own file are finds. `ci/fuzz` builds this with coverage and runs
//! it; a test of the workspace keeps each find.
#![forbid(unsafe_code)]

mod examine;
mod mutate;
mod words;

pub use examine::{BETWEEN, examine};
pub use mutate::mutate;
