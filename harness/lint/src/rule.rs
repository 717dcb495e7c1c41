//! A rule, and the list of all. One file per rule; a rule is data (name, class, severity, what it teaches) and one
//! function that looks.

use std::fmt;

use crate::finding::Findings;
use crate::severity::Severity;
use crate::subject::Subject;

mod alert_always_fires;
mod backup_rarer_than_rpo;
mod rpo_without_backup;
mod steps_outlast_rto;

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
    // arithmetic
    &alert_always_fires::RULE,
    &backup_rarer_than_rpo::RULE,
    &steps_outlast_rto::RULE,
    // design
    &rpo_without_backup::RULE,
];
