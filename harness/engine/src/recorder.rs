//! The recorder: the one place where facts become evidence.
//!
//! Everything that happens reaches one thread, which gives it its place in the history and writes it down. If a fact
//! cannot be written the drill must stop: from then on [`Recorder::broken`] says why, and nothing may pass.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use firedrill_core::event::{Class, Event};
use firedrill_core::history::Writer;
use firedrill_core::ledger::{FoundRow, Operation, OperationOutcome};
use firedrill_core::operations::BlockWriter;
use firedrill_core::stamp::Stamp;
use firedrill_load::now;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

/// Messages that may wait to be written before senders are held back.
const QUEUE: usize = 4096;
/// A block of operations is closed at least this often.
const BLOCK: Duration = Duration::from_millis(500);

enum Message {
    Event(Box<(Stamp, Event)>),
    Operations(Vec<Operation>),
    Found(Vec<FoundRow>),
    Close {
        interrupted: Option<String>,
        digests: BTreeMap<String, String>,
    },
}

/// A handle to the recorder; clones write to the same history.
#[derive(Clone)]
pub struct Recorder {
    sender: SyncSender<Message>,
    shared: Arc<Shared>,
}

struct Shared {
    incarnations: Mutex<BTreeMap<(String, String), u16>>,
    broken: watch::Sender<Option<String>>,
    watchers: Mutex<Vec<UnboundedSender<(Stamp, Event)>>>,
    thread: Mutex<Option<JoinHandle<io::Result<()>>>>,
    directory: PathBuf,
}

impl Recorder {
    /// Opens the history of a run directory. `run_digest` is the SHA-256 of `run.json`, hex.
    ///
    /// # Errors
    /// When the files cannot be created.
    pub fn open(directory: &Path, run_digest: &str) -> io::Result<Recorder> {
        let files = Files {
            events: BufWriter::new(File::create_new(directory.join("events.jsonl"))?),
            operations: BufWriter::new(File::create_new(directory.join("operations"))?),
            writer: Writer::new(),
            blocks: BlockWriter::new(),
            outcomes: BTreeMap::new(),
            found: 0,
        };
        let (sender, receiver) = sync_channel(QUEUE);
        let shared = Arc::new(Shared {
            incarnations: Mutex::default(),
            broken: watch::Sender::new(None),
            watchers: Mutex::default(),
            thread: Mutex::default(),
            directory: directory.to_owned(),
        });
        let broken = shared.broken.clone();
        let thread = std::thread::Builder::new().name("recorder".into()).spawn(move || {
            let result = files.run(&receiver);
            if let Err(error) = &result {
                broken.send_replace(Some(format!("the evidence cannot be written: {error}")));
            }
            result
        })?;
        *lock(&shared.thread) = Some(thread);
        let recorder = Recorder { sender, shared };
        recorder.record_now(Event::Opened {
            schema: firedrill_core::history::SCHEMA,
            definitions: firedrill_core::history::DEFINITIONS,
            run: run_digest.to_owned(),
            program: format!("firedrill {}", env!("CARGO_PKG_VERSION")),
            sealed: false,
        });
        Ok(recorder)
    }

    /// Writes an event that happened within the stamp.
    pub fn record(&self, stamp: Stamp, event: Event) {
        lock(&self.shared.watchers).retain(|watcher| watcher.send((stamp, event.clone())).is_ok());
        self.send(Message::Event(Box::new((stamp, event))));
    }

    /// Writes an event that happens now.
    pub fn record_now(&self, event: Event) {
        self.record(Stamp::at(now()), event);
    }

    /// Declares a class of operations before the first of them.
    pub fn class(&self, class: Class) {
        self.record_now(Event::Class(class));
    }

    /// The index of an incarnation; recorded when it is first seen.
    pub fn incarnation(&self, component: &str, name: &str) -> u16 {
        let mut known = lock(&self.shared.incarnations);
        let next = u16::try_from(known.len()).unwrap_or(u16::MAX - 1);
        let key = (component.to_owned(), name.to_owned());
        if let Some(id) = known.get(&key) {
            return *id;
        }
        known.insert(key, next);
        // Under the lock: no operation may carry an index that the history has not seen.
        self.record_now(Event::Incarnation {
            id: next,
            component: component.to_owned(),
            name: name.to_owned(),
        });
        next
    }

