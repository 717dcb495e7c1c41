//! Shipped plans and scenarios resolve, and each class of mistake is drawn at its place.

use miette::{GraphicalReportHandler, GraphicalTheme};
use proptest::prelude::*;

use super::{examine, resolve};
use crate::document::{Mistakes, Parsed, Severity, Source, parse_plan, parse_scenario};
use crate::plan::{Duration, Plan, Share, Unit};
use crate::scenario::Scenario;
use crate::stamp::{HOUR, MINUTE, SECOND};
use crate::terms::{Comparator, DetectorTerm, Status, Terms};

const TAROT: &str = include_str!("../../../../fixtures/plans/samia-tarot.yaml");
const FAILOVER: &str = include_str!("../../../../fixtures/plans/samia-tarot-failover.yaml");
const AS_WRITTEN: &str = include_str!("../../../../scenarios/samia-tarot/database-failure-as-written.yaml");
const DATABASE: &str = include_str!("../../../../scenarios/samia-tarot-failover/database-failure.yaml");
const CORRUPTION: &str = include_str!("../../../../scenarios/samia-tarot-failover/gameday-database-corruption.yaml");
const NEWEST: &str = include_str!("../../../../scenarios/samia-tarot/newest-backup-corrupt.yaml");
const PARTITION: &str = include_str!("../../../../scenarios/samia-tarot-failover/network-partition.yaml");

fn plan(text: &str) -> Parsed<Plan> {
    parse_plan(Source::new("plan.yaml", text)).unwrap_or_else(|mistakes| panic!("{}", drawn(&mistakes)))
}

fn scenario(text: &str) -> Parsed<Scenario> {
    parse_scenario(Source::new("scenario.yaml", text)).unwrap_or_else(|mistakes| panic!("{}", drawn(&mistakes)))
}

fn drawn(mistakes: &Mistakes) -> String {
    let mut text = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(110)
        .with_links(false)
        .render_report(&mut text, mistakes)
        .unwrap();
    text
}

fn terms(plan_text: &str, scenario_text: &str, twin: Option<&str>) -> (Scenario, Terms) {
    resolve(&plan(plan_text).value, &scenario(scenario_text).value, twin).unwrap_or_else(|unsound| panic!("{unsound}"))
}

/// A shipped text with one thing replaced; the thing must be there.
fn with(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "`{old}` is not in the text");
    text.replacen(old, new, 1)
}

/// A shipped text that gives up after another time, whatever it ships with.
fn giving_up(text: &str, after: &str) -> String {
    let (before, rest) = text.split_once("\ngive_up: ").expect("a line");
    let (_, rest) = rest.split_once('\n').expect("an end of line");
    format!("{before}\ngive_up: {after}\n{rest}")
}

fn plan_mistakes(text: &str) -> String {
    drawn(&parse_plan(Source::new("plan.yaml", text)).expect_err("a mistake"))
}

/// Drawn mistakes of a scenario against the failover plan.
fn mistakes(text: &str) -> String {
    match parse_scenario(Source::new("scenario.yaml", text)) {
        Err(mistakes) => drawn(&mistakes),
        Ok(parsed) => {
            let found = examine(&plan(FAILOVER).value, &parsed.value);
            assert!(!found.is_empty(), "no mistake found");
            drawn(&parsed.draw(found))
        }
    }
}

#[test]
fn shipped_drills_resolve_with_all_their_twins() {
    for (plan_text, text) in [(TAROT, AS_WRITTEN), (FAILOVER, DATABASE), (FAILOVER, PARTITION)] {
        let scenario = scenario(text).value;
        terms(plan_text, text, None);
        assert!(!scenario.twins.is_empty(), "every shipped scenario has a twin");
        for twin in scenario.twins.keys() {
            let (merged, terms) = terms(plan_text, text, Some(twin));
            assert!(merged.twins.is_empty());
            assert_eq!(terms.scenario, format!("{}/{}:{twin}", terms.plan, scenario.scenario));
            assert_eq!(merged.expect, scenario.twins[twin].expect);
        }
    }
}

#[test]
fn shipped_drills_raise_no_doubt_but_the_coarse_clock_of_the_six_hours() {
    for (plan_text, text) in [(FAILOVER, DATABASE), (FAILOVER, PARTITION)] {
        assert_eq!(examine(&plan(plan_text).value, &scenario(text).value), []);
    }
    let doubts = examine(&plan(TAROT).value, &scenario(AS_WRITTEN).value);
    assert!(
        doubts.iter().all(|doubt| doubt.severity == Severity::Warning),
        "{doubts:?}"
    );
    let places: Vec<String> = doubts.iter().map(|doubt| doubt.place.to_string()).collect();
    // Coarse figures, and probes as short as they may be.
    assert_eq!(places, ["calendar_scale", "calendar_scale"], "{doubts:?}");
}

