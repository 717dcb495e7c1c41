//! Due operations on their way to the connections of one tier.
//!
//! A connection that becomes free takes the oldest one itself; only a connection that sleeps is woken.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use firedrill_core::stamp::Nanos;
use tokio::sync::Notify;

use crate::keyspace::Choice;

/// An operation that is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    /// Position in the dispatcher's table of open operations.
    pub(crate) ticket: u32,
    /// Position of its class.
    pub(crate) class: u32,
    /// When it was due; `None` when it is due whenever it is sent.
    pub(crate) scheduled: Option<Nanos>,
    pub(crate) choice: Choice,
}

#[derive(Debug)]
struct Inner {
    jobs: VecDeque<Job>,
    /// Sleeping connections, the one that worked last on top: its caches are warm.
    idle: Vec<usize>,
    closed: bool,
}

#[derive(Debug)]
pub(crate) struct Backlog {
    inner: Mutex<Inner>,
    bells: Vec<Arc<Notify>>,
}

impl Backlog {
    pub(crate) fn new(workers: usize) -> Backlog {
        Backlog {
            inner: Mutex::new(Inner {
                jobs: VecDeque::new(),
                idle: Vec::with_capacity(workers),
                closed: false,
            }),
            bells: (0..workers).map(|_| Arc::new(Notify::new())).collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds due operations and wakes as many connections as there is work for.
    pub(crate) fn push(&self, jobs: &mut Vec<Job>) {
        let woken: Vec<usize> = {
            let mut inner = self.lock();
            inner.jobs.extend(jobs.drain(..));
            let spare = inner.idle.len().saturating_sub(inner.jobs.len());
            inner.idle.split_off(spare)
        };
        for worker in woken {
            self.bells[worker].notify_one();
        }
    }

    /// Takes back what nobody took and was due before `before`.
    pub(crate) fn expire(&self, before: Nanos, expired: &mut Vec<Job>) {
        let mut inner = self.lock();
        while let Some(job) = inner.jobs.front()
            && job.scheduled.is_some_and(|scheduled| scheduled < before)
        {
            expired.extend(inner.jobs.pop_front());
        }
    }

    /// Takes back everything that nobody took.
    pub(crate) fn retract(&self) -> Vec<Job> {
        self.lock().jobs.drain(..).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    /// No more work: connections end when what is there is done.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        for bell in &self.bells {
            bell.notify_one();
        }
    }

    /// The next operation for a connection; `None` when there will be none.
    pub(crate) async fn next(&self, worker: usize) -> Option<Job> {
        loop {
            {
                let mut inner = self.lock();
                if let Some(job) = inner.jobs.pop_front() {
                    return Some(job);
                }
                if inner.closed {
                    return None;
                }
                if !inner.idle.contains(&worker) {
                    inner.idle.push(worker);
                }
            }
            self.bells[worker].notified().await;
        }
    }
}
