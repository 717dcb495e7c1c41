//! When a plan wants something done, as it writes it: rules for days, times of day, dates and months.
//!
//! Nothing is made up: a plan that says `monthly` names no day, one that says `March 2025` no date, and a time without
//! a zone has none. What follows from the rules is reckoned in [`crate::calendar`].

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A rule for the day of a period. Which keys go together: see [`When::rule`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

impl JsonSchema for Nth {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Nth".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "enum": [1, 2, 3, 4, 5, "last"], "description": "1 to 5, or `last`." })
    }
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

/// A day, or a month where the plan names no day: `2025-03-10`, `2025-03`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum CivilDay {
    /// This day.
    Day(Date),
    /// Some day of this month; the date is its first.
    Month(Date),
}

impl CivilDay {
    /// The first day that is meant.
    #[must_use]
    pub fn first(self) -> Date {
        match self {
            CivilDay::Day(day) | CivilDay::Month(day) => day,
        }
    }

    /// The last day that is meant.
    #[must_use]
    pub fn last(self) -> Date {
        match self {
            CivilDay::Day(day) => day,
            CivilDay::Month(first) => first.last_of_month(),
        }
    }
}

impl FromStr for CivilDay {
    type Err = String;

    fn from_str(text: &str) -> Result<CivilDay, String> {
        let wrong =
            || format!("`{text}` is no date: expected a day such as `2025-03-10`, or a month such as `2025-03`");
        let trimmed = text.trim();
        let parts: Vec<&str> = trimmed.split('-').collect();
        let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        if !trimmed.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
            return Err(wrong());
        }
        let number = |index: usize| parts[index].parse::<i16>().map_err(|_| wrong());
        let small = |index: usize| parts[index].parse::<i8>().map_err(|_| wrong());
        match lengths.as_slice() {
            [4, 2, 2] => Date::new(number(0)?, small(1)?, small(2)?)
                .map(CivilDay::Day)
                .map_err(|_| wrong()),
            [4, 2] => Date::new(number(0)?, small(1)?, 1)
                .map(CivilDay::Month)
                .map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for CivilDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CivilDay::Day(day) => write!(f, "{:04}-{:02}-{:02}", day.year(), day.month(), day.day()),
            CivilDay::Month(first) => write!(f, "{:04}-{:02}", first.year(), first.month()),
        }
    }
}

/// A time of day with its zone, as written: `02:00 UTC`, `02:00 Europe/Berlin`, or `02:00` where none is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay {
    /// 0 to 23.
    pub hour: i8,
    /// 0 to 59.
    pub minute: i8,
    /// `UTC` or a name of the time zone database; `None` where the plan names none.
    pub zone: Option<String>,
}

impl TimeOfDay {
    /// The zone; UTC where none is written.
    #[must_use]
    pub fn time_zone(&self) -> TimeZone {
        self.zone
            .as_deref()
            .and_then(|name| TimeZone::get(name).ok())
            .unwrap_or(TimeZone::UTC)
    }
}

impl FromStr for TimeOfDay {
    type Err = String;

    fn from_str(text: &str) -> Result<TimeOfDay, String> {
        let wrong = || {
            format!(
                "`{text}` is no time of day: expected `02:00`, with `UTC` or a zone such as `Europe/Berlin` behind it"
            )
        };
        let mut words = text.split_whitespace();
        let (hour, minute) = words.next().and_then(|time| time.split_once(':')).ok_or_else(wrong)?;
        let digits = |text: &str, below: i8| {
            if text.is_empty() || text.len() > 2 || !text.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            text.parse::<i8>().ok().filter(|number| *number < below)
        };
        let hour = digits(hour, 24).ok_or_else(wrong)?;
        let minute = digits(minute, 60).filter(|_| minute.len() == 2).ok_or_else(wrong)?;
        let zone = words.next().map(str::to_owned);
        if words.next().is_some() {
            return Err(wrong());
        }
        if let Some(name) = &zone
            && TimeZone::get(name).is_err()
        {
            return Err(format!(
                "`{name}` in `{text}` is no time zone: expected `UTC` or a name of the time zone database, such as \
                 `Europe/Berlin`"
            ));
        }
        Ok(TimeOfDay { hour, minute, zone })
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)?;
        match &self.zone {
            Some(zone) => write!(f, " {zone}"),
            None => Ok(()),
        }
    }
}

macro_rules! written_as_text {
    ($type:ty, $name:literal, $pattern:literal, $description:literal) => {
        impl TryFrom<String> for $type {
            type Error = String;
            fn try_from(text: String) -> Result<$type, String> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> String {
                value.to_string()
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern, "description": $description })
            }
        }
    };
}

written_as_text!(
    CivilDay,
    "CivilDay",
    "^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$",
    "A day or a month: `2025-03-10`, `2025-03`."
);
written_as_text!(
    TimeOfDay,
    "TimeOfDay",
    "^[0-9]{1,2}:[0-9]{2}( [A-Za-z0-9_+/-]+)?$",
    "A time of day and its zone: `02:00 UTC`, `02:00 Europe/Berlin`."
);
