//! Runs whose evidence stands for itself, written without running a drill: the fault struck, nobody ever noticed, and the
//! verdict is a failed detection. Or nothing was recorded but the beginning and the end, and nothing is decided.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use firedrill::build::{self, PROGRAM};
use firedrill::recorder::Recorder;
use firedrill::{library, performance, run_directory};
use firedrill_core::event::{Class, DelayKind, Edge, Event, FaultEdge, Phase, Role};
use firedrill_core::evidence::{InputDocument, RUN_SCHEMA, RunInputs};
use firedrill_core::ledger::{OperationKind, OperationOutcome, UNSTATED};
use firedrill_core::resolve::{TWIN, resolve_altered};
use firedrill_core::stamp::{MILLISECOND, Nanos, SECOND, Stamp};
use firedrill_core::terms::{DetectorTerm, Terms};
use firedrill_core::{Operation, Outcome};
use firedrill_load::{Sink, now};

/// What the evidence of a run leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// A fault that nobody notices: FAIL.
    Unnoticed,
    /// Nothing of a drill: INCONCLUSIVE.
    Nothing,
}

/// Writes a run of a shipped scenario that began then; returns its directory.
pub(crate) fn store(history: &Path, started: &str, scenario: &str, twin: Option<&str>, written: Written) -> PathBuf {
    let loaded = library::load(scenario).unwrap_or_else(|_| panic!("{scenario} is shipped"));
    let settings: BTreeMap<String, String> = twin
        .map(|twin| (TWIN.to_owned(), twin.to_owned()))
        .into_iter()
        .collect();
    let (_, terms) = resolve_altered(&loaded.plan.value, &loaded.scenario.value, twin, &settings).expect("a drill");
    let name = format!(
        "{}-{}",
        started.replace([':', '-'], ""),
        terms.scenario.replace(['/', ':'], "-")
    );
    let directory = history.join(&name);
    let (plan_text, scenario_text) = (
        loaded.plan.source.text.to_string(),
        loaded.scenario.source.text.to_string(),
    );
    let inputs = RunInputs {
        schema: RUN_SCHEMA,
        run: name,
        started: started.to_owned(),
        plan: InputDocument::of(&terms.plan, &plan_text),
        scenario: InputDocument::of(&terms.scenario, &scenario_text),
        plan_text,
        scenario_text,
        settings,
        terms: terms.clone(),
        seed: 1,
        environment: "local".into(),
        versions: [(PROGRAM.to_owned(), build::named())].into(),
    };
    let digest = run_directory::create(&directory, &inputs).expect("a run directory");
    let recorder = Recorder::open(&directory, &digest).expect("a history");
    if written == Written::Unnoticed {
        unnoticed(&recorder, &terms);
    }
    recorder.close(None, &[]).expect("a whole history");
    let Ok(run) = performance::conclude(&directory) else {
        panic!("what was recorded can be judged");
    };
    let verdict = &run.judged.verdict;
    let expected = match written {
        Written::Unnoticed => Outcome::Fail,
        Written::Nothing => Outcome::Inconclusive,
    };
    assert_eq!(verdict.outcome, expected, "{:?}", verdict.spoiled);
    directory
}

/// Five good seconds, the strike, and ten bad ones in which no alert is raised.
fn unnoticed(recorder: &Recorder, terms: &Terms) {
    let component = terms.components.keys().next().expect("a component").clone();
    let from = now();
    let strike = from + 5 * SECOND;
    let end = strike + 10 * SECOND;
    let at = |at: Nanos, event: Event| recorder.record(Stamp::at(at), event);
    let life = recorder.incarnation(&component, "7/1/0");
    let DetectorTerm::Alerts { kinds, .. } = &terms.detector else {
        panic!("the plan's rules notice it");
    };
    let rules: BTreeMap<String, String> = kinds
        .iter()
        .map(|kind| (format!("rule {kind}"), kind.clone()))
        .collect();
    let monitor = |edge| Event::Monitor {
        edge,
        rules: rules.clone(),
    };
    let fault = |edge| Event::Fault {
        name: "lost".into(),
        strikes: true,
        edge,
        detail: BTreeMap::new(),
    };
    at(from, monitor(Edge::Begun));
    at(
        from,
        Event::Phase {
            phase: Phase::Steady,
            edge: Edge::Begun,
        },
    );
    at(
        from,
        Event::Rate {
            rate: terms.calendar_scale,
        },
    );
    at(
        from,
        Event::Delay {
            kind: DelayKind::Scheduling,
            drill: MILLISECOND,
        },
    );
    for (index, tier) in terms.tiers.iter().enumerate() {
        let id = u16::try_from(index).expect("few tiers");
        recorder.class(Class {
            id,
            service: tier.services.first().cloned().unwrap_or_default(),
            component: component.clone(),
            tier: Some(tier.level),
            space: id,
            role: Role::Workload,
        });
        let every = 10 * MILLISECOND;
        let operations: Vec<Operation> = (0..(end - from) / every)
            .map(|tick| {
                let sent = from + tick * every;
                let good = sent < strike;
                Operation {
                    scheduled: sent,
                    sent,
                    done: sent + MILLISECOND,
                    key: 1_000_000 + tick.unsigned_abs(),
                    version: 0,
                    replaced: UNSTATED,
                    incarnation: if good {
                        life
                    } else {
                        firedrill_core::ledger::NO_INCARNATION
                    },
                    class: id,
                    kind: OperationKind::Read,
                    outcome: if good {
                        OperationOutcome::Acked
                    } else {
                        OperationOutcome::Refused
                    },
                    flags: 0,
                    attempts: 1,
                }
            })
            .collect();
        recorder.operations(&operations);
    }
    at(
        strike - 10 * MILLISECOND,
        Event::Steady {
            held: true,
            why: String::new(),
        },
    );
    at(strike, fault(FaultEdge::Invoked));
    at(strike, fault(FaultEdge::Proved));
    at(end, Event::LoadStopped {});
    at(end, monitor(Edge::Ended));
    at(
        end + SECOND,
        Event::Beats {
            from: from - SECOND,
            count: 1_700,
            gap_max: 11 * MILLISECOND,
        },
    );
}
