//! What an operations team has: monitor, alerts, catalogue of backups, procedures.
//!
//! The one idea: nothing in here knows what was broken. The monitor sees what a monitor would see, and the procedure
//! works from that, from the plan and from the catalogue; all of it is told to an [`Observer`] as it happens.

mod action;
pub mod alert;
pub mod amcheck;
pub mod application;
pub mod catalogue;
pub mod clock;
pub mod database;
mod figure;
pub mod http;
pub mod monitor;
pub mod observer;
pub mod own;
pub mod people;
pub mod procedure;
pub mod team;

pub use action::ActionError;
pub use alert::{Alert, Alerts};
pub use application::{Application, ApplicationError};
pub use catalogue::Catalogue;
pub use database::DatabaseHost;
pub use monitor::{Monitor, MonitorEndpoints, MonitorError, MonitorSpec};
pub use observer::{Incarnations, Observer};
pub use own::{OwnCommands, OwnError};
pub use people::{Allowance, People};
pub use procedure::{Gate, ProcedureError, ProcedureOutcome, Runbook};
pub use team::{Backups, Operated, Team};
