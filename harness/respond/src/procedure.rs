//! Procedures: steps with dependencies and deadlines, run on what the team has at hand.
//!
//! A procedure is checked whole before its first step: a name that the drill does not have must not come to light in the
//! middle of a recovery.

mod gate;
mod order;
mod run;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use firedrill_core::event::StepEdge;
use firedrill_core::scenario::{Action, Procedure};
use tokio_util::sync::CancellationToken;

use crate::action;
use crate::figure;
use crate::team::Team;

pub use gate::Gate;

/// Steps of one procedure; more are a mistake.
const STEPS_MAX: usize = 256;

/// Why a procedure cannot be run as written. Lists every problem.
#[derive(Debug, thiserror::Error)]
#[error("the procedure cannot be run as written:\n  {}", problems.join("\n  "))]
pub struct ProcedureError {
    /// Each says what was found and what was expected.
    pub problems: Vec<String>,
}

/// One step, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) name: String,
    pub(crate) action: Action,
    /// Indexes of the steps that must be done first.
    pub(crate) after: Vec<usize>,
    pub(crate) deadline: Option<Duration>,
}

/// A procedure that has been checked against what the team has.
#[derive(Clone, Debug)]
pub struct Runbook {
    deadline: Duration,
    steps: Vec<Ready>,
    gate: Option<Arc<dyn Gate>>,
}

/// How a procedure ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcedureOutcome {
    /// Every step succeeded.
    pub succeeded: bool,
    /// It was cancelled from outside.
    pub cancelled: bool,
    /// How each step ended, in the procedure's order.
    pub steps: Vec<StepOutcome>,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepOutcome {
    /// Its name.
    pub name: String,
    /// Done, Failed, TimedOut or Skipped.
    pub edge: StepEdge,
    /// What it said.
    pub detail: String,
    /// It failed for what the harness itself lacks (its supervisor, room on its disk, a sound program), which no procedure
    /// answers for.
    pub lack: bool,
}

impl ProcedureOutcome {
    /// The first step that failed for what the harness itself lacks.
    #[must_use]
    pub fn lack(&self) -> Option<&StepOutcome> {
        self.steps.iter().find(|step| step.lack)
    }
}

impl Runbook {
    /// Checks a procedure: names, dependencies, deadlines, and that the team has what each step needs.
    ///
    /// # Errors
    /// All problems found.
    pub fn new(procedure: &Procedure, team: &Team) -> Result<Runbook, ProcedureError> {
        let mut problems = Vec::new();
        let named = |name: &str, problem: String| format!("step `{name}`: {problem}");
        if procedure.steps.len() > STEPS_MAX {
            problems.push(format!(
                "found {} steps, expected at most {STEPS_MAX}",
                procedure.steps.len()
            ));
        }
        let deadline = figure::drill(procedure.deadline, "the procedure's deadline").unwrap_or_else(|problem| {
            problems.push(problem);
            Duration::ZERO
        });
        let orders = order::dependencies(&procedure.steps).unwrap_or_else(|found| {
            problems.extend(found);
            vec![Vec::new(); procedure.steps.len()]
        });
        let mut steps = Vec::with_capacity(procedure.steps.len());
        for (step, after) in procedure.steps.iter().zip(orders) {
            let deadline = step
                .deadline
                .map(|deadline| figure::drill(deadline, "deadline"))
                .transpose();
            let deadline = deadline.unwrap_or_else(|problem| {
                problems.push(named(&step.name, problem));
                None
            });
            problems.extend(
                action::problems(team, &step.action)
                    .into_iter()
                    .map(|problem| named(&step.name, problem)),
            );
            steps.push(Ready {
                name: step.name.clone(),
                action: step.action.clone(),
                after,
                deadline,
            });
        }
        if problems.is_empty() {
            Ok(Runbook {
                deadline,
                steps,
                gate: None,
            })
        } else {
            Err(ProcedureError { problems })
        }
    }

    /// The same, each step passing this gate before its work and after its success.
    #[must_use]
    pub fn past(self, gate: Arc<dyn Gate>) -> Runbook {
        Runbook {
            gate: Some(gate),
            ..self
        }
    }

    /// Runs it to its end, its deadline, or until cancelled; whatever is in work is then ended. Every step ends with an
    /// event. Boxed, so that all that steps do is compiled here and not once more where it is awaited.
    pub fn run(
        &self,
        team: Arc<Team>,
        cancel: CancellationToken,
    ) -> Pin<Box<dyn Future<Output = ProcedureOutcome> + Send + '_>> {
        Box::pin(self.play(team, cancel))
    }

    async fn play(&self, team: Arc<Team>, cancel: CancellationToken) -> ProcedureOutcome {
        let observer = Arc::clone(&team.observer);
        let gate = self.gate.clone();
        run::run(
            &self.steps,
            self.deadline,
            observer,
            gate,
            cancel,
            move |action, waiting| {
                let team = Arc::clone(&team);
                async move {
                    action::perform(&team, &action, &waiting)
                        .await
                        .map_err(run::Broken::from)
                }
            },
        )
        .await
    }
}
