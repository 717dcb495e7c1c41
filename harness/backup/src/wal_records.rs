//! The records of a stream of WAL segments, as far as a search for damage needs them.
//!
//! The one idea: a record may begin in one segment and end in the next, so segments are pushed in order and records come
//! out; what does not follow from the record before it ends the stream, as it does for Postgres itself. The layout is that
//! of Postgres 15 to 18 (access/xlogrecord.h, xlog_internal.h), in the byte order of this machine.

use crate::pages::PageName;

const PAGE: usize = 8192;
const SHORT_HEADER: usize = 24;
const LONG_HEADER: usize = 40;
const RECORD_HEADER: usize = 24;
/// Postgres's own limit is 1020 MiB; a drill's records are small, and one is held in memory whole.
const RECORD_BYTES_MAX: usize = 64 << 20;

const CONTINUED: u16 = 0x0001;
const LONG: u16 = 0x0002;

/// Resource managers.
pub(crate) const RM_XLOG: u8 = 0;
pub(crate) const RM_XACT: u8 = 1;
pub(crate) const RM_SMGR: u8 = 2;
pub(crate) const RM_HEAP: u8 = 10;
const XLOG_SWITCH: u8 = 0x40;

/// Where a relation's file is: tablespace, database, number of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelationFile {
    /// OID of the tablespace; 1663 is the default one.
    pub tablespace: u32,
    /// OID of the database.
    pub database: u32,
    /// What `pg_relation_filenode` tells.
    pub file: u32,
}

impl std::fmt::Display for RelationFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.tablespace, self.database, self.file)
    }
}

/// One record, taken apart as far as needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Where it begins.
    pub(crate) lsn: u64,
    pub(crate) xid: u32,
    pub(crate) manager: u8,
    pub(crate) info: u8,
    /// The relation of its first block.
    pub(crate) relation: Option<RelationFile>,
    /// Pages that it makes whole: by an image, or anew.
    pub(crate) images: Vec<PageName>,
    /// Its main data.
    pub(crate) main: Vec<u8>,
}

/// A record that has begun.
struct Begun {
    lsn: u64,
    bytes: Vec<u8>,
    total: usize,
}

/// Takes segments in order, gives records.
#[derive(Default)]
pub(crate) struct Reader {
    begun: Option<Begun>,
    /// Bytes of a record that began before the first segment.
    skip: usize,
    /// Where the last record began: the next one names it.
    last: Option<u64>,
    /// One did not follow: nothing more is read.
    pub(crate) ended: bool,
}

impl Reader {
    /// Reads one segment that begins at the position `base`; `take` is given each record as it is complete.
    pub(crate) fn segment(&mut self, base: u64, bytes: &[u8], take: &mut dyn FnMut(Record)) {
        let mut at = 0;
        while at < bytes.len() && !self.ended {
            if at.is_multiple_of(PAGE) {
                if bytes.len() - at < LONG_HEADER {
                    return;
                }
                match self.page(base + at as u64, &bytes[at..]) {
                    Some(header) => at += header,
                    None => return,
                }
            }
            let page_end = (at / PAGE + 1) * PAGE;
            let page_end = page_end.min(bytes.len());
            if self.skip > 0 {
                let part = self.skip.min(page_end - at);
                self.skip -= part;
                at = aligned(at + part).min(page_end);
                continue;
            }
            if let Some(begun) = &mut self.begun {
                let part = (begun.total - begun.bytes.len()).min(page_end - at);
                begun.bytes.extend_from_slice(&bytes[at..at + part]);
                at += part;
                if begun.bytes.len() < begun.total {
                    continue;
                }
                at = aligned(at).min(page_end);
                let Some(begun) = self.begun.take() else { return };
                let Some(record) = self.complete(begun) else {
                    self.ended = true;
                    return;
                };
                let switched = record.manager == RM_XLOG && record.info & 0xF0 == XLOG_SWITCH;
                take(record);
                if switched {
                    // The rest of the segment is filling.
                    return;
                }
                continue;
            }
            if at + 4 > page_end {
                at = page_end;
                continue;
            }
            let total = u32_at(bytes, at) as usize;
            if total == 0 {
                // Nothing was written beyond.
                return;
            }
            if !(RECORD_HEADER..=RECORD_BYTES_MAX).contains(&total) {
                self.ended = true;
                return;
            }
            self.begun = Some(Begun {
                lsn: base + at as u64,
                bytes: Vec::with_capacity(total),
                total,
            });
        }
    }