#[test]
fn terms_of_the_failover_drill() {
    let (scenario, terms) = terms(FAILOVER, DATABASE, None);
    let rto = terms.rto.expect("an RTO");
    assert_eq!(rto.limits.len(), 1);
    assert_eq!(
        (rto.limits[0].comparator, rto.limits[0].plan),
        (Comparator::AtMost, 15 * MINUTE)
    );
    assert_eq!(rto.limits[0].source.place, "Recovery targets by scenario");
    assert_eq!(rto.limits[0].text, "15 minutes");
    let database = &terms.components["database"];
    assert_eq!(database.rpo.len(), 1);
    assert_eq!(database.rpo[0].plan, 5 * MINUTE);
    assert_eq!(database.backup_cycle, Some(MINUTE));
    assert_eq!(terms.components["storage"].rpo, []);
    let downtimes: Vec<i64> = terms
        .tiers
        .iter()
        .map(|tier| tier.max_downtime[0].plan / MINUTE)
        .collect();
    assert_eq!(downtimes, [5, 15, 30, 60]);
    assert_eq!(terms.tiers[1].services, ["auth", "payments"]);
    assert_eq!(scenario.tiers[&2], ["bookings", "chat", "files"]);
    assert!(terms.order && terms.automated && terms.at_drill_size);
    assert_eq!(Some(terms.run_limit), scenario.give_up.nanos());
    assert_eq!(terms.stability, 5 * SECOND);
    assert_eq!(terms.settle, 10 * SECOND);
    let thresholds = &terms.tiers[0].thresholds;
    assert_eq!((thresholds.response, thresholds.errors_ppm), (3 * SECOND, 50_000));
    assert_eq!(thresholds.response_source.status, Status::Assumed);
    assert_eq!(
        terms.detector,
        DetectorTerm::Alerts {
            kinds: vec!["database_unreachable".into(), "application_failing".into()],
            deadline: None
        }
    );
    insta::assert_snapshot!(
        "scope_of_the_failover_drill",
        scope(&terms.assumptions, &terms.not_covered, &terms.stand_ins)
    );
}

fn scope(assumptions: &[String], not_covered: &[String], stand_ins: &[crate::terms::StandIn]) -> String {
    let stand_ins: Vec<String> = stand_ins
        .iter()
        .map(|stand_in| format!("{} -> {}", stand_in.planned, stand_in.drilled))
        .collect();
    format!(
        "assumed\n  {}\nstood in\n  {}\nnot covered\n  {}",
        assumptions.join("\n  "),
        stand_ins.join("\n  "),
        not_covered.join("\n  ")
    )
}

#[test]
fn terms_of_the_drill_as_written() {
    let (scenario, terms) = terms(TAROT, AS_WRITTEN, None);
    let limits: Vec<(Comparator, i64)> = terms
        .rto
        .iter()
        .flat_map(|rto| &rto.limits)
        .map(|limit| (limit.comparator, limit.plan / HOUR))
        .collect();
    assert_eq!(
        limits,
        [(Comparator::AtMost, 2), (Comparator::Below, 4), (Comparator::AtMost, 4)]
    );
    let rpo: Vec<(Comparator, i64)> = terms.components["database"]
        .rpo
        .iter()
        .map(|limit| (limit.comparator, limit.plan / MINUTE))
        .collect();
    assert_eq!(rpo, [(Comparator::Below, 15), (Comparator::AtMost, 15)]);
    assert_eq!(terms.components["database"].backup_cycle, Some(6 * HOUR));
    assert_eq!(terms.availability_ppm.as_ref().map(|(ppm, _)| *ppm), Some(999_000));
    assert!(!terms.automated && !terms.order);
    assert_eq!(terms.tiers.len(), 1);
    assert_eq!(terms.tiers[0].max_downtime, []);
    assert_eq!(terms.tiers[0].thresholds.errors_ppm, 50_000);
    assert_eq!(terms.tiers[0].thresholds.errors_source.status, Status::Stated);
    // 20 writes in 15 minutes of plan time, which last 0.417 s.
    assert_eq!(scenario.load.canary, 48);
    let (_, mended) = self::terms(TAROT, AS_WRITTEN, Some("wal-shipped"));
    assert_eq!(mended.components["database"].backup_cycle, Some(4 * MINUTE));
    insta::assert_snapshot!(
        "scope_of_the_drill_as_written",
        scope(&terms.assumptions, &terms.not_covered, &terms.stand_ins)
    );
}

#[test]
fn the_order_of_recovery_is_judged_only_where_the_plan_states_one() {
    let stated = |keys: &[&str]| {
        let text: String = FAILOVER
            .lines()
            .filter(|line| {
                let key = line.trim_start().split(':').next().unwrap_or_default();
                keys.contains(&key) || !["order", "recovered_from", "recovered_until"].contains(&key)
            })
            .map(|line| format!("{line}\n"))
            .collect();
        terms(&text, DATABASE, None).1.order
    };
    assert!(stated(&["order"]));
    assert!(stated(&["recovered_until"]));
    assert!(!stated(&[]));
}

