//! Page checksums of a base backup, reckoned while its archive is read.
//!
//! The one idea: a manifest only tells that a file is as the server read it; whether what it read was sound, the pages
//! tell themselves. A page that the server wrote while it was being read may be of two halves, and is made whole by the image of
//! it in the WAL of that time: such a page is no damage.

use std::collections::HashSet;

use crate::wal_records::RelationFile;

const PAGE: usize = 8192;
/// Where in a page its checksum and the beginning of what it holds stand (storage/bufpage.h).
const CHECKSUM: usize = 8;
const UPPER: usize = 14;
/// Pages of one file of a relation; the next ones are in the file `.1`.
const FILE_PAGES: u32 = 131_072;
/// Bad pages that are remembered one by one; a backup with more is no better known by more of them.
const REMEMBERED_MAX: usize = 10_000;
/// OIDs of the tablespaces that lie in the data directory.
const DEFAULT_SPACE: u32 = 1663;
const GLOBAL_SPACE: u32 = 1664;

/// A page as WAL names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PageName {
    pub(crate) relation: RelationFile,
    /// 0 the relation itself, 1 free space, 2 visibility, 3 what an unlogged one begins with.
    pub(crate) fork: u8,
    pub(crate) block: u32,
}

/// A page whose checksum does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadPage {
    pub(crate) name: PageName,
    /// The file of the archive.
    pub(crate) file: String,
    pub(crate) found: u16,
    pub(crate) reckoned: u16,
}

/// Looks at the pages of files that go by.
pub(crate) struct PageScan {
    /// Where the backup began: younger pages are written again by replay.
    start: u64,
    open: Option<Open>,
    /// Pages whose checksum was reckoned.
    pub(crate) pages: u64,
    pub(crate) bad: Vec<BadPage>,
    /// Bad ones beyond those remembered.
    pub(crate) more: u64,
}

struct Open {
    file: String,
    relation: RelationFile,
    fork: u8,
    block: u32,
    partial: Vec<u8>,
}

impl PageScan {
    pub(crate) fn new(start: u64) -> PageScan {
        PageScan {
            start,
            open: None,
            pages: 0,
            bad: Vec::new(),
            more: 0,
        }
    }

    /// A file of the archive begins.
    pub(crate) fn file(&mut self, path: &str) {
        self.open = relation(path).map(|(relation, fork, segment)| Open {
            file: path.to_owned(),
            relation,
            fork,
            block: segment.saturating_mul(FILE_PAGES),
            partial: Vec::new(),
        });
    }

    /// The next bytes of it. What is left over at its end is half of a page that was being added: no page yet.
    pub(crate) fn add(&mut self, mut bytes: &[u8]) {
        let Some(mut open) = self.open.take() else { return };
        if !open.partial.is_empty() {
            let part = (PAGE - open.partial.len()).min(bytes.len());
            open.partial.extend_from_slice(&bytes[..part]);
            bytes = &bytes[part..];
            if open.partial.len() == PAGE {
                let page = std::mem::take(&mut open.partial);
                self.page(&mut open, &page);
            }
        }
        let pages = bytes.chunks_exact(PAGE);
        let rest = pages.remainder();
        for page in pages {
            self.page(&mut open, page);
        }
        open.partial.extend_from_slice(rest);
        self.open = Some(open);
    }

    fn page(&mut self, open: &mut Open, page: &[u8]) {
        let block = open.block;
        open.block = block.saturating_add(1);
        let half = |at: usize| u64::from(u32::from_ne_bytes([page[at], page[at + 1], page[at + 2], page[at + 3]]));
        let lsn = half(0) << 32 | half(4);
        let never_written = page[UPPER..UPPER + 2] == [0, 0];
        if never_written || lsn >= self.start {
            return;
        }
        self.pages += 1;
        let found = u16::from_ne_bytes([page[CHECKSUM], page[CHECKSUM + 1]]);
        let reckoned = checksum(page, block);
        if found == reckoned {
            return;
        }
        if self.bad.len() == REMEMBERED_MAX {
            self.more += 1;
            return;
        }
        let name = PageName {
            relation: open.relation,
            fork: open.fork,
            block,
        };
        self.bad.push(BadPage {
            name,
            file: open.file.clone(),
            found,
            reckoned,
        });
    }

