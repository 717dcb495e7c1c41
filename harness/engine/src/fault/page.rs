//! Damage of pages of a table or B-tree under a running server.
//!
//! Pages are chosen by the seed among those that are not in the server's cache, written, forced to disk, and read again
//! from disk wherever a proof is asked for. A server that writes over one has healed it: that is said, not hidden.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use firedrill_core::scenario::PageDamage;
use firedrill_environment::{Capability, Files, Postgres, said};

use super::draw::Draw;
use super::relation_file::{self, PAGE, RelationFile, all_cached, cached, see_the_cache, session};
use super::{Fault, FaultError, Proof};

/// Pages whose earlier content is kept for damage that needs it.
const REMEMBERED_MAX: u32 = 1024;
/// Of a relation that the seed chooses, so that some of it lies outside of the cache.
const PAGES_MIN: u32 = 16;
/// Bytes of a page's own header, and where in it stands the beginning of what the page holds.
const HEADER: usize = 24;
const UPPER: usize = 14;

/// Damage of pages of one relation.
pub struct PageFault {
    name: String,
    service: String,
    wanted: Option<String>,
    how: PageDamage,
    pages: u32,
    seed: u64,
    host: Arc<Postgres>,
    recalled: BTreeMap<u32, Option<u32>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    relation: Option<RelationFile>,
    /// Pages as they were before the load began.
    before: BTreeMap<u32, Vec<u8>>,
    damaged: Vec<Damaged>,
}

/// One damaged page.
#[derive(Clone)]
struct Damaged {
    block: u32,
    /// The bit that was turned over, counted from the page's beginning; the page that the content is of.
    choice: Option<u32>,
    original: Vec<u8>,
    written: Vec<u8>,
}

