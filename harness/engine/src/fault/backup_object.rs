//! Damage of what a backup store holds: an object of the newest complete backup altered, gone, or older than it claims.
//!
//! It is done to the files under the store, as rot and mistaken clean-ups do, so that the store itself knows nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use firedrill_core::scenario::{HurtBackup, ObjectDamage};
use firedrill_environment::{Capability, Files};

use super::draw::Draw;
use super::{Fault, FaultError, Proof};

/// No larger object is hurt, since its content is kept to be put back.
const OBJECT_BYTES_MAX: u64 = 256 << 20;
const CHUNK: usize = 8 << 20;
/// The object whose being there makes a backup complete.
const RECORD: &str = "record.jsonl";

/// Damage of an object of a backup.
pub struct BackupObjectFault {
    name: String,
    store: String,
    bucket: String,
    backup: HurtBackup,
    how: ObjectDamage,
    seed: u64,
    files: Arc<dyn Files>,
    done: Mutex<Option<Done>>,
}

#[derive(Clone)]
struct Done {
    path: PathBuf,
    /// The backup whose content stands there now.
    from: Option<String>,
    original: Arc<Vec<u8>>,
    /// What was written; none where it was removed.
    written: Option<Arc<Vec<u8>>>,
    bit: Option<u64>,
}

impl BackupObjectFault {
    /// A fault of a backup in `bucket` of the store whose files these are; `store` is the scenario's name for it.
    #[must_use]
    pub fn new(
        name: &str,
        store: &str,
        bucket: &str,
        backup: HurtBackup,
        how: ObjectDamage,
        seed: u64,
        files: Arc<dyn Files>,
    ) -> BackupObjectFault {
        BackupObjectFault {
            name: name.to_owned(),
            store: store.to_owned(),
            bucket: bucket.to_owned(),
            backup,
            how,
            seed,
            files,
            done: Mutex::default(),
        }
    }

