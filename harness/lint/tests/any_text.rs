//! Whatever a file holds: no panic, no hang, no memory without bound. What is a plan is linted and drawn.

use firedrill_core::document::{BYTES_MAX, Source, parse_plan, parse_scenario};
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

/// A plan on one line, as a program writes it: JSON is YAML. Terminals count columns in 16 bits, and so does what draws for
/// them.
#[test]
fn what_stands_far_along_a_line_is_drawn() {
    let plan = |depends_on: &str| {
        let parts: Vec<String> = (0..1_000)
            .map(|n| format!("\"part{n}\": {{\"kind\": \"database\", \"depends_on\": [\"{depends_on}\"], \"rto\": [{{\"is\": \"5 h\", \"where\": \"t\"}}]}}"))
            .collect();
        format!(
            "{{\"plan\": \"p\", \"title\": \"P\", \"rto\": [{{\"is\": \"1 h\", \"where\": \"t\"}}], \"disasters\": {{\"d\": \
             {{\"title\": \"D\", \"automated\": \"manual\"}}}}, \"components\": {{{}}}}}",
            parts.join(", ")
        )
    };
    assert!(plan("part1").len() > 70_000);
    assert!(feed(&plan("part1")));
    // A mistake in each part, and one at the very end.
    assert!(!feed(&plan("part-that-is-not")));
    assert!(!feed(&plan("part1").replace("part999\"", "part998\"")));
    // A value that is itself as long as that.
    assert!(!feed(
        &plan("part1").replace("\"manual\"", &format!("\"{}\"", "x".repeat(200_000)))
    ));
    assert!(!feed(&plan(&"x".repeat(900))));
}

#[test]
fn mistakes_without_number_are_counted_and_some_are_told() {
    let mut text = String::from("plan: p\ntitle: P\ndisasters: { d: { title: D, automated: manual } }\ncomponents:\n");
    for n in 0..5_000 {
        text.push_str(&format!("  part{n}: {{ kind: service, depends_on: [nothing{n}] }}\n"));
    }
    let Err(mistakes) = parse_plan(Source::new("any.yaml", text.as_str())) else {
        panic!("it leads nowhere")
    };
    let said = mistakes.to_string();
    assert!(said.contains("5000 mistakes"), "{said}");
    let drawn = format!("{:?}", miette::Report::from(mistakes));
    assert!(drawn.len() < 1_000_000, "{} bytes", drawn.len());
    assert!(
        drawn.contains("nothing0") && drawn.contains("any.yaml:5:"),
        "{}",
        &drawn[..1_000]
    );
}

/// What is known is told beside each mistake, however long it is.
#[test]
fn long_names_and_many_mistakes_do_not_multiply() {
    let mut text = String::from("plan: p\ntitle: P\ndisasters: { d: { title: D, automated: manual } }\ncomponents:\n");
    // Longer keys are no YAML.
    for n in 10..40 {
        text.push_str(&format!("  {}{n}: {{ kind: service }}\n", "n".repeat(900)));
    }
    let nowhere = "x, ".repeat(50_000);
    text.push_str(&format!("  last: {{ kind: service, depends_on: [{nowhere}] }}\n"));
    let Err(mistakes) = parse_plan(Source::new("any.yaml", text)) else {
        panic!("it leads nowhere")
    };
    assert!(mistakes.to_string().contains("50000 mistakes"), "{mistakes:?}");
    let drawn = format!("{:?}", miette::Report::from(mistakes));
    assert!(drawn.len() < 1_000_000, "{} bytes", drawn.len());
}

/// Each twin is a drill of its own to whoever looks at a scenario.
#[test]
fn twins_without_number_are_refused() {
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../scenarios/samia-tarot/database-failure-as-written.yaml");
    let shipped = std::fs::read_to_string(shipped).expect("a scenario");
    let (head, _) = shipped.split_once("twins:\n").expect("it has twins");
    let mut text = format!("{head}twins:\n");
    for n in 0..5_000 {
        text.push_str(&format!(
            "  twin{n}: {{ summary: s, instead: {{ calendar_scale: {} }}, expect: {{ exit: 1 }} }}\n",
            n + 1
        ));
    }
    let Err(mistakes) = parse_scenario(Source::new("any.yaml", text)) else {
        panic!("five thousand drills in one file")
    };
    assert!(mistakes.drawn[0].mistake.what.contains("5000 twins"), "{mistakes:?}");
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