    /// The header of a page: its size, or nothing where the page is not the one that belongs there.
    fn page(&mut self, position: u64, page: &[u8]) -> Option<usize> {
        let info = u16_at(page, 2);
        let address = u64_at(page, 8);
        if u16_at(page, 0) == 0 || address != position {
            return None;
        }
        let header = if info & LONG != 0 { LONG_HEADER } else { SHORT_HEADER };
        let left = u32_at(page, 16) as usize;
        if info & CONTINUED != 0 {
            match &self.begun {
                Some(begun) if begun.total - begun.bytes.len() == left => {}
                // It began before the first segment, or its beginning was given up.
                _ if self.skip == 0 => {
                    self.begun = None;
                    self.skip = left;
                }
                _ => {}
            }
        } else {
            // What had begun was given up by a crash: another stands in its place.
            self.begun = None;
            self.skip = 0;
        }
        Some(header)
    }

    fn complete(&mut self, begun: Begun) -> Option<Record> {
        let bytes = &begun.bytes;
        let previous = u64_at(bytes, 8);
        if self.last.is_some_and(|last| last != previous) {
            return None;
        }
        self.last = Some(begun.lsn);
        let Parts { relation, images, main } = parts(bytes)?;
        Some(Record {
            lsn: begun.lsn,
            xid: u32_at(bytes, 4),
            info: bytes[16],
            manager: bytes[17],
            relation,
            images,
            main,
        })
    }
}

/// What a record consists of.
struct Parts {
    relation: Option<RelationFile>,
    images: Vec<PageName>,
    main: Vec<u8>,
}

fn parts(bytes: &[u8]) -> Option<Parts> {
    let mut at = RECORD_HEADER;
    let mut relation = None;
    let mut images = Vec::new();
    // A block of the same relation as the one before it does not name it again.
    let mut before = None;
    let (mut payload, mut main) = (0_usize, 0_usize);
    let need = |at: usize, count: usize| (at + count <= bytes.len()).then_some(());
    // Headers come first, what they announce after them: they end where the rest is as long as they announced.
    while bytes.len() - at > payload + main {
        let id = bytes[at];
        at += 1;
        match id {
            0..=32 => {
                need(at, 3)?;
                let flags = bytes[at];
                // A page that replay makes anew needs no image of it.
                let mut whole = flags & 0x40 != 0;
                payload += usize::from(u16_at(bytes, at + 1));
                at += 3;
                if flags & 0x10 != 0 {
                    need(at, 5)?;
                    payload += usize::from(u16_at(bytes, at));
                    let image = bytes[at + 4];
                    whole |= image & 0x02 != 0;
                    at += 5;
                    // A hole, and compressed: its length follows.
                    if image & 0x01 != 0 && image & 0x1C != 0 {
                        at += 2;
                    }
                }
                if flags & 0x80 == 0 {
                    need(at, 12)?;
                    let file = RelationFile {
                        tablespace: u32_at(bytes, at),
                        database: u32_at(bytes, at + 4),
                        file: u32_at(bytes, at + 8),
                    };
                    relation.get_or_insert(file);
                    before = Some(file);
                    at += 12;
                }
                need(at, 4)?;
                if let (true, Some(relation)) = (whole, before) {
                    images.push(PageName {
                        relation,
                        fork: flags & 0x0F,
                        block: u32_at(bytes, at),
                    });
                }
                at += 4;
            }
            255 => {
                need(at, 1)?;
                main = usize::from(bytes[at]);
                at += 1;
            }
            254 => {
                need(at, 4)?;
                main = u32_at(bytes, at) as usize;
                at += 4;
            }
            253 => at += 2,
            252 => at += 4,
            _ => return None,
        }
        need(at, payload.checked_add(main)?)?;
    }
    if bytes.len() - at != payload + main {
        return None;
    }
    Some(Parts {
        relation,
        images,
        main: bytes[bytes.len() - main..].to_vec(),
    })
}