#[test]
fn the_rto_of_a_tier_holds_for_what_belongs_to_it() {
    let rto = "    rto:\n      - { below: 12 min, where: classes }\n";
    let tier = |components: &str| {
        let text = with(
            FAILOVER,
            "    services: [Auth, Payments, Core DB]\n",
            &format!("    services: [Auth, Payments, Core DB]\n    components: [{components}]\n{rto}"),
        );
        terms(&text, DATABASE, None).1
    };
    let minutes = |limits: &[crate::terms::Limit]| limits.iter().map(|limit| limit.plan / MINUTE).collect::<Vec<_>>();
    // The disaster hits the database, and not the storage.
    let hit = tier("database");
    assert_eq!(minutes(&hit.rto.expect("an RTO").limits), [15, 12]);
    assert_eq!(minutes(&hit.tiers[1].max_downtime), [15, 12]);
    let spared = tier("storage");
    assert_eq!(minutes(&spared.rto.expect("an RTO").limits), [15]);
    assert_eq!(minutes(&spared.tiers[1].max_downtime), [15, 12]);
}

#[test]
fn a_silent_archive_timeout_is_a_fifth_of_the_rpo_and_listed() {
    let text = with(DATABASE, "wal: { archive_timeout: 1 min }\nsteady", "wal: {}\nsteady");
    let (scenario, terms) = terms(FAILOVER, &text, None);
    let timeout = scenario.backup.wal.and_then(|wal| wal.archive_timeout).unwrap();
    assert_eq!(timeout.nanos(), Some(MINUTE));
    assert!(
        terms
            .assumptions
            .iter()
            .any(|line| line.contains("a fifth of the smallest RPO")),
        "{:?}",
        terms.assumptions
    );
}

#[test]
fn wal_is_shipped_as_often_as_the_plan_says_and_a_drill_that_ships_it_more_often_raises_a_doubt() {
    let stated = "    kind: wal\n    every: { is: 4 min, where: GameDay 1 }\n    # The document does not say";
    let text = FAILOVER.replacen("    kind: wal\n    # The document does not say", stated, 1);
    assert_ne!(text, FAILOVER);
    let silent = with(DATABASE, "wal: { archive_timeout: 1 min }\nsteady", "wal: {}\nsteady");
    let (resolved, terms) = terms(&text, &silent, None);
    let timeout = resolved.backup.wal.and_then(|wal| wal.archive_timeout).unwrap();
    assert_eq!(timeout.nanos(), Some(4 * MINUTE));
    let listed = |wanted: &str| terms.assumptions.iter().any(|line| line.contains(wanted));
    assert!(listed("as often as the plan ships WAL"), "{:?}", terms.assumptions);
    let doubted = |text: &str, wanted: &str| {
        let found = examine(&plan(text).value, &scenario(wanted).value);
        let ships = found
            .iter()
            .filter(|one| one.what.contains("the drill ships it every 1 min"));
        ships.count()
    };
    // Two twins say themselves what they ship.
    assert_eq!(doubted(&text, &silent), 2);
    assert_eq!(doubted(&text, DATABASE), 3);
    assert_eq!(doubted(FAILOVER, DATABASE), 0);
}

#[test]
fn what_is_printed_reads_back_the_same() {
    for text in [TAROT, FAILOVER] {
        let first = plan(text).value;
        let printed = serde_saphyr::to_string(&first).unwrap();
        assert_eq!(plan(&printed).value, first);
    }
    for text in [AS_WRITTEN, DATABASE, PARTITION] {
        let first = scenario(text).value;
        let printed = serde_saphyr::to_string(&first).unwrap();
        assert_eq!(scenario(&printed).value, first);
    }
}

#[test]
fn mistakes_of_shape_are_drawn_at_their_place() {
    let snap = |name: &str, old: &str, new: &str| insta::assert_snapshot!(name, mistakes(&with(DATABASE, old, new)));
    snap("unknown_key", "calendar_scale: 60", "calender_scale: 60");
    snap("unknown_variant", "lose_data: {", "loose_data: {");
    snap("missing_key", "disaster: database_failure\n", "");
    snap("not_a_duration", "steady: 10 min", "steady: ten minutes");
    insta::assert_snapshot!("not_a_unit", mistakes(&giving_up(DATABASE, "30 mins")));
    snap("wrong_kind", "calendar_scale: 60", "calendar_scale: fast");
    snap(
        "a_list_where_a_map_belongs",
        "expect:\n  exit: 0",
        "expect:\n  - exit: 0",
    );
    snap("twice", "steady: 10 min", "steady: 10 min\nsteady: 12 min");
    snap("not_yaml", "services:\n", "services: [\n");
    insta::assert_snapshot!("empty", mistakes(""));
    insta::assert_snapshot!("two_documents", mistakes(&format!("{DATABASE}---\nscenario: x\n")));
    insta::assert_snapshot!(
        "plan_not_a_share",
        plan_mistakes(&with(TAROT, "{ is: 99.9 %", "{ is: 99.9"))
    );
    insta::assert_snapshot!(
        "plan_unknown_key",
        plan_mistakes(&with(TAROT, "likelihood: low", "likelyhood: low"))
    );
}

