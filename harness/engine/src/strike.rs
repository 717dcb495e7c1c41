//! When the striking fault is injected: the rule of the scenario, resolved to an instant and recorded with its inputs.

use std::collections::BTreeMap;

use firedrill_core::judge::duration::words;
use firedrill_core::scenario::Strike;
use firedrill_core::stamp::{MILLISECOND, Nanos};

/// What is known of the backups when the strike is planned, all in drill nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct Backups {
    /// Completions of restorable points (the kind the procedure restores from), oldest first.
    pub restorable: Vec<Nanos>,
    /// The longest time that one took from full to complete: what was cut off by the strike is stored all the same.
    pub push_max: Nanos,
    /// Start of the next dump or base backup on the harness's own schedule.
    pub next_start: Option<Nanos>,
}

/// The instant of the strike and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Drill nanoseconds.
    pub at: Nanos,
    /// The rule and what it was computed from.
    pub inputs: BTreeMap<String, String>,
}

impl Planned {
    /// When the strike was planned for and why, for people: lengths between instants, not the instants themselves.
    #[must_use]
    pub fn words(&self) -> String {
        let known = |name: &str| -> Option<Nanos> { self.inputs.get(name)?.parse().ok() };
        let before = |start: Nanos| match start - self.at {
            ahead @ 1.. => format!("{} of drill time before the next backup was due", words(ahead.into())),
            behind => format!(
                "{} of drill time after a backup was due, since the steady state had to last that long",
                words((-behind).into())
            ),
        };
        let start = known("next_backup_start_ns");
        let last = known("last_restorable_ns").zip(known("median_cycle_ns"));
        let when = match (self.inputs.get("rule").map(String::as_str), start, last) {
            (Some("worst_for_rpo"), Some(start), _) => {
                format!(
                    "{}: the worst instant for the RPO is just before a backup",
                    before(start)
                )
            }
            (Some("worst_for_rpo"), None, Some((last, cycle))) => format!(
                "{} of drill time after the newest restorable point, which came every {} and took up to {} to be stored: just \
                 before the next is complete, the worst instant for the RPO",
                words((self.at - last).into()),
                words(cycle.into()),
                words(known("longest_push_ns").unwrap_or(0).into())
            ),
            (Some("worst_for_rpo"), None, None) => {
                "the end of the steady state: no cycle of restorable points was seen, so \
                                                    that this need not be the worst instant for the RPO"
                    .to_owned()
            }
            (Some("worst_for_rto"), Some(start), _) => {
                format!(
                    "{}: the most WAL to replay, the worst instant for the RTO",
                    before(start)
                )
            }
            (Some("random"), ..) => format!(
                "{} of drill time after the steady state had lasted long enough, as the seed draws it",
                words((self.at - known("not_before_ns").unwrap_or(self.at)).into())
            ),
            (Some("recalled"), ..) => format!(
                "{} of drill time after the steady state began, as in the run that is replayed",
                words(known("after_ns").unwrap_or(0).into())
            ),
            (Some(rule), ..) if rule.starts_with("at ") => format!(
                "{} of plan time after the steady state began, as the scenario says",
                rule.trim_start_matches("at ")
            ),
            _ => "the end of the steady state".to_owned(),
        };
        format!("the strike was planned for {when}")
    }
}

/// How long before the next restorable point begins to be stored the fault is injected.
const LEAD: Nanos = 60 * MILLISECOND;

/// Resolves the rule. `not_before` is when steady has lasted long enough, `steady_from` when it began, `draw` a
/// number from the seed.
#[must_use]
pub fn plan(rule: &Strike, backups: &Backups, steady_from: Nanos, not_before: Nanos, scale: u32, draw: u64) -> Planned {
    let mut inputs = BTreeMap::from([("not_before_ns".to_owned(), not_before.to_string())]);
    let cycle = median_gap(&backups.restorable);
    let at = match rule {
        Strike::WorstForRpo => {
            inputs.insert("rule".into(), "worst_for_rpo".into());
            if let Some(start) = backups.next_start {
                // A backup shows its start: just before the next one starts, the last one is as old as it gets.
                inputs.insert("next_backup_start_ns".into(), start.to_string());
                (start - LEAD).max(not_before)
            } else if let (Some(last), Some(cycle)) = (backups.restorable.last(), cycle) {
                inputs.insert("last_restorable_ns".into(), last.to_string());
                inputs.insert("median_cycle_ns".into(), cycle.to_string());
                inputs.insert("longest_push_ns".into(), backups.push_max.to_string());
                let lead = LEAD + backups.push_max;
                let mut next = last + cycle;
                while next - lead < not_before {
                    next += cycle;
                }
                next - lead
            } else {
                inputs.insert("no_cycle_seen".into(), "true".into());
                not_before
            }
        }
        Strike::WorstForRto => {
            inputs.insert("rule".into(), "worst_for_rto".into());
            if let Some(start) = backups.next_start {
                inputs.insert("next_backup_start_ns".into(), start.to_string());
            }
            backups
                .next_start
                .map_or(not_before, |start| (start - LEAD).max(not_before))
        }
        Strike::Random => {
            inputs.insert("rule".into(), "random".into());
            let span = cycle.unwrap_or(1_000 * MILLISECOND).max(1);
            not_before + Nanos::try_from(draw % span.unsigned_abs()).unwrap_or(0)
        }
        Strike::At(after) => {
            inputs.insert("rule".into(), format!("at {after}"));
            let plan = after.nanos().unwrap_or(0);
            (steady_from + plan / Nanos::from(scale.max(1))).max(not_before)
        }
    };
    inputs.insert("at_ns".into(), at.to_string());
    Planned { at, inputs }
}