fn aligned(at: usize) -> usize {
    at.div_ceil(8) * 8
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes
        .get(at..at + 2)
        .map_or(0, |part| u16::from_ne_bytes([part[0], part[1]]))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .and_then(|part| part.try_into().ok())
        .map_or(0, u32::from_ne_bytes)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes
        .get(at..at + 8)
        .and_then(|part| part.try_into().ok())
        .map_or(0, u64::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A record of one block of a relation, with main data.
    fn record(previous: u64, xid: u32, info: u8, manager: u8, file: Option<RelationFile>, main: &[u8]) -> Vec<u8> {
        let mut rest = Vec::new();
        if let Some(file) = file {
            rest.extend([0, 0x00]);
            rest.extend(3_u16.to_ne_bytes());
            for part in [file.tablespace, file.database, file.file, 7] {
                rest.extend(part.to_ne_bytes());
            }
        }
        rest.push(254);
        rest.extend((main.len() as u32).to_ne_bytes());
        if file.is_some() {
            rest.extend([1, 2, 3]);
        }
        rest.extend(main);
        let mut bytes = Vec::new();
        bytes.extend(((RECORD_HEADER + rest.len()) as u32).to_ne_bytes());
        bytes.extend(xid.to_ne_bytes());
        bytes.extend(previous.to_ne_bytes());
        bytes.extend([info, manager, 0, 0, 0, 0, 0, 0]);
        bytes.extend(rest);
        bytes
    }

    /// Lays records out in pages; returns the bytes and where each record begins.
    fn lay(base: u64, size: usize, mains: &[Vec<u8>]) -> (Vec<u8>, Vec<u64>) {
        let mut bytes: Vec<u8> = Vec::new();
        let mut starts = Vec::new();
        let mut previous = 0;
        let page = |bytes: &mut Vec<u8>, left: usize| {
            let first = bytes.len().is_multiple_of(size);
            let info = u16::from(left > 0) | if first { LONG } else { 0 };
            let address = base + bytes.len() as u64;
            bytes.extend(0xD110_u16.to_ne_bytes());
            bytes.extend(info.to_ne_bytes());
            bytes.extend(1_u32.to_ne_bytes());
            bytes.extend(address.to_ne_bytes());
            bytes.extend((left as u32).to_ne_bytes());
            bytes.extend([0; 4]);
            if first {
                bytes.extend([0; 16]);
            }
        };
        for (xid, main) in mains.iter().enumerate() {
            if bytes.len().is_multiple_of(PAGE) {
                page(&mut bytes, 0);
            }
            let file = RelationFile {
                tablespace: 1663,
                database: 5,
                file: 100 + xid as u32,
            };
            let start = base + bytes.len() as u64;
            let mut left = &record(previous, xid as u32, 0x20, RM_HEAP, Some(file), main)[..];
            previous = start;
            starts.push(start);
            while !left.is_empty() {
                if bytes.len().is_multiple_of(PAGE) {
                    page(&mut bytes, left.len());
                }
                let part = left.len().min(PAGE - bytes.len() % PAGE);
                bytes.extend(&left[..part]);
                left = &left[part..];
            }
            while !bytes.len().is_multiple_of(8) {
                bytes.push(0);
            }
        }
        bytes.resize(bytes.len().div_ceil(size) * size, 0);
        (bytes, starts)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_record_comes_out_whole_wherever_pages_and_segments_cut_it(
            lengths in prop::collection::vec(0_usize..30_000, 1..12),
        ) {
            let size = 4 * PAGE;
            let mains: Vec<Vec<u8>> = lengths.iter().map(|length| vec![0xA5; *length]).collect();
            let (bytes, starts) = lay(0x100_0000, size, &mains);
            let mut reader = Reader::default();
            let mut seen = Vec::new();
            for (index, segment) in bytes.chunks(size).enumerate() {
                let base = 0x100_0000 + (index * size) as u64;
                reader.segment(base, segment, &mut |record| seen.push((record.lsn, record.xid, record.main.len(), record.relation.unwrap().file)));
            }
            let wanted: Vec<_> = starts.iter().zip(&lengths).enumerate()
                .map(|(xid, (start, length))| (*start, xid as u32, *length, 100 + xid as u32)).collect();
            prop_assert_eq!(seen, wanted);
        }

        #[test]
        fn whatever_bytes_come_nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..20_000)) {
            let mut reader = Reader::default();
            reader.segment(0, &bytes, &mut |_| {});
            let _ = parts(&bytes.iter().copied().chain([0; RECORD_HEADER]).collect::<Vec<_>>());
        }
    }
}
