//! Plans and scenarios as files: parsing in which every mistake, of syntax or of sense, keeps its place.
//!
//! A file is read twice: once into its type, and once into a tree that knows only where each value stands. Whoever
//! finds a mistake later names a [`Place`], and the tree finds line and column.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeOwned, IgnoredAny};

use crate::plan::Plan;
use crate::scenario::Scenario;

mod drawing;
mod excerpt;
mod mistake;
mod places;
mod reading;

pub use drawing::{Drawn, Mistakes};
pub use excerpt::{excerpt, pointed_at};
pub(crate) use mistake::{LISTED_MAX, listed};
pub use mistake::{Mistake, Place, Severity, nearest};
pub use places::Places;
use reading::Kind;

/// Larger files are refused: no plan is that long, and a parser should not meet one that is.
pub const BYTES_MAX: usize = 1 << 20;

/// Each twin of a scenario is looked at as a drill of its own, with all that the scenario holds.
const TWINS_MAX: usize = 100;

/// A file of data: its name for messages, and its text.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    /// As messages name it: a path, or the place of a shipped file in the repository.
    pub name: String,
    /// All of it.
    pub text: Arc<str>,
}

impl Source {
    /// A file from its name and text.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<Arc<str>>) -> Source {
        Source {
            name: name.into(),
            text: text.into(),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({}, {} bytes)", self.name, self.text.len())
    }
}

/// A parsed file: the value, and where each part of it stands.
#[derive(Clone, Debug)]
pub struct Parsed<T> {
    /// What the file says.
    pub value: T,
    /// The file.
    pub source: Source,
    /// Where each part stands.
    pub places: Places,
}

impl<T> Parsed<T> {
    /// Puts mistakes that were found in the value to their places in the file.
    #[must_use]
    pub fn draw(&self, mistakes: Vec<Mistake>) -> Mistakes {
        let placed = mistakes
            .into_iter()
            .map(|mistake| {
                let span = self.places.span(&mistake.place);
                (mistake, span)
            })
            .collect();
        Mistakes::new(&self.source, placed)
    }
}

/// Reads a plan.
///
/// # Errors
/// The first mistake of syntax or shape; else all mistakes of sense that the plan has by itself.
pub fn parse_plan(source: Source) -> Result<Parsed<Plan>, Mistakes> {
    let parsed: Parsed<Plan> = parse_as(source, Kind::Plan)?;
    let mistakes = parsed.value.mistakes();
    if mistakes.iter().any(|mistake| mistake.severity == Severity::Error) {
        return Err(parsed.draw(mistakes));
    }
    Ok(parsed)
}

/// Reads a scenario. Whether it makes sense depends on its plan: see [`crate::resolve`].
///
/// # Errors
/// The first mistake of syntax or shape; more twins than can be looked at.
pub fn parse_scenario(source: Source) -> Result<Parsed<Scenario>, Mistakes> {
    let parsed: Parsed<Scenario> = parse(source)?;
    let twins = parsed.value.twins.len();
    if twins > TWINS_MAX {
        return Err(parsed.draw(vec![Mistake::new(
            Place::of("twins"),
            format!("there are {twins} twins"),
            "too many",
            format!("each twin is a drill of its own: write at most {TWINS_MAX}, and the others in another scenario"),
        )]));
    }
    Ok(parsed)
}

/// What a file holds, by the keys at its top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// A plan.
    Plan,
    /// A scenario.
    Scenario,
    /// Neither, or it cannot be read.
    Neither,
}

/// What a file seems to hold, whether or not it is sound: for telling someone who mixed the two up.
#[must_use]
pub fn holds(source: &Source) -> Holds {
    if source.text.len() > BYTES_MAX {
        return Holds::Neither;
    }
    let options = serde_saphyr::options! { with_snippet: false };
    let top = serde_saphyr::from_str_with_options::<BTreeMap<String, IgnoredAny>>(&source.text, options);
    let Ok(top) = top else { return Holds::Neither };
    if top.contains_key("scenario") {
        Holds::Scenario
    } else if top.contains_key("plan") && (top.contains_key("disasters") || top.contains_key("components")) {
        Holds::Plan
    } else {
        Holds::Neither
    }
}

/// Reads any other file of data in the same way: mistakes of syntax and shape keep their place.
///
/// # Errors
/// The first mistake of syntax or shape.
pub fn parse<T: DeserializeOwned>(source: Source) -> Result<Parsed<T>, Mistakes> {
    parse_as(source, Kind::Other)
}

fn parse_as<T: DeserializeOwned>(source: Source, kind: Kind) -> Result<Parsed<T>, Mistakes> {
    if source.text.len() > BYTES_MAX {
        let mistake = Mistake::new(
            Place::root(),
            format!("the file has {} bytes", source.text.len()),
            "too large",
            format!("a plan or scenario has at most {BYTES_MAX} bytes: is this the right file?"),
        );
        // Not drawn from the text itself: nobody wants a megabyte in a message.
        let empty = Source::new(source.name, "");
        return Err(Mistakes::new(&empty, vec![(mistake, 0..0)]));
    }
    let options = serde_saphyr::options! { with_snippet: false };
    match serde_saphyr::from_str_with_options::<T>(&source.text, options.clone()) {
        Ok(value) => {
            let places = Places::of(&source.text, options);
            Ok(Parsed { value, source, places })
        }
        Err(error) => {
            let (mistake, span) = reading::explain(&error, &source.text, kind);
            Err(Mistakes::new(&source, vec![(mistake, span)]))
        }
    }
}
