//! Operations and rows dealt into buckets that fit into a core's own cache.
//!
//! The one idea: what is dealt is a card of fourteen bytes that says enough of most operations. The operations
//! themselves lie far apart, and looking at one costs more than sorting its card.

/// Cards per bucket aimed at.
const BUCKET: usize = 8_192;
/// More buckets than this no longer write in streams.
const BUCKETS_MAX: usize = 1 << 15;
/// 2^64 over the golden ratio: spreads keys that count up.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
/// On cards that do not say enough.
const ELABORATE: u16 = u16::MAX;

/// What is dealt of one operation or row. In halves of words, since a wider field would round its size up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Card {
    hash: [u16; 4],
    index: [u16; 2],
    plain: u16,
}

impl Card {
    /// For a key of a space. `plain` is what is to be known of it where nothing else matters.
    pub(super) fn new(space: u16, key: u64, plain: Option<u16>) -> Card {
        // Nothing is lost by hashing: within one space each key has a hash of its own.
        let hash = (key ^ (u64::from(space) << 47)).wrapping_mul(SPREAD);
        Card {
            hash: [
                (hash >> 48) as u16,
                (hash >> 32) as u16,
                (hash >> 16) as u16,
                hash as u16,
            ],
            index: [0; 2],
            plain: plain.unwrap_or(ELABORATE),
        }
    }

    fn at(self, index: u32) -> Card {
        Card {
            index: [(index >> 16) as u16, index as u16],
            ..self
        }
    }

    /// Of the key: the same for keys that are the same, and for one key of another space.
    pub(super) fn hash(&self) -> u64 {
        self.hash.iter().fold(0, |hash, part| hash << 16 | u64::from(*part))
    }

    /// Of the operation or row.
    pub(super) fn index(&self) -> u32 {
        u32::from(self.index[0]) << 16 | u32::from(self.index[1])
    }

    /// What was to be known; `None`: look at the operation.
    pub(super) fn plain(&self) -> Option<u16> {
        (self.plain != ELABORATE).then_some(self.plain)
    }
}

/// Into how many buckets, and which one a card belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scatter {
    bits: u32,
}

impl Scatter {
    pub(super) fn of(count: usize) -> Scatter {
        let buckets = count.div_ceil(BUCKET).clamp(1, BUCKETS_MAX).next_power_of_two();
        Scatter { bits: buckets.ilog2() }
    }

    pub(super) fn buckets(self) -> usize {
        1 << self.bits
    }

    fn bucket(self, card: &Card) -> usize {
        card.hash().checked_shr(64 - self.bits).unwrap_or(0) as usize
    }
}

/// Cards by bucket: those of bucket `b` lie between `starts[b]` and `starts[b + 1]`.
pub(super) struct Dealt {
    starts: Vec<u32>,
    cards: Vec<Card>,
}

impl Dealt {
    /// Deals those indices below `count` (under 2^32) that have a card.
    pub(super) fn deal(scatter: Scatter, count: usize, card_of: impl Fn(usize) -> Option<Card>) -> Dealt {
        let mut starts = vec![0_u32; scatter.buckets() + 1];
        for index in 0..count {
            if let Some(card) = card_of(index) {
                starts[scatter.bucket(&card) + 1] += 1;
            }
        }
        for bucket in 0..scatter.buckets() {
            starts[bucket + 1] += starts[bucket];
        }
        let mut next = starts.clone();
        let mut cards = vec![Card::default(); starts[scatter.buckets()] as usize];
        for index in 0..count {
            if let Some(card) = card_of(index) {
                let next = &mut next[scatter.bucket(&card)];
                cards[*next as usize] = card.at(index as u32);
                *next += 1;
            }
        }
        Dealt { starts, cards }
    }

    /// The cards of a bucket, to be ordered by whoever takes them.
    pub(super) fn bucket(&mut self, bucket: usize) -> &mut [Card] {
        &mut self.cards[self.starts[bucket] as usize..self.starts[bucket + 1] as usize]
    }
}

