//! A fault that is the user's own command, with a command that looks whether it holds and one that mends it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use firedrill_core::scenario::{CommandLine, OwnFault as Spec};
use firedrill_environment::Capability;
use firedrill_respond::OwnCommands;
use firedrill_respond::own::{Kind, Task, log_file};

use super::{Fault, FaultError, Proof};

/// How long each command may take where the scenario does not say.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Detail of a fault that says whose look proves it, where that is not the harness's own probe.
pub const PROVED_BY: &str = "proved_by";

/// See the module.
pub struct OwnFault {
    name: String,
    spec: Spec,
    deadline: Duration,
    own: Arc<OwnCommands>,
    injected: AtomicBool,
}

impl OwnFault {
    /// The fault of the scenario, run by `own`.
    #[must_use]
    pub fn new(name: &str, spec: Spec, deadline: Duration, own: Arc<OwnCommands>) -> OwnFault {
        OwnFault {
            name: name.to_owned(),
            spec,
            deadline,
            own,
            injected: AtomicBool::new(false),
        }
    }

    fn task<'a>(&'a self, kind: Kind, command: &'a CommandLine) -> Task<'a> {
        Task {
            kind,
            name: &self.name,
            on: &self.spec.service,
            command,
            deadline: self.deadline,
            restores: None,
            truth: Some(serde_json::json!({ "fault": self.name, "service": self.spec.service })),
        }
    }

    async fn must(&self, kind: Kind, command: &CommandLine) -> Result<(), FaultError> {
        match self.own.run(&self.task(kind, command)).await {
            Ok(_) => Ok(()),
            Err(error) => Err(FaultError {
                own: (!error.lack).then(|| log_file(&self.name)),
                ..self.failed(error)
            }),
        }
    }
}

#[async_trait]
impl Fault for OwnFault {
    fn name(&self) -> &str {
        &self.name
    }

    fn needs(&self) -> Vec<Capability> {
        vec![Capability::Exec]
    }

    fn detail(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("service".into(), self.spec.service.clone()),
            (
                "harm".into(),
                format!("a command of the scenario: {}", self.spec.command.join(" ")),
            ),
            (PROVED_BY.into(), "the scenario's own command".into()),
        ])
    }

    async fn inject(&self) -> Result<(), FaultError> {
        self.injected.store(true, Ordering::Release);
        self.must(Kind::Fault, &self.spec.command).await
    }

    async fn prove(&self) -> Proof {
        let ended = match self.own.attempt(&self.task(Kind::Prove, &self.spec.prove)).await {
            Ok(ended) => ended,
            Err(error) => {
                return Proof {
                    broken: false,
                    seen: error.to_string(),
                };
            }
        };
        let seen = match &ended.reply {
            Ok(Some(reply)) => reply.seen.clone().unwrap_or_else(|| ended.tail.clone()),
            Ok(None) => ended.tail.clone(),
            Err(why) => format!("a result line that cannot be read: {why}"),
        };
        match (ended.late, ended.code) {
            (false, Some(0)) if ended.reply.is_ok() => Proof { broken: true, seen },
            (false, Some(1)) => Proof { broken: false, seen },
            (late, code) => Proof {
                broken: false,
                seen: format!(
                    "could not look: {} {}: {seen}",
                    self.spec.prove.join(" "),
                    match (late, code) {
                        (true, _) => "was killed at its deadline".to_owned(),
                        (false, Some(code)) => format!("ended with exit code {code}, expected 0 (broken) or 1 (not)"),
                        (false, None) => "was ended by a signal".to_owned(),
                    }
                ),
            },
        }
    }

    async fn heal(&self) -> Result<(), FaultError> {
        match &self.spec.heal {
            Some(heal) if self.injected.load(Ordering::Acquire) => self.must(Kind::Heal, heal).await,
            Some(_) | None => Ok(()),
        }
    }
}
