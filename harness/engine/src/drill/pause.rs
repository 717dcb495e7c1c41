//! Between two phases: a drill that was asked to waits there for a person, or ends. Both spoil it, and say so in the
//! history: nobody knows what was done meanwhile, and what comes later was not measured.

use std::time::Duration;

use firedrill_core::event::{Edge, Event, Phase};
use firedrill_load::now;

use super::{Drill, DrillError};
use crate::connect;

/// Longer nobody looks at a paused drill.
pub const PAUSE_MAX: Duration = Duration::from_secs(24 * 3600);

/// Where a drill stops on its way, and for how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stops {
    /// The phases after which it pauses.
    pub pause_after: Vec<Phase>,
    /// How long it pauses at most; none: until Enter is pressed.
    pub pause_for: Option<Duration>,
    /// The phase after which it ends.
    pub until: Option<Phase>,
}

/// Lines from the keyboard. One thread reads them for the whole drill, since reading a terminal cannot be cancelled; it
/// ends with the program.
struct Keyboard(tokio::sync::mpsc::Receiver<()>);

impl Keyboard {
    fn open() -> Keyboard {
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        std::thread::spawn(move || {
            let mut line = String::new();
            while matches!(std::io::stdin().read_line(&mut line), Ok(length) if length > 0) {
                line.clear();
                if sender.blocking_send(()).is_err() {
                    break;
                }
            }
        });
        Keyboard(receiver)
    }

    /// Waits for Enter; for ever where nobody can press it any more.
    async fn enter(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drill {
    /// The phase ended: pauses where that was asked for. False: the drill is to end here.
    pub(super) async fn end_phase(&mut self, phase: Phase) -> Result<bool, DrillError> {
        self.phase(phase, Edge::Ended);
        if self.script.stops.pause_after.contains(&phase) {
            self.pause(phase).await?;
        }
        if self.script.stops.until == Some(phase) {
            self.recorder.record_now(Event::EndedAfter { phase });
            return Ok(false);
        }
        Ok(true)
    }

    async fn pause(&mut self, after: Phase) -> Result<(), DrillError> {
        let begun = now();
        self.recorder.record_now(Event::Paused {
            after,
            edge: Edge::Begun,
        });
        let how = connect::how(self.stage()?, self.scenario())
            .await
            .map_err(DrillError::Other)?;
        let limit = self.script.stops.pause_for;
        let until = match limit {
            Some(limit) => format!("for {}", humantime::format_duration(limit)),
            None => "until you press Enter".to_owned(),
        };
        self.announce(&format!(
            "\npaused after {} {until}; this run ends inconclusive\n{how}",
            after.name()
        ));
        let waited = tokio::time::sleep(limit.unwrap_or(PAUSE_MAX));
        tokio::pin!(waited);
        let mut keyboard = limit.is_none().then(Keyboard::open);
        let pressed = async {
            match &mut keyboard {
                Some(keyboard) => keyboard.enter().await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(pressed);
        loop {
            tokio::select! {
                () = &mut waited => break,
                () = &mut pressed => break,
                () = tokio::time::sleep(Duration::from_millis(500)) => self.still_recording()?,
            }
        }
        self.recorder.record_now(Event::Paused {
            after,
            edge: Edge::Ended,
        });
        // What waits for the monitor waits from here on.
        self.paused += now() - begun;
        Ok(())
    }
}