/// Takes the cards of a bucket and the rows' key by key.
pub(super) fn by_key(cards: &mut [Card], rows: &mut [Card], mut take: impl FnMut(&[Card], &[Card])) {
    cards.sort_unstable_by_key(Card::hash);
    rows.sort_unstable_by_key(Card::hash);
    let (mut cards, mut rows) = (&*cards, &*rows);
    loop {
        let next = cards.first().map(Card::hash);
        let Some(hash) = next.into_iter().chain(rows.first().map(Card::hash)).min() else {
            return;
        };
        let own = cards.iter().take_while(|card| card.hash() == hash).count();
        let own_rows = rows.iter().take_while(|card| card.hash() == hash).count();
        take(&cards[..own], &rows[..own_rows]);
        (cards, rows) = (&cards[own..], &rows[own_rows..]);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::event::{Class, Role};
    use crate::judge::classify::{Ground, classify};
    use crate::ledger::{Content, FoundRow, Operation, OperationKind, OperationOutcome};

    #[test]
    fn keys_of_two_spaces_that_hash_alike_are_still_told_apart() {
        let key_in = |space: u16| 5 ^ (u64::from(space) << 47);
        assert_eq!(
            Card::new(1, key_in(1), None).hash(),
            Card::new(2, key_in(2), None).hash()
        );
        let class = |id, space| Class {
            id,
            service: format!("s{id}"),
            component: "database".to_owned(),
            tier: None,
            space,
            role: Role::Workload,
        };
        let serving = BTreeMap::from([("database".to_owned(), 0)]);
        let ground = Ground::new(&[class(0, 1), class(1, 2)], &serving);
        let write = |class: u16| Operation {
            scheduled: 0,
            sent: 0,
            done: 10,
            key: key_in(class + 1),
            version: 1,
            replaced: 0,
            incarnation: 0,
            class,
            kind: OperationKind::Insert,
            outcome: OperationOutcome::Acked,
            flags: 0,
            attempts: 1,
        };
        let row = |space: u16| FoundRow {
            key: key_in(space),
            version: 1,
            space,
            incarnation: 0,
            content: Content::Genuine,
        };
        let of = |operations: &[Operation], found: &[FoundRow]| {
            let counts = classify(&ground, operations, found).by_component(&ground)["database"];
            (counts.acked, counts.kept, counts.lost, counts.unexpected)
        };
        // Both written, one found.
        assert_eq!(of(&[write(0), write(1)], &[row(2)]), (2, 1, 1, 0));
        // One written, the other found.
        assert_eq!(of(&[write(0)], &[row(2)]), (1, 0, 1, 1));
        assert_eq!(of(&[write(1)], &[row(2)]), (1, 1, 0, 0));
    }

    #[test]
    fn every_card_is_dealt_once_and_keys_stay_together() {
        let scatter = Scatter::of(50_000);
        assert!(scatter.buckets() > 4);
        let card_of = |index: usize| {
            let plain = index.is_multiple_of(2).then_some(7);
            (!index.is_multiple_of(3)).then(|| Card::new(1, (index / 4) as u64, plain))
        };
        let mut dealt = Dealt::deal(scatter, 50_000, card_of);
        let (mut seen, mut keys) = (Vec::new(), 0);
        for bucket in 0..scatter.buckets() {
            by_key(dealt.bucket(bucket), &mut [], |own, _| {
                keys += 1;
                for card in own {
                    let index = card.index() as usize;
                    assert_eq!(card.plain(), index.is_multiple_of(2).then_some(7));
                    assert_eq!(card.hash(), Card::new(1, (index / 4) as u64, None).hash());
                    seen.push(index);
                }
            });
        }
        seen.sort_unstable();
        let all: Vec<usize> = (0..50_000).filter(|index| card_of(*index).is_some()).collect();
        assert_eq!((seen, keys), (all, 12_500));
    }
}
