//! Judged runs as literals: small, but with every part that a rendering prints.

use std::collections::BTreeMap;

use firedrill_core::event::{Coverage, DelayKind, StepEdge};
use firedrill_core::evidence::{InputDocument, RUN_SCHEMA, RunInputs};
use firedrill_core::judge::series::{Latencies, LeftOut, Series, TierSeries, WindowPoint, WindowState};
use firedrill_core::stamp::{HOUR, MILLISECOND, MINUTE, Nanos, SECOND, Stamp};
use firedrill_core::terms::{
    Comparator, ComponentTerm, DetectorTerm, Domain, Limit, RtoFrom, RtoTerm, RtoUntil, Source, StandIn, Status, Terms,
    Thresholds, TierTerm,
};
use firedrill_core::verdict::{
    Achieved, AlertPart, AlertRun, BackupTaken, Decision, DelayRun, FaultRun, Finding, Loss, Moments, Noted, Outcome,
    PhaseSpan, Span, StepRun, StoodIn, Tally, TierMoments, ToolRun, Verdict,
};
use firedrill_reports::Report;

/// Drill time of the strike.
const STRIKE: Nanos = 100 * SECOND;

/// A judged run of which tests change what they are about.
pub(crate) struct Sample {
    pub(crate) inputs: RunInputs,
    pub(crate) verdict: Verdict,
    pub(crate) series: Series,
}

impl Sample {
    pub(crate) fn report(&self) -> Report<'_> {
        Report {
            inputs: &self.inputs,
            verdict: &self.verdict,
            series: &self.series,
        }
    }

    /// Every rendering, by its name.
    pub(crate) fn renderings(&self) -> [(&'static str, String); 4] {
        let report = self.report();
        [
            ("text", firedrill_reports::text(&report)),
            ("markdown", firedrill_reports::markdown(&report)),
            ("junit", firedrill_reports::junit(&report)),
            ("html", firedrill_reports::html(&report)),
        ]
    }
}

fn source(place: &str) -> Source {
    Source {
        place: place.into(),
        status: Status::Stated,
    }
}

fn limit(plan: Nanos, text: &str) -> Limit {
    Limit {
        comparator: Comparator::AtMost,
        plan,
        text: text.into(),
        source: source("Recovery targets"),
    }
}

fn after(early_ms: i64, late_ms: i64) -> Stamp {
    Stamp::new(STRIKE + early_ms * MILLISECOND, STRIKE + late_ms * MILLISECOND)
}

fn span(lower: Nanos, upper: Nanos) -> Span {
    Span {
        lower,
        upper: Some(upper),
    }
}

/// What this sample's intervals are widened by.
const QUANTUM: i64 = 1_500 * MILLISECOND;

fn timed(id: &str, title: &str, limit: Limit, achieved: Span, because: &str) -> Finding {
    let margin = achieved.upper.map(|upper| limit.plan - upper);
    let outcome = match achieved.upper {
        Some(upper) if upper <= limit.plan => Outcome::Pass,
        _ if achieved.lower > limit.plan => Outcome::Fail,
        _ => Outcome::Inconclusive,
    };
    Finding {
        id: id.into(),
        title: title.into(),
        outcome,
        source: Some(limit.source.clone()),
        limit: Some(limit),
        achieved: Achieved::Duration(achieved),
        unwidened: Some(Span {
            lower: achieved.lower + if achieved.lower > 0 { QUANTUM } else { 0 },
            upper: achieved.upper.map(|upper| (upper - QUANTUM).max(0)),
        }),
        shown: false,
        margin,
        because: because.into(),
        coverage: None,
        unordered: 0,
    }
}

