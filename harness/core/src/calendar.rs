//! Calendar arithmetic: on which days a plan wants its drills, and how a duty stands on a given day.
//!
//! Whole days only, and no clock: the day that counts as today is an argument. A duty belongs to *spans* (a week, a
//! month, a quarter); each span owes one occurrence, and what is done anywhere in its span, early or on the day, keeps
//! it.

use std::fmt;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::{Duration, Nth, Period, Position, Rule, TimeOfDay, Unit, Weekday};

mod standing;

pub use standing::{Standing, State, standing};

/// How a duty recurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rhythm {
    /// Once in each span of the calendar, on any day of it or on the days that a rule names.
    Calendar(Span, Option<Rule>),
    /// So long after the last time, whenever that was: intervals that do not divide a year.
    Rolling(Step),
}

/// A span of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Monday to Sunday.
    Week,
    /// So many months, counted from January; 1, 2, 3, 4, 6 or 12.
    Months(u8),
}

/// A step from day to day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Days, at least 1.
    Days(u32),
    /// Months; from the 31st to a shorter month's last day.
    Months(u32),
}

/// One time that a duty is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// What is done from this day on counts for it.
    pub opens: Date,
    /// The first day on which the plan wants it.
    pub from: Date,
    /// The last one; past it, the occurrence is overdue.
    pub due: Date,
}

/// How often a suite runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Cadence {
    Weekly,
    Monthly,
    Quarterly,
    Annual,
}

impl fmt::Display for Cadence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cadence::Weekly => "weekly",
            Cadence::Monthly => "monthly",
            Cadence::Quarterly => "quarterly",
            Cadence::Annual => "annual",
        })
    }
}

/// A Monday from which weeks are counted.
const A_MONDAY: Date = date(1970, 1, 5);

impl Rhythm {
    /// What an interval and a rule come to; `None` where a plan states neither.
    ///
    /// # Errors
    /// Why they do not go together, in a clause.
    pub fn of(every: Option<Duration>, rule: Option<Rule>) -> Result<Option<Rhythm>, String> {
        let stated = every.map(Rhythm::every).transpose()?;
        let Some(rule) = rule else { return Ok(stated) };
        let span = span_of(rule);
        match (every, stated) {
            (Some(every), Some(stated)) if stated != Rhythm::Calendar(span, None) => Err(format!(
                "`{every}` is not the period that `{rule}` is about: which of them is meant is not said"
            )),
            _ => Ok(Some(Rhythm::Calendar(span, Some(rule)))),
        }
    }

    fn every(every: Duration) -> Result<Rhythm, String> {
        let Duration { count, unit } = every;
        if count == 0 {
            return Err("an interval of nothing".into());
        }
        let months = |each: u32| match count.saturating_mul(each) {
            months @ (1 | 2 | 3 | 4 | 6 | 12) => Rhythm::Calendar(Span::Months(months as u8), None),
            months => Rhythm::Rolling(Step::Months(months)),
        };
        let days = |per_day: u64| {
            let days = u64::from(count).div_ceil(per_day);
            Rhythm::Rolling(Step::Days(u32::try_from(days).unwrap_or(u32::MAX)))
        };
        Ok(match unit {
            Unit::Month => months(1),
            Unit::Quarter => months(3),
            Unit::Year => months(12),
            Unit::Week if count == 1 => Rhythm::Calendar(Span::Week, None),
            Unit::Week => Rhythm::Rolling(Step::Days(count.saturating_mul(7))),
            Unit::Day => days(1),
            // Drills are counted in days: what is wanted more often is wanted daily.
            Unit::Hour => days(24),
            Unit::Minute => days(24 * 60),
            Unit::Second => days(24 * 3600),
            Unit::Millisecond => days(24 * 3_600_000),
        })
    }

    /// The rarest suite that is run often enough for it; weekly where none is.
    #[must_use]
    pub fn cadence(self) -> Cadence {
        match self {
            Rhythm::Calendar(Span::Week, _) => Cadence::Weekly,
            Rhythm::Calendar(Span::Months(months), _) => by_months(u32::from(months)),
            Rhythm::Rolling(Step::Months(months)) => by_months(months),
            Rhythm::Rolling(Step::Days(0..=30)) => Cadence::Weekly,
            Rhythm::Rolling(Step::Days(31..=91)) => Cadence::Monthly,
            Rhythm::Rolling(Step::Days(92..=365)) => Cadence::Quarterly,
            Rhythm::Rolling(Step::Days(_)) => Cadence::Annual,
        }
    }

    /// The occurrences that are due from `from` to `until`, both included, in order; none for a rolling rhythm, whose
    /// days depend on what was done. At most [`OCCURRENCES_MAX`], the latest.
    #[must_use]
    pub fn occurrences(self, from: Date, until: Date) -> Vec<Occurrence> {
        let Rhythm::Calendar(span, rule) = self else {
            return Vec::new();
        };
        let last = span.index(until);
        let first = span.index(from).max(last.saturating_sub(OCCURRENCES_MAX));
        (first..=last)
            .filter_map(|index| span.occurrence(index, rule))
            .filter(|one| from <= one.due && one.due <= until)
            .collect()
    }
}

/// More occurrences than this are not counted: a hundred years of weeks.
pub const OCCURRENCES_MAX: i32 = 5_200;

