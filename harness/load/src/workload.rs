//! A running load: starts its threads, tells how it goes, stops it and waits until every operation has ended.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use firedrill_core::event::{Class, Role};
use firedrill_core::stamp::Nanos;
use tokio::sync::oneshot;

use crate::answer::Client;
use crate::backlog::Backlog;
use crate::clock::now;
use crate::dispatch::{Batch, Dispatcher, RUNNING, Span, State, Stream};
use crate::error::LoadError;
use crate::keyspace::Keyspace;
use crate::random::Random;
use crate::schedule::Schedule;
use crate::sink::Sink;
use crate::spec::WorkloadSpec;
use crate::tally::{Live, Tally, Totals};
use crate::worker::{Shared, work};

/// Batches on their way to the recorder.
const BATCHES_MAX: usize = 256;

/// A load that runs. It has threads of its own, so that nothing else of a drill disturbs its schedule. Dropping it
/// stops it without waiting; operations still end up in the sink.
pub struct Workload {
    stop: Arc<AtomicI64>,
    scheduled: Arc<AtomicU64>,
    tally: Arc<Mutex<Tally>>,
    finished: Option<oneshot::Receiver<Totals>>,
}

impl Workload {
    /// Starts load as soon as its connections are open, or after two seconds without those that are not.
    ///
    /// # Errors
    /// A specification that cannot be run, or a thread that cannot be started.
    pub fn start(spec: WorkloadSpec, client: Arc<dyn Client>, sink: Arc<dyn Sink>) -> Result<Workload, LoadError> {
        spec.check()?;
        let shared = Arc::new(Shared {
            classes: spec.classes.iter().map(|class| class.class.clone()).collect(),
            content_seed: spec.content_seed,
            deadline: spec.deadline,
            lag: spec.lag.as_nanos() as Nanos,
            client,
            sink,
        });
        let streams = streams(&spec);
        let keys = spec.classes.iter().map(|class| {
            let random = Random::new(spec.seed, 0x1_0000 + u64::from(class.class.id));
            Keyspace::new(class.mix, class.first_key, class.preloaded.clone(), random)
        });
        let (ended_sender, ended) = channel();
        let (opened_sender, opened) = channel();
        let (ledger, batches) = sync_channel(BATCHES_MAX);
        let (end_sender, end) = channel();
        let (finished_sender, finished) = oneshot::channel();
        let stop = Arc::new(AtomicI64::new(RUNNING));
        let scheduled = Arc::new(AtomicU64::new(0));
        let tally = Arc::new(Mutex::new(Tally::new(shared.classes.iter().map(|class| class.tier))));

        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failed("runtime of the clients", &error))?;
        let workers: Vec<_> = streams
            .iter()
            .flat_map(|stream| (0..stream.connections).map(|number| (stream.backlog.clone(), number)))
            .map(|(backlog, number)| {
                work(
                    shared.clone(),
                    backlog,
                    number,
                    opened_sender.clone(),
                    ended_sender.clone(),
                )
            })
            .collect();
        drop((opened_sender, ended_sender));
        let (idle_sender, idle) = oneshot::channel::<()>();
        let clients = thread::Builder::new()
            .name("load-clients".into())
            .spawn(move || {
                runtime.block_on(async move {
                    for worker in workers {
                        drop(tokio::spawn(worker));
                    }
                    // Ends when the dispatcher has: what is still at work then has been accounted for.
                    let _ = idle.await;
                });
                runtime_ends(runtime);
            })
            .map_err(|error| failed("thread of the clients", &error))?;
        let dispatcher = Dispatcher {
            shared: shared.clone(),
            streams,
            keys: keys.collect(),
            arrivals: spec.arrivals,
            opened,
            ended,
            ledger,
            stop: stop.clone(),
            scheduled: scheduled.clone(),
            state: State::default(),
        };
        thread::Builder::new()
            .name("load-clock".into())
            .spawn(move || {
                dispatcher.run(&end_sender);
                drop(idle_sender);
                let _ = clients.join();
            })
            .map_err(|error| failed("thread of the schedule", &error))?;
        let accounts = Accounts {
            shared,
            batches,
            end,
            tally: tally.clone(),
            scheduled: scheduled.clone(),
        };
        thread::Builder::new()
            .name("load-ledger".into())
            .spawn(move || {
                // Nobody waits for the totals of a load that was dropped.
                let _ = finished_sender.send(accounts.keep());
            })
            .map_err(|error| failed("thread of the ledger", &error))?;
        Ok(Workload {
            stop,
            scheduled,
            tally,
            finished: Some(finished),
        })
    }

    /// How it goes; cheap enough to ask ten times a second.
    #[must_use]
    pub fn live(&self) -> Live {
        let scheduled = self.scheduled.load(Ordering::Relaxed);
        self.tally
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .live(scheduled)
    }

    /// Schedules nothing more from now on, and returns the instant: `Event::LoadStopped`. Operations that are due stay
    /// due; [`Workload::stop`] waits for them. Stopping again changes nothing.
    pub fn halt(&self) -> Nanos {
        let instant = now();
        match self
            .stop
            .compare_exchange(RUNNING, instant, Ordering::AcqRel, Ordering::Acquire)
        {
            Ok(_) => instant,
            Err(earlier) => earlier,
        }
    }

    /// Stops load and waits until every operation has ended and is with the sink: at most lag, deadline and five seconds.
    ///
    /// # Errors
    /// A thread ended before its time, or the outcomes do not sum to the schedule: the ledger is then not complete.
    pub async fn stop(mut self) -> Result<Totals, LoadError> {
        self.halt();
        let gone = |reason: &str| LoadError::Thread {
            what: "load".into(),
            reason: reason.into(),
        };
        let finished = self.finished.take().ok_or_else(|| gone("stopped twice"))?;
        let totals = finished.await.map_err(|_| gone("its ledger ended before its time"))?;
        let ended = totals.acked + totals.refused + totals.indeterminate + totals.not_sent;
        if ended != totals.scheduled {
            return Err(LoadError::Unexpected {
                what: "outcomes of the load".into(),
                found: ended.to_string(),
                expected: format!("{}, as many as were scheduled", totals.scheduled),
            });
        }
        Ok(totals)
    }
}

