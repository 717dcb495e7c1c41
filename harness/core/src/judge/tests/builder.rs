//! A literal drill: a database lost at 100 s, back at 116 s, nothing lost; tests change what they are about.
//!
//! All times are milliseconds of drill time. The plan clock runs at rate 1 unless a test says otherwise.

use std::collections::BTreeMap;

use crate::event::{
    CheckOutcome, Class, Closing, Coverage, Edge, Event, FaultEdge, Phase, Point, Record, Role, StepEdge,
};
use crate::judge::{Judged, judge};
use crate::ledger::{Content, FoundRow, NO_INCARNATION, Operation, OperationKind, OperationOutcome, UNSTATED};
use crate::stamp::Stamp;
use crate::terms::{
    Comparator, ComponentTerm, DetectorTerm, Domain, Limit, RtoFrom, RtoTerm, RtoUntil, Source, Status, Terms,
    Thresholds, TierTerm,
};
use crate::verdict::{Finding, Outcome};

pub(super) const MS: i64 = 1_000_000;
/// When it strikes.
pub(super) const STRIKE: i64 = 100_000;
/// When the new incarnation takes over.
pub(super) const TAKEOVER: i64 = 115_000;
/// From when clients are served again.
pub(super) const BACK: i64 = 116_000;
/// When load stops.
pub(super) const STOP: i64 = 170_000;

pub(super) const WORKLOAD: u16 = 0;
pub(super) const CANARY: u16 = 1;
pub(super) const PRELOAD: u16 = 2;

/// A run that can be changed before it is judged.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) terms: Terms,
    pub(super) events: Vec<(Stamp, Event)>,
    pub(super) operations: Vec<Operation>,
    pub(super) found: Vec<FoundRow>,
    /// The history ends without a closing event.
    pub(super) cut: bool,
}

impl std::fmt::Debug for Run {
    /// Without the traffic, which would bury what matters.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let writes = self
            .operations
            .iter()
            .filter(|it| it.class == PRELOAD)
            .collect::<Vec<_>>();
        formatter
            .debug_struct("Run")
            .field("events", &self.events)
            .field("writes", &writes)
            .finish_non_exhaustive()
    }
}

pub(super) fn limit(comparator: Comparator, ms: i64) -> Limit {
    let source = Source {
        place: "section 3".to_owned(),
        status: Status::Stated,
    };
    Limit {
        comparator,
        plan: ms * MS,
        text: format!("{ms} ms"),
        source,
    }
}

pub(super) fn at(ms: i64) -> Stamp {
    Stamp::at(ms * MS)
}

fn terms() -> Terms {
    let source = Source {
        place: "assumed".to_owned(),
        status: Status::Assumed,
    };
    let component = ComponentTerm {
        rpo: vec![limit(Comparator::AtMost, 60_000)],
        domain: Domain::Store,
        backup_cycle: Some(10_000 * MS),
    };
    Terms {
        plan: "plan".to_owned(),
        scenario: "plan/scenario".to_owned(),
        disaster: "database lost".to_owned(),
        rto: Some(RtoTerm {
            limits: vec![limit(Comparator::AtMost, 60_000)],
            from: RtoFrom::Fault,
            until: RtoUntil::Restored,
        }),
        components: BTreeMap::from([("database".to_owned(), component)]),
        tiers: vec![tier(0)],
        order: false,
        detector: DetectorTerm::Alerts {
            kinds: vec!["down".to_owned()],
            deadline: None,
        },
        automated: false,
        calendar_scale: 1,
        stability: 5_000 * MS,
        settle: 30_000 * MS,
        procedure_deadline: 100_000 * MS,
        run_limit: 600_000 * MS,
        required_checks: vec!["amcheck".to_owned()],
        at_drill_size: true,
        criteria: Vec::new(),
        latent: false,
        about_plan: Vec::new(),
        tool: None,
        availability_ppm: Some((999_000, source)),
        assumptions: Vec::new(),
        stand_ins: Vec::new(),
        not_covered: Vec::new(),
        damage: None,
        own_fault: false,
        unexpected_alerts: Vec::new(),
        left_out: Vec::new(),
        altered: Vec::new(),
        summary: String::new(),
        twin: None,
        denser: Vec::new(),
    }
}

