//! The catalogue of built-in faults: what each needs, and the sample by which it is examined.
//!
//! One list makes both the lookup and the listing, and the lookup matches every variant of `FaultKind`: a new fault
//! without an entry here does not compile, so that none goes unexamined.

use firedrill_core::document::{Source, parse_plan, parse_scenario};
use firedrill_core::resolve::resolve;
use firedrill_core::scenario::FaultKind;
use firedrill_core::terms::{DetectorTerm, Terms};
use firedrill_core::{Plan, Scenario};
use firedrill_environment::Capability;

/// The plan of the small environment that faults are examined in.
pub const PLAN: &str = include_str!("prove/plan.yaml");
/// Its scenario, with [`INJECT`] where the fault stands.
const SCENARIO: &str = include_str!("prove/scenario.yaml");
const INJECT: &str = "INJECT";

/// Who ends a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Healing {
    /// The harness: what was broken works again.
    Harness,
    /// A recovery: what was lost stays lost until it is brought back from elsewhere.
    Recovery,
}

/// What is known of a built-in fault before anything runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As a scenario writes it, e.g. `lose_data`.
    pub name: &'static str,
    /// What it hurts, e.g. `service`, `link`.
    pub family: &'static str,
    /// What it needs of the environment; the built fault must say the same.
    pub needs: &'static [Capability],
    /// Who ends it.
    pub healing: Healing,
    /// What it is examined as: a few words to tell samples of one fault apart (empty where there is one), and
    /// `inject` as a scenario for the small environment writes it.
    pub samples: &'static [(&'static str, &'static str)],
}

macro_rules! catalogue {
    ($($variant:ident => $entry:expr),+ $(,)?) => {
        /// The entry of a fault.
        #[must_use]
        pub fn entry(kind: &FaultKind) -> Entry {
            match kind {
                $(FaultKind::$variant { .. } => $entry,)+
            }
        }

        /// All entries, in the order of the model.
        #[must_use]
        pub fn entries() -> Vec<Entry> {
            vec![$($entry),+]
        }
    };
}

catalogue! {
    Kill => Entry {
        name: "kill",
        family: "service",
        needs: &[Capability::Lifecycle],
        healing: Healing::Harness,
        samples: &[
            ("database", "{ kill: { service: database } }"),
            ("store", "{ kill: { service: files } }"),
            ("application", "{ kill: { service: application } }"),
        ],
    },
    Pause => Entry {
        name: "pause",
        family: "service",
        needs: &[Capability::Lifecycle],
        healing: Healing::Harness,
        samples: &[
            ("database", "{ pause: { service: database } }"),
            ("store", "{ pause: { service: files } }"),
            ("application", "{ pause: { service: application } }"),
        ],
    },
    LoseData => Entry {
        name: "lose_data",
        family: "service",
        needs: &[Capability::Lifecycle, Capability::Files],
        healing: Healing::Recovery,
        samples: &[("", "{ lose_data: { service: database } }")],
    },
    Cut => Entry {
        name: "cut",
        family: "link",
        needs: &[Capability::Shape],
        healing: Healing::Harness,
        samples: &[
            ("refused", "{ cut: { link: [application, database], manner: refused } }"),
            ("dropped", "{ cut: { link: [application, database], manner: dropped } }"),
            ("store", "{ cut: { link: [application, files], manner: refused } }"),
        ],
    },
    Delay => Entry {
        name: "delay",
        family: "link",
        needs: &[Capability::Shape],
        healing: Healing::Harness,
        samples: &[("", "{ delay: { link: [application, database], by: 1 s } }")],
    },
    DamagePages => Entry {
        name: "damage_pages",
        family: "file",
        needs: &[Capability::Files, Capability::Endpoints],
        healing: Healing::Harness,
        samples: &[
            ("bit flip", "{ damage_pages: { service: database, relation: bulk, how: bit_flip, pages: 8 } }"),
            ("index", "{ damage_pages: { service: database, relation: bulk_pkey, how: bit_flip, pages: 8 } }"),
            ("zeroed", "{ damage_pages: { service: database, relation: bulk, how: zeroed } }"),
            ("torn", "{ damage_pages: { service: database, relation: bulk, how: torn } }"),
            ("misdirected", "{ damage_pages: { service: database, relation: bulk, how: misdirected } }"),
        ],
    },
    TruncateRelation => Entry {
        name: "truncate_relation",
        family: "file",
        needs: &[Capability::Files, Capability::Endpoints],
        healing: Healing::Harness,
        samples: &[("", "{ truncate_relation: { service: database, relation: bulk_pkey } }")],
    },
    RemoveRelation => Entry {
        name: "remove_relation",
        family: "file",
        needs: &[Capability::Files, Capability::Endpoints],
        healing: Healing::Recovery,
        samples: &[("", "{ remove_relation: { service: database, relation: bookings } }")],
    },
    DamageControlFile => Entry {
        name: "damage_control_file",
        family: "file",
        needs: &[Capability::Files],
        healing: Healing::Harness,
        samples: &[("", "{ damage_control_file: { service: database } }")],
    },
    DamageWal => Entry {
        name: "damage_wal",
        family: "file",
        needs: &[Capability::Files, Capability::Endpoints],
        healing: Healing::Recovery,
        samples: &[
            ("altered", "{ damage_wal: { service: database, how: altered } }"),
            ("missing", "{ damage_wal: { service: database, how: missing } }"),
        ],
    },
    DamageBackup => Entry {
        name: "damage_backup",
        family: "backup",
        needs: &[Capability::Files],
        healing: Healing::Harness,
        samples: &[
            ("altered", "{ damage_backup: { store: backups, backup: base, how: altered } }"),
            ("missing", "{ damage_backup: { store: backups, backup: base, how: missing } }"),
        ],
    },
    SpoilData => Entry {
        name: "spoil_data",
        family: "data",
        needs: &[Capability::Endpoints],
        healing: Healing::Recovery,
        samples: &[
            (
                "wrong update",
                "{ spoil_data: { service: database, table: bookings, how: wrong_update } }",
            ),
            (
                "delete",
                // A plan could have its rows counted; no check here does, so that nobody notices in this environment.
                "{ spoil_data: { service: database, table: bookings, how: delete, share: 50 % } }\n    detector: none",
            ),
            ("drop", "{ spoil_data: { service: database, table: bookings, how: drop } }"),
            (
                "truncate",
                "{ spoil_data: { service: database, table: bookings, how: truncate } }\n    detector: none",
            ),
            (
                "bad migration",
                "{ spoil_data: { service: database, table: bookings, how: bad_migration } }",
            ),
            ("encrypt", "{ spoil_data: { service: database, table: bookings, how: encrypt } }"),
            (
                "skewed index",
                "{ spoil_data: { service: database, table: bookings, how: skew_index } }",
            ),
        ],
    },
    SpoilObjects => Entry {
        name: "spoil_objects",
        family: "objects",
        needs: &[Capability::Endpoints],
        healing: Healing::Recovery,
        samples: &[
            ("altered", "{ spoil_objects: { service: files, how: altered } }"),
            ("missing", "{ spoil_objects: { service: files, how: missing } }"),
            ("swapped", "{ spoil_objects: { service: files, how: swapped } }"),
            ("older", "{ spoil_objects: { service: files, how: older, count: 2 } }"),
        ],
    },
    Run => Entry {
        name: "run",
        family: "own",
        needs: &[Capability::Exec],
        healing: Healing::Harness,
        samples: &[(
            "",
            r#"{ run: { service: database,
                command: [sh, -c, 'kill -STOP $(head -n 1 "$DRILL_DATA/postmaster.pid")'],
                prove: [sh, -c, 'grep -q "^State:.*stopped" "/proc/$(head -n 1 "$DRILL_DATA/postmaster.pid")/status"'],
                heal: [sh, -c, 'kill -CONT $(head -n 1 "$DRILL_DATA/postmaster.pid")'] } }"#,
        )],
    },
}