    /// Leaves out pages of which the WAL of the backup holds an image: replay puts it in their place.
    pub(crate) fn without(&mut self, images: &HashSet<PageName>) {
        self.bad.retain(|page| !images.contains(&page.name));
    }

    /// What is wrong, in words; `None`: nothing.
    pub(crate) fn problem(&self) -> Option<String> {
        let first = self.bad.first()?;
        Some(format!(
            "{} of {} pages are damaged, as they were in the database when it was backed up: the first is page {} of {}, \
             whose checksum is {:#06x} and should be {:#06x}",
            self.bad.len() as u64 + self.more,
            self.pages,
            first.name.block,
            first.file,
            first.found,
            first.reckoned
        ))
    }
}

/// What a file of the archive is: relation, fork, number of the file. `None`: it holds no pages.
fn relation(path: &str) -> Option<(RelationFile, u8, u32)> {
    let (tablespace, database, name) = match path.split('/').collect::<Vec<_>>()[..] {
        ["global", name] => (GLOBAL_SPACE, 0, name),
        ["base", database, name] => (DEFAULT_SPACE, database.parse().ok()?, name),
        _ => return None,
    };
    let (name, segment) = match name.split_once('.') {
        Some((name, segment)) => (name, segment.parse().ok()?),
        None => (name, 0),
    };
    let (file, fork) = match name.split_once('_') {
        None => (name, 0),
        Some((file, "fsm")) => (file, 1),
        Some((file, "vm")) => (file, 2),
        Some((file, "init")) => (file, 3),
        Some(_) => return None,
    };
    let relation = RelationFile {
        tablespace,
        database,
        file: file.parse().ok()?,
    };
    Some((relation, fork, segment))
}

const SUMS: usize = 32;
const PRIME: u32 = 16_777_619;
/// Where each of the parallel sums begins (storage/checksum_impl.h).
const BEGINNINGS: [u32; SUMS] = [
    0x5B1F_36E9,
    0xB852_5960,
    0x02AB_50AA,
    0x1DE6_6D2A,
    0x79FF_467A,
    0x9BB9_F8A3,
    0x217E_7CD2,
    0x83E1_3D2C,
    0xF8D4_474F,
    0xE39E_B970,
    0x42C6_AE16,
    0x9932_16FA,
    0x7B09_3B5D,
    0x98DA_FF3C,
    0xF718_902A,
    0x0B1C_9CDB,
    0xE58F_764B,
    0x1876_36BC,
    0x5D7B_3BB1,
    0xE73D_E7DE,
    0x92BE_C979,
    0xCCA6_C0B2,
    0x304A_0979,
    0x85AA_43D4,
    0x7831_25BB,
    0x6CA8_EAA2,
    0xE407_EAC6,
    0x4B5C_FC3E,
    0x9FBF_8C76,
    0x15CA_20BE,
    0xF2CA_9FD3,
    0x959B_D756,
];

