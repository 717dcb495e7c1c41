//! The keys of a file as a page for people, made from the schema: what each holds, and which are required.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// The page `docs/plan-keys.md`.
pub(super) fn of_plan(schema: &str) -> String {
    let intro = "# The keys of a plan\n\nMade from the types, as `docs/schema/plan.json` is; which of them a plan needs is its own \
                 affair: only the required ones must stand.\n\n";
    page(intro, "Plan", schema)
}

/// The page `docs/scenario-keys.md`.
pub(super) fn of_scenario(schema: &str) -> String {
    let intro = "# The keys of a scenario\n\nMade from the types, as `docs/schema/scenario.json` is. `firedrill init` writes a \
                 scenario to begin with, [plans-and-scenarios.md](plans-and-scenarios.md) says how one is meant.\n\n";
    page(intro, "Scenario", schema)
}

fn page(intro: &str, root: &str, schema: &str) -> String {
    let schema: Value = serde_json::from_str(schema).expect("a schema is JSON");
    let mut page = String::from(intro);
    section(&mut page, root, &schema, &schema);
    let none = Map::new();
    let definitions = schema["definitions"].as_object().unwrap_or(&none);
    // One kind of figure for each of its values; they differ in nothing else.
    let told = definitions
        .iter()
        .filter(|(name, _)| !name.starts_with("Figure") || name.as_str() == "Figure");
    for (name, definition) in told {
        if definition["properties"].is_object() {
            section(&mut page, name, definition, &schema);
        } else {
            choices(&mut page, name, definition, &schema);
        }
    }
    page
}

fn section(page: &mut String, name: &str, definition: &Value, schema: &Value) {
    let none = Map::new();
    let required = required(definition);
    let _ = writeln!(page, "## {name}\n\n{}\n", words(definition));
    let _ = writeln!(page, "| key | required | holds | what |\n|---|---|---|---|");
    for (key, value) in definition["properties"].as_object().unwrap_or(&none) {
        let needed = if required.contains(&key.as_str()) { "yes" } else { "" };
        let _ = writeln!(
            page,
            "| `{key}` | {needed} | {} | {} |",
            holds(value, schema),
            words(value)
        );
    }
    page.push('\n');
}

/// A type that is written as a text, or as one of several words.
fn choices(page: &mut String, name: &str, definition: &Value, schema: &Value) {
    let _ = writeln!(page, "## {name}\n\n{}\n", words(definition));
    let single = |value: &Value| match value["const"].as_str() {
        Some(word) => vec![format!("- `{word}`: {}", words(value))],
        None => match value["enum"].as_array() {
            Some(all) => all
                .iter()
                .map(|word| format!("- {}", word.to_string().replace('"', "`")))
                .collect(),
            None => match value["properties"].as_object() {
                Some(keys) => keys
                    .iter()
                    .flat_map(|(key, held)| match held["properties"].as_object() {
                        Some(parts) => with_parts(key, &words(value), held, parts, schema),
                        None => vec![format!("- `{key}: {}`: {}", holds(held, schema), words(value))],
                    })
                    .collect(),
                None => Vec::new(),
            },
        },
    };
    let all = definition["oneOf"]
        .as_array()
        .cloned()
        .unwrap_or_else(|| vec![definition.clone()]);
    let lines: Vec<String> = all
        .iter()
        .flat_map(single)
        .map(|line| line.trim_end_matches(": ").to_owned())
        .collect();
    if !lines.is_empty() {
        let _ = writeln!(page, "{}\n", lines.join("\n"));
    }
}

/// A word that takes keys of its own, with these below it.
fn with_parts(key: &str, what: &str, held: &Value, parts: &Map<String, Value>, schema: &Value) -> Vec<String> {
    let required = required(held);
    let mut lines = vec![format!("- `{key}`: {what}")];
    lines.extend(parts.iter().map(|(part, value)| {
        let needed = if required.contains(&part.as_str()) {
            ", required"
        } else {
            ""
        };
        format!("  - `{part}` ({}{needed}): {}", holds(value, schema), words(value))
    }));
    lines
}

fn required(definition: &Value) -> Vec<&str> {
    definition["required"]
        .as_array()
        .map(|keys| keys.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default()
}

fn words(value: &Value) -> String {
    value["description"]
        .as_str()
        .unwrap_or_default()
        .replace('\n', " ")
        .replace('|', "\\|")
}

/// What a key holds, in words with links to the types of this page.
fn holds(value: &Value, schema: &Value) -> String {
    if let Some(name) = value["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return named(name, schema);
    }
    for many in ["allOf", "anyOf"] {
        if let Some(first) = value[many].as_array().and_then(|all| all.first()) {
            return holds(first, schema);
        }
    }
    let kinds: Vec<&str> = match &value["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds
            .iter()
            .filter_map(Value::as_str)
            .filter(|kind| *kind != "null")
            .collect(),
        _ => Vec::new(),
    };
    match kinds.first() {
        Some(&"array") => format!("list of {}", holds(&value["items"], schema)),
        Some(&"object") => match value["patternProperties"]
            .as_object()
            .and_then(|all| all.values().next())
        {
            Some(numbered) => format!("{} by number", holds(numbered, schema)),
            None => format!("{} by name", holds(&value["additionalProperties"], schema)),
        },
        Some(&"string") => "text".to_owned(),
        Some(&"integer") => "number".to_owned(),
        Some(&"boolean") => "`true` or `false`".to_owned(),
        _ => String::new(),
    }
}

/// A figure is told with what it is of.
fn named(name: &str, schema: &Value) -> String {
    if name.starts_with("Figure") {
        let of = &schema["definitions"][name]["properties"]["is"];
        let of = if of.is_null() {
            String::new()
        } else {
            format!(" ({})", holds(of, schema))
        };
        return format!("[Figure](#figure){of}");
    }
    format!("[{name}](#{})", name.to_lowercase())
}
