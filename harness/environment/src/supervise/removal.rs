//! Removing a tree of many files fast: where each freed block is given back to the disk at once (`discard`), every
//! removal waits for the disk, thousands of times for a few clusters. So they wait side by side.
//!
//! Every step is taken from an open directory and follows no symbolic link: the trees belong to the unprivileged user
//! that services ran as, who may be someone else's too, while we may be root.

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, unlinkat};
use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many removals wait side by side.
const THREADS: usize = 8;
/// How many files are gathered before they are removed; bounds memory and open directories.
const FILES_MAX: usize = 4096;
const DIRECTORIES_MAX: usize = 128;
/// Deeper trees are left to the caller.
const DEPTH_MAX: usize = 32;

/// One file of an open directory.
type Entry = (Arc<OwnedFd>, CString);

/// Removes the files below `path`, as far as that can be done; directories, and what resists, stay for the caller.
pub(crate) fn remove_files(path: &Path) {
    let mut files = Files::default();
    if let Ok(root) = open(CWD, path) {
        files.gather(&Arc::new(root), 0);
        files.remove();
    }
}

fn open<P: rustix::path::Arg>(at: impl std::os::fd::AsFd, path: P) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(at, path, flags, Mode::empty())
}

#[derive(Default)]
struct Files {
    found: Vec<Entry>,
    directories: usize,
}

impl Files {
    fn gather(&mut self, directory: &Arc<OwnedFd>, depth: usize) {
        self.directories += 1;
        let Ok(entries) = Dir::read_from(directory) else {
            return;
        };
        // All names first: what is removed while a directory is being read may hide others from the reader.
        let entries: Vec<(CString, FileType)> = entries
            .flatten()
            .filter(|entry| !is_self(entry.file_name()))
            .map(|entry| (entry.file_name().to_owned(), entry.file_type()))
            .collect();
        for (name, kind) in entries {
            if matches!(kind, FileType::Directory | FileType::Unknown) {
                if depth < DEPTH_MAX
                    && let Ok(below) = open(directory, name.as_c_str())
                {
                    self.gather(&Arc::new(below), depth + 1);
                }
            } else {
                self.found.push((Arc::clone(directory), name));
            }
            if self.found.len() >= FILES_MAX || self.directories >= DIRECTORIES_MAX {
                self.remove();
            }
        }
    }

    fn remove(&mut self) {
        let found = std::mem::take(&mut self.found);
        self.directories = 0;
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..THREADS.min(found.len()) {
                // A thread that cannot be had is not missed: the caller removes what is left.
                let _ = std::thread::Builder::new().spawn_scoped(scope, || {
                    while let Some((directory, name)) = found.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let _ = unlinkat(directory, name.as_c_str(), AtFlags::empty());
                    }
                });
            }
        });
    }
}

fn is_self(name: &CStr) -> bool {
    matches!(name.to_bytes(), b"." | b"..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_go_links_are_not_followed_and_many_directories_are_no_trouble() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("kept"), b"kept").unwrap();
        let tree = tempfile::tempdir().unwrap();
        for number in 0..3 * DIRECTORIES_MAX {
            let directory = tree.path().join(format!("{}/{number}", number % 5));
            fs::create_dir_all(&directory).unwrap();
            for file in 0..3 {
                fs::write(directory.join(file.to_string()), b"gone").unwrap();
            }
        }
        std::os::unix::fs::symlink(outside.path(), tree.path().join("0/link")).unwrap();
        remove_files(tree.path());
        let mut left = vec![tree.path().to_path_buf()];
        while let Some(directory) = left.pop() {
            for entry in fs::read_dir(directory).unwrap().flatten() {
                assert!(entry.file_type().unwrap().is_dir(), "{}", entry.path().display());
                left.push(entry.path());
            }
        }
        assert!(outside.path().join("kept").exists());
        // Not a directory, and nothing at all.
        remove_files(&outside.path().join("kept"));
        remove_files(&outside.path().join("none"));
        assert!(outside.path().join("kept").exists());
    }
}
