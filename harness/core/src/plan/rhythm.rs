//! When a plan wants something done, as it writes it: rules for the days of a period.
//!
//! Nothing is made up: a plan that says `monthly` names no day. What follows from the rules is reckoned in [`crate::calendar`].

use std::fmt;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A rule for the day of a period. Which keys go together: see the table in docs/suites.md.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The how manieth such weekday of the period: 1 to 5, or `last`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<Nth>,
    /// A day of the week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekday: Option<Weekday>,
    /// A part of the period, its first, second or last third: a window, not a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// The period that `nth` or `position` is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Period>,
    /// Day of the month, 1 to 31; in a shorter month its last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<u8>,
    /// Month of the year, 1 to 12.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<u8>,
}

/// What a [`When`] means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Every week on this day.
    Weekday(Weekday),
    /// The nth (or last) such weekday of each period; a period without one has no such day.
    Nth(Nth, Weekday, Period),
    /// Any day in that third of each period.
    Position(Position, Period),
    /// That day of each month.
    DayOfMonth(u8),
    /// That day of that month of each year.
    DayOfYear {
        /// 1 to 12.
        month: u8,
        /// 1 to 31.
        day: u8,
    },
}

impl When {
    /// The rule that the keys make together.
    ///
    /// # Errors
    /// What is wrong with them, in a clause.
    pub fn rule(&self) -> Result<Rule, String> {
        match (self.nth, self.weekday, self.position, self.of, self.day, self.month) {
            (None, Some(weekday), None, None | Some(Period::Week), None, None) => Ok(Rule::Weekday(weekday)),
            (Some(_), Some(_), None, Some(Period::Week), None, None) => {
                Err("a week has each weekday once: `nth` needs `of: month`, `quarter` or `year`".into())
            }
            (Some(nth), Some(weekday), None, Some(of), None, None) => Ok(Rule::Nth(nth, weekday, of)),
            (None, None, Some(_), Some(Period::Week), None, None) => {
                Err("a part of a week is a weekday: write `weekday`".into())
            }
            (None, None, Some(position), Some(of), None, None) => Ok(Rule::Position(position, of)),
            (None, None, None, None | Some(Period::Month), Some(day), None) if (1..=31).contains(&day) => {
                Ok(Rule::DayOfMonth(day))
            }
            (None, None, None, None | Some(Period::Year), Some(day), Some(month)) => {
                let longest = match month {
                    2 => 29,
                    4 | 6 | 9 | 11 => 30,
                    1..=12 => 31,
                    _ => return Err(format!("there is no month {month}")),
                };
                if day == 0 || day > longest {
                    return Err(format!("month {month} has no day {day}"));
                }
                Ok(Rule::DayOfYear { month, day })
            }
            (None, None, None, _, Some(day), None) if !(1..=31).contains(&day) => {
                Err(format!("no month has a day {day}"))
            }
            _ => Err("these keys together name no day of a period".into()),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Weekday(weekday) => write!(f, "every {weekday}"),
            Rule::Nth(nth, weekday, of) => write!(f, "{nth} {weekday} of the {of}"),
            Rule::Position(position, of) => write!(f, "{position} of the {of}"),
            Rule::DayOfMonth(day) => write!(f, "day {day} of the month"),
            Rule::DayOfYear { month, day } => write!(f, "each year on {month:02}-{day:02}"),
        }
    }
}

/// Which of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nth {
    /// 1 to 5, from the front.
    Number(u8),
    /// The last one.
    Last,
}

impl fmt::Display for Nth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Nth::Number(1) => "first",
            Nth::Number(2) => "second",
            Nth::Number(3) => "third",
            Nth::Number(4) => "fourth",
            Nth::Number(_) => "fifth",
            Nth::Last => "last",
        })
    }
}

impl Serialize for Nth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Nth::Number(number) => serializer.serialize_u8(*number),
            Nth::Last => serializer.serialize_str("last"),
        }
    }
}

impl<'de> Deserialize<'de> for Nth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Nth, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Nth;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number from 1 to 5, or `last`")
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Nth, E> {
                match u8::try_from(number) {
                    Ok(number @ 1..=5) => Ok(Nth::Number(number)),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Unsigned(number), &self)),
                }
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Nth, E> {
                match u64::try_from(number) {
                    Ok(number) => self.visit_u64(number),
                    Err(_) => Err(E::invalid_value(serde::de::Unexpected::Signed(number), &self)),
                }
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Nth, E> {
                match text {
                    "last" => Ok(Nth::Last),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
impl JsonSchema for Nth {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Nth".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "enum": [1, 2, 3, 4, 5, "last"], "description": "1 to 5, or `last`." })
    }
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    /// Days from Monday: 0 to 6.
    #[must_use]
    pub fn from_monday(self) -> i8 {
        match self {
            Weekday::Monday => 0,
            Weekday::Tuesday => 1,
            Weekday::Wednesday => 2,
            Weekday::Thursday => 3,
            Weekday::Friday => 4,
            Weekday::Saturday => 5,
            Weekday::Sunday => 6,
        }
    }
}

impl fmt::Display for Weekday {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 7] = [
            "Monday",
            "Tuesday",
            "Wednesday",
            "Thursday",
            "Friday",
            "Saturday",
            "Sunday",
        ];
        f.write_str(NAMES[self.from_monday() as usize])
    }
}

/// A period of the calendar. Weeks begin on Monday, quarters in January, April, July and October.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Period {
    Week,
    Month,
    Quarter,
    Year,
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Period::Week => "week",
            Period::Month => "month",
            Period::Quarter => "quarter",
            Period::Year => "year",
        })
    }
}

/// A third of a period: of a month days 1 to 10, 11 to 20 and the rest; of a quarter its months; of a year four months.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Position {
    Beginning,
    Middle,
    End,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Position::Beginning => "beginning",
            Position::Middle => "middle",
            Position::End => "end",
        })
    }
}
