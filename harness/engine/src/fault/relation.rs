//! The file of a table or B-tree cut short, or gone, under a running server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use firedrill_environment::{Capability, Files, Postgres};

use super::draw::Draw;
use super::relation_file::{self, PAGE, RelationFile, all_cached, cached, see_the_cache, session};
use super::{Fault, FaultError, Proof};

/// No more is cut off, since it is kept to be put back.
const CUT_PAGES_MAX: u64 = 1024;
/// Of a relation that the seed chooses.
const PAGES_MIN: u32 = 4;

/// What is done to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// Its end is cut off: up to half of it, as far as none of that is in the server's cache.
    Truncate,
    /// It is removed. Sessions that have it open go on reading what is gone.
    Remove,
}

/// A fault of one relation's file.
pub struct RelationFault {
    name: String,
    service: String,
    wanted: Option<String>,
    harm: Harm,
    seed: u64,
    host: Arc<Postgres>,
    recalled: Option<u64>,
    done: Mutex<Option<Done>>,
}

#[derive(Clone)]
struct Done {
    relation: RelationFile,
    /// Bytes that were left.
    kept: u64,
    /// What was cut off.
    lost: Vec<u8>,
}

impl RelationFault {
    /// A fault of a relation of the server on `host`; `service` is the scenario's name for it.
    #[must_use]
    pub fn new(
        name: &str,
        service: &str,
        relation: Option<&str>,
        harm: Harm,
        seed: u64,
        host: Arc<Postgres>,
    ) -> RelationFault {
        RelationFault {
            name: name.to_owned(),
            service: service.to_owned(),
            wanted: relation.map(str::to_owned),
            harm,
            seed,
            host,
            recalled: None,
            done: Mutex::default(),
        }
    }

    fn files(&self) -> &dyn Files {
        self.host.as_ref()
    }

    fn done(&self) -> Option<Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn truncate(&self, client: &tokio_postgres::Client, relation: RelationFile) -> Result<Done, FaultError> {
        see_the_cache(client).await.map_err(|error| self.failed(error))?;
        let size = self.size(&relation).await?;
        let pages = size / PAGE as u64;
        let cached = cached(client, &relation).await.map_err(|error| self.failed(error))?;
        let last_cached = cached.last().map_or(0, |block| u64::from(*block) + 1);
        let least = (pages / 2)
            .max(pages.saturating_sub(CUT_PAGES_MAX))
            .max(last_cached)
            .max(1);
        let kept = match self.recalled {
            Some(kept) if kept >= least => kept,
            _ => least,
        };
        if kept >= pages {
            let pages = u32::try_from(pages).unwrap_or(u32::MAX);
            return Err(self.failed(all_cached(&self.service, &relation, pages)));
        }
        let kept = kept * PAGE as u64;
        let bytes = usize::try_from(size - kept).unwrap_or(usize::MAX);
        let lost = self.files().read_at(&relation.path, kept, bytes).await;
        let lost = lost.map_err(|error| self.failed(error))?;
        let cut = self.files().cut(&relation.path, kept).await;
        cut.map_err(|error| self.failed(error))?;
        let synced = self.files().sync(&relation.path).await;
        synced.map_err(|error| self.failed(error))?;
        Ok(Done { relation, kept, lost })
    }

    async fn remove(&self, relation: RelationFile) -> Result<Done, FaultError> {
        let lost = self.size(&relation).await?;
        let removed = self.files().remove(&relation.path).await;
        removed.map_err(|error| self.failed(error))?;
        if let Some(directory) = relation.path.parent() {
            let synced = self.files().sync(directory).await;
            synced.map_err(|error| self.failed(error))?;
        }
        Ok(Done {
            relation,
            kept: lost,
            lost: Vec::new(),
        })
    }

    async fn size(&self, relation: &RelationFile) -> Result<u64, FaultError> {
        let size = self.files().size(&relation.path).await;
        size.map_err(|error| self.failed(error))?
            .ok_or_else(|| self.failed(format!("the file of {} is not there", relation.name)))
    }

