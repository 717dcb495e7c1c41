//! Damage to objects that rows point at: altered, deleted, exchanged, put back to the version before. The rows stay as
//! they are and say what their objects should be: that is how it shows. A range of time narrows which objects are hit.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use firedrill_backup::utc;
use firedrill_core::scenario::{ObjectHarm, Opening, Written};
use firedrill_environment::{Capability, Connection, Postgres, said};
use firedrill_load::{Bucket, LoadError, Objects, first_key};

use super::data::{left, session};
use super::{Fault, FaultError, Proof};
use crate::check::Checked;

/// Larger objects are not spoiled: one is held in memory whole.
const OBJECT_BYTES_MAX: u64 = 16 << 20;
const PROOF_MAX: Duration = Duration::from_secs(4);

/// A fault that spoils objects of the application's store.
pub struct ObjectFault {
    name: String,
    service: String,
    how: ObjectHarm,
    count: u32,
    seed: u64,
    bucket: Bucket,
    database: Arc<Postgres>,
    /// Rows whose objects were hit: key and name of the object.
    hit: Mutex<Vec<(i64, String)>>,
    /// Objects that an earlier run hit.
    recalled: Vec<String>,
    /// Only objects written then, and when that counts from.
    written: Option<(Written, Arc<OnceLock<Opening>>)>,
}

/// How many rows point at a spoiled object, and what was seen.
struct Shown {
    spoiled: u64,
    pointing: u64,
    words: String,
}

impl ObjectFault {
    /// A fault of `count` objects in a store; `database` has the rows that point at them.
    #[must_use]
    pub fn new(
        name: &str,
        service: &str,
        how: ObjectHarm,
        count: u32,
        seed: u64,
        bucket: Bucket,
        database: Arc<Postgres>,
    ) -> ObjectFault {
        ObjectFault {
            name: name.to_owned(),
            service: service.to_owned(),
            how,
            count,
            seed,
            bucket,
            database,
            hit: Mutex::default(),
            recalled: Vec::new(),
            written: None,
        }
    }

    /// The same, of objects written within a range. `opening` is known by the time that the fault is injected.
    #[must_use]
    pub fn of_time(self, written: Written, opening: Arc<OnceLock<Opening>>) -> ObjectFault {
        ObjectFault {
            written: Some((written, opening)),
            ..self
        }
    }

    /// The range by the clock of the wall, once that is known.
    fn within(&self) -> Option<Range<u64>> {
        let (written, opening) = self.written.as_ref()?;
        written.on_the_wall(*opening.get()?)
    }