/// A run that met all its targets.
pub(crate) fn pass() -> Sample {
    let terms = terms();
    let document = |name: &str| InputDocument {
        name: name.into(),
        sha256: "ab".repeat(32),
    };
    let inputs = RunInputs {
        schema: RUN_SCHEMA,
        run: "20260102T030405Z-database-lost-0001".into(),
        started: "2026-01-02T03:04:05Z".into(),
        plan: document("acme"),
        scenario: document("acme/database-lost"),
        plan_text: String::new(),
        scenario_text: String::new(),
        settings: BTreeMap::new(),
        seed: 7,
        environment: "local".into(),
        versions: [("firedrill", "0.1.0"), ("postgres", "15.14")]
            .map(|(k, v)| (k.into(), v.into()))
            .into(),
        terms,
    };
    let verdict = Verdict {
        schema: 1,
        definitions: 1,
        run: inputs.run.clone(),
        plan: "acme".into(),
        scenario: "acme/database-lost".into(),
        disaster: "database_lost".into(),
        summary: "The database's host is lost, data directory and all.".into(),
        twin: None,
        outcome: Outcome::Pass,
        scope: "PASS AT DRILL SIZE (52 MiB), reference tool, human time credited (10 min)".into(),
        spoiled: Vec::new(),
        findings: findings(),
        about_plan: Vec::new(),
        moments: moments(),
        phases: vec![
            PhaseSpan {
                name: "detect".into(),
                from: after(0, 30),
                until: after(610, 611),
                plan: span(34 * SECOND, 38 * SECOND),
                out_of_order: None,
                stood_in: None,
            },
            PhaseSpan {
                name: "respond".into(),
                from: after(610, 611),
                until: after(640, 640),
                plan: span(10 * MINUTE, 10 * MINUTE + 2 * SECOND),
                out_of_order: None,
                stood_in: Some(StoodIn::Credited),
            },
            PhaseSpan {
                name: "decide".into(),
                from: after(640, 640),
                until: Stamp::new(after(640, 640).early, after(640, 640).late + 973),
                plan: span(0, 973),
                out_of_order: None,
                stood_in: Some(StoodIn::Automatic),
            },
            PhaseSpan {
                name: "recover".into(),
                from: after(640, 640),
                until: after(8_000, 8_500),
                plan: span(6 * SECOND, 9 * SECOND),
                out_of_order: None,
                stood_in: None,
            },
        ],
        quantum: QUANTUM,
        delays: vec![
            DelayRun {
                kind: DelayKind::Probe,
                drill: 20 * MILLISECOND,
                seq: 42,
                at: after(-400, -380),
            },
            DelayRun {
                kind: DelayKind::Rounding,
                drill: 5 * MILLISECOND,
                seq: 6,
                at: after(-8_000, -8_000),
            },
        ],
        calendar_scale: 60,
        alerts: vec![
            AlertRun {
                rule: "backup_old".into(),
                kind: "backup_old".into(),
                seq: 12,
                raised: after(-9_000, -8_999),
                cleared: None,
                part: AlertPart::BeforeStrike,
            },
            AlertRun {
                rule: "database_unreachable".into(),
                kind: "database_unreachable".into(),
                seq: 77,
                raised: after(610, 611),
                cleared: Some(after(9_000, 9_001)),
                part: AlertPart::Counted,
            },
        ],
        without_people: true,
        decisions: vec![
            Decision {
                what: "the alert that counts".into(),
                seq: 77,
                at: after(610, 611),
                says: "rule database_unreachable, kind database_unreachable: the first after the strike of a kind that the fault can cause".into(),
            },
            Decision {
                what: "recovery target".into(),
                seq: 81,
                at: after(690, 690),
                says: "0/11000000, by the rule end_of_archive, from wal_files 4".into(),
            },
        ],
        notes: vec![Noted {
            seq: 9,
            text: "a dump backup failed: the server closed the connection".into(),
            times: 3,
        }],
        outage: Some(span(40 * SECOND, 45 * SECOND)),
        budget_permille: Some(2),
        loss: [(
            "database".to_owned(),
            Loss {
                acked: 14_059,
                kept: 14_022,
                lost: 37,
                lost_before_strike: 35,
                rho: Some(after(-480, -478)),
                end: Some(after(20, 21)),
                span: Some(span(28 * SECOND, 31 * SECOND)),
                before_strike: Some(span(27 * SECOND, 29 * SECOND)),
                after_strike: Some(span(0, 2 * SECOND)),
                ..Loss::default()
            },
        )]
        .into(),
        tally: Tally {
            scheduled: 9_759,
            acked: 8_093,
            refused: 1_662,
            indeterminate: 4,
            not_sent: 0,
        },
        services: [(
            "payments".to_owned(),
            Tally {
                scheduled: 9_759,
                acked: 8_093,
                refused: 1_662,
                indeterminate: 4,
                not_sent: 0,
            },
        )]
        .into(),
        capacity: vec![2_100],
        faults: vec![FaultRun {
            name: "database-lost".into(),
            strikes: true,
            invoked: Some(after(0, 0)),
            proved: Some(after(29, 30)),
            held_until_recovery: Some(true),
            detail: [("harm".to_owned(), "SIGKILL, data directory removed".to_owned())].into(),
        }],
        steps: vec![StepRun {
            name: "restore".into(),
            action: "restore base backup and WAL into standby".into(),
            begun: Some(after(700, 700)),
            ended: Some(after(3_900, 3_900)),
            outcome: StepEdge::Done,
            detail: "up to 0/11000000".into(),
        }],
        tool: ToolRun {
            name: "reference tool".into(),
            backups: vec![
                BackupTaken {
                    kind: "base".into(),
                    name: "20260102T030300Z-base".into(),
                    took: 2_100 * MILLISECOND,
                },
                BackupTaken {
                    kind: "base".into(),
                    name: "20260102T030400Z-base".into(),
                    took: 450 * MILLISECOND,
                },
            ],
            chosen: Some(BackupTaken {
                kind: "base".into(),
                name: "20260102T030400Z-base".into(),
                took: 450 * MILLISECOND,
            }),
            restore: Some(span(3_100 * MILLISECOND, 3_200 * MILLISECOND)),
            stored: Some(13 << 20),
        },
        stalls: Vec::new(),
        deviations: BTreeMap::new(),
        stand_ins: vec![
            StandIn {
                planned: "Supabase PostgreSQL".into(),
                drilled: "a local Postgres server".into(),
            },
            StandIn {
                planned: "the plan's backup tool".into(),
                drilled: "firedrill's reference backup tool".into(),
            },
        ],
        assumptions: vec!["response time of the client's path: 3000 ms".into()],
        not_covered: vec!["power loss: killing a process leaves what the kernel holds in its cache".into()],
        altered: Vec::new(),
        sealed_by_another: false,
        program: "firedrill 0.1.0".into(),
    };
    Sample {
        inputs,
        verdict,
        series: series(),
    }
}

