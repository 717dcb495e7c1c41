//! Suites: which drills a calendar wants together, each run by a process of its own, so that one that fails cannot take
//! the others with it.

mod child;
mod queue;
mod selection;

pub use child::{Ordered, follow_parent};
pub use queue::{Progress, Told, run_all};
pub use selection::{Selected, Selection, load, rhythm, select};