#[test]
fn mistakes_of_sense_are_drawn_at_their_place_all_at_once() {
    let snap = |name: &str, old: &str, new: &str| insta::assert_snapshot!(name, mistakes(&with(DATABASE, old, new)));
    snap(
        "unknown_disaster",
        "disaster: database_failure",
        "disaster: database_falure",
    );
    snap(
        "unknown_service",
        "repoint: { application: application, database: standby }",
        "repoint: { application: aplication, database: standbye }",
    );
    snap("unknown_step", "- name: hold\n", "- name: hold\n      after: [fense]\n");
    snap("circle", "- name: hold\n", "- name: hold\n      after: [release]\n");
    snap(
        "tier_not_in_the_plan",
        "hold: { tiers: [1, 2, 3] }",
        "hold: { tiers: [1, 2, 7] }",
    );
    snap("no_strike", "    strikes: true\n", "");
    snap(
        "two_strikes",
        "procedure:\n  deadline: 60 s\n",
        "  - name: again\n    strikes: true\n    inject: { kill: { service: database } }\nprocedure:\n  deadline: 60 s\n",
    );
    snap(
        "no_such_link",
        "lose_data: { service: database }",
        "cut: { link: [database, application] }",
    );
    snap("low_rate", "emergency: 60", "emergency: 39");
    insta::assert_snapshot!("could_not_have_failed", mistakes(&giving_up(DATABASE, "15 min")));
    snap("no_fixed_length", "steady: 10 min", "steady: 1 month");
    snap(
        "no_fixed_length_in_a_twin",
        "wal: { archive_timeout: 1 min, broken_after: 1 min }",
        "wal: { archive_timeout: 1 quarter, broken_after: 1 min }",
    );
    snap(
        "strike_that_cannot_come",
        "  base: { every: 1 d }\n  wal: { archive_timeout: 1 min }\nsteady",
        "\nsteady",
    );
    snap("strike_too_early", "strike: worst_for_rpo", "strike: { at: 5 min }");
    snap(
        "findings_that_contradict",
        "    rto: pass\n",
        "    rto: fail\n    rpo.databse: pass\n",
    );
    snap(
        "files_without_a_store",
        "database: database, store: files, site",
        "database: database, site",
    );
    let several = with(
        DATABASE,
        "service: database }\nprocedure",
        "service: databse }\nprocedure",
    );
    let several = with(&several, "  settle: 10 s", "  settle: 0 s");
    insta::assert_snapshot!("several", mistakes(&several));
}

/// Mistakes of a shipped scenario with one thing replaced, as `place: label`, those of twins left out.
fn errors(plan_text: &str, text: &str, old: &str, new: &str) -> Vec<String> {
    examine(&plan(plan_text).value, &scenario(&with(text, old, new)).value)
        .into_iter()
        .filter(|mistake| mistake.severity == Severity::Error && mistake.place.keys()[0] != "twins")
        .map(|mistake| format!("{}: {}", mistake.place, mistake.label))
        .collect()
}

#[test]
fn data_that_no_rpo_holds_for_is_a_mistake() {
    let found = |old, new| errors(FAILOVER, DATABASE, old, new).join("; ");
    let standby = "postgres: { component: database, site: primary, empty: true }";
    assert_eq!(
        found(standby, "postgres: { site: primary, empty: true }"),
        "services.standby.postgres: no `component`"
    );
    assert_eq!(
        found(
            standby,
            "postgres: { component: application, site: primary, empty: true }"
        ),
        "services.standby.postgres.component: of another kind"
    );
    assert_eq!(
        found(standby, "postgres: { component: databse, site: primary, empty: true }"),
        "services.standby.postgres.component: not known"
    );
    let application = "database:\n    postgres: { component: database, site: primary }";
    let without = found(application, "database:\n    postgres: { site: primary }");
    assert!(
        without.contains("services.database.postgres: no `component`"),
        "{without}"
    );
}

#[test]
fn a_service_that_names_a_component_of_another_kind_is_a_mistake() {
    let found = |old: &str, new: &str| errors(FAILOVER, DATABASE, old, new).join("; ");
    let database = "database:\n    postgres: { component: database, site: primary }";
    for other in ["storage", "configuration", "monitoring", "dns"] {
        let found = found(
            database,
            &database.replace("component: database", &format!("component: {other}")),
        );
        assert!(
            found.contains("services.database.postgres.component: of another kind"),
            "{other}: {found}"
        );
    }
    assert_eq!(
        found("s3: { component: storage", "s3: { component: database"),
        "services.files.s3.component: of another kind"
    );
}

