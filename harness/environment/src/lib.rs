//! Sites, services and links that a drill runs on, and what they can do.
//!
//! The one idea: a service offers small capabilities, and everything that a run starts hangs under one supervising
//! process with a journal, so that whatever happens to the harness, nothing is left behind.

pub mod capabilities;
pub mod capability;
pub mod clean;
pub mod containers;
pub mod doctor;
mod error;
pub mod ground;
mod journal;
pub mod local;
pub mod postgres;
pub mod process;
mod runtime;
pub mod s3;
mod secret;
mod shape;
mod shared_memory;
pub mod supervise;
mod supervisor;
mod user;

pub use capabilities::Capability;
pub use capability::{Endpoint, Endpoints, Exec, Files, Invocation, Lifecycle, Outcome, Shape, State, Wire};
pub use containers::Containers;
pub use error::{EnvironmentError, is_lack_of_room};
pub use ground::Ground;
pub use local::{Application, Local, LocalOptions, Postgres, PostgresOptions, Progress, Removal, Store};
pub use postgres::connection::{Connection, answered, said};
pub use postgres::{Build, Origin, PostgresChoice, Source};
pub use s3::s3_main;
pub use secret::Secret;
pub use supervise::supervise_main;
pub use user::Account;
