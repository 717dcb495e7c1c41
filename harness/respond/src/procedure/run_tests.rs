use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use firedrill_core::Stamp;
use firedrill_environment::EnvironmentError;
use tokio::sync::Barrier;

use super::*;

#[derive(Debug, Default)]
struct Seen(Mutex<Vec<(Stamp, Event)>>);

impl Observer for Seen {
    fn observed(&self, stamp: Stamp, event: Event) {
        self.0.lock().unwrap().push((stamp, event));
    }
}

#[async_trait::async_trait]
impl Gate for Seen {
    async fn pass(&self, step: &str, side: StepSide) {
        tokio::task::yield_now().await;
        let text = format!("{side} {step}");
        self.observed(instant(), Event::Note { text });
    }
}

impl Seen {
    fn lines(&self) -> Vec<String> {
        let line = |(_, event): &(Stamp, Event)| match event {
            Event::Step { name, edge, .. } => format!("{name} {edge:?}"),
            Event::Procedure { edge, succeeded } => format!("procedure {edge:?} {succeeded:?}"),
            Event::Note { text } => text.clone(),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().iter().map(line).collect()
    }
}

impl From<&str> for Broken {
    fn from(why: &str) -> Broken {
        Broken {
            why: why.into(),
            lack: false,
        }
    }
}

/// A step whose action names what the test makes of it.
fn step(name: &str, after: &[usize]) -> Ready {
    Ready {
        name: name.into(),
        action: Action::Fence { service: name.into() },
        after: after.to_vec(),
        deadline: None,
    }
}

fn named(action: &Action) -> String {
    match action {
        Action::Fence { service } => service.clone(),
        _ => unreachable!("only fences are made here"),
    }
}

const LONG: Duration = Duration::from_secs(3600);

async fn run_all(steps: &[Ready], deadline: Duration, seen: &Arc<Seen>) -> ProcedureOutcome {
    run(
        steps,
        deadline,
        Arc::clone(seen) as Arc<dyn Observer>,
        None,
        CancellationToken::new(),
        |action, waiting| async move {
            match named(&action).as_str() {
                "bad" => Err("it broke".into()),
                "no room" => {
                    let source = std::io::ErrorKind::StorageFull.into();
                    let what = "cannot write postgresql.conf".into();
                    Err(ActionError::from(EnvironmentError::Io { what, source }).into())
                }
                "stuck" => {
                    waiting.on("a day that never comes");
                    std::future::pending().await
                }
                "panics" => panic!("as the test wants it"),
                other => Ok(format!("{other} is done")),
            }
        },
    )
    .await
}

fn edges(outcome: &ProcedureOutcome) -> Vec<(&str, StepEdge)> {
    outcome
        .steps
        .iter()
        .map(|step| (step.name.as_str(), step.edge))
        .collect()
}

#[tokio::test]
async fn steps_run_in_order_and_all_is_told() {
    let seen = Arc::new(Seen::default());
    let outcome = run_all(&[step("a", &[]), step("b", &[0])], LONG, &seen).await;
    assert!(outcome.succeeded && !outcome.cancelled);
    assert_eq!(outcome.steps[1].detail, "b is done");
    assert_eq!(
        seen.lines(),
        [
            "procedure Begun None",
            "a Begun",
            "a Done",
            "b Begun",
            "b Done",
            "procedure Ended Some(true)"
        ]
    );
    let stamps: Vec<Stamp> = seen.0.lock().unwrap().iter().map(|(stamp, _)| *stamp).collect();
    assert!(stamps.is_sorted());
}

#[tokio::test]
async fn a_procedure_that_does_nothing_ends_at_once() {
    let seen = Arc::new(Seen::default());
    assert!(run_all(&[], LONG, &seen).await.succeeded);
    assert_eq!(seen.lines(), ["procedure Begun None", "procedure Ended Some(true)"]);
}

#[tokio::test]
async fn what_follows_a_failure_is_skipped_and_the_rest_goes_on() {
    let seen = Arc::new(Seen::default());
    let steps = [step("bad", &[]), step("b", &[0]), step("c", &[1]), step("d", &[])];
    let outcome = run_all(&steps, LONG, &seen).await;
    assert!(!outcome.succeeded);
    let wanted = [
        ("bad", StepEdge::Failed),
        ("b", StepEdge::Skipped),
        ("c", StepEdge::Skipped),
        ("d", StepEdge::Done),
    ];
    assert_eq!(edges(&outcome), wanted);
    assert_eq!(outcome.steps[0].detail, "it broke");
    assert_eq!(outcome.steps[2].detail, "step `b` did not succeed");
    assert_eq!(outcome.lack(), None);
}

#[tokio::test]
async fn a_step_that_fails_for_what_the_harness_lacks_is_told_from_one_that_fails() {
    let seen = Arc::new(Seen::default());
    let steps = [step("bad", &[]), step("no room", &[]), step("c", &[1])];
    let outcome = run_all(&steps, LONG, &seen).await;
    assert!(!outcome.succeeded);
    let wanted = [
        ("bad", StepEdge::Failed),
        ("no room", StepEdge::Failed),
        ("c", StepEdge::Skipped),
    ];
    assert_eq!(edges(&outcome), wanted);
    assert_eq!(outcome.lack(), Some(&outcome.steps[1]));
    let outcome = run_all(&[step("panics", &[])], LONG, &seen).await;
    assert!(
        outcome.lack().is_some(),
        "a fault of this program is none of the plan's"
    );
}

#[tokio::test]
async fn a_step_that_panics_fails_and_takes_nothing_with_it() {
    let seen = Arc::new(Seen::default());
    let outcome = run_all(&[step("panics", &[]), step("b", &[])], LONG, &seen).await;
    assert_eq!(edges(&outcome), [("panics", StepEdge::Failed), ("b", StepEdge::Done)]);
}

#[tokio::test]
async fn independent_steps_run_at_once() {
    let barrier = Arc::new(Barrier::new(2));
    let seen = Arc::new(Seen::default());
    let steps = [step("a", &[]), step("b", &[]), step("c", &[0, 1])];
    let met = Arc::new(AtomicUsize::new(0));
    let outcome = {
        let (barrier, met) = (Arc::clone(&barrier), Arc::clone(&met));
        run(
            &steps,
            LONG,
            seen.clone() as Arc<dyn Observer>,
            None,
            CancellationToken::new(),
            move |action, _| {
                let (barrier, met) = (Arc::clone(&barrier), Arc::clone(&met));
                async move {
                    // One after the other these would wait for each other without end.
                    if named(&action) != "c" {
                        barrier.wait().await;
                        met.fetch_add(1, Ordering::SeqCst);
                        return Ok(String::new());
                    }
                    Ok(format!("{} met", met.load(Ordering::SeqCst)))
                }
            },
        )
        .await
    };
    assert!(outcome.succeeded);
    assert_eq!(
        outcome.steps[2].detail, "2 met",
        "a step waits for all that it is after"
    );
}

#[tokio::test]
async fn a_step_past_its_deadline_is_ended_and_says_what_it_waited_for() {
    let seen = Arc::new(Seen::default());
    let mut stuck = step("stuck", &[]);
    stuck.deadline = Some(Duration::from_millis(10));
    let outcome = run_all(&[stuck, step("b", &[0]), step("c", &[])], LONG, &seen).await;
    let wanted = [
        ("stuck", StepEdge::TimedOut),
        ("b", StepEdge::Skipped),
        ("c", StepEdge::Done),
    ];
    assert_eq!(edges(&outcome), wanted);
    assert_eq!(
        outcome.steps[0].detail,
        "its deadline passed; it waited for a day that never comes"
    );
}

#[tokio::test]
async fn the_procedure_s_deadline_ends_every_step() {
    let seen = Arc::new(Seen::default());
    let mut patient = step("stuck", &[]);
    patient.deadline = Some(LONG);
    let outcome = run_all(&[patient, step("stuck", &[])], Duration::from_millis(10), &seen).await;
    assert!(outcome.steps.iter().all(|step| step.edge == StepEdge::TimedOut));
    assert!(outcome.steps[0].detail.starts_with("the procedure's deadline passed"));
}

#[tokio::test]
async fn cancelling_ends_what_is_at_work_and_tells_it() {
    let seen = Arc::new(Seen::default());
    let cancel = CancellationToken::new();
    let trigger = cancel.clone();
    let steps = [step("stuck", &[]), step("b", &[0])];
    let outcome = run(
        &steps,
        LONG,
        seen.clone() as Arc<dyn Observer>,
        None,
        cancel,
        move |_, _| {
            trigger.cancel();
            std::future::pending::<Result<String, Broken>>()
        },
    )
    .await;
    assert!(outcome.cancelled && !outcome.succeeded);
    assert_eq!(edges(&outcome), [("stuck", StepEdge::Failed), ("b", StepEdge::Skipped)]);
    assert_eq!(seen.lines().last().unwrap(), "procedure Ended Some(false)");
}

#[tokio::test]
async fn a_step_passes_the_gate_before_its_work_and_after_its_success() {
    let seen = Arc::new(Seen::default());
    let steps = [step("a", &[]), step("bad", &[0]), step("c", &[1])];
    let gate = Some(seen.clone() as Arc<dyn Gate>);
    let observer = seen.clone() as Arc<dyn Observer>;
    let cancel = CancellationToken::new();
    let outcome = run(&steps, LONG, observer, gate, cancel, |action, _| async move {
        match named(&action).as_str() {
            "bad" => Err("it broke".into()),
            other => Ok(format!("{other} is done")),
        }
    })
    .await;
    assert!(!outcome.succeeded);
    assert_eq!(
        seen.lines(),
        [
            "procedure Begun None",
            "a Begun",
            "before a",
            "after a",
            "a Done",
            "bad Begun",
            "before bad",
            "bad Failed",
            "c Skipped",
            "procedure Ended Some(false)"
        ]
    );
}
