//! Shared memory that a killed Postgres leaves: its System V segment, and the files it keeps in /dev/shm.
//!
//! The list of a cluster's files stands in one of them, the control segment, which the postmaster maps through its
//! whole life: knowing that one is enough to find all, also those that no process maps.

use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const DIRECTORY: &str = "/dev/shm";
const PREFIX: &str = "PostgreSQL.";
/// First word of a control segment (PG_DYNSHMEM_CONTROL_MAGIC of Postgres 14 and later).
const CONTROL_MAGIC: u32 = 0x9a50_3d32;
/// Size of one entry of a control segment: handle, count of references, place, pinning.
const CONTROL_ITEM_BYTES: usize = 40;

/// A System V segment as the kernel lists it.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) id: i32,
    pub(crate) key: i64,
    pub(crate) owner: u32,
    pub(crate) creator: i32,
    pub(crate) attached: u64,
    /// Seconds of the Unix clock.
    pub(crate) changed: u64,
}

/// Every System V segment of the machine.
pub(crate) fn segments() -> Vec<Segment> {
    parse_segments(&fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default())
}

fn parse_segments(table: &str) -> Vec<Segment> {
    let mut lines = table.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split_ascii_whitespace().collect();
    lines
        .filter_map(|line| {
            let values: Vec<&str> = line.split_ascii_whitespace().collect();
            let value = |name: &str| values.get(names.iter().position(|known| *known == name)?).copied();
            Some(Segment {
                id: value("shmid")?.parse().ok()?,
                key: value("key")?.parse().ok()?,
                owner: value("uid")?.parse().ok()?,
                creator: value("cpid")?.parse().ok()?,
                attached: value("nattch")?.parse().ok()?,
                changed: value("ctime")?.parse().ok()?,
            })
        })
        .collect()
}

/// The segment that a data directory's postmaster.pid names on its line 7, as (id, key).
pub(crate) fn segment_of(data_directory: &Path) -> Option<(i32, i64)> {
    let lock = fs::read_to_string(data_directory.join("postmaster.pid")).ok()?;
    let mut words = lock.lines().nth(6)?.split_ascii_whitespace();
    let key: u64 = words.next()?.parse().ok()?;
    let id = words.next()?.parse().ok()?;
    // The file shows the key as an unsigned long, the kernel as a signed int.
    Some((id, i64::from((key & 0xffff_ffff) as u32 as i32)))
}

/// Removes a System V segment. There is no safe system call for it: `ipcrm` (util-linux) does it, else Perl.
pub(crate) fn remove_segment(id: i32) -> bool {
    let quiet = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let id = id.to_string();
    quiet("ipcrm", &["-m", &id])
        || quiet("/usr/bin/ipcrm", &["-m", &id])
        || quiet("perl", &["-e", "exit(defined(shmctl($ARGV[0], 0, 0)) ? 0 : 1)", &id])
}

/// The System V segments that a process has attached, as (id, key).
pub(crate) fn attached_by(pid: i32) -> HashSet<(i32, i64)> {
    fs::read_to_string(format!("/proc/{pid}/maps"))
        .map(|maps| parse_attached(&maps))
        .unwrap_or_default()
}

fn parse_attached(maps: &str) -> HashSet<(i32, i64)> {
    maps.lines()
        .filter_map(|line| {
            // The kernel shows the segment's id as inode, and its key in the name.
            let mut fields = line.split_ascii_whitespace().skip(4);
            let id = fields.next()?.parse().ok()?;
            let key = u32::from_str_radix(fields.next()?.strip_prefix("/SYSV")?, 16).ok()?;
            Some((id, i64::from(key.cast_signed())))
        })
        .collect()
}

/// A file of /dev/shm, told apart from a later one of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct SharedFile {
    pub(crate) name: String,
    pub(crate) inode: u64,
}

/// The files of /dev/shm made by Postgres that a process maps, or holds open since it is about to map them.
pub(crate) fn mapped_by(pid: i32) -> HashSet<SharedFile> {
    let mut files = fs::read_to_string(format!("/proc/{pid}/maps"))
        .map(|maps| parse_maps(&maps))
        .unwrap_or_default();
    let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    files.extend(open.filter_map(|entry| {
        let path = fs::read_link(entry.path()).ok()?;
        let name = path.strip_prefix(DIRECTORY).ok()?.to_str()?;
        let inode = fs::metadata(entry.path()).ok()?.ino();
        (name.starts_with(PREFIX) && !name.ends_with(" (deleted)")).then(|| SharedFile {
            name: name.to_owned(),
            inode,
        })
    }));
    files
}

