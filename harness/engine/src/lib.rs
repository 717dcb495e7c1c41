//! A chaos and disaster-recovery drill harness: finds out whether a DR plan holds.
//!
//! This crate conducts drills (`drill`), breaks things (`fault`), questions what was recovered (`check`) and writes it
//! all down (`recorder`). How a verdict follows from what was written is firedrill-core's alone.

pub mod application_status;
pub mod archive_watch;
pub mod build;
pub mod cadence;
pub mod check;
pub mod cli;
pub mod command;
pub mod config;
pub mod connect;
pub mod drill;
pub mod fault;
pub mod heartbeat;
pub mod history;
pub mod interrupts;
pub mod judged;
pub mod library;
pub mod matrix;
pub mod performance;
pub mod pipeline;
pub mod recorder;
pub mod rehearsal;
pub mod run_directory;
pub mod runs;
pub mod stage;
pub mod strike;
pub mod suite;
pub mod view;