/// A fault of the catalogue in the small environment: what a drill with it is played from.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its entry.
    pub entry: Entry,
    /// `lose_data`, or `cut (dropped)` where there are several samples.
    pub title: String,
    /// The plan of the small environment.
    pub plan: Plan,
    /// Its scenario with the fault in it, resolved.
    pub scenario: Scenario,
    /// What both come to.
    pub terms: Terms,
    /// The scenario's text.
    pub text: String,
}

/// The samples of an entry, ready to be played.
///
/// # Errors
/// When a sample does not make a scenario: a defect of the catalogue, which its test finds.
pub fn samples(entry: &Entry) -> Result<Vec<Sample>, String> {
    entry
        .samples
        .iter()
        .map(|(words, inject)| {
            let title = if words.is_empty() {
                entry.name.to_owned()
            } else {
                format!("{} ({words})", entry.name)
            };
            let text = SCENARIO.replace(&format!("inject: {INJECT}"), &format!("inject: {inject}"));
            let plan = parse_plan(Source::new("prove/plan.yaml", PLAN)).map_err(|error| format!("{error:?}"))?;
            let scenario = parse_scenario(Source::new("prove/scenario.yaml", text.clone()))
                .map_err(|error| format!("{error:?}"))?;
            let (scenario, terms) =
                resolve(&plan.value, &scenario.value, None).map_err(|error| format!("{title}: {error}"))?;
            Ok(Sample {
                entry: entry.clone(),
                title,
                plan: plan.value,
                scenario,
                terms,
                text,
            })
        })
        .collect()
}

/// Kinds of alert that should notice a sample; empty: no plan could.
#[must_use]
pub fn noticed_by(terms: &Terms) -> Vec<String> {
    match &terms.detector {
        DetectorTerm::Alerts { kinds, .. } => kinds.clone(),
        DetectorTerm::None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::description::descriptions;

    #[test]
    fn every_fault_of_the_model_is_listed_under_its_own_name_and_every_sample_makes_a_drill_with_it() {
        let described = descriptions();
        let entries = entries();
        let mut names: Vec<&str> = entries.iter().map(|entry| entry.name).collect();
        names.sort_unstable();
        assert_eq!(names, described.keys().map(String::as_str).collect::<Vec<_>>());
        for known in &entries {
            assert!(
                !described[known.name].what.is_empty(),
                "{} is not described",
                known.name
            );
            let samples = samples(known).unwrap_or_else(|error| panic!("{error}"));
            assert!(!samples.is_empty(), "{} is never examined", known.name);
            for sample in samples {
                assert_eq!(entry(&sample.scenario.faults[0].inject), *known, "{}", sample.title);
            }
        }
    }
}
