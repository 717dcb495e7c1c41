//! Whatever a file holds: no panic, no hang, no memory without bound. What is a plan is linted and drawn.

use firedrill_core::document::{BYTES_MAX, Source, parse_plan};
use firedrill_lint::{json, lint, markdown, sarif, terminal};
use proptest::prelude::*;

fn feed(text: &str) -> bool {
    match parse_plan(Source::new("any.yaml", text)) {
        Err(mistakes) => {
            // A mistake can always be told.
            assert!(!format!("{:?}", miette::Report::from(mistakes)).is_empty());
            false
        }
        Ok(parsed) => {
            let plans = [parsed];
            if let Ok(report) = lint(&plans, jiff::civil::date(2026, 12, 7), &[]) {
                let handler = miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::unicode_nocolor());
                assert!(terminal(&report, &handler).is_ok());
                let rendered =
                    json(&report).to_string().len() + sarif(&report).to_string().len() + markdown(&report).len();
                assert!(rendered < 100 * BYTES_MAX);
            }
            true
        }
    }
}

fn shipped() -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/plans");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the plans")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read_to_string(path).expect("a plan"))
        .collect()
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut bomb = String::from("plan: bomb\ntitle: B\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let before = level - 1;
        bomb.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            vec![format!("*a{before}"); 10].join(", ")
        ));
    }
    assert!(!feed(&bomb));
    // The same where aliases are allowed to stand: in a list of texts.
    let mut inside = String::from(
        "plan: bomb\ntitle: B\ndisasters: { d: { title: D, automated: manual } }\ncomponents:\n  c: { kind: service }\n",
    );
    inside.push_str("training:\n  - &t { what: a, where: b }\n");
    for _ in 0..100_000 {
        inside.push_str("  - *t\n");
    }
    let _ = feed(&inside);
}

#[test]
fn depth_and_size_are_bounded() {
    assert!(!feed(&"[".repeat(200_000)));
    assert!(!feed(&format!("plan: {}", "{a: ".repeat(50_000))));
    assert!(!feed(&"a".repeat(BYTES_MAX + 1)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(text in "\\PC{0,400}") {
        feed(&text);
    }

    #[test]
    fn any_yaml_like_text(text in "[a-z:{}\\[\\]*&!|>,\"' \n#0-9%-]{0,300}") {
        feed(&text);
    }

    /// A shipped plan with a piece taken out, doubled, or replaced: most of what comes out nearly is a plan.
    #[test]
    fn a_plan_that_was_mangled(which in 0usize..5, at in 0.0f64..1.0, length in 0usize..80, kind in 0u8..4, noise in "[a-z0-9 :{}\\[\\]*&-]{0,12}") {
        let plans = shipped();
        let text = &plans[which % plans.len()];
        let mut start = (text.len() as f64 * at) as usize;
        while !text.is_char_boundary(start) { start -= 1; }
        let mut end = (start + length).min(text.len());
        while !text.is_char_boundary(end) { end -= 1; }
        let (before, piece, after) = (&text[..start], &text[start..end.max(start)], &text[end.max(start)..]);
        let mangled = match kind {
            0 => format!("{before}{after}"),
            1 => format!("{before}{piece}{piece}{after}"),
            2 => format!("{before}{noise}{after}"),
            _ => format!("{before}{noise}{piece}{after}"),
        };
        feed(&mangled);
    }
}
