//! The drills of a suite, one after the other or several at a time; an inconclusive one once more.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use firedrill_core::Outcome;
use firedrill_core::suite::{Attempt, SuiteDrill};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Selected;
use super::child::{Ordered, attempt, not_run};
use crate::interrupts::Interrupts;

/// What is told while a suite runs: of which drill (by name, and number from 0), and what.
pub type Told = Arc<dyn Fn(&str, usize, Progress<'_>) + Send + Sync>;

/// A step of one drill.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// It begins, for the first time or once more.
    Begins {
        /// After an inconclusive run.
        again: bool,
    },
    /// A run of it ended.
    Ended(&'a Attempt),
    /// It cannot be run here.
    Skipped(&'a str),
}

/// Runs all drills with `jobs` at a time; returns them in order, and whether somebody ended the suite before its time.
/// Drills that were not come to are left out.
///
/// # Errors
/// When signals cannot be waited for. A drill that cannot be started has an attempt without a verdict.
pub async fn run_all(
    drills: Vec<(Selected, Ordered)>,
    jobs: usize,
    expected: bool,
    told: Told,
) -> io::Result<(Vec<SuiteDrill>, bool)> {
    let (asking, asked) = watch::channel(0_u32);
    let mut interrupts = Interrupts::listen()?;
    let listening = tokio::spawn(async move {
        loop {
            interrupts.next().await;
            asking.send_modify(|times| *times = times.saturating_add(1));
        }
    });
    let queue: Arc<Mutex<VecDeque<(usize, Selected, Ordered)>>> = Arc::new(Mutex::new(
        drills
            .into_iter()
            .enumerate()
            .map(|(number, (selected, order))| (number, selected, order))
            .collect(),
    ));
    let mut workers = JoinSet::new();
    for _ in 0..jobs.max(1) {
        let (queue, asked, told) = (queue.clone(), asked.clone(), told.clone());
        workers.spawn(async move {
            let mut done = Vec::new();
            while *asked.borrow() == 0 {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some((number, selected, order)) = next else { break };
                done.push((number, drill(selected, &order, number, expected, &asked, &told).await));
            }
            done
        });
    }
    let mut done = Vec::new();
    while let Some(worker) = workers.join_next().await {
        done.extend(worker.map_err(io::Error::other)?);
    }
    listening.abort();
    let interrupted = *asked.borrow() > 0;
    done.sort_by_key(|(number, _)| *number);
    Ok((done.into_iter().map(|(_, drill)| drill).collect(), interrupted))
}

async fn drill(
    selected: Selected,
    order: &Ordered,
    number: usize,
    expected: bool,
    asked: &watch::Receiver<u32>,
    told: &Told,
) -> SuiteDrill {
    let mut drill = SuiteDrill {
        scenario: selected.name,
        plan: selected.plan,
        summary: selected.summary,
        duties: selected.duties,
        expected_exit: selected.expected_exit,
        skipped: None,
        attempts: Vec::new(),
        trend: None,
    };
    loop {
        let again = !drill.attempts.is_empty();
        told(&drill.scenario, number, Progress::Begins { again });
        let one = attempt(order, asked.clone())
            .await
            .unwrap_or_else(|error| not_run(&error));
        // Undecided, and nothing of a run was made: the drill says of itself that this machine cannot run it.
        if one.exit == Some(3) && one.run.is_none() && !again {
            told(&drill.scenario, number, Progress::Skipped(&one.said));
            drill.skipped = Some(one.said);
            return drill;
        }
        told(&drill.scenario, number, Progress::Ended(&one));
        let once_more = !again
            && one.outcome == Some(Outcome::Inconclusive)
            // An inconclusive verdict can be what the scenario expects.
            && !(expected && one.exit == Some(0))
            && *asked.borrow() == 0;
        drill.attempts.push(one);
        if !once_more {
            return drill;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_drill_that_cannot_be_started_stays_in_the_report() {
        let selected = Selected {
            argument: "plan/drill".into(),
            name: "plan/drill".into(),
            plan: "plan".into(),
            summary: "something breaks".into(),
            duties: Vec::new(),
            expected_exit: 0,
        };
        let folder = tempfile::tempdir().expect("a folder");
        let order = Ordered {
            argument: "plan/drill".into(),
            name: "plan/drill".into(),
            arguments: Vec::new(),
            output: folder.path().into(),
            log: folder.path().join("missing/drill.log"),
            deadline: Duration::from_secs(1),
        };
        let (_asking, asked) = watch::channel(0);
        let told: Told = Arc::new(|_, _, _| {});
        let drill = drill(selected, &order, 0, false, &asked, &told).await;
        let [attempt] = &drill.attempts[..] else {
            panic!("{drill:?}")
        };
        assert_eq!((attempt.exit, attempt.outcome), (Some(4), None));
        assert!(attempt.said.contains("could not be started"), "{}", attempt.said);
        assert_eq!(drill.exit_code(&Default::default()), 4);
    }
}
