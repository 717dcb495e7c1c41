//! The page that other programs are written from, held against what is accepted.

use super::*;

/// The program in docs/run-format.md is run as it is printed, and what it writes is accepted.
#[test]
fn the_documented_program_writes_an_accepted_run() {
    let page = include_str!("../../../../../docs/run-format.md");
    let start = page.find("```python\n").expect("the page holds a Python program") + "```python\n".len();
    let program = &page[start..start + page[start..].find("```").expect("the program ends")];
    let directory = std::env::temp_dir().join(format!("firedrill-run-format-{}", std::process::id()));
    let run = std::process::Command::new("python3")
        .arg("-c")
        .arg(program)
        .arg(&directory)
        .output();
    let output = match run {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("skipped: there is no python3 here to run the documented program");
            return;
        }
        other => other.expect("python3 starts"),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut files = Files::new();
    for entry in std::fs::read_dir(&directory).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        files.insert(name, std::fs::read(entry.path()).unwrap());
    }
    std::fs::remove_dir_all(&directory).unwrap();
    for line in String::from_utf8_lossy(&files["events.jsonl"]).lines().take(2) {
        assert!(page.contains(line), "the page shows another line than {line}");
    }
    let evidence = Evidence::check(&files).unwrap();
    assert!(!evidence.is_open() && evidence.history.sealed());
    assert_eq!(evidence.ledger.operations.len(), 600);
    assert_eq!(evidence.ledger.found.len(), 300);
}

/// Every event of the model stands in the page's table, and every tag of the table is one of the model's.
#[test]
fn the_documented_table_names_every_event() {
    let page = include_str!("../../../../../docs/run-format.md");
    let (_, section) = page.split_once("\n## events.jsonl\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows: BTreeSet<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | `{"))
        .map(|(tag, _)| tag)
        .collect();
    let schema = serde_json::to_value(schemars::schema_for!(Event)).unwrap();
    let variants = schema["oneOf"]
        .as_array()
        .expect("an enum is described by its variants");
    let tags: BTreeSet<&str> = variants
        .iter()
        .map(|variant| variant["required"][0].as_str().expect("externally tagged"))
        .collect();
    assert_eq!(rows, tags);
}

/// Every name that a field of an event or of the terms may hold is written on the page.
#[test]
fn the_page_names_every_value() {
    fn names(schema: &serde_json::Value, found: &mut BTreeSet<String>) {
        match schema {
            serde_json::Value::Object(fields) => {
                for (key, value) in fields {
                    match (key.as_str(), value) {
                        ("const", serde_json::Value::String(name)) => drop(found.insert(name.clone())),
                        ("enum", serde_json::Value::Array(values)) => {
                            found.extend(values.iter().filter_map(|value| value.as_str().map(str::to_owned)));
                        }
                        ("properties", serde_json::Value::Object(properties)) => {
                            found.extend(properties.keys().cloned());
                            names(value, found);
                        }
                        _ => names(value, found),
                    }
                }
            }
            serde_json::Value::Array(values) => values.iter().for_each(|value| names(value, found)),
            _ => {}
        }
    }
    let page = include_str!("../../../../../docs/run-format.md");
    let mut found = BTreeSet::new();
    for schema in [
        schemars::schema_for!(Event),
        schemars::schema_for!(RunInputs),
        schemars::schema_for!(Manifest),
    ] {
        names(&serde_json::to_value(schema).unwrap(), &mut found);
    }
    assert!(found.len() > 100, "{found:?}");
    let missing: Vec<&String> = found
        .iter()
        .filter(|name| !page.contains(&format!("`{name}`")) && !page.contains(&format!("\"{name}\"")))
        .collect();
    assert!(missing.is_empty(), "docs/run-format.md does not name {missing:?}");
}
