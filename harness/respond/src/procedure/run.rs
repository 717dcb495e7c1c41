//! The runner: starts each step when those before it are done, several at once where nothing orders them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use firedrill_core::Event;
use firedrill_core::event::{Edge, StepEdge};
use firedrill_core::scenario::{Action, StepSide};
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{Gate, ProcedureOutcome, Ready, StepOutcome};
use crate::action::ActionError;
use crate::action::{self, Waiting};
use crate::clock::instant;
use crate::observer::Observer;

/// Why a step did not succeed, in words, and whether that was for what the harness itself lacks.
pub(crate) struct Broken {
    why: String,
    lack: bool,
}

impl From<ActionError> for Broken {
    fn from(error: ActionError) -> Broken {
        Broken {
            why: error.to_string(),
            lack: error.is_lack(),
        }
    }
}

/// Runs the steps; `perform` does one and says what it did, or why it failed.
pub(crate) async fn run<P, F>(
    steps: &[Ready],
    deadline: Duration,
    observer: Arc<dyn Observer>,
    gate: Option<Arc<dyn Gate>>,
    cancel: CancellationToken,
    perform: P,
) -> ProcedureOutcome
where
    P: Fn(Action, Waiting) -> F,
    F: Future<Output = Result<String, Broken>> + Send + 'static,
{
    observer.observed(
        instant(),
        Event::Procedure {
            edge: Edge::Begun,
            succeeded: None,
        },
    );
    let mut run = Run {
        steps,
        observer,
        gate,
        ended: vec![None; steps.len()],
        tasks: JoinSet::new(),
        at_work: HashMap::new(),
    };
    let until = Instant::now() + deadline;
    let mut cancelled = cancel.is_cancelled();
    while !cancelled {
        run.skip_what_cannot_start();
        for index in run.can_start() {
            run.start(index, until, &perform);
        }
        if run.at_work.is_empty() {
            break;
        }
        tokio::select! {
            biased;
            () = cancel.cancelled() => cancelled = true,
            Some(joined) = run.tasks.join_next_with_id() => run.take_in(joined),
        }
    }
    if cancelled {
        run.cancel().await;
    }
    let observer = Arc::clone(&run.observer);
    let steps: Vec<StepOutcome> = run.ended.into_iter().flatten().collect();
    let succeeded = !cancelled && steps.iter().all(|step| step.edge == StepEdge::Done);
    observer.observed(
        instant(),
        Event::Procedure {
            edge: Edge::Ended,
            succeeded: Some(succeeded),
        },
    );
    ProcedureOutcome {
        succeeded,
        cancelled,
        steps,
    }
}

/// How a step ended: how far, what it said, and whether it failed for what the harness lacks.
type StepEnd = (StepEdge, String, bool);
type Joined = Result<(Id, StepEnd), tokio::task::JoinError>;

struct Run<'a> {
    steps: &'a [Ready],
    observer: Arc<dyn Observer>,
    gate: Option<Arc<dyn Gate>>,
    ended: Vec<Option<StepOutcome>>,
    tasks: JoinSet<StepEnd>,
    at_work: HashMap<Id, usize>,
}

