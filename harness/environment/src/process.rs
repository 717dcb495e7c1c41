//! Processes as the kernel knows them: a pid alone is never believed, the start time goes with it.

use rustix::process::{Pid, PidfdFlags, Signal};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;

/// One process, told apart from any later one that is given the same pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// The process id.
    pub pid: i32,
    /// When it started, in clock ticks since boot.
    pub start_ticks: u64,
}

/// A process as the process table shows it.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    /// Who it is.
    pub identity: Identity,
    /// Its parent's pid.
    pub parent: i32,
    /// The kernel's letter: R, S, D, T (stopped), Z (zombie), ...
    pub letter: char,
}

impl Status {
    /// Whether it is stopped by a signal.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.letter, 'T' | 't')
    }

    /// Whether it has ended and only waits to be collected.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        matches!(self.letter, 'Z' | 'X' | 'x')
    }
}

impl Identity {
    /// The process of that pid, if there is one.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        status(pid).map(|status| status.identity)
    }

    /// Its entry in the process table, if it is still there and the same.
    #[must_use]
    pub fn status(self) -> Option<Status> {
        status(self.pid).filter(|status| status.identity == self)
    }

    /// Whether it still runs (stopped counts, a zombie does not).
    #[must_use]
    pub fn is_alive(self) -> bool {
        self.status().is_some_and(|status| !status.is_ended())
    }

    /// Sends a signal to exactly this process. False: it is no more.
    ///
    /// # Errors
    /// The kernel refused, most likely for want of permission.
    pub fn signal(self, signal: Signal) -> io::Result<bool> {
        let Some(pid) = Pid::from_raw(self.pid) else {
            return Ok(false);
        };
        let sent = match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
            // The descriptor is bound to one process; only then is its start time worth comparing.
            Ok(handle) => {
                if self.status().is_none() {
                    return Ok(false);
                }
                rustix::process::pidfd_send_signal(&handle, signal)
            }
            Err(rustix::io::Errno::NOSYS) if self.status().is_some() => rustix::process::kill_process(pid, signal),
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::SRCH) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        match sent {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::SRCH) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// The entry of a pid in the process table.
#[must_use]
pub fn status(pid: i32) -> Option<Status> {
    parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse(pid: i32, stat: &str) -> Option<Status> {
    // The name may hold spaces and brackets: count from its closing bracket.
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    let letter = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let start_ticks = fields.nth(17)?.parse().ok()?;
    Some(Status {
        identity: Identity { pid, start_ticks },
        parent,
        letter,
    })
}

/// Every process that we can see.
#[must_use]
pub fn all() -> Vec<Status> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| status(entry.file_name().to_str()?.parse().ok()?))
        .collect()
}

/// Every process below `root` (which is not among them), parents before their children.
#[must_use]
pub fn descendants(root: i32) -> Vec<Status> {
    below(&all(), root)
}

fn below(all: &[Status], root: i32) -> Vec<Status> {
    let mut children: HashMap<i32, Vec<Status>> = HashMap::new();
    for status in all {
        children.entry(status.parent).or_default().push(*status);
    }
    let mut found: Vec<Status> = children.remove(&root).unwrap_or_default();
    let mut next = 0;
    while next < found.len() {
        if let Some(more) = children.remove(&found[next].identity.pid) {
            found.extend(more);
        }
        next += 1;
    }
    found
}

/// The working directory of a process, also one that was deleted since.
pub(crate) fn working_directory(pid: i32) -> Option<PathBuf> {
    undeleted(fs::read_link(format!("/proc/{pid}/cwd")).ok()?)
}

/// The program that a process runs.
pub(crate) fn executable(pid: i32) -> Option<PathBuf> {
    undeleted(fs::read_link(format!("/proc/{pid}/exe")).ok()?)
}

fn undeleted(path: PathBuf) -> Option<PathBuf> {
    let text = path.to_str()?;
    Some(
        text.strip_suffix(" (deleted)")
            .map_or_else(|| path.clone(), PathBuf::from),
    )
}

/// Whether a process is the first of a container: it has number 1 in a namespace below ours.
#[cfg(feature = "containers")]
pub(crate) fn is_first_of_container(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let numbers: Vec<&str> = numbers.unwrap_or_default().split_ascii_whitespace().collect();
    numbers.len() > 1 && numbers.last() == Some(&"1")
}

/// Identifies this boot of the machine: pids and shared memory of another boot mean nothing.
pub(crate) fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .unwrap_or_default()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_is_read() {
        let stat = "12 (a) b (c)) T 7 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 9876 1 2 3";
        let status = parse(12, stat).unwrap();
        assert_eq!(
            status.identity,
            Identity {
                pid: 12,
                start_ticks: 9876
            }
        );
        assert_eq!((status.parent, status.letter), (7, 'T'));
    }

    #[test]
    fn another_life_of_a_pid_is_not_signalled() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let real = Identity::of(child.id().cast_signed()).unwrap();
        let other = Identity {
            start_ticks: real.start_ticks + 1,
            ..real
        };
        assert!(!other.signal(Signal::KILL).unwrap());
        assert!(real.is_alive());
        assert!(
            descendants(std::process::id().cast_signed())
                .iter()
                .any(|status| status.identity == real)
        );
        assert!(real.signal(Signal::KILL).unwrap());
        child.wait().unwrap();
        assert!(!real.is_alive());
        assert!(!real.signal(Signal::KILL).unwrap());
    }

    #[test]
    fn a_tree_is_walked_parents_first() {
        let at = |pid, parent| Status {
            identity: Identity { pid, start_ticks: 0 },
            parent,
            letter: 'S',
        };
        let all = [at(5, 4), at(4, 3), at(3, 1), at(9, 1), at(6, 3)];
        let pids: Vec<i32> = below(&all, 3).iter().map(|status| status.identity.pid).collect();
        assert_eq!(pids, [4, 6, 5]);
    }
}
