//! How one duty stands on one day: kept, due or overdue, from what the plan wants and what was done.

use jiff::civil::Date;

use super::{OCCURRENCES_MAX, Occurrence, Rhythm, Step, days_between};
use crate::plan::CivilDay;

/// How a duty stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// A day has passed by which it should have been done.
    Overdue,
    /// It may be done now, or is to come, and was not done for that time yet.
    Due,
    /// Done for the span that holds the day.
    Kept,
    /// The plan states no calendar for it.
    Unscheduled,
}

/// A duty on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// In a word.
    pub state: State,
    /// The next time it is owed, from the day on.
    pub next: Option<Occurrence>,
    /// Since when it is overdue: the first day by which it should have been done and was not.
    pub since: Option<Date>,
    /// How many times were missed since it was last done; 1 where it never was and the plan names no first date.
    pub missed: u32,
}

/// How a duty stands at the end of `today`: nothing is overdue on the very day it is due.
///
/// `done` is the last day on which it was done, none later than `today`; `stated` the date that the plan itself names
/// as the next one. Where it was never done and the plan names no date, only the latest time that passed counts as
/// missed: nobody can say when the plan began to hold.
#[must_use]
pub fn standing(rhythm: Option<Rhythm>, done: Option<Date>, stated: Option<CivilDay>, today: Date) -> Standing {
    let stated = stated.map(|day| explicit(rhythm, day));
    let stated_open = stated.filter(|one| done.is_none_or(|done| done < one.opens));
    let owed = match rhythm {
        Some(Rhythm::Calendar(span, rule)) => {
            let now = span.index(today);
            let begin = match (done, stated_open) {
                (Some(done), _) => span.index(done).saturating_add(1),
                (None, Some(stated)) => span.index(stated.from),
                // The latest that passed: it lies in this span, or a few before where a rule skips some.
                (None, None) => now.saturating_sub(24),
            }
            .max(now.saturating_sub(OCCURRENCES_MAX));
            let replaced = stated_open.map(|stated| span.index(stated.from));
            let mut owed: Vec<Occurrence> = (begin..=now.saturating_add(24))
                .filter(|index| Some(*index) != replaced)
                .filter_map(|index| span.occurrence(index, rule))
                .filter(|one| done.is_some() || stated_open.is_none_or(|stated| one.due > stated.due))
                .collect();
            owed.extend(stated_open);
            owed.sort_by_key(|one| (one.due, one.from));
            if done.is_none() && stated_open.is_none() {
                let passed = owed.iter().filter(|one| one.due < today).count();
                owed.drain(..passed.saturating_sub(1));
            }
            owed
        }
        Some(Rhythm::Rolling(step)) => rolling(step, done, stated_open, today),
        None => stated_open.into_iter().collect(),
    };
    let passed: Vec<&Occurrence> = owed.iter().filter(|one| one.due < today).collect();
    let next = owed.iter().find(|one| one.due >= today).copied();
    let state = match (passed.first(), next, rhythm) {
        (Some(_), _, _) => State::Overdue,
        (None, Some(next), _) if next.opens <= today || done.is_none() => State::Due,
        (None, Some(_), _) => State::Kept,
        (None, None, None) if stated.is_none() => State::Unscheduled,
        (None, None, _) => State::Kept,
    };
    Standing {
        state,
        next,
        since: passed.first().map(|one| one.due),
        missed: u32::try_from(passed.len()).unwrap_or(u32::MAX),
    }
}

/// The date that the plan names: what is done earlier in the same span counts for it.
fn explicit(rhythm: Option<Rhythm>, day: CivilDay) -> Occurrence {
    let (from, due) = (day.first(), day.last());
    let opens = match rhythm {
        Some(Rhythm::Calendar(span, _)) => span.days(span.index(from)).map(|(first, _)| first),
        // A step before the date is the time before.
        Some(Rhythm::Rolling(step)) => moved(from, step, -1).and_then(|day| day.tomorrow().ok()),
        None => None,
    };
    Occurrence {
        opens: opens.unwrap_or(from).min(from),
        from,
        due,
    }
}

/// A step after what was done last, and on; at once where it never was.
fn rolling(step: Step, done: Option<Date>, stated: Option<Occurrence>, today: Date) -> Vec<Occurrence> {
    let on = |day: Date| Occurrence {
        opens: day,
        from: day,
        due: day,
    };
    let mut owed: Vec<Occurrence> = stated.into_iter().collect();
    // Counted from one day, so that a month after the 31st of January and a month after that is the 31st of March.
    let Some(base) = stated.map(|one| one.due).or(done) else {
        return vec![on(today)];
    };
    let passed = match step {
        Step::Days(days) => days_between(base, today) / i32::try_from(days.max(1)).unwrap_or(i32::MAX),
        Step::Months(_) => 0,
    };
    // Far back only the number of those missed matters, and that is bounded.
    let first = passed.saturating_sub(OCCURRENCES_MAX).max(1);
    for count in first..=first.saturating_add(OCCURRENCES_MAX).saturating_add(1) {
        let Some(day) = moved(base, step, i64::from(count)) else {
            break;
        };
        owed.push(on(day));
        if day >= today {
            break;
        }
    }
    owed
}

/// So many steps from a day; `None` beyond the calendar's ends.
fn moved(day: Date, step: Step, count: i64) -> Option<Date> {
    let span = jiff::Span::new();
    let span = match step {
        Step::Days(days) => span.try_days(i64::from(days).checked_mul(count)?),
        Step::Months(months) => span.try_months(i64::from(months).checked_mul(count)?),
    };
    day.checked_add(span.ok()?).ok()
}
