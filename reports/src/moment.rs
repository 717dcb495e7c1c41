//! When things happened: the moments of a run in the order of a drill, as seconds of drill time from one origin.

use firedrill_core::stamp::{MILLISECOND, Nanos, Stamp};
use firedrill_core::verdict::Verdict;

/// Milliseconds as seconds with three places, signed: `+1.204`.
fn seconds(millis: Nanos) -> String {
    let (sign, millis) = (if millis < 0 { '-' } else { '+' }, millis.unsigned_abs());
    format!("{sign}{}.{:03}", millis / 1_000, millis % 1_000)
}

/// Edges of a stamp in seconds of drill time since the origin, rounded outwards to the millisecond.
pub(crate) fn edges(origin: Nanos, stamp: Stamp) -> (String, String) {
    let early = stamp.early.saturating_sub(origin).div_euclid(MILLISECOND);
    let late = stamp.late.saturating_sub(origin);
    let late = late.div_euclid(MILLISECOND) + Nanos::from(late.rem_euclid(MILLISECOND) > 0);
    (seconds(early), seconds(late))
}

/// `+0.609 .. +0.645 s` of drill time since the origin.
pub(crate) fn since(origin: Nanos, stamp: Stamp) -> String {
    let (early, late) = edges(origin, stamp);
    if early == late {
        format!("{late} s")
    } else {
        format!("{early} .. {late} s")
    }
}

/// The origin that times of a report count from, and its name: the strike's early edge, else the first known moment.
pub(crate) fn origin(verdict: &Verdict) -> (Nanos, &'static str) {
    let moments = &verdict.moments;
    [
        (moments.struck, "the strike"),
        (moments.alerted, "the alert"),
        (moments.authorised, "recovery was authorised"),
    ]
    .into_iter()
    .find_map(|(stamp, name)| stamp.map(|stamp| (stamp.early, name)))
    .unwrap_or((0, "the machine's start"))
}

/// The moments in the order of a drill, each with its meaning; `None`: never came.
pub(crate) fn moments(verdict: &Verdict) -> Vec<(String, &'static str, Option<Stamp>)> {
    let moments = &verdict.moments;
    let mut rows: Vec<(String, &'static str, Option<Stamp>)> = [
        ("struck", "the striking fault took effect", moments.struck),
        ("impact", "clients first missed their thresholds", moments.impact),
        (
            "alerted",
            "the plan's monitor raised an alert of the fault's kind",
            moments.alerted,
        ),
        (
            "acknowledged",
            if verdict.without_people {
                "where people would have responded; nobody took part"
            } else {
                "somebody, or the automation, responded"
            },
            moments.acknowledged,
        ),
        (
            "declared",
            if verdict.without_people {
                "declared in the name of people; nobody took part"
            } else {
                "the disaster was declared"
            },
            moments.declared,
        ),
        ("authorised", "recovery was allowed to start", moments.authorised),
    ]
    .map(|(name, what, stamp)| (name.to_owned(), what, stamp))
    .into();
    // Where nobody declared it that is no moment which never came: the plan need not ask for one.
    rows.retain(|(name, _, stamp)| name != "declared" || stamp.is_some());
    for (level, tier) in &moments.tiers {
        if tier.impact.is_some() {
            rows.push((
                format!("tier {level} impact"),
                "its clients first missed their thresholds",
                tier.impact,
            ));
        }
        if tier.released.is_some() {
            rows.push((
                format!("tier {level} released"),
                "the procedure let traffic in",
                tier.released,
            ));
        }
        // What was never out was not restored either.
        if !tier.untouched {
            rows.push((
                format!("tier {level} restored"),
                "served within its thresholds from here on",
                tier.restored,
            ));
        }
    }
    rows.extend(
        [
            (
                "procedure done",
                "the last step ended (an annotation)",
                moments.procedure_done,
            ),
            (
                "restored",
                "all tiers served within their thresholds from here on",
                moments.restored,
            ),
            ("confirmed", "all required checks had passed", moments.confirmed),
        ]
        .map(|(name, what, stamp)| (name.to_owned(), what, stamp)),
    );
    if moments.failed_back.is_some() {
        rows.push(("failed back".to_owned(), "served at home again", moments.failed_back));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_rounded_outwards() {
        assert_eq!(since(0, Stamp::new(609_802_000, 644_608_001)), "+0.609 .. +0.645 s");
        assert_eq!(
            since(1_000_000_000, Stamp::new(-500_000, 1_000_000_000)),
            "-1.001 .. +0.000 s"
        );
        assert_eq!(since(0, Stamp::at(61_000_000_000)), "+61.000 s");
        assert!(!since(i64::MAX, Stamp::new(i64::MIN + 1, i64::MAX)).is_empty());
    }
}