#[test]
fn a_store_that_the_disaster_hits_is_held_or_left_out_in_words() {
    // Another database, hit too and with a laxer RPO of its own, would make the plan's figure for the first vanish.
    let second = with(
        TAROT,
        "components:\n",
        "components:\n  other:\n    kind: database\n    rpo:\n      - { is: 7 d, where: here }\n",
    );
    let second = with(&second, "    hits: [database]\n", "    hits: [database, other]\n");
    let errors = |text: &str| -> Vec<String> {
        examine(&plan(&second).value, &scenario(text).value)
            .into_iter()
            .filter(|mistake| mistake.severity == Severity::Error)
            .map(|mistake| format!("{}: {}", mistake.place, mistake.label))
            .collect()
    };
    assert_eq!(errors(AS_WRITTEN), ["services: `other` is not held"]);
    let relabelled = AS_WRITTEN.replace("component: database", "component: other");
    assert!(
        errors(&relabelled).contains(&"services: `database` is not held".to_owned()),
        "{:?}",
        errors(&relabelled)
    );
    let told = format!("{AS_WRITTEN}\nleaves_out:\n  other: drilled with its own scenario\n");
    assert_eq!(errors(&told), [] as [&str; 0]);
    let (_, terms) = terms(&second, &told, None);
    assert_eq!(terms.left_out, ["other"]);
    let covered = terms.not_covered.join("\n");
    assert!(covered.contains("drilled with its own scenario"), "{covered}");
    let wordless = format!("{AS_WRITTEN}\nleaves_out:\n  other: \"\"\n");
    assert_eq!(errors(&wordless), ["leaves_out.other: no reason"]);
    let held = format!("{AS_WRITTEN}\nleaves_out:\n  other: elsewhere\n  database: too large\n  databse: x\n");
    assert_eq!(
        errors(&held),
        [
            "leaves_out.database: nothing to leave out",
            "leaves_out.databse: not known"
        ]
    );
}

#[test]
fn nobody_may_say_that_no_plan_could_notice_what_this_plan_counts_on_noticing() {
    let found = |old: &str, new: &str| errors(FAILOVER, DATABASE, old, new).join("; ");
    let lost = "lose_data: { service: database }";
    let none = |fault: &str| format!("{fault}\n    detector: none");
    for fault in [
        lost,
        "kill: { service: database }",
        "cut: { link: [application, database] }",
    ] {
        assert_eq!(
            found(lost, &none(fault)),
            "faults.0.detector: the plan notices it",
            "{fault}"
        );
    }
    // What rows say is known to nobody but the ledger; what a delay does depends on how long it is.
    let quiet = "spoil_data: { service: database, table: bookings, how: wrong_update }";
    assert_eq!(found(lost, &none(quiet)), "");
    assert_eq!(
        found(lost, &none("delay: { link: [application, database], by: 10 s }")),
        ""
    );
    // The judge is told what would contradict it.
    let text = with(DATABASE, lost, &none(quiet));
    let (_, terms) = terms(FAILOVER, &text, None);
    assert_eq!(terms.detector, DetectorTerm::None);
    assert_eq!(terms.unexpected_alerts, ["database_unreachable", "application_failing"]);
    assert!(!terms.own_fault);
}

#[test]
fn a_strike_beside_the_disaster_is_a_mistake() {
    let found = |new: &str| errors(FAILOVER, DATABASE, "lose_data: { service: database }", new).join("; ");
    for key in ["kill", "pause"] {
        for service in ["files", "backups"] {
            assert_eq!(
                found(&format!("{key}: {{ service: {service} }}")),
                format!("faults.0.inject.{key}.service: not what the disaster hits")
            );
        }
        assert_eq!(found(&format!("{key}: {{ service: database }}")), "");
    }
    assert!(found("lose_data: { service: application }").contains("no Postgres server"));
    assert!(found("lose_data: { service: files }").contains("no Postgres server"));
    // A link is hurt on behalf of what stands at its ends; the disaster hits no application.
    assert_eq!(found("cut: { link: [application, database] }"), "");
    assert_eq!(
        found("cut: { link: [application, files] }"),
        "faults.0.inject.cut.link: not what the disaster hits"
    );
    assert_eq!(
        found("delay: { link: [clients, application], by: 10 s }"),
        "faults.0.inject.delay.link: not what the disaster hits"
    );
    assert_eq!(
        found("kill: { service: application }"),
        "faults.0.inject.kill.service: not what the disaster hits"
    );
}

#[test]
fn an_alert_that_the_plan_never_raises_is_a_mistake() {
    let found = |kinds: &str| {
        let fault = "lose_data: { service: database }";
        let detector = format!("{fault}\n    detector: {{ alerts: [{kinds}] }}");
        errors(FAILOVER, DATABASE, fault, &detector).join("; ")
    };
    assert_eq!(found("database_unreachable"), "");
    assert_eq!(
        found("database_unreachable, smoke"),
        "faults.0.detector.alerts.1: never raised"
    );
}

