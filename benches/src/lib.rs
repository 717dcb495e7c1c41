//! What firedrill costs, side by side with a peer that does the same without it.
//!
//! The one idea: figures of different runs are not comparable on a shared machine, ratios of neighbouring runs are. Every
//! figure is a ratio (or difference) of one run of ours and one of the peer's, taken in turn; tables show the median and
//! the spread of them. `docs/benchmarks.md` keeps what they printed.

mod arguments;
mod bed;
pub mod ledgers;
mod memory;
mod pgbench;
pub mod plans;
mod samples;
mod table;
mod traffic;

pub use arguments::Arguments;
pub use bed::Bed;
pub use memory::{reset_peak, resident, resident_peak};
pub use pgbench::{PgBench, Sampled, found};
pub use samples::Samples;
pub use table::{Goal, Table};
pub use traffic::{Load, Outcome};

/// Why a bench could not measure; printed, nothing else depends on it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The table of the load that is measured.
pub const TABLE: &str = "payments";
/// Connections of ours and of the peer's.
pub const CONNECTIONS: usize = 8;
