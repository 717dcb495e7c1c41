//! `firedrill supervise`: the process under which everything of a run hangs.
//!
//! It lives for one thing: when the pipe from the harness ends, for whatever reason, it ends its whole tree and removes
//! what the journal names. It is a child subreaper, so that what loses its parent becomes its child, and it stands in a
//! session of its own, so that Ctrl-C on the terminal does not reach it. It is one thread, besides the reader of the
//! pipe: who spawns also collects, and nobody can take an exit status away from the standard library.

mod removal;
pub(crate) mod sweep;
mod unstarted;
pub(crate) mod wire;

use crate::journal::{Entry, Journal};
use crate::process::{self, Identity, Status};
use crate::runtime::{RELEASE, Runtime};
use crate::shared_memory;
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Signal, WaitOptions, getpid, set_child_subreaper, setsid, wait};
use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};
use sweep::complain;
use wire::{Answer, Message, Order, Request, Spawn};

/// How often children are collected; an exit is told at most this late.
const TICK: Duration = Duration::from_millis(10);
/// How often shared memory is looked for. What a drill does on purpose is looked for just before, too.
const OBSERVE_EVERY: Duration = Duration::from_millis(500);
/// How often the lock on the run's directory is tried for.
const GUARD_TRIES: u32 = 50;
/// Longest request.
const REQUEST_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Runs `supervise --journal FILE`: makes the runtime directory that FILE shall lie in, which must not exist, serves the harness over standard input and
/// output until the input ends, then cleans up. Returns success when nothing was left behind.
#[must_use]
pub fn supervise_main(args: Vec<String>) -> ExitCode {
    let journal = match args.as_slice() {
        [flag, path] if flag == "--journal" => PathBuf::from(path),
        _ => {
            complain(format_args!(
                "supervise is started by firedrill itself: expected --journal FILE"
            ));
            return ExitCode::from(2);
        }
    };
    match Supervise::begin(&journal).and_then(Supervise::serve) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(4),
        Err(error) => {
            complain(format_args!("supervise: {}: {error}", journal.display()));
            ExitCode::from(4)
        }
    }
}

struct Supervise {
    runtime: Runtime,
    journal: Journal,
    requests: Receiver<Request>,
    children: HashMap<i32, Identity>,
    /// Locked as long as it is open.
    guarded: Option<File>,
}

