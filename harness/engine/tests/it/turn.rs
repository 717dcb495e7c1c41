//! How many drills run at once, whatever the number of test threads: a drill waits for more than half of its time, but too
//! many stall each other, and stalls leave verdicts open.

use std::sync::{Condvar, Mutex, PoisonError};

static AT_WORK: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

/// Three drills on two cores, and in that proportion on more.
fn lanes() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (cores * 3 / 2).max(1)
}

/// The right to run a drill, until it is dropped.
pub(crate) struct Turn(());

/// Waits for a turn.
pub(crate) fn turn() -> Turn {
    let mut at_work = AT_WORK.lock().unwrap_or_else(PoisonError::into_inner);
    while *at_work >= lanes() {
        at_work = ENDED.wait(at_work).unwrap_or_else(PoisonError::into_inner);
    }
    *at_work += 1;
    Turn(())
}

impl Drop for Turn {
    fn drop(&mut self) {
        *AT_WORK.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        ENDED.notify_one();
    }
}
