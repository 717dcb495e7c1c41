//! The sections of the page, each with the words that say how its figures came to be.

mod course;
mod data;
mod decisions;
mod scope;
mod verdict;
mod wrong;

use firedrill_core::verdict::{Finding, Outcome};

use super::{class, escape};
use crate::figure;

pub(super) use course::{alerts, faults, service, steps, timeline};
pub(super) use data::{checks, data};
pub(super) use decisions::decisions;
pub(super) use scope::{limits, provenance, stand_ins};
pub(super) use verdict::{about_plan, targets};
pub(super) use wrong::wrong_if;

fn section(title: &str, body: &str) -> String {
    if body.is_empty() {
        String::new()
    } else {
        format!("<section><h2>{title}</h2>\n{body}</section>\n")
    }
}

fn list(items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let items: Vec<String> = items.iter().map(|item| format!("<li>{}</li>", escape(item))).collect();
    format!("<ul>{}</ul>", items.concat())
}

fn tag(outcome: Outcome, finding: &Finding) -> String {
    let shade = if outcome == Outcome::Pass && figure::is_shown(finding) {
        "shown"
    } else {
        class(outcome)
    };
    format!("<span class=\"tag {shade}\">{}</span>", figure::says(outcome, finding))
}

/// With a capital at its beginning.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
