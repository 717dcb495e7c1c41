//! Laws that every history obeys, on drills made at random.

use proptest::prelude::*;

use super::builder::*;
use crate::event::{Event, Point};
use crate::judge::judge;
use crate::ledger::{Content, FoundRow, NO_INCARNATION, Operation, OperationKind, OperationOutcome, UNSTATED, flag};
use crate::stamp::Stamp;
use crate::verdict::{Outcome, Verdict};

prop_compose! {
    /// The plain drill with losses, updates, limits near the achieved, and sometimes a false alarm or a stall.
    fn any_drill()(
        lost_from in prop_oneof![Just(STRIKE), 40_000..STRIKE],
        undeclared in any::<bool>(),
        rpo in 0_i64..66_000,
        rto in 10_000_i64..25_000,
        updates in prop::collection::vec((0_u64..10, 0_i64..99_000, any::<bool>()), 0..20),
        late in 0_i64..4_000,
        early_alarm in 0..12_u8,
        stall in prop::option::of((90_000_i64..130_000, 0_i64..1_500)),
    ) -> Run {
        let mut run = Run::plain();
        run.lose(lost_from, STRIKE);
        let declared = if undeclared { Point::Undeclared } else { Point::Time(at(lost_from)) };
        run.drop("recovery_point").push(114_500, point(0, declared));
        run.rpo(crate::terms::Comparator::AtMost, rpo);
        run.terms.rto.as_mut().unwrap().limits = vec![limit(crate::terms::Comparator::Below, rto)];
        let mut updates = updates;
        updates.sort_by_key(|(_, sent, _)| *sent);
        let mut versions = [0_u32; 10];
        for (key, sent, kept) in &updates {
            versions[*key as usize] += 1;
            let version = versions[*key as usize];
            run.operations.push(write(PRELOAD, *key, version, *sent, 0));
            let place = run.found.iter().position(|row| row.space == 1 && row.key == *key);
            match place {
                Some(place) if *kept => run.found[place].version = version,
                None if *kept => run.found.push(row(1, *key, version)),
                _ => {}
            }
        }
        for operation in run.operations.iter_mut().filter(|it| it.class == WORKLOAD) {
            if (BACK * MS..(BACK + late) * MS).contains(&operation.scheduled) {
                operation.outcome = OperationOutcome::Refused;
            }
        }
        if early_alarm == 0 {
            run.push(60_000, alert(true));
        }
        if let Some((from, length)) = stall {
            run.events.push((Stamp::new(from * MS, (from + length) * MS), Event::Stall {}));
        }
        run
    }
}

fn flips(one: &Verdict, other: &Verdict) -> Option<String> {
    for finding in &one.findings {
        let Some(twin) = other.findings.iter().find(|twin| twin.id == finding.id) else {
            continue;
        };
        let pair = (finding.outcome, twin.outcome);
        if matches!(pair, (Outcome::Pass, Outcome::Fail) | (Outcome::Fail, Outcome::Pass)) {
            return Some(format!("{}: {} | {}", finding.id, finding.because, twin.because));
        }
    }
    None
}

fn shift(run: &Run, by: i64) -> Run {
    let mut run = run.clone();
    let moved = |stamp: Stamp| Stamp {
        early: stamp.early + by,
        late: stamp.late + by,
    };
    for (stamp, event) in &mut run.events {
        *stamp = moved(*stamp);
        match event {
            Event::Beats { from, .. } => *from += by,
            Event::RecoveryPoint {
                point: Point::Time(at), ..
            } => *at = moved(*at),
            _ => {}
        }
    }
    for operation in &mut run.operations {
        operation.scheduled += by;
        operation.sent += by;
        operation.done += by;
    }
    run
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn adding_a_lost_write_never_improves(run in any_drill(), sent in 0_i64..STRIKE) {
        let before = run.judge().verdict;
        let mut worse = run.clone();
        worse.operations.push(write(PRELOAD, 999_999, 1, sent, 0));
        let after = worse.judge().verdict;
        prop_assert!(after.outcome >= before.outcome);
        for finding in &before.findings {
            let twin = after.findings.iter().find(|twin| twin.id == finding.id).unwrap();
            prop_assert!(twin.outcome >= finding.outcome, "{} | {}", finding.because, twin.because);
        }
    }

    #[test]
    fn a_write_that_becomes_indeterminate_never_fails_what_passed(run in any_drill(), which in any::<prop::sample::Index>()) {
        let before = run.judge().verdict;
        let mut blurred = run.clone();
        let writes: Vec<usize> = (0..blurred.operations.len())
            .filter(|index| blurred.operations[*index].kind != OperationKind::Read)
            .collect();
        let index = writes[which.index(writes.len())];
        blurred.operations[index] = failed(blurred.operations[index], OperationOutcome::Indeterminate);
        let after = blurred.judge().verdict;
        for finding in before.findings.iter().filter(|finding| finding.outcome == Outcome::Pass) {
            let twin = after.findings.iter().find(|twin| twin.id == finding.id).unwrap();
            prop_assert!(twin.outcome != Outcome::Fail, "{}: {} | {}", finding.id, finding.because, twin.because);
        }
    }

    #[test]
    fn shifting_all_stamps_changes_nothing(run in any_drill(), by in -1_000_000_000_000_i64..1_000_000_000_000) {
        let (here, there) = (run.judge().verdict, shift(&run, by).judge().verdict);
        prop_assert_eq!(here.findings, there.findings);
        prop_assert_eq!(here.spoiled, there.spoiled);
        prop_assert_eq!(here.outcome, there.outcome);
    }

    #[test]
    fn widening_a_stamp_never_flips(
        run in any_drill(),
        which in any::<prop::sample::Index>(),
        before in 0_i64..20_000,
        after in 0_i64..20_000,
    ) {
        let mut wide = run.clone();
        let index = which.index(wide.events.len());
        let stamp = &mut wide.events[index].0;
        *stamp = Stamp { early: stamp.early - before * MS, late: stamp.late + after * MS };
        let flip = flips(&run.judge().verdict, &wide.judge().verdict);
        prop_assert!(flip.is_none(), "{:?}: {:?}", wide.events[index], flip);
    }

    #[test]
    fn dropping_a_class_of_events_never_makes_a_pass(run in any_drill(), which in any::<prop::sample::Index>()) {
        let whole = run.judge().verdict.outcome;
        let mut records = run.records();
        let tag = records[which.index(records.len())].event.tag();
        records.retain(|record| record.event.tag() != tag);
        let verdict = judge("test", &run.terms, &records, &run.operations, &run.found).verdict;
        prop_assert!(verdict.outcome != Outcome::Pass, "without {}: was {:?}", tag, whole);
    }

    #[test]
    fn dropping_a_class_from_a_run_recorded_without_it_never_makes_a_pass(
        run in any_drill(),
        which in any::<prop::sample::Index>(),
    ) {
        let whole = run.judge().verdict;
        let mut poor = run.clone();
        let tag = poor.events[which.index(poor.events.len())].1.tag();
        // A recorder that never writes stalls or false alarms cannot be seen through; these leave a gap.
        prop_assume!(!matches!(tag, "stall" | "alert"));
        poor.drop(tag);
        let verdict = poor.judge().verdict;
        prop_assert!(verdict.outcome != Outcome::Pass || whole.outcome == Outcome::Pass, "without {tag}");
    }
}

