//! Damage of files that a server has only one of: its control file, and the segment of the WAL that it writes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use firedrill_environment::{Capability, Files, Postgres, said};

use super::draw::Draw;
use super::relation_file::{PAGE, session};
use super::{Fault, FaultError, Proof};

/// What the control file holds lies within its first bytes, a checksum behind it.
const CONTROL: std::ops::Range<u64> = 8..280;
/// Bytes of a segment that must have been written before one of them is damaged.
const WRITTEN_MIN: u64 = 2_048;
/// Behind the header of the segment's first page.
const SEGMENT_HEADER: u64 = 40;
/// Bytes at the beginning of a segment by which it is known again: the header of its first page.
const HEAD: usize = 40;

/// Which file, and what is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// A bit of `global/pg_control` is turned over.
    ControlFile,
    /// A byte of the newest segment is turned over, on a page that the server is done with.
    WalAltered,
    /// The newest segment is removed; the server goes on writing to what is gone.
    WalMissing,
}

/// A fault of such a file.
pub struct ServerFileFault {
    name: String,
    service: String,
    harm: Harm,
    seed: u64,
    host: Arc<Postgres>,
    recalled: Option<u64>,
    done: Mutex<Option<Done>>,
}

#[derive(Clone)]
struct Done {
    path: PathBuf,
    /// Where the damaged byte stands, what it was and what it is; none where the file is gone.
    byte: Option<(u64, u8, u8)>,
    /// What a file that is gone began with.
    head: Vec<u8>,
}

