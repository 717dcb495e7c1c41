//! What faults do and take, in the words of the scenario's own schema, so that neither is written twice.

use std::collections::BTreeMap;

use firedrill_core::schema::SCENARIO_SCHEMA;
use serde_json::Value;

/// What a fault does and takes, as the scenario's own schema says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// In a sentence.
    pub what: String,
    /// Name, type and meaning of each parameter.
    pub parameters: Vec<Parameter>,
}

/// One parameter of a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its key.
    pub name: String,
    /// What it may be, e.g. `refused | dropped`.
    pub kind: String,
    /// Whether it must be given.
    pub required: bool,
    /// What it means.
    pub what: String,
}

/// What faults do and take, by name.
#[must_use]
pub fn descriptions() -> BTreeMap<String, Description> {
    let schema: Value = serde_json::from_str(SCENARIO_SCHEMA).unwrap_or_default();
    let variants = schema["definitions"]["FaultKind"]["oneOf"].as_array();
    variants
        .into_iter()
        .flatten()
        .filter_map(|variant| {
            let (name, body) = variant["properties"].as_object()?.iter().next()?;
            let body = followed(&schema, body);
            let required: Vec<&str> = body["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let parameters = body["properties"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, value)| Parameter {
                    name: key.clone(),
                    kind: kind(&schema, value),
                    required: required.contains(&key.as_str()),
                    what: words(value),
                })
                .collect();
            let what = words(variant);
            Some((name.clone(), Description { what, parameters }))
        })
        .collect()
}

fn words(value: &Value) -> String {
    value["description"].as_str().unwrap_or_default().replace('\n', " ")
}

/// The definition that a value of the schema refers to, or the value itself.
fn followed<'a>(schema: &'a Value, value: &'a Value) -> &'a Value {
    let inner = value["allOf"].get(0).or_else(|| value["anyOf"].get(0)).unwrap_or(value);
    match inner["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        Some(name) => &schema["definitions"][name],
        None => inner,
    }
}

/// What a parameter may be, in a few words.
fn kind(schema: &Value, value: &Value) -> String {
    let reference = value["allOf"].get(0).or_else(|| value["anyOf"].get(0)).unwrap_or(value);
    let named = reference["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    let body = followed(schema, value);
    if let Some(choices) = body["oneOf"].as_array().or_else(|| body["anyOf"].as_array()) {
        let each = choices.iter().flat_map(
            |choice| match (&choice["const"], &choice["enum"], &choice["properties"]) {
                (Value::String(name), _, _) => vec![name.clone()],
                (_, Value::Array(names), _) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                (_, _, Value::Object(keys)) => keys.keys().map(|key| format!("{{ {key}: ... }}")).collect(),
                _ => Vec::new(),
            },
        );
        return each.collect::<Vec<_>>().join(" | ");
    }
    if let Some(names) = body["enum"].as_array() {
        return names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | ");
    }
    let plain = |value: &Value| match &value["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null")
            .unwrap_or("value")
            .to_owned(),
        _ => "value".to_owned(),
    };
    match (named, body["type"].as_str(), body["maxItems"].as_u64()) {
        (Some("Duration" | "Share"), ..) => named.unwrap_or_default().to_lowercase(),
        (_, Some("array"), Some(count)) => {
            format!("[{}]", vec![plain(&body["items"]); count.min(8) as usize].join(", "))
        }
        (_, Some("array"), None) => format!("list of {}", plain(&body["items"])),
        _ => plain(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_told_with_what_they_may_be() {
        let described = descriptions();
        let cut = &described["cut"].parameters;
        let manner = cut
            .iter()
            .find(|parameter| parameter.name == "manner")
            .expect("a manner");
        assert_eq!((manner.kind.as_str(), manner.required), ("refused | dropped", false));
        let link = cut.iter().find(|parameter| parameter.name == "link").expect("a link");
        assert_eq!((link.kind.as_str(), link.required), ("[string, string]", true));
        let by = described["delay"]
            .parameters
            .iter()
            .find(|parameter| parameter.name == "by");
        assert_eq!(by.expect("a delay").kind, "duration");
    }
}
