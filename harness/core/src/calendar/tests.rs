//! The rules against a walker that knows nothing but how long months are, over twenty years; standings as literals.

use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::*;
use crate::plan::{CivilDay, When};

/// A day as the walker counts it.
#[derive(Clone, Copy, Debug)]
struct Walked {
    year: i16,
    month: i8,
    day: i8,
    /// 0 is Monday.
    weekday: i8,
    month_length: i8,
}

impl Walked {
    fn date(self) -> Date {
        date(self.year, self.month, self.day)
    }
    fn quarter(self) -> i8 {
        (self.month - 1) / 3
    }
}

/// Every day from 2016 to 2036, by counting alone. 2016-01-01 was a Friday.
fn walk() -> Vec<Walked> {
    let mut days = Vec::new();
    let mut weekday = 4;
    for year in 2016..=2036_i16 {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        for month in 1..=12_i8 {
            let month_length = match month {
                2 if leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            for day in 1..=month_length {
                days.push(Walked {
                    year,
                    month,
                    day,
                    weekday,
                    month_length,
                });
                weekday = (weekday + 1) % 7;
            }
        }
    }
    days
}

fn same_period(of: Period, a: Walked, b: Walked) -> bool {
    a.year == b.year
        && match of {
            Period::Week => unreachable!("no rule of these tests"),
            Period::Month => a.month == b.month,
            Period::Quarter => a.quarter() == b.quarter(),
            Period::Year => true,
        }
}

/// Whether a rule names a day, by looking at all days of its period.
fn named(rule: Rule, days: &[Walked], index: usize) -> bool {
    let day = days[index];
    match rule {
        Rule::Weekday(weekday) => day.weekday == weekday.from_monday(),
        Rule::DayOfMonth(wanted) => day.day == (wanted as i8).min(day.month_length),
        Rule::DayOfYear { month, day: wanted } => {
            day.month == month as i8 && day.day == (wanted as i8).min(day.month_length)
        }
        Rule::Nth(_, weekday, _) if day.weekday != weekday.from_monday() => false,
        Rule::Nth(nth, _, of) => {
            let alike = |other: &&Walked| other.weekday == day.weekday && same_period(of, **other, day);
            let before = days[..index].iter().rev().take(400).filter(alike).count();
            let after = days[index + 1..].iter().take(400).filter(alike).count();
            match nth {
                Nth::Number(number) => before + 1 == usize::from(number),
                Nth::Last => after == 0,
            }
        }
        Rule::Position(position, of) => {
            let place = match of {
                Period::Week => unreachable!("no rule of these tests"),
                Period::Month => (day.day - 1) / 10,
                Period::Quarter => (day.month - 1) % 3,
                Period::Year => (day.month - 1) / 4,
            };
            match position {
                Position::Beginning => place == 0,
                Position::Middle => place == 1,
                Position::End => place >= 2,
            }
        }
    }
}

const WEEKDAYS: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

fn rules() -> impl Strategy<Value = Rule> {
    let weekday = proptest::sample::select(&WEEKDAYS[..]);
    let of = proptest::sample::select(&[Period::Month, Period::Quarter, Period::Year][..]);
    let nth = prop_oneof![(1..=5_u8).prop_map(Nth::Number), Just(Nth::Last)];
    let position = proptest::sample::select(&[Position::Beginning, Position::Middle, Position::End][..]);
    prop_oneof![
        weekday.clone().prop_map(Rule::Weekday),
        (nth, weekday, of.clone()).prop_map(|(nth, weekday, of)| Rule::Nth(nth, weekday, of)),
        (position, of).prop_map(|(position, of)| Rule::Position(position, of)),
        (1..=31_u8).prop_map(Rule::DayOfMonth),
        (1..=12_u8, 1..=31_u8)
            .prop_filter("a day of that month", |(month, day)| {
                let when = When {
                    month: Some(*month),
                    day: Some(*day),
                    ..When::default()
                };
                when.rule().is_ok()
            })
            .prop_map(|(month, day)| Rule::DayOfYear { month, day }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    /// Whatever the rule, the days of its occurrences are those the walker finds, each once and in order.
    #[test]
    fn occurrences_are_the_days_that_a_walker_finds(rule in rules()) {
        let days = walk();
        let rhythm = Rhythm::of(None, Some(rule)).expect("alone a rule is sound").expect("and a rhythm");
        // Years at both ends are left to the walker, which looks around each day.
        let (first, last) = (date(2017, 1, 1), date(2035, 12, 31));
        let walked: Vec<Date> = (0..days.len())
            .filter(|index| named(rule, &days, *index))
            .map(|index| days[index].date())
            .collect();
        let found = rhythm.occurrences(first, last);
        let mut reckoned = Vec::new();
        for one in &found {
            prop_assert!(one.opens <= one.from && one.from <= one.due);
            let mut day = one.from;
            while day <= one.due {
                reckoned.push(day);
                day = day.tomorrow().expect("no end of time");
            }
        }
        let walked: Vec<Date> = walked.into_iter().filter(|day| first <= *day && *day <= last).collect();
        prop_assert_eq!(reckoned, walked, "{}", rule);
    }

    /// What is done on a day keeps exactly the occurrences whose span has begun; each later one that passed is missed.
    #[test]
    fn missed_are_those_that_passed_after_the_last_time(
        rule in rules(),
        done in 0..5000_i32,
        later in 0..2000_i32,
    ) {
        let rhythm = Rhythm::of(None, Some(rule)).expect("sound").expect("a rhythm");
        let done = date(2017, 1, 1).checked_add(done.days()).expect("a day");
        let today = done.checked_add(later.days()).expect("a day");
        let found = standing(Some(rhythm), Some(done), None, today);
        let missed: Vec<Occurrence> = rhythm
            .occurrences(done, today)
            .into_iter()
            .filter(|one| one.opens > done && one.due < today)
            .collect();
        prop_assert_eq!(found.missed as usize, missed.len());
        prop_assert_eq!(found.since, missed.first().map(|one| one.due));
        prop_assert_eq!(found.state == State::Overdue, !missed.is_empty());
        let next = found.next.expect("rules recur");
        prop_assert!(next.due >= today && next.opens > done);
    }

    /// A month added to a day never leaves the month after, and steps are counted from the day itself.
    #[test]
    fn rolling_months_do_not_drift(day in 0..7000_i32, months in 5..30_u32) {
        let done = date(2016, 1, 1).checked_add(day.days()).expect("a day");
        let rhythm = Rhythm::Rolling(Step::Months(months));
        let today = done.checked_add(5000.days()).expect("a day");
        let found = standing(Some(rhythm), Some(done), None, today);
        let next = found.next.expect("it recurs").due;
        let apart = (i32::from(next.year()) - i32::from(done.year())) * 12 + i32::from(next.month()) - i32::from(done.month());
        prop_assert_eq!(apart % months as i32, 0);
        prop_assert_eq!(next.day(), done.day().min(next.days_in_month()));
        prop_assert_eq!(found.missed as i32, apart / months as i32 - 1);
    }

    /// On a clock that jumps, the time of day is as written wherever it exists, and off by the gap where it does not.
    #[test]
    fn a_time_of_day_is_that_of_its_zone(day in 0..7300_i32, hour in 0..24_i8, minute in 0..60_i8) {
        let day = date(2016, 1, 1).checked_add(day.days()).expect("a day");
        for zone in ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"] {
            let time: TimeOfDay = format!("{hour}:{minute:02} {zone}").parse().expect("a time of day");
            let there = time.instant(day).expect("an instant").to_zoned(time.time_zone());
            let minutes = i32::from(there.hour()) * 60 + i32::from(there.minute())
                - i32::from(hour) * 60 - i32::from(minute);
            prop_assert!(
                (there.date() == day && minutes == 0) || (hour <= 3 && (minutes == 60 || minutes == 30)),
                "{time} on {day} is {there}"
            );
        }
    }
}

fn day(text: &str) -> Date {
    text.parse::<CivilDay>().expect("a day").first()
}

fn rhythm(every: Option<&str>, when: Option<When>) -> Rhythm {
    let every = every.map(|text| text.parse().expect("a duration"));
    let rule = when.map(|when| when.rule().expect("a rule"));
    Rhythm::of(every, rule).expect("they fit").expect("a rhythm")
}

fn nth(number: u8, weekday: Weekday, of: Period) -> When {
    When {
        nth: Some(Nth::Number(number)),
        weekday: Some(weekday),
        of: Some(of),
        ..When::default()
    }
}

#[test]
fn the_first_monday_of_a_month() {
    let first_monday = rhythm(Some("1 month"), Some(nth(1, Weekday::Monday, Period::Month)));
    // Never done: the latest that passed is missed, and nobody knows of more.
    let found = standing(Some(first_monday), None, None, day("2026-12-07"));
    assert_eq!((found.state, found.missed), (State::Overdue, 1));
    assert_eq!(found.since, Some(day("2026-11-02")));
    assert_eq!(found.next.map(|one| one.due), Some(day("2026-12-07")));
    // On the day itself it is due, not overdue; a day later it is.
    let done = Some(day("2026-11-20"));
    assert_eq!(
        standing(Some(first_monday), done, None, day("2026-12-07")).state,
        State::Due
    );
    let after = standing(Some(first_monday), done, None, day("2026-12-08"));
    assert_eq!((after.state, after.since), (State::Overdue, Some(day("2026-12-07"))));
    // Early in the month is in time.
    let early = standing(Some(first_monday), Some(day("2026-12-01")), None, day("2026-12-08"));
    assert_eq!(
        (early.state, early.next.map(|one| one.due)),
        (State::Kept, Some(day("2027-01-04")))
    );
}

#[test]
fn a_month_without_a_day_of_its_own_ends_on_its_last() {
    let monthly = rhythm(Some("1 month"), None);
    let found = standing(Some(monthly), Some(day("2027-12-31")), None, day("2028-02-29"));
    assert_eq!(
        (found.state, found.since, found.missed),
        (State::Overdue, Some(day("2028-01-31")), 1)
    );
    assert_eq!(found.next.map(|one| one.due), Some(day("2028-02-29")), "a leap day");
}

#[test]
fn the_date_that_the_plan_names_goes_first() {
    // A plan reviewed on 6 January, next on 6 April, every quarter: the rest of April is not in time.
    let quarterly = Some(rhythm(Some("1 quarter"), None));
    let next: CivilDay = "2025-04-06".parse().expect("a day");
    let done = Some(day("2025-01-06"));
    assert_eq!(
        standing(quarterly, done, Some(next), day("2025-04-06")).state,
        State::Due
    );
    let found = standing(quarterly, done, Some(next), day("2025-04-07"));
    assert_eq!((found.state, found.since), (State::Overdue, Some(day("2025-04-06"))));
    // Years later each quarter since counts.
    let late = standing(quarterly, done, Some(next), day("2026-12-07"));
    assert_eq!((late.missed, late.since), (6, Some(day("2025-04-06"))));
    assert_eq!(late.next.map(|one| one.due), Some(day("2026-12-31")));
    // A month is due by its last day, and nothing is owed before it.
    let march: CivilDay = "2025-03".parse().expect("a month");
    assert_eq!(standing(None, None, Some(march), day("2025-03-31")).state, State::Due);
    assert_eq!(
        standing(None, None, Some(march), day("2025-04-01")).since,
        Some(day("2025-03-31"))
    );
    assert_eq!(
        standing(None, Some(day("2025-03-02")), Some(march), day("2025-04-01")).state,
        State::Kept
    );
    assert_eq!(standing(None, None, None, day("2025-04-01")).state, State::Unscheduled);
}

#[test]
fn intervals_that_do_not_divide_a_year_roll() {
    let fortnight = rhythm(Some("2 weeks"), None);
    assert_eq!(fortnight, Rhythm::Rolling(Step::Days(14)));
    let found = standing(Some(fortnight), Some(day("2026-11-01")), None, day("2026-11-30"));
    assert_eq!(
        (found.state, found.since, found.missed),
        (State::Overdue, Some(day("2026-11-15")), 2)
    );
    let never = standing(Some(fortnight), None, None, day("2026-11-30"));
    assert_eq!((never.state, never.missed), (State::Due, 0));
    let kept = standing(Some(fortnight), Some(day("2026-11-29")), None, day("2026-11-30"));
    assert_eq!(
        (kept.state, kept.next.map(|one| one.due)),
        (State::Kept, Some(day("2026-12-13")))
    );
    // A thousand years of days are counted up to a bound, not walked.
    let daily = rhythm(Some("1 d"), None);
    let far = standing(Some(daily), Some(day("1000-01-01")), None, day("2026-11-30"));
    assert_eq!(far.state, State::Overdue);
    assert!(far.missed >= 5_000 && far.next.is_some());
}

#[test]
fn an_interval_and_a_rule_must_speak_of_the_same_period() {
    let rule = nth(1, Weekday::Monday, Period::Month).rule().expect("a rule");
    assert!(Rhythm::of("1 quarter".parse().ok(), Some(rule)).is_err());
    assert!(Rhythm::of("1 month".parse().ok(), Some(rule)).is_ok());
    assert!(Rhythm::of("0 months".parse().ok(), None).is_err());
    assert_eq!(Rhythm::of(None, None), Ok(None));
    let three = rhythm(Some("3 months"), None);
    assert_eq!(three, rhythm(Some("1 quarter"), None));
}

#[test]
fn cadences_are_the_rarest_that_keep_a_rhythm() {
    for (every, cadence) in [
        ("1 d", Cadence::Weekly),
        ("1 week", Cadence::Weekly),
        ("2 weeks", Cadence::Weekly),
        ("1 month", Cadence::Monthly),
        ("45 d", Cadence::Monthly),
        ("1 quarter", Cadence::Quarterly),
        ("6 months", Cadence::Quarterly),
        ("1 year", Cadence::Annual),
        ("24 months", Cadence::Annual),
    ] {
        assert_eq!(rhythm(Some(every), None).cadence(), cadence, "{every}");
    }
}

#[test]
fn keys_that_name_no_day_are_refused() {
    let bad = [
        When::default(),
        When {
            nth: Some(Nth::Last),
            ..When::default()
        },
        When {
            day: Some(30),
            month: Some(2),
            ..When::default()
        },
        When {
            day: Some(0),
            ..When::default()
        },
        When {
            day: Some(1),
            month: Some(13),
            ..When::default()
        },
        When {
            weekday: Some(Weekday::Monday),
            day: Some(1),
            ..When::default()
        },
        nth(1, Weekday::Monday, Period::Week),
    ];
    for when in bad {
        assert!(when.rule().is_err(), "{when:?}");
    }
}

#[test]
fn summer_time_moves_an_instant() {
    let at: TimeOfDay = "02:30 Europe/Berlin".parse().expect("a time");
    let instant = |text: &str| at.instant(day(text)).expect("an instant").to_string();
    assert_eq!(instant("2025-03-29"), "2025-03-29T01:30:00Z");
    assert_eq!(
        instant("2025-03-30"),
        "2025-03-30T01:30:00Z",
        "half past two does not exist"
    );
    assert_eq!(instant("2025-03-31"), "2025-03-31T00:30:00Z");
    assert_eq!(
        instant("2025-10-26"),
        "2025-10-26T00:30:00Z",
        "it comes twice: the first"
    );
    assert!("02:00 Mars/Olympus".parse::<TimeOfDay>().is_err());
    assert!("24:00".parse::<TimeOfDay>().is_err());
    assert_eq!(
        "2:05".parse::<TimeOfDay>().map(|time| time.to_string()),
        Ok("02:05".into())
    );
    assert_eq!(day_of("2025-03-30T22:30:00Z", &at.time_zone()), Some(day("2025-03-31")));
    assert_eq!(day_of("yesterday", &TimeZone::UTC), None);
}

#[test]
fn dates_are_read_strictly() {
    for bad in [
        "2025",
        "2025-13",
        "2025-02-29",
        "25-01-01",
        "2025-1-1",
        "TBD",
        "+025-01",
        "2025-03-10T00:00",
    ] {
        assert!(bad.parse::<CivilDay>().is_err(), "{bad}");
    }
    let march: CivilDay = "2025-03".parse().expect("a month");
    assert_eq!((march.first(), march.last()), (day("2025-03-01"), day("2025-03-31")));
    assert_eq!(march.to_string(), "2025-03");
}
