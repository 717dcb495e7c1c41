//! The committed JSON Schemas are those that the types make.

#[path = "schema/keys.rs"]
mod keys;

use std::path::{Path, PathBuf};

use firedrill_core::schema::{plan_schema, scenario_schema, suite_schema, verdict_schema};

fn committed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/schema")
        .join(name)
}

#[test]
fn schemas_are_those_of_the_types() {
    let schemas = [
        ("plan.json", plan_schema()),
        ("scenario.json", scenario_schema()),
        ("verdict.json", verdict_schema()),
        ("suite.json", suite_schema()),
    ];
    for (name, made) in schemas {
        let path = committed(name);
        if std::env::var_os("FIREDRILL_WRITE_SCHEMA").is_some() {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("docs/schema can be made");
            std::fs::write(&path, &made).expect("docs/schema can be written");
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == made,
            "docs/schema/{name} is not what the types make; write it anew with\n  \
             FIREDRILL_WRITE_SCHEMA=1 cargo test --release -p firedrill-core --test schema"
        );
    }
}

#[test]
fn the_page_of_keys_is_that_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/plan-keys.md");
    let made = keys::page(&plan_schema());
    if std::env::var_os("FIREDRILL_WRITE_SCHEMA").is_some() {
        std::fs::write(&path, &made).expect("docs/plan-keys.md can be written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == made,
        "docs/plan-keys.md is not what the types make; write it anew with\n  \
         FIREDRILL_WRITE_SCHEMA=1 cargo test --release --workspace --test schema"
    );
}
