//! Open-loop clients of a drill, what was acknowledged to them, and the final read.
//!
//! The one idea: nothing a client saw is interpreted here. Each scheduled operation becomes one
//! [`Operation`](firedrill_core::Operation) and each row found at the end one
//! [`FoundRow`](firedrill_core::FoundRow), handed to a [`Sink`]; the judge does the rest.

mod answer;
mod backlog;
mod body;
mod canary;
mod capacity;
mod clock;
mod dispatch;
mod driven;
mod error;
mod final_read;
mod histograms;
mod http;
mod identity;
mod keyspace;
mod object;
mod preload;
mod random;
mod schedule;
mod sessions;
mod sink;
mod spec;
mod sql;
mod tally;
mod worker;
mod workload;

pub use answer::{Answer, Client, Session, Write};
pub use body::{body, is_genuine};
pub use canary::{Canary, CanarySpec};
pub use capacity::{CapacityReport, CapacitySpec, capacity};
pub use clock::now;
pub use error::LoadError;
pub use final_read::{FinalRead, FinalReadReport, Space, SpaceReport, final_read};
pub use http::HttpClient;
pub use identity::{SqlConfig, incarnation_of};
pub use object::{Bucket, FoundObject, Objects, StoreConfig};
pub use preload::{PreloadReport, PreloadRows, PreloadSpec, preload, preload_through};
pub use sessions::end_sessions;
pub use sink::Sink;
pub use spec::{Arrivals, ClassSpec, Mix, WorkloadSpec, first_key};
pub use sql::SqlClient;
pub use tally::{Live, TierLive, TierTotals, Totals};
pub use workload::Workload;
