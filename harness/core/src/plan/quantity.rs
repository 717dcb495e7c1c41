//! Durations and shares as plans write them: `15 minutes`, `1 month`, `99.9 %`. The unit is kept: a month stays a
//! month, and only units of fixed length become nanoseconds.

use std::fmt;
use std::str::FromStr;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stamp::{HOUR, MILLISECOND, MINUTE, Nanos, SECOND};

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Unit {
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// A duration, written as `NUMBER UNIT`: ms, s, min, h, d, w, month, quarter, year (long names and plurals too).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Duration {
    /// How many.
    pub count: u32,
    /// Of what.
    pub unit: Unit,
}

impl Duration {
    /// Its length in nanoseconds; `None` for month, quarter and year, whose length depends on the calendar, and for
    /// what nanoseconds in 64 bits cannot hold (some 292 years).
    #[must_use]
    pub fn nanos(self) -> Option<Nanos> {
        let unit = match self.unit {
            Unit::Millisecond => MILLISECOND,
            Unit::Second => SECOND,
            Unit::Minute => MINUTE,
            Unit::Hour => HOUR,
            Unit::Day => 24 * HOUR,
            Unit::Week => 7 * 24 * HOUR,
            Unit::Month | Unit::Quarter | Unit::Year => return None,
        };
        unit.checked_mul(i64::from(self.count))
    }
}

impl Duration {
    /// In full words: `15 minutes`, `1 hour`.
    #[must_use]
    pub fn in_words(self) -> String {
        let name = match self.unit {
            Unit::Millisecond => "millisecond",
            Unit::Second => "second",
            Unit::Minute => "minute",
            Unit::Hour => "hour",
            Unit::Day => "day",
            Unit::Week => "week",
            Unit::Month => "month",
            Unit::Quarter => "quarter",
            Unit::Year => "year",
        };
        let plural = if self.count == 1 { "" } else { "s" };
        format!("{} {name}{plural}", self.count)
    }
}

const UNITS: [(Unit, &[&str]); 9] = [
    (Unit::Millisecond, &["ms", "millisecond", "milliseconds"]),
    (Unit::Second, &["s", "sec", "second", "seconds"]),
    (Unit::Minute, &["min", "m", "minute", "minutes"]),
    (Unit::Hour, &["h", "hour", "hours"]),
    (Unit::Day, &["d", "day", "days"]),
    (Unit::Week, &["w", "week", "weeks"]),
    (Unit::Month, &["month", "months"]),
    (Unit::Quarter, &["quarter", "quarters"]),
    (Unit::Year, &["year", "years"]),
];

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Duration, String> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let expected = "expected a whole number and a unit, such as `15 min`, `6 h` or `1 month`";
        let count = text[..digits]
            .parse()
            .map_err(|_| format!("`{text}` is not a duration: {expected}"))?;
        let name = text[digits..].trim();
        let unit = UNITS
            .iter()
            .find(|(_, names)| names.contains(&name))
            .map(|(unit, _)| *unit)
            .ok_or_else(|| match name {
                "" => format!("`{text}` has no unit of time: {expected}"),
                _ => format!("`{name}` in `{text}` is not a unit of time: {expected}"),
            })?;
        Ok(Duration { count, unit })
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = UNITS
            .iter()
            .find(|(unit, _)| *unit == self.unit)
            .map_or("", |(_, names)| names[0]);
        write!(f, "{} {name}", self.count)?;
        if matches!(self.unit, Unit::Month | Unit::Quarter | Unit::Year) && self.count != 1 {
            write!(f, "s")?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Duration {
    type Error = String;
    fn try_from(text: String) -> Result<Duration, String> {
        text.parse()
    }
}

impl From<Duration> for String {
    fn from(duration: Duration) -> String {
        duration.to_string()
    }
}

#[cfg(test)]
impl JsonSchema for Duration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]+ ?(ms|milliseconds?|s|sec|seconds?|min|m|minutes?|h|hours?|d|days?|w|weeks?|months?|quarters?|years?)$",
            "description": "A whole number and a unit: `15 min`, `6 h`, `1 month`."
        })
    }
}

/// A share, written as `5 %` or `99.95 %`; kept in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Share {
    /// Parts per million.
    pub ppm: u32,
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Share, String> {
        let wrong = || {
            format!(
                "`{text}` is not a share: expected a percentage with at most four decimals, such as `5 %` or `99.9 %`"
            )
        };
        let number = text.trim().strip_suffix('%').ok_or_else(wrong)?.trim();
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        if part.len() > 4 || !part.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong());
        }
        let whole: u32 = whole.parse().map_err(|_| wrong())?;
        let part: u32 = format!("{part:0<4}").parse().map_err(|_| wrong())?;
        let ppm = whole
            .checked_mul(10_000)
            .and_then(|ppm| ppm.checked_add(part))
            .ok_or_else(wrong)?;
        if ppm > 1_000_000 {
            return Err(wrong());
        }
        Ok(Share { ppm })
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.ppm / 10_000, self.ppm % 10_000);
        if part == 0 {
            return write!(f, "{whole} %");
        }
        let part = format!("{part:04}");
        write!(f, "{whole}.{} %", part.trim_end_matches('0'))
    }
}

impl TryFrom<String> for Share {
    type Error = String;
    fn try_from(text: String) -> Result<Share, String> {
        text.parse()
    }
}

impl From<Share> for String {
    fn from(share: Share) -> String {
        share.to_string()
    }
}

#[cfg(test)]
impl JsonSchema for Share {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Share".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]+(\\.[0-9]{1,4})? ?%$",
            "description": "A percentage: `5 %`, `99.9 %`."
        })
    }
}