/// The same with a backup every six hours: lost by hours, and a procedure that left the service down.
pub(crate) fn fail() -> Sample {
    let mut sample = pass();
    let verdict = &mut sample.verdict;
    verdict.outcome = Outcome::Fail;
    verdict.scope = "FAIL AT DRILL SIZE (52 MiB), reference tool, human time credited (10 min)".into();
    verdict.findings[1] = timed(
        "rpo.database",
        "RPO of database",
        limit(5 * MINUTE, "5 minutes"),
        span(5 * HOUR + 12 * MINUTE, 5 * HOUR + 40 * MINUTE),
        "lost 2432 acknowledged writes of 13233, 2432 of them acknowledged before the strike; loss: between 5 h 12 min and 5 h 40 min, which misses <= 5 minutes by at least 5 h 07 min",
    );
    // Within its target, yet not confirmed: the figure must not read as a margin.
    verdict.findings[0].outcome = Outcome::Fail;
    verdict.findings[0]
        .because
        .push_str("; confirmation failed: hole.database (2287 lost writes that are older than a kept one)");
    verdict.findings[2] = timed(
        "tier.1",
        "Downtime of tier 1",
        limit(15 * MINUTE, "15 minutes"),
        Span {
            lower: 48 * MINUTE,
            upper: None,
        },
        "tier 1 was not restored to the end of the run",
    );
    let hole = &mut verdict.findings[4];
    (hole.outcome, hole.achieved) = (
        Outcome::Fail,
        Achieved::Count {
            lower: 2_287,
            upper: Some(2_287),
        },
    );
    hole.because = "2287 lost writes that are older than a kept one of their life among 9850 rows".into();
    if let Some(loss) = verdict.loss.get_mut("database") {
        (loss.kept, loss.lost, loss.lost_before_strike, loss.holes) = (11_627, 2_432, 2_432, 2_287);
        loss.span = Some(span(5 * HOUR + 12 * MINUTE, 5 * HOUR + 40 * MINUTE));
        loss.before_strike = loss.span;
    }
    verdict.moments.restored = None;
    verdict.moments.confirmed = None;
    for tier in verdict.moments.tiers.values_mut() {
        tier.restored = None;
    }
    verdict.steps[0].outcome = StepEdge::TimedOut;
    verdict.outage = Some(Span {
        lower: 48 * MINUTE,
        upper: None,
    });
    verdict.budget_permille = None;
    sample
}

