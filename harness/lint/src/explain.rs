//! What the rules teach: one rule for the terminal, all of them as the handbook docs/lint.md.

use std::fmt::Write as _;

use firedrill_core::document::nearest;

use crate::rule::{Class, RULES, Rule};

/// A rule's lesson; `None` where there is no such rule.
#[must_use]
pub fn explain(name: &str) -> Option<String> {
    let rule = RULES.iter().find(|rule| rule.name == name)?;
    let mut text = format!(
        "{} ({}, {})\n{}\n\n",
        rule.name,
        rule.class.word(),
        rule.severity,
        rule.title
    );
    text.push_str(rule.teaches.trim());
    text.push('\n');
    Some(text)
}

/// What to say to who asks for a rule that is not there.
#[must_use]
pub fn unknown_rule(name: &str) -> (String, String) {
    let near = nearest(name, RULES.iter().map(|rule| rule.name))
        .map(|near| format!("did you mean `{near}`? "))
        .unwrap_or_default();
    let names: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
    (
        format!("there is no rule `{name}`"),
        format!("{near}The rules are {}", names.join(", ")),
    )
}

/// All rules as one Markdown page.
#[must_use]
pub fn handbook() -> String {
    let mut page = String::from(HEAD);
    for class in Class::ALL {
        let _ = writeln!(page, "\n## {}\n\n{}\n", capital(class.word()), class.about());
        page.push_str("| rule | at most | finds |\n|---|---|---|\n");
        for rule in of(class) {
            let _ = writeln!(
                page,
                "| [{0}](#{0}) | {1} | {2} |",
                rule.name, rule.severity, rule.title
            );
        }
        for rule in of(class) {
            let _ = writeln!(
                page,
                "\n### {}\n\n{}.\n\n{}",
                rule.name,
                rule.title,
                rule.teaches.trim()
            );
        }
    }
    page
}

fn of(class: Class) -> impl Iterator<Item = &'static &'static Rule> {
    RULES.iter().filter(move |rule| rule.class == class)
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

const HEAD: &str = "\
# The rules of `firedrill plan lint`

Generated from the rules' own texts; `firedrill plan lint --explain RULE` prints one of them.

    firedrill plan lint PLAN...                       every finding, drawn into the plan's file
    firedrill plan lint PLAN... --format json         for programs; `sarif` for code hosts, `markdown` for summaries
    firedrill plan lint PLAN... --deny warn           exit 1 on warnings too (default: on errors)
    firedrill plan lint PLAN... --as-of 2026-12-07    hold reviews, drills and acceptances against that day

Exit codes: 0 nothing at or above the level denied; 1 something is; 2 a file that is no plan.

Nothing is run and nothing is fetched: a finding follows from the plan's statements. Each names all statements that
take part, with file and line, and does the arithmetic in words.

- **error**: the plan's own figures, or its commands as written, exclude what it promises.
- **warn**: it holds by luck, or only on paper.
- **info**: the finding rests on an assumption, which it names. A figure that the plan's file marks `status: assumed`
  makes every finding that needs it an `info`.

Plans with the same `company` that are given together are compared with each other.

A finding that the company lives with is accepted in the plan itself, with a reason and a last day, and comes back on
the day after:

    accepted:
      - { rule: single-copy, about: code, reason: a second host costs more than a rebuild, until: 2027-03-31 }

`about` narrows it to one finding of the rule; without it all findings of the rule in this plan are accepted.
";
