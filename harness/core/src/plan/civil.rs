//! Days, months and times of day as a plan writes them, with no more than it writes: a month without a day, a time without
//! a zone.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

        #[cfg(test)]
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
