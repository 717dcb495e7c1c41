//! What is known of a backup.
//!
//! The one idea: the record is written last and authenticated, so a backup without one does not exist, and one that
//! was altered is refused.

use std::collections::BTreeMap;

use hkdf::hmac::Mac;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::key::MasterKey;
pub use crate::object::StoredObject;

/// What a backup is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupKind {
    /// A whole Postgres cluster, file by file.
    Base,
    /// One database, as statements and rows.
    Dump,
    /// The objects of an application's bucket.
    Files,
}

impl std::fmt::Display for BackupKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Base => "base",
            Self::Dump => "dump",
            Self::Files => "files",
        })
    }
}

/// One backup, as the repository tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupRecord {
    /// Unique in the repository; sorts by time.
    pub id: String,
    /// What it is of.
    pub kind: BackupKind,
    /// What the caller named it.
    pub label: String,
    /// When it was begun, wall-clock milliseconds since 1970.
    pub started_unix_ms: u64,
    /// When everything but this record was stored, wall-clock milliseconds since 1970.
    pub completed_unix_ms: u64,
    /// Base: where replay begins. Dump: the server's position before the snapshot was taken, so all that was
    /// acknowledged up to it is in the dump.
    pub start_lsn: Option<String>,
    /// Base: the earliest position that a restore can end at. Dump: the position when the dump was complete.
    pub stop_lsn: Option<String>,
    /// The timeline that the cluster was on.
    pub timeline: Option<u32>,
    /// The cluster's identifier.
    pub system_identifier: Option<String>,
    /// The server's version as it tells it, for instance "15.18 (Debian 15.18-0+deb12u1)".
    pub server_version: Option<String>,
    /// Bytes of one WAL segment of the cluster.
    pub wal_segment_bytes: Option<u64>,
    /// Base: whether the cluster's pages bear checksums; older versions did not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_checksums: Option<bool>,
    /// Base only: the WAL that the backup needs lies within it, since the cluster does not archive.
    pub wal_included: bool,
    /// The stored objects, in the order of a restore.
    pub objects: Vec<StoredObject>,
    /// What made the content: "BASE_BACKUP", "pg_dump 15.18", "COPY", "objects".
    pub tool: String,
    /// Figures of the content, by name: files, tables, rows, objects, bytes.
    pub counts: BTreeMap<String, u64>,
    /// What a reader should know, such as what the tool does not carry.
    pub notes: Vec<String>,
}

impl BackupRecord {
    /// The bytes of the content before compression.
    pub fn plain_bytes(&self) -> u64 {
        self.objects.iter().map(|object| object.plain_bytes).sum()
    }

    /// The bytes in the store.
    pub fn stored_bytes(&self) -> u64 {
        self.objects.iter().map(|object| object.stored_bytes).sum()
    }

    /// Refuses a backup of another kind.
    pub(crate) fn of_kind(self, kind: BackupKind) -> Result<Self> {
        if self.kind == kind {
            return Ok(self);
        }
        Err(Error::Config {
            what: format!("kind of backup {}", self.id),
            found: self.kind.to_string(),
            expected: kind.to_string(),
        })
    }

    /// The one object whose key ends so.
    pub(crate) fn object(&self, ending: &str) -> Result<&StoredObject> {
        self.objects
            .iter()
            .find(|object| object.key.ends_with(ending))
            .ok_or_else(|| Error::Damaged {
                key: name_of(&self.id),
                reason: format!("it lists no object {ending}"),
            })
    }
}

/// The name of the object that holds a backup's record.
pub(crate) fn name_of(id: &str) -> String {
    format!("backups/{id}/record.jsonl")
}

/// Ids come from users and from listings: nothing that could climb out of the folder.
pub(crate) fn check_id(id: &str) -> Result<()> {
    let fits = !id.is_empty() && id.len() <= 100 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if fits {
        return Ok(());
    }
    Err(Error::Config {
        what: "backup id".into(),
        found: format!("{id:?}"),
        expected: "letters, digits and hyphens, as `backup list` prints it".into(),
    })
}

/// Two lines: the record as JSON, and the HMAC of that line's bytes.
pub(crate) fn encode(key: &MasterKey, record: &BackupRecord) -> Vec<u8> {
    let mut text = serde_json::to_vec(record).expect("a record is plain data");
    let mac = hex::encode(key.mac(&name_of(&record.id), &text).finalize().into_bytes());
    text.extend_from_slice(format!("\n{{\"hmac_sha256\":\"{mac}\"}}\n").as_bytes());
    text
}

pub(crate) fn decode(key: &MasterKey, id: &str, text: &[u8]) -> Result<BackupRecord> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Authentication {
        hmac_sha256: String,
    }
    let name = name_of(id);
    let cut = || Error::damaged(&name, "it is not the two lines of a record: cut or altered");
    let end = text.iter().position(|byte| *byte == b'\n').ok_or_else(cut)?;
    let rest = text[end + 1..].strip_suffix(b"\n").ok_or_else(cut)?;
    let authentication: Authentication = serde_json::from_slice(rest).map_err(|_| cut())?;
    let mac = hex::decode(&authentication.hmac_sha256).map_err(|_| cut())?;
    key.mac(&name, &text[..end]).verify_slice(&mac).map_err(|_| {
        Error::damaged(
            &name,
            "its HMAC does not fit: altered, swapped with another record, or written with another key",
        )
    })?;
    let record: BackupRecord = serde_json::from_slice(&text[..end])
        .map_err(|error| Error::damaged(&name, format!("this version cannot read it: {error}")))?;
    if record.id != id {
        return Err(Error::damaged(&name, format!("it is the record of {}", record.id)));
    }
    Ok(record)
}

/// A log sequence number as a number, from Postgres's `16/B374D848`.
pub fn parse_lsn(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    Some(u64::from(u32::from_str_radix(high, 16).ok()?) << 32 | u64::from(u32::from_str_radix(low, 16).ok()?))
}
