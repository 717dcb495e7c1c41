//! The words that a mutation may put into a file: every key and value of the schemas, and values at the edges.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value;

const SCHEMAS: [&str; 2] = [
    include_str!("../../docs/schema/plan.json"),
    include_str!("../../docs/schema/scenario.json"),
];

/// Values that types end at, forms that one value is written in, and YAML's own.
const EDGES: &[&str] = &[
    "0 s",
    "1 ms",
    "4294967295 s",
    "4294967295 d",
    "4294967295 year",
    "4294967296 year",
    "18446744073709551615 min",
    "1 month",
    "1 quarter",
    "1 week",
    "0 %",
    "100 %",
    "99.9999 %",
    "0.0001 %",
    "18446744073709551615 %",
    "-1",
    "0",
    "1",
    "4294967295",
    "9223372036854775807",
    "18446744073709551615",
    "340282366920938463463374607431768211455",
    "1e308",
    ".nan",
    "-.inf",
    "0001-01-01",
    "9999-12-31",
    "9999-12",
    "2026-02-30",
    "23:59 Pacific/Apia",
    "02:30 Europe/Berlin",
    "24:00",
    "10 GB",
    "18446744073709551615 TB",
    "yes",
    "null",
    "~",
    "\"\"",
    "\" \"",
    "[]",
    "{}",
    "[[]]",
    "{ is: 1 d, where: a }",
    "{ below: 0 s, where: a, status: assumed }",
    "[{ at_most: 4294967295 year, where: a }, { above: 1 ms, where: b }]",
    "{ is: 99.99 %, where: \"\" }",
    "&a [*a]",
    "*a",
    "&a { <<: *a }",
    "!!binary AAAA",
    "!!str 1",
    "|\n  text",
    ">-\n  text",
    "\"\\u0000\"",
    "\"\\uFEFF\"",
    "\u{202e}\u{1f525}e\u{301}",
];

/// Keys of plans and scenarios.
pub(crate) static KEYS: LazyLock<Vec<String>> = LazyLock::new(|| of(keys));
/// Values that a schema names, and those at the edges.
pub(crate) static VALUES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut all = of(values);
    all.extend(EDGES.iter().map(|&edge| edge.to_owned()));
    all
});

fn of(gather: fn(&Value, &mut BTreeSet<String>)) -> Vec<String> {
    let mut all = BTreeSet::new();
    for schema in SCHEMAS {
        let schema: Value = serde_json::from_str(schema).expect("a schema of this repository");
        gather(&schema, &mut all);
    }
    all.into_iter().collect()
}

fn keys(schema: &Value, all: &mut BTreeSet<String>) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        all.extend(properties.keys().cloned());
    }
    each(schema, |below| keys(below, all));
}

fn values(schema: &Value, all: &mut BTreeSet<String>) {
    let named = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    for value in named.chain(schema.get("const")) {
        all.insert(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    each(schema, |below| values(below, all));
}

fn each(value: &Value, mut visit: impl FnMut(&Value)) {
    match value {
        Value::Array(items) => items.iter().for_each(visit),
        Value::Object(entries) => entries.values().for_each(&mut visit),
        _ => {}
    }
}