fn median_gap(completions: &[Nanos]) -> Option<Nanos> {
    let mut gaps: Vec<Nanos> = completions
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .filter(|gap| *gap > 0)
        .collect();
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Nanos = 1_000 * MILLISECOND;

    #[test]
    fn worst_for_rpo_strikes_just_before_the_next_segment_after_steady() {
        let backups = Backups {
            restorable: vec![S, 2 * S, 3 * S, 4 * S],
            ..Backups::default()
        };
        let planned = plan(&Strike::WorstForRpo, &backups, 0, 9 * S / 2, 60, 0);
        assert_eq!(planned.at, 5 * S - LEAD);
        let later = plan(&Strike::WorstForRpo, &backups, 0, 5 * S, 60, 0);
        assert_eq!(later.at, 6 * S - LEAD);
    }

    #[test]
    fn a_segment_on_its_way_must_not_arrive_after_the_strike() {
        let backups = Backups {
            restorable: vec![S, 2 * S, 3 * S],
            push_max: S / 4,
            next_start: None,
        };
        assert_eq!(
            plan(&Strike::WorstForRpo, &backups, 0, 3 * S, 60, 0).at,
            4 * S - S / 4 - LEAD
        );
    }

    #[test]
    fn worst_for_rpo_with_dumps_strikes_before_the_next_one_starts() {
        let backups = Backups {
            restorable: vec![S],
            next_start: Some(11 * S),
            ..Backups::default()
        };
        assert_eq!(plan(&Strike::WorstForRpo, &backups, 0, 2 * S, 60, 0).at, 11 * S - LEAD);
    }

    #[test]
    fn a_planned_strike_is_told_in_lengths_that_people_can_read() {
        let told = |rule: &Strike, backups: &Backups| plan(rule, backups, 0, 2 * S, 60, 77).words();
        let before_a_dump = Backups {
            restorable: vec![S],
            next_start: Some(11 * S),
            ..Backups::default()
        };
        assert_eq!(
            told(&Strike::WorstForRpo, &before_a_dump),
            "the strike was planned for 60 ms of drill time before the next backup was due: the worst instant for the RPO is \
             just before a backup"
        );
        let wal = Backups {
            restorable: vec![S, 2 * S, 3 * S],
            push_max: S / 4,
            next_start: None,
        };
        let told_of_wal = told(&Strike::WorstForRpo, &wal);
        assert!(
            told_of_wal.contains("690 ms of drill time after the newest restorable point, which came every 1 s"),
            "{told_of_wal}"
        );
        for (rule, needle) in [
            (Strike::WorstForRto, "the worst instant for the RTO"),
            (Strike::Random, "as the seed draws it"),
            (
                Strike::At("25 min".parse().unwrap()),
                "25 min of plan time after the steady state began",
            ),
        ] {
            let told = told(&rule, &before_a_dump);
            assert!(told.contains(needle) && !told.contains("_ns"), "{told}");
        }
        assert!(told(&Strike::WorstForRpo, &Backups::default()).contains("need not be the worst"));
    }

    #[test]
    fn a_strike_never_comes_before_steady_has_lasted() {
        for rule in [
            Strike::WorstForRpo,
            Strike::WorstForRto,
            Strike::Random,
            Strike::At("1 s".parse().unwrap()),
        ] {
            let backups = Backups {
                restorable: vec![S, 2 * S],
                next_start: Some(3 * S),
                ..Backups::default()
            };
            assert!(plan(&rule, &backups, 0, 10 * S, 60, 77).at >= 10 * S - LEAD, "{rule:?}");
        }
    }

    #[test]
    fn without_any_backup_it_strikes_at_once_and_says_so() {
        let planned = plan(&Strike::WorstForRpo, &Backups::default(), 0, S, 60, 0);
        assert_eq!((planned.at, planned.inputs.contains_key("no_cycle_seen")), (S, true));
    }
}
