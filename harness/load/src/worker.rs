//! One connection of a tier: takes the oldest due operation, sends it, says what became of it.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use firedrill_core::Operation;
use firedrill_core::event::Class;
use firedrill_core::ledger::{NO_INCARNATION, OperationKind, OperationOutcome, UNSTATED};
use firedrill_core::stamp::Nanos;

use crate::answer::{Answer, Client, Session, Write};
use crate::backlog::{Backlog, Job};
use crate::body::{body, is_genuine};
use crate::clock::now;
use crate::sink::Sink;

/// The schedule waits this long for connections: a service that does not answer must not hold it up.
pub(crate) const OPENING_MAX: Duration = Duration::from_secs(2);

/// An operation that ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) ticket: u32,
    pub(crate) operation: Operation,
}

/// What all connections of a load share.
pub(crate) struct Shared {
    pub(crate) classes: Vec<Class>,
    pub(crate) content_seed: u64,
    pub(crate) deadline: Duration,
    pub(crate) lag: Nanos,
    pub(crate) client: Arc<dyn Client>,
    pub(crate) sink: Arc<dyn Sink>,
}

/// An operation that was never sent.
pub(crate) fn not_sent(class: &Class, job: &Job, now: Nanos) -> Operation {
    let scheduled = job.scheduled.unwrap_or(now);
    Operation {
        scheduled,
        sent: scheduled,
        done: scheduled,
        key: job.choice.key,
        version: job.choice.version,
        replaced: UNSTATED,
        incarnation: NO_INCARNATION,
        class: class.id,
        kind: job.choice.kind,
        outcome: OperationOutcome::NotSent,
        flags: 0,
        attempts: 0,
    }
}

/// Serves one connection until the backlog is closed and empty.
pub(crate) async fn work(
    shared: Arc<Shared>,
    backlog: Arc<Backlog>,
    number: usize,
    opened: Sender<()>,
    ended: Sender<Ended>,
) {
    let mut session = shared.client.session();
    session.open(OPENING_MAX).await;
    // A schedule that has begun without this connection does not listen any more.
    let _ = opened.send(());
    let mut names = Names::default();
    while let Some(job) = backlog.next(number).await {
        let class = &shared.classes[job.class as usize];
        let started = now();
        let late = job.scheduled.is_some_and(|scheduled| started - scheduled > shared.lag);
        let operation = if late {
            not_sent(class, &job, started)
        } else {
            send(&shared, class, &job, session.as_mut(), &mut names).await
        };
        let ticket = job.ticket;
        // The dispatcher ends last; were it gone, nobody would be left to tell.
        if ended.send(Ended { ticket, operation }).is_err() {
            return;
        }
    }
}

async fn send(shared: &Shared, class: &Class, job: &Job, session: &mut dyn Session, names: &mut Names) -> Operation {
    let choice = job.choice;
    let content = match choice.kind {
        OperationKind::Insert | OperationKind::Update => {
            body(shared.content_seed, &class.service, choice.key, choice.version)
        }
        OperationKind::Delete | OperationKind::Read => String::new(),
    };
    let sent = now();
    let answer = if choice.kind == OperationKind::Read {
        session.read(&class.service, choice.key, shared.deadline).await
    } else {
        let write = Write {
            service: &class.service,
            key: choice.key,
            version: choice.version,
            kind: choice.kind,
            body: &content,
        };
        session.write(&write, shared.deadline).await
    };
    let done = now();
    let read = choice.kind == OperationKind::Read;
    Operation {
        scheduled: job.scheduled.unwrap_or(sent),
        sent,
        done,
        key: choice.key,
        version: if read { answer.version } else { choice.version },
        replaced: if answer.outcome == OperationOutcome::Acked && !read {
            answer.replaced
        } else {
            UNSTATED
        },
        incarnation: names.index(shared.sink.as_ref(), &class.component, &answer),
        class: class.id,
        kind: choice.kind,
        outcome: if read {
            read_outcome(shared, class, choice.key, &answer)
        } else {
            answer.outcome
        },
        flags: answer.flags,
        attempts: 1,
    }
}

/// A value that a read returned counts as acked; so only a value that a client once wrote may be reported as read.
fn read_outcome(shared: &Shared, class: &Class, key: u64, answer: &Answer) -> OperationOutcome {
    let genuine = match &answer.body {
        Some(found) => is_genuine(shared.content_seed, &class.service, key, answer.version, found),
        None => answer.version == 0,
    };
    match answer.outcome {
        OperationOutcome::Acked if !genuine => OperationOutcome::Indeterminate,
        outcome => outcome,
    }
}

/// Incarnations seen by one connection, so that the recorder is asked once for each.
#[derive(Default)]
struct Names {
    known: Vec<(String, Arc<str>, u16)>,
}

/// More incarnations than any drill has; a service that makes up a new one per answer must not fill the memory.
const NAMES_MAX: usize = 256;

impl Names {
    fn index(&mut self, sink: &dyn Sink, component: &str, answer: &Answer) -> u16 {
        let Some(name) = &answer.incarnation else {
            return NO_INCARNATION;
        };
        let found = self
            .known
            .iter()
            .rev()
            .find(|(of, known, _)| (Arc::ptr_eq(known, name) || known == name) && of == component);
        if let Some((_, _, index)) = found {
            return *index;
        }
        let index = sink.incarnation(component, name);
        if self.known.len() < NAMES_MAX {
            self.known.push((component.to_owned(), name.clone(), index));
        }
        index
    }
}
