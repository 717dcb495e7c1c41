//! What a bucket holds, page by page, read from the directory that it is.
//!
//! The one idea: a page is one walk in one go, on a thread that may block. Where each entry is asked for by itself, a thousand
//! objects cost thousands of changes of thread, and on a busy machine each of those waits its turn: seconds for a page.
//! What vanishes while it is walked over is not there.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What a client wants to see.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// Keys that begin so.
    pub(super) prefix: String,
    /// Keys that have this behind the prefix are told as one, up to its first end.
    pub(super) delimiter: Option<String>,
    /// Keys behind this one.
    pub(super) after: Option<String>,
    /// No more of them.
    pub(super) most: usize,
}

/// One line of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Object {
        key: String,
        bytes: u64,
        written: SystemTime,
    },
    /// Keys that are told as one.
    Common(String),
}

/// Lines in the order of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) entries: Vec<Entry>,
    /// Where the next page begins; `None`: this is the last one.
    pub(super) next_after: Option<String>,
}

/// A page of the bucket in `root`, or an error of kind `NotFound` where there is none.
pub(super) fn page(root: &Path, asked: &Asked) -> io::Result<Page> {
    if !fs::metadata(root)?.is_dir() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut walk = Walk {
        asked,
        found: BTreeMap::new(),
    };
    // Everything that begins so lies below the last folder that the prefix names.
    match asked.prefix.rsplit_once('/') {
        None => walk.folder(root, "")?,
        Some((folder, _)) if folder.split('/').all(is_name) => {
            walk.folder(&root.join(folder), &format!("{folder}/"))?;
        }
        Some(_) => {}
    }
    let more = walk.found.len() > asked.most;
    let mut page = Page::default();
    for (key, path) in walk.found.into_iter().take(asked.most) {
        page.next_after = Some(key.clone());
        match path {
            None => page.entries.push(Entry::Common(key)),
            Some(path) => {
                if let Some(metadata) = unless_gone(fs::symlink_metadata(path))? {
                    page.entries.push(Entry::Object {
                        key,
                        bytes: metadata.len(),
                        written: metadata.modified()?,
                    });
                }
            }
        }
    }
    if !more {
        page.next_after = None;
    }
    Ok(page)
}

struct Walk<'a> {
    asked: &'a Asked,
    /// By key: where the object lies, nothing for keys that are told as one.
    found: BTreeMap<String, Option<PathBuf>>,
}

impl Walk<'_> {
    /// `key` is what all keys in the folder begin with: empty, or with a slash at its end.
    fn folder(&mut self, folder: &Path, key: &str) -> io::Result<()> {
        for entry in entries(folder)? {
            let (name, kind) = entry?;
            let Some(name) = name.to_str() else { continue };
            let path = folder.join(name);
            if kind.is_dir() {
                self.below(&path, &format!("{key}{name}/"))?;
            } else {
                self.object(path, format!("{key}{name}"));
            }
        }
        Ok(())
    }

    fn below(&mut self, folder: &Path, key: &str) -> io::Result<()> {
        let prefix = self.asked.prefix.as_str();
        if !key.starts_with(prefix) && !prefix.starts_with(key) {
            return Ok(());
        }
        // One object tells as much as all of them.
        if let Some(common) = self.common(key) {
            if self.is_wanted(&common) && holds_an_object(folder)? {
                self.found.insert(common, None);
            }
            return Ok(());
        }
        self.folder(folder, key)
    }

    fn object(&mut self, path: PathBuf, key: String) {
        if !key.starts_with(&self.asked.prefix) {
            return;
        }
        let (key, path) = match self.common(&key) {
            Some(common) => (common, None),
            None => (key, Some(path)),
        };
        if self.is_wanted(&key) {
            self.found.insert(key, path);
        }
    }

    /// What a key is told as, where it is not told by itself.
    fn common(&self, key: &str) -> Option<String> {
        let delimiter = self.asked.delimiter.as_deref().filter(|one| !one.is_empty())?;
        let behind = key.strip_prefix(&self.asked.prefix)?;
        let end = behind.find(delimiter)? + delimiter.len();
        Some(key[..self.asked.prefix.len() + end].to_owned())
    }

    fn is_wanted(&self, key: &str) -> bool {
        self.asked.after.as_deref().is_none_or(|after| key > after)
    }
}

/// Whether a part of a key can be the name of a folder below the bucket.
fn is_name(part: &str) -> bool {
    !["", ".", ".."].contains(&part)
}

