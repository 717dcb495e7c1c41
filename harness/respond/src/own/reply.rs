//! What a command may declare: the last line of its standard output, where that is a JSON object.

use std::fmt;

use firedrill_backup::parse_lsn;
use firedrill_core::event::Coverage;
use serde::{Deserialize, Deserializer};

use crate::clock;

/// A longer last line is no result line.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// Things found that are kept.
const FOUND_MAX: usize = 100;
/// Characters of each text that are kept.
const TEXT_MAX: usize = 1000;

/// What a command declares; every key may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// The tool with its version.
    #[serde(default)]
    pub tool: Option<String>,
    /// The name of the backup that was taken, or restored.
    #[serde(default)]
    pub backup: Option<String>,
    /// Up to where a restore brought the data back.
    #[serde(default)]
    pub recovery_point: Option<DeclaredPoint>,
    /// How far it came, in words.
    #[serde(default)]
    pub progress: Option<String>,
    /// What it looked at and saw, in words.
    #[serde(default)]
    pub seen: Option<String>,
    /// Damage found, each in words.
    #[serde(default)]
    pub found: Vec<String>,
    /// How much it looked at; what is left out of it is none.
    #[serde(default, deserialize_with = "covered")]
    pub covered: Option<Coverage>,
}

/// Unlike the record of it, a declaration may leave parts out; one that is misspelt would count as none.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Declared {
    relations: u64,
    rows: u64,
    bytes: u64,
}

fn covered<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Coverage>, D::Error> {
    let declared = Option::<Declared>::deserialize(deserializer)?;
    Ok(declared.map(|declared| Coverage {
        relations: declared.relations,
        rows: declared.rows,
        bytes: declared.bytes,
    }))
}

/// A recovery point as a tool declares it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclaredPoint {
    /// A position in the WAL of the database that was backed up: `0/3000148`.
    Lsn(String),
    /// An instant by the wall clock, with its offset from UTC: `2026-01-31T23:59:59.5Z`.
    Time(String),
}

impl fmt::Display for DeclaredPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeclaredPoint::Lsn(text) | DeclaredPoint::Time(text) => f.write_str(text),
        }
    }
}

/// The last line of the output, if it is meant as a result. The error says what is wrong with one that is.
pub(super) fn read(out: &str) -> Result<Option<Reply>, String> {
    let last = out.lines().map(str::trim).rfind(|line| !line.is_empty());
    let Some(line) = last.filter(|line| line.starts_with('{')) else {
        return Ok(None);
    };
    if line.len() > LINE_BYTES_MAX {
        return Err(format!(
            "it has {} bytes, expected at most {LINE_BYTES_MAX}",
            line.len()
        ));
    }
    let mut reply: Reply = serde_json::from_str(line).map_err(|error| error.to_string())?;
    match &reply.recovery_point {
        Some(DeclaredPoint::Lsn(text)) if parse_lsn(text).is_none() => {
            return Err(format!("found the LSN `{text}`, expected one such as `0/3000148`"));
        }
        Some(DeclaredPoint::Time(text)) if clock::parse_utc(text).is_none() => {
            return Err(format!(
                "found the time `{text}`, expected one with its offset from UTC, such as `2026-01-31T23:59:59.5Z`"
            ));
        }
        _ => {}
    }
    reply.found.truncate(FOUND_MAX);
    let texts = [&mut reply.tool, &mut reply.backup, &mut reply.progress, &mut reply.seen];
    for text in texts.into_iter().flatten().chain(&mut reply.found) {
        if text.chars().count() > TEXT_MAX {
            *text = text.chars().take(TEXT_MAX).collect();
        }
    }
    Ok(Some(reply))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_last_line_of_json_declares_anything() {
        assert_eq!(read(""), Ok(None));
        assert_eq!(read("{\"backup\": \"a\"}\ndone\n"), Ok(None));
        let reply = read("restored\n{\"recovery_point\": {\"lsn\": \"0/3000148\"}}\n\n")
            .unwrap()
            .unwrap();
        assert_eq!(reply.recovery_point, Some(DeclaredPoint::Lsn("0/3000148".into())));
        let reply = read(r#"{"found": ["page 3"], "covered": {"relations": 1, "rows": 2, "bytes": 3}}"#);
        assert_eq!(reply.unwrap().unwrap().covered.unwrap().rows, 2);
        let rows_alone = read(r#"{"covered": {"rows": 1302}}"#).unwrap().unwrap();
        assert_eq!(
            rows_alone.covered,
            Some(Coverage {
                rows: 1302,
                ..Coverage::default()
            })
        );
    }

    #[test]
    fn a_line_that_is_meant_and_wrong_is_told() {
        for (line, wrong) in [
            ("{", "EOF"),
            (r#"{"covered": {"rwos": 12}}"#, "rwos"),
            (r#"{"recovery_piont": {"lsn": "0/1"}}"#, "recovery_piont"),
            (r#"{"recovery_point": {"lsn": "yesterday"}}"#, "yesterday"),
            (r#"{"recovery_point": {"time": "2026-01-31 23:59:59"}}"#, "offset"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(wrong), "{line}: {error}");
        }
    }
}