fn any_nanos() -> impl Strategy<Value = i64> {
    prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), any::<i64>(), 0_i64..STOP * MS]
}

prop_compose! {
    fn any_operation()(
        instants in (any_nanos(), any_nanos(), any_nanos()),
        key in 0_u64..4,
        versions in (any::<u32>(), any::<u32>()),
        incarnation in prop_oneof![Just(NO_INCARNATION), 0_u16..3],
        class in 0_u16..4,
        kind in 0..4_u8,
        outcome in 0..4_u8,
        flags in any::<u8>(),
    ) -> Operation {
        Operation {
            scheduled: instants.0, sent: instants.1, done: instants.2, key, incarnation, class, flags,
            version: versions.0 % 5, replaced: if versions.1 % 6 == 5 { UNSTATED } else { versions.1 % 6 },
            kind: [OperationKind::Insert, OperationKind::Update, OperationKind::Delete, OperationKind::Read][kind as usize],
            outcome: [
                OperationOutcome::Acked, OperationOutcome::Refused, OperationOutcome::Indeterminate, OperationOutcome::NotSent,
            ][outcome as usize],
            attempts: flags & flag::DEGRADED,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(
        run in any_drill(),
        stamps in prop::collection::vec((any::<prop::sample::Index>(), any_nanos(), any_nanos()), 0..12),
        extra in prop::collection::vec(any_operation(), 0..30),
        rows in prop::collection::vec((0_u64..5, 0_u32..6, 0_u16..3, 0_u16..3), 0..12),
        figures in (any_nanos(), any_nanos(), any_nanos(), any_nanos(), any::<u32>()),
        odd in prop::collection::vec((any_nanos(), any_nanos(), any::<u32>()), 0..4),
    ) {
        let mut run = run;
        for (index, early, late) in stamps {
            let index = index.index(run.events.len());
            run.events[index].0 = Stamp { early, late };
        }
        for (at, value, rate) in odd {
            let stamp = Stamp::at(at);
            run.events.push((stamp, Event::Rate { rate }));
            run.events.push((stamp, Event::Credit { plan: value, what: String::new() }));
            run.events.push((stamp, Event::Delay { kind: crate::event::DelayKind::Push, drill: value }));
            run.events.push((stamp, Event::Lsn { incarnation: 0, lsn: rate.into() }));
            run.events.push((stamp, Event::Beats { from: value, count: rate, gap_max: value }));
            run.events.push((stamp, takeover((rate % 4) as u16)));
        }
        run.operations.extend(extra);
        let content = [Content::Genuine, Content::Mutated, Content::Dangling];
        run.found.extend(rows.into_iter().map(|(key, version, space, incarnation)| FoundRow {
            key, version, space, incarnation, content: content[version as usize % 3],
        }));
        run.terms.stability = figures.0;
        run.terms.settle = figures.1;
        run.terms.procedure_deadline = figures.2;
        run.terms.components.get_mut("database").unwrap().rpo[0].plan = figures.3;
        run.terms.components.get_mut("database").unwrap().backup_cycle = Some(figures.1);
        run.terms.rto.as_mut().unwrap().limits[0].plan = figures.3;
        run.terms.calendar_scale = figures.4;
        let verdict = run.judge();
        prop_assert_eq!(verdict, run.judge());
    }
}