impl Run<'_> {
    fn edge(&self, index: usize) -> Option<StepEdge> {
        self.ended[index].as_ref().map(|outcome| outcome.edge)
    }

    fn is_at_work(&self, index: usize) -> bool {
        self.at_work.values().any(|at_work| *at_work == index)
    }

    fn can_start(&self) -> Vec<usize> {
        let waits = |index: &usize| {
            self.ended[*index].is_none()
                && !self.is_at_work(*index)
                && self.steps[*index]
                    .after
                    .iter()
                    .all(|before| self.edge(*before) == Some(StepEdge::Done))
        };
        (0..self.steps.len()).filter(waits).collect()
    }

    /// A step whose predecessor did not succeed is skipped, and so is what follows it.
    fn skip_what_cannot_start(&mut self) {
        loop {
            let hopeless = |index: usize| {
                if self.ended[index].is_some() || self.is_at_work(index) {
                    return None;
                }
                let not_done = |before: &&usize| self.edge(**before).is_some_and(|edge| edge != StepEdge::Done);
                self.steps[index]
                    .after
                    .iter()
                    .find(not_done)
                    .map(|before| (index, *before))
            };
            let Some((index, before)) = (0..self.steps.len()).find_map(hopeless) else {
                return;
            };
            let why = format!("step `{}` did not succeed", self.steps[before].name);
            self.end(index, (StepEdge::Skipped, why, false));
        }
    }

    fn start<P, F>(&mut self, index: usize, until: Instant, perform: &P)
    where
        P: Fn(Action, Waiting) -> F,
        F: Future<Output = Result<String, Broken>> + Send + 'static,
    {
        let step = &self.steps[index];
        self.tell(index, StepEdge::Begun, String::new());
        let own = step.deadline.map(|deadline| Instant::now() + deadline);
        let (until, whose) = match own {
            Some(own) if own <= until => (own, "its"),
            _ => (until, "the procedure's"),
        };
        let waiting = Waiting::of(&step.name, until);
        let work = perform(step.action.clone(), waiting.clone());
        let (gate, name) = (self.gate.clone(), step.name.clone());
        let task = self.tasks.spawn(async move {
            // Being held is nothing that the step does: its deadline moves along.
            let held = Instant::now();
            pass(gate.as_ref(), &name, StepSide::Before).await;
            match timeout_at(until + held.elapsed(), work).await {
                Ok(Ok(detail)) => {
                    pass(gate.as_ref(), &name, StepSide::After).await;
                    (StepEdge::Done, detail, false)
                }
                Ok(Err(broken)) => (StepEdge::Failed, broken.why, broken.lack),
                Err(_) => {
                    let words = waiting.words();
                    let waited = if words.is_empty() {
                        String::new()
                    } else {
                        format!("; it waited for {words}")
                    };
                    (StepEdge::TimedOut, format!("{whose} deadline passed{waited}"), false)
                }
            }
        });
        self.at_work.insert(task.id(), index);
    }

    fn take_in(&mut self, joined: Joined) {
        let (id, end) = match joined {
            Ok(ended) => ended,
            Err(error) => {
                let why = "the step broke off: a fault of this program".into();
                (error.id(), (StepEdge::Failed, why, true))
            }
        };
        if let Some(index) = self.at_work.remove(&id) {
            self.end(index, end);
        }
    }

    async fn cancel(&mut self) {
        self.tasks.shutdown().await;
        let mut at_work: Vec<usize> = self.at_work.drain().map(|(_, index)| index).collect();
        at_work.sort_unstable();
        for index in at_work {
            let why = "cancelled while it was at work".into();
            self.end(index, (StepEdge::Failed, why, false));
        }
        for index in 0..self.steps.len() {
            if self.ended[index].is_none() {
                let why = "the procedure was cancelled".into();
                self.end(index, (StepEdge::Skipped, why, false));
            }
        }
    }

    fn end(&mut self, index: usize, (edge, detail, lack): StepEnd) {
        self.tell(index, edge, detail.clone());
        self.ended[index] = Some(StepOutcome {
            name: self.steps[index].name.clone(),
            edge,
            detail,
            lack,
        });
    }

    fn tell(&self, index: usize, edge: StepEdge, detail: String) {
        let step = &self.steps[index];
        let (name, action) = (step.name.clone(), action::words(&step.action));
        self.observer.observed(
            instant(),
            Event::Step {
                name,
                action,
                edge,
                detail,
            },
        );
    }
}

async fn pass(gate: Option<&Arc<dyn Gate>>, step: &str, side: StepSide) {
    if let Some(gate) = gate {
        gate.pass(step, side).await;
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