/// A run that something spoils as a whole.
pub(crate) fn spoiled() -> Sample {
    let mut sample = pass();
    let verdict = &mut sample.verdict;
    verdict.outcome = Outcome::Inconclusive;
    verdict.scope = "INCONCLUSIVE AT DRILL SIZE (size unknown), reference tool, human time credited (10 min)".into();
    verdict.spoiled = vec![
        "the history has no closing event".into(),
        "the striking fault was not proved".into(),
    ];
    // What a finding says for itself must not be read past what spoils the run: left as met and as missed on purpose.
    verdict.findings[0].outcome = Outcome::Fail;
    verdict.stalls = vec![after(-900, -300)];
    if let Some(loss) = verdict.loss.get_mut("database") {
        *loss = Loss {
            acked: 14_059,
            ..Loss::default()
        };
    }
    sample
}

fn findings() -> Vec<Finding> {
    let holds = |id: &str, title: &str, because: &str| Finding {
        id: id.into(),
        title: title.into(),
        outcome: Outcome::Pass,
        limit: None,
        achieved: Achieved::Holds(true),
        unwidened: None,
        shown: false,
        margin: None,
        because: because.into(),
        coverage: None,
        source: None,
        unordered: 0,
    };
    let mut hole = holds(
        "hole.database",
        "No hole in database",
        "0 lost writes that are older than a kept one among 11883 rows",
    );
    hole.achieved = Achieved::Count {
        lower: 0,
        upper: Some(0),
    };
    hole.coverage = Some(Coverage {
        relations: 0,
        rows: 11_883,
        bytes: 0,
    });
    let mut check = holds(
        "check.amcheck",
        "Check amcheck",
        "database: 326 heaps and B-trees are sound",
    );
    check.coverage = Some(Coverage {
        relations: 326,
        rows: 0,
        bytes: 19_562_496,
    });
    vec![
        timed(
            "rto",
            "RTO",
            limit(15 * MINUTE, "15 minutes"),
            span(40 * SECOND, 47 * SECOND),
            "from the strike to restored: between 40 s and 47 s, which meets <= 15 minutes",
        ),
        timed(
            "rpo.database",
            "RPO of database",
            limit(5 * MINUTE, "5 minutes"),
            span(28 * SECOND, 31 * SECOND),
            "lost 37 acknowledged writes of 14059; loss: between 28 s and 31 s, which meets <= 5 minutes",
        ),
        timed(
            "tier.1",
            "Downtime of tier 1",
            limit(15 * MINUTE, "15 minutes"),
            span(38 * SECOND, 44 * SECOND),
            "downtime of tier 1 (payments): between 38 s and 44 s",
        ),
        holds(
            "order",
            "Order of tiers",
            "each tier was released after every more urgent one was restored",
        ),
        hole,
        check,
    ]
}

