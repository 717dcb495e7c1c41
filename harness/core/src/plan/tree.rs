//! A plan as an ordered tree of keys and values, in the order of its types: what looks at every statement alike walks
//! this, so that a key added to the model is never forgotten.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::{Plan, When};

/// A value of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Nothing,
    Flag(bool),
    Number(u64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The whole plan.
    pub(crate) fn of(plan: &Plan) -> Node {
        // Every key of a plan is a text and every number small: neither way can fail.
        serde_json::to_string(plan)
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or(Node::Nothing)
    }

    /// The value of a key; `None` for what is no map, and for nothing.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match self {
            Node::Map(entries) => entries
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value)
                .filter(|value| **value != Node::Nothing),
            _ => None,
        }
    }

    /// The text of a key.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Node::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether this is a figure: nothing else has both a place and a status.
    pub(crate) fn is_figure(&self) -> bool {
        self.get("where").is_some() && self.get("status").is_some()
    }

    /// A rule of the calendar in words; `None` for anything else.
    pub(crate) fn rule(&self) -> Option<String> {
        match self {
            Node::Map(entries) if !entries.is_empty() => {}
            _ => return None,
        }
        let when: When = serde_json::from_value(self.json()).ok()?;
        when.rule().ok().map(|rule| rule.to_string())
    }

    fn json(&self) -> Value {
        match self {
            Node::Nothing => Value::Null,
            Node::Flag(flag) => (*flag).into(),
            Node::Number(number) => (*number).into(),
            Node::Text(text) => text.as_str().into(),
            Node::List(items) => items.iter().map(Node::json).collect(),
            Node::Map(entries) => entries.iter().map(|(key, value)| (key.clone(), value.json())).collect(),
        }
    }

    /// Whether there is anything in it.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Node::Nothing | Node::Flag(false) => true,
            Node::Flag(true) | Node::Number(_) | Node::Text(_) => false,
            Node::List(items) => items.is_empty(),
            Node::Map(entries) => entries.iter().all(|(_, value)| value.is_empty()),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Nothing)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Node, E> {
        Ok(Node::Flag(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Node::Map(map))
    }
}
