//! A plan of ten thousand statements: the work grows with the plan, not with its square.

use std::fmt::Write as _;
use std::time::Instant;

use firedrill_core::document::{Source, parse_plan};
use firedrill_lint::{json, lint, sarif, terminal};

/// A plan with ten statements that matter in each of so many blocks.
fn plan(blocks: usize) -> String {
    let mut text = String::from(
        "plan: large\ntitle: Large\nrto: [{ below: 4 h, where: t }]\nrpo: [{ below: 15 min, where: t }]\n",
    );
    let mut section = |name: &str, line: &dyn Fn(usize) -> String| {
        let _ = writeln!(text, "{name}:");
        for block in 0..blocks {
            let _ = writeln!(text, "{}", line(block));
        }
    };
    section("components", &|n| {
        format!(
            "  c{n}: {{ kind: database, rpo: [{{ is: 1 h, where: t }}], rto: [{{ is: 5 h, where: t }}], depends_on: [c{}] }}",
            n / 2
        )
    });
    section("disasters", &|n| {
        format!(
            "  d{n}: {{ title: D, automated: manual, hits: [c{n}], recovery_site: s{n}, rto: [{{ is: 5 h, where: t }}], \
             steps: [{{ what: restore, from: 0 min, until: 6 h, where: s }}] }}"
        )
    });
    section("backups", &|n| {
        format!(
            "  b{n}: {{ of: [c{n}], kind: dump, every: {{ is: 6 h, where: b }}, places: [p], at: '02:00', where: b }}"
        )
    });
    section("sites", &|n| {
        format!("  s{n}: {{ role: standby, region: eu-west-1, replica_lag: {{ is: 1 h, where: s }}, where: s }}")
    });
    section("drills", &|n| {
        format!("  - {{ what: restore {n}, every: {{ is: 1 month, where: d }}, at: '02:00', next: 2025-01, where: d }}")
    });
    section("escalation", &|n| {
        format!(
            "  - {{ level: L{n}, who: w, ladder: l{}, from: {} min, until: {} min, where: e }}",
            n / 4,
            n % 4 * 60,
            n % 4 * 60 + 30
        )
    });
    text.push_str("stores: { p: { where: s } }\nmonitoring:\n  watched:\n");
    for block in 0..blocks {
        let _ = writeln!(
            text,
            "    - {{ what: response {block}, figure: {{ duration: {{ above: 2 s, where: w }} }}, where: w }}"
        );
    }
    text.push_str("  targets:\n");
    for block in 0..blocks {
        let _ = writeln!(
            text,
            "    - {{ what: response {block}, figure: {{ duration: {{ below: 1 s, where: w }} }}, where: w }}"
        );
    }
    text
}

/// Findings and bytes of the renderings, and how long it took.
fn measure(blocks: usize) -> (usize, usize) {
    let parsed = parse_plan(Source::new("large.yaml", plan(blocks))).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let plans = [parsed];
    let begin = Instant::now();
    let report = lint(&plans, jiff::civil::date(2026, 12, 7), &[]).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let linted = begin.elapsed();
    let handler =
        miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::unicode_nocolor()).with_context_lines(0);
    let drawn = terminal(&report, &handler).expect("a rendering").len();
    let bytes = drawn + json(&report).to_string().len() + sarif(&report).to_string().len();
    println!(
        "{} statements: {} findings in {linted:?}, rendered ({bytes} bytes) after {:?}",
        blocks * 10,
        report.findings.len(),
        begin.elapsed()
    );
    (report.findings.len(), bytes)
}

#[test]
fn findings_and_renderings_grow_with_the_plan() {
    let (few, little) = measure(100);
    let (many, much) = measure(1000);
    assert!(few > 500, "{few}");
    assert!(
        many <= few * 11,
        "{few} findings in a tenth of the plan, {many} in the whole"
    );
    assert!(
        much <= little * 12,
        "{little} bytes for a tenth of the plan, {much} for the whole"
    );
}