impl PageFault {
    /// Damage of `pages` pages of a relation of the server on `host`; `service` is the scenario's name for it.
    #[must_use]
    pub fn new(
        name: &str,
        service: &str,
        relation: Option<&str>,
        how: PageDamage,
        pages: u32,
        seed: u64,
        host: Arc<Postgres>,
    ) -> PageFault {
        PageFault {
            name: name.to_owned(),
            service: service.to_owned(),
            wanted: relation.map(str::to_owned),
            how,
            pages,
            seed,
            host,
            recalled: BTreeMap::new(),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn files(&self) -> &dyn Files {
        self.host.as_ref()
    }

    async fn relation(&self, client: &tokio_postgres::Client, draw: &mut Draw) -> Result<RelationFile, FaultError> {
        if let Some(known) = self.state().relation.clone() {
            return Ok(known);
        }
        let relation = relation_file::choose(client, self.wanted.as_deref(), PAGES_MIN.max(self.pages * 2), draw)
            .await
            .map_err(|error| self.failed(error))?;
        self.state().relation = Some(relation.clone());
        Ok(relation)
    }

    async fn read(&self, path: &Path, block: u32) -> Result<Vec<u8>, FaultError> {
        self.files()
            .read_at(path, u64::from(block) * PAGE as u64, PAGE)
            .await
            .map_err(|error| self.failed(error))
    }

    /// What is written over a page; `None` where this page does not lend itself to it.
    async fn damage(
        &self,
        path: &Path,
        block: u32,
        blocks: u32,
        page: &[u8],
        draw: &mut Draw,
    ) -> Result<Option<(Vec<u8>, Option<u32>)>, FaultError> {
        let upper = usize::from(u16::from_le_bytes([page[UPPER], page[UPPER + 1]]));
        if !(HEADER..PAGE).contains(&upper) {
            // Empty, or never written: there is nothing in it to lose.
            return Ok(None);
        }
        let recalled = self.recalled.get(&block).copied().flatten();
        let mut written = page.to_vec();
        let mut choice = None;
        match self.how {
            PageDamage::BitFlip => {
                let span = (PAGE - upper) as u64 * 8;
                let fresh = upper as u32 * 8 + u32::try_from(draw.below(span)).unwrap_or(0);
                let bit = recalled.filter(|bit| (*bit as usize) < PAGE * 8).unwrap_or(fresh);
                written[bit as usize / 8] ^= 1 << (bit % 8);
                choice = Some(bit);
            }
            PageDamage::Zeroed => written.fill(0),
            PageDamage::Torn => match self.state().before.get(&block) {
                Some(before) if before[PAGE / 2..] != page[PAGE / 2..] => {
                    written[PAGE / 2..].copy_from_slice(&before[PAGE / 2..]);
                }
                // It had no second half yet: a page that was being written for the first time.
                _ => written[PAGE / 2..].fill(0),
            },
            PageDamage::Stale => match self.state().before.get(&block) {
                Some(before) if before != page => written.clone_from(before),
                _ => return Ok(None),
            },
            PageDamage::Misdirected => {
                let fresh = (block + 1 + u32::try_from(draw.below(u64::from(blocks) - 1)).unwrap_or(0)) % blocks;
                let other = recalled.filter(|other| *other < blocks).unwrap_or(fresh);
                written = self.read(path, other).await?;
                choice = Some(other);
            }
        }
        Ok((written.len() == PAGE && written != page).then_some((written, choice)))
    }

    /// Those that the server has not in its cache now; what it has there is put back on disk, since it shows to nobody.
    async fn effective(
        &self,
        client: &tokio_postgres::Client,
        relation: &RelationFile,
        damaged: Vec<Damaged>,
    ) -> Result<Vec<Damaged>, FaultError> {
        let cached = cached(client, relation).await.map_err(|error| self.failed(error))?;
        let (hidden, effective): (Vec<_>, Vec<_>) = damaged.into_iter().partition(|page| cached.contains(&page.block));
        for page in hidden {
            self.put_back(relation, &page).await?;
        }
        Ok(effective)
    }

    /// Puts a page back, unless the server has written there since.
    async fn put_back(&self, relation: &RelationFile, page: &Damaged) -> Result<(), FaultError> {
        if self.read(&relation.path, page.block).await? == page.written {
            self.files()
                .write_at(&relation.path, u64::from(page.block) * PAGE as u64, &page.original)
                .await
                .map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    /// Whether what is on disk now still bears the damage. A server without checksums may have taken the page in, damage and
    /// all, and written it again with more rows: the bit is what counts then.
    fn stands(&self, page: &Damaged, now: &[u8]) -> bool {
        match (self.how, page.choice) {
            (PageDamage::BitFlip, Some(bit)) => {
                let at = bit as usize / 8;
                now.get(at).is_some_and(|byte| *byte == page.written[at])
            }
            _ => now == page.written,
        }
    }

    fn words(&self) -> &'static str {
        match self.how {
            PageDamage::BitFlip => "one bit turned over",
            PageDamage::Zeroed => "zeroed",
            PageDamage::Torn => "torn: first half new, second half old",
            PageDamage::Stale => "an older version put back",
            PageDamage::Misdirected => "overwritten with another page of the same file",
        }
    }

    async fn look(&self) -> Result<Proof, FaultError> {
        let (relation, damaged) = {
            let state = self.state();
            (state.relation.clone(), state.damaged.clone())
        };
        let (Some(relation), false) = (relation, damaged.is_empty()) else {
            return Ok(Proof {
                broken: false,
                seen: "no page has been damaged yet".into(),
            });
        };
        let mut holding = 0;
        for page in &damaged {
            let now = self.read(&relation.path, page.block).await?;
            holding += usize::from(self.stands(page, &now));
        }
        let seen = if holding > 0 {
            format!(
                "{holding} of {} pages of {} read from disk: {}",
                damaged.len(),
                relation.name,
                self.words()
            )
        } else {
            format!(
                "overwritten by the server: none of the {} damaged pages of {} is on disk as it was written",
                damaged.len(),
                relation.name
            )
        };
        Ok(Proof {
            broken: holding > 0,
            seen,
        })
    }
}

#[async_trait]
impl Fault for PageFault {
    fn name(&self) -> &str {
        &self.name
    }

    fn needs(&self) -> Vec<Capability> {
        vec![Capability::Files, Capability::Endpoints]
    }

    fn detail(&self) -> BTreeMap<String, String> {
        let state = self.state();
        let mut detail = BTreeMap::from([
            ("service".to_owned(), self.service.clone()),
            ("harm".to_owned(), format!("pages {}", self.words())),
        ]);
        if let Some(relation) = &state.relation {
            detail.insert("relation".into(), relation.name.clone());
            detail.insert("file".into(), relation.path.display().to_string());
        }
        if !state.damaged.is_empty() {
            let list = |of: &dyn Fn(&Damaged) -> String| state.damaged.iter().map(of).collect::<Vec<_>>().join(",");
            detail.insert("blocks".into(), list(&|page| page.block.to_string()));
            let name = match self.how {
                PageDamage::BitFlip => Some("bits"),
                PageDamage::Misdirected => Some("contents_of"),
                PageDamage::Zeroed | PageDamage::Torn | PageDamage::Stale => None,
            };
            if let Some(name) = name {
                let choice = |page: &Damaged| page.choice.map_or_else(String::new, |choice| choice.to_string());
                detail.insert(name.into(), list(&choice));
            }
        }
        detail
    }

    fn recall(&mut self, recorded: &BTreeMap<String, String>) -> Vec<String> {
        let numbers = |name: &str| -> Vec<u32> {
            let text = recorded.get(name).map_or("", String::as_str);
            text.split(',').filter_map(|number| number.parse().ok()).collect()
        };
        let mut taken = Vec::new();
        if let Some(relation) = recorded.get("relation") {
            self.wanted = Some(relation.clone());
            taken.push("relation".to_owned());
        }
        let blocks = numbers("blocks");
        if blocks.is_empty() {
            return taken;
        }
        taken.push("blocks".to_owned());
        let name = match self.how {
            PageDamage::BitFlip => "bits",
            PageDamage::Misdirected => "contents_of",
            PageDamage::Zeroed | PageDamage::Torn | PageDamage::Stale => "",
        };
        let choices = numbers(name);
        if choices.len() == blocks.len() {
            taken.push(name.to_owned());
        }
        let fits = choices.len() == blocks.len();
        self.recalled = blocks
            .iter()
            .enumerate()
            .map(|(index, block)| (*block, fits.then(|| choices[index])))
            .collect();
        taken
    }

    /// Remembers pages as they are before the load begins.
    async fn arm(&self) -> Result<(), FaultError> {
        let client = session(&self.host).await.map_err(|error| self.failed(error))?;
        see_the_cache(&client).await.map_err(|error| self.failed(error))?;
        if !matches!(self.how, PageDamage::Torn | PageDamage::Stale) {
            return Ok(());
        }
        let mut draw = Draw::of(self.seed, &self.name);
        let relation = self.relation(&client, &mut draw).await?;
        // What is in the cache alone has no older version on disk yet.
        client
            .batch_execute("CHECKPOINT")
            .await
            .map_err(|error| self.failed(said(&error)))?;
        let mut before = BTreeMap::new();
        for block in 0..REMEMBERED_MAX {
            let page = self.read(&relation.path, block).await?;
            if page.len() < PAGE {
                break;
            }
            before.insert(block, page);
        }
        self.state().before = before;
        Ok(())
    }

    async fn inject(&self) -> Result<(), FaultError> {
        let client = session(&self.host).await.map_err(|error| self.failed(error))?;
        see_the_cache(&client).await.map_err(|error| self.failed(error))?;
        let mut draw = Draw::of(self.seed, &self.name);
        let relation = self.relation(&client, &mut draw).await?;
        let size = self
            .files()
            .size(&relation.path)
            .await
            .map_err(|error| self.failed(error))?;
        let blocks = u32::try_from(size.unwrap_or(0) / PAGE as u64).unwrap_or(u32::MAX);
        // The first page of a B-tree is kept by every session that has used it.
        let first = u32::from(relation.is_index);
        let cached = cached(&client, &relation).await.map_err(|error| self.failed(error))?;
        let mut offered: Vec<u32> = if self.recalled.is_empty() {
            (first..blocks).filter(|block| !cached.contains(block)).collect()
        } else {
            self.recalled.keys().copied().filter(|block| *block < blocks).collect()
        };
        if self.recalled.is_empty() {
            draw.shuffle(&mut offered);
        }
        let mut damaged = Vec::new();
        for block in offered {
            if damaged.len() as u32 == self.pages {
                break;
            }
            let original = self.read(&relation.path, block).await?;
            if original.len() < PAGE {
                continue;
            }
            let Some((written, choice)) = self.damage(&relation.path, block, blocks, &original, &mut draw).await?
            else {
                continue;
            };
            self.files()
                .write_at(&relation.path, u64::from(block) * PAGE as u64, &written)
                .await
                .map_err(|error| self.failed(error))?;
            damaged.push(Damaged {
                block,
                choice,
                original,
                written,
            });
        }
        self.files()
            .sync(&relation.path)
            .await
            .map_err(|error| self.failed(error))?;
        let mut damaged = self.effective(&client, &relation, damaged).await?;
        damaged.sort_by_key(|page| page.block);
        if damaged.is_empty() {
            return Err(self.failed(match self.how {
                PageDamage::Stale => format!(
                    "no page of {} outside of the cache has changed since the load began: name a relation that is \
                     written to, or give `{}` a smaller cache (`settings: {{ shared_buffers: 2MB }}`)",
                    relation.name, self.service
                ),
                _ => all_cached(&self.service, &relation, blocks),
            }));
        }
        self.state().damaged = damaged;
        Ok(())
    }

    async fn prove(&self) -> Proof {
        self.look().await.unwrap_or_else(Proof::unseen)
    }

    async fn heal(&self) -> Result<(), FaultError> {
        let (relation, damaged) = {
            let state = self.state();
            (state.relation.clone(), state.damaged.clone())
        };
        let Some(relation) = relation else { return Ok(()) };
        // A file that is gone, with its server or without, has no page to put back.
        let there = self.files().exists(&relation.path).await;
        if damaged.is_empty() || !there.unwrap_or(false) {
            return Ok(());
        }
        for page in &damaged {
            self.put_back(&relation, page).await?;
        }
        self.files()
            .sync(&relation.path)
            .await
            .map_err(|error| self.failed(error))
    }
}