    /// Events as they are written, for the live view.
    #[must_use]
    pub fn watch(&self) -> tokio::sync::mpsc::UnboundedReceiver<(Stamp, Event)> {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        lock(&self.shared.watchers).push(sender);
        receiver
    }

    /// Changes to `Some(why)` when the evidence cannot be written any more.
    #[must_use]
    pub fn broken(&self) -> watch::Receiver<Option<String>> {
        self.shared.broken.subscribe()
    }

    /// Writes the closing event with the digests of `others` (paths relative to the run directory) and waits until
    /// everything is on disk.
    ///
    /// # Errors
    /// When anything of the history could not be written.
    pub fn close(&self, interrupted: Option<String>, others: &[String]) -> io::Result<()> {
        let mut digests = BTreeMap::new();
        for path in others {
            digests.insert(
                path.clone(),
                crate::run_directory::digest(&self.shared.directory.join(path))?,
            );
        }
        self.send(Message::Close { interrupted, digests });
        lock(&self.shared.watchers).clear();
        match lock(&self.shared.thread).take() {
            Some(thread) => thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the recorder's thread died"))),
            None => Err(io::Error::other("the history is closed already")),
        }
    }

    fn send(&self, message: Message) {
        if self.sender.send(message).is_err() {
            // The thread ended: either it was closed, or writing failed and `broken` says why.
            self.shared.broken.send_if_modified(|broken| {
                let first = broken.is_none();
                broken.get_or_insert_with(|| "the history was already closed".into());
                first
            });
        }
    }
}

impl firedrill_load::Sink for Recorder {
    fn operations(&self, batch: &[Operation]) {
        self.send(Message::Operations(batch.to_vec()));
    }
    fn found(&self, rows: &[FoundRow]) {
        self.send(Message::Found(rows.to_vec()));
    }
    fn incarnation(&self, component: &str, name: &str) -> u16 {
        Recorder::incarnation(self, component, name)
    }
}

impl firedrill_respond::Observer for Recorder {
    fn observed(&self, stamp: Stamp, event: Event) {
        self.record(stamp, event);
    }
}

struct Files {
    events: BufWriter<File>,
    operations: BufWriter<File>,
    writer: Writer,
    blocks: BlockWriter,
    outcomes: BTreeMap<String, u64>,
    found: u64,
}

impl Files {
    fn run(mut self, receiver: &Receiver<Message>) -> io::Result<()> {
        let mut flushed = Instant::now();
        loop {
            match receiver.recv_timeout(BLOCK) {
                Ok(Message::Event(record)) => {
                    let line = self.writer.line(record.0, record.1);
                    self.events.write_all(line.as_bytes())?;
                }
                Ok(Message::Operations(batch)) => {
                    for operation in &batch {
                        *self
                            .outcomes
                            .entry(outcome_name(operation.outcome).to_owned())
                            .or_default() += 1;
                        let bytes = self.blocks.push_operation(operation);
                        self.operations.write_all(&bytes)?;
                    }
                }
                Ok(Message::Found(rows)) => {
                    for row in &rows {
                        self.found += 1;
                        let bytes = self.blocks.push_found(row);
                        self.operations.write_all(&bytes)?;
                    }
                }
                Ok(Message::Close { interrupted, digests }) => return self.close(interrupted, digests),
                Err(RecvTimeoutError::Timeout) => {}
                // Every handle is gone without a close: the history stays open, which no verdict can pass.
                Err(RecvTimeoutError::Disconnected) => return self.flush(),
            }
            if flushed.elapsed() >= BLOCK {
                self.flush()?;
                flushed = Instant::now();
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let bytes = self.blocks.flush();
        self.operations.write_all(&bytes)?;
        self.operations.flush()?;
        self.events.flush()
    }

    fn close(mut self, interrupted: Option<String>, mut digests: BTreeMap<String, String>) -> io::Result<()> {
        self.flush()?;
        self.operations.get_ref().sync_all()?;
        digests.insert("operations".into(), self.blocks.digest());
        let line = self
            .writer
            .close(Stamp::at(now()), self.outcomes, self.found, digests, interrupted);
        self.events.write_all(line.as_bytes())?;
        self.events.flush()?;
        self.events.get_ref().sync_all()
    }
}

fn outcome_name(outcome: OperationOutcome) -> &'static str {
    match outcome {
        OperationOutcome::Acked => "acked",
        OperationOutcome::Refused => "refused",
        OperationOutcome::Indeterminate => "indeterminate",
        OperationOutcome::NotSent => "not_sent",
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
