//! Finding the transaction that did damage in archived WAL, so that recovery can end just before it.
//!
//! The one idea: a table is known by its file, and what a transaction did to it shows by its records: many rows changed at
//! once, or the file gone when it committed. The position of the commit is what recovery stops before: all that other
//! transactions had committed until then is kept, and the damage, never committed, is not.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::record::parse_lsn;
use crate::repository::Repository;
use crate::wal::{WAL_SEGMENT_BYTES, name_of};
use crate::wal_records::{RM_HEAP, RM_SMGR, RM_XACT, Reader, Record, RelationFile, u32_at};

/// Transactions at work at once beyond this are no application's.
const TRANSACTIONS_MAX: usize = 1 << 20;
/// Segments searched at most: 16 GiB of WAL.
const SEGMENTS_MAX: u64 = 1024;

/// What a transaction did to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalChange {
    /// Deleted at least so many rows.
    Deleted(u64),
    /// Updated at least so many rows.
    Updated(u64),
    /// Put another file in the place of the table's: TRUNCATE, or a rewrite by ALTER TABLE.
    Replaced,
    /// Removed the table's file: DROP TABLE.
    Dropped,
}

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalQuery {
    /// The table's file before the damage.
    pub relation: RelationFile,
    /// What was done to it.
    pub change: WalChange,
    /// The timeline.
    pub timeline: u32,
    /// Search from here on: the start of the oldest base backup.
    pub from: u64,
    /// Bytes of a segment.
    pub segment_bytes: u64,
}

/// A transaction that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalFound {
    /// Its id.
    pub xid: u32,
    /// Where it first touched the table.
    pub first_lsn: u64,
    /// Where its commit record begins: recovery must stop before this.
    pub commit_lsn: u64,
    /// Rows of the table that it changed.
    pub rows: u64,
    /// When it committed by the server's clock, microseconds since 1970.
    pub committed_unix_us: i64,
}

/// What a search saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalSearched {
    /// The first transaction that fits.
    pub found: Option<WalFound>,
    /// Segments read.
    pub segments: u64,
    /// Records read.
    pub records: u64,
    /// The last segment read.
    pub until: String,
}

/// What one transaction did to the table so far.
#[derive(Clone, Copy, Default)]
struct Doing {
    first: u64,
    deleted: u64,
    updated: u64,
    files_made: u64,
}

/// Watches records go by.
pub(crate) struct Search<'a> {
    query: &'a WalQuery,
    doing: HashMap<u32, Doing>,
    pub(crate) found: Option<WalFound>,
    pub(crate) records: u64,
    pub(crate) crowded: bool,
}

