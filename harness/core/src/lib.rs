//! The pure model of firedrill: plans and scenarios, the plan clock, the history of a run, the ledger of
//! operations, and the verdict that follows from them.
//!
//! Nothing here is async and nothing reads a socket or the time. A verdict is a function of recorded facts, so
//! that it can be derived again anywhere; integers only, so that it comes out byte for byte the same.

pub mod calendar;
pub mod clock;
pub mod document;
pub mod event;
pub mod evidence;
pub mod history;
pub mod judge;
pub mod ledger;
pub mod operations;
pub mod past;
pub mod plan;
pub mod resolve;
pub mod scenario;
pub mod schema;
pub mod stamp;
pub mod suite;
pub mod terms;
pub mod verdict;

pub use clock::PlanClock;
pub use event::{Event, Record};
pub use judge::{Judged, judge};
pub use ledger::{FoundRow, Operation};
pub use plan::Plan;
pub use resolve::resolve;
pub use scenario::Scenario;
pub use stamp::Stamp;
pub use terms::Terms;
pub use verdict::{Finding, Outcome, Verdict};
