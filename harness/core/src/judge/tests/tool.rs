//! The backup that a report names is the one that the recovery chose.

use std::collections::BTreeMap;

use super::builder::*;
use crate::event::Event;
use crate::stamp::Stamp;

fn taken(run: &mut Run, name: &str, begun: i64, complete: i64) {
    let event = Event::Restorable {
        component: "database".to_owned(),
        kind: "dump".to_owned(),
        name: name.to_owned(),
    };
    run.events.insert(7, (Stamp::new(begun * MS, complete * MS), event));
}

#[test]
fn the_backup_that_the_recovery_chose_is_named_with_its_own_time() {
    let mut run = Run::plain();
    taken(&mut run, "third", 70_000, 70_300);
    taken(&mut run, "second", 50_000, 52_000);
    taken(&mut run, "first", 30_000, 30_100);
    let tool = run.judge().verdict.tool;
    assert_eq!(
        (tool.backups.len(), tool.chosen),
        (3, None),
        "nothing tells which was restored"
    );
    let target = |backup: &str| Event::RecoveryTarget {
        rule: "newest_dump".to_owned(),
        inputs: BTreeMap::from([("backup".to_owned(), backup.to_owned())]),
        value: "a dump".to_owned(),
    };
    let mut unknown = run.clone();
    unknown.push(108_000, target("another"));
    assert_eq!(unknown.judge().verdict.tool.chosen, None);
    run.push(108_000, target("second"));
    let chosen = run.judge().verdict.tool.chosen.expect("a backup");
    assert_eq!((chosen.name.as_str(), chosen.took), ("second", 2_000 * MS));
}