#[test]
fn milder_judging_is_a_mistake() {
    let found = |new: &str| errors(FAILOVER, DATABASE, "  settle: 10 s", new).join("; ");
    assert_eq!(found("  response: 3001 ms"), "judging.response: too mild");
    assert_eq!(found("  response: 3 s"), "");
    assert_eq!(found("  errors: 5.1 %"), "judging.errors: too mild");
    assert_eq!(found("  errors: 1 %"), "");
    assert_eq!(found("  stability: 4 s"), "judging.stability: too mild");
    assert_eq!(found("  settle: 61 s"), "judging.settle: too mild");
    assert_eq!(
        found("  checks: [page_checksums, amcheck, constraints, journey]"),
        "judging.checks: fewer than by default"
    );
    assert_eq!(
        found("  checks: [page_checksums, amcheck, constraints, static_tables, journey, extra]"),
        ""
    );
    // The plan's own threshold is what counts where it has one.
    let plan = with(TAROT, "above: 5 %", "above: 4 %");
    assert_eq!(
        errors(&plan, AS_WRITTEN, "  settle: 10 s", "  errors: 4.5 %"),
        ["judging.errors: too mild"]
    );
}

#[test]
fn a_laxer_tier_and_a_service_without_load_are_mistakes() {
    let tiers = |map: &str| errors(FAILOVER, DATABASE, "load:\n", &format!("tiers: {{ {map} }}\nload:\n"));
    let laxer = tiers("3: [payments, analytics, notifications]");
    assert!(laxer.contains(&"tiers.3: a laxer tier".to_owned()), "{laxer:?}");
    let stricter = tiers("1: [auth, payments, bookings]");
    assert!(
        !stricter.iter().any(|mistake| mistake.contains("laxer")),
        "{stricter:?}"
    );
    assert_eq!(
        errors(FAILOVER, DATABASE, "files: 10", "files: 0"),
        ["load.rates.files: never asked for"]
    );
}

#[test]
fn what_the_drill_backs_up_beyond_the_plan_is_not_covered() {
    let (_, mended) = terms(TAROT, AS_WRITTEN, Some("wal-shipped"));
    let shipped = "WAL shipping is the scenario's: the plan has no policy for it".to_owned();
    assert!(mended.not_covered.contains(&shipped), "{:?}", mended.not_covered);
    let text = with(AS_WRITTEN, "dump: { every: 6 h }", "dump: { every: 4 h }");
    let (_, denser) = terms(TAROT, &text, None);
    let line = "the plan dumps every 6 h; the drill dumps every 4 h: the verdict is about the drill's cadence";
    assert!(
        denser.not_covered.contains(&line.to_owned()),
        "{:?}",
        denser.not_covered
    );
    let told: Vec<_> = denser
        .denser
        .iter()
        .map(|it| (it.component.as_str(), it.says.as_str()))
        .collect();
    assert_eq!(told, [("database", "a dump every 4 h, the plan's every 6 h")]);
    let (_, same) = terms(TAROT, AS_WRITTEN, None);
    assert_eq!(same.denser, []);
    assert_eq!((same.summary, same.twin), (scenario(AS_WRITTEN).value.summary, None));
    let differs = &scenario(AS_WRITTEN).value.twins["wal-shipped"].summary;
    assert_eq!(
        (mended.summary, mended.twin.as_ref()),
        (scenario(AS_WRITTEN).value.summary, Some(differs))
    );
    assert!(!same.not_covered.iter().any(|line| line.contains("cadence")));
}

#[test]
fn the_alerts_that_the_plan_counts_on_are_those_that_count() {
    let plan = with(
        FAILOVER,
        "hits: [database]\n    detection: [database_unreachable, application_failing]",
        "hits: [database]\n    detection: [database_unreachable]",
    );
    let (_, terms) = terms(&plan, DATABASE, None);
    let kinds = vec!["database_unreachable".to_owned()];
    assert_eq!(terms.detector, DetectorTerm::Alerts { kinds, deadline: None });
}

/// What `firedrill init` writes stays a drill that runs.
#[test]
fn the_files_of_init_are_sound() {
    let plan = plan(include_str!("../../../engine/src/command/init/plan.yaml")).value;
    let scenario = scenario(include_str!("../../../engine/src/command/init/scenario.yaml")).value;
    assert_eq!(examine(&plan, &scenario), []);
}

#[test]
fn doubts_are_drawn_as_warnings() {
    let snap = |name: &str, old: &str, new: &str| insta::assert_snapshot!(name, mistakes(&with(DATABASE, old, new)));
    snap("coarse_clock", "calendar_scale: 60", "calendar_scale: 400");
    snap("short_steady_state", "steady: 10 min", "steady: 7 min");
    snap("long_wait", "strike: worst_for_rpo", "strike: worst_for_rto");
    snap(
        "no_release",
        "    - name: release\n      do: { release: { tiers: [0, 1, 2, 3] } }\n",
        "",
    );
}