    fn done(&self) -> Option<Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn kind(&self) -> &'static str {
        match self.backup {
            HurtBackup::Base => "base",
            HurtBackup::Dump => "dump",
        }
    }

    /// Complete backups of the kind, the oldest first: their ids sort by time.
    async fn backups(&self) -> Result<Vec<PathBuf>, FaultError> {
        let root = Path::new(&self.bucket).join("backups");
        let names = self.files.list(&root).await.map_err(|error| self.failed(error))?;
        let marked = format!("-{}-", self.kind());
        let mut complete = Vec::new();
        for name in names.iter().filter(|name| name.contains(&marked)) {
            let folder = root.join(name);
            let there = self.files.exists(&folder.join(RECORD)).await;
            if there.map_err(|error| self.failed(error))? {
                complete.push(folder);
            }
        }
        Ok(complete)
    }

    /// The largest object of a backup: the one that holds the data.
    async fn largest(&self, folder: &Path) -> Result<PathBuf, FaultError> {
        let mut largest: Option<(u64, PathBuf)> = None;
        for name in self.files.list(folder).await.map_err(|error| self.failed(error))? {
            let path = folder.join(&name);
            let size = self.files.size(&path).await.map_err(|error| self.failed(error))?;
            if name != RECORD
                && let Some(size) = size
                && largest.as_ref().is_none_or(|(most, _)| size > *most)
            {
                largest = Some((size, path));
            }
        }
        largest
            .map(|(_, path)| path)
            .ok_or_else(|| self.failed(format!("{} holds no object beside its record", folder.display())))
    }

    async fn whole(&self, path: &Path) -> Result<Vec<u8>, FaultError> {
        let size = self.files.size(path).await.map_err(|error| self.failed(error))?;
        let size = size.ok_or_else(|| self.failed(format!("{} is not there", path.display())))?;
        if size > OBJECT_BYTES_MAX {
            return Err(self.failed(format!(
                "{} has {size} bytes, expected at most {OBJECT_BYTES_MAX}: lower `bulk_mib`",
                path.display()
            )));
        }
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < size {
            let chunk = self.files.read_at(path, bytes.len() as u64, CHUNK).await;
            let chunk = chunk.map_err(|error| self.failed(error))?;
            if chunk.is_empty() {
                break;
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    async fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), FaultError> {
        let removed = self.files.remove(path).await;
        removed.map_err(|error| self.failed(error))?;
        let created = self.files.create(path, bytes).await;
        created.map_err(|error| self.failed(error))?;
        self.files.sync(path).await.map_err(|error| self.failed(error))
    }

    async fn look(&self) -> Result<Proof, FaultError> {
        let Some(done) = self.done() else {
            return Ok(Proof {
                broken: false,
                seen: "no backup has been hurt yet".into(),
            });
        };
        let path = done.path.display();
        let there = self.files.exists(&done.path).await;
        let there = there.map_err(|error| self.failed(error))?;
        let (broken, seen) = match (&done.written, there) {
            (None, there) => (!there, format!("{path}: {}", if there { "there" } else { "gone" })),
            (Some(_), false) => (false, format!("{path} is gone as a whole")),
            (Some(written), true) => {
                let same = self.whole(&done.path).await? == **written;
                let word = if same { "as it was damaged" } else { "written anew" };
                (same, format!("{path} read from the store's disk: {word}"))
            }
        };
        Ok(Proof { broken, seen })
    }

    /// Whether what was damaged is, besides, still the newest complete backup of its kind.
    async fn look_at_newest(&self) -> Result<Proof, FaultError> {
        let proof = self.look().await?;
        let Some(done) = self.done().filter(|_| proof.broken) else {
            return Ok(proof);
        };
        let backups = self.backups().await?;
        let damaged = done.path.parent();
        let newer = backups
            .iter()
            .skip_while(|folder| Some(folder.as_path()) != damaged)
            .skip(1)
            .count();
        let among = backups.iter().any(|folder| Some(folder.as_path()) == damaged);
        Ok(Proof {
            broken: among && newer == 0,
            seen: if among && newer == 0 {
                format!("{}; it is of the newest {} backup", proof.seen, self.kind())
            } else {
                format!(
                    "{}; {newer} complete {} backups are newer than that one",
                    proof.seen,
                    self.kind()
                )
            },
        })
    }
}

#[async_trait]
impl Fault for BackupObjectFault {
    fn name(&self) -> &str {
        &self.name
    }

    fn needs(&self) -> Vec<Capability> {
        vec![Capability::Files]
    }

    fn detail(&self) -> BTreeMap<String, String> {
        let how = match self.how {
            ObjectDamage::Altered => "one bit turned over",
            ObjectDamage::Missing => "removed",
            ObjectDamage::Older => "replaced by that of the backup before it",
        };
        let harm = format!("the data of the newest {} backup: {how}", self.kind());
        let mut detail = BTreeMap::from([("store".into(), self.store.clone()), ("harm".into(), harm)]);
        if let Some(done) = self.done() {
            detail.insert("object".into(), done.path.display().to_string());
            if let Some(bit) = done.bit {
                detail.insert("bit".into(), bit.to_string());
            }
            if let Some(from) = done.from {
                detail.insert("content_of".into(), from);
            }
        }
        detail
    }

    async fn inject(&self) -> Result<(), FaultError> {
        let backups = self.backups().await?;
        let newest = backups.last().ok_or_else(|| {
            self.failed(format!(
                "the store `{}` holds no complete {} backup",
                self.store,
                self.kind()
            ))
        })?;
        let path = self.largest(newest).await?;
        let original = self.whole(&path).await?;
        let (mut written, mut bit, mut from) = (None, None, None);
        match self.how {
            ObjectDamage::Altered => {
                let mut draw = Draw::of(self.seed, &self.name);
                let at = draw.below(original.len() as u64 * 8);
                let mut bytes = original.clone();
                let byte = usize::try_from(at / 8).unwrap_or(0);
                let first = bytes
                    .get_mut(byte)
                    .ok_or_else(|| self.failed(format!("{} is empty", path.display())))?;
                *first ^= 1 << (at % 8);
                let changed = [*first];
                // In place, as a disk that rots does.
                let done = self.files.write_at(&path, at / 8, &changed).await;
                done.map_err(|error| self.failed(error))?;
                let synced = self.files.sync(&path).await;
                synced.map_err(|error| self.failed(error))?;
                (written, bit) = (Some(bytes), Some(at));
            }
            ObjectDamage::Missing => {
                let removed = self.files.remove(&path).await;
                removed.map_err(|error| self.failed(error))?;
            }
            ObjectDamage::Older => {
                let older = backups.iter().rev().nth(1).ok_or_else(|| {
                    self.failed("there is one backup only, so none is older: let two cycles pass before the strike")
                })?;
                let bytes = self.whole(&self.largest(older).await?).await?;
                self.replace(&path, &bytes).await?;
                from = older.file_name().map(|name| name.to_string_lossy().into_owned());
                written = Some(bytes);
            }
        }
        *self.done.lock().unwrap_or_else(PoisonError::into_inner) = Some(Done {
            path,
            from,
            original: Arc::new(original),
            written: written.map(Arc::new),
            bit,
        });
        Ok(())
    }

    async fn prove(&self) -> Proof {
        self.look().await.unwrap_or_else(Proof::unseen)
    }

    async fn stands(&self) -> Proof {
        self.look_at_newest().await.unwrap_or_else(Proof::unseen)
    }

    async fn heal(&self) -> Result<(), FaultError> {
        let Some(done) = self.done() else { return Ok(()) };
        let folder = done.path.parent().unwrap_or(Path::new(""));
        // With its folder gone there is nothing to heal.
        if !self.look().await?.broken || !self.files.exists(folder).await.unwrap_or(false) {
            return Ok(());
        }
        self.replace(&done.path, &done.original).await
    }
}