fn moments() -> Moments {
    Moments {
        struck: Some(after(0, 30)),
        impact: Some(after(0, 500)),
        alerted: Some(after(610, 611)),
        acknowledged: Some(after(640, 640)),
        declared: None,
        authorised: Some(after(640, 640)),
        procedure_done: Some(after(10_200, 10_200)),
        restored: Some(after(8_000, 8_500)),
        confirmed: Some(after(14_000, 14_001)),
        failed_back: None,
        tiers: [(
            1,
            TierMoments {
                impact: Some(after(0, 500)),
                released: Some(after(5_316, 5_317)),
                restored: Some(after(8_000, 8_500)),
                untouched: false,
            },
        )]
        .into(),
    }
}

fn series() -> Series {
    let window = |index: i64| {
        let at = (index - 8) * 500;
        let (good, errors, state) = match at {
            0..8_000 => (0, 20, WindowState::Bad),
            8_000..8_500 => (0, 0, WindowState::Unknown),
            _ => (19, 0, WindowState::Good),
        };
        WindowPoint {
            from: STRIKE + at * MILLISECOND,
            plan: at * MILLISECOND,
            scheduled: 20,
            good,
            queued: 0,
            errors,
            p50_ns: if good > 0 { 3 * MILLISECOND } else { 0 },
            p99_ns: if good > 0 { 40 * MILLISECOND } else { 0 },
            max_ns: 41 * MILLISECOND,
            state,
        }
    };
    let latencies = Latencies {
        count: 8_000,
        min_ns: 900_000,
        max_ns: 41 * MILLISECOND,
        buckets: vec![(1 << 20, 800), (1 << 22, 6_800), (1 << 26, 400)],
    };
    Series {
        tiers: vec![TierSeries {
            tier: 1,
            windows: (0..40).map(window).collect(),
            latencies,
        }],
        left_out: LeftOut { canary: 90, outside: 3 },
    }
}

fn terms() -> Terms {
    Terms {
        plan: "acme".into(),
        scenario: "acme/database-lost".into(),
        disaster: "database_lost".into(),
        rto: Some(RtoTerm {
            limits: vec![limit(15 * MINUTE, "15 minutes")],
            from: RtoFrom::Fault,
            until: RtoUntil::Restored,
        }),
        components: [(
            "database".to_owned(),
            ComponentTerm {
                rpo: vec![limit(5 * MINUTE, "5 minutes")],
                domain: Domain::Store,
                backup_cycle: Some(MINUTE),
            },
        )]
        .into(),
        tiers: vec![TierTerm {
            level: 1,
            services: vec!["payments".into()],
            max_downtime: vec![limit(15 * MINUTE, "15 minutes")],
            thresholds: Thresholds {
                response: 3 * SECOND,
                response_source: Source {
                    place: "3 s by default".into(),
                    status: Status::Assumed,
                },
                errors_ppm: 50_000,
                errors_source: source("Thresholds"),
            },
        }],
        order: true,
        detector: DetectorTerm::Alerts {
            kinds: vec!["database_unreachable".into()],
            deadline: None,
        },
        automated: false,
        calendar_scale: 60,
        stability: 5 * SECOND,
        settle: 30 * SECOND,
        procedure_deadline: 60 * SECOND,
        run_limit: HOUR,
        required_checks: vec!["amcheck".into()],
        at_drill_size: true,
        criteria: Vec::new(),
        latent: false,
        about_plan: Vec::new(),
        tool: None,
        availability_ppm: None,
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
