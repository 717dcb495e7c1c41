//! The clock of the load: one thread that hands out operations when they are due and takes back what became of them.
//!
//! It alone knows keys and versions, so nothing on the way of an operation needs a lock; and a thread that only sleeps
//! and hands out keeps its time where timers of an async runtime (1 ms) would not.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender};
use std::time::Duration;

use firedrill_core::Operation;
use firedrill_core::ledger::{NO_INCARNATION, OperationOutcome, UNSTATED, flag};
use firedrill_core::stamp::{MILLISECOND, Nanos, SECOND};

use crate::backlog::{Backlog, Job};
use crate::clock::now;
use crate::keyspace::Keyspace;
use crate::schedule::Schedule;
use crate::spec::Arrivals;
use crate::worker::{Ended, OPENING_MAX, Shared, not_sent};

/// Time between the last connection opened and the first operation.
const LEAD: Nanos = MILLISECOND;
/// Sleeps no longer than this, so that a stop is noticed and operations reach the recorder in time.
const NAP_MAX: Nanos = 5 * MILLISECOND;
/// Sleeps no shorter than this: the kernel's own timer slack is 50 us.
const NAP_MIN: Nanos = 20_000;
/// What ended is handed on after this time, or when there is this much of it.
const BATCH_AGE: Nanos = 20 * MILLISECOND;
const BATCH_MAX: usize = 1024;
/// Operations handed out in one go, before what ended is looked at.
const BURST_MAX: usize = 4096;
/// Waiting operations per connection of a saturated load.
const SATURATION: usize = 16;
/// What a connection may need beyond lag and deadline to say how its last operation ended.
const GRACE: Nanos = 5 * SECOND;
/// "Not stopped".
pub(crate) const RUNNING: Nanos = Nanos::MAX;

/// Operations that ended, with the position of their class, on their way to the recorder.
pub(crate) type Batch = Vec<(u32, Operation)>;

/// When a schedule began and ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) began: Nanos,
    pub(crate) ended: Nanos,
}

impl Span {
    /// One that has no length.
    pub(crate) fn at(instant: Nanos) -> Span {
        Span {
            began: instant,
            ended: instant,
        }
    }
}

/// One tier's schedule and backlog.
pub(crate) struct Stream {
    pub(crate) schedule: Schedule,
    /// Positions of its classes.
    pub(crate) classes: Vec<u32>,
    pub(crate) backlog: Arc<Backlog>,
    pub(crate) connections: usize,
}

/// An operation between its schedule and its end.
#[derive(Clone, Copy)]
struct Open(Job);

pub(crate) struct Dispatcher {
    pub(crate) shared: Arc<Shared>,
    pub(crate) streams: Vec<Stream>,
    pub(crate) keys: Vec<Keyspace>,
    pub(crate) arrivals: Arrivals,
    /// One message per connection that is open, or could not be opened.
    pub(crate) opened: Receiver<()>,
    pub(crate) ended: Receiver<Ended>,
    pub(crate) ledger: SyncSender<Batch>,
    /// The instant after which nothing is scheduled, or [`RUNNING`].
    pub(crate) stop: Arc<AtomicI64>,
    pub(crate) scheduled: Arc<AtomicU64>,
    pub(crate) state: State,
}

/// What the dispatcher remembers between two looks.
#[derive(Default)]
pub(crate) struct State {
    open: Vec<Option<Open>>,
    free: Vec<u32>,
    batch: Batch,
    batch_begun: Nanos,
}

impl Dispatcher {
    /// Runs until the load is stopped and every operation has ended; `finished` is told the end of the schedule.
    pub(crate) fn run(mut self, finished: &Sender<Span>) {
        let began = self.begin();
        let mut jobs = Vec::new();
        let mut stopped = None;
        loop {
            self.collect();
            let stop = self.stop.load(Ordering::Acquire);
            let looked = now();
            if stopped.is_none() {
                self.hand_out(looked.min(stop), &mut jobs);
                if looked >= stop
                    && self
                        .streams
                        .iter()
                        .all(|stream| stream.schedule.due() > stop || self.saturating())
                {
                    self.retract();
                    stopped = Some(looked);
                }
            }
            self.expire(looked);
            if let Some(since) = stopped {
                let patience = self.shared.lag + self.shared.deadline.as_nanos() as Nanos + GRACE;
                if self.open_count() == 0 {
                    break;
                }
                if looked - since > patience {
                    self.abandon();
                    break;
                }
            }
            self.flush(false);
            self.nap(stopped.is_some());
        }
        for stream in &self.streams {
            stream.backlog.close();
        }
        self.flush(true);
        let ended = self.stop.load(Ordering::Acquire).max(began);
        let _ = finished.send(Span { began, ended });
    }

    /// Waits for the connections, then puts every schedule at its beginning and returns that.
    fn begin(&mut self) -> Nanos {
        let patience = now() + OPENING_MAX.as_nanos() as Nanos;
        for _ in 0..self.streams.iter().map(|stream| stream.connections).sum() {
            let left = Duration::from_nanos((patience - now()).max(0) as u64);
            if self.opened.recv_timeout(left).is_err() {
                break;
            }
        }
        let began = now() + LEAD;
        for stream in &mut self.streams {
            stream.schedule.begin(began);
        }
        began
    }

