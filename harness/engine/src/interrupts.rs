//! Signals that end a command in order, whoever sends them.
//!
//! What was ignored when the program started stays so: `nohup` and scripts that start jobs in the background ask for that.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Asks to end, as they come.
pub struct Interrupts {
    asked: mpsc::Receiver<&'static str>,
    /// Nothing comes while all are ignored; that is not an end.
    _open: mpsc::Sender<&'static str>,
}

impl Interrupts {
    /// Listens from here on.
    ///
    /// # Errors
    /// When signals cannot be waited for.
    pub fn listen() -> io::Result<Interrupts> {
        let ignored = ignored(&std::fs::read_to_string("/proc/self/status").unwrap_or_default());
        let (sender, asked) = mpsc::channel(4);
        for (kind, who, may_be_ignored) in [
            (SignalKind::interrupt(), "a person (SIGINT)", true),
            (SignalKind::hangup(), "the end of its terminal (SIGHUP)", true),
            // A suite ends its drills by it.
            (SignalKind::terminate(), "someone who asked it to end (SIGTERM)", false),
        ] {
            if may_be_ignored && holds(ignored, kind) {
                continue;
            }
            let (mut signal, sender) = (signal(kind)?, sender.clone());
            tokio::spawn(async move {
                while signal.recv().await.is_some() {
                    if sender.send(who).await.is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Interrupts { asked, _open: sender })
    }

    /// Who asks next.
    pub async fn next(&mut self) -> &'static str {
        self.asked.recv().await.unwrap_or("a signal")
    }
}

/// Lets a write past `ulimit -f` fail with its reason instead of ending this program without a word.
pub fn survive_file_limit() {
    // Caught, not ignored: what is started from here would inherit that.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

/// The mask of ignored signals in `/proc/PID/status`; none where it cannot be told.
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

fn holds(mask: u64, kind: SignalKind) -> bool {
    u32::try_from(kind.as_raw_value() - 1).is_ok_and(|bit| mask.checked_shr(bit).unwrap_or(0) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nohup_is_seen_in_the_mask() {
        let mask = ignored("SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n");
        assert!(holds(mask, SignalKind::hangup()));
        assert!(!holds(mask, SignalKind::interrupt()) && !holds(mask, SignalKind::terminate()));
        assert_eq!(ignored("Name:\tx\n"), 0);
    }
}
