//! A plan for people to read: everything it says, section by section, without the sections of the document.

use super::Plan;
use super::listing::{in_words, signs};
use super::tree::Node;

/// A line of the outline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlined {
    /// How deep it stands, 0 for the heading of a section.
    pub depth: usize,
    /// What it says.
    pub text: String,
}

impl Plan {
    /// What the plan says, in the order of the model. Its name, title and document are left to the caller.
    #[must_use]
    pub fn outline(&self) -> Vec<Outlined> {
        let mut outline = Outline(Vec::new());
        if let Node::Map(sections) = Node::of(self) {
            let told = |key: &str| !["plan", "title", "document"].contains(&key);
            for (section, node) in sections.iter().filter(|(key, _)| told(key)) {
                if !node.is_empty() {
                    outline.entry(0, section, node);
                }
            }
        }
        outline.0
    }
}

struct Outline(Vec<Outlined>);

impl Outline {
    fn push(&mut self, depth: usize, text: String) {
        // A command may have several lines: each stands below the first.
        for (index, line) in text.lines().enumerate() {
            self.0.push(Outlined {
                depth: depth + usize::from(index > 0),
                text: line.trim_end().to_owned(),
            });
        }
    }

    /// A key with its value, on one line where the value fits there.
    fn entry(&mut self, depth: usize, key: &str, value: &Node) {
        // What has parts may be one of the plan's own names, which people type.
        let key = match value {
            Node::Map(_) if !value.is_figure() => key.to_owned(),
            _ => key.replace('_', " "),
        };
        match (inline(value), value) {
            (Some(text), _) => self.push(depth, format!("{key}: {text}")),
            (None, Node::List(items)) => {
                self.push(depth, format!("{key}:"));
                for item in items {
                    self.item(depth + 1, item);
                }
            }
            (None, _) => {
                self.push(depth, format!("{key}:"));
                self.below(depth + 1, value);
            }
        }
    }

    fn below(&mut self, depth: usize, node: &Node) {
        if let Node::Map(entries) = node {
            for (key, value) in entries.iter().filter(|(key, value)| shown(key, value)) {
                self.entry(depth, key, value);
            }
        }
    }

    /// An entry of a list: what fits on its first line, then the rest.
    fn item(&mut self, depth: usize, item: &Node) {
        let Node::Map(entries) = item else {
            self.push(depth, format!("- {}", inline(item).unwrap_or_default()));
            return;
        };
        let mut first: Vec<String> = Vec::new();
        let mut rest: Vec<(&String, &Node)> = Vec::new();
        for (key, value) in entries.iter().filter(|(key, value)| shown(key, value)) {
            match inline(value) {
                // What an entry is about needs no key before it.
                Some(text) if first.is_empty() && rest.is_empty() => first.push(text),
                Some(text) if key != "command" => first.push(format!("{}: {text}", key.replace('_', " "))),
                _ => rest.push((key, value)),
            }
        }
        self.push(depth, format!("- {}", first.join("; ")));
        for (key, value) in rest {
            self.entry(depth + 1, key, value);
        }
    }
}

fn shown(key: &str, value: &Node) -> bool {
    key != "where" && !value.is_empty()
}

/// The text of what fits on one line.
fn inline(node: &Node) -> Option<String> {
    match node {
        Node::Nothing => Some(String::new()),
        Node::Flag(flag) => Some(if *flag { "yes".into() } else { "no".into() }),
        Node::Number(_) | Node::Text(_) => Some(in_words(node)),
        Node::List(items) => {
            let texts: Option<Vec<String>> = items
                .iter()
                .map(|item| match item {
                    Node::Map(_) if !item.is_figure() => None,
                    other => inline(other),
                })
                .collect();
            Some(texts?.join(", "))
        }
        Node::Map(_) if node.is_figure() => {
            let value = signs().find_map(|(key, sign)| Some(format!("{sign}{}", in_words(node.get(key)?))));
            let value = value.unwrap_or_else(|| "?".to_owned());
            Some(match node.text("status") {
                Some("stated") | None => value,
                Some(status) => format!("{value} ({status})"),
            })
        }
        Node::Map(_) if node.rule().is_some() => node.rule(),
        // A threshold names the kind of its figure, a probe what it asks: one key, one value.
        Node::Map(entries) => match entries.as_slice() {
            [(key, value)] if value.is_figure() || matches!(value, Node::Text(_)) => match inline(value) {
                Some(text) if value.is_figure() => Some(text),
                text => Some(format!("{} {}", key.replace('_', " "), text?)),
            },
            // A word that has nothing but its section: `untargeted`.
            [(key, Node::Map(held))] if held.iter().all(|(name, value)| name == "where" || value.is_empty()) => {
                Some(key.replace('_', " "))
            }
            _ => None,
        },
    }
}
