//! Nobody signs what nobody did: credited and automatic acts are told as such, and no declaration is made up.

use super::builder::*;
use crate::event::Event;
use crate::stamp::MINUTE;
use crate::verdict::{StoodIn, Verdict};

fn says<'a>(verdict: &'a Verdict, what: &str) -> &'a str {
    let found = verdict.decisions.iter().find(|decision| decision.what == what);
    &found
        .unwrap_or_else(|| panic!("no {what} in {:#?}", verdict.decisions))
        .says
}

fn stood_in(verdict: &Verdict, name: &str) -> Option<StoodIn> {
    let phase = verdict.phases.iter().find(|phase| phase.name == name);
    phase.unwrap_or_else(|| panic!("no {name}")).stood_in
}

/// The plain drill, with these in the place of automation.
fn named(respond: &str, decide: &str) -> Run {
    let mut run = Run::plain();
    for (_, event) in &mut run.events {
        match event {
            Event::Acknowledged { who } => *who = respond.to_owned(),
            Event::Authorised { who } => *who = decide.to_owned(),
            _ => {}
        }
    }
    run
}

#[test]
fn what_was_done_in_the_name_of_people_says_so() {
    let mut run = named("the team", "the head");
    let place = run.events.iter().position(|(stamp, _)| *stamp == at(106_000));
    let credit = Event::Credit {
        plan: 15 * MINUTE,
        what: "time for people to respond".to_owned(),
    };
    run.events.insert(place.expect("a response"), (at(105_990), credit));
    let verdict = run.judge().verdict;
    assert!(verdict.without_people);
    assert_eq!(
        says(&verdict, "acknowledged"),
        "in the name of the team; nobody took part"
    );
    assert_eq!(
        says(&verdict, "authorised"),
        "in the name of the head; nobody took part"
    );
    assert_eq!(stood_in(&verdict, "respond"), Some(StoodIn::Credited));
    assert_eq!(stood_in(&verdict, "decide"), Some(StoodIn::Automatic));
    assert_eq!(stood_in(&verdict, "recover"), None);
}

#[test]
fn people_who_took_part_by_another_recorder_keep_their_names() {
    let verdict = named("the team", "the head").judge().verdict;
    assert!(!verdict.without_people);
    assert_eq!(says(&verdict, "acknowledged"), "by the team");
    assert_eq!(stood_in(&verdict, "decide"), None);
}

#[test]
fn a_disaster_that_nobody_declared_has_no_such_moment() {
    let mut run = Run::plain();
    assert_eq!(run.judge().verdict.moments.declared, None);
    run.terms.rto.as_mut().expect("an RTO").from = crate::terms::RtoFrom::Declared;
    // The RTO counts from the authorisation all the same.
    assert_eq!(run.of("rto"), crate::verdict::Outcome::Pass);
    let who = "a manager".to_owned();
    let place = run.events.iter().position(|(stamp, _)| *stamp == at(106_000));
    run.events
        .insert(place.expect("a response"), (at(105_500), Event::Declared { who }));
    assert_eq!(run.judge().verdict.moments.declared, Some(at(105_500)));
}
