//! What a drill stands on: the supervisor of its services, and room where they live. It is watched from the first phase
//! to the last, and a drill that loses it ends at once: nothing that comes later would be the plan's doing.

use firedrill_core::event::Event;
use firedrill_environment::{Ground, Local};
use firedrill_respond::ProcedureOutcome;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Drill, DrillError};

/// The ground of a drill, watched until this is dropped.
pub(super) struct Watched {
    ground: Ground,
    _watch: JoinSet<()>,
}

impl Drill {
    /// Watches what the drill stands on from here on.
    pub(super) fn watch_ground(&mut self, local: &Local) {
        let (ground, lost) = (local.ground(), self.lost.clone());
        let watched = ground.clone();
        let mut watch = JoinSet::new();
        watch.spawn(async move {
            let why = watched.lost().await;
            lost.send_replace(Some(why));
        });
        self.ground = Some(Watched { ground, _watch: watch });
    }

    /// Changes to `Some(why)` when the drill has lost what it stands on: it must end then, and is taken down as any other.
    #[must_use]
    pub fn lost(&self) -> watch::Receiver<Option<String>> {
        self.lost.subscribe()
    }

    /// Before a command of the scenario's own is injected as a fault: it may fill the disk.
    pub(super) fn let_fill(&self) {
        if let Some(watched) = &self.ground {
            watched.ground.let_fill();
        }
    }

    /// After it: what it filled the plan has to stand, and what runs full later is the harness's lack as ever.
    pub(super) fn note_filled(&self, fault: &str) {
        if self.ground.as_ref().is_some_and(|watched| watched.ground.was_filled()) {
            let text = format!("fault `{fault}` has filled the disk: from here on room is the plan's concern");
            self.recorder.record_now(Event::Note { text });
        }
    }

    /// Fails where the procedure did not succeed and the harness itself lacked what it needed for that.
    pub(super) fn lacked_nothing(&self, outcome: &ProcedureOutcome) -> Result<(), DrillError> {
        if outcome.succeeded {
            return Ok(());
        }
        let filled = self.ground.as_ref().is_some_and(|watched| watched.ground.is_filled());
        match outcome.lack().filter(|_| !filled) {
            Some(step) => Err(DrillError::Ground(format!(
                "step `{}` failed for what the harness itself lacks: {}",
                step.name, step.detail
            ))),
            None => self.has_stood(),
        }
    }

    /// Fails where a service was short of room, now or on the way.
    pub(super) fn has_stood(&self) -> Result<(), DrillError> {
        let Some(Watched { ground, .. }) = &self.ground else {
            return Ok(());
        };
        match ground.lack_of_room().or_else(|| ground.complaint()) {
            Some(why) => Err(DrillError::Ground(why)),
            None => Ok(()),
        }
    }
}