/// The checksum of a page as Postgres reckons it: an FNV-1a of 32 sums side by side, folded with the number of the block.
fn checksum(page: &[u8], block: u32) -> u16 {
    let mix = |sum: u32, value: u32| {
        let mixed = sum ^ value;
        mixed.wrapping_mul(PRIME) ^ (mixed >> 17)
    };
    let mut sums = BEGINNINGS;
    for (row, words) in page.chunks_exact(4 * SUMS).enumerate() {
        for (at, word) in words.chunks_exact(4).enumerate() {
            let mut bytes = [word[0], word[1], word[2], word[3]];
            if row == 0 && at == CHECKSUM / 4 {
                // It does not count itself.
                (bytes[0], bytes[1]) = (0, 0);
            }
            sums[at] = mix(sums[at], u32::from_ne_bytes(bytes));
        }
    }
    for _ in 0..2 {
        for sum in &mut sums {
            *sum = mix(*sum, 0);
        }
    }
    let folded = sums.iter().fold(0, |all, sum| all ^ sum) ^ block;
    // Never 0, which would say that there is none. It fits: at most 65535.
    (folded % 65_535 + 1) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page that holds something and bears its checksum.
    fn page(block: u32, lsn: u64, fill: u8) -> Vec<u8> {
        let mut page = vec![fill; PAGE];
        page[..4].copy_from_slice(&((lsn >> 32) as u32).to_ne_bytes());
        page[4..8].copy_from_slice(&(lsn as u32).to_ne_bytes());
        page[UPPER..UPPER + 2].copy_from_slice(&8_000_u16.to_ne_bytes());
        let sum = checksum(&page, block);
        page[CHECKSUM..CHECKSUM + 2].copy_from_slice(&sum.to_ne_bytes());
        page
    }

    fn scan(path: &str, content: &[u8], step: usize) -> PageScan {
        let mut scan = PageScan::new(1_000);
        scan.file(path);
        for bytes in content.chunks(step) {
            scan.add(bytes);
        }
        scan
    }

    #[test]
    fn only_files_of_relations_hold_pages() {
        let of = |path| relation(path).map(|(relation, fork, segment)| (relation.to_string(), fork, segment));
        assert_eq!(of("base/5/16384"), Some(("1663/5/16384".into(), 0, 0)));
        assert_eq!(of("base/5/16384_vm.2"), Some(("1663/5/16384".into(), 2, 2)));
        assert_eq!(of("global/1262_fsm"), Some(("1664/0/1262".into(), 1, 0)));
        for other in [
            "global/pg_control",
            "base/5/PG_VERSION",
            "base/5/pg_filenode.map",
            "pg_xact/0000",
            "base/5/t3_16384",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn a_damaged_page_is_found_wherever_the_pieces_are_cut() {
        let mut content: Vec<u8> = (0..5).flat_map(|block| page(block, 10, block as u8 + 1)).collect();
        assert_eq!(scan("base/5/16384", &content, 1_000).problem(), None);
        content[3 * PAGE + 5_000] ^= 4;
        for step in [1_000, PAGE, 3 * PAGE, 1 << 20] {
            let scan = scan("base/5/16384", &content, step);
            assert_eq!(
                (scan.pages, scan.bad.len(), scan.bad[0].name.block),
                (5, 1, 3),
                "{step}"
            );
            assert!(scan.problem().unwrap().contains("page 3 of base/5/16384"));
        }
    }

    #[test]
    fn a_page_of_another_place_is_damage() {
        let content: Vec<u8> = [page(0, 10, 7), page(0, 10, 7)].concat();
        assert_eq!(scan("base/5/16384", &content, PAGE).bad[0].name.block, 1);
        let second = page(FILE_PAGES, 10, 7);
        assert_eq!(scan("base/5/16384.1", &second, PAGE).problem(), None);
    }

    #[test]
    fn what_replay_writes_again_is_no_damage() {
        let mut young = page(0, 1_000, 7);
        young[5_000] ^= 1;
        assert_eq!(scan("base/5/16384", &young, PAGE).problem(), None);
        assert_eq!(
            scan("base/5/16384", &vec![0; PAGE], PAGE).problem(),
            None,
            "never written"
        );
        let mut halves = page(1, 999, 7);
        halves[5_000] ^= 1;
        let content = [page(0, 10, 7), halves].concat();
        let mut scan = scan("base/5/16384", &content, PAGE);
        assert!(scan.problem().is_some());
        scan.without(&[scan.bad[0].name].into());
        assert_eq!(scan.problem(), None);
    }
}