    async fn look(&self) -> Result<Proof, FaultError> {
        let Some(done) = self.done() else {
            return Ok(Proof {
                broken: false,
                seen: "no file has been hurt yet".into(),
            });
        };
        let path = &done.relation.path;
        let size = self.files().size(path).await.map_err(|error| self.failed(error))?;
        let name = &done.relation.name;
        let (broken, seen) = match (self.harm, size) {
            (Harm::Remove, None) => (true, format!("the file of {name} is gone")),
            (Harm::Remove, Some(bytes)) => (
                false,
                format!("overwritten by the server: the file of {name} is there again with {bytes} bytes"),
            ),
            (Harm::Truncate, None) => (true, format!("the file of {name} is gone as a whole")),
            (Harm::Truncate, Some(bytes)) if bytes <= done.kept => (
                true,
                format!(
                    "the file of {name} ends after {bytes} bytes; {} are cut off",
                    done.lost.len()
                ),
            ),
            (Harm::Truncate, Some(bytes)) => {
                // It grew again: what counts is whether the pages that were lost are back.
                let now = self.files().read_at(path, done.kept, done.lost.len()).await;
                let now = now.map_err(|error| self.failed(error))?;
                let back = now == done.lost;
                let word = if back {
                    "overwritten by the server: what was cut off is back in"
                } else {
                    "other pages stand where pages were cut off of"
                };
                (!back, format!("{word} the file of {name}, now {bytes} bytes"))
            }
        };
        Ok(Proof { broken, seen })
    }
}

#[async_trait]
impl Fault for RelationFault {
    fn name(&self) -> &str {
        &self.name
    }

    fn needs(&self) -> Vec<Capability> {
        vec![Capability::Files, Capability::Endpoints]
    }

    fn detail(&self) -> BTreeMap<String, String> {
        let harm = match self.harm {
            Harm::Truncate => "the end of a relation's file cut off",
            Harm::Remove => "a relation's file removed",
        };
        let mut detail = BTreeMap::from([("service".into(), self.service.clone()), ("harm".into(), harm.into())]);
        if let Some(done) = self.done() {
            detail.insert("relation".into(), done.relation.name.clone());
            detail.insert("file".into(), done.relation.path.display().to_string());
            if self.harm == Harm::Truncate {
                detail.insert("pages_kept".into(), (done.kept / PAGE as u64).to_string());
                detail.insert("pages_lost".into(), (done.lost.len() / PAGE).to_string());
            }
        }
        detail
    }

    fn recall(&mut self, recorded: &BTreeMap<String, String>) -> Vec<String> {
        let mut taken = Vec::new();
        if let Some(relation) = recorded.get("relation") {
            self.wanted = Some(relation.clone());
            taken.push("relation".to_owned());
        }
        if let Some(kept) = recorded.get("pages_kept").and_then(|text| text.parse().ok()) {
            self.recalled = Some(kept);
            taken.push("pages_kept".to_owned());
        }
        taken
    }

    async fn arm(&self) -> Result<(), FaultError> {
        let client = session(&self.host).await.map_err(|error| self.failed(error))?;
        if self.harm == Harm::Truncate {
            see_the_cache(&client).await.map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    async fn inject(&self) -> Result<(), FaultError> {
        let client = session(&self.host).await.map_err(|error| self.failed(error))?;
        let mut draw = Draw::of(self.seed, &self.name);
        let relation = relation_file::choose(&client, self.wanted.as_deref(), PAGES_MIN, &mut draw)
            .await
            .map_err(|error| self.failed(error))?;
        let done = match self.harm {
            Harm::Truncate => self.truncate(&client, relation).await?,
            Harm::Remove => self.remove(relation).await?,
        };
        *self.done.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
        Ok(())
    }

    async fn prove(&self) -> Proof {
        self.look().await.unwrap_or_else(Proof::unseen)
    }

    /// A file that was cut is made whole if the server has not made it longer since; one that is gone stays gone.
    async fn heal(&self) -> Result<(), FaultError> {
        let Some(done) = self.done().filter(|_| self.harm == Harm::Truncate) else {
            return Ok(());
        };
        let path = &done.relation.path;
        let size = self.files().size(path).await.map_err(|error| self.failed(error))?;
        if size != Some(done.kept) {
            return Ok(());
        }
        let written = self.files().write_at(path, done.kept, &done.lost).await;
        written.map_err(|error| self.failed(error))?;
        self.files().sync(path).await.map_err(|error| self.failed(error))
    }
}
