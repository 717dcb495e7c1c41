//! The harness's own pulse: proof that it was awake to see what it reports.
//!
//! A thread of its own beats every 10 ms. A gap over 250 ms is a stall, and widens every stamp it touches; a second
//! without any record of beats is a gap in the evidence.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use firedrill_core::event::Event;
use firedrill_core::stamp::{MILLISECOND, Nanos, SECOND, Stamp};
use firedrill_load::now;

use crate::recorder::Recorder;

const BEAT: Duration = Duration::from_millis(10);
const STALL: Nanos = 250 * MILLISECOND;

/// A running heartbeat.
pub struct Heartbeat {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    /// Starts to beat into the history.
    pub fn start(recorder: Recorder) -> Heartbeat {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("heartbeat".into())
            .spawn(move || {
                let mut pulse = Pulse::new(now());
                loop {
                    std::thread::sleep(BEAT);
                    let last = stopped.load(Ordering::Acquire);
                    for (stamp, event) in pulse.beat(now(), last) {
                        recorder.record(stamp, event);
                    }
                    if last {
                        break;
                    }
                }
            })
            .ok();
        Heartbeat { stop, thread }
    }

    /// Stops after a last beat; its record is written before this returns.
    pub fn stop(mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What a sequence of beats means, apart from any clock.
struct Pulse {
    from: Nanos,
    last: Nanos,
    count: u32,
    gap_max: Nanos,
    /// Last beat before a gap that is not closed yet: the stall ends with the second beat after it.
    before_gap: Option<Nanos>,
}

impl Pulse {
    fn new(start: Nanos) -> Pulse {
        Pulse {
            from: start,
            last: start,
            count: 0,
            gap_max: 0,
            before_gap: None,
        }
    }

    fn beat(&mut self, at: Nanos, flush: bool) -> Vec<(Stamp, Event)> {
        let mut events = Vec::new();
        let gap = at - self.last;
        self.count += 1;
        self.gap_max = self.gap_max.max(gap);
        if let Some(before) = self.before_gap.take() {
            if gap > STALL {
                // The gap goes on: one stall from its first beat.
                self.before_gap = Some(before);
            } else {
                events.push((Stamp::new(before, at), Event::Stall {}));
            }
        } else if gap > STALL {
            self.before_gap = Some(self.last);
        }
        if flush && let Some(before) = self.before_gap.take() {
            events.push((Stamp::new(before, at), Event::Stall {}));
        }
        self.last = at;
        if flush || at - self.from >= SECOND {
            events.push((
                Stamp::at(at),
                Event::Beats {
                    from: self.from,
                    count: self.count,
                    gap_max: self.gap_max,
                },
            ));
            (self.from, self.count, self.gap_max) = (at, 0, 0);
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stalls(beats: &[Nanos]) -> Vec<Stamp> {
        let mut pulse = Pulse::new(0);
        let last = beats.len() - 1;
        beats
            .iter()
            .enumerate()
            .flat_map(|(i, at)| pulse.beat(at * MILLISECOND, i == last))
            .filter(|(_, event)| matches!(event, Event::Stall {}))
            .map(|(stamp, _)| Stamp::new(stamp.early / MILLISECOND, stamp.late / MILLISECOND))
            .collect()
    }

    #[test]
    fn a_gap_of_exactly_250_ms_is_no_stall() {
        assert_eq!(stalls(&[10, 260, 270, 280]), []);
    }

    #[test]
    fn a_stall_reaches_from_the_last_beat_before_the_gap_to_the_second_after() {
        assert_eq!(stalls(&[10, 300, 310, 320]), [Stamp::new(10, 310)]);
    }

    #[test]
    fn two_gaps_with_one_beat_between_are_one_stall() {
        assert_eq!(stalls(&[10, 300, 600, 610, 620]), [Stamp::new(10, 610)]);
    }

    #[test]
    fn a_gap_that_the_end_cuts_is_still_recorded() {
        assert_eq!(stalls(&[10, 300]), [Stamp::new(10, 300)]);
    }

    #[test]
    fn every_second_of_beats_leaves_a_record_and_none_is_lost() {
        let mut pulse = Pulse::new(0);
        let mut reach = 0;
        let mut count = 0;
        for i in 1..=250 {
            for (stamp, event) in pulse.beat(i * 10 * MILLISECOND, i == 250) {
                if let Event::Beats { from, count: beats, .. } = event {
                    assert_eq!(from, reach);
                    reach = stamp.late;
                    count += beats;
                }
            }
        }
        assert_eq!((reach, count), (2500 * MILLISECOND, 250));
    }
}
