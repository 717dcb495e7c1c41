//! A repository of backups: one place, one master key.
//!
//! The one idea: what a backup needs is written first and its record last, so the list shows complete backups only.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::config::RepositoryConfig;
use crate::error::{Error, Result};
use crate::key::{MasterKey, random_bytes};
use crate::object::{ObjectWriter, StoredObject};
use crate::record::{self, BackupKind, BackupRecord};
use crate::store::Store;
use crate::wall::{compact_utc, unix_ms};

/// A record is some hundred bytes; this bounds what a wrong object can cost.
const RECORD_BYTES_MAX: u64 = 1 << 20;

/// An open repository. Cheap to clone.
#[derive(Clone)]
pub struct Repository {
    pub(crate) store: Store,
    pub(crate) key: MasterKey,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Repository")
    }
}

impl Repository {
    /// Opens a repository; nothing is asked of the store yet.
    ///
    /// # Errors
    /// The configuration cannot be used.
    pub fn open(config: &RepositoryConfig) -> Result<Self> {
        Ok(Self {
            store: Store::open(&config.place())?,
            key: MasterKey::parse(&config.key)?,
        })
    }

    /// Opens the repository that a configuration file of mode 0600 describes.
    ///
    /// # Errors
    /// The file or the configuration cannot be used.
    pub fn from_file(path: &Path) -> Result<Self> {
        Self::open(&RepositoryConfig::read(path)?)
    }

    /// All complete backups, the earliest completed first.
    ///
    /// # Errors
    /// The store does not answer, or a record cannot be trusted: a catalogue that hides a damaged record would make
    /// another backup look like the last one.
    pub async fn list(&self) -> Result<Vec<BackupRecord>> {
        let mut found = Vec::new();
        for id in self.store.folders("backups").await? {
            if record::check_id(&id).is_err() {
                continue;
            }
            if let Some(text) = self.store.get(&record::name_of(&id), RECORD_BYTES_MAX).await? {
                found.push(record::decode(&self.key, &id, &text)?);
            }
        }
        found.sort_by(|a, b| (a.completed_unix_ms, &a.id).cmp(&(b.completed_unix_ms, &b.id)));
        Ok(found)
    }

    /// One backup's record.
    ///
    /// # Errors
    /// There is none of this id, or it cannot be trusted.
    pub async fn record(&self, id: &str) -> Result<BackupRecord> {
        record::check_id(id)?;
        let name = record::name_of(id);
        match self.store.get(&name, RECORD_BYTES_MAX).await? {
            Some(text) => record::decode(&self.key, id, &text),
            None => Err(Error::Missing {
                key: name,
                needed_for: "without a record a backup does not exist: it was never completed, or its id is another"
                    .into(),
            }),
        }
    }

    pub(crate) fn writer(&self, name: &str) -> ObjectWriter {
        ObjectWriter::begin(&self.store, &self.key, name)
    }

    /// Makes the backup exist.
    pub(crate) async fn complete(&self, mut record: BackupRecord) -> Result<BackupRecord> {
        record.completed_unix_ms = unix_ms();
        let text = Bytes::from(record::encode(&self.key, &record));
        if text.len() as u64 > RECORD_BYTES_MAX {
            return Err(Error::Limit {
                what: "size of the backup's record".into(),
                found: text.len() as u64,
                limit: RECORD_BYTES_MAX,
            });
        }
        let name = record::name_of(&record.id);
        if !self.store.create(&name, text.into()).await? {
            // A retried request may meet its own first try: then the record is there and ours.
            let there = self.record(&record.id).await?;
            if there != record {
                return Err(Error::damaged(name, "a record of this new id is there already"));
            }
        }
        Ok(record)
    }
}

/// A record to fill in.
pub(crate) fn begin(kind: BackupKind, label: &str) -> BackupRecord {
    let now = unix_ms();
    BackupRecord {
        id: format!("{}-{kind}-{}", compact_utc(now), hex::encode(&random_bytes()[..4])),
        kind,
        label: label.to_owned(),
        started_unix_ms: now,
        completed_unix_ms: 0,
        start_lsn: None,
        stop_lsn: None,
        timeline: None,
        system_identifier: None,
        server_version: None,
        wal_segment_bytes: None,
        data_checksums: None,
        wal_included: false,
        objects: Vec::<StoredObject>::new(),
        tool: String::new(),
        counts: BTreeMap::new(),
        notes: Vec::new(),
    }
}

/// Waits for `work` and tells `progress` how far a counter that `work` moves has come.
pub(crate) async fn watched<T>(
    counter: &AtomicU64,
    progress: &(dyn Fn(u64) + Sync),
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut work = std::pin::pin!(work);
    let mut told = 0;
    loop {
        let outcome = tokio::time::timeout(Duration::from_millis(20), &mut work).await;
        let now = counter.load(Ordering::Relaxed);
        if now != told {
            told = now;
            progress(now);
        }
        if let Ok(outcome) = outcome {
            return outcome;
        }
    }
}
