//! Faults: how something is broken, proved broken and healed. One file per family. A fault is built from the
//! scenario and the environment's capabilities; it never touches what those do not offer.

pub mod backup_object;
pub mod catalogue;
pub mod data;
pub mod description;
pub mod draw;
pub mod link;
pub mod objects;
pub mod own;
pub mod page;
pub mod relation;
pub mod relation_file;
pub mod server_file;
pub mod service;

use std::collections::BTreeMap;

use async_trait::async_trait;
use firedrill_environment::{Capability, Connection};

use crate::check::Checked;

/// What a probe of the harness saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Whether what was to be broken is broken.
    pub broken: bool,
    /// What it saw.
    pub seen: String,
}

impl Proof {
    /// Nobody could look: nothing is proved.
    #[must_use]
    pub fn unseen(why: impl std::fmt::Display) -> Proof {
        Proof {
            broken: false,
            seen: format!("could not look: {why}"),
        }
    }
}

/// Why a fault could not be injected or healed.
#[derive(Debug, thiserror::Error)]
#[error("fault {fault}: {what}")]
pub struct FaultError {
    /// The fault's name.
    pub fault: String,
    /// What went wrong.
    pub what: String,
    /// The log of the scenario's own command that failed, where that is why.
    pub own: Option<String>,
}

/// Something that breaks a service, a link or data. The contract, held by one shared test: injecting is observable
/// by `prove`, healing restores, healing twice is safe, and a fault that was never injected heals to nothing.
#[async_trait]
pub trait Fault: Send + Sync {
    /// Its name in the scenario.
    fn name(&self) -> &str;

    /// An error of this fault.
    fn failed(&self, what: impl ToString) -> FaultError
    where
        Self: Sized,
    {
        FaultError {
            fault: self.name().to_owned(),
            what: what.to_string(),
            own: None,
        }
    }

    /// What it needs of the environment.
    fn needs(&self) -> Vec<Capability>;

    /// Resolved values, for the history.
    fn detail(&self) -> BTreeMap<String, String>;

    /// Takes concrete values that an earlier run recorded in its `detail` (a page, an offset) in place of fresh choices;
    /// returns the names of those it took. A fault that chooses nothing takes nothing.
    fn recall(&mut self, _recorded: &BTreeMap<String, String>) -> Vec<String> {
        Vec::new()
    }

    /// Looks at what it will need later, such as what pages hold before the load begins. Called once the data is loaded;
    /// nothing is broken by it.
    async fn arm(&self) -> Result<(), FaultError> {
        Ok(())
    }

    /// Breaks it; returns when the effect is asked for, before it is proved.
    async fn inject(&self) -> Result<(), FaultError>;

    /// Looks, by the harness's own means, whether it is broken now.
    async fn prove(&self) -> Proof;

    /// Looks whether it still is, as a condition, what the scenario says of it: damage of the newest backup is none any more
    /// once a newer one came. What it did to the thing itself is for `prove`.
    async fn stands(&self) -> Proof {
        self.prove().await
    }

    /// Ends the fault where that is the harness's to do; lost data stays lost.
    async fn heal(&self) -> Result<(), FaultError>;

    /// What is left of it in the database that serves after the recovery; `None`: it spoils no data.
    async fn left(&self, serving: &Connection) -> Option<Checked> {
        let _ = serving;
        None
    }
}