fn parse_maps(maps: &str) -> HashSet<SharedFile> {
    maps.lines()
        .filter(|line| !line.ends_with("(deleted)"))
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace().skip(4);
            let inode = fields.next()?.parse().ok()?;
            let name = Path::new(fields.next()?).strip_prefix(DIRECTORY).ok()?.to_str()?;
            name.starts_with(PREFIX).then(|| SharedFile {
                name: name.to_owned(),
                inode,
            })
        })
        .collect()
}

impl SharedFile {
    fn path(&self) -> PathBuf {
        Path::new(DIRECTORY).join(&self.name)
    }

    /// Removes the file and, if it is a control segment, every file that it lists. Tells how many went.
    pub(crate) fn remove(&self) -> usize {
        let Ok(metadata) = self.path().symlink_metadata() else {
            return 0;
        };
        if metadata.ino() != self.inode || !metadata.is_file() {
            return 0;
        }
        let listed = fs::read(self.path())
            .map(|content| handles(&content))
            .unwrap_or_default();
        let mut removed = 0;
        for handle in listed {
            let path = Path::new(DIRECTORY).join(format!("{PREFIX}{handle}"));
            let ours = path
                .symlink_metadata()
                .is_ok_and(|other| other.is_file() && other.uid() == metadata.uid());
            removed += usize::from(ours && path != self.path() && fs::remove_file(path).is_ok());
        }
        removed + usize::from(fs::remove_file(self.path()).is_ok())
    }
}

/// The handles that a control segment lists; nothing if it is not one.
fn handles(content: &[u8]) -> Vec<u32> {
    let word = |at: usize| {
        content
            .get(at..at + 4)
            .and_then(|bytes| Some(u32::from_ne_bytes(bytes.try_into().ok()?)))
    };
    if word(0) != Some(CONTROL_MAGIC) {
        return Vec::new();
    }
    let (count, most) = (word(4).unwrap_or(0), word(8).unwrap_or(0));
    // The header is three words, padded to eight bytes.
    (0..count.min(most) as usize)
        .map_while(|index| {
            Some((
                word(16 + index * CONTROL_ITEM_BYTES)?,
                word(20 + index * CONTROL_ITEM_BYTES)?,
            ))
        })
        .filter(|(_, references)| *references > 0)
        .map(|(handle, _)| handle)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read_by_its_names() {
        let table = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      \
                     atime      dtime      ctime                   rss                  swap\n\
                     -5 3 600 56 100 200 0 65534 65534 65534 65534 1 2 1700000000 4096 0\n";
        let segments = parse_segments(table);
        assert_eq!(segments.len(), 1);
        let segment = &segments[0];
        assert_eq!(
            (segment.id, segment.key, segment.creator, segment.attached),
            (3, -5, 100, 0)
        );
        assert_eq!((segment.owner, segment.changed), (65534, 1_700_000_000));
    }

    #[test]
    fn a_control_segment_lists_its_files_and_nothing_else_does() {
        let mut content = Vec::new();
        for word in [CONTROL_MAGIC, 2, 100, 0] {
            content.extend(u32::to_ne_bytes(word));
        }
        for (handle, references) in [(77_u32, 2_u32), (78, 0)] {
            content.extend(handle.to_ne_bytes());
            content.extend(references.to_ne_bytes());
            content.extend([0; CONTROL_ITEM_BYTES - 8]);
        }
        assert_eq!(handles(&content), [77]);
        content[0] ^= 1;
        assert!(handles(&content).is_empty());
        assert!(handles(&[]).is_empty());
    }

    #[test]
    fn maps_name_the_segments_by_id_and_key() {
        let maps = "7f00-7f01 rw-s 00000000 00:01 393252  /SYSV0052ab77 (deleted)\n\
                    7f00-7f01 rw-s 00000000 00:01 7  /SYSVfffffffb (deleted)\n\
                    7f00-7f01 rw-s 00000000 00:01 8  /dev/zero (deleted)\n";
        assert_eq!(parse_attached(maps), HashSet::from([(393_252, 0x52_ab77), (7, -5)]));
    }

    #[test]
    fn maps_name_the_files_that_still_exist() {
        let maps = "7f00-7f01 rw-s 00000000 00:19 42 /dev/shm/PostgreSQL.123\n\
                    7f02-7f03 rw-s 00000000 00:19 43 /dev/shm/PostgreSQL.9 (deleted)\n\
                    7f04-7f05 rw-s 00000000 00:19 44 /dev/shm/other\n";
        let expected = SharedFile {
            name: "PostgreSQL.123".into(),
            inode: 42,
        };
        assert_eq!(parse_maps(maps), HashSet::from([expected]));
    }
}
