//! Where each value of a document stands.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Options, Spanned};

use super::mistake::Place;

/// The places of one document, by key and index from the root down.
#[derive(Clone, Debug, Default)]
pub struct Places {
    spans: HashMap<Place, Range<usize>>,
}

impl Places {
    /// The places of a text that is known to parse; empty where it does not.
    pub(super) fn of(text: &str, options: Options) -> Places {
        let mut places = Places::default();
        if let Ok(tree) = serde_saphyr::from_str_with_options::<Tree>(text, options) {
            places.spans.insert(Place::root(), 0..0);
            places.gather(text, &Place::root(), &tree);
        }
        places
    }

    /// Bytes of the value at a place, or of the nearest thing above it that stands in the file.
    #[must_use]
    pub fn span(&self, place: &Place) -> Range<usize> {
        let mut keys = place.keys();
        loop {
            let mut at = Place::root();
            for key in keys {
                at = at.then(key);
            }
            if let Some(span) = self.spans.get(&at) {
                return span.clone();
            }
            match keys.split_last() {
                Some((_, above)) => keys = above,
                None => return 0..0,
            }
        }
    }

    /// Where a text stands as an item of a list, in the order of the file.
    #[must_use]
    pub fn of_item(&self, text: &str, item: &str) -> Vec<Place> {
        let is_item = |place: &Place| place.keys().last().is_some_and(|key| key.parse::<usize>().is_ok());
        let mut found: Vec<(usize, &Place)> = self
            .spans
            .iter()
            .filter(|(place, span)| {
                let written = text.get((*span).clone()).unwrap_or_default();
                is_item(place) && written.trim_matches(['"', '\'']) == item
            })
            .map(|(place, span)| (span.start, place))
            .collect();
        found.sort();
        found.into_iter().map(|(_, place)| place.clone()).collect()
    }

    fn gather(&mut self, text: &str, at: &Place, tree: &Tree) {
        match &tree.0.value {
            Kind::Scalar => {}
            Kind::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    let below = at.then(index);
                    self.spans.insert(below.clone(), bytes(text, item.0.referenced));
                    self.gather(text, &below, item);
                }
            }
            Kind::Mapping(entries) => {
                for (key, value) in entries {
                    let below = at.then(&key.value);
                    // A scalar is pointed at itself; of what spreads over lines, the key is shown.
                    let span = match value.0.value {
                        Kind::Scalar => bytes(text, value.0.referenced),
                        Kind::Sequence(_) | Kind::Mapping(_) => bytes(text, key.referenced),
                    };
                    self.spans.insert(below.clone(), span);
                    self.gather(text, &below, value);
                }
            }
        }
    }
}

/// Bytes of a location, kept inside the text and to its first line.
pub(super) fn bytes(text: &str, location: Location) -> Range<usize> {
    let span = location.span();
    let start = match span.byte_offset() {
        Some(start) => usize::try_from(start).unwrap_or(usize::MAX),
        None => text
            .char_indices()
            .nth(usize::try_from(span.offset()).unwrap_or(usize::MAX))
            .map_or(text.len(), |(start, _)| start),
    };
    let mut start = start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let length = match span.byte_len() {
        Some(length) => usize::try_from(length).unwrap_or(usize::MAX),
        None => text[start..]
            .char_indices()
            .nth(usize::try_from(span.len()).unwrap_or(usize::MAX))
            .map_or(text.len() - start, |(length, _)| length),
    };
    let mut end = start.saturating_add(length).min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let line = text[start..end].find('\n').unwrap_or(end - start);
    let shown = text[start..start + line].trim_end().len();
    start..start + shown
}

struct Tree(Spanned<Kind>);

enum Kind {
    Scalar,
    Sequence(Vec<Tree>),
    Mapping(Vec<(Spanned<String>, Tree)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tree, D::Error> {
        Spanned::deserialize(deserializer).map(Tree)
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Kind::Mapping(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Kind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Kind::Sequence(items))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }
    fn visit_i128<E>(self, _: i128) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }
    fn visit_u128<E>(self, _: u128) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }
    fn visit_str<E>(self, _: &str) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }
    fn visit_bytes<E>(self, _: &[u8]) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }
    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }
    fn visit_none<E>(self) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Kind::Scalar)
    }
}