impl Drop for Workload {
    fn drop(&mut self) {
        self.halt();
    }
}

fn failed(what: &str, error: &std::io::Error) -> LoadError {
    LoadError::Thread {
        what: what.into(),
        reason: error.to_string(),
    }
}

/// Connections that still wait for something are dropped, which closes them.
fn runtime_ends(runtime: tokio::runtime::Runtime) {
    runtime.shutdown_background();
}

/// Classes of one role and tier share schedule, backlog and connections.
fn streams(spec: &WorkloadSpec) -> Vec<Stream> {
    let mut groups: BTreeMap<(u8, Option<u8>), Vec<u32>> = BTreeMap::new();
    for (at, class) in spec.classes.iter().enumerate() {
        groups.entry(stream_of(&class.class)).or_default().push(at as u32);
    }
    groups
        .into_iter()
        .map(|((role, tier), classes)| {
            let rates: Vec<u32> = classes.iter().map(|at| spec.classes[*at as usize].per_second).collect();
            let number = u64::from(role) << 16 | tier.map_or(0x100, u64::from);
            Stream {
                schedule: Schedule::new(&rates, spec.arrivals, Random::new(spec.seed, number)),
                classes,
                backlog: Arc::new(Backlog::new(spec.connections)),
                connections: spec.connections,
            }
        })
        .collect()
}

fn stream_of(class: &Class) -> (u8, Option<u8>) {
    let role = match class.role {
        Role::Workload => 1,
        Role::Canary => 2,
        Role::Preload => 3,
        Role::Capacity => 4,
    };
    (role, class.tier)
}

/// Hands what ended to the recorder and counts it, on a thread of its own: a recorder that takes its time does not
/// disturb the schedule.
struct Accounts {
    shared: Arc<Shared>,
    batches: Receiver<Batch>,
    end: Receiver<Span>,
    tally: Arc<Mutex<Tally>>,
    scheduled: Arc<AtomicU64>,
}

impl Accounts {
    fn keep(self) -> Totals {
        let mut operations = Vec::new();
        while let Ok(batch) = self.batches.recv() {
            operations.clear();
            operations.extend(batch.iter().map(|(_, operation)| *operation));
            self.shared.sink.operations(&operations);
            let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.tick(now());
            for (class, operation) in &batch {
                tally.add(self.shared.classes[*class as usize].tier, operation);
            }
        }
        let span = self.end.recv().unwrap_or_else(|_| Span::at(now()));
        let tally = std::mem::take(&mut *self.tally.lock().unwrap_or_else(PoisonError::into_inner));
        tally.totals(self.scheduled.load(Ordering::Relaxed), span)
    }
}
