//! A rule, and the list of all. One file per rule; a rule is data (name, class, severity, what it teaches) and one
//! function that looks.

use std::fmt;

use crate::finding::Findings;
use crate::severity::Severity;
use crate::subject::Subject;

mod alert_always_fires;
mod alert_looser_than_target;
mod archive_outlasts_rto;
mod availability_budget;
mod backup_rarer_than_rpo;
mod cadence_stated_twice;
mod compression_after_encryption;
mod decision_branch_missing;
mod dependency_looser;
mod disaster_without;
mod drill_on_paper;
mod drill_plans_to_miss;
mod drills_break_availability;
mod encryption_two_ways;
mod encryption_without_integrity;
mod escalation_after_rto;
mod escalation_gap;
mod escalation_stated_twice;
mod exclusive_provider;
mod failback;
mod key_without_backup;
mod lag_uses_up_rpo;
mod manual_and_automatic;
mod monitor_dies_with_site;
mod multi_cloud_on_one_provider;
mod no_margin;
mod outside_jurisdiction;
mod people_missing;
mod pitr_without_wal;
mod places_do_not_meet;
mod priority_inverted;
mod queue_never_drained;
mod restore_collides_with_backup;
mod restore_reads_no_backup;
mod restore_replays_no_wal;
mod retention_against_cleanup;
mod review_overdue;
mod rpo_without_backup;
mod single_copy;
mod site_behind_rpo;
mod standby_without_data;
mod steps_outlast_rto;
mod target_beyond_the_whole;
mod target_stated_twice;
mod telephone;
mod tier_against_disaster;
mod tier_no_margin;
mod tier_too_late;
mod update_by_hand;
mod verification_rarer_than_rpo;

/// What kind of trouble a rule looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The same thing said twice, differently.
    Contradiction,
    /// Figures that do not add up.
    Arithmetic,
    /// What is built cannot do what is promised.
    Design,
    /// Something has no target, procedure, drill, owner or date.
    Coverage,
}

impl Class {
    /// All, in the order of the handbook.
    pub const ALL: [Class; 4] = [Class::Contradiction, Class::Arithmetic, Class::Design, Class::Coverage];

    /// One word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Class::Contradiction => "contradiction",
            Class::Arithmetic => "arithmetic",
            Class::Design => "design",
            Class::Coverage => "coverage",
        }
    }

    /// What its rules look for.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Class::Contradiction => "The same thing is said twice, and differently.",
            Class::Arithmetic => "The plan's own figures do not add up to its targets.",
            Class::Design => "What the plan builds and runs cannot do what the plan promises.",
            Class::Coverage => "Something has no target, no procedure, no drill, no owner or no date.",
        }
    }
}

/// Looks at one plan, or at the plans of one company together.
#[derive(Clone, Copy)]
pub(crate) enum Look {
    Plan(fn(&Subject<'_>, &mut Findings)),
    Company(fn(&[&Subject<'_>], &mut Findings)),
}

/// A rule.
pub struct Rule {
    /// Its name, by which findings are accepted and explained.
    pub name: &'static str,
    /// What kind of trouble it looks for.
    pub class: Class,
    /// How much its findings weigh at most; those that need an assumption are `info`.
    pub severity: Severity,
    /// What it finds, as a headline.
    pub title: &'static str,
    /// What it teaches: why this matters, how it is reckoned, when it stays silent, what to do.
    pub teaches: &'static str,
    pub(crate) look: Look,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({})", self.name)
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Rule) -> bool {
        self.name == other.name
    }
}

impl Eq for Rule {}

/// All rules, by class and then by name.
pub static RULES: &[&Rule] = &[
    // contradiction
    &cadence_stated_twice::RULE,
    &encryption_two_ways::RULE,
    &escalation_stated_twice::RULE,
    &exclusive_provider::RULE,
    &manual_and_automatic::RULE,
    &priority_inverted::RULE,
    &target_beyond_the_whole::RULE,
    &target_stated_twice::RULE,
    &telephone::RULE,
    &tier_against_disaster::RULE,
    // arithmetic
    &alert_always_fires::RULE,
    &alert_looser_than_target::RULE,
    &availability_budget::RULE,
    &backup_rarer_than_rpo::RULE,
    &drill_plans_to_miss::RULE,
    &drills_break_availability::RULE,
    &escalation_after_rto::RULE,
    &failback::TIER,
    &lag_uses_up_rpo::RULE,
    &no_margin::RULE,
    &restore_collides_with_backup::RULE,
    &retention_against_cleanup::RULE,
    &site_behind_rpo::RULE,
    &steps_outlast_rto::RULE,
    &tier_no_margin::RULE,
    &tier_too_late::RULE,
    &update_by_hand::RULE,
    &verification_rarer_than_rpo::RULE,
    // design
    &archive_outlasts_rto::RULE,
    &compression_after_encryption::RULE,
    &dependency_looser::RULE,
    &failback::DRY,
    &encryption_without_integrity::RULE,
    &failback::UNBOUNDED,
    &key_without_backup::RULE,
    &monitor_dies_with_site::RULE,
    &multi_cloud_on_one_provider::RULE,
    &outside_jurisdiction::RULE,
    &pitr_without_wal::RULE,
    &places_do_not_meet::RULE,
    &queue_never_drained::RULE,
    &restore_reads_no_backup::RULE,
    &restore_replays_no_wal::RULE,
    &rpo_without_backup::RULE,
    &single_copy::RULE,
    &single_copy::PROVIDER,
    &standby_without_data::RULE,
    // coverage
    &people_missing::BLANK,
    &decision_branch_missing::RULE,
    &disaster_without::DRILL,
    &disaster_without::PROCEDURE,
    &disaster_without::TARGET,
    &drill_on_paper::DRY_RUN,
    &drill_on_paper::PRODUCTION,
    &drill_on_paper::OVERDUE,
    &drill_on_paper::DAY,
    &escalation_gap::RULE,
    &failback::MISSING,
    &disaster_without::OWNER,
    &review_overdue::RULE,
    &people_missing::DEPUTY,
    &alert_looser_than_target::UNGUARDED,
];