    fn hit(&self) -> Vec<(i64, String)> {
        self.hit.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn connection(&self) -> Result<Connection, String> {
        self.database
            .connection()
            .ok_or_else(|| "the database was never started".to_owned())
    }

    /// The rows that are hit: which of them follows from the seed.
    async fn choose(&self) -> Result<Vec<(i64, String)>, String> {
        let among = match (&self.written, self.within()) {
            (None, _) => None,
            (Some((written, _)), None) => {
                return Err(format!(
                    "the range {written} cannot be reckoned before the steady state"
                ));
            }
            (Some(_), Some(within)) => {
                let written = self.bucket.written(within).await;
                Some(written.map_err(|error| error.to_string())?)
            }
        };
        let client = session(&self.connection()?).await?;
        let seed = i64::from_ne_bytes(self.seed.to_ne_bytes());
        // An older version can only be put back where there was one.
        let least = if self.how == ObjectHarm::Older { 2 } else { 1 };
        let sql = format!(
            "SELECT key, object FROM files WHERE key >= 0 AND version >= {least} \
             AND ($2::text[] IS NULL OR object = ANY ($2)) \
             ORDER BY object = ANY ($1) DESC, key >= {}, version, hashint8extended(key, '{seed}'::bigint), key LIMIT {}",
            first_key::WORKLOAD,
            self.count
        );
        // Those of an earlier run come first, a row that came to point at another object since is no longer one of them. Else
        // objects that were there before the load began and never changed: every copy of the bucket has them.
        let rows = client
            .query(&sql, &[&self.recalled, &among])
            .await
            .map_err(|error| said(&error))?;
        let hit: Vec<(i64, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        if hit.len() < 2 {
            return Err(format!(
                "found {} rows that point at such objects, expected at least 2: preload more, or let it run longer",
                hit.len()
            ));
        }
        Ok(hit)
    }

    async fn spoil(&self, hit: &[(i64, String)]) -> Result<(), LoadError> {
        let missing = |name: &str| LoadError::Unexpected {
            what: format!("object {name}"),
            found: "none".into(),
            expected: "the one that its row points at".into(),
        };
        let fetch = async |name: &str| {
            let object = self.bucket.get(name, OBJECT_BYTES_MAX).await?;
            object.ok_or_else(|| missing(name))
        };
        match self.how {
            ObjectHarm::Missing => {
                for (_, name) in hit {
                    self.bucket.remove(name).await?;
                }
            }
            ObjectHarm::Altered => {
                for (index, (_, name)) in hit.iter().enumerate() {
                    let mut content = fetch(name).await?;
                    if content.is_empty() {
                        content.push(b'?');
                    } else {
                        let at = (self.seed.rotate_left(index as u32) % content.len() as u64) as usize;
                        // Another letter, so that a text stays one.
                        content[at] = if content[at] == b'x' { b'y' } else { b'x' };
                    }
                    self.bucket.put(name, content).await?;
                }
            }
            ObjectHarm::Swapped => {
                let first = fetch(&hit[0].1).await?;
                for pair in hit.windows(2) {
                    let next = fetch(&pair[1].1).await?;
                    self.bucket.put(&pair[0].1, next).await?;
                }
                self.bucket.put(&hit[hit.len() - 1].1, first).await?;
            }
            ObjectHarm::Older => {
                for (_, name) in hit {
                    let older = before(name).ok_or_else(|| missing(name))?;
                    let content = fetch(&older).await?;
                    self.bucket.put(name, content).await?;
                }
            }
        }
        Ok(())
    }

    /// Which of the rows still point at an object that is not theirs.
    async fn shown(&self, connection: &Connection) -> Result<Shown, String> {
        let hit = self.hit();
        let client = session(connection).await?;
        let keys: Vec<i64> = hit.iter().map(|(key, _)| *key).collect();
        let rows = client
            .query(
                "SELECT key, object, bytes, sha256 FROM files WHERE key = ANY($1::bigint[])",
                &[&keys],
            )
            .await
            .map_err(|error| said(&error))?;
        let (mut spoiled, mut pointing) = (0, 0);
        let mut first = None;
        for row in &rows {
            let (key, object): (i64, String) = (row.get(0), row.get(1));
            if !hit.contains(&(key, object.clone())) {
                continue;
            }
            pointing += 1;
            let (bytes, sha256): (i64, String) = (row.get(2), row.get(3));
            let found = self.bucket.digest(&object).await.map_err(|error| error.to_string())?;
            let fits = found.as_ref().is_some_and(|found| {
                i64::try_from(found.bytes) == Ok(bytes) && found.sha256.eq_ignore_ascii_case(&sha256)
            });
            if !fits {
                spoiled += 1;
                let how = if found.is_some() { "is another" } else { "is gone" };
                first.get_or_insert(format!(", {object} {how}"));
            }
        }
        Ok(Shown {
            spoiled,
            pointing,
            words: format!(
                "of {} rows hit, {pointing} still point at the same object, {spoiled} of those at one that is not theirs{}",
                hit.len(),
                first.unwrap_or_default()
            ),
        })
    }
}

/// The name of the version before: names end in it.
fn before(object: &str) -> Option<String> {
    let (path, version) = object.rsplit_once('/')?;
    let version: u32 = version.parse().ok()?;
    (version > 1).then(|| format!("{path}/{}", version - 1))
}

#[async_trait]
impl Fault for ObjectFault {
    fn name(&self) -> &str {
        &self.name
    }

    fn needs(&self) -> Vec<Capability> {
        vec![Capability::Endpoints]
    }

    fn detail(&self) -> BTreeMap<String, String> {
        let harm = match self.how {
            ObjectHarm::Altered => "a byte of each is another",
            ObjectHarm::Missing => "deleted",
            ObjectHarm::Swapped => "each has the content of another",
            ObjectHarm::Older => "each has the content of the version before",
        };
        let mut detail = BTreeMap::from([
            ("service".into(), self.service.clone()),
            ("harm".into(), harm.into()),
            ("count".into(), self.count.to_string()),
        ]);
        if let Some((written, _)) = &self.written {
            detail.insert("written".into(), written.to_string());
        }
        if let Some(within) = self.within() {
            detail.insert("written_from".into(), utc(within.start));
            detail.insert("written_until".into(), utc(within.end));
        }
        let names: Vec<String> = self.hit().into_iter().map(|(_, name)| name).collect();
        if !names.is_empty() {
            detail.insert("objects".into(), names.join(" "));
        }
        detail
    }

    fn recall(&mut self, recorded: &BTreeMap<String, String>) -> Vec<String> {
        let Some(objects) = recorded.get("objects") else {
            return Vec::new();
        };
        self.recalled = objects.split(' ').map(str::to_owned).collect();
        vec!["objects".to_owned()]
    }

    async fn inject(&self) -> Result<(), FaultError> {
        let hit = self.choose().await.map_err(|why| self.failed(why))?;
        let spoiled = self.spoil(&hit).await;
        *self.hit.lock().unwrap_or_else(PoisonError::into_inner) = hit;
        spoiled.map_err(|error| self.failed(error))
    }

    async fn prove(&self) -> Proof {
        let look = async { self.shown(&self.connection()?).await };
        match tokio::time::timeout(PROOF_MAX, look).await {
            Ok(Ok(shown)) => Proof {
                broken: shown.spoiled > 0,
                seen: shown.words,
            },
            Ok(Err(why)) => Proof::unseen(why),
            Err(_) => Proof {
                broken: false,
                seen: format!("no answer within {} s", PROOF_MAX.as_secs()),
            },
        }
    }

    async fn heal(&self) -> Result<(), FaultError> {
        // What was lost stays lost: only a recovery brings it back.
        Ok(())
    }

    async fn left(&self, serving: &Connection) -> Option<Checked> {
        let look = async {
            let shown = self.shown(serving).await?;
            Ok(left(shown.spoiled > 0, shown.pointing.max(1), &shown.words))
        };
        Some(Checked::in_time(async { look.await.unwrap_or_else(Checked::not_run) }).await)
    }
}

#[cfg(test)]
mod tests {
    use super::before;

    #[test]
    fn the_version_before_follows_from_the_name() {
        assert_eq!(before("files/77/3").as_deref(), Some("files/77/2"));
        assert_eq!(before("files/77/1"), None);
        assert_eq!(before("files"), None);
    }
}