#[test]
fn mistakes_of_a_plan_are_drawn_at_their_place() {
    let snap = |name: &str, old: &str, new: &str| insta::assert_snapshot!(name, plan_mistakes(&with(TAROT, old, new)));
    snap("plan_two_comparators", "{ below: 4 h,", "{ below: 4 h, is: 4 h,");
    snap("plan_no_value", "{ below: 4 h, where", "{ where");
    snap("plan_target_without_an_end", "- { is: 2 h,", "- { above: 2 h,");
    snap("plan_month_as_a_target", "- { is: 2 h,", "- { is: 2 months,");
    snap("plan_unknown_component", "hits: [frontend]", "hits: [fronted]");
    snap(
        "plan_unknown_alert",
        "detection: [health_failing]",
        "detection: [health_fail]",
    );
    snap(
        "plan_no_threshold",
        "      when: { share: { above: 2 %, where: \"Monitoring, warning alerts\" } }\n",
        "",
    );
}

#[test]
fn a_check_that_counts_rows_wants_a_share_or_a_least_number() {
    const AT: &str = "  alerts:\n    pages_damaged:\n";
    let counting = |check: &str, when: &str| {
        let text = format!(
            "    counted:\n      probe: {check}\n      every: {{ is: 15 s, where: here }}\n      \
             timeout: {{ is: 15 s, where: here }}\n  alerts:\n    rows_missing:\n      kind: rows_missing\n      \
             check: counted\n      failures: {{ is: 1, where: here }}\n{when}    pages_damaged:\n"
        );
        parse_plan(Source::new("plan.yaml", with(FAILOVER, AT, &text)))
            .map_or_else(|mistakes| drawn(&mistakes), |_| String::new())
    };
    let rows = "{ row_count: { component: database, table: bookings } }";
    let when = |figure: &str| format!("      when: {figure}\n");
    assert_eq!(counting(rows, &when("{ share: { above: 30 %, where: here } }")), "");
    assert_eq!(
        counting(
            "{ row_count: { component: database } }",
            &when("{ rows: { below: 10, where: here } }")
        ),
        ""
    );
    for (check, when, problem) in [
        (rows, String::new(), "this rule sets no threshold"),
        (
            rows,
            when("{ duration: { above: 5 s, where: here } }"),
            "gives it a time",
        ),
        (
            rows,
            when("{ rows: { above: 10, where: here } }"),
            "would call while there are many",
        ),
        (
            "{ row_count: { component: database, table: '' } }",
            when("{ rows: { below: 10, where: here } }"),
            "no table has this name",
        ),
        (
            "{ amcheck: database }",
            when("{ rows: { below: 10, where: here } }"),
            "counts no rows",
        ),
        (
            "{ row_count: { component: databse } }",
            when("{ rows: { below: 10, where: here } }"),
            "databse",
        ),
    ] {
        let drawn = counting(check, &when);
        assert!(drawn.contains(problem), "{check} {when}: {drawn}");
    }
}

#[test]
fn bombs_and_huge_files_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let below = format!("*a{}", level - 1);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![below; 10].join(", ")));
    }
    insta::assert_snapshot!(
        "bomb",
        mistakes(&with(DATABASE, "services:\n", &format!("{bomb}services:\n")))
    );
    // One byte too many, whatever the shipped scenario has.
    let huge = format!("{DATABASE}\n#");
    let huge = format!("{huge}{}", "x".repeat(crate::document::BYTES_MAX + 1 - huge.len()));
    insta::assert_snapshot!("huge", mistakes(&huge));
}

#[test]
fn an_unknown_twin_names_the_nearest() {
    let unsound = resolve(&plan(FAILOVER).value, &scenario(DATABASE).value, Some("archive-of")).unwrap_err();
    assert!(unsound.to_string().contains("did you mean `archive-off`?"), "{unsound}");
}

proptest! {
    #[test]
    fn durations_read_back(count: u32, unit in prop::sample::select(vec![
        Unit::Millisecond, Unit::Second, Unit::Minute, Unit::Hour, Unit::Day, Unit::Week, Unit::Month, Unit::Quarter, Unit::Year,
    ])) {
        let duration = Duration { count, unit };
        prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        prop_assert_eq!(duration.in_words().parse(), Ok(duration));
        let _ = duration.nanos();
    }

    #[test]
    fn shares_read_back(ppm in 0_u32..=1_000_000) {
        let share = Share { ppm };
        prop_assert_eq!(share.to_string().parse(), Ok(share));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = text.parse::<Duration>();
        let _ = text.parse::<Share>();
        let _ = parse_plan(Source::new("plan.yaml", text.as_str()));
        if let Err(mistakes) = parse_scenario(Source::new("scenario.yaml", text.as_str())) {
            drawn(&mistakes);
        }
    }

    /// Shipped files with pieces cut out and put elsewhere: nearly right is harder than noise.
    #[test]
    fn no_damaged_file_panics(from in 0_usize..4000, length in 0_usize..40, to in 0_usize..4000, piece in "[ \\n:,{}\\[\\]&*!|>'\"a-z0-9%-]{0,8}") {
        let text: Vec<char> = DATABASE.chars().collect();
        let from = from.min(text.len());
        let until = (from + length).min(text.len());
        let mut damaged: Vec<char> = text[..from].iter().chain(&text[until..]).copied().collect();
        let to = to.min(damaged.len());
        damaged.splice(to..to, piece.chars());
        let damaged: String = damaged.into_iter().collect();
        match parse_scenario(Source::new("scenario.yaml", damaged.as_str())) {
            Err(mistakes) => { drawn(&mistakes); }
            Ok(parsed) => {
                let found = examine(&plan(FAILOVER).value, &parsed.value);
                let resolved = resolve(&plan(FAILOVER).value, &parsed.value, None);
                let forbidden = found.iter().any(|mistake| mistake.severity == Severity::Error);
                if resolved.is_err() {
                    prop_assert!(forbidden);
                }
                if !found.is_empty() {
                    drawn(&parsed.draw(found));
                }
            }
        }
    }
}