fn by_months(months: u32) -> Cadence {
    match months {
        0..=2 => Cadence::Monthly,
        3..=11 => Cadence::Quarterly,
        _ => Cadence::Annual,
    }
}

fn span_of(rule: Rule) -> Span {
    match rule {
        Rule::Weekday(_) => Span::Week,
        Rule::DayOfMonth(_) => Span::Months(1),
        Rule::DayOfYear { .. } => Span::Months(12),
        Rule::Nth(_, _, of) | Rule::Position(_, of) => match of {
            Period::Week => Span::Week,
            Period::Month => Span::Months(1),
            Period::Quarter => Span::Months(3),
            Period::Year => Span::Months(12),
        },
    }
}

impl Span {
    /// The number of the span that a day lies in.
    fn index(self, day: Date) -> i32 {
        match self {
            Span::Week => days_between(A_MONDAY, day).div_euclid(7),
            Span::Months(months) => {
                (i32::from(day.year()) * 12 + i32::from(day.month()) - 1).div_euclid(i32::from(months))
            }
        }
    }

    /// First and last day of a span; `None` beyond the calendar's ends.
    fn days(self, index: i32) -> Option<(Date, Date)> {
        let start = |index: i32| match self {
            Span::Week => A_MONDAY
                .checked_add(index.checked_mul(7).filter(|days| days.abs() < 4_000_000)?.days())
                .ok(),
            Span::Months(months) => {
                let month = index.checked_mul(i32::from(months))?;
                let year = i16::try_from(month.div_euclid(12)).ok()?;
                Date::new(year, month.rem_euclid(12) as i8 + 1, 1).ok()
            }
        };
        Some((start(index)?, start(index.checked_add(1)?)?.yesterday().ok()?))
    }

    fn occurrence(self, index: i32, rule: Option<Rule>) -> Option<Occurrence> {
        let (opens, last) = self.days(index)?;
        let (from, due) = match rule {
            None => (opens, last),
            Some(rule) => days_named(rule, opens, last)?,
        };
        Some(Occurrence { opens, from, due })
    }
}

/// The days that a rule names between the first and the last day of its span; `None` where there is none.
fn days_named(rule: Rule, first: Date, last: Date) -> Option<(Date, Date)> {
    let of_month = |first: Date, day: u8| {
        let day = (day as i8).min(first.days_in_month());
        first.with().day(day).build().ok()
    };
    let day = match rule {
        Rule::Weekday(weekday) => on_or_after(first, weekday)?,
        Rule::Nth(Nth::Number(number), weekday, _) => {
            let weeks = i32::from(number) - 1;
            on_or_after(first, weekday)?.checked_add(weeks.weeks()).ok()?
        }
        Rule::Nth(Nth::Last, weekday, _) => {
            let back = (from_monday(last) - weekday.from_monday()).rem_euclid(7);
            last.checked_sub(i32::from(back).days()).ok()?
        }
        Rule::DayOfMonth(day) => of_month(first, day)?,
        Rule::DayOfYear { month, day } => of_month(first.with().month(month as i8).build().ok()?, day)?,
        Rule::Position(position, of) => return third(position, of, first, last),
    };
    (day <= last).then_some((day, day))
}

fn third(position: Position, of: Period, first: Date, last: Date) -> Option<(Date, Date)> {
    // Where the second and the last third begin.
    let (second, end) = match of {
        Period::Week | Period::Month => (first.checked_add(10.days()).ok()?, first.checked_add(20.days()).ok()?),
        Period::Quarter => (first.checked_add(1.month()).ok()?, first.checked_add(2.months()).ok()?),
        Period::Year => (first.checked_add(4.months()).ok()?, first.checked_add(8.months()).ok()?),
    };
    Some(match position {
        Position::Beginning => (first, second.yesterday().ok()?),
        Position::Middle => (second, end.yesterday().ok()?),
        Position::End => (end, last),
    })
}

fn on_or_after(day: Date, weekday: Weekday) -> Option<Date> {
    let ahead = (weekday.from_monday() - from_monday(day)).rem_euclid(7);
    day.checked_add(i32::from(ahead).days()).ok()
}

fn from_monday(day: Date) -> i8 {
    day.weekday().to_monday_zero_offset()
}

/// Days from one to the other; negative where the other lies before.
#[must_use]
pub fn days_between(from: Date, until: Date) -> i32 {
    from.until(until).map_or(0, |span| span.get_days())
}

/// The day, in a zone, of an instant written as RFC 3339; `None` if it is not.
#[must_use]
pub fn day_of(instant: &str, zone: &TimeZone) -> Option<Date> {
    let instant: Timestamp = instant.parse().ok()?;
    Some(instant.to_zoned(zone.clone()).date())
}

impl TimeOfDay {
    /// The instant on a day. In a gap of the zone's clocks (summer time begins) it is as much later as the gap is
    /// long; where a time comes twice, the first one is meant. `None` beyond the calendar's ends.
    #[must_use]
    pub fn instant(&self, day: Date) -> Option<Timestamp> {
        day.at(self.hour, self.minute, 0, 0)
            .to_zoned(self.time_zone())
            .ok()
            .map(|zoned| zoned.timestamp())
    }
}

#[cfg(test)]
mod tests;