/// Folders stay when their last object is gone.
fn holds_an_object(folder: &Path) -> io::Result<bool> {
    for entry in entries(folder)? {
        let (name, kind) = entry?;
        if !kind.is_dir() || holds_an_object(&folder.join(name))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Names and kinds of what is in a folder; of one that is gone, none.
fn entries(folder: &Path) -> io::Result<impl Iterator<Item = io::Result<(std::ffi::OsString, fs::FileType)>> + use<>> {
    let read = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => None,
        read => unless_gone(read)?,
    };
    Ok(read.into_iter().flatten().filter_map(|entry| {
        let told = entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?)));
        unless_gone(told).transpose()
    }))
}

fn unless_gone<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(keys: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for key in keys {
            let path = root.path().join(key);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, key).unwrap();
        }
        root
    }

    fn asked(prefix: &str, delimiter: Option<&str>) -> Asked {
        Asked {
            prefix: prefix.into(),
            delimiter: delimiter.map(str::to_owned),
            after: None,
            most: 1000,
        }
    }

    /// Objects by their keys, keys that are told as one in brackets.
    fn told(root: &Path, asked: &Asked) -> (Vec<String>, Option<String>) {
        let page = page(root, asked).unwrap();
        let lines = page.entries.into_iter().map(|entry| match entry {
            Entry::Object { key, bytes, .. } => {
                assert_eq!(bytes, key.len() as u64);
                key
            }
            Entry::Common(key) => format!("[{key}]"),
        });
        (lines.collect(), page.next_after)
    }

    const KEYS: [&str; 6] = ["a-b", "a/b/1", "a/b/2", "a/c", "a0", "z/y/x"];

    #[test]
    fn keys_come_in_their_order_and_by_prefix() {
        let root = bucket(&KEYS);
        let all = |prefix: &str| told(root.path(), &asked(prefix, None)).0;
        assert_eq!(all(""), KEYS, "a slash sorts by itself, not by folders");
        assert_eq!(all("a/"), ["a/b/1", "a/b/2", "a/c"]);
        assert_eq!(all("a/b"), ["a/b/1", "a/b/2"]);
        assert_eq!(all("a/b/2"), ["a/b/2"]);
        assert_eq!(all("a"), KEYS[..5]);
        for nothing in ["b", "a/c/", "a/c/d", "a//b", "../", "a/../a/", "./a"] {
            assert_eq!(all(nothing), [""; 0], "{nothing}");
        }
    }

    #[test]
    fn a_prefix_leads_nowhere_out_of_the_bucket() {
        let root = bucket(&["one/in", "two/out"]);
        let (found, _) = told(&root.path().join("one"), &asked("../two/", None));
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn keys_below_a_delimiter_are_told_as_one_and_emptied_folders_not_at_all() {
        let root = bucket(&KEYS);
        fs::create_dir_all(root.path().join("emptied/of/all")).unwrap();
        let all = |prefix: &str, delimiter: &str| told(root.path(), &asked(prefix, Some(delimiter))).0;
        assert_eq!(all("", "/"), ["a-b", "[a/]", "a0", "[z/]"]);
        assert_eq!(all("a/", "/"), ["[a/b/]", "a/c"]);
        assert_eq!(all("a", "-"), ["[a-]", "a/b/1", "a/b/2", "a/c", "a0"]);
        assert_eq!(all("", "b/"), ["a-b", "[a/b/]", "a/c", "a0", "z/y/x"]);
        assert_eq!(all("", ""), KEYS, "nothing delimits nothing");
    }

    #[test]
    fn pages_follow_one_another_without_gap_or_repetition() {
        let root = bucket(&KEYS);
        for delimiter in [None, Some("/")] {
            let whole = told(root.path(), &asked("", delimiter)).0;
            for most in 1..=7 {
                let mut pages = Vec::new();
                let mut next = Asked {
                    most,
                    ..asked("", delimiter)
                };
                loop {
                    let (lines, after) = told(root.path(), &next);
                    assert!(lines.len() <= most);
                    pages.extend(lines);
                    match after {
                        Some(after) => next.after = Some(after),
                        None => break,
                    }
                }
                assert_eq!(pages, whole, "{most} at a time");
            }
        }
        let none = Asked {
            most: 0,
            ..asked("", None)
        };
        assert_eq!(told(root.path(), &none), (Vec::new(), None));
    }

    #[test]
    fn a_bucket_that_is_not_there_is_told_from_an_empty_one() {
        let root = bucket(&["file"]);
        for path in ["absent", "file"] {
            let error = page(&root.path().join(path), &asked("", None)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound, "{path}");
        }
        fs::create_dir(root.path().join("empty")).unwrap();
        assert_eq!(
            page(&root.path().join("empty"), &asked("", None)).unwrap(),
            Page::default()
        );
    }
}