    fn saturating(&self) -> bool {
        self.arrivals == Arrivals::Saturating
    }

    fn open_count(&self) -> usize {
        self.state.open.len() - self.state.free.len()
    }

    fn hand_out(&mut self, until: Nanos, jobs: &mut Vec<Job>) {
        for at in 0..self.streams.len() {
            let wanted = if self.saturating() {
                let stream = &self.streams[at];
                (stream.connections * SATURATION).saturating_sub(stream.backlog.len())
            } else {
                BURST_MAX
            };
            for _ in 0..wanted {
                let stream = &mut self.streams[at];
                if !self.arrivals.eq(&Arrivals::Saturating) && stream.schedule.due() > until {
                    break;
                }
                let (due, turn) = stream.schedule.take();
                let class = stream.classes[turn];
                let scheduled = (self.arrivals != Arrivals::Saturating).then_some(due);
                let job = Job {
                    ticket: 0,
                    class,
                    scheduled,
                    choice: self.keys[class as usize].begin(),
                };
                jobs.push(self.open(job));
            }
            if !jobs.is_empty() {
                self.scheduled.fetch_add(jobs.len() as u64, Ordering::Relaxed);
                self.streams[at].backlog.push(jobs);
            }
        }
    }

    fn open(&mut self, mut job: Job) -> Job {
        let ticket = self.state.free.pop().unwrap_or_else(|| {
            self.state.open.push(None);
            (self.state.open.len() - 1) as u32
        });
        job.ticket = ticket;
        self.state.open[ticket as usize] = Some(Open(job));
        job
    }

    fn end(&mut self, ticket: u32, operation: Operation) {
        let Some(Open(job)) = self.state.open[ticket as usize].take() else {
            return;
        };
        self.state.free.push(ticket);
        self.keys[job.class as usize].end(job.choice, operation.outcome);
        self.state.batch.push((job.class, operation));
        if self.state.batch.len() >= BATCH_MAX {
            self.flush(true);
        }
    }

    fn collect(&mut self) {
        while let Ok(Ended { ticket, operation }) = self.ended.try_recv() {
            self.end(ticket, operation);
        }
    }

    /// Ends what no connection took in its time.
    fn expire(&mut self, looked: Nanos) {
        let mut expired = Vec::new();
        for stream in &self.streams {
            stream.backlog.expire(looked - self.shared.lag, &mut expired);
        }
        for job in expired {
            let operation = not_sent(&self.shared.classes[job.class as usize], &job, looked);
            self.end(job.ticket, operation);
        }
    }

    /// A saturated load that stops was never going to send what waits: it was not scheduled.
    fn retract(&mut self) {
        if !self.saturating() {
            return;
        }
        for at in 0..self.streams.len() {
            for job in self.streams[at].backlog.retract() {
                self.state.open[job.ticket as usize] = None;
                self.state.free.push(job.ticket);
                self.keys[job.class as usize].end(job.choice, OperationOutcome::NotSent);
                self.scheduled.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// A connection that never said how its operation ended: nothing is known of it, and that is said.
    fn abandon(&mut self) {
        for ticket in 0..self.state.open.len() as u32 {
            let Some(Open(job)) = self.state.open[ticket as usize] else {
                continue;
            };
            let instant = now();
            let sent = job.scheduled.unwrap_or(instant);
            let operation = Operation {
                scheduled: sent,
                sent,
                done: instant,
                key: job.choice.key,
                version: job.choice.version,
                replaced: UNSTATED,
                incarnation: NO_INCARNATION,
                class: self.shared.classes[job.class as usize].id,
                kind: job.choice.kind,
                outcome: OperationOutcome::Indeterminate,
                flags: flag::GAVE_UP,
                attempts: 1,
            };
            self.end(ticket, operation);
        }
    }

    /// Hands what ended to the recorder's thread. Where that is behind, what ended waits here, bounded by what is open.
    fn flush(&mut self, at_once: bool) {
        if self.state.batch.is_empty() {
            return;
        }
        let instant = now();
        if self.state.batch_begun == 0 {
            self.state.batch_begun = instant;
        }
        if at_once || instant - self.state.batch_begun >= BATCH_AGE {
            let batch = std::mem::replace(&mut self.state.batch, Vec::with_capacity(BATCH_MAX));
            self.state.batch_begun = 0;
            // A recorder that takes nothing any more holds up the schedule; that shows as lag, never as loss.
            let _ = self.ledger.send(batch);
        }
    }

    fn nap(&self, stopping: bool) {
        let next = if self.saturating() {
            now() + MILLISECOND / 2
        } else if stopping {
            now() + MILLISECOND
        } else {
            self.streams
                .iter()
                .map(|stream| stream.schedule.due())
                .min()
                .unwrap_or(Nanos::MAX)
        };
        let nap = (next - now()).clamp(0, NAP_MAX);
        if nap > NAP_MIN {
            std::thread::sleep(Duration::from_nanos(nap as u64));
        } else if nap > 0 {
            std::thread::yield_now();
        }
    }
}