#[test]
fn the_first_gameday_is_judged_by_its_own_criteria_and_its_contradictions_are_told() {
    let (_, terms) = terms(FAILOVER, CORRUPTION, None);
    assert!(terms.latent && !terms.automated);
    let rto = terms.rto.expect("an RTO");
    assert_eq!(
        (rto.limits[0].plan, rto.limits[0].comparator),
        (15 * MINUTE, Comparator::AtMost)
    );
    assert_eq!(terms.components["database"].rpo[0].plan, 5 * MINUTE);
    assert_eq!(terms.criteria.len(), 2);
    let DetectorTerm::Alerts { kinds, .. } = terms.detector else {
        panic!("nobody notices")
    };
    assert_eq!(kinds, ["data_corruption"]);
    let told = terms.about_plan.join("\n");
    assert!(told.contains("begins `resume` after 30 min"), "{told}");
    assert!(told.contains("begins `validate` after 20 min"), "{told}");
    assert!(
        !told.contains("`declare and assess`"),
        "what lies within the RTO is no contradiction: {told}"
    );
    assert!(told.contains("tiers 0, 1 lose nothing"), "{told}");
}

#[test]
fn damage_of_files_stands_where_it_can_be_judged() {
    let latent = with(FAILOVER, "    rto_from: fault\n", "");
    let plan = plan(&latent).value;
    let unsound = resolve(&plan, &scenario(CORRUPTION).value, None).expect_err("a mistake");
    assert!(unsound.to_string().contains("from when the RTO"), "{unsound}");

    let striking = with(
        NEWEST,
        "  - name: newest-dump-damaged\n    when: before_strike\n",
        "  - name: newest-dump-damaged\n    strikes: true\n",
    );
    let striking = with(
        &striking,
        "  - name: database-lost\n    strikes: true\n",
        "  - name: database-lost\n",
    );
    let drawn = mistakes_against(TAROT, &striking);
    assert!(drawn.contains("cannot strike"), "{drawn}");

    let elsewhere = with(
        NEWEST,
        "damage_backup: { store: backups,",
        "damage_backup: { store: database,",
    );
    let drawn = mistakes_against(TAROT, &elsewhere);
    assert!(drawn.contains("of kind `postgres`"), "{drawn}");

    let none = with(CORRUPTION, "how: bit_flip, pages: 8", "how: bit_flip, pages: 0");
    let drawn = mistakes_against(FAILOVER, &none);
    assert!(drawn.contains("between 1 and 1000"), "{drawn}");

    let late = with(
        CORRUPTION,
        "    strikes: true\n",
        "    strikes: true\n    when: before_strike\n",
    );
    let drawn = mistakes_against(FAILOVER, &late);
    assert!(drawn.contains("has no effect"), "{drawn}");

    let nowhere = with(
        NEWEST,
        "    when: before_strike\n",
        "    when: { at_step: { name: restor, side: before } }\n",
    );
    let drawn = mistakes_against(TAROT, &nowhere);
    assert!(drawn.contains("restor") && drawn.contains("restore"), "{drawn}");

    let unheard = with(
        CORRUPTION,
        "monitor_without: [soundness]",
        "monitor_without: [soundnes]",
    );
    let unsound = resolve(
        &self::plan(FAILOVER).value,
        &scenario(&unheard).value,
        Some("nobody-looks"),
    );
    let told = unsound.expect_err("no such check").to_string();
    assert!(told.contains("soundness"), "{told}");
}

/// What is wrong with a scenario against a plan, in words.
fn mistakes_against(plan_text: &str, text: &str) -> String {
    match resolve(&plan(plan_text).value, &scenario(text).value, None) {
        Ok(_) => String::new(),
        Err(unsound) => unsound
            .scenario
            .iter()
            .map(|mistake| format!("{} {} {}\n", mistake.what, mistake.label, mistake.help))
            .collect(),
    }
}
