//! Every figure of a plan in one list, for people who hold it against the document. The list is made from the tree of
//! the whole plan, so no figure can be left out of it.

use super::tree::Node;
use super::{Duration, Plan, Share, Written};
use crate::document::Place;
use crate::terms::Status;

/// One figure, ready to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Where it stands in the plan's file: `disasters.database_failure.rto.0`.
    pub path: Place,
    /// The section of the file: `disasters`.
    pub section: String,
    /// Of what, such as `database_failure: rto`; numbers of a list's entries are given as what the entry is about.
    pub name: String,
    /// With its comparator, such as `< 4 hours`.
    pub text: String,
    /// The section of the document that it is from; empty for what stands in the document's own header or footer.
    pub place: String,
    /// Stated, derived or assumed.
    pub status: Status,
}

/// Keys whose values are times, lengths or ranks although they are written without a comparator.
const BARE: &[&str] = &[
    "from", "until", "takes", "lasts", "at", "last", "next", "order", "priority", "updated",
];

impl Plan {
    /// Every figure, in the order of the model.
    #[must_use]
    pub fn figures(&self) -> Vec<Listed> {
        let mut walk = Walk::default();
        if let Node::Map(sections) = Node::of(self) {
            for (section, node) in &sections {
                walk.node(&Place::of(section), &[], node, "");
            }
        }
        walk.found
    }
}

#[derive(Default)]
struct Walk {
    found: Vec<Listed>,
}

impl Walk {
    fn node(&mut self, at: &Place, names: &[String], node: &Node, place: &str) {
        if node.is_figure() {
            self.figure(at, names, node);
            return;
        }
        let place = node.text("where").unwrap_or(place);
        match node {
            Node::Map(entries) => {
                for (key, value) in entries {
                    let at = at.then(key);
                    let names = named(names, key.clone());
                    if key == "when"
                        && let Some(rule) = value.rule()
                    {
                        self.push(&at, &names, rule, place, Status::Stated);
                    } else if BARE.contains(&key.as_str()) {
                        self.bare(&at, &names, value, place);
                    }
                    self.node(&at, &names, value, place);
                }
            }
            Node::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let names = match about(item) {
                        Some(about) => named(names, about),
                        None => names.to_vec(),
                    };
                    self.node(&at.then(index), &names, item, place);
                }
            }
            _ => {}
        }
    }

    fn figure(&mut self, at: &Place, names: &[String], node: &Node) {
        let status = match node.text("status") {
            Some("derived") => Status::Derived,
            Some("assumed") => Status::Assumed,
            _ => Status::Stated,
        };
        let text = signs()
            .find_map(|(key, sign)| Some(format!("{sign}{}", in_words(node.get(key)?))))
            .unwrap_or_else(|| "?".to_owned());
        self.push(at, names, text, node.text("where").unwrap_or_default(), status);
    }

    fn bare(&mut self, at: &Place, names: &[String], value: &Node, place: &str) {
        let text = match value {
            Node::Text(_) | Node::Number(_) => in_words(value),
            _ => return,
        };
        // A component's priority is a word.
        if matches!(value, Node::Text(_)) && at.keys().last().is_some_and(|key| key == "priority") {
            return;
        }
        self.push(at, names, text, place, Status::Stated);
    }

    fn push(&mut self, at: &Place, names: &[String], text: String, place: &str, status: Status) {
        let section = at.keys().first().cloned().unwrap_or_default();
        let name = if names.is_empty() {
            section.clone()
        } else {
            names.join(": ")
        };
        self.found.push(Listed {
            path: at.clone(),
            section,
            name,
            text,
            place: place.to_owned(),
            status,
        });
    }
}

fn named(names: &[String], name: String) -> Vec<String> {
    let mut names = names.to_vec();
    names.push(name);
    names
}

/// What an entry of a list is about, so that it need not be counted.
fn about(item: &Node) -> Option<String> {
    if item.is_figure() {
        return None;
    }
    // Tiers and ladders have levels beside names: the first of these that is there says most.
    ["what", "audience", "name", "role", "flag", "of"]
        .into_iter()
        .find_map(|key| item.text(key).map(str::to_owned))
        .or_else(|| match item.get("level")? {
            Node::Text(level) => Some(match item.text("severity") {
                Some(severity) => format!("{severity}, {level}"),
                None => level.clone(),
            }),
            Node::Number(level) => Some(format!("tier {level}")),
            _ => None,
        })
}

/// The comparators as keys, with their signs.
pub(super) fn signs() -> impl Iterator<Item = (&'static str, &'static str)> {
    [
        Written::Below,
        Written::AtMost,
        Written::AtLeast,
        Written::Above,
        Written::Bare,
    ]
    .into_iter()
    .map(|written| (written.key(), written.sign()))
}

/// A value in full words: `15 minutes`.
pub(super) fn in_words(node: &Node) -> String {
    match node {
        Node::Number(number) => number.to_string(),
        Node::Flag(flag) => flag.to_string(),
        Node::Text(text) => match (text.parse::<Duration>(), text.parse::<Share>()) {
            (Ok(duration), _) => duration.in_words(),
            (_, Ok(share)) => share.to_string(),
            _ => text.clone(),
        },
        Node::Nothing | Node::List(_) | Node::Map(_) => String::new(),
    }
}