impl Supervise {
    fn begin(journal_path: &Path) -> io::Result<Self> {
        let invalid = || {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "the journal must lie in a runtime directory",
            )
        };
        let place = journal_path
            .parent()
            .filter(|path| path.is_absolute())
            .ok_or_else(invalid)?;
        // A handler that does nothing, not SIG_IGN: children would inherit that.
        for signal in [1, 2, 3, 10, 12, 14, 15] {
            signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
        }
        // Fails only where we lead a group already, which serves the same end.
        let _ = setsid();
        set_child_subreaper(Some(getpid()))?;
        let us = Identity::of(getpid().as_raw_pid()).ok_or_else(|| io::Error::other("/proc is not mounted"))?;
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let runtime = Runtime::create(place)?;
        let begun = Journal::create(journal_path).and_then(|mut journal| {
            journal.write(Entry::Run {
                boot: process::boot(),
                supervise: us,
                since,
            })?;
            Ok((journal, listen()?))
        });
        match begun {
            Ok((journal, requests)) => Ok(Self {
                runtime,
                journal,
                requests,
                children: HashMap::new(),
                guarded: None,
            }),
            Err(error) => {
                let _ = std::fs::remove_dir_all(place);
                Err(error)
            }
        }
    }

    fn serve(mut self) -> io::Result<bool> {
        let mut observed = Instant::now();
        loop {
            match self.requests.recv_timeout(TICK) {
                Ok(request) => self.answer(request),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.collect();
            if observed.elapsed() >= OBSERVE_EVERY {
                let _ = self.observe();
                observed = Instant::now();
            }
        }
        while self.journal.remains().hold && self.runtime.path.exists() && !self.runtime.path.join(RELEASE).exists() {
            std::thread::sleep(TICK * 10);
            self.collect();
            if observed.elapsed() >= OBSERVE_EVERY {
                let _ = self.observe();
                observed = Instant::now();
            }
        }
        Ok(self.finish())
    }

    fn answer(&mut self, request: Request) {
        let result = match request.order {
            Order::Spawn(spawn) => self.spawn(&spawn).map(Answer::Spawned),
            Order::Observe => self.observe().map(|()| Answer::Done),
            Order::End(identity) => self.end(identity).map(|()| Answer::Done),
            Order::Register(path) if path.is_absolute() && path.parent().is_some() => {
                self.journal.write(Entry::Directory { path }).map(|()| Answer::Done)
            }
            Order::Register(path) => Err(io::Error::other(format!(
                "{} is not a directory that a run may own",
                path.display()
            ))),
            Order::Contain(contained) => self.journal.write(Entry::Contained(contained)).map(|()| Answer::Done),
            Order::Guard(run) => guard(&run).map(|held| {
                self.guarded = Some(held);
                Answer::Done
            }),
            Order::Hold => self.journal.write(Entry::Hold).map(|()| Answer::Done),
        };
        tell(&Message::Reply {
            id: request.id,
            result: result.map_err(|error| error.to_string()),
        });
    }

    fn spawn(&mut self, spawn: &Spawn) -> io::Result<Identity> {
        // Canonical, since that is what the process table will show.
        let program = find_program(spawn)?;
        let shown = program.canonicalize().unwrap_or_else(|_| program.clone());
        self.journal.write(Entry::Program { path: shown })?;
        if let Some((uid, _)) = spawn.user {
            self.journal.write(Entry::User { uid })?;
        }
        let log = |path: &Path| OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        let mut command = Command::new(&program);
        command
            .args(&spawn.args)
            .env_clear()
            .envs(spawn.env.iter().cloned())
            .current_dir(&spawn.directory)
            .stdin(Stdio::null())
            .stdout(log(&spawn.stdout)?)
            .stderr(log(&spawn.stderr)?)
            .process_group(0);
        if let Some((uid, gid)) = spawn.user {
            command.uid(uid).gid(gid);
        }
        let child = command
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), unstarted::told(&program, &spawn.directory, &error)))?;
        // It is ours and uncollected, so the pid is still its own, dead or alive.
        let identity =
            Identity::of(child.id().cast_signed()).ok_or_else(|| io::Error::other("/proc is not readable"))?;
        self.children.insert(identity.pid, identity);
        self.journal.write(Entry::Process { identity })?;
        Ok(identity)
    }

    /// Collects whoever has ended: children that we started, and orphans that became ours.
    fn collect(&mut self) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if let Some(identity) = self.children.remove(&pid.as_raw_pid()) {
                tell(&Message::Exited {
                    identity,
                    code: status.exit_status(),
                    signal: status.terminating_signal(),
                });
            }
        }
    }

    /// Writes down the shared memory that our clusters have now.
    fn observe(&mut self) -> io::Result<()> {
        let all = process::descendants(getpid().as_raw_pid());
        let servers: HashSet<i32> = all
            .iter()
            .map(|status| status.identity.pid)
            .filter(|pid| is_postgres(*pid))
            .collect();
        // A child of a server maps what its parent does, and what it makes itself is listed there.
        let first = |status: &&Status| servers.contains(&status.identity.pid) && !servers.contains(&status.parent);
        for status in all.iter().filter(first) {
            self.note(status.identity)?;
        }
        Ok(())
    }

    fn note(&mut self, identity: Identity) -> io::Result<()> {
        self.journal.write(Entry::Process { identity })?;
        for entry in shared_memory_of(identity.pid) {
            self.journal.write(entry)?;
        }
        Ok(())
    }

    /// Ends a process that we started, with all below it, once its shared memory is written down: `initdb` runs servers
    /// of its own.
    fn end(&mut self, identity: Identity) -> io::Result<()> {
        if self.children.get(&identity.pid) != Some(&identity) {
            return Ok(());
        }
        let tree = || {
            let below = process::descendants(identity.pid);
            identity.status().into_iter().chain(below).collect::<Vec<_>>()
        };
        sweep::freeze(tree);
        let found = tree();
        let noted = found.iter().try_for_each(|status| self.note(status.identity));
        for status in &found {
            let _ = status.identity.signal(Signal::KILL);
        }
        noted
    }

    fn finish(self) -> bool {
        let us = getpid().as_raw_pid();
        let mut remains = self.journal.remains().clone();
        // Before their files are taken from under them.
        let contained = sweep::remove_contained(&remains);
        let left = sweep::end_processes(
            &mut remains,
            || process::descendants(us),
            || while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {},
        );
        if left > 0 {
            complain(format_args!("supervise: {left} processes could not be ended"));
            return false;
        }
        sweep::remove_shared_memory(&remains);
        // Before the last that is waited for is gone: who waited may remove the evidence next.
        drop(self.guarded);
        // What is still there is found again by what the journal says.
        contained && sweep::remove_directories(&remains, &self.runtime.path)
    }
}

