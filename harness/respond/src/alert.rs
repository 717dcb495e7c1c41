//! Alerts: what the monitor has called out, kept so that one which comes and goes between two looks is still seen.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use firedrill_core::Stamp;
use firedrill_core::stamp::Nanos;
use tokio::sync::watch;

/// Raised alerts that are remembered; a rule that flaps for hours does not grow without end.
const REMEMBERED_MAX: usize = 256;

/// One alert, as it was raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// The plan's rule.
    pub rule: String,
    /// What it means, e.g. `database_unreachable`.
    pub kind: String,
    /// When it was raised.
    pub stamp: Stamp,
    /// The same by the wall clock, milliseconds since 1970: what a recovery target is reckoned from.
    pub unix_ms: u64,
}

/// What stands and what was raised.
#[derive(Clone, Debug, Default)]
pub struct Alerts {
    standing: BTreeMap<String, Alert>,
    raised: VecDeque<Alert>,
}

impl Alerts {
    /// Alerts that are raised and not cleared, by rule.
    #[must_use]
    pub fn standing(&self) -> &BTreeMap<String, Alert> {
        &self.standing
    }

    /// The newest raised alert of any kind.
    #[must_use]
    pub fn newest(&self) -> Option<&Alert> {
        self.raised.back()
    }

    /// Every remembered alert in the order in which it was raised, and whether it still stands.
    pub fn raised(&self) -> impl Iterator<Item = (&Alert, bool)> {
        self.raised
            .iter()
            .map(|alert| (alert, self.standing.get(&alert.rule) == Some(alert)))
    }

    /// The first alert of one of the kinds that was raised at or after `since`, or else one raised earlier that still
    /// stands. No kinds given: any kind.
    #[must_use]
    pub fn of(&self, kinds: &[String], since: Nanos) -> Option<&Alert> {
        let fits = |alert: &&Alert| kinds.is_empty() || kinds.contains(&alert.kind);
        self.raised
            .iter()
            .filter(fits)
            .find(|alert| alert.stamp.late >= since)
            .or_else(|| self.standing.values().find(fits))
    }

    pub(crate) fn raise(&mut self, alert: Alert) {
        if self.raised.len() == REMEMBERED_MAX {
            self.raised.pop_front();
        }
        self.raised.push_back(alert.clone());
        self.standing.insert(alert.rule.clone(), alert);
    }

    pub(crate) fn clear(&mut self, rule: &str) {
        self.standing.remove(rule);
    }
}

/// Waits for an alert as [`Alerts::of`] finds it, for at most `deadline` of drill time. `None`: the monitor stayed
/// silent, or has stopped.
pub async fn wait_for_alert(
    alerts: &mut watch::Receiver<Alerts>,
    kinds: &[String],
    since: Nanos,
    deadline: Duration,
) -> Option<Alert> {
    let wait = alerts.wait_for(|alerts| alerts.of(kinds, since).is_some());
    let seen = tokio::time::timeout(deadline, wait).await.ok()?.ok()?;
    seen.of(kinds, since).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(rule: &str, kind: &str, at: Nanos) -> Alert {
        Alert {
            rule: rule.into(),
            kind: kind.into(),
            stamp: Stamp::at(at),
            unix_ms: 0,
        }
    }

    #[test]
    fn an_alert_that_came_and_went_is_still_found() {
        let mut alerts = Alerts::default();
        alerts.raise(alert("a", "x", 10));
        alerts.clear("a");
        assert!(alerts.standing().is_empty());
        assert_eq!(alerts.of(&["x".into()], 5).map(|a| a.stamp.early), Some(10));
        assert_eq!(
            alerts.of(&["x".into()], 11),
            None,
            "cleared, and before the time asked for"
        );
        assert_eq!(alerts.of(&["y".into()], 0), None);
    }

    #[test]
    fn one_that_still_stands_counts_whenever_it_was_raised() {
        let mut alerts = Alerts::default();
        alerts.raise(alert("a", "x", 10));
        assert!(alerts.of(&["x".into()], 1_000).is_some());
        assert!(alerts.of(&[], 1_000).is_some());
    }

    #[test]
    fn memory_is_bounded() {
        let mut alerts = Alerts::default();
        for at in 0..10_000 {
            alerts.raise(alert("a", "x", at));
        }
        assert_eq!(alerts.raised.len(), REMEMBERED_MAX);
        assert_eq!(alerts.newest().map(|a| a.stamp.early), Some(9_999));
    }

    #[tokio::test]
    async fn silence_ends_at_the_deadline_and_a_stopped_monitor_is_silence() {
        let (sender, mut receiver) = watch::channel(Alerts::default());
        assert_eq!(
            wait_for_alert(&mut receiver, &[], 0, Duration::from_millis(5)).await,
            None
        );
        drop(sender);
        assert_eq!(
            wait_for_alert(&mut receiver, &[], 0, Duration::from_secs(3600)).await,
            None
        );
    }
}