pub(super) fn tier(level: u8) -> TierTerm {
    let source = Source {
        place: "assumed".to_owned(),
        status: Status::Assumed,
    };
    TierTerm {
        level,
        services: vec![format!("service {level}")],
        max_downtime: vec![limit(Comparator::AtMost, 30_000)],
        thresholds: Thresholds {
            response: 200 * MS,
            response_source: source.clone(),
            errors_ppm: 10_000,
            errors_source: source,
        },
    }
}

pub(super) fn fault(edge: FaultEdge) -> Event {
    Event::Fault {
        name: "kill".to_owned(),
        strikes: true,
        edge,
        detail: BTreeMap::new(),
    }
}

pub(super) fn alert(raised: bool) -> Event {
    Event::Alert {
        rule: "database".to_owned(),
        kind: "down".to_owned(),
        raised,
        failures: Vec::new(),
    }
}

pub(super) fn takeover(incarnation: u16) -> Event {
    Event::Takeover {
        component: "database".to_owned(),
        incarnation,
        in_place: false,
    }
}

pub(super) fn point(source: u16, point: Point) -> Event {
    Event::RecoveryPoint {
        component: "database".to_owned(),
        source,
        point,
    }
}

pub(super) fn incarnation(id: u16) -> Event {
    Event::Incarnation {
        id,
        component: "database".to_owned(),
        name: format!("7/{id}/0"),
    }
}

pub(super) fn class(id: u16, space: u16, role: Role, tier: Option<u8>) -> Event {
    Event::Class(Class {
        id,
        service: format!("service {id}"),
        component: "database".to_owned(),
        tier,
        space,
        role,
    })
}

fn final_read(incarnation: u16, edge: Edge) -> Event {
    let component = "database".to_owned();
    Event::FinalRead {
        component,
        incarnation,
        edge,
        serving: true,
        counted: None,
        arrived: None,
    }
}

pub(super) fn check(outcome: CheckOutcome) -> Event {
    Event::Check {
        name: "amcheck".to_owned(),
        component: "database".to_owned(),
        outcome,
        coverage: Coverage {
            relations: 3,
            rows: 100,
            bytes: 12 << 20,
        },
        detail: "three indexes".to_owned(),
    }
}

/// A write of a key's version, acknowledged 5 ms after it was sent.
pub(super) fn write(class: u16, key: u64, version: u32, sent: i64, incarnation: u16) -> Operation {
    Operation {
        scheduled: sent * MS,
        sent: sent * MS,
        done: (sent + 5) * MS,
        key,
        version,
        replaced: version - 1,
        incarnation,
        class,
        kind: if version == 1 {
            OperationKind::Insert
        } else {
            OperationKind::Update
        },
        outcome: OperationOutcome::Acked,
        flags: 0,
        attempts: 1,
    }
}

/// A read that returned `version` 5 ms after it was sent.
pub(super) fn read(class: u16, key: u64, version: u32, sent: i64, incarnation: u16) -> Operation {
    Operation {
        kind: OperationKind::Read,
        replaced: UNSTATED,
        ..write(class, key, version.max(1), sent, incarnation)
    }
    .with_version(version)
}

trait WithVersion {
    fn with_version(self, version: u32) -> Self;
}

impl WithVersion for Operation {
    fn with_version(mut self, version: u32) -> Operation {
        self.version = version;
        self
    }
}

pub(super) fn failed(mut operation: Operation, outcome: OperationOutcome) -> Operation {
    operation.outcome = outcome;
    operation.incarnation = NO_INCARNATION;
    operation.replaced = UNSTATED;
    operation
}