impl<'a> Search<'a> {
    pub(crate) fn new(query: &'a WalQuery) -> Search<'a> {
        Search {
            query,
            doing: HashMap::new(),
            found: None,
            records: 0,
            crowded: false,
        }
    }

    pub(crate) fn take(&mut self, record: &Record) {
        self.records += 1;
        if self.found.is_some() {
            return;
        }
        match record.manager {
            RM_HEAP if record.relation == Some(self.query.relation) => {
                let operation = record.info & 0x70;
                let (deleted, updated) = (operation == 0x10, matches!(operation, 0x20 | 0x40));
                if deleted || updated {
                    let doing = self.doing(record);
                    doing.deleted += u64::from(deleted);
                    doing.updated += u64::from(updated);
                }
            }
            RM_SMGR if record.info & 0xF0 == 0x10 => self.doing(record).files_made += 1,
            RM_XACT => match record.info & 0x70 {
                0x00 => self.commit(record),
                0x20 => drop(self.doing.remove(&record.xid)),
                _ => {}
            },
            _ => {}
        }
    }

    fn doing(&mut self, record: &Record) -> &mut Doing {
        self.crowded |= self.doing.len() > TRANSACTIONS_MAX;
        if self.crowded {
            self.doing.clear();
        }
        let doing = self.doing.entry(record.xid).or_default();
        if doing.first == 0 {
            doing.first = record.lsn;
        }
        doing
    }

    fn commit(&mut self, record: &Record) {
        let commit = Commit::of(record);
        let mut sum = Doing::default();
        for xid in commit.subtransactions.iter().chain([&record.xid]) {
            let Some(part) = self.doing.remove(xid) else { continue };
            sum.deleted += part.deleted;
            sum.updated += part.updated;
            sum.files_made += part.files_made;
            if sum.first == 0 || part.first < sum.first {
                sum.first = part.first;
            }
        }
        let removed = commit.removed.contains(&self.query.relation);
        let (fits, rows) = match self.query.change {
            WalChange::Deleted(least) => (sum.deleted >= least.max(1), sum.deleted),
            WalChange::Updated(least) => (sum.updated >= least.max(1), sum.updated),
            WalChange::Replaced => (removed && sum.files_made > 0, 0),
            WalChange::Dropped => (removed && sum.files_made == 0, 0),
        };
        if fits {
            self.found = Some(WalFound {
                xid: record.xid,
                first_lsn: if sum.first == 0 { record.lsn } else { sum.first },
                commit_lsn: record.lsn,
                rows,
                committed_unix_us: commit.unix_us,
            });
        }
    }
}

/// What a commit record says.
#[derive(Default)]
struct Commit {
    unix_us: i64,
    subtransactions: Vec<u32>,
    removed: Vec<RelationFile>,
}

impl Commit {
    fn of(record: &Record) -> Commit {
        let main = &record.main;
        // Microseconds since 2000, as Postgres counts.
        const TO_2000: i64 = 946_684_800_000_000;
        let mut commit = Commit {
            unix_us: i64::from_ne_bytes(main.get(..8).and_then(|part| part.try_into().ok()).unwrap_or_default())
                .saturating_add(TO_2000),
            ..Commit::default()
        };
        if record.info & 0x80 == 0 || main.len() < 12 {
            return commit;
        }
        let says = u32_at(main, 8);
        let mut at = 12;
        if says & 1 != 0 {
            at += 8;
        }
        let list = |at: &mut usize, width: usize, take: &mut dyn FnMut(&[u8])| {
            let count = u32_at(main, *at) as usize;
            *at += 4;
            for _ in 0..count {
                let Some(part) = main.get(*at..*at + width) else { return };
                take(part);
                *at += width;
            }
        };
        if says & 2 != 0 {
            list(&mut at, 4, &mut |part| commit.subtransactions.push(u32_at(part, 0)));
        }
        if says & 4 != 0 {
            list(&mut at, 12, &mut |part| {
                commit.removed.push(RelationFile {
                    tablespace: u32_at(part, 0),
                    database: u32_at(part, 4),
                    file: u32_at(part, 8),
                });
            });
        }
        commit
    }
}

impl Repository {
    /// Searches the archived WAL of a timeline from a position on for the first committed transaction that fits. Ends at
    /// the first segment that is missing: what lies behind it cannot be replayed either.
    ///
    /// # Errors
    /// The store does not answer, a segment cannot be trusted, or there is more WAL than can be searched.
    pub async fn search_wal(&self, query: &WalQuery) -> Result<WalSearched> {
        let size = if query.segment_bytes.is_power_of_two() {
            query.segment_bytes
        } else {
            WAL_SEGMENT_BYTES
        };
        let mut search = Search::new(query);
        let mut reader = Reader::default();
        let mut searched = WalSearched {
            found: None,
            segments: 0,
            records: 0,
            until: "none".into(),
        };
        let first = query.from / size;
        for number in first..first + SEGMENTS_MAX {
            let name = crate::wal::segment_name(query.timeline, number, size);
            let Some(bytes) = self.wal_content(&name_of(&name)).await? else {
                break;
            };
            reader.segment(number * size, &bytes, &mut |record| search.take(&record));
            searched.segments += 1;
            searched.records = search.records;
            searched.until = name;
            if search.crowded {
                return Err(Error::Limit {
                    what: "transactions at work at once in the WAL".into(),
                    found: TRANSACTIONS_MAX as u64,
                    limit: TRANSACTIONS_MAX as u64,
                });
            }
            if search.found.is_some() || reader.ended {
                break;
            }
        }
        searched.found = search.found;
        Ok(searched)
    }
}

/// A position as Postgres writes it.
#[must_use]
pub fn lsn_text(lsn: u64) -> String {
    let text = format!("{:X}/{:X}", lsn >> 32, lsn & 0xFFFF_FFFF);
    debug_assert_eq!(parse_lsn(&text), Some(lsn));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: RelationFile = RelationFile {
        tablespace: 1663,
        database: 5,
        file: 16_400,
    };

    fn query(change: WalChange) -> WalQuery {
        WalQuery {
            relation: TABLE,
            change,
            timeline: 1,
            from: 0,
            segment_bytes: WAL_SEGMENT_BYTES,
        }
    }

    fn record(lsn: u64, xid: u32, manager: u8, info: u8, relation: Option<RelationFile>, main: Vec<u8>) -> Record {
        Record {
            lsn,
            xid,
            manager,
            info,
            relation,
            images: Vec::new(),
            main,
        }
    }

    fn commit(lsn: u64, xid: u32, subs: &[u32], removed: &[RelationFile]) -> Record {
        let mut main = 0_i64.to_ne_bytes().to_vec();
        main.extend((1_u32 | 2 | 4).to_ne_bytes());
        main.extend([0; 8]);
        main.extend((subs.len() as u32).to_ne_bytes());
        subs.iter().for_each(|sub| main.extend(sub.to_ne_bytes()));
        main.extend((removed.len() as u32).to_ne_bytes());
        for file in removed {
            for part in [file.tablespace, file.database, file.file] {
                main.extend(part.to_ne_bytes());
            }
        }
        record(lsn, xid, RM_XACT, 0x80, None, main)
    }

    fn run(change: WalChange, records: &[Record]) -> Option<WalFound> {
        let query = query(change);
        let mut search = Search::new(&query);
        records.iter().for_each(|record| search.take(record));
        search.found
    }

    fn updates(xid: u32, count: u64, from: u64) -> Vec<Record> {
        (0..count)
            .map(|i| record(from + i, xid, RM_HEAP, 0x40, Some(TABLE), vec![]))
            .collect()
    }

    #[test]
    fn one_transaction_with_many_rows_is_found_among_clients_that_change_one_each() {
        let mut records = Vec::new();
        for xid in 1..50 {
            records.extend(updates(xid, 1, u64::from(xid) * 10));
            records.push(commit(u64::from(xid) * 10 + 5, xid, &[], &[]));
        }
        assert_eq!(run(WalChange::Updated(2), &records), None);
        let bad = updates(77, 120, 1_000);
        records.extend(bad);
        records.extend(updates(78, 1, 1_500));
        records.push(commit(1_510, 78, &[], &[]));
        records.push(commit(1_600, 77, &[], &[]));
        let found = run(WalChange::Updated(100), &records).unwrap();
        assert_eq!(
            (found.xid, found.first_lsn, found.commit_lsn, found.rows),
            (77, 1_000, 1_600, 120)
        );
        assert_eq!(found.committed_unix_us, 946_684_800_000_000);
    }

    #[test]
    fn what_was_rolled_back_or_hit_another_table_is_not_found() {
        let mut records = updates(7, 200, 10);
        records.push(record(300, 7, RM_XACT, 0x20, None, vec![]));
        assert_eq!(run(WalChange::Updated(100), &records), None);
        let other = RelationFile { file: 1, ..TABLE };
        let mut records: Vec<Record> = updates(8, 200, 10);
        records.iter_mut().for_each(|record| record.relation = Some(other));
        records.push(commit(300, 8, &[], &[]));
        assert_eq!(run(WalChange::Updated(100), &records), None);
    }

    #[test]
    fn rows_of_subtransactions_count_for_the_whole() {
        let mut records = updates(8, 60, 10);
        records.extend(updates(9, 60, 100));
        records.push(commit(300, 7, &[8, 9], &[]));
        assert_eq!(
            run(WalChange::Updated(100), &records).map(|found| found.rows),
            Some(120)
        );
    }

    #[test]
    fn a_drop_is_told_from_a_truncate_by_the_file_that_takes_its_place() {
        let dropped = [commit(100, 7, &[], &[TABLE])];
        assert_eq!(
            run(WalChange::Dropped, &dropped).map(|found| found.commit_lsn),
            Some(100)
        );
        assert_eq!(run(WalChange::Replaced, &dropped), None);
        let truncated = [
            record(90, 7, RM_SMGR, 0x10, None, vec![]),
            commit(100, 7, &[], &[TABLE]),
        ];
        assert_eq!(
            run(WalChange::Replaced, &truncated).map(|found| found.first_lsn),
            Some(90)
        );
        assert_eq!(run(WalChange::Dropped, &truncated), None);
    }
}
