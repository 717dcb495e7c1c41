//! The schedule as a calendar file (RFC 5545): each coming occurrence as an event of its own, so that no reader has to
//! understand the plan's rules, and summer time is reckoned here.

use firedrill_core::calendar::Occurrence;
use firedrill_core::evidence::digest::sha256;
use jiff::Timestamp;
use jiff::civil::Date;

use super::{Looked, Row, coming, demanded};

/// Octets of a line, its end not counted.
const LINE_MAX: usize = 75;

/// Renders the coming twelve months.
pub(super) fn render(looked: &Looked) -> String {
    let mut out = String::new();
    for text in [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//firedrill//disaster-recovery drills//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
    ] {
        line(&mut out, text);
    }
    for row in &looked.rows {
        for one in coming(row, looked.today) {
            event(&mut out, looked.today, row, &one);
        }
    }
    line(&mut out, "END:VCALENDAR");
    out
}

fn event(out: &mut String, today: Date, row: &Row, one: &Occurrence) {
    let id = sha256(format!("{}\n{}\n{}", row.plan, row.duty.what, one.due).as_bytes());
    line(out, "BEGIN:VEVENT");
    line(out, &format!("UID:{}@firedrill", &id[..32]));
    line(out, &format!("DTSTAMP:{}T000000Z", day(today)));
    match &row.duty.at {
        // A time without a zone is one of the reader's own day.
        Some(at) if at.zone.is_none() => {
            line(
                out,
                &format!("DTSTART:{}T{:02}{:02}00", day(one.due), at.hour, at.minute),
            );
        }
        Some(at) => match at.instant(one.due) {
            Some(instant) => line(out, &format!("DTSTART:{}", utc(instant))),
            None => whole_day(out, one.due),
        },
        None => whole_day(out, one.due),
    }
    line(
        out,
        &format!("SUMMARY:{}", escaped(&format!("{}: {}", row.plan, row.duty.what))),
    );
    let mut text = format!("{}; plan, section: {}", demanded(row), row.duty.place);
    if one.from < one.due {
        text.push_str(&format!("; any day from {} on", one.from));
    }
    match (row.kind, row.scenarios.as_slice()) {
        ("review", _) => {}
        (_, []) => text.push_str("; no scenario drills it"),
        (_, scenarios) => {
            for scenario in scenarios {
                text.push_str(&format!("; firedrill run {scenario}"));
            }
        }
    }
    line(out, &format!("DESCRIPTION:{}", escaped(&text)));
    line(out, "TRANSP:TRANSPARENT");
    line(out, "END:VEVENT");
}

fn whole_day(out: &mut String, on: Date) {
    line(out, &format!("DTSTART;VALUE=DATE:{}", day(on)));
}

fn day(day: Date) -> String {
    format!("{:04}{:02}{:02}", day.year(), day.month(), day.day())
}

fn utc(instant: Timestamp) -> String {
    instant.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Text of a property: signs that mean something are marked, those that steer are dropped.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// One line, folded where it is too long, never within a character.
fn line(out: &mut String, text: &str) {
    let mut length = 0;
    for c in text.chars() {
        if length + c.len_utf8() > LINE_MAX {
            out.push_str("\r\n ");
            length = 1;
        }
        out.push(c);
        length += c.len_utf8();
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_folded_between_characters() {
        let mut out = String::new();
        line(&mut out, &format!("SUMMARY:{}", "Übung ".repeat(40)));
        assert!(out.ends_with("\r\n") && out.lines().count() > 3);
        for folded in out.split("\r\n") {
            assert!(folded.len() <= LINE_MAX, "{folded}");
        }
        assert_eq!(out.replace("\r\n ", "").trim_end_matches("\r\n").len(), 8 + 7 * 40);
        assert_eq!(escaped("a;b,c\\d\ne\u{7}"), "a\\;b\\,c\\\\d\\ne");
    }
}