impl ServerFileFault {
    /// A fault of the server on `host`; `service` is the scenario's name for it.
    #[must_use]
    pub fn new(name: &str, service: &str, harm: Harm, seed: u64, host: Arc<Postgres>) -> ServerFileFault {
        ServerFileFault {
            name: name.to_owned(),
            service: service.to_owned(),
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

    /// The segment that is being written, and how many of its bytes are on disk.
    async fn segment(&self, client: &tokio_postgres::Client) -> Result<(PathBuf, u64), FaultError> {
        let row = client
            .query_one(
                "SELECT w.file_name, w.file_offset::bigint \
                 FROM (SELECT pg_current_wal_flush_lsn() AS lsn) AS at, pg_walfile_name_offset(at.lsn) AS w",
                &[],
            )
            .await
            .map_err(|error| self.failed(said(&error)))?;
        let name: String = row.get(0);
        let written = u64::try_from(row.get::<_, i64>(1)).unwrap_or(0);
        Ok((Path::new("pg_wal").join(name), written))
    }

    /// Turns bits of one byte over, by `mask`.
    async fn alter(&self, path: PathBuf, at: u64, mask: u8) -> Result<Done, FaultError> {
        let bytes = self.files().read_at(&path, at, 1).await;
        let bytes = bytes.map_err(|error| self.failed(error))?;
        let was = *bytes
            .first()
            .ok_or_else(|| self.failed(format!("{} ends before byte {at}", path.display())))?;
        let is = was ^ mask;
        let written = self.files().write_at(&path, at, &[is]).await;
        written.map_err(|error| self.failed(error))?;
        let synced = self.files().sync(&path).await;
        synced.map_err(|error| self.failed(error))?;
        Ok(Done {
            path,
            byte: Some((at, was, is)),
            head: Vec::new(),
        })
    }

    async fn hurt_wal(&self) -> Result<Done, FaultError> {
        let client = session(&self.host).await.map_err(|error| self.failed(error))?;
        let mut tries = 0;
        let (path, written) = loop {
            let (path, written) = self.segment(&client).await?;
            // The page that is being written is written again, with what was damaged in it.
            let done = written / PAGE as u64 * PAGE as u64;
            if done > WRITTEN_MIN {
                break (path, done);
            }
            tries += 1;
            if tries > 60 {
                return Err(self.failed(format!(
                    "the newest segment of the WAL holds {written} bytes: too few to damage some that the server is done \
                     with; raise the load"
                )));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        if self.harm == Harm::WalMissing {
            let head = self.files().read_at(&path, 0, HEAD).await;
            let head = head.map_err(|error| self.failed(error))?;
            let removed = self.files().remove(&path).await;
            removed.map_err(|error| self.failed(error))?;
            return Ok(Done { path, byte: None, head });
        }
        let mut draw = Draw::of(self.seed, &self.name);
        let fresh = SEGMENT_HEADER + draw.below(written - SEGMENT_HEADER);
        let at = self.recalled.filter(|at| *at < written).unwrap_or(fresh);
        self.alter(path, at, 0xff).await
    }

    async fn look(&self) -> Result<Proof, FaultError> {
        let Some(done) = self.done() else {
            return Ok(Proof {
                broken: false,
                seen: "no file has been hurt yet".into(),
            });
        };
        let path = done.path.display();
        let there = self
            .files()
            .exists(&done.path)
            .await
            .map_err(|error| self.failed(error))?;
        let (broken, seen) = match (done.byte, there) {
            (None, false) => (true, format!("{path} is gone")),
            (None, true) => {
                // A server that needs the file makes an empty one of that name: what the old one held is gone all the same.
                let head = self.files().read_at(&done.path, 0, HEAD).await;
                if head.map_err(|error| self.failed(error))? == done.head {
                    (false, format!("{path} is there again, with what it held"))
                } else {
                    (true, format!("{path} is there again, without what it held"))
                }
            }
            (Some(_), false) => (
                false,
                format!("{path} is no longer there: the server is done with it and has taken it away"),
            ),
            (Some((at, _, is)), true) => {
                let now = self.files().read_at(&done.path, at, 1).await;
                let now = now.map_err(|error| self.failed(error))?;
                if now == [is] {
                    (true, format!("byte {at} of {path} read from disk: turned over"))
                } else {
                    (
                        false,
                        format!("overwritten by the server: byte {at} of {path} is not as it was written"),
                    )
                }
            }
        };
        Ok(Proof { broken, seen })
    }
}

#[async_trait]
impl Fault for ServerFileFault {
    fn name(&self) -> &str {
        &self.name
    }

    fn needs(&self) -> Vec<Capability> {
        match self.harm {
            Harm::ControlFile => vec![Capability::Files],
            Harm::WalAltered | Harm::WalMissing => vec![Capability::Files, Capability::Endpoints],
        }
    }

    fn detail(&self) -> BTreeMap<String, String> {
        let harm = match self.harm {
            Harm::ControlFile => "a bit of the control file turned over",
            Harm::WalAltered => "a byte of the newest WAL segment turned over",
            Harm::WalMissing => "the newest WAL segment removed",
        };
        let mut detail = BTreeMap::from([("service".into(), self.service.clone()), ("harm".into(), harm.into())]);
        if let Some(done) = self.done() {
            detail.insert("file".into(), done.path.display().to_string());
            if let Some((at, was, is)) = done.byte {
                detail.insert("byte".into(), at.to_string());
                detail.insert("was".into(), format!("{was:02x}"));
                detail.insert("is".into(), format!("{is:02x}"));
            }
        }
        detail
    }

    fn recall(&mut self, recorded: &BTreeMap<String, String>) -> Vec<String> {
        // The name of a segment is no choice: it is the newest one.
        match recorded.get("byte").and_then(|text| text.parse().ok()) {
            Some(byte) => {
                self.recalled = Some(byte);
                vec!["byte".to_owned()]
            }
            None => Vec::new(),
        }
    }

    async fn inject(&self) -> Result<(), FaultError> {
        let done = match self.harm {
            Harm::ControlFile => {
                let mut draw = Draw::of(self.seed, &self.name);
                let fresh = CONTROL.start + draw.below(CONTROL.end - CONTROL.start);
                let at = self.recalled.filter(|at| CONTROL.contains(at)).unwrap_or(fresh);
                let mask = 1 << draw.below(8);
                self.alter(PathBuf::from("global/pg_control"), at, mask).await?
            }
            Harm::WalAltered | Harm::WalMissing => self.hurt_wal().await?,
        };
        *self.done.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
        Ok(())
    }

    async fn prove(&self) -> Proof {
        self.look().await.unwrap_or_else(Proof::unseen)
    }

    /// A byte is put back where it is still the damaged one; a segment that is gone stays gone.
    async fn heal(&self) -> Result<(), FaultError> {
        let Some(done) = self.done() else { return Ok(()) };
        let Some((at, was, is)) = done.byte else { return Ok(()) };
        if !self.files().exists(&done.path).await.unwrap_or(false) {
            return Ok(());
        }
        let now = self.files().read_at(&done.path, at, 1).await;
        if now.map_err(|error| self.failed(error))? == [is] {
            let written = self.files().write_at(&done.path, at, &[was]).await;
            written.map_err(|error| self.failed(error))?;
            let synced = self.files().sync(&done.path).await;
            synced.map_err(|error| self.failed(error))?;
        }
        Ok(())
    }
}