pub(super) fn row(space: u16, key: u64, version: u32) -> FoundRow {
    FoundRow {
        key,
        version,
        space,
        incarnation: 1,
        content: Content::Genuine,
    }
}

impl Run {
    /// The plain drill: all targets met, nothing lost.
    pub(super) fn plain() -> Run {
        let mut run = Run {
            terms: terms(),
            events: Vec::new(),
            operations: Vec::new(),
            found: Vec::new(),
            cut: false,
        };
        run.script();
        run.workload(WORKLOAD, STRIKE, BACK);
        for second in 0..(STOP / 1000 - 1) {
            let sent = second * 1000 + 300;
            if (STRIKE..BACK).contains(&sent) {
                continue;
            }
            run.canary(sent);
        }
        run
    }

    fn script(&mut self) {
        let opened = Event::Opened {
            schema: 1,
            definitions: 1,
            run: String::new(),
            program: "firedrill test".to_owned(),
            sealed: false,
        };
        let rules = BTreeMap::from([("database".to_owned(), "down".to_owned())]);
        let steps = |edge| Event::Step {
            name: "restore".to_owned(),
            action: "restore the newest backup".to_owned(),
            edge,
            detail: String::new(),
        };
        let script = [
            (0, opened),
            (0, class(WORKLOAD, 1, Role::Workload, Some(0))),
            (0, class(CANARY, 2, Role::Canary, None)),
            (0, class(PRELOAD, 1, Role::Preload, None)),
            (0, incarnation(0)),
            (
                0,
                Event::DataSize {
                    component: "database".to_owned(),
                    bytes: 12 << 20,
                },
            ),
            (
                0,
                Event::Monitor {
                    edge: Edge::Begun,
                    rules: rules.clone(),
                },
            ),
            (
                0,
                Event::Phase {
                    phase: Phase::Steady,
                    edge: Edge::Begun,
                },
            ),
            (
                STRIKE - 10,
                Event::Steady {
                    held: true,
                    why: String::new(),
                },
            ),
            (STRIKE, fault(FaultEdge::Invoked)),
            (STRIKE, fault(FaultEdge::Proved)),
            (STRIKE, Event::Fenced { incarnation: 0 }),
            (105_000, alert(true)),
            (
                106_000,
                Event::Acknowledged {
                    who: "automation".to_owned(),
                },
            ),
            (
                107_000,
                Event::Authorised {
                    who: "automation".to_owned(),
                },
            ),
            (107_000, fault(FaultEdge::Holding)),
            (
                107_000,
                Event::Procedure {
                    edge: Edge::Begun,
                    succeeded: None,
                },
            ),
            (107_000, steps(StepEdge::Begun)),
            (114_000, incarnation(1)),
            (114_500, point(0, Point::Time(at(STRIKE)))),
            (TAKEOVER, takeover(1)),
            (116_000, steps(StepEdge::Done)),
            (
                118_000,
                Event::Procedure {
                    edge: Edge::Ended,
                    succeeded: Some(true),
                },
            ),
            (STOP, Event::LoadStopped {}),
            (171_000, final_read(1, Edge::Begun)),
            (172_000, final_read(1, Edge::Ended)),
            (173_000, check(CheckOutcome::Passed)),
            (
                175_000,
                Event::Beats {
                    from: -1_000 * MS,
                    count: 17_600,
                    gap_max: 11 * MS,
                },
            ),
            (
                175_000,
                Event::Monitor {
                    edge: Edge::Ended,
                    rules,
                },
            ),
        ];
        self.events = script.into_iter().map(|(ms, event)| (at(ms), event)).collect();
    }

    /// Reads of absent keys, 50 a second, refused while service is down.
    pub(super) fn workload(&mut self, class: u16, down: i64, back: i64) {
        for tick in 0..(STOP / 20) {
            let sent = tick * 20;
            let incarnation = u16::from(sent >= TAKEOVER);
            let read = read(class, 1_000_000 + tick as u64, 0, sent, incarnation);
            let is_down = (down..back).contains(&sent);
            self.operations.push(if is_down {
                failed(read, OperationOutcome::Refused)
            } else {
                read
            });
        }
    }

