//! A report in the shapes that people and programs read.

mod json;
mod markdown;
mod sarif;
mod terminal;

pub use json::json;
pub use markdown::markdown;
pub use sarif::sarif;
pub use terminal::terminal;
