//! Keeps what the team tells.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use firedrill_core::{Event, Stamp};
use firedrill_respond::{Incarnations, Observer};

/// Facts in the order they were told, and incarnations by index.
#[derive(Default)]
pub(crate) struct Told {
    facts: Mutex<Vec<(Stamp, Event)>>,
    incarnations: Mutex<Vec<String>>,
}

impl Observer for Told {
    fn observed(&self, stamp: Stamp, event: Event) {
        assert!(stamp.early <= stamp.late && stamp.early > 0);
        self.facts.lock().unwrap().push((stamp, event));
    }
}

impl Incarnations for Told {
    fn incarnation(&self, component: &str, name: &str) -> u16 {
        let name = format!("{component} {name}");
        let mut known = self.incarnations.lock().unwrap();
        let index = known.iter().position(|other| *other == name).unwrap_or_else(|| {
            known.push(name);
            known.len() - 1
        });
        u16::try_from(index).unwrap()
    }
}

impl Told {
    pub(crate) fn new() -> Arc<Told> {
        Arc::default()
    }

    pub(crate) fn all(&self) -> Vec<(Stamp, Event)> {
        self.facts.lock().unwrap().clone()
    }

    /// Those of the facts that `pick` makes something of.
    pub(crate) fn pick<T>(&self, pick: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        self.all().iter().filter_map(|(_, event)| pick(event)).collect()
    }

    pub(crate) fn name(&self, incarnation: u16) -> String {
        self.incarnations.lock().unwrap()[usize::from(incarnation)].clone()
    }

    /// Waits until a condition on all that was told holds; a minute is a failure.
    pub(crate) async fn until(&self, what: &str, condition: impl Fn(&[(Stamp, Event)]) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !condition(&self.all()) {
            assert!(Instant::now() < deadline, "waited for {what}; told: {:#?}", self.all());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