    /// A canary write of a new key at `sent`, read back, and found.
    pub(super) fn canary(&mut self, sent: i64) {
        let key = sent as u64;
        let incarnation = u16::from(sent >= TAKEOVER);
        self.operations.push(write(CANARY, key, 1, sent, incarnation));
        self.operations.push(read(CANARY, key, 1, sent + 50, incarnation));
        self.found.push(row(2, key, 1));
    }

    /// The restore threw away what the canary wrote between two instants: no row of it is found.
    pub(super) fn lose(&mut self, from: i64, until: i64) -> &mut Run {
        self.found
            .retain(|row| row.space != 2 || !(from..until).contains(&(row.key as i64)));
        self
    }

    /// Drops every event of a kind.
    pub(super) fn drop(&mut self, tag: &str) -> &mut Run {
        self.events.retain(|(_, event)| event.tag() != tag);
        self
    }

    pub(super) fn push(&mut self, ms: i64, event: Event) -> &mut Run {
        self.events.push((at(ms), event));
        self
    }

    /// Changes the stamp of every event that `wanted` accepts.
    pub(super) fn restamp(&mut self, stamp: Stamp, wanted: impl Fn(&Event) -> bool) -> &mut Run {
        for (of, event) in &mut self.events {
            if wanted(event) {
                *of = stamp;
            }
        }
        self
    }

    pub(super) fn rpo(&mut self, comparator: Comparator, ms: i64) -> &mut Run {
        self.terms.components.get_mut("database").unwrap().rpo = vec![limit(comparator, ms)];
        self
    }

    /// The records, the final read's counts and the closing event filled in.
    pub(super) fn records(&self) -> Vec<Record> {
        let mut events = self.events.clone();
        for (_, event) in &mut events {
            if let Event::FinalRead {
                incarnation,
                edge: Edge::Ended,
                counted,
                arrived,
                ..
            } = event
                && counted.is_none()
            {
                let rows = self.found.iter().filter(|row| row.incarnation == *incarnation).count() as u64;
                (*counted, *arrived) = (Some(rows), Some(rows));
            }
        }
        let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
        for (_, event) in &events {
            *kinds.entry(event.tag().to_owned()).or_default() += 1;
        }
        let mut operations: BTreeMap<String, u64> = BTreeMap::new();
        for operation in &self.operations {
            let name = match operation.outcome {
                OperationOutcome::Acked => "acked",
                OperationOutcome::Refused => "refused",
                OperationOutcome::Indeterminate => "indeterminate",
                OperationOutcome::NotSent => "not_sent",
            };
            *operations.entry(name.to_owned()).or_default() += 1;
        }
        if !self.cut {
            let found = self.found.len() as u64;
            let closing = Closing {
                events: kinds,
                operations,
                found,
                digests: BTreeMap::new(),
                interrupted: None,
            };
            events.push((at(176_000), Event::Closed(closing)));
        }
        let record = |(seq, (stamp, event))| Record {
            seq: seq as u64,
            prev: String::new(),
            stamp,
            event,
        };
        events.into_iter().enumerate().map(record).collect()
    }

    pub(super) fn judge(&self) -> Judged {
        judge("test", &self.terms, &self.records(), &self.operations, &self.found)
    }

    pub(super) fn outcome(&self) -> Outcome {
        self.judge().verdict.outcome
    }

    /// The finding of this name; panics with all findings where there is none.
    pub(super) fn finding(&self, id: &str) -> Finding {
        let verdict = self.judge().verdict;
        let found = verdict.findings.iter().find(|finding| finding.id == id).cloned();
        found.unwrap_or_else(|| panic!("no finding {id} among {:#?}", verdict.findings))
    }

    /// The outcome of one finding.
    pub(super) fn of(&self, id: &str) -> Outcome {
        self.finding(id).outcome
    }
}