/// Shares the lock on the directory of a run's evidence. Where the file system knows no locks nobody removes it either.
fn guard(run: &Path) -> io::Result<File> {
    let directory = File::open(run)?;
    // Who only looks whether it is in use holds it for an instant.
    for _ in 0..GUARD_TRIES {
        match flock(&directory, FlockOperation::NonBlockingLockShared) {
            Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(TICK),
            _ => break,
        }
    }
    Ok(directory)
}

fn is_postgres(pid: i32) -> bool {
    process::executable(pid).is_some_and(|program| program.file_name().is_some_and(|name| name == "postgres"))
}

/// The shared memory that a process of ours shows, if it is a postmaster or one of its children.
pub(crate) fn shared_memory_of(pid: i32) -> Vec<Entry> {
    if !is_postgres(pid) {
        return Vec::new();
    }
    let mut entries: Vec<Entry> = shared_memory::mapped_by(pid)
        .into_iter()
        .map(|file| Entry::Shared { file })
        .collect();
    let segment = process::working_directory(pid).and_then(|data| shared_memory::segment_of(&data));
    let segments = shared_memory::attached_by(pid).into_iter().chain(segment);
    entries.extend(segments.map(|(id, key)| Entry::Segment { id, key }));
    entries
}

/// Reads the harness's requests in a thread of its own; the channel ends with the pipe.
fn listen() -> io::Result<Receiver<Request>> {
    let (send, requests) = mpsc::sync_channel(64);
    std::thread::Builder::new().name("requests".into()).spawn(move || {
        let mut input = BufReader::new(io::stdin());
        let mut line = Vec::new();
        loop {
            line.clear();
            match input.by_ref().take(REQUEST_BYTES_MAX).read_until(b'\n', &mut line) {
                Ok(count) if count > 0 && line.ends_with(b"\n") => {}
                // The harness is gone.
                _ => return,
            }
            match serde_json::from_slice::<Request>(&line) {
                Ok(request) => {
                    if send.send(request).is_err() {
                        return;
                    }
                }
                // Not its text: it may hold a secret.
                Err(error) => complain(format_args!(
                    "supervise: a request that cannot be read, at column {}",
                    error.column()
                )),
            }
        }
    })?;
    Ok(requests)
}

fn find_program(spawn: &Spawn) -> io::Result<PathBuf> {
    let program = &spawn.program;
    if program.components().count() > 1 {
        return Ok(program.to_path_buf());
    }
    let own = spawn.env.iter().rev().find(|(name, _)| name == "PATH");
    let path = own.map_or_else(
        || std::env::var_os("PATH").unwrap_or_default(),
        |(_, path)| path.clone().into(),
    );
    let user = spawn.user.map(|(uid, gid)| crate::user::Account {
        name: String::new(),
        uid,
        gid,
    });
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        // What only we can reach, such as a version manager's shims below /root, is nothing to the user.
        .find(|candidate| candidate.is_file() && crate::user::can_reach(user.as_ref(), candidate))
        .ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!(
                    "{} is not on PATH, or out of the services' user's reach",
                    program.display()
                ),
            )
        })
}

fn tell(message: &Message) {
    if let Ok(mut line) = serde_json::to_vec(message) {
        line.push(b'\n');
        // Whether the harness still listens does not matter to the children.
        let mut output = io::stdout().lock();
        let _ = output.write_all(&line).and_then(|()| output.flush());
    }
}
