//! One key: what the version that was found says of every version that was acked.
//!
//! The one idea: walk from the version found down the chain of versions that it grew from. What the chain passes
//! through is kept, what it jumps over is lost, and where the answers leave the chain open to doubt, older versions
//! that another life acked are possibly lost.

use crate::ledger::{Content, OperationKind, OperationOutcome, UNSTATED};
use crate::stamp::Nanos;

use super::lives::Life;

/// What became of an acked version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Fate {
    /// Not an acked write, or nothing can be said.
    Open = 0,
    Kept = 1,
    Lost = 2,
    /// Another incarnation may have overwritten it after losing it.
    Possibly = 3,
    /// Kept as far as an absent row tells: the newest delete took effect, or the key was lost with its whole past. It is
    /// not counted as lost, and proves nothing of what else must have been kept.
    Presumed = 4,
}

/// One version of a key as the clients know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Version {
    pub(crate) version: u32,
    /// Index of the write that makes it; `None`: no client ever tried (a read saw it).
    pub(crate) write: Option<u32>,
    pub(crate) outcome: OperationOutcome,
    pub(crate) kind: OperationKind,
    /// When it was acknowledged, by the write's answer or by a read that returned it.
    pub(crate) acked: Option<Nanos>,
    pub(crate) sent: Nanos,
    pub(crate) replaced: u32,
    /// Its incarnation was stated by the answer itself.
    pub(crate) stated: bool,
    pub(crate) life: Option<Life>,
    pub(crate) fate: Fate,
}

impl Version {
    fn attempted(&self) -> bool {
        self.write.is_some() && (self.acked.is_some() || self.outcome == OperationOutcome::Indeterminate)
    }
}

/// What the final read says of one key beyond its versions' fates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyCounts {
    pub(crate) recovered: u64,
    pub(crate) mutated: u64,
    pub(crate) unexpected: u64,
    pub(crate) duplicated: u64,
    pub(crate) dangling: u64,
    /// Holes of a component whose keys are recovery domains of their own.
    pub(crate) holes: u64,
}

/// Judges one key. `versions` rise; `rows` are what the serving final read found of it.
pub(crate) fn settle(versions: &mut [Version], rows: &[(u32, Content)], own_domain: bool) -> KeyCounts {
    let mut counts = KeyCounts {
        duplicated: u64::from(rows.len() > 1),
        ..KeyCounts::default()
    };
    let mut newest: Option<usize> = None;
    let (mut mutated, mut unexpected) = (false, false);
    for (version, content) in rows {
        let known = versions.binary_search_by_key(version, |known| known.version).ok();
        counts.dangling += u64::from(*content == Content::Dangling);
        match known {
            _ if *content == Content::Mutated => mutated = true,
            Some(index) if versions[index].attempted() => {
                if versions[index].kind == OperationKind::Delete {
                    // A delete leaves no row: this content is no attempt of it.
                    mutated = true;
                } else {
                    newest = newest.max(Some(index));
                }
            }
            _ => unexpected = true,
        }
    }
    counts.mutated = u64::from(mutated);
    counts.unexpected = u64::from(unexpected);
    if newest.is_none() && !rows.is_empty() {
        // Only content that nobody attempted: neither kept nor lost.
        return counts;
    }
    if rows.is_empty() {
        newest = absence(versions, versions.len());
    }
    descend(versions, newest);
    if rows.is_empty() {
        for version in versions.iter_mut().filter(|version| version.fate == Fate::Kept) {
            version.fate = Fate::Presumed;
        }
    }
    if newest.is_some_and(|index| versions[index].acked.is_none()) {
        counts.recovered = 1;
    }
    if own_domain {
        counts.holes = holes(versions);
    }
    counts
}

/// The newest delete below `below` that may have taken effect: what an absent key shows.
fn absence(versions: &[Version], below: usize) -> Option<usize> {
    versions[..below]
        .iter()
        .rposition(|version| version.attempted() && version.kind == OperationKind::Delete)
}

/// Walks the chain down from the version found.
fn descend(versions: &mut [Version], found: Option<usize>) {
    let mark = |versions: &mut [Version], fate: Fate| {
        for version in versions
            .iter_mut()
            .filter(|version| version.acked.is_some() && version.write.is_some())
        {
            version.fate = fate;
        }
    };
    let Some(mut at) = found else {
        mark(versions, Fate::Lost);
        return;
    };
    mark(&mut versions[at + 1..], Fate::Lost);
    let mut kept = Fate::Kept;
    loop {
        mark(&mut versions[at..=at], kept);
        let stated = versions[at].acked.is_some() && versions[at].replaced < versions[at].version;
        if stated && versions[at].replaced != UNSTATED {
            let replaced = versions[at].replaced;
            let target = if replaced == 0 {
                // From here on down an absent row is all the proof there is.
                kept = Fate::Presumed;
                absence(versions, at)
            } else {
                versions[..at]
                    .binary_search_by_key(&replaced, |version| version.version)
                    .ok()
            };
            let Some(target) = target else {
                // It replaced nothing, or a version that nobody knows: below that one nothing can be said.
                let known = versions[..at].partition_point(|version| version.version < replaced);
                mark(&mut versions[..known], Fate::Possibly);
                mark(&mut versions[known..at], Fate::Lost);
                return;
            };
            mark(&mut versions[target + 1..at], Fate::Lost);
            at = target;
        } else {
            let older = versions[..at]
                .iter()
                .rposition(|version| version.acked.is_some() && version.write.is_some());
            let Some(older) = older else { return };
            if versions[older].life.is_none() || versions[older].life != versions[at].life {
                mark(&mut versions[..at], Fate::Possibly);
                return;
            }
            at = older;
        }
    }
}

/// Lost versions acked before a kept version of the same life was invoked.
fn holes(versions: &[Version]) -> u64 {
    let mut holes = 0;
    let mut newest: Vec<(Life, Nanos)> = Vec::new();
    for version in versions.iter().rev() {
        let Some(life) = version.life else { continue };
        let kept = newest.iter().position(|(of, _)| *of == life);
        match (version.fate, kept) {
            (Fate::Kept, Some(index)) if version.stated => newest[index].1 = newest[index].1.max(version.sent),
            (Fate::Kept, None) if version.stated => newest.push((life, version.sent)),
            (Fate::Lost, Some(index)) => {
                holes += u64::from(version.acked.is_some_and(|acked| acked < newest[index].1));
            }
            _ => {}
        }
    }
    holes
}
