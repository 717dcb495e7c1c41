//! A finding: what a plan promises, the arithmetic that excludes it, and every statement that takes part.

use firedrill_core::document::Place;

use crate::rule::Rule;
use crate::severity::Severity;

/// Statements kept of one finding; a contradiction of a thousand statements is told by its first.
pub(crate) const STATEMENTS_MAX: usize = 12;

/// One statement of a plan that takes part in a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Index of the plan among those linted.
    pub plan: usize,
    /// Where it stands in the plan's file.
    pub place: Place,
    /// What it says, such as `RPO of database: < 15 minutes`.
    pub says: String,
    /// The section of the document it is from; empty where the file gives none.
    pub section: String,
    /// The document does not say it: whoever encoded the plan assumed it.
    pub assumed: bool,
}

/// What is wrong.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule that found it.
    pub rule: &'static Rule,
    /// The rule's severity; `info` where an assumption is needed.
    pub severity: Severity,
    /// What it is about: a component, a disaster, a drill. With the rule's name it tells findings of a plan apart.
    pub about: String,
    /// In one sentence.
    pub says: String,
    /// The arithmetic, in plain words.
    pub arithmetic: String,
    /// What to do about it.
    pub advice: String,
    /// The statements that take part, the one that is broken first. Never empty.
    pub statements: Vec<Statement>,
    /// Statements left out beyond the bound.
    pub more: usize,
    /// What must hold for the finding to be so, though the plan does not say it.
    pub assumptions: Vec<String>,
    /// Shipped drills that prove it, as `PLAN/SCENARIO`.
    pub drills: Vec<String>,
    /// The reason for which the plan accepts it, and until when.
    pub accepted: Option<String>,
    /// An acceptance that has expired.
    pub expired: Option<String>,
}

/// A finding in the making: what a rule's code writes.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) about: String,
    pub(crate) says: String,
    arithmetic: String,
    advice: String,
    severity: Option<Severity>,
    statements: Vec<Statement>,
    more: usize,
    assumptions: Vec<String>,
}

impl Draft {
    pub(crate) fn new(about: impl Into<String>, says: impl Into<String>) -> Draft {
        Draft {
            about: about.into(),
            says: says.into(),
            arithmetic: String::new(),
            advice: String::new(),
            severity: None,
            statements: Vec::new(),
            more: 0,
            assumptions: Vec::new(),
        }
    }

    /// The arithmetic in plain words.
    pub(crate) fn because(mut self, arithmetic: impl Into<String>) -> Draft {
        self.arithmetic = arithmetic.into();
        self
    }

    /// What to do.
    pub(crate) fn advice(mut self, advice: impl Into<String>) -> Draft {
        self.advice = advice.into();
        self
    }

    /// A statement that takes part; the same place once.
    pub(crate) fn shows(mut self, statement: Statement) -> Draft {
        let known = self
            .statements
            .iter()
            .any(|one| one.plan == statement.plan && one.place == statement.place);
        if known {
            return self;
        }
        if self.statements.len() == STATEMENTS_MAX {
            self.more += 1;
        } else {
            self.statements.push(statement);
        }
        self
    }

    pub(crate) fn shows_all(self, statements: impl IntoIterator<Item = Statement>) -> Draft {
        statements.into_iter().fold(self, Draft::shows)
    }

    /// Something the finding needs and the plan does not say.
    pub(crate) fn assumes(mut self, assumption: impl Into<String>) -> Draft {
        self.assumptions.push(assumption.into());
        self
    }

    /// Weighs less than the rule does by itself.
    pub(crate) fn weighs(mut self, severity: Severity) -> Draft {
        self.severity = Some(severity);
        self
    }
}

/// The findings so far, and the rule that is looking.
pub(crate) struct Findings {
    rule: &'static Rule,
    found: Vec<Finding>,
}

impl Findings {
    pub(crate) fn of(rule: &'static Rule) -> Findings {
        Findings {
            rule,
            found: Vec::new(),
        }
    }

    /// Takes a finding over. What rests on an assumption, its own or one that the plan's encoding made, informs only.
    pub(crate) fn push(&mut self, draft: Draft) {
        let mut assumptions = draft.assumptions;
        for statement in draft.statements.iter().filter(|statement| statement.assumed) {
            assumptions.push(format!("{} ({})", statement.says, statement.section));
        }
        let own = draft.severity.unwrap_or(self.rule.severity).min(self.rule.severity);
        let severity = if assumptions.is_empty() { own } else { Severity::Info };
        self.found.push(Finding {
            rule: self.rule,
            severity,
            about: draft.about,
            says: draft.says,
            arithmetic: draft.arithmetic,
            advice: draft.advice,
            statements: draft.statements,
            more: draft.more,
            assumptions,
            drills: Vec::new(),
            accepted: None,
            expired: None,
        });
    }

    pub(crate) fn into_found(self) -> Vec<Finding> {
        self.found
    }
}
