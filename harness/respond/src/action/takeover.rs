//! A takeover: a new life of a component serves from here, up to a point of the one before it.

use firedrill_core::event::Point;
use firedrill_core::{Event, Stamp};

use crate::clock::instant;
use crate::database::{DatabaseHost, Life};
use crate::team::Team;

/// A life that takes over from another, up to a point of it.
pub(super) struct TakenOver<'a> {
    pub(super) component: &'a str,
    pub(super) into: &'a str,
    pub(super) source: Option<Life>,
    pub(super) point: Point,
    pub(super) takeover: Stamp,
    pub(super) in_place: bool,
    pub(super) life: Life,
}

impl TakenOver<'_> {
    /// Tells it, has the monitor watch the database that now counts, and puts it in words.
    pub(super) fn tell(self, team: &Team, host: &dyn DatabaseHost) -> String {
        let component = self.component;
        if let Some(source) = &self.source {
            let source = team.incarnations.incarnation(component, &source.name());
            team.observer.observed(
                instant(),
                Event::RecoveryPoint {
                    component: component.to_owned(),
                    source,
                    point: self.point,
                },
            );
        }
        let incarnation = team.incarnations.incarnation(component, &self.life.name());
        team.observer.observed(
            self.takeover,
            Event::Takeover {
                component: component.to_owned(),
                incarnation,
                in_place: self.in_place,
            },
        );
        team.note_life(self.into, component, self.life.clone(), true);
        if let (Some(monitor), Ok(connection)) = (&team.monitor, host.connection()) {
            // As the team's own runbook has it: the monitor watches the database that now counts.
            monitor.watch_database(component, &connection);
            if let Some(log) = host.log() {
                monitor.watch_log(component, &log);
            }
        }
        let point = match self.point {
            Point::Lsn(lsn) => format!("{:X}/{:X}", lsn >> 32, lsn & 0xffff_ffff),
            Point::Time(_) => "an instant that the tool declares".into(),
            Point::Undeclared => "a point the tool does not declare".into(),
        };
        format!(
            "up to {point} of {}; serves as {}",
            self.source
                .map_or_else(|| "an unknown life".into(), |source| source.name()),
            self.life.name()
        )
    }
}
